//! What the bucket and the catalog say, gathered in a few long listings.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Context;
use aws_sdk_glue::types::Table;
use catalog::{Catalog, CatalogError, JSON, PARQUET, Pointer};
use compactor::bucket::Bucket;
use compactor::manifest::Input;
use log_format::{Hour, layout};

/// Everything that is known before a manifest or a file is read.
#[derive(Debug, Default)]
pub(crate) struct Evidence {
    /// Every hour that has anything.
    pub(crate) hours: BTreeMap<Hour, HourEvidence>,
    /// Objects of ours that belong to no attempt.
    pub(crate) stray: Vec<Input>,
    /// Objects under `logs/` that no reader takes for an hour's.
    pub(crate) unread: Vec<Input>,
    /// Tables that are missing.
    pub(crate) missing_tables: Vec<&'static str>,
    /// The view.
    pub(crate) view: View,
    /// The bytes of `manifests/cut.json`.
    pub(crate) cut: Option<Vec<u8>>,
}

/// What there is of one hour.
#[derive(Debug, Default, Clone)]
pub(crate) struct HourEvidence {
    /// Its JSON objects.
    pub(crate) inputs: Vec<Input>,
    /// Its folders of Parquet.
    pub(crate) folders: BTreeMap<String, Vec<Input>>,
    /// The attempts that left rejected lines.
    pub(crate) rejected: BTreeSet<String>,
    /// Does it have a manifest?
    pub(crate) has_manifest: bool,
    /// What its Parquet partition says.
    pub(crate) pointer: Option<Pointer>,
    /// Where its JSON partition is.
    pub(crate) json_location: Option<String>,
}

/// What stands where the view should be.
#[derive(Debug, Default)]
pub(crate) enum View {
    #[default]
    Missing,
    NotOurs,
    Ours(Box<Table>),
}

impl Evidence {
    /// Gathers it. The projection is listed before the record, so that what arrives meanwhile is new, never gone.
    pub(crate) async fn gather(bucket: &Bucket, catalog: &Catalog) -> anyhow::Result<Evidence> {
        let mut evidence = Evidence::default();
        evidence.ask_catalog(catalog).await.context("could not tell: the catalog cannot be read")?;
        evidence.list(bucket).await.context("could not tell: the bucket cannot be read")?;
        Ok(evidence)
    }

    /// Leaves out the hours outside of `from` up to, not including, `to`.
    pub(crate) fn keep(&mut self, from: Hour, to: Hour) {
        self.hours.retain(|hour, _| (from..to).contains(hour));
    }

    /// Leaves out all hours but the last `count`.
    pub(crate) fn keep_last(&mut self, count: usize) {
        let first = self.hours.keys().rev().nth(count.saturating_sub(1)).or(self.hours.keys().next()).copied();
        self.hours.retain(|hour, _| first.is_some_and(|first| *hour >= first));
    }

    async fn list(&mut self, bucket: &Bucket) -> anyhow::Result<()> {
        for object in bucket.list(layout::PARQUET).await? {
            match layout::attempt_of(&object.key) {
                Some((hour, attempt)) => self.hour(hour).folders.entry(attempt).or_default().push(object),
                None => self.stray.push(object),
            }
        }
        for object in bucket.list(layout::REJECTED).await? {
            match layout::attempt_of(&object.key) {
                Some((hour, attempt)) => drop(self.hour(hour).rejected.insert(attempt)),
                None => self.stray.push(object),
            }
        }
        for object in bucket.list(layout::MANIFESTS).await? {
            if let Some(hour) = layout::hour_of_manifest(&object.key) {
                self.hour(hour).has_manifest = true;
            }
        }
        for object in bucket.list(layout::LOGS).await? {
            match layout::hour_of_input(&object.key) {
                Some(hour) => self.hour(hour).inputs.push(object),
                None => self.unread.push(object),
            }
        }
        self.cut = bucket.read(layout::WATERMARK).await?.map(|(bytes, _)| bytes.to_vec());
        Ok(())
    }

    async fn ask_catalog(&mut self, catalog: &Catalog) -> Result<(), CatalogError> {
        self.view = match catalog.view().await {
            Ok(Some(table)) => View::Ours(Box::new(table)),
            Ok(None) => View::Missing,
            Err(CatalogError::NameTaken { .. }) => View::NotOurs,
            Err(error) => return Err(error),
        };
        for name in [JSON, PARQUET] {
            if catalog.table(name).await?.is_none() {
                self.missing_tables.push(name);
            }
        }
        if !self.missing_tables.contains(&PARQUET) {
            for (hour, pointer) in catalog.parquet_pointers(Hour::EPOCH..).await? {
                self.hour(hour).pointer = Some(pointer);
            }
        }
        if !self.missing_tables.contains(&JSON) {
            for partition in catalog.partitions(JSON, Hour::EPOCH..).await? {
                if let Some(hour) = Hour::from_partition_values(partition.values()) {
                    let location = partition.storage_descriptor().and_then(|storage| storage.location());
                    self.hour(hour).json_location = Some(location.unwrap_or_default().to_string());
                }
            }
        }
        Ok(())
    }

    /// Is there this object of the event log?
    pub(crate) fn has_log(&self, key: &str) -> bool {
        let hour = layout::hour_of_input(key).and_then(|hour| self.hours.get(&hour));
        hour.is_some_and(|hour| hour.inputs.iter().any(|input| input.key == key))
    }

    fn hour(&mut self, hour: Hour) -> &mut HourEvidence {
        self.hours.entry(hour).or_default()
    }
}
