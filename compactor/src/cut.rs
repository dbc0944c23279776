//! How far the view reads Parquet.
//!
//! The cut is the greatest hour, at least the cut lag in the past, such that every hour up to it is read whole from
//! Parquet. It lives in `manifests/cut.json` and never goes back; the view in Glue is its cache.

use std::collections::{BTreeMap, HashMap};

use aws_sdk_glue::types::Table;
use catalog::{CatalogError, Pointer, view};
use chrono::{DateTime, TimeDelta, Utc};
use log_format::{Hour, layout};
use serde::{Deserialize, Serialize};

use crate::bucket::{Condition, Put};
use crate::hour::{Compactor, HourError, Run};
use crate::manifest::{Input, Manifest};
use crate::survey::by_hour;

/// Where the cut is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moved {
    /// The cut.
    pub cut: Hour,
    /// The hour that keeps it from going as far as its lag allows.
    pub waits_for: Option<Hour>,
    /// How many hours the cut is behind what its lag allows.
    pub behind: u64,
}

/// The content of `manifests/cut.json`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Cut {
    cut: Hour,
    /// The cut that the view had when this was written: what it shows now is between the two. It matters where the view is
    /// gone, for objects may have come since into hours that it showed from JSON.
    #[serde(default)]
    shown: Option<Hour>,
}

/// How far the cut could go.
struct Reach {
    hour: Hour,
    /// The hour that keeps it from going on.
    waits_for: Option<Hour>,
    /// When the objects were listed.
    seen_at: DateTime<Utc>,
}

/// The cut goes on by so many hours with a manifest at a time: a week's objects are listed in seconds.
const STEP_HOURS: usize = 7 * 24;

/// The cut and the view follow the listing of the objects within this time, or not at all: an object that came after it
/// is seen from JSON until they do.
const SEEN_SECONDS_MAX: i64 = 60;

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
    #[error(
        "{} is not ours; `verify --repair` keeps it aside and begins again with the cut that the view has",
        layout::CUT
    )]
    NotACut(#[source] serde_json::Error),
    /// Too long passed since the objects were listed.
    #[error("more than {SEEN_SECONDS_MAX} seconds passed since the objects were listed; the next tick moves the cut")]
    Stale,
}

impl Compactor {
    /// Moves the cut as far as it may go, and makes the view say so, step by step: what a step has gained is kept, however
    /// far there is to go.
    pub async fn move_cut(&self, run: &Run) -> Result<Moved, CutError> {
        loop {
            let (moved, more) = self.step_cut(run).await?;
            if !more || run.clock.may_write().is_err() {
                return Ok(moved);
            }
        }
    }

    /// Moves the cut a step, and tells whether there may be another.
    ///
    /// The view is read before the cut is, so that Glue refuses the write of a run that slept with an older cut.
    async fn step_cut(&self, run: &Run) -> Result<(Moved, bool), CutError> {
        let view = self.catalog.view().await?;
        let (found, condition) = self.find_cut().await?;
        let limit = self.limit(run);
        // A run may have moved the cut and not the view. Objects that came since into hours between the two are shown
        // from JSON; the view follows only as far as Parquet has them.
        let shown = match &found {
            None => self.shown(view.as_ref(), run),
            Some(Cut { cut, shown }) => view.as_ref().and_then(view::cut_of).or(*shown).unwrap_or(*cut).min(*cut),
        };
        let stored = found.map_or(Hour::EPOCH, |found| found.cut);
        let reach = match limit > shown {
            true => self.reachable(shown, limit, run).await?,
            false => Reach { hour: shown, waits_for: None, seen_at: run.clock.now() },
        };
        let fresh = || run.clock.now() - reach.seen_at < TimeDelta::seconds(SEEN_SECONDS_MAX);
        let stored = match reach.hour > stored {
            true if !fresh() => return Err(CutError::Stale),
            true => self.write_cut(reach.hour, shown, &condition, run).await?,
            false => stored,
        };
        let cut = stored.min(reach.hour).max(shown);
        run.clock.may_write().map_err(HourError::from)?;
        if !fresh() {
            return Err(CutError::Stale);
        }
        self.catalog.set_view(view.as_ref(), cut).await?;
        let behind = (limit.start() - cut.start()).num_hours();
        let moved = Moved { cut, waits_for: reach.waits_for, behind: u64::try_from(behind).unwrap_or(0) };
        Ok((moved, reach.waits_for.is_none() && reach.hour < limit && cut > shown))
    }

    /// The latest hour that the cut's lag allows.
    fn limit(&self, run: &Run) -> Hour {
        Hour::of(run.clock.now() - self.limits.cut_lag()).back(1)
    }

    /// Where the cut is for want of a stored one: where the view has it. To begin before all hours would take hours from
    /// Parquet that the JSON may not have any more.
    pub(crate) fn shown(&self, view: Option<&Table>, run: &Run) -> Hour {
        view.and_then(view::cut_of).map_or(Hour::EPOCH, |cut| cut.min(self.limit(run)))
    }

