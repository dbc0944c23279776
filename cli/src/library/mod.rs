//! The library of questions in `queries/`: investigations, detections and reports in Athena's SQL.
//!
//! Whoever asks, by this command, in Athena's console or by a schedule, asks these. `question` reads a file,
//! `values` are what its parameters may be, `settings` what a tenant says of them, `render` writes what is made of
//! the library for others: the saved queries of the templates and the page of the documentation.

mod question;
mod render;
mod settings;
mod values;

use std::sync::LazyLock;

use anyhow::{Result, bail};

pub use question::{Level, Parameter, Question};
pub use render::{page, saved_queries};
pub(crate) use settings::Parameters;
pub(crate) use values::Value;

/// The name and the text of each file.
const FILES: &[(&str, &str)] = &include!(concat!(env!("OUT_DIR"), "/library.rs"));

/// The questions in the order of their names, which begin with the group.
#[expect(clippy::expect_used, reason = "a test reads every file")]
static QUESTIONS: LazyLock<Vec<Question>> = LazyLock::new(|| {
    let questions = FILES.iter().map(|(path, text)| Question::parse(path, text));
    questions.collect::<Result<_>>().expect("the library can be read")
});

/// The groups as they are listed.
pub(crate) const GROUPS: [&str; 3] = ["investigate", "report", "detect"];

/// All questions: groups and topics in the order of the alphabet, and the questions in them.
pub fn questions() -> &'static [Question] {
    &QUESTIONS
}

/// The questions that find attacks and dangerous changes.
pub(crate) fn detections() -> impl Iterator<Item = &'static Question> {
    questions().iter().filter(|question| question.level.is_some())
}

/// The question of that name.
///
/// # Errors
///
/// If there is none. The error names those that are like it.
pub(crate) fn find(name: &str) -> Result<&'static Question> {
    let wanted = name.rsplit('/').next().unwrap_or(name);
    if let Some(question) = questions().iter().find(|question| question.name == wanted) {
        return Ok(question);
    }
    let alike: Vec<&str> =
        questions().iter().map(|question| question.name).filter(|name| alike(name, wanted)).collect();
    match alike.is_empty() {
        true => bail!("there is no question {name:?}; `auth0-s3-logs ask` lists them"),
        false => bail!("there is no question {name:?}; did you mean {}?", alike.join(" or ")),
    }
}

/// True if the names have a word of some length in common.
fn alike(name: &str, wanted: &str) -> bool {
    !wanted.is_empty() && name.contains(wanted) || wanted.split('-').any(|word| word.len() > 3 && name.contains(word))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_file_is_a_question_of_its_own_name() {
        assert_eq!(questions().len(), FILES.len());
        let names: BTreeSet<&str> = questions().iter().map(|question| question.name).collect();
        assert_eq!(names.len(), questions().len(), "two questions have one name");
        for question in questions() {
            assert!(GROUPS.contains(&question.group), "{}", question.path());
            assert_eq!(question.level.is_some(), question.group == "detect", "{}", question.path());
        }
    }

    #[test]
    fn a_name_that_is_none_finds_others() {
        assert_eq!(find("investigate/user/timeline").unwrap().name, "timeline");
        let error = find("spray").unwrap_err().to_string();
        assert!(error.contains("did you mean password-spray?"), "{error}");
        assert!(find("xyz").unwrap_err().to_string().contains("`auth0-s3-logs ask` lists them"));
    }
}
