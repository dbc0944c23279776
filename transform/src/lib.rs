//! Firehose batch to log lines: the transform Lambda. Terms: `docs/glossary.md`.
//!
//! A record is an EventBridge envelope. Its line is what [`log_format::write_line`] makes of `detail.data`.
//!
//! - [`event`] reads the payload that Firehose sends.
//! - [`record`] turns one record into its line, or says why it has none.
//! - [`batch`] answers all records within the limit of one response.
//! - [`handler`] connects these for one invocation, and reports it to the operator.
//!
//! Invariants, listed with all others in `docs/architecture.md`: T1: a batch never fails for one record; every recordId
//! is answered once, in order. T2: a response never exceeds what Firehose accepts ([`batch::RESPONSE_BYTES_MAX`]). T3:
//! no record is answered `Dropped`, which Firehose counts as success. A record without a line is kept under `error/`.
//! T4: no value of an event appears in a log line.

pub mod batch;
pub mod event;
pub mod handler;
pub mod record;
