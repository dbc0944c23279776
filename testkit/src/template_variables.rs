//! The environment variables of a function, as its CloudFormation template gives them.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::fmt::Debug;

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

/// The names that `read` asks its argument for. Each gets the value `1`.
///
/// # Panics
///
/// If `read` fails.
pub fn asked<T: Debug, E: Debug>(
    read: impl FnOnce(&dyn Fn(&str) -> Option<String>) -> Result<T, E>,
) -> BTreeSet<String> {
    let asked = RefCell::new(BTreeSet::new());
    let config = read(&|name| {
        asked.borrow_mut().insert(name.to_owned());
        Some("1".to_owned())
    });
    assert!(config.is_ok(), "{config:?}");
    asked.into_inner()
}
