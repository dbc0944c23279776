//! The checks of hours and of days. What the two have in common is in [`folder`]: folders, files, the partition.

mod day;
mod folder;
mod hour;

use chrono::{DateTime, Utc};
use compactor::bucket::Bucket;
use compactor::config::Limits;
use log_format::Hour;

pub use day::CheckedDay;
pub(super) use day::DayKnown;
pub(super) use folder::sha256;
pub use hour::{Checked, ParquetCounts};

/// Why an hour or a day that was never the same twice is inconclusive.
pub(super) const CHANGING: &str = "it kept changing while it was looked at";

/// What the hours and days of one look have in common.
#[derive(Debug, Clone)]
pub(super) struct Checker {
    pub(super) bucket: Bucket,
    pub(super) now: DateTime<Utc>,
    /// The compactor's limits, which say when an hour is closed.
    pub(super) limits: Limits,
    pub(super) watermark: Option<Hour>,
    /// True if the rows are compared too: of hours with their lines, of days with those of their hours.
    pub(super) deep: bool,
    /// True if hours are registered some time after their first object, as on AWS.
    pub(super) registers_later: bool,
}
