//! What the tests of several crates share. For tests alone: no crate depends on it but by `dev-dependencies`.
//!
//! - [`rebuild`] finds every field of an event in its row, by a second reading of the log format's rules.
//! - [`template_variables`] reads the environment variables of a function from its CloudFormation template.
//!
//! Invariant: whatever judges the product here shares no code with what it judges, except the table of columns and the
//! JSON object whose values stay text.
//!
//! Terms are defined in docs/glossary.md.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking, and this is called by tests alone")]

pub mod rebuild;
pub mod template_variables;
