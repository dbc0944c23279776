//! Replays the objects under `error/`.

use anyhow::Context;
use compactor::bucket::Got;
use indicatif::ProgressBar;
use log_format::layout;
use projection::manifest::ObjectMeta;

use super::error_records::{ErrorRecords, Unreadable};
use super::marker::{Found, Marker, Markers};
use super::replayer::{Replayer, STOPPED};
use super::write::Written;

/// How many lines of one object are named.
const NAMED_MAX: usize = 10;

impl Replayer<'_> {
    /// Replays every object that is not done, and makes the partitions of the hours of all that are.
    pub(super) async fn replay_objects(&mut self, bar: &ProgressBar) -> anyhow::Result<()> {
        let bucket = self.bucket();
        let errors = bucket.list(layout::ERRORS).await?;
        let mut markers = Markers::read(bucket, &format!("{}{}", layout::REPLAYED, layout::ERRORS)).await?;
        let found = markers.found(bucket).await?;
        bar.set_length(errors.len() as u64);
        self.found.objects = errors.len() as u64;
        for error in &errors {
            let marker = markers.by_source.remove(&error.key);
            let replayed = self.replay_object(error, marker, found.get(&error.key) == Some(&Found::Whole)).await;
            replayed.with_context(|| format!("stopped at {}; {STOPPED}", self.bucket().uri(&error.key)))?;
            bar.inc(1);
        }
        self.register().await
    }

    /// `done` is whether the lines are where the marker says.
    async fn replay_object(&mut self, error: &ObjectMeta, marker: Option<Marker>, done: bool) -> anyhow::Result<()> {
        if let Some(marker) = &marker {
            if marker.etag != error.etag {
                self.found
                    .troubles
                    .push(format!("{} was changed since it was replayed; it was left as it is", error.key));
                return Ok(());
            }
            if done {
                self.found.done_before += 1;
                self.unregistered.extend(marker.object.as_ref().map(|_| marker.hour));
                return Ok(());
            }
        }
        let Got::Bytes(object) = self.bucket().read_if(error).await? else {
            self.found.troubles.push(format!("{} was changed while it was read; run it again", error.key));
            return Ok(());
        };
        let records = ErrorRecords::of_object(&object);
        self.name_unreadable(&error.key, &records.unreadable);
        self.found.unreadable += records.unreadable.len() as u64;
        if records.is_unreadable() {
            self.found.troubles.push(format!("{}: no line holds a record; it was left as it is", error.key));
            return Ok(());
        }
        let marker = self.marker(&error.key, &error.etag, &records);
        match self.write(marker, &records).await? {
            Written::There { marker, new } => {
                self.found.replayed += 1;
                self.count(&marker, new, &records);
            }
            Written::Not(why) => self.found.troubles.push(format!("{} was not replayed: {why}", error.key)),
        }
        Ok(())
    }

    fn name_unreadable(&mut self, key: &str, unreadable: &[Unreadable]) {
        let named = unreadable.iter().take(NAMED_MAX).map(|it| format!("{key} line {} {}", it.line, it.why));
        self.found.troubles.extend(named);
        let more = unreadable.len().saturating_sub(NAMED_MAX);
        if more > 0 {
            self.found.troubles.push(format!("{key}: {more} more lines hold no record"));
        }
    }
}
