//! The log format: what a line holds, which hour it belongs to, and where everything lies in the bucket.
//! Terms: `docs/glossary.md`.
//!
//! This crate is the contract between the three Lambdas. It does no I/O, knows no AWS and reads no clock.
//!
//! - [`COLUMNS`] is the only list of columns. Keys of lines, Arrow schema, Glue columns and the README's table follow it.
//! - `event`: [`event_of`] finds the Auth0 event in its envelope, [`write_line`] turns it into a line.
//! - `line`: [`read_line`] turns any line into a [`Row`].
//! - `canonical`: [`read_canonical`] does the same, faster, for a line exactly as [`write_line`] writes it.
//! - `json`: [`Object`], a JSON object whose keys and values stay text.
//! - [`log_id`]: the moment that a log_id holds.
//! - [`Hour`] is the unit of partitioning and compaction, [`Day`] of rolling up. [`layout`] says where their things lie.
//!
//! Invariants, listed with all others in `docs/architecture.md`:
//! F1: no field of an event is lost; it can be rebuilt from its row.
//! F2: a row holds what the JSON table's reader shows of its line.

mod canonical;
mod column;
mod day;
mod event;
mod hour;
mod json;
pub mod layout;
mod line;
pub mod log_id;

pub use canonical::{Lengths, NULL, PADDING_BYTES, read_canonical};
pub use column::{COLUMNS, Column, Kind, columns_markdown};
pub use day::{Day, ParseDayError};
pub use event::{EmptyEvent, event_of, write_line};
pub use hour::{Hour, ParseHourError};
pub use json::object::{Field, Object};
pub use line::{LINE_BYTES_MAX, LineError, Row, read_first, read_line};
