//! What has to hold of every parser, whatever bytes it is given: one function for each target.
//!
//! The modules are taken by their path: their crates bring the AWS SDK along, which nobody wants to build anew here.

#![allow(clippy::missing_panics_doc, reason = "panicking is how a target tells what it has found")]

#[path = "../../transform/src/batch.rs"]
pub mod batch;
#[path = "../../compactor/src/lines.rs"]
pub mod lines;
#[path = "../../compactor/src/manifest.rs"]
pub mod manifest;
#[path = "../../compactor/src/members.rs"]
pub mod members;
#[path = "../../partitioner/src/notification.rs"]
pub mod notification;
#[path = "../../transform/src/record.rs"]
pub mod record;
#[path = "../../compactor/src/whole.rs"]
pub mod whole;

mod arrow;
mod columns;
mod inflate;
mod outside;

pub use columns::{batch, line, record};
pub use inflate::gzip;
pub use outside::{key, manifest, notification};
