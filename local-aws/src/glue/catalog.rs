//! The catalog: in memory whole, and in a journal of its changes.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::path::Path;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::error::GlueError;
use crate::Clock;
use crate::journal::{Journal, JournalError};
use crate::seam::FailEntry;

/// The account that everything belongs to.
pub(crate) const CATALOG_ID: &str = "000000000000";

/// A database, table or partition as it is answered: what the client sent, and what Glue adds.
pub(super) type Entity = Map<String, Value>;

/// A database and its tables, by name.
#[derive(Debug, Default)]
pub(super) struct Database {
    pub(super) about: Entity,
    pub(super) tables: BTreeMap<String, Table>,
}

/// A table and its partitions, by their values.
#[derive(Debug, Default)]
pub(super) struct Table {
    pub(super) about: Entity,
    pub(super) partitions: BTreeMap<Vec<String>, Entity>,
    /// The descriptions that updates have replaced, by their version, the newest first.
    pub(super) archive: BTreeMap<Reverse<u64>, Entity>,
    /// Statistics by the partition's values, none for the table itself, and the column.
    pub(super) statistics: BTreeMap<(Vec<String>, String), Value>,
}

/// What a journal line says. An entity is put whole, with the names of what it is in.
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
    /// Keeps a table's description of an earlier version.
    PutVersion(Entity),
    DropVersion {
        database: String,
        table: String,
        version: u64,
    },
    /// Keeps a column's statistics; no values where they are the whole table's.
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

/// All databases.
pub(super) struct Catalog {
    databases: BTreeMap<String, Database>,
    journal: Journal,
    clock: Clock,
    /// The entry that is to fail if the call that is being answered is a batch.
    pub(super) failing: Option<FailEntry>,
}

impl Catalog {
    /// Replays the journal at `path` and writes it back without what has been overwritten since.
    pub(super) fn open(path: &Path, clock: Clock) -> Result<Catalog, JournalError> {
        let mut databases = BTreeMap::new();
        for change in Journal::read(path)? {
            apply(&mut databases, change);
        }
        let journal = Journal::rewrite(path, snapshot(&databases))?;
        Ok(Catalog { databases, journal, clock, failing: None })
    }

    /// An error if the entry at `index` of a batch of `count` is the one that is to fail.
    pub(super) fn let_entry_pass(&self, index: usize, count: usize) -> Result<(), GlueError> {
        match self.failing {
            Some(failing) if failing.is(index, count) => Err(GlueError::Injected),
            _ => Ok(()),
        }
    }

    /// Now, as Glue tells times: in seconds since 1970.
    pub(super) fn now(&self) -> Value {
        json!((self.clock)().timestamp())
    }

    /// Writes a change down, then makes it.
    pub(super) fn change(&mut self, change: Change) -> Result<(), GlueError> {
        self.journal.append(&change)?;
        apply(&mut self.databases, change);
        Ok(())
    }

    pub(super) fn databases(&self) -> &BTreeMap<String, Database> {
        &self.databases
    }

    pub(super) fn database(&self, name: &str) -> Result<&Database, GlueError> {
        self.databases.get(&fold(name)).ok_or_else(|| GlueError::no_database(name))
    }

    pub(super) fn table(&self, database: &str, name: &str) -> Result<&Table, GlueError> {
        let table = self.database(database)?.tables.get(&fold(name));
        table.ok_or_else(|| GlueError::no_table(name))
    }

    pub(super) fn partition(&self, database: &str, table: &str, values: &[String]) -> Result<&Entity, GlueError> {
        let partitions = &self.table(database, table)?.checked(values)?.partitions;
        partitions.get(values).ok_or(GlueError::NoPartition)
    }
}

