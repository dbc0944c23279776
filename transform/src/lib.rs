//! Firehose batch to log lines: the transform Lambda.
//!
//! A record is an EventBridge envelope; its line is what [`log_format::write_line`] makes of `detail.data`.
//!
//! Invariants, listed with all others in `docs/architecture.md`:
//! T1: a batch never fails for one record; every recordId is answered once, in order.
//! T2: a response never exceeds what Firehose takes back ([`batch::RESPONSE_BYTES_MAX`]).
//! T3: no record is answered `Dropped`, which Firehose counts as success: what is no line is kept under `error/`.
//! T4: no value of an event appears in a log line.

pub mod batch;
pub mod event;
pub mod handler;
pub mod record;
