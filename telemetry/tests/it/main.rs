//! The metrics in code against those in the template and the operations manual.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking, its helpers too")]

mod template;
