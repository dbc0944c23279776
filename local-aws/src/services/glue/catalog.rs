//! The catalog: all of it in memory, and every change in a journal.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::error::GlueError;
use crate::clock::Clock;
use crate::folder::Folder;
use crate::journal::{Follower, Journal, JournalError, News};
use crate::seam::FailEntry;

/// The description of a database, table or partition: the fields that the client sent, and those that Glue adds.
pub(super) type Entity = Map<String, Value>;

/// A database and its tables by name.
#[derive(Debug, Default)]
pub(super) struct Database {
    pub(super) entity: Entity,
    pub(super) tables: BTreeMap<String, Table>,
}

/// A table and its partitions by values.
#[derive(Debug, Default)]
pub(super) struct Table {
    pub(super) entity: Entity,
    pub(super) partitions: BTreeMap<Vec<String>, Entity>,
    /// The descriptions that updates have replaced, by version. The newest comes first.
    pub(super) archive: BTreeMap<Reverse<u64>, Entity>,
    /// Statistics of columns, by the partition's values and the column. For those of the whole table the values are
    /// empty.
    pub(super) statistics: BTreeMap<(Vec<String>, String), Value>,
}

/// A line of the journal. An entity is put whole. It contains the names of its table and database.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Change {
    PutDatabase(Entity),
    DropDatabase {
        database: String,
    },
    PutTable(Entity),
    DropTable {
        database: String,
        table: String,
    },
    PutPartition(Entity),
    DropPartition {
        database: String,
        table: String,
        values: Vec<String>,
    },
    /// Archives the description of an earlier version of a table.
    PutVersion(Entity),
    DropVersion {
        database: String,
        table: String,
        version: u64,
    },
    /// Puts the statistics of a column. For those of the whole table `values` is empty.
    PutStatistics {
        database: String,
        table: String,
        values: Vec<String>,
        column: String,
        statistics: Value,
    },
    DropStatistics {
        database: String,
        table: String,
        values: Vec<String>,
        column: String,
    },
}

/// All databases and their journal.
pub(super) struct Catalog {
    databases: BTreeMap<String, Database>,
    journal: Journal,
    follower: Follower,
    /// How often another process was seen to have changed it.
    pub(super) changes_seen: u64,
    clock: Clock,
    /// The entry that must fail if the current call is a batch.
    pub(super) failing: Option<FailEntry>,
}

impl Catalog {
    /// Replays the journal `name` in `folder` and writes it back without overwritten entities.
    pub(super) fn open(folder: &Folder, name: &str, clock: Clock) -> Result<Catalog, JournalError> {
        let (mut databases, mut follower) = (BTreeMap::new(), Follower::default());
        for change in follower.read(folder, name)?.map(News::into_records).unwrap_or_default() {
            apply(&mut databases, change);
        }
        let journal = Journal::rewrite(folder, name, snapshot(&databases))?;
        Ok(Catalog { databases, journal, follower, changes_seen: 0, clock, failing: None })
    }

    /// Reads what another process has written. In a folder that is open to be written there is no other.
    pub(super) fn follow(&mut self, folder: &Folder, name: &str) -> Result<(), JournalError> {
        if self.journal.is_writable() {
            return Ok(());
        }
        let Some(news) = self.follower.read(folder, name)? else { return Ok(()) };
        self.changes_seen += 1;
        if matches!(news, News::Anew(_)) {
            self.databases.clear();
        }
        for change in news.into_records() {
            apply(&mut self.databases, change);
        }
        Ok(())
    }

    /// An error if the entry at `index` of a batch of `count` must fail.
    pub(super) fn check_entry(&self, index: usize, count: usize) -> Result<(), GlueError> {
        match self.failing {
            Some(failing) if failing.is(index, count) => Err(GlueError::Injected),
            _ => Ok(()),
        }
    }

    /// The present moment in seconds since 1970, as in Glue's answers.
    pub(super) fn now(&self) -> Value {
        json!((self.clock)().timestamp())
    }

    /// Appends a change to the journal, then applies it.
    pub(super) fn change(&mut self, change: Change) -> Result<(), GlueError> {
        self.journal.append(&change)?;
        apply(&mut self.databases, change);
        Ok(())
    }

    pub(super) fn databases(&self) -> &BTreeMap<String, Database> {
        &self.databases
    }

    pub(super) fn database(&self, name: &str) -> Result<&Database, GlueError> {
        self.databases.get(&fold_name(name)).ok_or_else(|| GlueError::no_database(name))
    }

    pub(super) fn table(&self, database: &str, name: &str) -> Result<&Table, GlueError> {
        let table = self.database(database)?.tables.get(&fold_name(name));
        table.ok_or_else(|| GlueError::no_table(name))
    }

    pub(super) fn partition(&self, database: &str, table: &str, values: &[String]) -> Result<&Entity, GlueError> {
        let partitions = &self.table(database, table)?.checked(values)?.partitions;
        partitions.get(values).ok_or(GlueError::NoPartition)
    }
}