    /// The stored cut; before all hours where there is none.
    pub(crate) async fn read_cut(&self) -> Result<Hour, CutError> {
        Ok(self.find_cut().await?.0.map_or(Hour::EPOCH, |found| found.cut))
    }

    async fn find_cut(&self) -> Result<(Option<Cut>, Condition), CutError> {
        match self.bucket.read(layout::CUT).await.map_err(HourError::from)? {
            None => Ok((None, Condition::Absent)),
            Some((bytes, etag)) => {
                let stored: Cut = serde_json::from_slice(&bytes).map_err(CutError::NotACut)?;
                Ok((Some(stored), Condition::Matches(etag)))
            }
        }
    }

    /// Another run may have moved the cut meanwhile; whatever is stored then is the cut. `shown` is the view's.
    pub(crate) async fn write_cut(
        &self,
        cut: Hour,
        shown: Hour,
        condition: &Condition,
        run: &Run,
    ) -> Result<Hour, CutError> {
        let body = serde_json::to_vec(&Cut { cut, shown: Some(shown) }).map_err(CutError::NotACut)?;
        run.clock.may_write().map_err(HourError::from)?;
        let written = self.bucket.write_if(layout::CUT, body.into(), condition).await;
        if let Ok(Put::Written(_)) = written {
            return Ok(cut);
        }
        let stored = self.read_cut().await?;
        match written {
            Err(error) if stored < cut => Err(HourError::from(error).into()),
            _ => Ok(stored),
        }
    }

    /// The greatest hour up to `limit` that every hour after `cut` is read whole from Parquet up to, as far as a step goes.
    ///
    /// The objects are listed last: one that came after the manifests were read makes the cut wait, one that came after
    /// the listing would be unseen until its hour is compacted again.
    async fn reachable(&self, cut: Hour, limit: Hour, run: &Run) -> Result<Reach, CutError> {
        let from = cut.next();
        let mut with_manifest =
            self.first_hours_with_manifest(from, limit.next(), STEP_HOURS + 1).await.map_err(HourError::from)?;
        // All before the first hour of the next step; none of that one.
        let next_step = if with_manifest.len() > STEP_HOURS { with_manifest.pop() } else { None };
        let to = next_step.unwrap_or(limit.next());
        let pointers = self.catalog.parquet_pointers(from..to).await?;
        let manifests = self.readable_manifests(&with_manifest, run).await?;
        let seen_at = run.clock.now();
        let (inputs, unknown) = self.inputs_of(&with_manifest, from, to).await?;
        let whole = |hour: &&Hour| {
            let listed = inputs.get(hour).map(Vec::as_slice).unwrap_or_default();
            manifests.get(hour).is_some_and(|manifest| self.whole(manifest, listed, &pointers))
        };
        let broken = with_manifest.iter().find(|hour| !whole(hour)).copied();
        let waits_for = broken.into_iter().chain(unknown).min();
        Ok(Reach { hour: waits_for.unwrap_or(to).back(1), waits_for, seen_at })
    }

    /// The manifests of these hours that can be read. An hour of another one cannot be known whole; that its manifest is
    /// broken is told wherever it is visited.
    async fn readable_manifests(&self, hours: &[Hour], run: &Run) -> Result<BTreeMap<Hour, Manifest>, HourError> {
        let mut manifests = BTreeMap::new();
        for stored in self.read_manifests(hours, run).await {
            match stored {
                Ok(stored) => drop(manifests.insert(stored.manifest.hour, stored.manifest)),
                Err(HourError::Manifest { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(manifests)
    }

    /// The inputs of `known` hours from `from` up to, not including, `to`, as far as the first hour that has some and is
    /// not known, and that hour: the cut stops there, and what follows may be years.
    async fn inputs_of(
        &self,
        known: &[Hour],
        from: Hour,
        to: Hour,
    ) -> Result<(BTreeMap<Hour, Vec<Input>>, Option<Hour>), HourError> {
        let (end, mut unknown) = (layout::json_prefix(to), None);
        let wanted = |key: &str| {
            unknown = layout::hour_of_input(key).filter(|hour| *hour < to && known.binary_search(hour).is_err());
            *key < *end && unknown.is_none()
        };
        let objects = self.bucket.list_between(layout::LOGS, &layout::json_prefix(from), wanted).await?;
        Ok((by_hour(objects), unknown))
    }

    /// True where Parquet, as Glue names it, holds the rows of everything listed.
    fn whole(&self, manifest: &Manifest, listed: &[Input], pointers: &HashMap<Hour, Pointer>) -> bool {
        let Some(live) = &manifest.live else { return listed.is_empty() };
        let named = pointers.get(&manifest.hour).map(|pointer| pointer.location.as_str());
        named == Some(&self.bucket.uri(&live.folder(manifest.hour))) && live.new_among(listed) == 0
    }
}
