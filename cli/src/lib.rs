//! The command `auth0-s3-logs`: the whole pipeline on one machine, and the care of a deployment on AWS.
//! Terms: `docs/glossary.md`.
//!
//! [`commands`] holds a module for each subcommand; [`execute`] dispatches to them. `demo` and `run` carry events
//! through the [`simulation`]: the real transform, partitioner and compactor over an embedded AWS, under a simulated
//! clock. The commands that need only a bucket, its catalog and its queues work on a [`deployment`], which is a folder
//! or AWS itself, and [`settings`] say which. [`auth0`] asks Auth0's own log, which `reconcile` compares with the
//! bucket. An engine answers SQL: the one in the process, or Athena. [`library`] holds the questions that are asked by
//! name. [`inventory`] is what `verify` and `status` read alike. [`output`] is everything that is printed.

pub mod args;
pub mod auth0;
pub mod commands;
pub mod deployment;
mod engine;
pub mod env;
mod gzip;
mod held;
pub mod input;
pub mod inventory;
pub mod library;
pub mod output;
mod raw_pairs;
pub mod settings;
pub mod simulation;
#[cfg(feature = "sql")]
pub mod sql;
mod statements;
pub mod target;

pub use commands::execute;
pub use output::verdict::Verdict;
