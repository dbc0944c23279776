//! Puts what is missing into the event log: one object for each page that Auth0 gave, with a marker that goes before it.
//!
//! The marker names the log_ids of its lines. A run that ends between the two leaves a marker without an object; the next one
//! finds these events missing again, and puts them where the marker says.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use anyhow::Result;
use compactor::bucket::Bucket;
use compactor::clock::WallClock;
use log_format::{Hour, Object, layout, log_id};
use projection::manifest::ObjectMeta;
use serde::Serialize;
use sha2::{Digest, Sha256};

use super::open::{Ledger, Open};
use super::window::Window;
use crate::commands::replay::error_records::ErrorRecords;
use crate::commands::replay::marker::{Found, Marker, Markers, OF_AUTH0};
use crate::commands::replay::write::{Written, write};
use crate::deployment::Deployment;
use crate::held::{Held, Identity, Reader};

/// The field that an event from the API gets, in `extra`. It is an exception to F1: Auth0 did not write it.
const SOURCE_FIELD: &str = r#""_source":"management-api""#;
/// The first bytes of a digest, which are written as 32 hexadecimal digits.
const DIGEST_BYTES: usize = 16;

/// What a repair did.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Repaired {
    /// Events that it brought.
    pub events: u64,
    /// Objects that it wrote.
    pub objects: u64,
    /// The hours of these objects.
    pub hours: BTreeSet<Hour>,
    /// What it could not bring, and why.
    pub troubles: Vec<String>,
}

/// Events that go into one object.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Group {
    /// Those of a marker whose object was never written.
    OfMarker(String),
    /// Those of a page.
    OfPage(u32),
}

/// A repair.
pub(super) struct Repair<'a> {
    deployment: &'a Deployment,
    tenant: &'a str,
    clock: WallClock,
    markers: Markers,
    /// The markers whose objects are as they were written.
    whole: HashSet<String>,
    /// The marker that promises each event.
    promised: HashMap<Identity, Arc<str>>,
    done: Repaired,
}

