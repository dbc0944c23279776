//! The scrub: hours whose listing shows that a visit would change nothing need no visit.
//!
//! A partition carries digests of what its folder was made of and of what it holds. Where both are those of a listing, nothing
//! is read: one listing of the objects and one of the Parquet files tell it for a whole day.

use std::collections::{BTreeMap, BTreeSet};

use catalog::Pointer;
use chrono::{DateTime, Utc};
use log_format::Hour;

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
        let mut days: BTreeMap<Hour, BTreeMap<Hour, Vec<ObjectMeta>>> = BTreeMap::new();
        let with_manifest = known.manifests.range(..end).map(|(hour, _)| hour.midnight());
        days.extend(with_manifest.filter(|day| schedule::is_turn_of(*day, now)).map(|day| (day, BTreeMap::new())));
        let mut next = Some(schedule::next_turn(Hour::EPOCH, now));
        while let Some(day) = next.filter(|day| *day < end) {
            let (inputs, after) = self.bucket.inputs_and_next_hour(day, day.next_day().min(end)).await?;
            if !inputs.is_empty() {
                days.insert(day, inputs);
            }
            next = after.map(|hour| schedule::next_turn(hour.max(day.next_day()), now));
        }
        let mut scrubbed = Scrubbed::default();
        for (day, inputs) in days {
            scrubbed.extend(self.look_at(day, day.next_day().min(end), &inputs, known).await?);
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
        let of = |listed: &BTreeMap<Hour, Vec<ObjectMeta>>, hour| listed.get(&hour).cloned().unwrap_or_default();
        let settled = |hour: &Hour| known.is_settled(*hour, &of(inputs, *hour), &of(&files, *hour), self.bucket.name());
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
    fn is_settled(&self, hour: Hour, inputs: &[ObjectMeta], files: &[ObjectMeta], bucket: &str) -> bool {
        let Some(pointer) = self.pointers.get(&hour) else { return false };
        let folder = pointer.location.strip_prefix(&format!("s3://{bucket}/"));
        let follows = self.manifests.get(&hour) == Some(&pointer.manifest_etag);
        let in_folder = |file: &ObjectMeta| folder.is_some_and(|folder| file.key.starts_with(folder));
        let digests = (digest_of_inputs(inputs), digest_of_files(files.iter().map(|it| (it.key.as_str(), it.size))));
        follows
            && !pointer.unfinished
            && !pointer.unsettled
            && (inputs.is_empty() || self.registered.contains(&hour))
            && files.iter().all(in_folder)
            && (pointer.inputs, pointer.files) == (Some(digests.0), Some(digests.1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn object(key: &str, etag: &str, size: u64) -> ObjectMeta {
        ObjectMeta { key: key.into(), etag: etag.into(), size }
    }

    #[test]
    fn an_hour_is_settled_if_its_partition_tells_of_all_that_is_listed() {
        let hour: Hour = "2026-11-20T13".parse().unwrap();
        let inputs = [object("logs/2026/11/20/13/b", "e", 5), object("logs/2026/11/20/13/a", "f", 6)];
        let files = [object("parquet/2026/11/20/13/x/00000.parquet", "g", 7)];
        let pointer = Pointer {
            location: "s3://logs/parquet/2026/11/20/13/x/".into(),
            manifest_etag: "m".into(),
            inputs: Some(digest_of_inputs(&inputs)),
            files: Some(digest_of_files(files.iter().map(|it| (it.key.as_str(), it.size)))),
            ..Pointer::default()
        };
        let settled_as =
            |pointer: Pointer, etag: &str, registered: bool, inputs: &[ObjectMeta], files: &[ObjectMeta]| {
                let (manifests, pointers) = ([(hour, etag.to_string())].into(), [(hour, pointer)].into());
                let registered = if registered { [hour].into() } else { BTreeSet::new() };
                let known = Known { manifests: &manifests, pointers: &pointers, registered: &registered };
                known.is_settled(hour, inputs, files, "logs")
            };
        let settled = |pointer: Pointer| settled_as(pointer, "m", true, &inputs, &files);
        assert!(settled(pointer.clone()));
        let [b, a] = inputs.clone();
        assert!(settled_as(pointer.clone(), "m", true, &[a.clone(), b.clone()], &files), "in any order");
        assert!(!settled_as(pointer.clone(), "other", true, &inputs, &files), "its manifest was written since");
        assert!(!settled_as(pointer.clone(), "m", false, &inputs, &files), "its JSON is not registered");
        assert!(!settled_as(pointer.clone(), "m", true, &[a], &files), "an object is gone");
        assert!(
            !settled_as(pointer.clone(), "m", true, &[object(&b.key, "x", 5)], &files),
            "an object was written over"
        );
        assert!(!settled_as(pointer.clone(), "m", true, &inputs, &[]), "a file is gone");
        let more = [files[0].clone(), object("parquet/2026/11/20/13/y/00000.parquet", "g", 7)];
        assert!(!settled_as(pointer.clone(), "m", true, &inputs, &more), "a folder more");
        assert!(!settled_as(pointer.clone(), "m", true, &inputs, &[object(&files[0].key, "g", 8)]), "a file was cut");
        assert!(!settled(Pointer { unfinished: true, ..pointer.clone() }));
        assert!(!settled(Pointer { unsettled: true, ..pointer.clone() }));
        assert!(!settled(Pointer { inputs: None, ..pointer.clone() }), "an earlier build wrote it");
        let elsewhere = Pointer { location: "s3://logs/parquet/2026/11/20/13/y/".into(), ..pointer.clone() };
        assert!(!settled(elsewhere), "it names another folder");
        assert!(!settled(Pointer { location: "s3://other/parquet/2026/11/20/13/x/".into(), ..pointer }));
    }
}
