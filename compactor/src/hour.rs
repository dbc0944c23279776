//! The steps of one hour, in their order: look, plan, claim, rewrite, commit, publish, collect. Each has a file of its own.
//!
//! Every step may run twice, and a crash between any two leaves each row readable once: the folder is claimed before a
//! file is written, read back before it is committed, published only after it is live, and its files deleted long after
//! it was retired.

use catalog::{Catalog, CatalogError};
use log_format::{Hour, layout};

use crate::bucket::{Bucket, BucketError};
use crate::clock::{Clock, RunOver};
use crate::commit::Stored;
use crate::config::Limits;
use crate::decode::DecodeError;
use crate::encode::EncodeError;
use crate::hours::Request;
use crate::manifest::{Counts, Input, Manifest};
use crate::plan::{Plan, Refusal, Rest, Rewrite, Seen, Turn, plan};

/// Compacts hours.
#[derive(Debug, Clone)]
pub struct Compactor {
    pub(crate) bucket: Bucket,
    pub(crate) catalog: Catalog,
    pub(crate) limits: Limits,
}

/// One run: its clock, the name of its folders, and what it was asked.
#[derive(Debug, Clone)]
pub struct Run {
    /// Its clock.
    pub clock: Clock,
    /// A random text drawn for this run and no other.
    pub nonce: String,
    /// What it was asked.
    pub request: Request,
}

/// One look at an hour.
#[derive(Debug, Clone, Copy)]
pub struct Visit {
    /// The hour.
    pub hour: Hour,
    /// Does the JSON table have a partition for it?
    pub registered: bool,
    /// Whether hours that runs have died over are tried.
    pub turn: Turn,
}

/// What became of an hour.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// Parquet was written and committed.
    Compacted {
        /// What became of the lines.
        counts: Counts,
        /// Bytes of Parquet.
        bytes: u64,
    },
    /// There was nothing to do.
    Nothing(Rest),
    /// Its partition was put right, and nothing else looked at.
    Righted,
    /// Something is due that this run did not do.
    Left(Refusal),
    /// An error or a panic; the message names every cause.
    Failed(String),
}

