//! The integration tests of the crate, one module a topic.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking, its helpers too")]

mod crash;
mod days;
mod faults;
mod handler;
mod hour;
mod input;
mod memory;
mod race;
mod range;
mod seeds;
mod template;
mod tick;
mod watermark;
mod zombie;
