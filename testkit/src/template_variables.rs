//! The environment variables of a function, as its CloudFormation template gives them.

use std::collections::BTreeSet;

/// The names under `Variables:` of a template with one function.
///
/// # Panics
///
/// If the template gives no variables.
pub fn given(template: &str) -> BTreeSet<String> {
    let variables = template.split_once("        Variables:\n").unwrap().1;
    let variables = variables.lines().take_while(|line| line.starts_with("          "));
    let variables = variables.map(str::trim).filter(|line| !line.starts_with('#'));
    variables.map(|line| line.split(':').next().unwrap().to_owned()).collect()
}
