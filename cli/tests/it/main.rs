//! The command, tested as a person runs it and as a library over the embedded AWS.
//!
//! Modules that query the tables need the feature `sql`.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking, its helpers too")]

#[cfg(feature = "sql")]
mod adopted;
#[cfg(feature = "sql")]
mod asking;
#[cfg(feature = "sql")]
mod attack;
#[cfg(feature = "sql")]
mod bytes;
mod crash;
#[cfg(feature = "sql")]
mod demo;
#[cfg(feature = "sql")]
mod events;
mod import;
mod reconcile;
mod replay;
mod served;
#[cfg(feature = "sql")]
mod set_up;
mod status;
mod support;
mod verify;
