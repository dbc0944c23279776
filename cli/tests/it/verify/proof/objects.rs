//! Single damages to the objects of the bucket: their bytes, the fields of those that are JSON, and objects that are one too
//! many.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::oracle::{self, Effect};
use super::{Action, Damage};

/// The objects of a bucket: key and bytes.
pub(super) type Objects = Vec<(String, Vec<u8>)>;

/// Every single damage to the objects. `live` says which folders and closed hours are in use.
pub(super) fn damages(objects: &Objects, live: &BTreeSet<String>) -> Vec<Damage> {
    let mut damages = Vec::new();
    for (key, bytes) in objects {
        let in_use = live.iter().any(|prefix| key.starts_with(prefix.as_str()));
        let of_kind = |change: String, action: Action| {
            let name = change.split(':').next().unwrap_or_default().to_string();
            let effect = oracle::of_object(key, in_use, &name)?;
            Some(Damage { kind: format!("{}: {name}", kind_of(key)), what: format!("{key}: {change}"), action, effect })
        };
        damages.extend(of_kind("deleted".to_string(), Action::Delete(key.clone())));
        let of_fields = key.ends_with(".json");
        let edits = if of_fields { fields(bytes) } else { edits(bytes) };
        for (change, changed) in edits.into_iter().filter(|(_, changed)| changed != bytes) {
            // Nothing but a reading of every line shows that an object of the event log rots.
            if changed.len() == bytes.len() && (!key.starts_with("logs/") || key.contains("/replay-")) {
                damages.extend(of_kind(format!("rot, {change}"), Action::Rot(key.clone(), changed.clone())));
            }
            damages.extend(of_kind(change, Action::Put(key.clone(), changed)));
        }
    }
    damages.extend(swaps(objects, live));
    damages.extend(too_many(objects));
    damages
}

/// `manifests/….json` for the key of a manifest.
fn kind_of(key: &str) -> String {
    let name = key.rsplit('/').next().unwrap_or_default();
    let kind = match key.split('/').next().unwrap_or_default() {
        "manifests" if name == "watermark.json" => "watermark",
        "manifests" if name == "day.json" => "manifest of a day",
        "logs" if name.starts_with("replay-") => "replayed lines",
        prefix => prefix,
    };
    kind.to_string()
}

/// Other bytes.
fn edits(bytes: &[u8]) -> Vec<(String, Vec<u8>)> {
    let mut edits = vec![
        ("emptied".to_string(), Vec::new()),
        ("cut in half".to_string(), bytes[..bytes.len() / 2].to_vec()),
        ("without its last byte".to_string(), bytes[..bytes.len() - 1].to_vec()),
        ("with a byte more".to_string(), [bytes, b"x"].concat()),
        ("twice".to_string(), [bytes, bytes].concat()),
    ];
    for (name, at) in [("first", 0), ("middle", bytes.len() / 2), ("last", bytes.len() - 1)] {
        for bit in [1, 64] {
            let mut changed = bytes.to_vec();
            changed[at] ^= bit;
            edits.push((format!("a bit of its {name} byte: {bit}"), changed));
        }
    }
    edits
}

/// The object with one field of its JSON changed, as its text and with nothing else.
fn fields(bytes: &[u8]) -> Vec<(String, Vec<u8>)> {
    let value: Value = serde_json::from_slice(bytes).unwrap();
    let text = |value: &Value| serde_json::to_vec_pretty(value).unwrap();
    let mut found = Vec::new();
    walk(&value, "", &|changed| changed, &mut |kind, changed: Value| found.push((kind, text(&changed))));
    found.extend([
        ("emptied".to_string(), Vec::new()),
        ("cut in half".to_string(), bytes[..bytes.len() / 2].to_vec()),
        ("no object".to_string(), b"[]".to_vec()),
        ("of no field".to_string(), b"{}".to_vec()),
    ]);
    found
}

fn walk(value: &Value, path: &str, whole: &dyn Fn(Value) -> Value, found: &mut dyn FnMut(String, Value)) {
    match value {
        Value::Object(fields) => {
            let mut more = fields.clone();
            more.insert("another".into(), json!(1));
            found(format!("field {path}.another added"), whole(Value::Object(more)));
            for (name, field) in fields {
                let path = format!("{path}.{name}");
                let mut without = fields.clone();
                without.remove(name);
                // Without its digest an object of ours is one of a former version, and says the same.
                if path != ".sha256" {
                    found(format!("field {path} removed"), whole(Value::Object(without)));
                }
                let with = |changed| {
                    let mut fields = fields.clone();
                    fields.insert(name.clone(), changed);
                    whole(Value::Object(fields))
                };
                walk(field, &path, &with, found);
            }
        }
        Value::Array(items) => {
            for (change, changed) in lists(items) {
                found(format!("list {path} {change}"), whole(Value::Array(changed)));
            }
            if let Some(first) = items.first() {
                let with = |changed| {
                    let mut items = items.clone();
                    items[0] = changed;
                    whole(Value::Array(items))
                };
                walk(first, &format!("{path}[]"), &with, found);
            }
        }
        scalar => {
            for changed in others(scalar) {
                found(format!("field {path} changed: {changed}"), whole(changed));
            }
        }
    }
}

fn lists(items: &[Value]) -> Vec<(&'static str, Vec<Value>)> {
    let Some(first) = items.first() else { return vec![("with an item", vec![json!("x")])] };
    let mut lists = vec![
        ("without its first", items[1..].to_vec()),
        ("with its first twice", [std::slice::from_ref(first), items].concat()),
    ];
    if items.len() > 1 {
        lists.push(("turned round", items.iter().rev().cloned().collect()));
    }
    lists
}

