//! The compactor Lambda: which hours, the protocol of an hour, the catalog. What an hour becomes is made by `projection`.
//! Terms: `docs/glossary.md`.
//!
//! The JSON objects are the record. Parquet is a projection of them: any hour can be thrown away and rebuilt, and gives the
//! same rows. An hour's manifest is the truth about it, and Glue is a cache of the manifest.
//!
//! ```text
//! main, handler    one invocation                    hour/    look → plan → claim → rewrite → commit
//! config, clock    limits, time                               → publish → collect; repair
//! request          what was asked                    tick/    sweep, schedule and discovery of hours, ranges
//! bucket, listing  S3 in our verbs                   watermark   how far the view reads Parquet
//! manifest_store   the one writer of manifests
//! ```
//!
//! A tick ([`tick`]) repairs the catalog, visits every hour that it discovered, each in a task of its own ([`hour`]), and
//! moves the watermark ([`watermark`]).
//!
//! Invariants, defined in `docs/architecture.md`:
//! C1: a row is seen from exactly one live folder of its hour.
//! C2: compaction changes no value: rows = lines − duplicates − rejected.
//! C3: an hour is compacted only after it has closed.
//! C4: an object under `logs/` is never written or deleted here.
//! C5: no file of ours exists that no manifest knows.
//! C6: the manifest changes only by conditional write, and no two versions have the same bytes.
//! C7: the same inputs give the same bytes.
//! C8: nothing shrinks Parquet by itself.
//! C9: whatever an hour holds, its rows are there, and what is no row is kept to the byte and counted.

pub mod bucket;
pub mod clock;
pub mod config;
pub mod day;
pub mod handler;
pub mod hour;
pub mod listing;
mod manifest_store;
pub mod request;
pub mod tick;
pub mod watermark;

pub use manifest_store::StoreError;
