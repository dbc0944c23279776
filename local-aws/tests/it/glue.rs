//! Glue as its SDK sees it.

use std::collections::HashMap;

use crate::support::{NOW, open, open_to_read, outcome, start};
use aws_sdk_glue::Client;
use aws_sdk_glue::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_glue::types::BatchUpdatePartitionRequestEntry as Entry;
use aws_sdk_glue::types::{
    Column, ColumnError, ColumnStatistics, ColumnStatisticsData, ColumnStatisticsType, DatabaseInput,
    LongColumnStatisticsData, PartitionInput, PartitionValueList, Segment, StorageDescriptor, TableInput, TableVersion,
};

fn column(name: &str, column_type: &str) -> Column {
    Column::builder().name(name).r#type(column_type).build().unwrap()
}

fn table(name: &str, keys: &[(&str, &str)]) -> TableInput {
    let keys = keys.iter().map(|(name, key_type)| column(name, key_type)).collect();
    TableInput::builder().name(name).set_partition_keys(Some(keys)).build().unwrap()
}

fn partition(values: &[&str], location: &str) -> PartitionInput {
    let storage = StorageDescriptor::builder().columns(column("log_id", "string")).location(location).build();
    PartitionInput::builder().set_values(Some(owned(values))).storage_descriptor(storage).build()
}

fn owned(values: &[&str]) -> Vec<String> {
    values.iter().map(|value| (*value).to_owned()).collect()
}

fn value_list(values: &[&str]) -> PartitionValueList {
    PartitionValueList::builder().set_values(Some(owned(values))).build().unwrap()
}

fn ok<T>(_: T) -> String {
    "ok".to_owned()
}

/// Makes the database `db` with a table `logs`, partitioned by `date` and `hour`.
async fn make_logs(glue: &Client) {
    let database = DatabaseInput::builder().name("db").description("logs").build().unwrap();
    glue.create_database().database_input(database).send().await.unwrap();
    let logs = table("logs", &[("date", "date"), ("hour", "string")]);
    glue.create_table().database_name("db").table_input(logs).send().await.unwrap();
}

async fn create(glue: &Client, values: &[&str], location: &str) -> String {
    let create = glue.create_partition().database_name("db").table_name("logs");
    outcome(create.partition_input(partition(values, location)).send().await, ok)
}

async fn location(glue: &Client, values: &[&str]) -> String {
    let get = glue.get_partition().database_name("db").table_name("logs").set_partition_values(Some(owned(values)));
    outcome(get.send().await, |answer| answer.partition.unwrap().storage_descriptor.unwrap().location.unwrap())
}

#[tokio::test]
async fn a_reader_sees_what_the_writer_changes() {
    let (writer, folder) = start();
    let reader = open_to_read(folder.path()).glue();
    make_logs(&writer.glue()).await;
    assert_eq!(location(&reader, &["2026-11-20", "13"]).await, "400 EntityNotFoundException");
    create(&writer.glue(), &["2026-11-20", "13"], "s3://bucket/one").await;
    assert_eq!(location(&reader, &["2026-11-20", "13"]).await, "s3://bucket/one");
    // The next writer replaces the journal.
    drop(writer);
    let writer = open(folder.path()).glue();
    assert_eq!(location(&reader, &["2026-11-20", "13"]).await, "s3://bucket/one");
    create(&writer, &["2026-11-20", "14"], "s3://bucket/two").await;
    assert_eq!(location(&reader, &["2026-11-20", "14"]).await, "s3://bucket/two");
    assert!(create(&reader, &["2026-11-20", "15"], "s3://bucket/three").await.starts_with("500"));
}

#[tokio::test]
async fn databases_come_and_go() {
    let (aws, folder) = start();
    let glue = aws.glue();
    let input =
        |name: &str| DatabaseInput::builder().name(name).description("old").parameters("k", "v").build().unwrap();
    for (name, expected) in
        [("b", "ok"), ("A", "ok"), ("a", "400 AlreadyExistsException"), ("", "400 ValidationException")]
    {
        assert_eq!(outcome(glue.create_database().database_input(input(name)).send().await, ok), expected, "{name}");
    }
    let update = DatabaseInput::builder().name("a").description("new").build().unwrap();
    let update = glue.update_database().name("a").database_input(update).send().await;
    assert_eq!(outcome(update, ok), "ok");
    drop((glue, aws));
    let glue = open(folder.path()).glue();
    let database = glue.get_database().name("A").send().await.unwrap().database.unwrap();
    assert_eq!((database.name(), database.description(), database.parameters()), ("a", Some("new"), None));
    assert_eq!(
        (database.catalog_id(), database.create_time().unwrap().to_string().as_str()),
        (Some("000000000000"), NOW)
    );
    let first = glue.get_databases().max_results(1).send().await.unwrap();
    assert_eq!(first.database_list()[0].name(), "a");
    let second = glue.get_databases().set_next_token(first.next_token).send().await.unwrap();
    assert_eq!((second.database_list()[0].name(), second.next_token()), ("b", None));
    assert_eq!(outcome(glue.delete_database().name("b").send().await, ok), "ok");
    assert_eq!(outcome(glue.delete_database().name("b").send().await, ok), "400 EntityNotFoundException");
    assert_eq!(outcome(glue.get_database().name("b").send().await, ok), "400 EntityNotFoundException");
    assert_eq!(outcome(glue.get_tables().database_name("b").send().await, ok), "400 EntityNotFoundException");
}

