//! The command, tested as a person runs it and as a library over the embedded AWS.
//!
//! Modules that query the tables need the feature `sql`.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking, its helpers too")]

#[cfg(feature = "sql")]
mod adopted;
#[cfg(feature = "sql")]
mod attack;
mod aws;
#[cfg(feature = "sql")]
mod bytes;
mod crash;
#[cfg(feature = "sql")]
mod demo;
#[cfg(feature = "sql")]
mod events;
#[cfg(feature = "sql")]
mod queries;
mod replay;
mod serve;
mod server;
#[cfg(feature = "sql")]
mod set_up;
#[cfg(feature = "sql")]
mod sql;
#[cfg(feature = "sql")]
mod stages;
mod status;
mod support;
mod verify;
