//! A closed hour of JSON to Parquet, committed: the compactor Lambda.
//!
//! The JSON objects are the record, Parquet is a projection of them: any hour can be thrown away and rebuilt, and gives
//! the same rows. An hour's manifest is the truth about it, Glue is a cache of the manifest. The steps of one hour
//! stand in [`hour`], in their order:
//!
//! ```text
//! look ── list the inputs, read the manifest        plan    a pure decision, which prints
//! claim ─ conditional write of the manifest         lines   object → lines, in bounded memory
//! rewrite, read back                                decode  lines → records, and what is rejected
//!                                                   sort    records → sorted runs, in files where memory is short
//!                                                   merge   runs → the distinct rows, a row group at a time
//!                                                   columns, pages  rows → a row group's columns
//!                                                   encode  row groups → Parquet
//! commit ─ conditional write of the manifest        manifest  claimed → live → retired
//! publish ─ the partition names the live folder     cut     how far the view reads Parquet
//! collect ─ delete what was retired long ago        survey  what is known before any hour is looked at
//! ```
//!
//! A tick ([`tick`]) puts right what Glue says, does that for every hour it looks at ([`hours`]), each in a task of its
//! own, and moves the cut. What no listing shows is mended when somebody asks for it ([`repair`]).
//!
//! Invariants, listed with all others in `docs/architecture.md`:
//! C1: a row is seen from exactly one live folder of its hour.
//! C2: compaction changes no value: rows = lines − duplicates − rejected.
//! C3: an hour is compacted only after it has closed.
//! C4: an object under `logs/` is never written or deleted here.
//! C5: no file of ours exists that no manifest knows.
//! C6: the manifest changes only by conditional write, and no two versions have the same bytes.
//! C7: the same inputs give the same bytes.
//! C8: nothing shrinks Parquet by itself.
//! C9: whatever lies in an hour, its rows are there, and what is no row is kept to the byte and counted.

pub mod bucket;
pub mod clock;
mod collect;
pub mod collisions;
pub mod columns;
mod commit;
pub mod config;
pub mod cut;
pub mod decode;
pub mod encode;
pub mod handler;
pub mod hour;
pub mod hours;
pub mod lines;
pub mod manifest;
pub mod members;
pub mod merge;
pub mod pages;
pub mod plan;
mod publish;
mod range;
pub mod record;
pub mod rejected;
pub mod repair;
mod rewrite;
pub mod sort;
mod survey;
pub mod tick;
pub mod whole;
pub mod work;

/// The version of what this writer writes, raised whenever it would write the same rows differently.
pub const WRITER_VERSION: u32 = 3;
