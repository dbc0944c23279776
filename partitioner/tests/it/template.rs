//! The template gives the function exactly the variables that it reads.

use std::cell::RefCell;
use std::collections::BTreeSet;

use partitioner::config::Config;
use testkit::template_variables::given;

const TEMPLATE: &str = include_str!("../../../templates/partitioner.yaml");

#[test]
fn names_are_the_same_in_code_and_template() {
    let asked = RefCell::new(BTreeSet::new());
    let config = Config::from_vars(|name| {
        asked.borrow_mut().insert(name.to_owned());
        Some("1".to_owned())
    });
    assert!(config.is_ok(), "{config:?}");
    assert_eq!(asked.into_inner(), given(TEMPLATE));
}

#[test]
fn what_the_template_gives_is_enough() {
    let given = given(TEMPLATE);
    let config = Config::from_vars(|name| given.contains(name).then(|| "1".to_owned()));
    assert!(config.is_ok(), "{config:?}");
}
