//! The log format from outside: what it promises of every event.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking, its helpers too")]

mod rebuild;
