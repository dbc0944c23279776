//! The scrub: hours whose listing shows that a visit would change nothing need no visit.
//!
//! A partition carries digests of what its folder was made of and of what it holds. Where both are those of a listing, nothing
//! is read: one listing of the objects and one of the Parquet files tell it for a whole day.

use std::collections::{BTreeMap, BTreeSet};

use catalog::Pointer;
use chrono::{DateTime, Utc};
use log_format::{Day, Hour};

use crate::bucket::{BucketError, ObjectMeta};
use crate::listing::{digest_of_files, digest_of_inputs};
use crate::tick::discovery::Discoverer;
use crate::tick::schedule;

/// What a tick knows of the catalog before it lists the objects of any hour.
pub(super) struct Known<'a> {
    /// The ETag of each manifest.
    pub(super) manifests: &'a BTreeMap<Hour, String>,
    /// What the Parquet partitions say.
    pub(super) pointers: &'a BTreeMap<Hour, Pointer>,
    /// The hours with a JSON partition.
    pub(super) registered: &'a BTreeSet<Hour>,
}

/// Hours that a tick looked at.
#[derive(Debug, Default)]
pub(super) struct Scrubbed {
    /// Those that a visit may change.
    pub(super) due: BTreeSet<Hour>,
    /// Those that it would not.
    pub(super) up_to_date: BTreeSet<Hour>,
}

impl Discoverer<'_> {
    /// The hours before `end` of the days whose turn it is. Costs two calls for each such day, and none for days without objects
    /// and manifests.
    pub(super) async fn scrub(
        &self,
        end: Hour,
        known: &Known<'_>,
        now: DateTime<Utc>,
    ) -> Result<Scrubbed, BucketError> {
        let mut days: BTreeMap<Day, BTreeMap<Hour, Vec<ObjectMeta>>> = BTreeMap::new();
        let with_manifest = known.manifests.range(..end).map(|(hour, _)| Day::of(*hour));
        days.extend(with_manifest.filter(|day| schedule::is_turn_of(*day, now)).map(|day| (day, BTreeMap::new())));
        let mut next = Some(schedule::next_turn(Day::of(Hour::EPOCH), now));
        while let Some(day) = next.filter(|day| day.first() < end) {
            let (inputs, after) = self.bucket.inputs_and_next_hour(day.first(), day.end().min(end)).await?;
            if !inputs.is_empty() {
                days.insert(day, inputs);
            }
            next = after.map(|hour| schedule::next_turn(Day::of(hour).max(day.next()), now));
        }
        let mut scrubbed = Scrubbed::default();
        for (day, inputs) in days {
            scrubbed.extend(self.look_at(day.first(), day.end().min(end), &inputs, known).await?);
        }
        Ok(scrubbed)
    }

    /// The hours from `from` up to, not including, `to` that have `inputs` or a manifest.
    pub(super) async fn look_at(
        &self,
        from: Hour,
        to: Hour,
        inputs: &BTreeMap<Hour, Vec<ObjectMeta>>,
        known: &Known<'_>,
    ) -> Result<Scrubbed, BucketError> {
        let files = self.bucket.files_by_hour(from, to).await?;
        let with_manifest = known.manifests.range(from..to).map(|(hour, _)| *hour);
        let hours: BTreeSet<Hour> = inputs.range(from..to).map(|(hour, _)| *hour).chain(with_manifest).collect();
        let settled = |hour: &Hour| {
            let [inputs, files] = [inputs, &files].map(|it| it.get(hour).map(Vec::as_slice).unwrap_or_default());
            known.is_settled(*hour, inputs, files)
        };
        let (up_to_date, due) = hours.into_iter().partition(settled);
        Ok(Scrubbed { due, up_to_date })
    }
}

impl Scrubbed {
    pub(super) fn extend(&mut self, other: Scrubbed) {
        self.due.extend(other.due);
        self.up_to_date.extend(other.up_to_date);
    }
}

