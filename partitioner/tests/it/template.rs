//! The template gives the function exactly the variables that it reads.

use partitioner::config::Config;
use testkit::template_variables::{asked, given};

const TEMPLATE: &str = include_str!("../../../templates/partitioner.yaml");

#[test]
fn names_are_the_same_in_code_and_template() {
    assert_eq!(asked(|var| Config::from_vars(var)), given(TEMPLATE));
}

#[test]
fn what_the_template_gives_is_enough() {
    let given = given(TEMPLATE);
    let config = Config::from_vars(|name| given.contains(name).then(|| "1".to_owned()));
    assert!(config.is_ok(), "{config:?}");
}
