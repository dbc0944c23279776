//! What has to hold of every parser, whatever bytes it is given: one function for each target.
//! Terms: `docs/glossary.md`.
//!
//! - `columns`: envelope → line → row.
//! - `inflate`: object → lines.
//! - `outside`: keys and manifests.
//! - `terminal`: text → what a terminal shows.
//! - `arrow`: line → row once more, against arrow-json.
//!
//! Invariant: nothing here depends on the AWS SDK, which would have to be built once more.

#![allow(clippy::missing_panics_doc, reason = "panicking is how a target tells what it has found")]

mod arrow;
mod columns;
mod inflate;
mod outside;
mod terminal;

pub use columns::{batch, line, record};
pub use inflate::gzip;
pub use outside::{key, manifest, notification};
pub use terminal::plain;
