//! Damages to the bucket and the catalog.

use std::collections::BTreeMap;
use std::time::Duration;

use auth0_s3_logs::commands::replay::marker::{Marker, object_key};
use auth0_s3_logs::simulation::stack::Stack;
use aws_sdk_glue::types::{Partition, PartitionInput, StorageDescriptor, TableInput};
use catalog::{JSON, PARQUET, Pointer, VIEW, Watermarks};
use fixtures::gzip;
use log_format::layout;
use projection::manifest::Period;
use projection::sealed;
use sha2::{Digest, Sha256};
use testkit::alter;

use super::{LATE, MIXED, NOW, ODD, bytes, delete, hour, live_file, manifest, put, put_lines};
use crate::support::BUCKET;

/// The marker of a queue's message.
const MARKER: &str = "replayed/queue/1.json";

/// What is done to the bucket, which differences that makes, and whether `--repair` repairs them.
pub(super) const DAMAGES: [(&str, &[&str], bool); 49] = [
    ("file cut short", &["file of another size"], true),
    ("bit flipped", &["file changed"], true),
    ("file missing", &["file missing"], true),
    ("two hours' files swapped", &["file changed", "file of another size"], true),
    ("foreign file in the live folder", &["foreign file in live folder"], true),
    ("unknown folder", &["unknown folder"], true),
    ("unknown rejected lines", &["unknown folder"], true),
    ("manifest gone", &["hour not compacted", "partition of nothing", "unknown folder"], true),
    ("manifest unreadable", &["manifest unreadable"], true),
    ("manifest of another hour", &["manifest unreadable"], true),
    ("counts changed", &["manifest unreadable"], true),
    ("counts changed and sealed", &["counts do not add up", "partition stale"], true),
    ("partition dropped", &["partition missing"], true),
    ("partition to another folder", &["partition elsewhere"], true),
    ("partition read by another SerDe", &["partition differs"], true),
    ("partition of an hour of one digit", &["foreign partition"], true),
    ("JSON partition without SerDe parameters", &["JSON partition differs"], true),
    ("JSON partition with a column less", &["JSON partition differs"], true),
    ("partition without slash", &["partition without slash"], true),
    ("JSON partition dropped", &["JSON partition missing"], true),
    ("JSON partition elsewhere", &["JSON partition differs"], true),
    ("Parquet table dropped", &["partition missing", "table missing"], true),
    ("JSON table dropped", &["JSON partition missing", "table missing"], true),
    ("table read by another SerDe", &["table differs"], true),
    ("table with a column less", &["table differs"], true),
    ("table over another prefix", &["table differs"], true),
    ("table with partition projection", &["table differs"], true),
    ("view dropped", &["view missing"], true),
    ("view with a column of another type", &["view differs"], true),
    ("view without the mark of Presto", &["view differs"], true),
    ("view of an older watermark", &["view of another watermark"], true),
    ("watermark gone", &["watermark missing"], true),
    ("watermark unreadable", &["watermark unreadable"], true),
    ("JSON input gone", &["JSON input gone"], false),
    ("JSON input edited", &["JSON input edited"], false),
    ("JSON object added", &["JSON object not in Parquet"], true),
    ("rejected file missing", &["rejected lines missing"], true),
    ("rejected file emptied", &["rejected lines wrong"], true),
    ("rejected file edited", &["rejected lines wrong"], true),
    ("object in no folder", &["stray object"], false),
    ("object of no hour", &["object of no hour"], false),
    ("object in a folder below its hour", &["object of no hour"], false),
    ("object of an hour to come", &["object of no hour"], false),
    ("error object changed", &["error object changed"], false),
    ("replayed lines gone", &["replayed object gone"], false),
    ("replayed lines replaced", &["replayed object differs"], false),
    ("replayed lines emptied", &["replayed object differs"], false),
    ("marker changed", &["stray object"], false),
    ("marker unreadable", &["stray object"], false),
];

pub(super) async fn damage(stack: &Stack, name: &str) {
    let damaged = damage_files(stack, name).await
        || damage_own_objects(stack, name).await
        || damage_partitions(stack, name).await
        || damage_tables(stack, name).await
        || damage_record(stack, name).await;
    assert!(damaged, "{name}");
}