#[tokio::test]
async fn tables_have_versions() {
    let (aws, folder) = start();
    let glue = aws.glue();
    make_logs(&glue).await;
    let update = |version: Option<&str>, owner: &str| {
        let input = TableInput::builder().name("logs").owner(owner).build().unwrap();
        let update = glue.update_table().database_name("db").table_input(input).skip_archive(true);
        update.set_version_id(version.map(str::to_owned)).send()
    };
    assert_eq!(outcome(update(Some("1"), "early").await, ok), "400 ConcurrentModificationException");
    assert_eq!(outcome(update(Some("0"), "first").await, ok), "ok");
    assert_eq!(outcome(update(Some("0"), "late").await, ok), "400 ConcurrentModificationException");
    assert_eq!(outcome(update(None, "second").await, ok), "ok");
    let got = glue.get_table().database_name("db").name("LOGS").send().await.unwrap().table.unwrap();
    assert_eq!((got.name(), got.owner(), got.version_id()), ("logs", Some("second"), Some("2")));
    assert_eq!((got.database_name(), got.catalog_id()), (Some("db"), Some("000000000000")));
    assert_eq!(got.create_time().unwrap().to_string(), NOW);
    assert_eq!(got.update_time().unwrap().to_string(), NOW);
    drop(glue);
    drop(aws);
    let glue = open(folder.path()).glue();
    let again = glue.get_table().database_name("db").name("logs").send().await.unwrap().table.unwrap();
    assert_eq!(again, got);
    assert_eq!(versions(&glue, 100).await, "2=second");
}

/// The versions of the table `logs` with their owners, and a bar between pages.
async fn versions(glue: &Client, max: i32) -> String {
    let list = glue.get_table_versions().database_name("db").table_name("logs").max_results(max);
    let pages = list.into_paginator().send().collect::<Result<Vec<_>, _>>().await;
    outcome(pages, |pages| {
        let page = |versions: &[TableVersion]| {
            let shown = |version: &TableVersion| {
                let owner = version.table().unwrap().owner().unwrap_or("nobody");
                format!("{}={owner}", version.version_id().unwrap())
            };
            versions.iter().map(shown).collect::<Vec<_>>().join(" ")
        };
        pages.iter().map(|got| page(got.table_versions())).collect::<Vec<_>>().join(" | ")
    })
}

#[tokio::test]
async fn updates_archive_the_version_that_they_replace() {
    let (aws, folder) = start();
    let glue = aws.glue();
    make_logs(&glue).await;
    for (owner, skip) in [("a", false), ("b", true), ("c", false), ("d", false)] {
        let input = TableInput::builder().name("logs").owner(owner).build().unwrap();
        glue.update_table().database_name("db").table_input(input).skip_archive(skip).send().await.unwrap();
    }
    assert_eq!(versions(&glue, 100).await, "4=d 3=c 2=b 0=nobody");
    assert_eq!(versions(&glue, 3).await, "4=d 3=c 2=b | 0=nobody");
    assert_eq!(versions(&glue, 101).await, "400 ValidationException");

    drop((glue, aws));
    let glue = open(folder.path()).glue();
    assert_eq!(versions(&glue, 100).await, "4=d 3=c 2=b 0=nobody");
    let get = async |version: Option<&str>| {
        let get = glue.get_table_version().database_name("db").table_name("logs");
        let got = get.set_version_id(version.map(str::to_owned)).send().await;
        outcome(got, |got| got.table_version.unwrap().table.unwrap().owner.unwrap_or("nobody".to_owned()))
    };
    for (version, expected) in [
        (None, "d"),
        (Some("4"), "d"),
        (Some("2"), "b"),
        (Some("0"), "nobody"),
        (Some("1"), "400 EntityNotFoundException"),
        (Some("two"), "400 InvalidInputException"),
    ] {
        assert_eq!(get(version).await, expected, "{version:?}");
    }

    let delete =
        async |version: &str| glue.delete_table_version().database_name("db").table_name("logs").version_id(version);
    for (version, expected) in [("2", "ok"), ("2", "400 EntityNotFoundException"), ("4", "400 InvalidInputException")] {
        assert_eq!(outcome(delete(version).await.send().await, ok), expected, "{version}");
    }
    let batch = glue.batch_delete_table_version().database_name("db").table_name("logs");
    let errors = batch.version_ids("0").version_ids("1").version_ids("3").send().await.unwrap().errors.unwrap();
    let errors: Vec<_> = errors
        .iter()
        .map(|error| (error.version_id().unwrap(), error.error_detail().unwrap().error_code().unwrap()))
        .collect();
    assert_eq!(errors, [("1", "EntityNotFoundException")]);
    assert_eq!(versions(&glue, 100).await, "4=d");
    let batch = glue.batch_delete_table_version().database_name("db").table_name("logs");
    let batch = batch.set_version_ids(Some((0..101).map(|version| version.to_string()).collect()));
    assert_eq!(outcome(batch.send().await, ok), "400 ValidationException");
    drop(glue);
    let glue = open(folder.path()).glue();
    assert_eq!(versions(&glue, 100).await, "4=d");
}

