//! Lines to Parquet, and the manifest of an hour. Pure: no AWS, no async, no clock. The compactor brings the bytes and
//! takes them away.
//! Terms: `docs/glossary.md`.
//!
//! Three layers; `read` and `write` build on `sort`, and nothing points back:
//!
//! ```text
//! read    gzip, gzip_whole  object → text, up to the byte where it breaks
//!         lines             text → lines, one in memory at a time
//!         decode            lines → rows; what is no row is kept
//!         rejected          the file that keeps it
//! sort    row               a row as bytes, and the order of rows
//!         sorter            rows → sorted runs, in a temporary file if memory is short
//!         merge             sorted runs → distinct rows, in order
//!         collisions        how many rows share a log_id
//! write   row_group         rows → the columns of a row group
//!         pages             the pages of the two wide columns
//!         file              row groups → a Parquet file
//!         append            the file of a large hour → a file of a day, without decoding
//! ```
//!
//! [`manifest`] holds the state machine of an hour: its transitions are pure functions. [`sealed`] is how a manifest, and
//! whatever else we keep as JSON, is stored.
//!
//! Invariants, defined in `docs/architecture.md`: C2 (rows = lines − duplicates − rejected; no value changes), C5 and C6
//! (the transitions of a manifest), C7 (the same inputs give the same bytes), C9 (what is no row is kept to the byte).

pub mod manifest;
pub mod read;
pub mod sealed;
pub mod sort;
#[cfg(feature = "write")]
pub mod write;

/// The version of what this writer writes. It is raised whenever the same rows would be written differently.
pub const WRITER_VERSION: u32 = 4;