/// Damages Parquet files. False if `name` is no damage of these; likewise the other functions.
async fn damage_files(stack: &Stack, name: &str) -> bool {
    let key = live_file(stack, MIXED).await;
    let mut file = bytes(stack, &key).await;
    match name {
        "file cut short" => put(stack, &key, file[..file.len() / 2].to_vec()).await,
        "bit flipped" => {
            file[20] ^= 1;
            put(stack, &key, file).await;
        }
        "file missing" => delete(stack, &key).await,
        "two hours' files swapped" => {
            // One of them keeps its size, so that only its bytes differ.
            let late = live_file(stack, LATE).await;
            let other = bytes(stack, &late).await;
            put(stack, &late, file.clone()).await;
            let swapped = file.len().min(other.len());
            file[..swapped].copy_from_slice(&other[..swapped]);
            put(stack, &key, file).await;
        }
        "foreign file in the live folder" => put(stack, &key.replace("00000", "00001"), file).await,
        "unknown folder" => {
            let stranger = format!("{}stranger/00000.parquet", layout::parquet_prefix(hour(MIXED)));
            put(stack, &stranger, file).await;
        }
        _ => return false,
    }
    true
}

/// Damages manifests, the watermark and rejected lines.
async fn damage_own_objects(stack: &Stack, name: &str) -> bool {
    let key = layout::manifest_key(hour(MIXED));
    let mut manifest = manifest(stack, MIXED).await;
    let live = manifest.live.as_mut().unwrap();
    let rejected = layout::rejected_key(hour(MIXED), &live.attempt);
    match name {
        "unknown rejected lines" => put(stack, &layout::rejected_key(hour(ODD), "stranger"), gzip("{}\n")).await,
        "manifest gone" => delete(stack, &key).await,
        "manifest unreadable" => put(stack, &key, b"{\"hour\":".to_vec()).await,
        "manifest of another hour" => {
            let other = bytes(stack, &layout::manifest_key(hour(LATE))).await;
            put(stack, &key, other).await;
        }
        "counts changed" => {
            let changed = String::from_utf8(bytes(stack, &key).await).unwrap();
            let changed = changed.replace("\"duplicates\": 2", "\"duplicates\": 1");
            put(stack, &key, changed.into_bytes()).await;
        }
        "counts changed and sealed" => {
            live.counts.duplicates -= 1;
            put(stack, &key, manifest.to_json().unwrap()).await;
        }
        "watermark gone" => delete(stack, layout::WATERMARK).await,
        "watermark unreadable" => put(stack, layout::WATERMARK, b"13".to_vec()).await,
        _ => return damage_rejected(stack, name, &rejected, live.counts.rejected).await,
    }
    true
}

async fn damage_rejected(stack: &Stack, name: &str, rejected: &str, lines: u64) -> bool {
    match name {
        "rejected file missing" => delete(stack, rejected).await,
        "rejected file emptied" => put(stack, rejected, gzip("")).await,
        "rejected file edited" => put(stack, rejected, gzip("{}\n".repeat(lines as usize))).await,
        _ => return false,
    }
    true
}

async fn damage_partitions(stack: &Stack, name: &str) -> bool {
    match name {
        "partition dropped" => drop_partition(stack, PARQUET).await,
        "JSON partition dropped" => drop_partition(stack, JSON).await,
        "partition to another folder" => point(stack, &live_folder(stack, LATE).await).await,
        "partition without slash" => point(stack, live_folder(stack, MIXED).await.trim_end_matches('/')).await,
        "partition of an hour of one digit" => {
            let storage = partition(stack, PARQUET).await.storage_descriptor;
            let input = PartitionInput::builder().set_storage_descriptor(storage).values("2025-03-01").values("7");
            let call = stack.aws.glue().create_partition().database_name(stack.catalog.database()).table_name(PARQUET);
            call.partition_input(input.build()).send().await.unwrap();
        }
        "JSON partition elsewhere" => {
            drop_partition(stack, JSON).await;
            let storage = stack.catalog.table(JSON).await.unwrap().unwrap().storage_descriptor;
            let input = PartitionInput::builder().set_storage_descriptor(storage);
            let input = input.set_values(Some(hour(MIXED).partition_values().into())).build();
            let call = stack.aws.glue().create_partition().database_name(stack.catalog.database()).table_name(JSON);
            call.partition_input(input).send().await.unwrap();
        }
        _ => return alter_partitions(stack, name).await,
    }
    true
}

