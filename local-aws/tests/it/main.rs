//! Tests of the embedded AWS, as the SDKs and other HTTP clients see it.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking, its helpers too")]

mod firehose;
mod glue;
mod port;
mod race;
mod s3;
mod seam;
mod sqs;
mod support;
