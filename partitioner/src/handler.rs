//! One invocation: registers the hours of created objects, and reports to the operator.

use std::collections::{BTreeSet, HashSet};
use std::sync::{Mutex, PoisonError};

use catalog::{Catalog, CatalogError, Ensured};
use chrono::{DateTime, Utc};
use log_format::{Hour, layout};
use serde_json::Value;
use telemetry::metrics;
use tracing::info;

use crate::notification::{self, Created, NotificationError};

/// How many registered hours one instance remembers. Notifications are about the current hour, so it needs only a few.
const HOURS_REGISTERED_MAX: usize = 10_000;

/// Registers the hours of created objects as partitions of the JSON table.
#[derive(Debug)]
pub struct Partitioner {
    catalog: Catalog,
    registered: Mutex<HashSet<Hour>>,
}

/// The counts of one invocation.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Report {
    /// Objects in the notification.
    pub objects: u64,
    /// Objects of another bucket, or with a key that belongs to no hour.
    pub skipped: u64,
    /// Partitions that were created.
    pub created: u64,
    /// Partitions that existed before.
    pub existed: u64,
}

/// Why an invocation failed. Lambda then tries again, and it does no harm to do everything twice.
#[derive(Debug, thiserror::Error)]
pub enum PartitionError {
    /// The payload could not be read.
    #[error("failed to read the notification")]
    Notification(#[from] NotificationError),
    /// An hour could not be registered.
    #[error("failed to register the hour {hour}")]
    Catalog {
        /// The hour that is not registered. Later hours of the notification have not been tried.
        hour: Hour,
        /// The failure of the catalog.
        #[source]
        source: CatalogError,
    },
}

impl PartitionError {
    /// The constant name of the kind of failure, for Lambda's `errorType`. What an operator can do depends on it.
    pub fn kind(&self) -> &'static str {
        match self {
            PartitionError::Notification(error) => error.kind(),
            PartitionError::Catalog { source, .. } => source.kind(),
        }
    }
}

impl Partitioner {
    /// A partitioner for the objects of the catalog's bucket.
    pub fn new(catalog: Catalog) -> Partitioner {
        Partitioner { catalog, registered: Mutex::default() }
    }

    /// Registers the hours of the objects that `payload` names.
    ///
    /// # Errors
    ///
    /// If the payload is not a notification, or an hour could not be registered.
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
        layout::hour_of_log(&object.key).filter(|_| object.bucket == self.catalog.bucket())
    }

    async fn ensure(&self, hour: Hour) -> Result<Ensured, CatalogError> {
        if self.registered.lock().unwrap_or_else(PoisonError::into_inner).contains(&hour) {
            return Ok(Ensured::Existed);
        }
        let ensured = self.catalog.ensure_json_partition(hour).await?;
        let mut registered = self.registered.lock().unwrap_or_else(PoisonError::into_inner);
        if registered.len() == HOURS_REGISTERED_MAX {
            registered.clear();
        }
        registered.insert(hour);
        Ok(ensured)
    }
}

/// Emits the counts of an invocation as one log line and one set of metrics.
pub fn emit(report: &Report, function: &str, now: DateTime<Utc>) {
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
