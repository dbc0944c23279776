//! What is made of the library for others: saved queries for the templates, a page for the documentation.

use std::fmt::Write;

use anyhow::Result;

use super::question::{Parameter, Question};
use crate::output::report::wrapped;

/// The longest line of the page.
const WIDTH: usize = 120;

/// The resources of the saved queries, as YAML within `Resources`.
///
/// # Errors
///
/// If a statement cannot be read.
pub fn saved_queries(questions: &[Question]) -> Result<String> {
    let mut yaml = String::new();
    for question in questions {
        let resource = resource_name(question);
        let title = question.title.replace('"', "\\\"");
        let _ = write!(
            yaml,
            "\n  {resource}:\n    Type: AWS::Athena::NamedQuery\n    Properties:\n      Name: \"{}\"\n      \
             Description: \"{title}\"\n      WorkGroup: !Ref Workgroup\n      Database: !Ref GlueDatabaseName\n      \
             QueryString: |\n",
            question.saved_name()
        );
        for line in question.saved()?.lines() {
            let _ = writeln!(yaml, "{}", format!("        {line}").trim_end());
        }
    }
    Ok(yaml)
}

/// `investigate/user/mfa-changes` is `InvestigateMfaChanges`.
fn resource_name(question: &Question) -> String {
    let words = [question.group].into_iter().chain(question.name.split('-'));
    words.map(|word| word[..1].to_uppercase() + &word[1..]).collect()
}

/// The page that tells what each question answers.
pub fn page(questions: &[Question]) -> String {
    let mut page = String::new();
    let mut heading = (String::new(), String::new());
    for question in questions {
        if heading.0 != question.group {
            let _ = write!(page, "\n## {}\n", capitalised(question.group));
        }
        if !question.topic.is_empty() && heading != (question.group.to_owned(), question.topic.to_owned()) {
            let _ = write!(page, "\n### {}: {}\n", capitalised(question.group), question.topic);
        }
        heading = (question.group.to_owned(), question.topic.to_owned());
        let said = format!("**`{}`**: {}. {}", question.name, question.title, question.answers);
        let _ = write!(page, "\n{}\n\n", wrapped(&said, "", WIDTH));
        let mut facts = Vec::new();
        if !question.cannot_see.is_empty() {
            facts.push(format!("It cannot see: {}", question.cannot_see));
        }
        if let Some(level) = question.level {
            facts.push(format!("Level {}; it looks at {}", level.name(), question.types.join(", ")));
        }
        facts.extend(question.parameters.iter().map(parameter));
        facts.extend(question.references.iter().map(|reference| reference_of(reference)));
        for fact in facts {
            let _ = writeln!(page, "-{}", &wrapped(&fact, "  ", WIDTH)[1..]);
        }
    }
    page.trim_start().to_owned()
}

fn parameter(parameter: &Parameter) -> String {
    format!("`{}` ({}): {}", parameter.name, parameter.said_default(), parameter.meaning)
}

fn reference_of(reference: &str) -> String {
    match reference.starts_with("https://") {
        true => format!("See <{reference}>"),
        false => format!("It follows Auth0's detection `{reference}`"),
    }
}

fn capitalised(word: &str) -> String {
    word[..1].to_uppercase() + &word[1..]
}
