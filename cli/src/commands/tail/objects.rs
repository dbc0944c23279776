//! The JSON objects, newest first, and those that arrive.

use std::collections::BTreeSet;

use anyhow::Result;
use chrono::{DateTime, Utc};
use compactor::bucket::Bucket;
use log_format::{Hour, layout};
use projection::manifest::ObjectMeta;
use projection::read::gzip_whole::Inflater;
use projection::read::lines::{End, Lines, Text};

use crate::args::HourRange;
use crate::deployment::Deployment;
use crate::env::Env;
use crate::output::event::{Event, Filter};
use crate::target::Target;

/// So many hours before the current one are watched: an object may be written after its hour has ended.
const HOURS_WATCHED: u32 = 1;

/// A text up to this size is decompressed at once.
const TEXT_BYTES_AT_ONCE: usize = 8 << 20;

/// The JSON objects of a deployment.
pub(super) struct Objects {
    bucket: Bucket,
    /// The current hour at the last look that succeeded.
    looked: Hour,
    /// The key and ETag of every object of the watched hours that was seen.
    seen: BTreeSet<(String, String)>,
    inflater: Inflater,
}

impl Objects {
    /// Opens the deployment that `target` names.
    pub(super) fn open(target: &Target, env: &Env) -> Result<Objects> {
        let bucket = Deployment::open_to_read(target, "tail", env)?.bucket;
        let inflater = Inflater::new(TEXT_BYTES_AT_ONCE);
        Ok(Objects { bucket, looked: Hour::of(env.now), seen: BTreeSet::new(), inflater })
    }

    /// Opens the deployment again: its folder may have been made anew.
    pub(super) fn reopen(&mut self, target: &Target, env: &Env) -> Result<()> {
        self.bucket = Deployment::open_to_read(target, "tail", env)?.bucket;
        Ok(())
    }

    /// The newest `count` events of the hours that `filter` wants, in order. Reads no more objects than it takes.
    pub(super) async fn newest(&mut self, hours: HourRange, count: usize, filter: &Filter<'_>) -> Result<Vec<Event>> {
        let bucket = self.bucket.clone();
        // What arrives from here on is shown later.
        for hour in self.looked.back(HOURS_WATCHED).until(self.looked.next()) {
            self.seen.extend(list(&bucket, hour).await?.iter().map(identity));
        }
        let mut events = Vec::new();
        let mut hour = hours.to();
        while hour > hours.from() && events.len() < count {
            hour = hour.back(1);
            let mut objects = list(&bucket, hour).await?;
            objects.retain(|object| !self.is_watched(hour) || self.seen.contains(&identity(object)));
            // A replay brings events of other hours, and so does a repair.
            let of_other_hours = [layout::replay_prefix(hour), layout::reconciled_prefix(hour)];
            let (replays, others): (Vec<_>, Vec<_>) = objects
                .into_iter()
                .rev()
                .partition(|object| of_other_hours.iter().any(|prefix| object.key.starts_with(prefix)));
            for object in others.into_iter().chain(replays) {
                self.read(&bucket, &object, filter, &mut events).await?;
                events = in_order(events);
                events.drain(..events.len().saturating_sub(count));
                if events.len() == count {
                    break;
                }
            }
        }
        Ok(events)
    }

    /// The events that `filter` wants of the objects that have arrived since the last look that succeeded, in order.
    pub(super) async fn arrived(&mut self, now: DateTime<Utc>, filter: &Filter<'_>) -> Result<Vec<Event>> {
        let (bucket, now) = (self.bucket.clone(), Hour::of(now));
        let (mut events, mut known) = (Vec::new(), BTreeSet::new());
        for hour in self.looked.back(HOURS_WATCHED).until(now.next()) {
            for object in list(&bucket, hour).await? {
                if !self.seen.contains(&identity(&object)) {
                    self.read(&bucket, &object, filter, &mut events).await?;
                }
                known.insert(identity(&object));
            }
        }
        (self.seen, self.looked) = (known, now);
        Ok(in_order(events))
    }

    fn is_watched(&self, hour: Hour) -> bool {
        hour >= self.looked.back(HOURS_WATCHED)
    }

    /// Adds the events of an object. Lines that are no events are passed over: the compactor and `verify` name them.
    async fn read(
        &mut self,
        bucket: &Bucket,
        object: &ObjectMeta,
        filter: &Filter<'_>,
        events: &mut Vec<Event>,
    ) -> Result<()> {
        // An object that is gone by now was deleted.
        let Some((bytes, _)) = bucket.read(&object.key).await? else { return Ok(()) };
        let Ok(text) = Text::open(&object.key, &bytes, &mut self.inflater) else { return Ok(()) };
        let mut lines = Lines::new(text);
        while let Some(piece) = lines.next_piece() {
            if piece.begins && piece.end == End::Line {
                events.extend(Event::read(piece.bytes).filter(|event| filter.wants(event)));
            }
            if lines.is_bomb() {
                break;
            }
        }
        Ok(())
    }
}

/// What tells an object from one that was written over it.
fn identity(object: &ObjectMeta) -> (String, String) {
    (object.key.clone(), object.etag.clone())
}

/// The inputs of an hour, the oldest first, as Firehose names them.
async fn list(bucket: &Bucket, hour: Hour) -> Result<Vec<ObjectMeta>> {
    let mut objects = bucket.list(&layout::json_prefix(hour)).await?;
    objects.retain(|object| layout::hour_of_input(&object.key) == Some(hour));
    Ok(objects)
}

/// The events by when they happened, each once.
fn in_order(mut events: Vec<Event>) -> Vec<Event> {
    events.sort_by(|one, other| one.order().cmp(&other.order()));
    events.dedup_by(|one, other| !one.text("log_id").is_empty() && one.order() == other.order());
    events
}