/// Why an hour failed. The next tick tries again.
#[derive(Debug, thiserror::Error)]
pub enum HourError {
    /// S3.
    #[error(transparent)]
    Bucket(#[from] BucketError),
    /// Glue.
    #[error(transparent)]
    Catalog(#[from] CatalogError),
    /// The run has lasted too long.
    #[error(transparent)]
    RunOver(#[from] RunOver),
    /// The manifest is not one.
    #[error("{key} is not this hour's manifest; `verify --repair` keeps it aside and rebuilds the hour from its JSON")]
    Manifest {
        /// Its key.
        key: String,
        /// What is wrong with it.
        #[source]
        source: serde_json::Error,
    },
    /// The inputs could not be decoded.
    #[error(transparent)]
    Decode(#[from] DecodeError),
    /// The rows could not be gathered or encoded.
    #[error(transparent)]
    Encode(#[from] EncodeError),
    /// C2 does not hold: a bug.
    #[error("parquet holds {found} rows, expected {expected}")]
    RowCount {
        /// Rows by the footers.
        found: u64,
        /// Lines less duplicates and rejected.
        expected: u64,
    },
    /// Others kept moving `live` while the partition was to follow it.
    #[error("the partition of {hour} could not be made to name its live folder; the next tick does")]
    Unpublished {
        /// The hour.
        hour: Hour,
    },
    /// The folder holds something else than was written to it.
    #[error("folder {folder} does not hold exactly what was written to it")]
    Folder {
        /// The folder.
        folder: String,
    },
}

/// How often an hour is begun anew when others change it under our hands.
const BEGINNINGS_MAX: u32 = 3;
/// How one beginning of an hour ended.
enum Ended {
    /// Committed.
    Committed(Box<Stored>, Outcome),
    /// Stopped for a reason that beginning anew does not help.
    With(Outcome),
    /// Others changed something; to be begun anew.
    Again(Refusal),
    /// The claim's fate is not known, or it was refused for good; to be begun anew, and told if that does not help.
    Unclaimed(HourError),
}

impl Compactor {
    /// A compactor of what is in `bucket` and `catalog`.
    pub fn new(bucket: Bucket, catalog: Catalog, limits: Limits) -> Compactor {
        Compactor { bucket, catalog, limits }
    }

    /// The manifest of an hour; none where it has none.
    pub async fn manifest(&self, hour: Hour, run: &Run) -> Result<Option<Manifest>, HourError> {
        let stored = self.read_manifest(hour, run).await?;
        Ok(stored.etag.is_some().then_some(stored.manifest))
    }

    /// Does with one hour what is due.
    pub async fn visit(&self, visit: Visit, run: &Run) -> Result<Outcome, HourError> {
        let Visit { hour, registered, turn } = visit;
        let mut last = Ok(Outcome::Left(Refusal::Contended));
        let mut unregistered = !registered;
        for beginning in 0..BEGINNINGS_MAX {
            let (seen, stored) = self.look(hour, run).await?;
            if unregistered && !seen.listed.is_empty() {
                // Its notification was lost, or the bucket was adopted with objects in it.
                run.clock.may_write()?;
                self.catalog.ensure_json_partition(hour).await?;
                unregistered = false;
            }
            let inputs = match plan(&seen, run.clock.now(), &self.limits, run.request.rewrite(), turn) {
                Plan::Compact { inputs, .. } => inputs,
                Plan::Nothing { reason, .. } => {
                    return self.settle(stored, run).await.map(|()| Outcome::Nothing(reason));
                }
                Plan::Leave { reason, .. } => return self.settle(stored, run).await.map(|()| Outcome::Left(reason)),
            };
            // A run may come to an hour twice, and no folder's name is used again.
            let number = if turn == Turn::First { beginning } else { BEGINNINGS_MAX + beginning };
            let attempt = format!("{}-{number}", run.nonce);
            last = match self.compact(hour, &attempt, inputs, stored, run).await {
                Ok(Ended::Committed(stored, outcome)) => return self.settle(*stored, run).await.map(|()| outcome),
                Ok(Ended::With(outcome)) => return self.settle_anew(hour, run).await.map(|()| outcome),
                Ok(Ended::Again(reason)) => Ok(Outcome::Left(reason)),
                Ok(Ended::Unclaimed(error)) => Err(error),
                Err(error) => {
                    // What is no longer wanted is collected all the same; the error is what is told.
                    let _ = self.settle_anew(hour, run).await;
                    return Err(error);
                }
            };
        }
        last
    }

    /// Steps 5 and 6, also of an hour with nothing to write: whatever lost its partition, it is put right here, and
    /// what is no longer wanted is collected.
    async fn settle(&self, stored: Stored, run: &Run) -> Result<(), HourError> {
        let (stored, pointer) = self.publish(stored, run).await?;
        if let Some(changed) = self.collect(stored, pointer.as_ref(), run).await? {
            self.publish(changed, run).await?;
        }
        Ok(())
    }

    /// The same where the manifest has changed since it was read.
    async fn settle_anew(&self, hour: Hour, run: &Run) -> Result<(), HourError> {
        let stored = self.read_manifest(hour, run).await?;
        self.settle(stored, run).await
    }

    /// Step 1. The listing comes first. Where it lacks an input that the manifest has, it is made again: the object may
    /// have come, and another run have committed it, between the two, and must not be taken for one that is gone.
    async fn look(&self, hour: Hour, run: &Run) -> Result<(Seen, Stored), HourError> {
        let mut listed = self.list_inputs(hour).await?;
        let stored = self.read_manifest(hour, run).await?;
        if stored.manifest.live.as_ref().is_some_and(|live| live.gone(&listed) > 0) {
            listed = self.list_inputs(hour).await?;
        }
        let files = match &stored.manifest.live {
            Some(live) => self.bucket.list(&live.folder(hour)).await?,
            None => Vec::new(),
        };
        let files = files.into_iter().map(|file| file.key).collect();
        Ok((Seen { hour, listed, manifest: stored.manifest.clone(), files }, stored))
    }

    async fn list_inputs(&self, hour: Hour) -> Result<Vec<Input>, BucketError> {
        let objects = self.bucket.list(&layout::json_prefix(hour)).await?;
        Ok(objects.into_iter().filter(|object| layout::hour_of_input(&object.key) == Some(hour)).collect())
    }

    /// Steps 2 to 4. An attempt that stops knowingly withdraws its claim.
    async fn compact(
        &self,
        hour: Hour,
        attempt: &str,
        inputs: Vec<Input>,
        stored: Stored,
        run: &Run,
    ) -> Result<Ended, HourError> {
        let from = stored.manifest.live_attempt().map(str::to_string);
        let claimed = match self.claim(stored, attempt, run).await {
            Ok(Some(claimed)) => claimed,
            Ok(None) => return Ok(Ended::Again(Refusal::Contended)),
            Err(error) => return Ok(Ended::Unclaimed(error)),
        };
        let ended = self.fulfil(claimed, attempt, inputs, from.as_deref(), run).await;
        if !matches!(ended, Ok(Ended::Committed(..))) {
            self.withdraw(hour, attempt, run).await;
        }
        ended
    }

    /// Steps 3 and 4. `from` is the live folder that the attempt started from.
    async fn fulfil(
        &self,
        claimed: Stored,
        attempt: &str,
        inputs: Vec<Input>,
        from: Option<&str>,
        run: &Run,
    ) -> Result<Ended, HourError> {
        let bytes = inputs.iter().map(|input| input.size).sum();
        let live = match self.rewrite(claimed.manifest.hour, attempt, inputs, run).await {
            Ok(Some(live)) => live,
            Ok(None) => return Ok(Ended::Again(Refusal::InputChanging)),
            Err(HourError::Decode(error)) if error.is_too_large() => {
                return Ok(Ended::With(Outcome::Left(Refusal::TooLarge { bytes })));
            }
            Err(error) => return Err(error),
        };
        if from.is_none() && run.request.rewrite() != Rewrite::Shrinking {
            let (rows, had) = (live.counts.rows, self.rows_named(claimed.manifest.hour).await?);
            if rows < had {
                return Ok(Ended::With(Outcome::Left(Refusal::WouldShrink { rows, had })));
            }
        }
        let bytes = live.files.iter().map(|file| file.size).sum();
        let outcome = Outcome::Compacted { counts: live.counts, bytes };
        let committed = self.commit(claimed, live, from, run).await?;
        Ok(committed.map_or(Ended::Again(Refusal::Contended), |stored| Ended::Committed(Box::new(stored), outcome)))
    }
}
