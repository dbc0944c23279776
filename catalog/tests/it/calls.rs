//! The catalog's verbs against the embedded Glue.

use std::sync::Arc;
use std::time::Duration;

use catalog::{Catalog, CatalogError, Columns, Ensured, JSON, PARQUET, Pointer, VIEW, Watermarks, view};
use local_aws::LocalAws;
use log_format::{COLUMNS, Hour};
use tempfile::TempDir;

struct World {
    catalog: Catalog,
    glue: aws_sdk_glue::Client,
    _data: TempDir,
}

async fn world() -> World {
    let data = tempfile::tempdir().unwrap();
    let aws = LocalAws::open(data.path(), Arc::new(|| "2026-11-20T13:00:00Z".parse().unwrap())).unwrap();
    let catalog = Catalog::new(aws.glue(), "auth0_event_logs", "acme-logs");
    catalog.ensure_tables().await.unwrap();
    World { catalog, glue: aws.glue(), _data: data }
}

fn hour(text: &str) -> Hour {
    text.parse().unwrap()
}

/// Watermarks of a view without days.
fn up_to(text: &str) -> Watermarks {
    Watermarks { hour: hour(text), day: None }
}

#[tokio::test]
async fn tables_are_made_once_and_have_every_column() {
    let world = world().await;
    world.catalog.ensure_tables().await.unwrap();
    for (name, location) in [(JSON, "s3://acme-logs/logs/"), (PARQUET, "s3://acme-logs/parquet/")] {
        let table = world.catalog.table(name).await.unwrap().unwrap();
        let storage = table.storage_descriptor().unwrap();
        let names: Vec<&str> = storage.columns().iter().map(|column| column.name()).collect();
        assert_eq!(names, COLUMNS.map(|column| column.name));
        assert_eq!(storage.location(), Some(location));
        let keys: Vec<_> = table.partition_keys().iter().map(|key| (key.name(), key.r#type().unwrap())).collect();
        assert_eq!(keys, [("date", "date"), ("hour", "string")]);
    }
}

#[tokio::test]
async fn a_partition_has_the_whole_descriptor_of_our_definition() {
    let world = world().await;
    assert_eq!(world.catalog.ensure_json_partition(hour("2026-11-20T13")).await.unwrap(), Ensured::Created);
    assert_eq!(world.catalog.ensure_json_partition(hour("2026-11-20T13")).await.unwrap(), Ensured::Existed);
    let partitions = world.catalog.partitions::<Hour>(JSON, .., Columns::Compared).await.unwrap();
    let [partition] = partitions.as_slice() else { panic!("{partitions:?}") };
    assert_eq!(partition.values(), ["2026-11-20", "13"]);
    let storage = partition.storage_descriptor().unwrap();
    assert_eq!(storage.location(), Some("s3://acme-logs/logs/2026/11/20/13/"));
    let parameters = storage.serde_info().unwrap().parameters().unwrap();
    let expected = [("case.insensitive", "false"), ("ignore.malformed.json", "true")];
    assert_eq!(parameters.len(), expected.len());
    assert!(expected.iter().all(|(key, value)| parameters.get(*key).map(String::as_str) == Some(*value)));
    assert_eq!(storage.columns().len(), COLUMNS.len());
}

#[tokio::test]
async fn a_pointer_is_read_back_as_it_was_set() {
    let world = world().await;
    let at = hour("2026-11-20T13");
    assert_eq!(world.catalog.pointer(at).await.unwrap(), None);
    for attempt in ["a", "b"] {
        let pointer = Pointer {
            location: format!("s3://acme-logs/parquet/2026/11/20/13/{attempt}/"),
            manifest_etag: format!("\"{attempt}\""),
            since: Some("2026-11-20T14:21:00.250Z".parse().unwrap()),
            unfinished: attempt == "a",
            unsettled: attempt == "b",
            inputs: (attempt == "a").then_some(1),
            files: Some(u128::MAX),
        };
        let (is_first, within) = (attempt == "a", Duration::from_secs(60));
        assert_eq!(world.catalog.update_pointer(at, &pointer, within).await.unwrap(), !is_first);
        assert_eq!(world.catalog.create_pointer(at, &pointer, within).await.unwrap(), is_first);
        assert_eq!(world.catalog.pointer(at).await.unwrap(), Some(pointer.clone()));
        assert_eq!(world.catalog.pointers(Hour::EPOCH..).await.unwrap().get(&at), Some(&pointer));
    }
}

#[tokio::test]
async fn partitions_are_listed_by_dates_over_many_pages() {
    let world = world().await;
    let (from, to) = (hour("2026-10-01T00"), hour("2026-11-20T00"));
    for hour in from.until(to) {
        world.catalog.ensure_json_partition(hour).await.unwrap();
    }
    assert_eq!(world.catalog.json_hours(Hour::EPOCH..).await.unwrap(), from.until(to).collect::<Vec<_>>());
    let late = hour("2026-11-19T23");
    assert_eq!(world.catalog.json_hours(late..).await.unwrap().len(), 24);
    assert_eq!(world.catalog.json_hours(late..late.next()).await.unwrap().len(), 24, "none of the date after");
    assert_eq!(world.catalog.json_hours(hour("2026-10-02T05")..hour("2026-10-03T07")).await.unwrap().len(), 48);
    assert_eq!(world.catalog.json_hours(..hour("2026-10-02T00")).await.unwrap().len(), 48);
    assert_eq!(world.catalog.json_hours(..).await.unwrap().len(), 50 * 24);
}

#[tokio::test]
async fn the_view_follows_the_watermark_and_never_an_older_one() {
    let world = world().await;
    assert!(world.catalog.view().await.unwrap().is_none());
    world.catalog.set_view(None, up_to("2026-11-20T10")).await.unwrap();
    let older = world.catalog.view().await.unwrap();
    world.catalog.set_view(older.as_ref(), up_to("2026-11-20T12")).await.unwrap();
    // A run that read the view before the other wrote it is refused, and that is no error of its own.
    world.catalog.set_view(older.as_ref(), up_to("2026-11-20T11")).await.unwrap();
    let stored = world.catalog.view().await.unwrap().unwrap();
    assert_eq!(view::stored_sql(&stored), Some(view::sql(up_to("2026-11-20T12"))));
    let version = stored.version_id().map(str::to_string);
    world.catalog.set_view(Some(&stored), up_to("2026-11-20T12")).await.unwrap();
    let same = world.catalog.view().await.unwrap().unwrap();
    assert_eq!(same.version_id().map(str::to_string), version);
}

#[tokio::test]
async fn a_table_that_is_not_ours_is_never_touched() {
    let world = world().await;
    let theirs = aws_sdk_glue::types::TableInput::builder().name(VIEW).table_type("EXTERNAL_TABLE").build().unwrap();
    world.glue.create_table().database_name("auth0_event_logs").table_input(theirs).send().await.unwrap();
    let error = world.catalog.view().await.unwrap_err();
    assert!(matches!(error, CatalogError::NameTaken { .. }));
    assert_eq!(
        error.to_string(),
        "auth0_event_logs.auth0_logs is a table that is not ours; drop or rename it, or choose another database"
    );
}

#[tokio::test]
async fn errors_name_what_was_attempted() {
    let data = tempfile::tempdir().unwrap();
    let aws = LocalAws::open(data.path(), Arc::new(|| "2026-11-20T13:00:00Z".parse().unwrap())).unwrap();
    let catalog = Catalog::new(aws.glue(), "absent", "acme-logs");
    let error = catalog.ensure_json_partition(hour("2026-11-20T13")).await.unwrap_err();
    assert_eq!(error.to_string(), "absent.auth0_logs_json does not exist; deploy the catalog again");
    let error = catalog.partitions::<Hour>(JSON, .., Columns::Compared).await.unwrap_err();
    assert_eq!(error.to_string(), "failed to list the partitions in Glue: auth0_logs_json");
}