impl Table {
    /// The changes that lead to this table from nothing.
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
        std::iter::once(Change::PutTable(self.about.clone())).chain(partitions).chain(archive).chain(statistics)
    }

    /// Every version that there is, the newest, which is the table's own, first.
    pub(super) fn versions(&self) -> BTreeMap<Reverse<u64>, &Entity> {
        let own = (Reverse(version(&self.about)), &self.about);
        self.archive.iter().map(|(version, about)| (*version, about)).chain([own]).collect()
    }

    /// The names and types of the partition keys.
    pub(super) fn keys(&self) -> Vec<(&str, &str)> {
        let keys = self.about.get("PartitionKeys").and_then(Value::as_array).map(Vec::as_slice);
        keys.unwrap_or_default().iter().map(|key| (text(key, "Name"), text(key, "Type"))).collect()
    }

    /// The table, if its partitions can have these values.
    pub(super) fn checked(&self, values: &[String]) -> Result<&Table, GlueError> {
        let keys = self.keys().len();
        if values.len() == keys {
            return Ok(self);
        }
        let message = "The number of partition keys do not match the number of partition values";
        Err(GlueError::Invalid(format!("{message}: {keys} and {}", values.len())))
    }
}

/// Names are told apart in lower case, as Hive does.
pub(super) fn fold(name: &str) -> String {
    name.to_lowercase()
}

/// The version that a table's description has.
pub(super) fn version(table: &Entity) -> u64 {
    name(table, "VersionId").parse().unwrap_or_default()
}

fn text<'a>(value: &'a Value, field: &str) -> &'a str {
    value.get(field).and_then(Value::as_str).unwrap_or_default()
}

/// A name in an entity; the calls see to it that it is there.
pub(super) fn name(entity: &Entity, field: &str) -> String {
    entity.get(field).and_then(Value::as_str).unwrap_or_default().to_owned()
}

/// Copies those of `fields` that `before` has to `after`.
pub(super) fn keep(before: &Entity, after: &mut Entity, fields: &[&str]) {
    for &field in fields {
        if let Some(value) = before.get(field) {
            after.insert(field.to_owned(), value.clone());
        }
    }
}

/// The values in a partition.
pub(super) fn values(partition: &Entity) -> Vec<String> {
    let values = partition.get("Values").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    values.iter().filter_map(|value| value.as_str().map(str::to_owned)).collect()
}

fn apply(databases: &mut BTreeMap<String, Database>, change: Change) {
    match change {
        Change::PutDatabase(about) => {
            let database = databases.entry(name(&about, "Name")).or_default();
            database.about = about;
        }
        Change::DropDatabase { database } => drop(databases.remove(&database)),
        Change::PutTable(about) => {
            let database = databases.entry(name(&about, "DatabaseName")).or_default();
            let table = database.tables.entry(name(&about, "Name")).or_default();
            table.archive.remove(&Reverse(version(&about)));
            table.about = about;
        }
        Change::DropTable { database, table } => {
            databases.entry(database).and_modify(|database| drop(database.tables.remove(&table)));
        }
        Change::PutPartition(about) => {
            let database = databases.entry(name(&about, "DatabaseName")).or_default();
            let table = database.tables.entry(name(&about, "TableName")).or_default();
            table.partitions.insert(values(&about), about);
        }
        Change::PutVersion(about) => {
            let (database, table) = (name(&about, "DatabaseName"), name(&about, "Name"));
            alter(databases, &database, &table, |table| drop(table.archive.insert(Reverse(version(&about)), about)));
        }
        Change::DropVersion { database, table, version } => {
            alter(databases, &database, &table, |table| drop(table.archive.remove(&Reverse(version))));
        }
        Change::DropPartition { database, table, values } => alter(databases, &database, &table, |table| {
            table.partitions.remove(&values);
            table.statistics.retain(|(of, _), _| *of != values);
        }),
        Change::PutStatistics { database, table, values, column, statistics } => {
            alter(databases, &database, &table, |table| drop(table.statistics.insert((values, column), statistics)));
        }
        Change::DropStatistics { database, table, values, column } => {
            alter(databases, &database, &table, |table| drop(table.statistics.remove(&(values, column))));
        }
    }
}

/// Changes a table, if it is there.
fn alter(databases: &mut BTreeMap<String, Database>, database: &str, table: &str, change: impl FnOnce(&mut Table)) {
    let table = databases.get_mut(database).and_then(|database| database.tables.get_mut(table));
    table.map(change);
}

/// The changes that lead to `databases` from nothing.
fn snapshot(databases: &BTreeMap<String, Database>) -> impl Iterator<Item = Change> {
    databases.iter().flat_map(|(database_name, database)| {
        let tables = database.tables.iter().flat_map(move |(name, table)| table.changes(database_name, name));
        std::iter::once(Change::PutDatabase(database.about.clone())).chain(tables)
    })
}
