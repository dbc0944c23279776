//! The catalog against the embedded Glue, its template and the docs.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking, its helpers too")]

mod calls;
mod template;