#[tokio::test]
async fn an_update_cut_short_changes_nothing() {
    let (aws, folder) = start();
    let glue = aws.glue();
    make_logs(&glue).await;
    let input = TableInput::builder().name("logs").owner("new").build().unwrap();
    glue.update_table().database_name("db").table_input(input).send().await.unwrap();
    drop((glue, aws));
    // The process ended between the two lines of an update.
    let journal = folder.path().join("catalog.ndjson");
    let text = std::fs::read_to_string(&journal).unwrap();
    let (before, _) = text.trim_end().rsplit_once('\n').unwrap();
    std::fs::write(&journal, format!("{before}\n")).unwrap();
    let glue = open(folder.path()).glue();
    assert_eq!(versions(&glue, 100).await, "0=nobody");
    let input = TableInput::builder().name("logs").owner("again").build().unwrap();
    glue.update_table().database_name("db").table_input(input).send().await.unwrap();
    assert_eq!(versions(&glue, 100).await, "1=again 0=nobody");
}

/// The message of an error.
fn message<T: std::fmt::Debug, E: ProvideErrorMetadata>(answer: Result<T, SdkError<E>>) -> String {
    answer.unwrap_err().meta().message().unwrap_or_default().to_owned()
}

#[tokio::test]
async fn errors_say_what_glue_says() {
    let (aws, _folder) = start();
    let glue = aws.glue();
    make_logs(&glue).await;
    create(&glue, &["2026-11-20", "13"], "s3://b/").await;
    let database = DatabaseInput::builder().name("db").build().unwrap();
    let again = glue.create_partition().database_name("db").table_name("logs");
    let again = again.partition_input(partition(&["2026-11-20", "13"], "s3://b/"));
    let get = glue.get_partition().database_name("db").table_name("logs").partition_values("2026-11-20");
    let input = TableInput::builder().name("logs").build().unwrap();
    let stale = glue.update_table().database_name("db").table_input(input).version_id("7");
    let outcome = [
        message(glue.get_database().name("none").send().await),
        message(glue.create_database().database_input(database).send().await),
        message(glue.get_table().database_name("db").name("none").send().await),
        message(glue.create_table().database_name("db").table_input(table("logs", &[])).send().await),
        message(again.send().await),
        message(get.clone().partition_values("14").send().await),
        message(get.send().await),
        message(stale.send().await),
    ];
    let expected = [
        "Database none not found.",
        "Database already exists.",
        "Table none not found.",
        "Table already exists.",
        "Partition already exists.",
        "Cannot find partition.",
        "The number of partition keys do not match the number of partition values: 2 and 1",
        "Update table failed due to concurrent modifications: logs has version 0, not 7.",
    ];
    assert_eq!(outcome, expected);
}

#[tokio::test]
async fn names_and_values_have_bounds() {
    let (aws, _folder) = start();
    let glue = aws.glue();
    make_logs(&glue).await;
    for (length, expected) in [(0, "400 ValidationException"), (255, "ok"), (256, "400 ValidationException")] {
        let name = "n".repeat(length);
        let database = DatabaseInput::builder().name(&name).build().unwrap();
        assert_eq!(outcome(glue.create_database().database_input(database).send().await, ok), expected, "{length}");
        let create = glue.create_table().database_name("db").table_input(table(&name, &[]));
        assert_eq!(outcome(create.send().await, ok), expected, "{length}");
    }
    for (length, expected) in [(0, "ok"), (1024, "ok"), (1025, "400 ValidationException")] {
        assert_eq!(create(&glue, &["2026-11-20", &"é".repeat(length)], "s3://b/").await, expected, "{length}");
    }
    let tables = (0..101).map(|number| number.to_string()).collect();
    let delete = glue.batch_delete_table().database_name("db").set_tables_to_delete(Some(tables));
    assert_eq!(outcome(delete.send().await, ok), "400 ValidationException");
    let none = glue.get_partitions().database_name("db").table_name("logs").max_results(0).send().await;
    let constraint = "failed to satisfy constraint: Member must have value greater than or equal to 1";
    assert_eq!(message(none), format!("1 validation error detected: Value '0' at 'maxResults' {constraint}"));
}

#[tokio::test]
async fn tables_are_listed_and_deleted() {
    let (aws, _folder) = start();
    let glue = aws.glue();
    make_logs(&glue).await;
    for name in ["logs_json", "logs_parquet", "other"] {
        glue.create_table().database_name("db").table_input(table(name, &[])).send().await.unwrap();
    }
    let again = glue.create_table().database_name("db").table_input(table("Logs", &[])).send().await;
    assert_eq!(outcome(again, ok), "400 AlreadyExistsException");
    let nowhere = glue.create_table().database_name("no").table_input(table("logs", &[])).send().await;
    assert_eq!(outcome(nowhere, ok), "400 EntityNotFoundException");
    let list = async |expression: &str| {
        let pages = glue.get_tables().database_name("db").expression(expression).max_results(2).into_paginator();
        let pages = pages.send().collect::<Result<Vec<_>, _>>().await;
        outcome(pages, |pages| {
            let tables = pages.iter().flat_map(|page| page.table_list());
            tables.map(|table| table.name()).collect::<Vec<_>>().join(" ")
        })
    };
    assert_eq!(list(".*").await, "logs logs_json logs_parquet other");
    assert_eq!(list("logs.*").await, "logs logs_json logs_parquet");
    assert_eq!(list("logs").await, "logs");
    assert_eq!(list("logs|other").await, "logs other");
    assert_eq!(list("(").await, "400 InvalidInputException");
    let delete = glue.batch_delete_table().database_name("db").tables_to_delete("other").tables_to_delete("none");
    let errors = delete.send().await.unwrap().errors.unwrap();
    let errors: Vec<_> = errors
        .iter()
        .map(|error| (error.table_name().unwrap(), error.error_detail().unwrap().error_code().unwrap()))
        .collect();
    assert_eq!(errors, [("none", "EntityNotFoundException")]);
    assert_eq!(outcome(glue.delete_table().database_name("db").name("logs").send().await, ok), "ok");
    assert_eq!(
        outcome(glue.delete_table().database_name("db").name("logs").send().await, ok),
        "400 EntityNotFoundException"
    );
    assert_eq!(list(".*").await, "logs_json logs_parquet");
}

