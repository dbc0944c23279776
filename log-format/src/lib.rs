//! The log format: what a line holds, which hour it belongs to, and where everything lies in the bucket.
//!
//! This crate is the contract between the three Lambdas. It does no I/O, knows no AWS and reads no clock.
//!
//! - [`COLUMNS`] is the one list of columns. Line keys, Arrow schema, Glue columns and the README's table are read off it.
//! - [`write_line`] turns an event into a line, [`read_line`] turns a line into a [`Row`];
//!   [`read_written`] does so quickly with the lines that we write.
//! - [`Hour`] is the unit of partitioning and compaction, [`layout`] says where an hour's things lie.
//!
//! The invariants named here (F1, F2) are listed with all others in `docs/architecture.md`.

mod column;
mod compact;
mod hour;
pub mod layout;
mod object;
mod read;
mod scan;
mod write;
mod written;

pub use column::{COLUMNS, Column, Kind, columns_markdown};
pub use hour::{Hour, ParseHourError};
pub use object::{Object, event_of};
pub use read::{LineError, Row, read_line};
pub use write::{EmptyEvent, write_line};
pub use written::{Lengths, NULL, ROOM_BYTES, read_written};

/// The longest line that is written or read, in bytes, its newline not counted.
///
/// An event has at most 1 MB at EventBridge. Embedding `details` and `extra` as text escapes quotes and backslashes,
/// which at worst doubles it.
pub const LINE_BYTES_MAX: usize = 4 * 1024 * 1024;