/// Damages the definitions of the partitions.
async fn alter_partitions(stack: &Stack, name: &str) -> bool {
    match name {
        "partition read by another SerDe" => {
            let json = stack.catalog.table(JSON).await.unwrap().unwrap().storage_descriptor.unwrap();
            alter_partition(stack, PARQUET, |storage| storage.serde_info = json.serde_info).await;
        }
        "JSON partition without SerDe parameters" => {
            alter_partition(stack, JSON, |storage| storage.serde_info.as_mut().unwrap().parameters = None).await;
        }
        "JSON partition with a column less" => {
            alter_partition(stack, JSON, |storage| drop(storage.columns.as_mut().unwrap().remove(3))).await;
        }
        _ => return false,
    }
    true
}

async fn damage_tables(stack: &Stack, name: &str) -> bool {
    let table = match name {
        "Parquet table dropped" => PARQUET,
        "JSON table dropped" => JSON,
        "view dropped" => VIEW,
        "view of an older watermark" => {
            let stored = stack.catalog.view().await.unwrap();
            stack.catalog.set_view(stored.as_ref(), Watermarks { hour: hour(MIXED), day: None }).await.unwrap();
            return true;
        }
        _ => return alter_tables(stack, name).await,
    };
    stack.aws.glue().delete_table().database_name(stack.catalog.database()).name(table).send().await.unwrap();
    true
}

/// Damages the definitions of the tables and the view.
async fn alter_tables(stack: &Stack, name: &str) -> bool {
    match name {
        "table read by another SerDe" => {
            let json = stack.catalog.table(JSON).await.unwrap().unwrap().storage_descriptor.unwrap();
            alter_table(stack, PARQUET, |it| it.storage_descriptor.as_mut().unwrap().serde_info = json.serde_info)
                .await;
        }
        "table with a column less" => {
            let remove = |it: &mut TableInput| {
                drop(it.storage_descriptor.as_mut().unwrap().columns.as_mut().unwrap().remove(3));
            };
            alter_table(stack, JSON, remove).await;
        }
        "table over another prefix" => {
            let location = Some(format!("s3://{BUCKET}/other/"));
            alter_table(stack, JSON, |it| it.storage_descriptor.as_mut().unwrap().location = location).await;
        }
        "table with partition projection" => {
            let enable = |it: &mut TableInput| {
                drop(it.parameters.as_mut().unwrap().insert("projection.enabled".to_string(), "true".to_string()));
            };
            alter_table(stack, PARQUET, enable).await;
        }
        "view with a column of another type" => {
            let retype = |it: &mut TableInput| {
                it.storage_descriptor.as_mut().unwrap().columns.as_mut().unwrap()[0].r#type =
                    Some("bigint".to_string());
            };
            alter_table(stack, VIEW, retype).await;
        }
        "view without the mark of Presto" => {
            alter_table(stack, VIEW, |it| drop(it.parameters.as_mut().unwrap().remove("presto_view"))).await;
        }
        _ => return false,
    }
    true
}

async fn alter_table(stack: &Stack, name: &str, change: impl FnOnce(&mut TableInput)) {
    alter::alter_table(&stack.aws.glue(), stack.catalog.database(), name, change).await;
}

async fn partition(stack: &Stack, table: &str) -> Partition {
    alter::partition(&stack.aws.glue(), stack.catalog.database(), table, hour(MIXED)).await
}

async fn alter_partition(stack: &Stack, table: &str, change: impl FnOnce(&mut StorageDescriptor)) {
    alter::alter_partition(&stack.aws.glue(), stack.catalog.database(), table, hour(MIXED), change).await;
}

