//! Glue in our verbs, for the partitioner and the compactor.
//!
//! Three names stand in the catalog's database: the table [`JSON`] over `logs/`, the table [`PARQUET`] over `parquet/`,
//! and the view [`VIEW`] that takes every hour from exactly one of them. [`tables`] and [`view`] say what they look
//! like, as pure functions; [`Catalog`] makes the calls.
//!
//! Glue's UpdatePartition has no condition: the last writer wins. So the partitioner only ever creates, and the
//! compactor follows every write with a look at the manifest, which is the truth.

mod calls;
pub mod tables;
pub mod view;

pub use calls::{Catalog, CatalogError, Ensured, Pointer};

/// The table over the JSON lines.
pub const JSON: &str = "auth0_logs_json";
/// The table over the Parquet files.
pub const PARQUET: &str = "auth0_logs_parquet";
/// The view that takes every hour from exactly one of the two tables.
pub const VIEW: &str = "auth0_logs";
