//! The integration tests of the crate, one module a topic.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking, its helpers too")]

mod append;
mod conservation;
