//! What the tests of several crates share. For tests alone: no crate depends on it but by `dev-dependencies`.
//! Terms: `docs/glossary.md`.
//!
//! - [`world`]: a bucket, a catalog and a compactor over the embedded AWS, at any time of day.
//! - [`athena`]: what Athena would answer, by an independent reader.
//! - [`auth0`]: a stand-in for Auth0's Management API, with faults; `src/bin/auth0.rs` serves it by hand.
//! - [`interleaving`]: every order in which the calls of several runs can meet, up to a bound.
//! - [`odd`]: every input of `docs/bad-input.md`.
//! - [`lambda`]: transform and partitioner as functions that the embedded AWS calls.
//! - [`rebuild`] finds every field of an event in its row, by a second reading of the log format's rules.
//! - [`template_variables`] reads the environment variables of a function from its CloudFormation template.
//!
//! Invariant: whatever judges the product here shares no code with what it judges, except the table of columns and the
//! JSON object whose values stay text.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking, and this is called by tests alone")]
#![allow(missing_docs, reason = "a helper of tests is read where it is used")]

pub mod alter;
pub mod athena;
pub mod auth0;
pub mod interleaving;
pub mod lambda;
pub mod odd;
pub mod rebuild;
pub mod template_variables;
pub mod world;
