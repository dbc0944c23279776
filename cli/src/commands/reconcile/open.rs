//! The events that Auth0 has and that were not found in the bucket so far, and the counts by type.
//!
//! There may be as many as there are events, if a stream was made too late. So what is needed of each is 80 bytes, and its
//! JSON goes to a temporary file.

use std::collections::HashMap;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom, Write};

use anyhow::{Context, Result};
use chrono::{DateTime, Utc};
use serde::Serialize;

use super::cause::Cause;
use crate::auth0::Event;
use crate::held::Identity;

/// What became of the events of a type.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct TypeCounts {
    /// Events at Auth0.
    pub at_auth0: u64,
    /// Those of them that are in the bucket.
    pub in_bucket: u64,
    /// The others, by cause. What a repair brought counts as missing no more.
    pub not_in_bucket: std::collections::BTreeMap<Cause, u64>,
    /// Those that a repair brought; they are in the bucket.
    pub repaired: u64,
}

/// An event that was not found.
#[derive(Debug, Clone, Copy)]
pub(super) struct Open {
    /// Its type, as a place in the list of types.
    pub(super) kind: u32,
    /// When Auth0 logged it.
    pub(super) moment: DateTime<Utc>,
    /// The page that it came with.
    pub(super) page: u32,
    at: u64,
    bytes: u32,
}

/// All events of the window, by type, and those that were not found.
pub(super) struct Ledger {
    kinds: Vec<(String, TypeCounts)>,
    by_name: HashMap<String, u32>,
    pub(super) open: HashMap<Identity, Open>,
    spool: File,
    spooled: u64,
}

impl Ledger {
    pub(super) fn new() -> Result<Ledger> {
        let spool = tempfile::tempfile().context("failed to make a temporary file where TMPDIR says")?;
        Ok(Ledger { kinds: Vec::new(), by_name: HashMap::new(), open: HashMap::new(), spool, spooled: 0 })
    }

    /// The place of a type in the list of types.
    fn kind(&mut self, name: &str) -> u32 {
        if let Some(kind) = self.by_name.get(name) {
            return *kind;
        }
        let kind = self.kinds.len() as u32;
        self.kinds.push((name.to_owned(), TypeCounts::default()));
        self.by_name.insert(name.to_owned(), kind);
        kind
    }

    /// The name of a type.
    pub(super) fn name(&self, kind: u32) -> &str {
        self.kinds.get(kind as usize).map_or("", |(name, _)| name)
    }

    pub(super) fn counts(&mut self, kind: u32) -> &mut TypeCounts {
        &mut self.kinds[kind as usize].1
    }

    /// Counts an event that the bucket holds.
    pub(super) fn found(&mut self, event: &Event) {
        let kind = self.kind(&event.kind);
        let counts = self.counts(kind);
        counts.at_auth0 += 1;
        counts.in_bucket += 1;
    }

    /// Notes an event that was not found so far. Says nothing new of one that was noted before.
    pub(super) fn note(&mut self, identity: Identity, event: &Event, moment: DateTime<Utc>, page: u32) -> Result<()> {
        if self.open.contains_key(&identity) {
            return Ok(());
        }
        let json = event.json.get().as_bytes();
        self.spool.write_all(json).context("failed to write a temporary file where TMPDIR says")?;
        let kind = self.kind(&event.kind);
        self.counts(kind).at_auth0 += 1;
        self.open.insert(identity, Open { kind, moment, page, at: self.spooled, bytes: json.len() as u32 });
        self.spooled += json.len() as u64;
        Ok(())
    }

    /// The bucket holds this event: if it was noted, it is not open any more.
    pub(super) fn resolve(&mut self, identity: &Identity) -> bool {
        let Some(open) = self.open.remove(identity) else { return false };
        self.counts(open.kind).in_bucket += 1;
        true
    }

    /// The JSON of an event that was noted.
    pub(super) fn json(&mut self, open: &Open) -> Result<Vec<u8>> {
        let mut json = vec![0; open.bytes as usize];
        let read = self.spool.seek(SeekFrom::Start(open.at)).and_then(|_| self.spool.read_exact(&mut json));
        let end = self.spool.seek(SeekFrom::End(0));
        read.and(end).context("failed to read a temporary file")?;
        Ok(json)
    }

    /// The types by name.
    pub(super) fn into_types(self) -> std::collections::BTreeMap<String, TypeCounts> {
        self.kinds.into_iter().collect()
    }
}