#[tokio::test]
async fn partitions_are_kept_as_sent() {
    let (aws, folder) = start();
    let glue = aws.glue();
    make_logs(&glue).await;
    let hour = ["2026-11-20", "13"];
    assert_eq!(location(&glue, &hour).await, "400 EntityNotFoundException");
    assert_eq!(create(&glue, &hour, "s3://b/1/").await, "ok");
    assert_eq!(create(&glue, &hour, "s3://b/2/").await, "400 AlreadyExistsException");
    assert_eq!(create(&glue, &["2026-11-20"], "s3://b/2/").await, "400 InvalidInputException");
    assert_eq!(location(&glue, &["2026-11-20"]).await, "400 InvalidInputException");
    let update = |values: &[&str], input: PartitionInput| {
        let update = glue.update_partition().database_name("db").table_name("logs").partition_input(input);
        update.set_partition_value_list(Some(owned(values))).send()
    };
    assert_eq!(outcome(update(&hour, partition(&hour, "s3://b/3/")).await, ok), "ok");
    assert_eq!(location(&glue, &hour).await, "s3://b/3/");
    let moved = update(&hour, partition(&["2026-11-20", "14"], "s3://b/4/")).await;
    assert_eq!(outcome(moved, ok), "400 InvalidInputException");
    let missing = update(&["2026-11-20", "15"], partition(&["2026-11-20", "15"], "s3://b/4/")).await;
    assert_eq!(outcome(missing, ok), "400 EntityNotFoundException");
    let parameters = HashMap::from([("manifest".to_owned(), "\"etag\"".to_owned())]);
    let input = PartitionInput::builder().set_parameters(Some(parameters.clone())).build();
    assert_eq!(outcome(update(&hour, input).await, ok), "ok");

    drop(glue);
    drop(aws);
    let glue = open(folder.path()).glue();
    let get = || glue.get_partition().database_name("DB").table_name("LOGS").set_partition_values(Some(owned(&hour)));
    let got = get().send().await.unwrap().partition.unwrap();
    assert_eq!((got.values(), got.parameters()), (owned(&hour).as_slice(), Some(&parameters)));
    assert_eq!(
        (got.database_name(), got.table_name(), got.catalog_id()),
        (Some("db"), Some("logs"), Some("000000000000"))
    );
    assert_eq!((got.creation_time().unwrap().to_string().as_str(), got.storage_descriptor()), (NOW, None));
    let delete =
        || glue.delete_partition().database_name("db").table_name("logs").set_partition_values(Some(owned(&hour)));
    assert_eq!(outcome(delete().send().await, ok), "ok");
    assert_eq!(outcome(delete().send().await, ok), "400 EntityNotFoundException");
    assert_eq!(outcome(get().send().await, ok), "400 EntityNotFoundException");
}

#[tokio::test]
async fn batches_tell_their_errors_one_by_one() {
    let (aws, _folder) = start();
    let glue = aws.glue();
    make_logs(&glue).await;
    let (one, two, bad) = (["2026-11-20", "01"], ["2026-11-20", "02"], ["2026-11-20"]);
    assert_eq!(create(&glue, &one, "s3://b/1/").await, "ok");
    let inputs = [&one[..], &two, &bad].map(|values| partition(values, "s3://b/new/"));
    let batch = glue.batch_create_partition().database_name("db").table_name("logs");
    let errors = batch.set_partition_input_list(Some(inputs.to_vec())).send().await.unwrap().errors.unwrap();
    let errors: Vec<_> = errors
        .iter()
        .map(|error| (error.partition_values().join("/"), error.error_detail().unwrap().error_code().unwrap()))
        .collect();
    assert_eq!(
        errors,
        [("2026-11-20/01".to_owned(), "AlreadyExistsException"), ("2026-11-20".to_owned(), "InvalidInputException")]
    );
    assert_eq!(location(&glue, &two).await, "s3://b/new/");

    let entry = |values: &[&str]| {
        let entry = Entry::builder().set_partition_value_list(Some(owned(values)));
        entry.partition_input(partition(values, "s3://b/newer/")).build().unwrap()
    };
    let missing = ["2026-11-20", "03"];
    let batch = glue.batch_update_partition().database_name("db").table_name("logs");
    let errors = batch.entries(entry(&one)).entries(entry(&missing)).send().await.unwrap().errors.unwrap();
    let errors: Vec<_> = errors
        .iter()
        .map(|error| (error.partition_value_list().join("/"), error.error_detail().unwrap().error_code().unwrap()))
        .collect();
    assert_eq!(errors, [("2026-11-20/03".to_owned(), "EntityNotFoundException")]);
    assert_eq!(location(&glue, &one).await, "s3://b/newer/");

    let batch = glue.batch_get_partition().database_name("db").table_name("logs");
    let batch =
        [&two[..], &missing, &one].iter().fold(batch, |batch, values| batch.partitions_to_get(value_list(values)));
    let got = batch.send().await.unwrap();
    assert_eq!(
        got.partitions().iter().map(|got| got.values().join("/")).collect::<Vec<_>>(),
        ["2026-11-20/02", "2026-11-20/01"]
    );
    assert_eq!(got.unprocessed_keys(), []);

    let batch = glue.batch_delete_partition().database_name("db").table_name("logs");
    let errors = batch
        .partitions_to_delete(value_list(&one))
        .partitions_to_delete(value_list(&missing))
        .send()
        .await
        .unwrap()
        .errors
        .unwrap();
    let errors: Vec<_> = errors
        .iter()
        .map(|error| (error.partition_values().join("/"), error.error_detail().unwrap().error_code().unwrap()))
        .collect();
    assert_eq!(errors, [("2026-11-20/03".to_owned(), "EntityNotFoundException")]);
    assert_eq!(location(&glue, &one).await, "400 EntityNotFoundException");
}

