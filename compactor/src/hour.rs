//! The steps of one hour, in their order: look, claim, rewrite, commit; then publish, in a file of its own.
//!
//! Every step may run twice, and a crash between any two leaves each row readable once: the folder is claimed before a
//! file is written, read back before it is committed, and published only after it is live. Nothing is deleted here;
//! collecting the files of retired folders is a step of its own, after these.

use std::collections::HashSet;

use bytes::Bytes;
use catalog::{Catalog, CatalogError};
use chrono::{DateTime, Utc};
use log_format::{Hour, layout};
use sha2::{Digest, Sha256};

use crate::WRITER_VERSION;
use crate::bucket::{Bucket, BucketError, Condition, Got, Put};
use crate::clock::{Clock, RunOver};
use crate::config::Limits;
use crate::decode::{DecodeError, Decoded, Decoder, rejected_file};
use crate::encode::{EncodeError, encode};
use crate::manifest::{Counts, File, Input, Live, Manifest};
use crate::plan::{Plan, Refusal, Rest, Rewrite, Seen, plan};
use crate::rows::distinct;

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
    /// What may be written anew without new inputs.
    pub rewrite: Rewrite,
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
    #[error("{key} is not a manifest of ours; move it away, and the next tick rebuilds the hour from its JSON")]
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
    /// The rejected lines could not be compressed.
    #[error("failed to write the rejected lines")]
    Rejected(#[source] std::io::Error),
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

/// A manifest as it was read or written.
#[derive(Debug, Clone)]
pub(crate) struct Stored {
    pub(crate) manifest: Manifest,
    /// None where there is no manifest yet.
    pub(crate) etag: Option<String>,
    pub(crate) at: DateTime<Utc>,
}

/// How often an hour is begun anew when others change it under our hands.
const BEGINNINGS_MAX: u32 = 3;
/// How often a write of the manifest is tried that others keep refusing.
pub(crate) const WRITES_MAX: u32 = 5;
/// How one beginning of an hour ended.
enum Ended {
    With(Outcome),
    /// Others changed something; to be begun anew.
    Again(Refusal),
    /// The claim's fate is not known, or it was refused for good; to be begun anew, and told if that does not help.
    Unclaimed(HourError),
}

impl Stored {
    fn condition(&self) -> Condition {
        self.etag.clone().map_or(Condition::Absent, Condition::Matches)
    }

    fn claims(&self, attempt: &str) -> bool {
        self.manifest.claims(attempt)
    }
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
    pub async fn visit(&self, hour: Hour, run: &Run) -> Result<Outcome, HourError> {
        let mut last = Ok(Outcome::Left(Refusal::Contended));
        for beginning in 0..BEGINNINGS_MAX {
            let (seen, stored) = self.look(hour, run).await?;
            let inputs = match plan(&seen, run.clock.now(), &self.limits, run.rewrite) {
                Plan::Compact { inputs, .. } => inputs,
                Plan::Nothing { reason, .. } => return self.rest(stored, run, Outcome::Nothing(reason)).await,
                Plan::Leave { reason, .. } => return self.rest(stored, run, Outcome::Left(reason)).await,
            };
            let attempt = format!("{}-{beginning}", run.nonce);
            last = match self.compact(hour, &attempt, inputs, stored, run).await? {
                Ended::With(outcome) => return Ok(outcome),
                Ended::Again(reason) => Ok(Outcome::Left(reason)),
                Ended::Unclaimed(error) => Err(error),
            };
        }
        last
    }

    /// An hour with nothing to write is published all the same: whatever lost its partition, it is put right here.
    async fn rest(&self, stored: Stored, run: &Run, outcome: Outcome) -> Result<Outcome, HourError> {
        self.publish(stored, run).await?;
        Ok(outcome)
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

    /// Steps 2 to 5. An attempt that stops knowingly withdraws its claim.
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
        let live = match self.rewrite(hour, attempt, inputs, run).await {
            Ok(Some(live)) => live,
            Ok(None) => {
                self.withdraw(hour, attempt, run).await;
                return Ok(Ended::Again(Refusal::InputChanging));
            }
            Err(HourError::Decode(DecodeError::TooLarge { bytes })) => {
                self.withdraw(hour, attempt, run).await;
                return Ok(Ended::With(Outcome::Left(Refusal::TooLarge { bytes })));
            }
            Err(error) => {
                self.withdraw(hour, attempt, run).await;
                return Err(error);
            }
        };
        let (counts, bytes) = (live.counts, live.files.iter().map(|file| file.size).sum());
        let committed = self.commit(claimed, live, from.as_deref(), run).await;
        let Ok(Some(committed)) = committed else {
            self.withdraw(hour, attempt, run).await;
            return committed.map(|_| Ended::Again(Refusal::Contended));
        };
        self.publish(committed, run).await?;
        Ok(Ended::With(Outcome::Compacted { counts, bytes }))
    }

    /// Step 2. None where others changed the hour meanwhile. After a refusal or a lost reply the manifest is read: only
    /// if `live` is still the one looked at does our claim, should it stand, count; else a late reader of its own claim
    /// would commit fewer inputs over more.
    async fn claim(&self, stored: Stored, attempt: &str, run: &Run) -> Result<Option<Stored>, HourError> {
        let next = stored.manifest.claimed(attempt, run.clock.now());
        let written = self.write_manifest(&next, &stored.condition(), run).await;
        if let Ok(Some(claimed)) = written {
            return Ok(Some(claimed));
        }
        let found = self.read_manifest(next.hour, run).await?;
        if found.claims(attempt) && found.manifest.live_attempt() == next.live_attempt() {
            return Ok(Some(found));
        }
        if found.claims(attempt) {
            self.withdraw(next.hour, attempt, run).await;
        }
        written.map(|_| None)
    }

    /// Step 3. None where an input is not what was listed any more.
    async fn rewrite(
        &self,
        hour: Hour,
        attempt: &str,
        inputs: Vec<Input>,
        run: &Run,
    ) -> Result<Option<Live>, HourError> {
        let Some(decoded) = self.decode(&inputs).await? else { return Ok(None) };
        self.write_rejected(hour, attempt, &decoded, run).await?;
        let (lines, rejected) = (decoded.lines, decoded.rejected.len() as u64);
        let rows = distinct(decoded.chunks).map_err(EncodeError::from)?;
        let counts = Counts {
            lines,
            rows: rows.places.len() as u64,
            duplicates: rows.duplicates,
            collisions: rows.collisions,
            rejected,
        };
        let timestamps = rows.bounds("timestamp");
        let files = match counts.rows {
            0 => Vec::new(),
            _ => {
                let encoded = encode(&rows)?;
                vec![self.write_file(hour, attempt, encoded.bytes, encoded.rows, run).await?]
            }
        };
        self.read_back(&layout::parquet_folder(hour, attempt), &files, &counts).await?;
        let (attempt, committed_at) = (attempt.to_string(), run.clock.now());
        Ok(Some(Live { attempt, committed_at, inputs, files, counts, timestamps, writer_version: WRITER_VERSION }))
    }

    async fn decode(&self, inputs: &[Input]) -> Result<Option<Decoded>, HourError> {
        let mut decoder = Decoder::new(self.limits.decoded_bytes_max);
        for input in inputs {
            match self.bucket.read_if(input).await? {
                Got::Bytes(object) => decoder.push(&input.key, &object)?,
                Got::Changed => return Ok(None),
            }
        }
        Ok(Some(decoder.finish().map_err(EncodeError::from)?))
    }

    async fn write_rejected(&self, hour: Hour, attempt: &str, decoded: &Decoded, run: &Run) -> Result<(), HourError> {
        if decoded.rejected.is_empty() {
            return Ok(());
        }
        let file = rejected_file(&decoded.rejected).map_err(HourError::Rejected)?;
        run.clock.may_write()?;
        Ok(self.bucket.write(&layout::rejected_key(hour, attempt), file.into()).await?)
    }

    async fn write_file(
        &self,
        hour: Hour,
        attempt: &str,
        bytes: Vec<u8>,
        rows: u64,
        run: &Run,
    ) -> Result<File, HourError> {
        let key = format!("{}00000.parquet", layout::parquet_folder(hour, attempt));
        let sha256 = Sha256::digest(&bytes).iter().map(|byte| format!("{byte:02x}")).collect();
        let file = File { key, size: bytes.len() as u64, rows, sha256 };
        run.clock.may_write()?;
        self.bucket.write(&file.key, Bytes::from(bytes)).await?;
        Ok(file)
    }

    /// Readers read the folder, so the folder must hold exactly the outputs, and these every row (C2).
    async fn read_back(&self, folder: &str, files: &[File], counts: &Counts) -> Result<(), HourError> {
        let found: u64 = files.iter().map(|file| file.rows).sum();
        let expected = counts.lines - counts.duplicates - counts.rejected;
        if found != expected {
            return Err(HourError::RowCount { found, expected });
        }
        let listed = self.bucket.list(folder).await?;
        let listed: HashSet<(&str, u64)> = listed.iter().map(|object| (object.key.as_str(), object.size)).collect();
        let written: HashSet<(&str, u64)> = files.iter().map(|file| (file.key.as_str(), file.size)).collect();
        if listed == written { Ok(()) } else { Err(HourError::Folder { folder: folder.to_string() }) }
    }

    /// Step 4. `from` is the live folder that the attempt started from. None where the attempt has to stop.
    async fn commit(
        &self,
        claimed: Stored,
        live: Live,
        from: Option<&str>,
        run: &Run,
    ) -> Result<Option<Stored>, HourError> {
        let mut current = claimed;
        let mut written = Ok(None);
        for _ in 0..WRITES_MAX {
            let next = current.manifest.committed(live.clone());
            written = self.write_manifest(&next, &current.condition(), run).await;
            if let Ok(Some(committed)) = written {
                return Ok(Some(committed));
            }
            let found = self.read_manifest(next.hour, run).await?;
            if found.manifest.live_attempt() == Some(&live.attempt) {
                return Ok(Some(found));
            }
            if !found.claims(&live.attempt) || found.manifest.live_attempt() != from {
                return Ok(None);
            }
            current = found;
        }
        written
    }

    /// Moves a claim to the retired folders. Where that fails, the claim is taken for a death later on.
    async fn withdraw(&self, hour: Hour, attempt: &str, run: &Run) {
        for _ in 0..WRITES_MAX {
            let Ok(found) = self.read_manifest(hour, run).await else { return };
            if !found.claims(attempt) {
                return;
            }
            let next = found.manifest.withdrawn(attempt, run.clock.now());
            match self.write_manifest(&next, &found.condition(), run).await {
                Ok(None) => {}
                Ok(Some(_)) | Err(_) => return,
            }
        }
    }

    /// The manifest of an hour, an empty one where there is none.
    pub(crate) async fn read_manifest(&self, hour: Hour, run: &Run) -> Result<Stored, HourError> {
        let key = layout::manifest_key(hour);
        let at = run.clock.now();
        let Some((bytes, etag)) = self.bucket.read(&key).await? else {
            return Ok(Stored { manifest: Manifest::new(hour), etag: None, at });
        };
        let manifest = serde_json::from_slice(&bytes).map_err(|source| HourError::Manifest { key, source })?;
        Ok(Stored { manifest, etag: Some(etag), at })
    }

    /// Writes the next version of a manifest; none where the one before is not `condition`'s any more.
    async fn write_manifest(
        &self,
        next: &Manifest,
        condition: &Condition,
        run: &Run,
    ) -> Result<Option<Stored>, HourError> {
        let key = layout::manifest_key(next.hour);
        let body = next.to_json().map_err(|source| HourError::Manifest { key: key.clone(), source })?;
        run.clock.may_write()?;
        let at = run.clock.now();
        Ok(match self.bucket.write_if(&key, body.into(), condition).await? {
            Put::Written(etag) => Some(Stored { manifest: next.clone(), etag: Some(etag), at }),
            Put::Refused => None,
        })
    }
}
