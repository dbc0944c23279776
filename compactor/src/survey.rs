//! What is known of the bucket and the catalog before any hour is looked at: a few long listings instead of many reads.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use catalog::{CatalogError, Pointer};
use log_format::{Hour, layout};

use crate::bucket::BucketError;
use crate::clock::RunOver;
use crate::cut::CutError;
use crate::hour::{Compactor, Run};
use crate::hours::{self, Scope};
use crate::manifest::Input;

/// What a run knows before it looks at any hour.
#[derive(Debug, Default)]
pub(crate) struct Survey {
    /// The hours to visit, in this order.
    pub(crate) hours: Vec<Hour>,
    /// Hours that a visit would change nothing about. Only of a range.
    pub(crate) settled: BTreeSet<Hour>,
    /// The hours whose Parquet partition doesn't follow their manifest. Only of a tick.
    pub(crate) astray: Vec<Hour>,
    /// The hours that have a partition of the JSON table.
    pub(crate) registered: HashSet<Hour>,
    /// The hours beyond the cut that have objects and no such partition, open ones too. Only of a tick.
    pub(crate) unregistered: Vec<Hour>,
}

/// Why nothing could be known.
#[derive(Debug, thiserror::Error)]
pub enum SurveyError {
    /// The bucket could not be listed.
    #[error("failed to find the hours to look at")]
    Bucket(#[from] BucketError),
    /// The catalog could not be listed, or made again.
    #[error("failed to find the hours that the catalog knows")]
    Catalog(#[from] CatalogError),
    /// The run has lasted too long.
    #[error(transparent)]
    RunOver(#[from] RunOver),
    /// The cut could not be read.
    #[error("failed to find the cut")]
    Cut(#[from] CutError),
}

impl Compactor {
    /// Finds the hours that `run` is to look at.
    pub(crate) async fn survey(&self, run: &Run) -> Result<Survey, SurveyError> {
        let (from, to) = hours::range(&run.request, run.clock.now(), &self.limits);
        match run.request.scope {
            Scope::Tick => self.survey_all(from, to, run).await,
            Scope::Range(..) | Scope::Damaged(_) => self.survey_range(from, to, run).await,
        }
    }

    /// `from` and `to` bound the look-back window.
    async fn survey_all(&self, from: Hour, to: Hour, run: &Run) -> Result<Survey, SurveyError> {
        if self.catalog.is_gone().await? {
            run.clock.may_write()?;
            self.catalog.ensure_tables(self.bucket.name()).await?;
        }
        let end = Hour::of(run.clock.now()).next();
        let manifests = self.manifest_etags(Hour::EPOCH, end).await?;
        let pointers = self.catalog.parquet_pointers(Hour::EPOCH..).await?;
        let registered: HashSet<Hour> = self.catalog.json_hours(Hour::EPOCH..).await?.into_iter().collect();
        let cut = self.cut_or_epoch().await?;
        let mut with_objects: BTreeSet<Hour> =
            self.inputs_by_hour(cut.next().min(from), end).await?.into_keys().collect();
        let unregistered = with_objects.iter().filter(|hour| !registered.contains(hour)).copied().collect();
        // What follows is of closed hours.
        with_objects.retain(|hour| *hour < to);
        let astray = astray(&manifests, &pointers);
        let window = with_objects.iter().chain(manifests.keys()).filter(|hour| (from..to).contains(hour));
        let window: BTreeSet<Hour> = window.copied().collect();
        let rota = self.rota(from, &manifests, run).await?;
        let uncommitted = |hour: &&Hour| !manifests.contains_key(hour) || astray.contains(hour);
        let unfinished = manifests.keys().filter(|hour| pointers.get(hour).is_some_and(|pointer| pointer.unfinished));
        let backlog: BTreeSet<Hour> = with_objects.iter().filter(uncommitted).chain(unfinished).copied().collect();
        let mut known = HashSet::new();
        let hours = window.into_iter().chain(rota).chain(backlog).filter(|hour| known.insert(*hour)).collect();
        let astray = astray.into_iter().collect();
        Ok(Survey { hours, astray, registered, unregistered, ..Survey::default() })
    }

    /// The hours before `end` whose turn it is and that have objects or a manifest. One call for each of the former, and
    /// one for each gap between them.
    async fn rota(
        &self,
        end: Hour,
        manifests: &BTreeMap<Hour, String>,
        run: &Run,
    ) -> Result<BTreeSet<Hour>, BucketError> {
        let now = run.clock.now();
        let known = manifests.keys().filter(|hour| **hour < end && hours::is_turn_of(**hour, now));
        let mut found: BTreeSet<Hour> = known.copied().collect();
        let mut next = self.next_hour(Hour::EPOCH).await?;
        while let Some(hour) = next.filter(|hour| *hour < end) {
            if hours::is_turn_of(hour, now) {
                found.insert(hour);
            }
            next = self.next_hour(hours::next_turn(hour, now)).await?;
        }
        Ok(found)
    }

    /// The first hour from `hour` on that has objects. A key that is in no hour is passed over.
    async fn next_hour(&self, hour: Hour) -> Result<Option<Hour>, BucketError> {
        let mut after = layout::json_prefix(hour);
        while let Some(key) = self.bucket.first_key(layout::LOGS, &after).await? {
            if let Some(hour) = layout::hour_of_log(&key) {
                return Ok(Some(hour));
            }
            after = key;
        }
        Ok(None)
    }

    /// The cut; where it is not readable every hour is beyond it, and whoever moves it says what is wrong.
    async fn cut_or_epoch(&self) -> Result<Hour, CutError> {
        match self.read_cut().await {
            Ok(cut) => Ok(cut),
            Err(CutError::NotACut(_)) => Ok(Hour::EPOCH),
            Err(error) => Err(error),
        }
    }

    /// How many objects Firehose kept under `error/` that nobody has replayed.
    pub async fn not_replayed(&self) -> Result<u64, BucketError> {
        let replayed = self.bucket.list(layout::REPLAYED).await?;
        let replayed: HashSet<&str> =
            replayed.iter().filter_map(|mark| layout::source_of_replayed(&mark.key)).collect();
        let kept = self.bucket.list(layout::ERRORS).await?;
        Ok(kept.iter().filter(|object| !replayed.contains(object.key.as_str())).count() as u64)
    }

    /// The ETags of the manifests of the hours from `from` up to, not including, `to`.
    pub(crate) async fn manifest_etags(&self, from: Hour, to: Hour) -> Result<BTreeMap<Hour, String>, BucketError> {
        self.list_manifests(from, to, |_| true).await
    }

    /// The first hours from `from` up to, not including, `to` that have a manifest, in order, no more than `most`.
    pub(crate) async fn first_hours_with_manifest(
        &self,
        from: Hour,
        to: Hour,
        most: usize,
    ) -> Result<Vec<Hour>, BucketError> {
        let mut found = 0;
        let wanted = |key: &str| {
            found += usize::from(layout::hour_of_manifest(key).is_some());
            found <= most
        };
        Ok(self.list_manifests(from, to, wanted).await?.into_keys().collect())
    }

    /// The manifests from `from` up to, not including, `to`, as long as `wanted` says so of their keys.
    async fn list_manifests(
        &self,
        from: Hour,
        to: Hour,
        mut wanted: impl FnMut(&str) -> bool,
    ) -> Result<BTreeMap<Hour, String>, BucketError> {
        let bound = |hour: Hour| format!("{}{}", layout::MANIFESTS, hour.path());
        let (begin, end) = (bound(from), bound(to));
        let listed = self.bucket.list_between(layout::MANIFESTS, &begin, |key| *key < *end && wanted(key)).await?;
        let hours = listed.into_iter().filter_map(|object| Some((layout::hour_of_manifest(&object.key)?, object.etag)));
        Ok(hours.collect())
    }

    /// The hours from `from` up to, not including, `to` that have inputs, with these.
    pub async fn inputs_by_hour(&self, from: Hour, to: Hour) -> Result<BTreeMap<Hour, Vec<Input>>, BucketError> {
        let end = layout::json_prefix(to);
        let objects = self.bucket.list_between(layout::LOGS, &layout::json_prefix(from), |key| *key < *end).await?;
        Ok(by_hour(objects))
    }

    /// The hours from `from` up to, not including, `to` that have a manifest, in order.
    pub async fn hours_with_manifest(&self, from: Hour, to: Hour) -> Result<Vec<Hour>, BucketError> {
        Ok(self.manifest_etags(from, to).await?.into_keys().collect())
    }
}

/// Inputs by their hour; an object that is none is left out.
pub(crate) fn by_hour(objects: Vec<Input>) -> BTreeMap<Hour, Vec<Input>> {
    let mut inputs: BTreeMap<Hour, Vec<Input>> = BTreeMap::new();
    for object in objects {
        if let Some(hour) = layout::hour_of_input(&object.key) {
            inputs.entry(hour).or_default().push(object);
        }
    }
    inputs
}

/// The hours whose partition is missing or follows another version of the manifest than the one there is.
pub(crate) fn astray(manifests: &BTreeMap<Hour, String>, pointers: &HashMap<Hour, Pointer>) -> BTreeSet<Hour> {
    let follows = |hour: &Hour, etag: &String| pointers.get(hour).is_some_and(|it| it.manifest_etag == *etag);
    manifests.iter().filter(|(hour, etag)| !follows(hour, etag)).map(|(hour, _)| *hour).collect()
}