#[tokio::test]
async fn batches_have_limits() {
    let (aws, _folder) = start();
    let glue = aws.glue();
    make_logs(&glue).await;
    let values = |number: usize| [format!("2026-{number:05}"), "00".to_owned()];
    let list = |number: usize| PartitionValueList::builder().set_values(Some(values(number).to_vec())).build().unwrap();
    let input = |number: usize| PartitionInput::builder().set_values(Some(values(number).to_vec())).build();
    let entry = |number: usize| {
        let entry = Entry::builder().set_partition_value_list(Some(values(number).to_vec()));
        entry.partition_input(input(number)).build().unwrap()
    };
    for (over, expected) in [(0, "ok"), (1, "400 ValidationException")] {
        let create = glue.batch_create_partition().database_name("db").table_name("logs");
        let create = create.set_partition_input_list(Some((0..100 + over).map(input).collect()));
        assert_eq!(outcome(create.send().await, ok), expected);
        let update = glue.batch_update_partition().database_name("db").table_name("logs");
        let update = update.set_entries(Some((0..100 + over).map(entry).collect()));
        assert_eq!(outcome(update.send().await, ok), expected);
        let get = glue.batch_get_partition().database_name("db").table_name("logs");
        let get = get.set_partitions_to_get(Some((0..1000 + over).map(list).collect()));
        assert_eq!(outcome(get.send().await, ok), expected);
        let delete = glue.batch_delete_partition().database_name("db").table_name("logs");
        let delete = delete.set_partitions_to_delete(Some((0..25 + over).map(list).collect()));
        assert_eq!(outcome(delete.send().await, ok), expected);
        let get = glue.get_partitions().database_name("db").table_name("logs").max_results(1000 + over as i32);
        assert_eq!(outcome(get.send().await, ok), expected);
    }
}

#[tokio::test]
async fn partitions_are_listed_page_by_page_and_segment_by_segment() {
    let (aws, _folder) = start();
    let glue = aws.glue();
    make_logs(&glue).await;
    for day in (1..=30).rev() {
        let hours = (0..24).map(|hour| partition(&[&format!("2026-11-{day:02}"), &format!("{hour:02}")], "s3://b/"));
        let batch = glue.batch_create_partition().database_name("db").table_name("logs");
        let errors = batch.set_partition_input_list(Some(hours.collect())).send().await.unwrap().errors.unwrap();
        assert_eq!(errors, []);
    }
    let list = async |max: i32, segment: Option<(i32, i32)>, expression: &str| {
        let segment = segment
            .map(|(number, total)| Segment::builder().segment_number(number).total_segments(total).build().unwrap());
        let list = glue.get_partitions().database_name("db").table_name("logs").max_results(max).expression(expression);
        let mut pages = list.set_segment(segment).into_paginator().send();
        let (mut sizes, mut found) = (Vec::new(), Vec::new());
        while let Some(page) = pages.next().await {
            let page = page.unwrap().partitions.unwrap();
            sizes.push(page.len());
            found.extend(page.into_iter().map(|partition| partition.values.unwrap()));
        }
        (sizes, found)
    };
    let (sizes, all) = list(300, None, "").await;
    assert_eq!(sizes, [300, 300, 120]);
    assert!(all.is_sorted() && all[0] == ["2026-11-01", "00"] && all[719] == ["2026-11-30", "23"]);
    assert_eq!(list(720, None, "").await.0, [720]);
    let (sizes, hours) = list(2, None, "date = '2026-11-07' AND hour >= '20'").await;
    assert_eq!((sizes, hours), (vec![2, 2], all[6 * 24 + 20..7 * 24].to_vec()));

    let mut segments = Vec::new();
    for number in 0..5 {
        let (_, segment) = list(100, Some((number, 5)), "").await;
        assert!((100..200).contains(&segment.len()), "segment {number} of 5 has {}", segment.len());
        segments.extend(segment);
    }
    segments.sort_unstable();
    assert_eq!(segments, all);
    let get = glue.get_partitions().database_name("db").table_name("logs");
    let eleven = Segment::builder().segment_number(0).total_segments(11).build().unwrap();
    assert_eq!(outcome(get.clone().segment(eleven).send().await, ok), "400 ValidationException");
    let outside = Segment::builder().segment_number(5).total_segments(5).build().unwrap();
    assert_eq!(outcome(get.clone().segment(outside).send().await, ok), "400 InvalidInputException");
    assert_eq!(outcome(get.clone().next_token("?").send().await, ok), "400 InvalidInputException");
    let without = get.exclude_column_schema(true).max_results(1).send().await.unwrap().partitions.unwrap();
    let storage = without[0].storage_descriptor().unwrap();
    assert_eq!((storage.columns(), storage.location()), ([].as_slice(), Some("s3://b/")));
}

