//! What Lambda calls.

use std::collections::{BTreeSet, HashSet};
use std::sync::{Mutex, PoisonError};

use catalog::{Catalog, CatalogError, Ensured};
use chrono::{DateTime, Utc};
use log_format::{Hour, layout};
use serde_json::Value;
use telemetry::metrics;
use tracing::info;

use crate::notification::{self, Created, NotificationError};

/// Hours that one instance remembers having seen. At one notification a minute it never needs more than a few.
const HOURS_SEEN_MAX: usize = 10_000;

/// Registers the hours of created objects.
#[derive(Debug)]
pub struct Partitioner {
    catalog: Catalog,
    bucket: String,
    seen: Mutex<HashSet<Hour>>,
}

/// What became of one invocation, in numbers.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Report {
    /// Objects told of.
    pub objects: u64,
    /// Objects of another bucket, or with a key that belongs to no hour.
    pub skipped: u64,
    /// Partitions made.
    pub created: u64,
    /// Partitions that were there.
    pub existed: u64,
}

/// Why an invocation failed. Lambda tries it again; nothing is lost by doing everything twice.
#[derive(Debug, thiserror::Error)]
pub enum PartitionError {
    /// The payload tells of no object.
    #[error("failed to read the notification")]
    Notification(#[from] NotificationError),
    /// Glue would not register an hour.
    #[error("failed to register the hour {hour}")]
    Catalog {
        /// The hour.
        hour: Hour,
        /// Why.
        #[source]
        source: CatalogError,
    },
}

impl Partitioner {
    /// A partitioner for the objects of `bucket`.
    pub fn new(catalog: Catalog, bucket: impl Into<String>) -> Partitioner {
        Partitioner { catalog, bucket: bucket.into(), seen: Mutex::default() }
    }

    /// Registers the hours of the objects that `payload` tells of.
    pub async fn handle(&self, payload: Value) -> Result<Report, PartitionError> {
        let created = notification::parse(payload)?;
        let hours: Vec<Option<Hour>> = created.iter().map(|object| self.hour_of(object)).collect();
        let skipped = hours.iter().filter(|hour| hour.is_none()).count();
        let mut report = Report { objects: hours.len() as u64, skipped: skipped as u64, ..Report::default() };
        for hour in hours.into_iter().flatten().collect::<BTreeSet<Hour>>() {
            match self.ensure(hour).await.map_err(|source| PartitionError::Catalog { hour, source })? {
                Ensured::Created => report.created += 1,
                Ensured::Existed => report.existed += 1,
            }
        }
        Ok(report)
    }

    fn hour_of(&self, object: &Created) -> Option<Hour> {
        layout::hour_of_log(&object.key).filter(|_| object.bucket == self.bucket)
    }

    async fn ensure(&self, hour: Hour) -> Result<Ensured, CatalogError> {
        if self.seen.lock().unwrap_or_else(PoisonError::into_inner).contains(&hour) {
            return Ok(Ensured::Existed);
        }
        let ensured = self.catalog.ensure_json_partition(hour).await?;
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if seen.len() == HOURS_SEEN_MAX {
            seen.clear();
        }
        seen.insert(hour);
        Ok(ensured)
    }
}

/// Tells the operator what became of an invocation: one log line and one set of metrics.
pub fn tell(report: &Report, function: &str, now: DateTime<Utc>) {
    info!(
        objects = report.objects,
        skipped = report.skipped,
        created = report.created,
        existed = report.existed,
        "objects registered"
    );
    let values = [
        (metrics::OBJECTS, report.objects),
        (metrics::OBJECTS_SKIPPED, report.skipped),
        (metrics::PARTITIONS_CREATED, report.created),
    ];
    metrics::emit(function, now, &values);
}
