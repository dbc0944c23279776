//! Which hours of a range a visit could change, from a few long listings and one read of each manifest. Years of hours are
//! planned in seconds.

use std::collections::{BTreeMap, BTreeSet};

use catalog::Pointer;
use log_format::{Day, Hour};

use crate::bucket::{BucketError, ObjectMeta};
use crate::hour::collect::may_collect;
use crate::hour::plan::{HourState, Idle, Pass, Plan, Rewrite, plan};
use crate::listing::ManifestEtags;
use crate::request::Scope;
use crate::tick::days::KnownDays;
use crate::tick::discovery::{Discoverer, Discovery, DiscoveryError, stale};
use crate::tick::schedule;

impl Discoverer<'_> {
    /// Finds the hours from `from` up to, not including, `to` that a visit could change, and those that are up to date.
    pub(super) async fn discover_range(
        &self,
        from: Hour,
        to: Hour,
        rewrite: Rewrite,
    ) -> Result<Discovery, DiscoveryError> {
        let inputs = self.bucket.inputs_by_hour(from, to).await?;
        // The days that the range touches, with all of their hours.
        let last = Day::of(to.back(1));
        let ManifestEtags { hours: of_days, days } =
            self.bucket.manifest_etags(Day::of(from).first(), last.end()).await?;
        let manifests: BTreeMap<Hour, String> =
            of_days.range(from..to).map(|(hour, etag)| (*hour, etag.clone())).collect();
        let registered: BTreeSet<Hour> = self.catalog.json_hours(from..to).await?.into_iter().collect();
        let pointers = self.catalog.pointers(from..to).await?;
        let daily = self.catalog.pointers(Day::of(from)..=last).await?;
        let stale = stale(&manifests, &pointers);
        let days = self.known_days(days, daily, &pointers, &of_days);
        let in_catalog =
            |hour: &&Hour| !stale.contains(hour) && (registered.contains(hour) || !inputs.contains_key(hour));
        let candidates: Vec<Hour> = manifests.keys().filter(in_catalog).copied().collect();
        let up_to_date = self.up_to_date(candidates, &inputs, &pointers, rewrite).await?;
        let hours: BTreeSet<Hour> = inputs.into_keys().chain(manifests.into_keys()).collect();
        let hours = hours.into_iter().filter(|hour| !up_to_date.contains_key(hour)).collect();
        Ok(Discovery { hours, up_to_date, registered, days, ..Discovery::default() })
    }

    /// The hour that a person named, if it is closed. It is visited in any case.
    pub(super) async fn discover_hour(&self, hour: Hour) -> Result<Discovery, DiscoveryError> {
        let registered = self.catalog.json_hours(hour..hour.next()).await?.into_iter().collect();
        let (from, to) = schedule::closed_range(Scope::Hour(hour), self.clock.now(), self.limits);
        let hours = from.until(to).collect();
        let day = Day::of(hour);
        let days = self.bucket.manifest_etags(day.last(), day.end()).await?.days;
        let exists = days.contains_key(&day);
        let days = KnownDays::of_named(day, exists);
        Ok(Discovery { hours, registered, days, ..Discovery::default() })
    }

    /// Of `hours`, those whose live folder holds all that is listed and that have no garbage to collect yet. An hour whose
    /// manifest cannot be read is not among them: its visit says what is wrong.
    async fn up_to_date(
        &self,
        hours: Vec<Hour>,
        inputs: &BTreeMap<Hour, Vec<ObjectMeta>>,
        pointers: &BTreeMap<Hour, Pointer>,
        rewrite: Rewrite,
    ) -> Result<BTreeMap<Hour, Idle>, BucketError> {
        let (Some(first), Some(last)) = (hours.first().copied(), hours.last().copied()) else {
            return Ok(BTreeMap::new());
        };
        let mut files = self.bucket.files_by_hour(first, last.next()).await?;
        let read = self.store.read_many(&hours, self.clock).await;
        let manifests = read.into_iter().filter_map(|stored| Some(stored.ok()?.manifest));
        let now = self.clock.now();
        let clean = manifests.filter(|it| !may_collect(self.bucket, it, pointers.get(&it.period), now));
        let up_to_date = clean.filter_map(|manifest| {
            let hour = manifest.period;
            let listed = inputs.get(&hour).cloned().unwrap_or_default();
            let files = files.remove(&hour).unwrap_or_default().into_iter().map(|file| file.key).collect();
            let state = HourState { hour, listed, manifest, files };
            let plan = plan(&state, now, self.limits, rewrite, Pass::Asked);
            match plan {
                Plan::Nothing { reason: reason @ (Idle::UpToDate | Idle::NotAccepted { .. }), .. } => {
                    Some((hour, reason))
                }
                _ => None,
            }
        });
        Ok(up_to_date.collect())
    }
}
