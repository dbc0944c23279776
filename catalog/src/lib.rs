//! Glue in our verbs, for the partitioner and the compactor. Terms: `docs/glossary.md`.
//!
//! The database has four things of ours: the table [`JSON`] over `logs/`, the tables [`PARQUET`] over `parquet/` and [`DAILY`] over
//! `daily/`, and the view [`VIEW`], which takes every hour from exactly one of the three tables.
//!
//! - [`tables`] and [`view`] define them, as pure functions.
//! - `client` holds [`Catalog`], which makes the calls.
//! - `partition` says what we write into a partition, and reads it.
//! - `definition` says how what Glue holds differs from our definition of it.
//!
//! Invariants. V1, listed with all others in `docs/architecture.md`: a count through the view does not change when the
//! watermark moves. A table of somebody else is never changed. A partition of the JSON table is changed only where
//! it is not as we define it.
//!
//! Glue's UpdatePartition has no condition, so the last writer wins. The compactor therefore reads the manifest, which
//! is the truth, after every write of a Parquet partition.

mod client;
mod definition;
mod partition;
pub mod tables;
pub mod view;

pub use client::{Catalog, CatalogError, Ensured, Partitions, TablesState};
pub use definition::{Columns, table_differences};
pub use partition::{ParquetKey, Pointer};
pub use tables::{DAILY, JSON, PARQUET};
pub use view::{VIEW, Watermarks};
