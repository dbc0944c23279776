//! How far the view reads Parquet.
//!
//! The cut is the greatest hour, at least the cut lag in the past, such that every hour up to it is read whole from
//! Parquet. It lives in `manifests/cut.json` and never goes back; the view in Glue is its cache.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use catalog::{CatalogError, Pointer};
use log_format::{Hour, layout};
use serde::{Deserialize, Serialize};

use crate::bucket::{Condition, Put};
use crate::hour::{Compactor, HourError, Run};
use crate::manifest::{Input, Manifest};

/// The content of `manifests/cut.json`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Cut {
    cut: Hour,
}

/// How the cut's moving failed. Hours compacted are compacted all the same.
#[derive(Debug, thiserror::Error)]
pub enum CutError {
    /// The view could not be read or written.
    #[error(transparent)]
    Catalog(#[from] CatalogError),
    /// S3, or a manifest.
    #[error(transparent)]
    Hour(#[from] HourError),
    /// `manifests/cut.json` is not what we wrote.
    #[error("{} is not ours; move it away, and the next tick finds the cut anew", layout::CUT)]
    NotACut(#[source] serde_json::Error),
}

impl Compactor {
    /// Moves the cut as far as it may go, and makes the view say so. Gives the cut.
    ///
    /// The view is read before the cut is, so that Glue refuses the write of a run that slept with an older cut.
    pub(crate) async fn move_cut(&self, run: &Run) -> Result<Hour, CutError> {
        let view = self.catalog.view().await?;
        let (stored, condition) = self.read_cut().await?;
        let limit = Hour::of(run.clock.now() - self.limits.cut_lag()).back(1);
        let cut = if limit > stored { self.reachable(stored, limit, run).await? } else { stored };
        let cut = if cut > stored { self.write_cut(cut, &condition, run).await? } else { stored };
        run.clock.may_write().map_err(HourError::from)?;
        self.catalog.set_view(view.as_ref(), cut).await?;
        Ok(cut)
    }

    async fn read_cut(&self) -> Result<(Hour, Condition), CutError> {
        match self.bucket.read(layout::CUT).await.map_err(HourError::from)? {
            None => Ok((Hour::EPOCH, Condition::Absent)),
            Some((bytes, etag)) => {
                let stored: Cut = serde_json::from_slice(&bytes).map_err(CutError::NotACut)?;
                Ok((stored.cut, Condition::Matches(etag)))
            }
        }
    }

    /// Another run may have moved the cut meanwhile; whatever is stored then is the cut.
    async fn write_cut(&self, cut: Hour, condition: &Condition, run: &Run) -> Result<Hour, CutError> {
        let body = serde_json::to_vec(&Cut { cut }).map_err(CutError::NotACut)?;
        run.clock.may_write().map_err(HourError::from)?;
        match self.bucket.write_if(layout::CUT, body.into(), condition).await {
            Ok(Put::Written(_)) => Ok(cut),
            Ok(Put::Refused) | Err(_) => Ok(self.read_cut().await?.0),
        }
    }

    /// The greatest hour up to `limit` that every hour after `cut` is read whole from Parquet up to.
    async fn reachable(&self, cut: Hour, limit: Hour, run: &Run) -> Result<Hour, CutError> {
        let from = cut.next();
        let (inputs, manifests) = self.survey(from, limit.next()).await?;
        let pointers = self.catalog.parquet_pointers(from).await?;
        let hours: BTreeSet<Hour> = inputs.keys().chain(&manifests).copied().collect();
        for hour in hours {
            let manifest = match self.read_manifest(hour, run).await {
                Ok(stored) => stored.manifest,
                // Told of where the hour itself was visited; here it is an hour that cannot be known whole.
                Err(HourError::Manifest { .. }) => return Ok(hour.back(1)),
                Err(error) => return Err(error.into()),
            };
            let listed = inputs.get(&hour).map(Vec::as_slice).unwrap_or_default();
            if !self.whole(&manifest, listed, &pointers) {
                return Ok(hour.back(1));
            }
        }
        Ok(limit)
    }

    /// True where Parquet, as Glue names it, holds the rows of everything listed.
    fn whole(&self, manifest: &Manifest, listed: &[Input], pointers: &HashMap<Hour, Pointer>) -> bool {
        let Some(live) = &manifest.live else { return listed.is_empty() };
        let named = pointers.get(&manifest.hour).map(|pointer| pointer.location.as_str());
        let inputs: HashSet<(&str, &str)> = live.inputs.iter().map(|it| (it.key.as_str(), it.etag.as_str())).collect();
        named == Some(&self.bucket.uri(&live.folder(manifest.hour)))
            && listed.iter().all(|object| inputs.contains(&(object.key.as_str(), object.etag.as_str())))
    }

    /// What there is from `from` up to, not including, `to`: the inputs of each hour, and the hours with a manifest.
    pub async fn survey(&self, from: Hour, to: Hour) -> Result<(BTreeMap<Hour, Vec<Input>>, Vec<Hour>), HourError> {
        let end = layout::json_prefix(to);
        let objects = self.bucket.list_between(layout::LOGS, &layout::json_prefix(from), |key| *key < *end).await?;
        let mut inputs: BTreeMap<Hour, Vec<Input>> = BTreeMap::new();
        for object in objects {
            if let Some(hour) = layout::hour_of_input(&object.key) {
                inputs.entry(hour).or_default().push(object);
            }
        }
        let bound = |hour: Hour| format!("{}{}", layout::MANIFESTS, hour.path());
        let end = bound(to);
        let manifests = self.bucket.list_between(layout::MANIFESTS, &bound(from), |key| *key < *end).await?;
        let manifests = manifests.iter().filter_map(|object| layout::hour_of_manifest(&object.key)).collect();
        Ok((inputs, manifests))
    }
}