/// The partitions of the table for the expressions below, by `date`, `hour`, `n` and `tag`.
const PARTITIONS: [[&str; 4]; 5] = [
    ["2026-11-19", "23", "9", "a"],
    ["2026-11-20", "00", "10", "a%"],
    ["2026-11-20", "01", "-1", "ab_c"],
    ["2026-11-20", "13", "100", "__HIVE_DEFAULT_PARTITION__"],
    ["2026-11-21", "00", "9", "it's"],
];

/// Expressions, and the numbers of the partitions above that match.
const EXPRESSIONS: [(&str, &str); 60] = [
    ("date = '2026-11-20'", "1 2 3"),
    ("\"date\" = '2026-11-20'", "1 2 3"),
    ("`date` = '2026-11-20'", "1 2 3"),
    ("DATE = '2026-11-20'", "1 2 3"),
    ("date = date '2026-11-20'", "1 2 3"),
    ("date = DATE '2026-11-20' AND hour = '13'", "3"),
    ("'2026-11-20' = date", "1 2 3"),
    ("'2026-11-20' < date", "4"),
    ("date <> '2026-11-20'", "0 4"),
    ("date != '2026-11-20'", "0 4"),
    ("date > '2026-11-20'", "4"),
    ("date >= '2026-11-20'", "1 2 3 4"),
    ("date < '2026-11-20'", "0"),
    ("date <= '2026-11-20'", "0 1 2 3"),
    ("date between '2026-11-19' and '2026-11-20'", "0 1 2 3"),
    ("date not between '2026-11-19' and '2026-11-20'", "4"),
    ("hour in ('00', '13')", "1 3 4"),
    ("(hour in ('00','13'))", "1 3 4"),
    ("hour not in ('00', '13')", "0 2"),
    ("NOT hour in ('00', '13')", "0 2"),
    ("NOT (hour = '00' OR hour = '13')", "0 2"),
    ("((date = '2026-11-20') AND (hour = '00')) OR ((date = '2026-11-19') AND (hour = '23'))", "0 1"),
    ("date = '2026-11-20' AND hour = '00' OR hour = '23'", "0 1"),
    ("date = '2026-11-20' AND (hour = '00' OR hour = '23')", "1"),
    ("((hour < '00') OR (hour > '00' AND hour < '13') OR (hour > '13'))", "0 2"),
    ("((hour >= '03' AND hour <= '14') OR (hour in ('23', '24')))", "0 3"),
    ("((hour = '00'))", "1 4"),
    ("hour = 13", "3"),
    ("hour = 0", ""),
    ("n = 9", "0 4"),
    ("n = '9'", "0 4"),
    ("n = '09'", "0 4"),
    ("n > 9", "1 3"),
    ("n >= -1 AND n < 10", "0 2 4"),
    ("-1 = n", "2"),
    ("n in (-1, 10)", "1 2"),
    ("n between 10 and 100", "1 3"),
    ("n between 10 and 100 and hour = '13'", "3"),
    ("tag = 'a'", "0"),
    ("tag = 'it''s'", "4"),
    ("tag like 'a%'", "0 1 2"),
    ("tag like 'a_%'", "1 2"),
    ("tag like '%_c'", "2"),
    ("tag like 'a!%' escape '!'", "1"),
    ("tag like '%!_%' escape '!'", "2"),
    ("tag like '%''%'", "4"),
    ("tag like ''", ""),
    ("tag not like 'a%'", "4"),
    ("tag is null", "3"),
    ("tag is not null", "0 1 2 4"),
    ("tag <> 'a'", "1 2 4"),
    ("NOT tag = 'a'", "1 2 4"),
    ("tag not in ('a')", "1 2 4"),
    ("tag = 'a' OR tag is null", "0 3"),
    ("tag = null", ""),
    ("tag in ('a', null)", "0"),
    ("tag not in ('a', null)", ""),
    ("(date) = ('2026-11-19')", "0"),
    ("hour = tag", ""),
    ("  ", "0 1 2 3 4"),
];

/// Expressions that are refused, and why.
const REFUSED: [(&str, &str); 17] = [
    ("minute = '13'", "minute is not a partition key"),
    ("x.date = '13'", "unsupported expression: x.date"),
    ("hour = '13' AND cast(date as string) = 'x'", "unsupported expression: CAST(date AS STRING)"),
    ("hour + 1 = 2", "unsupported expression: hour + 1"),
    ("date = timestamp '2026-11-20 00:00:00'", "'2026-11-20 00:00:00' is not of type date"),
    ("date > '2026-02-30'", "'2026-02-30' is not of type date"),
    ("hour = current_date", "unsupported expression: current_date"),
    ("hour", "unsupported expression: hour"),
    ("hour ilike 'A'", "unsupported expression: hour ILIKE 'A'"),
    ("hour in (select 1)", "unsupported expression: hour IN (SELECT 1)"),
    ("n like '1%'", "unsupported expression: n LIKE '1%'"),
    ("tag like hour", "unsupported expression: tag LIKE hour"),
    ("n = 'nine'", "'nine' is not of type int"),
    ("n = 1.5", "'1.5' is not of type int"),
    ("price = 1", "unsupported type of partition key price: double"),
    ("date like '2026%'", "unsupported expression: date LIKE '2026%'"),
    ("hour = '13' AND", "hour = '13' AND is not an expression: sql parser error: Expected: an expression, found: EOF"),
];