impl Table {
    /// The changes that make this table from nothing.
    fn changes(&self, database: &str, table: &str) -> impl Iterator<Item = Change> {
        let partitions = self.partitions.values().cloned().map(Change::PutPartition);
        let archive = self.archive.values().cloned().map(Change::PutVersion);
        let statistics = self.statistics.iter().map(move |((values, column), statistics)| Change::PutStatistics {
            database: database.to_owned(),
            table: table.to_owned(),
            values: values.clone(),
            column: column.clone(),
            statistics: statistics.clone(),
        });
        std::iter::once(Change::PutTable(self.entity.clone())).chain(partitions).chain(archive).chain(statistics)
    }

    /// All versions, the newest first. The newest is the current one.
    pub(super) fn versions(&self) -> BTreeMap<Reverse<u64>, &Entity> {
        let current = (Reverse(version(&self.entity)), &self.entity);
        self.archive.iter().map(|(version, entity)| (*version, entity)).chain([current]).collect()
    }

    /// The names and types of the partition keys.
    pub(super) fn keys(&self) -> Vec<(&str, &str)> {
        let keys = self.entity.get("PartitionKeys").and_then(Value::as_array).map(Vec::as_slice);
        keys.unwrap_or_default().iter().map(|key| (text(key, "Name"), text(key, "Type"))).collect()
    }

    /// The table. An error if the count of values is not that of its partition keys.
    pub(super) fn checked(&self, values: &[String]) -> Result<&Table, GlueError> {
        let keys = self.keys().len();
        if values.len() == keys {
            return Ok(self);
        }
        let message = "The number of partition keys do not match the number of partition values";
        Err(GlueError::Invalid(format!("{message}: {keys} and {}", values.len())))
    }
}

/// The name in lower case. Names that differ in case only are the same, as in Hive.
pub(super) fn fold_name(name: &str) -> String {
    name.to_lowercase()
}

/// The version of a table's description.
pub(super) fn version(table: &Entity) -> u64 {
    name(table, "VersionId").parse().unwrap_or_default()
}

fn text<'a>(value: &'a Value, field: &str) -> &'a str {
    value.get(field).and_then(Value::as_str).unwrap_or_default()
}

/// A field of an entity that is a string. Calls check that names are present.
pub(super) fn name(entity: &Entity, field: &str) -> String {
    entity.get(field).and_then(Value::as_str).unwrap_or_default().to_owned()
}

/// Copies `fields` from `before` to `after`, as far as `before` has them.
pub(super) fn copy_fields(before: &Entity, after: &mut Entity, fields: &[&str]) {
    for &field in fields {
        if let Some(value) = before.get(field) {
            after.insert(field.to_owned(), value.clone());
        }
    }
}

/// The values of a partition.
pub(super) fn values(partition: &Entity) -> Vec<String> {
    let values = partition.get("Values").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    values.iter().filter_map(|value| value.as_str().map(str::to_owned)).collect()
}

fn apply(databases: &mut BTreeMap<String, Database>, change: Change) {
    match change {
        Change::PutDatabase(entity) => {
            let database = databases.entry(name(&entity, "Name")).or_default();
            database.entity = entity;
        }
        Change::DropDatabase { database } => drop(databases.remove(&database)),
        Change::PutTable(entity) => {
            let database = databases.entry(name(&entity, "DatabaseName")).or_default();
            let table = database.tables.entry(name(&entity, "Name")).or_default();
            table.archive.remove(&Reverse(version(&entity)));
            table.entity = entity;
        }
        Change::DropTable { database, table } => {
            databases.entry(database).and_modify(|database| drop(database.tables.remove(&table)));
        }
        Change::PutPartition(entity) => {
            let database = databases.entry(name(&entity, "DatabaseName")).or_default();
            let table = database.tables.entry(name(&entity, "TableName")).or_default();
            table.partitions.insert(values(&entity), entity);
        }
        Change::PutVersion(entity) => {
            let (database, table) = (name(&entity, "DatabaseName"), name(&entity, "Name"));
            change_table(databases, &database, &table, |table| {
                drop(table.archive.insert(Reverse(version(&entity)), entity))
            });
        }
        Change::DropVersion { database, table, version } => {
            change_table(databases, &database, &table, |table| drop(table.archive.remove(&Reverse(version))));
        }
        Change::DropPartition { database, table, values } => change_table(databases, &database, &table, |table| {
            table.partitions.remove(&values);
            table.statistics.retain(|(of, _), _| *of != values);
        }),
        Change::PutStatistics { database, table, values, column, statistics } => {
            change_table(databases, &database, &table, |table| {
                drop(table.statistics.insert((values, column), statistics))
            });
        }
        Change::DropStatistics { database, table, values, column } => {
            change_table(databases, &database, &table, |table| drop(table.statistics.remove(&(values, column))));
        }
    }
}

/// Changes a table, if it exists.
fn change_table(
    databases: &mut BTreeMap<String, Database>,
    database: &str,
    table: &str,
    change: impl FnOnce(&mut Table),
) {
    let table = databases.get_mut(database).and_then(|database| database.tables.get_mut(table));
    table.map(change);
}

/// The changes that make `databases` from nothing.
fn snapshot(databases: &BTreeMap<String, Database>) -> impl Iterator<Item = Change> {
    databases.iter().flat_map(|(database_name, database)| {
        let tables = database.tables.iter().flat_map(move |(name, table)| table.changes(database_name, name));
        std::iter::once(Change::PutDatabase(database.entity.clone())).chain(tables)
    })
}
