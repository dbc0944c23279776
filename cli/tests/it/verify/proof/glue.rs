//! Single damages to the catalog, by walking what Glue holds along the shapes that Glue accepts.

use std::collections::BTreeMap;

use local_aws::LocalAws;
use serde_json::{Map, Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::Damage;
use super::oracle::{self, Effect, PARAMETERS};

/// Structures, lists and types by their names, as botocore's model of the wire has them.
const SHAPES: &str = include_str!("glue_shapes.json");
const DATABASE: &str = "auth0_event_logs";
/// The tables, and whether each is a view.
pub(super) const TABLES: [(&str, bool); 4] =
    [("auth0_logs_json", false), ("auth0_logs_parquet", false), (DAILY, false), ("auth0_logs", true)];
/// The table whose partitions have one value.
const DAILY: &str = "auth0_logs_daily";

/// Calls Glue as JSON on the wire, so that fields can be sent that no client knows.
pub(super) struct Wire(TcpListener);

impl Wire {
    pub(super) async fn new() -> Wire {
        Wire(TcpListener::bind("127.0.0.1:0").await.unwrap())
    }

    /// Makes one call over HTTP. An error is Glue's answer.
    pub(super) async fn call(self, aws: &LocalAws, name: &str, input: &Value) -> Result<Value, String> {
        let address = self.0.local_addr().unwrap();
        let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
        let server = aws.clone();
        let serving = tokio::spawn(async move {
            let _ = server.serve(self.0, async { drop(stopped.await) }).await;
        });
        let body = input.to_string();
        let head = format!(
            "POST / HTTP/1.1\r\nhost: {address}\r\nx-amz-target: AWSGlue.{name}\r\n\
             content-type: application/x-amz-json-1.1\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
            body.len()
        );
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all((head + &body).as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await.unwrap();
        let _ = stop.send(());
        serving.await.unwrap();
        let answer = String::from_utf8(answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        if head.starts_with("HTTP/1.1 200 ") { Ok(serde_json::from_str(body).unwrap()) } else { Err(body.to_string()) }
    }
}

/// A call over a connection of its own.
pub(super) async fn call(aws: &LocalAws, name: &str, input: &Value) -> Result<Value, String> {
    Wire::new().await.call(aws, name, input).await
}

/// What the catalog holds, in the words of the wire.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Catalog {
    /// Each table, with the members that a caller can write.
    pub(super) tables: BTreeMap<String, Value>,
    /// The partitions of each table.
    pub(super) partitions: BTreeMap<String, Vec<Value>>,
}

impl Catalog {
    pub(super) async fn read(aws: &LocalAws) -> Catalog {
        let (mut tables, mut partitions) = (BTreeMap::new(), BTreeMap::new());
        for (name, is_view) in TABLES {
            let input = json!({"DatabaseName": DATABASE, "Name": name});
            let Ok(found) = call(aws, "GetTable", &input).await else { continue };
            tables.insert(name.to_string(), written(&found["Table"], "TableInput"));
            if is_view {
                continue;
            }
            let found =
                call(aws, "GetPartitions", &json!({"DatabaseName": DATABASE, "TableName": name})).await.unwrap();
            let found = found["Partitions"].as_array().unwrap().iter();
            let mut found: Vec<Value> = found.map(|partition| written(partition, "PartitionInput")).collect();
            found.sort_by_key(|partition| partition["Values"].to_string());
            partitions.insert(name.to_string(), found);
        }
        Catalog { tables, partitions }
    }
}

/// The members of a structure that a caller writes.
fn written(found: &Value, shape: &str) -> Value {
    let shapes: Value = serde_json::from_str(SHAPES).unwrap();
    let members = shapes[shape].as_object().unwrap();
    let kept = found.as_object().unwrap().iter().filter(|(name, _)| members.contains_key(*name));
    Value::Object(kept.map(|(name, value)| (name.clone(), value.clone())).collect())
}

/// Every single damage to the catalog.
pub(super) fn damages(catalog: &Catalog) -> Vec<Damage> {
    let mut damages = Vec::new();
    for (name, is_view) in TABLES {
        let table = &catalog.tables[name];
        for change in changes("TableInput", table) {
            // A table of another name is another table.
            if change.path != "Name" {
                let input = json!({"DatabaseName": DATABASE, "TableInput": change.value});
                damages.push(change.damage(name, is_view, "UpdateTable", input));
            }
        }
        let input = json!({"DatabaseName": DATABASE, "Name": name});
        damages.push(Damage::of_glue(format!("{name} dropped"), "", "DeleteTable", input, Effect::Mended));
        for partition in catalog.partitions.get(name).into_iter().flatten() {
            damages.extend(of_partition(name, partition));
        }
    }
    damages.extend(foreign_partitions(catalog));
    let input = json!({"Name": DATABASE});
    damages.push(Damage::of_glue("database dropped".into(), "", "DeleteDatabase", input, Effect::Mended));
    damages
}

fn of_partition(table: &str, partition: &Value) -> Vec<Damage> {
    let values = &partition["Values"];
    let update = |change: Change| {
        let input = json!({
            "DatabaseName": DATABASE,
            "TableName": table,
            "PartitionValueList": values,
            "PartitionInput": change.value,
        });
        change.damage(&format!("partition of {table}"), false, "UpdatePartition", input)
    };
    let mut damages: Vec<Damage> = changes("PartitionInput", partition).into_iter().map(update).collect();
    let input = json!({"DatabaseName": DATABASE, "TableName": table, "PartitionValues": values});
    let kind = format!("partition of {table} dropped");
    damages.push(Damage::of_glue(kind, &values.to_string(), "DeletePartition", input, Effect::Mended));
    damages
}

/// Partitions that are one too many: of values that are no hour or day, or of one that has nothing, over the folder of another.
fn foreign_partitions(catalog: &Catalog) -> Vec<Damage> {
    let hours = [
        ["2025-03-01", "7"],
        ["2025-03-01", "07 "],
        ["2025-03-01", "24"],
        ["2025-03-01", "x"],
        ["2025-03-02", "07"],
        ["2025-3-1", "07"],
        ["2025-02-30", "07"],
        ["today", "07"],
        ["1969-12-31", "23"],
        ["2099-01-01", "00"],
    ];
    let days = ["2025-03-02", "2025-2-27", "2025-02-27 ", "2025-02-30", "today", "1969-12-31", "2099-01-01"];
    let (hours, days) = (hours.map(|values| json!(values)).to_vec(), days.map(|value| json!([value])).to_vec());
    let mut damages = Vec::new();
    for (table, partitions) in &catalog.partitions {
        for partition in partitions {
            for values in if table == DAILY { &days } else { &hours } {
                let mut input = partition.clone();
                input["Values"] = values.clone();
                let kind = format!("partition of {table} too many, {values}");
                let what = partition["Values"].to_string();
                let input = json!({"DatabaseName": DATABASE, "TableName": table, "PartitionInput": input});
                damages.push(Damage::of_glue(kind, &what, "CreatePartition", input, Effect::Mended));
            }
        }
    }
    damages
}

/// A structure with one change.
struct Change {
    /// Where, with `[]` for a place in a list.
    path: String,
    /// Which place of a list.
    place: String,
    /// How.
    change: &'static str,
    value: Value,
}

impl Change {
    fn damage(self, root: &str, is_view: bool, call: &'static str, input: Value) -> Damage {
        let effect = oracle::of_glue(is_view, &self.path, self.change);
        Damage::of_glue(format!("{root}: {} {}", self.path, self.change), &self.place, call, input, effect)
    }
}

/// Every change of one place of a structure.
fn changes(root: &str, value: &Value) -> Vec<Change> {
    let shapes: Map<String, Value> = serde_json::from_str(SHAPES).unwrap();
    let mut changes = Vec::new();
    Walk { shapes: &shapes, changes: &mut changes }.walk(root, value, "", "", &|changed| changed);
    changes
}

struct Walk<'a> {
    shapes: &'a Map<String, Value>,
    changes: &'a mut Vec<Change>,
}

impl Walk<'_> {
    /// Adds the changes of `value`, which has this shape. `whole` puts a changed value in its place.
    fn walk(&mut self, shape: &str, value: &Value, path: &str, place: &str, whole: &dyn Fn(Value) -> Value) {
        match &self.shapes[shape].clone() {
            Value::Object(members) => self.structure(members, value, path, place, whole),
            Value::Array(member) => self.list(member[0].as_str().unwrap(), value, path, place, whole),
            Value::String(kind) if kind == "map" => self.map(value, path, place, whole),
            _ => {
                for (change, changed) in scalars(value) {
                    self.add(path, place, change, whole(changed));
                }
            }
        }
    }

    fn add(&mut self, path: &str, place: &str, change: &'static str, value: Value) {
        self.changes.push(Change { path: path.to_string(), place: place.to_string(), change, value });
    }

    fn structure(
        &mut self,
        members: &Map<String, Value>,
        value: &Value,
        path: &str,
        place: &str,
        whole: &dyn Fn(Value) -> Value,
    ) {
        for (name, shape) in members {
            let shape = shape.as_str().unwrap();
            let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
            let with = |member: Option<Value>| {
                let mut changed = value.clone();
                match member {
                    Some(member) => changed[name] = member,
                    None => drop(changed.as_object_mut().unwrap().remove(name)),
                }
                whole(changed)
            };
            match value.get(name) {
                None => {
                    let sample = self.sample(shape);
                    self.add(&path, place, "added", with(Some(sample)));
                }
                Some(member) => {
                    // What is empty says as much as what is missing.
                    if ![json!(""), json!([]), json!({}), json!(false), json!(0)].contains(member) {
                        self.add(&path, place, "removed", with(None));
                    }
                    self.walk(shape, member, &path, place, &|changed| with(Some(changed)));
                }
            }
        }
    }

    fn list(&mut self, member: &str, value: &Value, path: &str, place: &str, whole: &dyn Fn(Value) -> Value) {
        let items = value.as_array().unwrap();
        let Some(last) = items.len().checked_sub(1) else { return };
        let mut with = |change, edit: &dyn Fn(&mut Vec<Value>)| {
            let mut changed = items.clone();
            edit(&mut changed);
            self.changes.push(Change {
                path: path.to_string(),
                place: place.to_string(),
                change,
                value: whole(Value::Array(changed)),
            });
        };
        with("without its first", &|items| drop(items.remove(0)));
        with("emptied", &|items| items.clear());
        with("with its last twice", &|items| items.push(items[items.len() - 1].clone()));
        if last > 0 {
            with("without its last", &|items| drop(items.pop()));
            with("with two swapped", &|items| items.swap(0, 1));
        }
        let path = format!("{path}[]");
        for at in std::collections::BTreeSet::from([0, last / 2, last]) {
            self.walk(member, &items[at], &path, &format!("{place}[{at}]"), &|changed| {
                let mut items = items.clone();
                items[at] = changed;
                whole(Value::Array(items))
            });
        }
    }

    fn map(&mut self, value: &Value, path: &str, place: &str, whole: &dyn Fn(Value) -> Value) {
        let entries = value.as_object().unwrap();
        for (name, text) in entries {
            let path = format!("{path}.{name}");
            let mut without = entries.clone();
            without.remove(name);
            self.add(&path, place, "removed", whole(Value::Object(without)));
            for (change, changed) in scalars(text) {
                let mut with = entries.clone();
                with.insert(name.clone(), changed);
                self.add(&path, place, change, whole(Value::Object(with)));
            }
        }
        for (name, _) in PARAMETERS.iter().filter(|(name, _)| !entries.contains_key(*name)) {
            let mut with = entries.clone();
            with.insert(name.to_string(), json!("true"));
            self.add(&format!("{path}.{name}"), place, "added", whole(Value::Object(with)));
        }
    }

    /// A value of this shape, where there was none.
    fn sample(&self, shape: &str) -> Value {
        match &self.shapes[shape] {
            Value::Object(members) => {
                let members = members.iter().map(|(name, shape)| (name, shape.as_str().unwrap()));
                let shallow = members.filter(|(_, shape)| !self.shapes[*shape].is_object());
                shallow.map(|(name, shape)| (name.clone(), self.sample(shape))).collect()
            }
            Value::Array(member) => json!([self.sample(member[0].as_str().unwrap())]),
            Value::String(kind) => match kind.as_str() {
                "map" => json!({"nobody.knows.this": "true"}),
                "integer" | "long" | "timestamp" => json!(1),
                "boolean" => json!(true),
                _ => json!("other"),
            },
            other => panic!("{other}"),
        }
    }
}

/// Other values of the same type.
fn scalars(value: &Value) -> Vec<(&'static str, Value)> {
    match value {
        Value::String(text) if text.is_empty() => vec![("changed", json!("x"))],
        Value::String(text) => vec![("changed", json!(format!("{text}x"))), ("emptied", json!(""))],
        Value::Bool(yes) => vec![("changed", json!(!yes))],
        Value::Number(number) => vec![("changed", json!(number.as_f64().unwrap() as i64 + 1))],
        _ => Vec::new(),
    }
}