/// A table with [`PARTITIONS`].
async fn make_expression_table(glue: &Client) {
    make_logs(glue).await;
    let keys = [("date", "date"), ("hour", "string"), ("n", "int"), ("tag", "varchar(20)"), ("price", "double")];
    glue.create_table().database_name("db").table_input(table("t", &keys)).send().await.unwrap();
    for values in PARTITIONS {
        let input = partition(&[values.as_slice(), &["1"]].concat(), "s3://b/");
        let create = glue.create_partition().database_name("db").table_name("t").partition_input(input);
        create.send().await.unwrap();
    }
}

#[tokio::test]
async fn expressions_choose_partitions() {
    let (aws, _folder) = start();
    let glue = aws.glue();
    make_expression_table(&glue).await;
    for (expression, expected) in EXPRESSIONS {
        let list = glue.get_partitions().database_name("db").table_name("t").expression(expression).send().await;
        let found = outcome(list, |answer| {
            let number =
                |values: &[String]| PARTITIONS.iter().position(|partition| partition[..] == values[..4]).unwrap();
            let numbers = answer.partitions().iter().map(|partition| number(partition.values()).to_string());
            numbers.collect::<Vec<_>>().join(" ")
        });
        assert_eq!(found, expected, "{expression}");
    }
}

#[tokio::test]
async fn other_expressions_are_refused() {
    let (aws, _folder) = start();
    let glue = aws.glue();
    make_expression_table(&glue).await;
    for (expression, expected) in REFUSED {
        let list = glue.get_partitions().database_name("db").table_name("t").expression(expression).send().await;
        let error = list.unwrap_err().into_service_error();
        assert!(error.is_invalid_input_exception(), "{expression}: {error:?}");
        assert_eq!(error.meta().message(), Some(expected), "{expression}");
    }
    let long = format!("hour = '{}'", "x".repeat(2048));
    let list = glue.get_partitions().database_name("db").table_name("t").expression(long).send().await;
    assert_eq!(outcome(list, ok), "400 ValidationException");
    let deep = format!("{}hour = '1'{}", "(".repeat(900), ")".repeat(900));
    let list = glue.get_partitions().database_name("db").table_name("t").expression(deep).send().await;
    assert_eq!(outcome(list, ok), "400 InvalidInputException");
}

/// Partitions of a table with a key of each type.
const TYPED: [[&str; 5]; 4] = [
    ["2026-11-02", "2026-11-20 13:00:00", "1.50", "7", "-9"],
    ["2026-11-20", "2026-11-20 13:00:00.5", "10", "010", "123456789012"],
    ["2027-01-01", "2026-11-20T00:00:00", "-2.75", "-1", "0"],
    ["__HIVE_DEFAULT_PARTITION__", "never", "much", "few", "__HIVE_DEFAULT_PARTITION__"],
];

const TYPED_EXPRESSIONS: [(&str, &str); 22] = [
    ("d = '2026-11-20'", "1"),
    ("d > '2026-11-19'", "1 2"),
    ("d <> '2026-11-20'", "0 2"),
    ("d in ('2026-11-02', '2027-01-01')", "0 2"),
    ("d is null", "3"),
    ("ts = '2026-11-20 13:00:00'", "0"),
    ("ts = timestamp '2026-11-20 13:00:00.500'", "1"),
    ("ts >= '2026-11-20 13:00:00'", "0 1"),
    ("ts = '2026-11-20'", "2"),
    ("ts between '2026-11-20' and '2026-11-20 13:00:00'", "0 2"),
    ("amount = 1.5", "0"),
    ("amount < '1.50'", "2"),
    ("amount > 9", "1"),
    ("amount between -2.75 and 1.5", "0 2"),
    ("NOT amount = 10", "0 2"),
    ("small = 10", "1"),
    ("small < 8", "0 2"),
    ("small in (7, -1)", "0 2"),
    ("small <> 7", "1 2"),
    ("big >= 0", "1 2"),
    ("big = 123456789012 OR big = -9", "0 1"),
    ("small > big", "0"),
];

#[tokio::test]
async fn expressions_compare_by_type() {
    let (aws, _folder) = start();
    let glue = aws.glue();
    make_logs(&glue).await;
    let keys =
        [("d", "date"), ("ts", "timestamp"), ("amount", "decimal(10,2)"), ("small", "smallint"), ("big", "bigint")];
    glue.create_table().database_name("db").table_input(table("typed", &keys)).send().await.unwrap();
    for values in &TYPED {
        let create = glue.create_partition().database_name("db").table_name("typed");
        create.partition_input(partition(values, "s3://b/")).send().await.unwrap();
    }
    for (expression, expected) in TYPED_EXPRESSIONS {
        let list = glue.get_partitions().database_name("db").table_name("typed").expression(expression).send().await;
        let found = outcome(list, |answer| {
            let number = |values: &[String]| TYPED.iter().position(|partition| partition == values).unwrap();
            let mut numbers: Vec<_> = answer.partitions().iter().map(|partition| number(partition.values())).collect();
            numbers.sort_unstable();
            numbers.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")
        });
        assert_eq!(found, expected, "{expression}");
    }
}