impl<'a> Repair<'a> {
    /// A repair of what is missing of `tenant`.
    ///
    /// # Errors
    ///
    /// If S3 refuses a call.
    pub(super) async fn new(deployment: &'a Deployment, tenant: &'a str, clock: WallClock) -> Result<Repair<'a>> {
        let prefix = format!("{}{OF_AUTH0}{tenant}/", layout::REPLAYED);
        let markers = Markers::read(&deployment.bucket, &prefix).await?;
        let found = markers.found(&deployment.bucket).await?;
        let whole = found.into_iter().filter(|(_, found)| *found == Found::Whole).map(|(source, _)| source).collect();
        let mut promised = HashMap::new();
        for marker in markers.by_source.values() {
            let source: Arc<str> = marker.source.as_str().into();
            promised.extend(marker.log_ids.iter().map(|id| (Identity::of_log_id(id), Arc::clone(&source))));
        }
        Ok(Repair { deployment, tenant, clock, markers, whole, promised, done: Repaired::default() })
    }

    /// Brings the `missing` events of `ledger`, and says which of them the bucket holds then.
    ///
    /// # Errors
    ///
    /// If S3 or Glue refuses a call. What was done stays done; run it again.
    pub(super) async fn run(
        mut self,
        ledger: &mut Ledger,
        missing: &[Identity],
        compared: Window,
    ) -> Result<(Repaired, HashSet<Identity>)> {
        self.settle_markers(ledger, compared).await?;
        self.register_whole().await?;
        for (group, events) in self.groups(ledger, missing) {
            self.bring(&group, &events, ledger).await?;
        }
        let brought = self.read_back(missing).await?;
        self.done.events = missing.iter().filter(|event| brought.contains(event)).count() as u64;
        Ok((self.done, brought))
    }

    fn bucket(&self) -> &'a Bucket {
        &self.deployment.bucket
    }

    /// The missing events by the object that they go into. Those that another run has brought meanwhile are left out.
    fn groups(&self, ledger: &Ledger, missing: &[Identity]) -> BTreeMap<Group, Vec<Open>> {
        let mut groups: BTreeMap<Group, Vec<Open>> = BTreeMap::new();
        for identity in missing {
            let Some(open) = ledger.open.get(identity) else { continue };
            let group = match self.promised.get(identity) {
                Some(source) if self.whole.contains(&**source) => continue,
                Some(source) => Group::OfMarker(source.to_string()),
                None => Group::OfPage(open.page),
            };
            groups.entry(group).or_default().push(*open);
        }
        groups
    }

    /// Writes the marker and the object of a group.
    async fn bring(&mut self, group: &Group, events: &[Open], ledger: &mut Ledger) -> Result<()> {
        let mut by_id = BTreeMap::new();
        for open in events {
            let json = ledger.json(open)?;
            by_id.insert(log_id_of(&json), json);
        }
        let (mut records, mut log_ids) = (ErrorRecords::default(), Vec::new());
        for (log_id, json) in by_id {
            match records.add_record(&envelope(&log_id, &json)) {
                Ok(()) => log_ids.push(log_id),
                Err(why) => self.done.troubles.push(format!("the event {log_id} cannot be stored: {why}")),
            }
        }
        if log_ids.is_empty() {
            return Ok(());
        }
        let (source, etag) = match group {
            Group::OfMarker(source) => (source.clone(), self.markers.by_source[source].etag.clone()),
            Group::OfPage(_) => {
                let digest = hex::encode(&Sha256::digest(log_ids.join("\n"))[..DIGEST_BYTES]);
                (format!("{OF_AUTH0}{}/{digest}", self.tenant), digest)
            }
        };
        let marker = Marker { log_ids, ..Marker::new(&source, &etag, &records, (self.clock)()) };
        self.write(marker, &records.lines).await
    }

    async fn write(&mut self, marker: Marker, lines: &[u8]) -> Result<()> {
        match write(self.bucket(), marker, lines).await? {
            Written::There { marker, new } => {
                self.done.objects += u64::from(new);
                if marker.object.is_some() && self.done.hours.insert(marker.hour) {
                    self.deployment.catalog.ensure_json_partition(marker.hour).await?;
                }
            }
            Written::Not(why) => self.done.troubles.push(why),
        }
        Ok(())
    }

    /// A marker without an object, whose events have all come by another way since, is to say so.
    async fn settle_markers(&mut self, ledger: &Ledger, compared: Window) -> Result<()> {
        let is_within = |id: &String| {
            let moment = log_id::moment_of(id);
            moment.is_some_and(|moment| compared.from <= moment && moment < compared.to)
        };
        let is_open = |id: &String| ledger.open.contains_key(&Identity::of_log_id(id));
        let unfinished = self.markers.by_source.values().filter(|marker| !self.whole.contains(&marker.source));
        let settled = unfinished.filter(|it| it.log_ids.iter().all(|id| is_within(id) && !is_open(id)));
        for first in settled.cloned().collect::<Vec<_>>() {
            let marker = Marker::new(&first.source, &first.etag, &ErrorRecords::default(), (self.clock)());
            self.write(Marker { log_ids: first.log_ids, ..marker }, b"").await?;
        }
        Ok(())
    }

    /// Makes the partitions of the hours that earlier runs have written to: one may have ended before it did that.
    async fn register_whole(&self) -> Result<()> {
        for hour in self.hours_of_whole() {
            self.deployment.catalog.ensure_json_partition(hour).await?;
        }
        Ok(())
    }

    fn hours_of_whole(&self) -> BTreeSet<Hour> {
        let whole = self.markers.by_source.values().filter(|it| it.object.is_some() && self.whole.contains(&it.source));
        whole.map(|marker| marker.hour).collect()
    }

    /// The events in the objects that this run has written, read from the bucket; and in those of others if one has brought some
    /// of the `missing` events meanwhile.
    async fn read_back(&self, missing: &[Identity]) -> Result<HashSet<Identity>> {
        let (mut reader, mut brought) = (Reader::new(self.bucket(), true), HashSet::new());
        let by_others = missing.iter().filter_map(|it| self.promised.get(it)).any(|it| self.whole.contains(&**it));
        let mut hours = self.done.hours.clone();
        hours.extend(self.hours_of_whole().into_iter().filter(|_| by_others));
        for hour in &hours {
            let objects: Vec<ObjectMeta> = self.bucket().list(&layout::reconciled_prefix(*hour)).await?;
            let mut take = |line: Held<'_>| {
                brought.insert(line.identity);
            };
            reader.read_objects(&objects, &mut take).await?;
        }
        Ok(brought)
    }
}

fn log_id_of(json: &[u8]) -> String {
    let event = Object::parse(json).unwrap_or_default();
    let text = |name| event.get(name).and_then(|value| serde_json::from_str::<String>(value).ok());
    text("log_id").or_else(|| text("_id")).unwrap_or_default()
}

/// The envelope that EventBridge would have made around an event, as far as the transform reads it.
fn envelope(log_id: &str, json: &[u8]) -> Vec<u8> {
    let json = String::from_utf8_lossy(json);
    // An event has a log_id, so a field stands before the brace that ends it.
    let fields = json.trim().strip_suffix('}').unwrap_or("{");
    let log_id = serde_json::Value::from(log_id);
    format!(r#"{{"detail":{{"log_id":{log_id},"data":{fields},{SOURCE_FIELD}}}}}}}"#).into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_of_the_api_says_so_in_its_line() {
        let json = br#" {"log_id":"1","type":"s","details":{"a":{}}} "#;
        let line = transform::batch::line(&envelope("1", json)).unwrap();
        assert_eq!(
            String::from_utf8(line).unwrap(),
            "{\"log_id\":\"1\",\"type\":\"s\",\"details\":\"{\\\"a\\\":{}}\",\"extra\":\"{\\\"_source\\\":\\\"management-api\\\"}\"}\n"
        );
        let id_alone = transform::batch::line(&envelope("7", br#"{"_id":"7","type":"s"}"#)).unwrap();
        assert!(String::from_utf8(id_alone).unwrap().starts_with("{\"log_id\":\"7\",\"type\":\"s\""));
    }
}
