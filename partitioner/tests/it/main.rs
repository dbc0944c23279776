//! The partitioner against the embedded Glue, any payload and its template.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking, its helpers too")]

mod any_payload;
mod partitions;
mod template;