fn statistics(column: &str, nulls: i64) -> ColumnStatistics {
    let long = LongColumnStatisticsData::builder().number_of_nulls(nulls).number_of_distinct_values(1);
    let data = ColumnStatisticsData::builder()
        .r#type(ColumnStatisticsType::Long)
        .long_column_statistics_data(long.build())
        .build()
        .unwrap();
    let analyzed = aws_sdk_glue::primitives::DateTime::from_secs(1_795_180_455);
    let statistics = ColumnStatistics::builder().column_name(column).column_type("bigint").analyzed_time(analyzed);
    statistics.statistics_data(data).build().unwrap()
}

/// The count of nulls of each column with statistics, and the error code of each other column.
fn nulls(found: &[ColumnStatistics], errors: &[ColumnError]) -> String {
    let found = found.iter().map(|statistics| {
        let data = statistics.statistics_data().unwrap().long_column_statistics_data().unwrap();
        format!("{}={}", statistics.column_name(), data.number_of_nulls())
    });
    let errors = errors.iter().map(|error| {
        let code = error.error().unwrap().error_code().unwrap();
        format!("{}={code}", error.column_name().unwrap())
    });
    found.chain(errors).collect::<Vec<_>>().join(" ")
}

async fn table_nulls(glue: &Client, table: &str) -> String {
    let get = glue.get_column_statistics_for_table().database_name("db").table_name(table);
    let got = get.column_names("a").column_names("b").send().await;
    outcome(got, |got| nulls(got.column_statistics_list(), got.errors()))
}

async fn partition_nulls(glue: &Client) -> String {
    let get = glue.get_column_statistics_for_partition().database_name("db").table_name("logs");
    let get = get.partition_values("2026-11-20").partition_values("13").column_names("a").column_names("b");
    outcome(get.send().await, |got| nulls(got.column_statistics_list(), got.errors()))
}

#[tokio::test]
async fn statistics_are_kept() {
    let (aws, folder) = start();
    let glue = aws.glue();
    make_logs(&glue).await;
    create(&glue, &["2026-11-20", "13"], "s3://b/").await;
    let missing = "a=EntityNotFoundException b=EntityNotFoundException";
    assert_eq!(table_nulls(&glue, "none").await, "400 EntityNotFoundException");
    assert_eq!(table_nulls(&glue, "logs").await, missing);
    assert_eq!(partition_nulls(&glue).await, missing);

    let update = glue.update_column_statistics_for_table().database_name("db").table_name("logs");
    let update = update.column_statistics_list(statistics("a", 1)).column_statistics_list(statistics("B", 2));
    assert_eq!(update.send().await.unwrap().errors(), []);
    let of_partition = || glue.update_column_statistics_for_partition().database_name("db").table_name("logs");
    let update = of_partition().partition_values("2026-11-20").partition_values("13");
    assert_eq!(update.column_statistics_list(statistics("a", 3)).send().await.unwrap().errors(), []);
    let update = of_partition().partition_values("2026-11-20").partition_values("14");
    assert_eq!(
        outcome(update.column_statistics_list(statistics("a", 4)).send().await, ok),
        "400 EntityNotFoundException"
    );
    let many = (0..26).map(|number| statistics(&number.to_string(), 1)).collect();
    let update = glue.update_column_statistics_for_table().database_name("db").table_name("logs");
    assert_eq!(outcome(update.set_column_statistics_list(Some(many)).send().await, ok), "400 ValidationException");

    drop((glue, aws));
    let aws = open(folder.path());
    let glue = aws.glue();
    assert_eq!(table_nulls(&glue, "logs").await, "a=1 B=2");
    assert_eq!(partition_nulls(&glue).await, "a=3 b=EntityNotFoundException");
    for _ in 0..2 {
        let delete = glue.delete_column_statistics_for_table().database_name("db").table_name("logs").column_name("A");
        assert_eq!(outcome(delete.send().await, ok), "ok");
        assert_eq!(table_nulls(&glue, "logs").await, "B=2 a=EntityNotFoundException");
    }
    let delete = glue.delete_partition().database_name("db").table_name("logs");
    delete.partition_values("2026-11-20").partition_values("13").send().await.unwrap();
    create(&glue, &["2026-11-20", "13"], "s3://b/").await;
    assert_eq!(partition_nulls(&glue).await, missing);
    drop((glue, aws));
    let glue = open(folder.path()).glue();
    assert_eq!(table_nulls(&glue, "logs").await, "B=2 a=EntityNotFoundException");
    assert_eq!(partition_nulls(&glue).await, missing);
}

#[tokio::test]
async fn engines_find_neither_functions_nor_indexes() {
    let (aws, _folder) = start();
    let glue = aws.glue();
    make_logs(&glue).await;
    let functions = glue.get_user_defined_functions().database_name("db").pattern(".*").send().await.unwrap();
    assert_eq!(functions.user_defined_functions(), []);
    let indexes = glue.get_partition_indexes().database_name("db").table_name("logs").send().await.unwrap();
    assert_eq!(indexes.partition_index_descriptor_list(), []);
    assert_eq!(outcome(glue.get_crawlers().send().await, ok), "400 UnknownOperationException");
}
