//! A range of hours: what of it there is to do, from a few long listings and one read of each manifest. Years of hours are
//! planned in seconds, and only those are visited that a visit could change.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use catalog::Pointer;
use log_format::{Hour, layout};

use crate::bucket::BucketError;
use crate::hour::{Compactor, Run};
use crate::manifest::Input;
use crate::plan::{Plan, Rest, Seen, Turn, plan};
use crate::survey::{Survey, SurveyError, astray};

impl Compactor {
    /// The closed hours from `from` up to, not including, `to` that a visit could change, in order.
    ///
    /// # Errors
    ///
    /// Those of listing the bucket and the catalog.
    pub async fn unsettled(&self, from: Hour, to: Hour, run: &Run) -> Result<Vec<Hour>, SurveyError> {
        Ok(self.survey_range(from, to, run).await?.hours)
    }

    pub(crate) async fn survey_range(&self, from: Hour, to: Hour, run: &Run) -> Result<Survey, SurveyError> {
        let inputs = self.inputs_by_hour(from, to).await?;
        let manifests = self.manifest_etags(from, to).await?;
        let registered: HashSet<Hour> = self.catalog.json_hours(from..to).await?.into_iter().collect();
        let pointers = self.catalog.parquet_pointers(from..to).await?;
        let astray = astray(&manifests, &pointers);
        let follows =
            |hour: &&Hour| !astray.contains(hour) && (registered.contains(hour) || !inputs.contains_key(hour));
        let candidates: Vec<Hour> = manifests.keys().filter(follows).copied().collect();
        let settled = self.settled(candidates, &inputs, &pointers, run).await?;
        let hours: BTreeSet<Hour> = inputs.into_keys().chain(manifests.into_keys()).collect();
        let hours = hours.into_iter().filter(|hour| !settled.contains(hour)).collect();
        Ok(Survey { hours, settled, registered, ..Survey::default() })
    }

    /// Of `hours`, those whose live folder holds all that is listed and of which nothing may be collected yet. One whose
    /// manifest cannot be read is none: its visit says what is wrong.
    async fn settled(
        &self,
        hours: Vec<Hour>,
        inputs: &BTreeMap<Hour, Vec<Input>>,
        pointers: &HashMap<Hour, Pointer>,
        run: &Run,
    ) -> Result<BTreeSet<Hour>, BucketError> {
        let (Some(first), Some(last)) = (hours.first().copied(), hours.last().copied()) else {
            return Ok(BTreeSet::new());
        };
        let mut files = self.files_by_hour(first, last.next()).await?;
        let read = self.read_manifests(&hours, run).await;
        let manifests = read.into_iter().filter_map(|stored| Some(stored.ok()?.manifest));
        let now = run.clock.now();
        let quiet = manifests.filter(|manifest| !self.may_collect(manifest, pointers.get(&manifest.hour), now));
        let settled = quiet.filter_map(|manifest| {
            let hour = manifest.hour;
            let listed = inputs.get(&hour).cloned().unwrap_or_default();
            let seen = Seen { hour, listed, manifest, files: files.remove(&hour).unwrap_or_default() };
            let plan = plan(&seen, now, &self.limits, run.request.rewrite(), Turn::Asked);
            matches!(plan, Plan::Nothing { reason: Rest::UpToDate, .. }).then_some(hour)
        });
        Ok(settled.collect())
    }

    /// The keys of all files of Parquet, by hour.
    async fn files_by_hour(&self, from: Hour, to: Hour) -> Result<BTreeMap<Hour, Vec<String>>, BucketError> {
        let end = layout::parquet_prefix(to);
        let found = self.bucket.list_between(layout::PARQUET, &layout::parquet_prefix(from), |key| *key < *end).await?;
        let mut files: BTreeMap<Hour, Vec<String>> = BTreeMap::new();
        for file in found {
            if let Some((hour, _)) = layout::attempt_of(&file.key) {
                files.entry(hour).or_default().push(file.key);
            }
        }
        Ok(files)
    }
}