fn others(value: &Value) -> Vec<Value> {
    match value {
        Value::String(text) => vec![json!(format!("{text}x")), json!(""), json!(1), Value::Null],
        Value::Bool(yes) => vec![json!(!yes)],
        Value::Number(number) => {
            let number = number.as_u64().unwrap();
            vec![json!(number + 1), json!(number.saturating_sub(1)), json!(u64::MAX), json!("1")]
        }
        _ => vec![json!(1)],
    }
}

/// Live files of which one has the bytes of the other.
fn swaps(objects: &Objects, live: &BTreeSet<String>) -> Vec<Damage> {
    let mut damages = Vec::new();
    for prefix in ["parquet/", "rejected/", "manifests/2025"] {
        let of_prefix = objects.iter().filter(|(key, _)| key.starts_with(prefix));
        let in_use = |key: &str| prefix == "manifests/2025" || live.iter().any(|live| key.starts_with(live.as_str()));
        let of_prefix: Vec<_> = of_prefix.filter(|(key, _)| in_use(key)).collect();
        for (key, bytes) in &of_prefix {
            for (other, other_bytes) in &of_prefix {
                if bytes != other_bytes {
                    damages.push(Damage {
                        kind: format!("{prefix} with the bytes of another"),
                        what: format!("{key} of {other}"),
                        action: Action::Put(key.clone(), other_bytes.clone()),
                        effect: Effect::Mended,
                    });
                }
            }
        }
    }
    damages
}

/// Objects that are one too many.
fn too_many(objects: &Objects) -> Vec<Damage> {
    let bytes_of = |prefix: &str| objects.iter().find(|(key, _)| key.starts_with(prefix)).unwrap().1.clone();
    let (parquet, gzip) = (bytes_of("parquet/"), bytes_of("logs/"));
    let folder = objects.iter().find(|(key, _)| key.starts_with("parquet/2025/03/01/07/")).unwrap();
    let folder = folder.0.rsplit_once('/').unwrap().0;
    let of_day = objects.iter().find(|(key, _)| key.starts_with("daily/")).unwrap();
    let (of_day, daily) = (of_day.0.rsplit_once('/').unwrap().0, &of_day.1);
    let keys = [
        (format!("{folder}/00001.parquet"), &parquet, Effect::Mended),
        (format!("{folder}/sub/00000.parquet"), &parquet, Effect::Mended),
        ("parquet/2025/03/01/07/stranger/00000.parquet".into(), &parquet, Effect::Mended),
        ("parquet/2025/03/02/07/stranger/00000.parquet".into(), &parquet, Effect::Mended),
        ("parquet/2025/03/01/07/00000.parquet".into(), &parquet, Effect::ByHand),
        ("parquet/x.parquet".into(), &parquet, Effect::ByHand),
        (format!("{of_day}/00001.parquet"), daily, Effect::Mended),
        (format!("{of_day}/sub/00000.parquet"), daily, Effect::Mended),
        ("daily/2025/02/27/stranger/00000.parquet".into(), daily, Effect::Mended),
        ("daily/2025/02/28/stranger/00000.parquet".into(), daily, Effect::Mended),
        ("daily/2025/03/02/stranger/00000.parquet".into(), daily, Effect::Mended),
        ("daily/2025/02/27/00000.parquet".into(), daily, Effect::ByHand),
        ("daily/x.parquet".into(), daily, Effect::ByHand),
        ("manifests/2025/03/02/day.json".into(), &gzip, Effect::Mended),
        ("manifests/2025/3/2/day.json".into(), &gzip, Effect::ByHand),
        ("rejected/2025/03/01/08/stranger.ndjson.gz".into(), &gzip, Effect::Mended),
        ("rejected/x".into(), &gzip, Effect::ByHand),
        ("replayed/x".into(), &gzip, Effect::ByHand),
        ("manifests/x.json".into(), &gzip, Effect::ByHand),
        ("manifests/2025/03/01/7.json".into(), &gzip, Effect::ByHand),
        ("manifests/2025/03/02/07.json".into(), &gzip, Effect::Mended),
        ("logs/x.gz".into(), &gzip, Effect::ByHand),
        ("logs/2025/03/01/7/x.gz".into(), &gzip, Effect::ByHand),
        ("logs/2025/03/01/24/x.gz".into(), &gzip, Effect::ByHand),
        ("logs/year=2025/x.gz".into(), &gzip, Effect::ByHand),
        ("logs/2025/03/01/07/sub/x.gz".into(), &gzip, Effect::ByHand),
        ("logs/1969/12/31/23/x.gz".into(), &gzip, Effect::ByHand),
        ("logs/2099/01/01/00/x.gz".into(), &gzip, Effect::ByHand),
        ("logs/2025/03/01/07/_x.gz".into(), &gzip, Effect::Free),
        ("logs/2025/03/01/07/.x.gz".into(), &gzip, Effect::Free),
        ("logs/2025/03/01/20/replay-0123456789abcdef0123456789abcdef.gz".into(), &gzip, Effect::ByHand),
        ("athena-results/x.csv".into(), &gzip, Effect::Free),
        ("x".into(), &gzip, Effect::Free),
    ];
    keys.map(|(key, bytes, effect): (String, _, _)| Damage {
        kind: format!(
            "object too many, {}",
            key.replace(folder, "live folder").replace(of_day, "live folder of a day")
        ),
        what: key.clone(),
        action: Action::Put(key, bytes.clone()),
        effect,
    })
    .into()
}