/// Damages the event log and what was never in it.
async fn damage_record(stack: &Stack, name: &str) -> bool {
    let key = format!("{}1.gz", layout::json_prefix(hour(MIXED)));
    let line = "{\"log_id\":\"1\",\"user_id\":\"a\",\"type\":\"s\"}\n";
    match name {
        "JSON input gone" => delete(stack, &key).await,
        "JSON input edited" => put(stack, &key, gzip(line)).await,
        "JSON object added" => put_lines(stack, MIXED, "9.gz", line).await,
        "object of no hour" => put(stack, "logs/2025/03/01/7/1.gz", gzip(line)).await,
        "object in a folder below its hour" => put(stack, &key.replace("1.gz", "sub/1.gz"), gzip(line)).await,
        "object of an hour to come" => put_lines(stack, "2025-03-02T07", "1.gz", line).await,
        "object in no folder" => put(stack, "parquet/2025/03/01/07/stray.parquet", b"PAR1".to_vec()).await,
        _ => return damage_replays(stack, name, line).await,
    }
    true
}

/// Damages replayed objects, their markers, and the objects under `error/` that they were made of.
async fn damage_replays(stack: &Stack, name: &str, line: &str) -> bool {
    match name {
        "error object changed" => {
            let mut marker = marker(line);
            marker.source = "error/processing-failed/2025/03/01/07/1".to_string();
            marker.object = None;
            put(stack, &marker.source, b"{}".to_vec()).await;
            put(stack, &layout::replayed_key(&marker.source), sealed::to_json(&marker).unwrap()).await;
        }
        "replayed lines gone" => drop(put_marker(stack, line).await),
        "replayed lines replaced" => {
            let object = put_marker(stack, line).await;
            put(stack, &object, gzip(line.replace("\"a\"", "\"b\""))).await;
        }
        "replayed lines emptied" => {
            let object = put_marker(stack, line).await;
            put(stack, &object, Vec::new()).await;
        }
        "marker changed" => {
            put_marker(stack, line).await;
            let marker = String::from_utf8(bytes(stack, MARKER).await).unwrap();
            put(stack, MARKER, marker.replace("\"records\": 1", "\"records\": 2").into_bytes()).await;
        }
        "marker unreadable" => put(stack, MARKER, b"{}".to_vec()).await,
        _ => return false,
    }
    true
}

/// A marker that tells of `lines` in an open hour.
fn marker(lines: &str) -> Marker {
    let (source, etag, open) = ("queue/1".to_string(), "0".to_string(), hour("2025-03-01T20"));
    Marker {
        object: Some(object_key(&source, &etag, open)),
        source,
        etag,
        hour: open,
        records: 1,
        lines: 1,
        lines_sha256: Some(hex::encode(Sha256::digest(lines))),
        failed: BTreeMap::new(),
        unreadable: 0,
        replayed_at: NOW.parse().unwrap(),
        log_ids: Vec::new(),
    }
}

/// Puts a marker that tells of `lines`. Returns the key of the object that it names, which is not written.
async fn put_marker(stack: &Stack, lines: &str) -> String {
    let marker = marker(lines);
    put(stack, MARKER, sealed::to_json(&marker).unwrap()).await;
    stack.catalog.ensure_json_partition(marker.hour).await.unwrap();
    marker.object.unwrap()
}

async fn drop_partition(stack: &Stack, table: &str) {
    let call = stack.aws.glue().delete_partition().database_name(stack.catalog.database()).table_name(table);
    call.set_partition_values(Some(hour(MIXED).partition_values().into())).send().await.unwrap();
}

async fn live_folder(stack: &Stack, at: &str) -> String {
    let live = manifest(stack, at).await.live.unwrap();
    format!("s3://{BUCKET}/{}", hour(at).folder(&live.attempt))
}

/// Makes the partition name `location`, with the ETag of the present manifest.
async fn point(stack: &Stack, location: &str) {
    let pointer = stack.catalog.pointer(hour(MIXED)).await.unwrap().unwrap();
    let pointer = Pointer { location: location.to_string(), ..pointer };
    assert!(stack.catalog.update_pointer(hour(MIXED), &pointer, Duration::from_secs(60)).await.unwrap());
}
