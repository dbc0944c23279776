//! The template gives the function the variables that it reads, under their names.

use compactor::config::Config;
use testkit::template_variables::{asked, given};

const TEMPLATE: &str = include_str!("../../../templates/compactor.yaml");

/// Read, but Lambda itself tells a function of its memory, and that is right but for commands elsewhere. And where functions
/// run, each waits before it publishes.
const WITHOUT_PARAMETER: [&str; 3] = ["AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "MEMORY_BYTES_MAX", "PUBLISH_WAIT_SECONDS"];

/// Given, but read by the allocator, and by the command.
const WITHOUT_READER: [&str; 3] = ["MALLOC_ARENA_MAX", "ATHENA_WORKGROUP", "EVENT_BUS_NAME"];

#[test]
fn names_are_the_same_in_code_and_template() {
    let mut asked = asked(|var| Config::from_vars(var));
    asked.extend(WITHOUT_READER.map(str::to_owned));
    let mut expected = given(TEMPLATE);
    expected.extend(WITHOUT_PARAMETER.map(str::to_owned));
    assert_eq!(asked, expected);
}

#[test]
fn what_the_template_gives_is_enough() {
    let given = given(TEMPLATE);
    let config = Config::from_vars(|name| given.contains(name).then(|| "1".to_owned()));
    assert!(config.is_ok(), "{config:?}");
}