impl Known<'_> {
    /// True if nothing is due in an hour with these objects and files: the catalog follows its manifest, these are the objects
    /// and the files that the manifest tells of, and nothing waits in it. Pure.
    fn is_settled(&self, hour: Hour, inputs: &[ObjectMeta], files: &[ObjectMeta]) -> bool {
        let Some(pointer) = self.pointers.get(&hour) else { return false };
        let follows = self.manifests.get(&hour) == Some(&pointer.manifest_etag);
        let files = files.iter().map(|it| (it.key.as_str(), it.size));
        let digests = (digest_of_inputs(inputs), digest_of_files(&pointer.location, files));
        follows
            && !pointer.unfinished
            && !pointer.unsettled
            && (inputs.is_empty() || self.registered.contains(&hour))
            && pointer.since.is_some()
            && (pointer.inputs, pointer.files) == (Some(digests.0), Some(digests.1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOCATION: &str = "s3://logs/parquet/2026/11/20/13/x/";

    fn object(name: &str, etag: &str, size: u64) -> ObjectMeta {
        ObjectMeta { key: format!("{name}/2026/11/20/13/x"), etag: etag.into(), size }
    }

    /// A partition that follows the manifest `m`, over these inputs and files.
    fn pointer(inputs: &[ObjectMeta], files: &[ObjectMeta]) -> Pointer {
        Pointer {
            location: LOCATION.into(),
            manifest_etag: "m".into(),
            since: Some("2026-11-20T14:25:00Z".parse().unwrap()),
            inputs: Some(digest_of_inputs(inputs)),
            files: Some(digest_of_files(LOCATION, files.iter().map(|it| (it.key.as_str(), it.size)))),
            ..Pointer::default()
        }
    }

    /// True if the hour with this manifest and partition is settled over these inputs and files.
    fn settled(etag: &str, pointer: Pointer, registered: bool, inputs: &[ObjectMeta], files: &[ObjectMeta]) -> bool {
        let hour: Hour = "2026-11-20T13".parse().unwrap();
        let (manifests, pointers) = ([(hour, etag.to_string())].into(), [(hour, pointer)].into());
        let registered = if registered { [hour].into() } else { BTreeSet::new() };
        Known { manifests: &manifests, pointers: &pointers, registered: &registered }.is_settled(hour, inputs, files)
    }

    #[test]
    fn an_hour_is_settled_if_its_partition_tells_of_all_that_is_listed() {
        let ([a, b], file) = ([object("a", "e", 5), object("b", "f", 6)], object("parquet", "g", 7));
        let (inputs, files) = ([b.clone(), a.clone()], [file.clone()]);
        let pointer = pointer(&inputs, &files);
        let of = |inputs: &[ObjectMeta], files: &[ObjectMeta]| settled("m", pointer.clone(), true, inputs, files);
        let cases = [
            (true, of(&inputs, &files), "as it is"),
            (true, of(&[a.clone(), b.clone()], &files), "in another order"),
            (false, settled("n", pointer.clone(), true, &inputs, &files), "its manifest was written since"),
            (false, settled("m", pointer.clone(), false, &inputs, &files), "its JSON is not registered"),
            (false, of(std::slice::from_ref(&a), &files), "an object is gone"),
            (false, of(&[a, object("b", "g", 6)], &files), "an object was written over"),
            (false, of(&inputs, &[]), "a file is gone"),
            (false, of(&inputs, &[file.clone(), object("other", "g", 7)]), "a file more"),
            (false, of(&inputs, &[object("parquet", "g", 8)]), "a file of another size"),
        ];
        for (expected, found, what) in cases {
            assert_eq!(found, expected, "{what}");
        }
    }

    /// Whether the hour has rows or not.
    #[test]
    fn an_hour_is_not_settled_if_its_partition_says_anything_else() {
        let inputs = [object("a", "e", 5)];
        for files in [vec![object("parquet", "g", 7)], Vec::new()] {
            let pointer = pointer(&inputs, &files);
            assert!(settled("m", pointer.clone(), true, &inputs, &files));
            let elsewhere = |location: &str| Pointer { location: location.into(), ..pointer.clone() };
            let others = [
                Pointer { unfinished: true, ..pointer.clone() },
                Pointer { unsettled: true, ..pointer.clone() },
                Pointer { inputs: None, ..pointer.clone() },
                Pointer { files: None, ..pointer.clone() },
                Pointer { since: None, ..pointer.clone() },
                elsewhere("s3://logs/parquet/2026/11/20/13/y/"),
                elsewhere("s3://logs/parquet/2026/11/20/13/x"),
                elsewhere("s3://logs/"),
            ];
            for other in others {
                assert!(!settled("m", other.clone(), true, &inputs, &files), "{other:?}");
            }
        }
    }
}
