//! Glue as its SDK sees it.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking, its helpers too")]

mod support;

use std::collections::HashMap;

use aws_sdk_glue::Client;
use aws_sdk_glue::types::BatchUpdatePartitionRequestEntry as Entry;
use aws_sdk_glue::types::{
    Column, DatabaseInput, PartitionInput, PartitionValueList, Segment, StorageDescriptor, TableInput,
};
use support::{open, said, start};

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
    said(create.partition_input(partition(values, location)).send().await, ok)
}

async fn location(glue: &Client, values: &[&str]) -> String {
    let get = glue.get_partition().database_name("db").table_name("logs").set_partition_values(Some(owned(values)));
    said(get.send().await, |answer| answer.partition.unwrap().storage_descriptor.unwrap().location.unwrap())
}

#[tokio::test]
async fn databases_come_and_go() {
    let (aws, folder) = start();
    let glue = aws.glue();
    let input =
        |name: &str| DatabaseInput::builder().name(name).description("old").parameters("k", "v").build().unwrap();
    for (name, expected) in
        [("b", "ok"), ("A", "ok"), ("a", "400 AlreadyExistsException"), ("", "400 InvalidInputException")]
    {
        assert_eq!(said(glue.create_database().database_input(input(name)).send().await, ok), expected, "{name}");
    }
    let update = DatabaseInput::builder().name("a").description("new").build().unwrap();
    let update = glue.update_database().name("a").database_input(update).send().await;
    assert_eq!(said(update, ok), "ok");
    drop((glue, aws));
    let glue = open(folder.path()).glue();
    let database = glue.get_database().name("A").send().await.unwrap().database.unwrap();
    assert_eq!((database.name(), database.description(), database.parameters()), ("a", Some("new"), None));
    assert_eq!(
        (database.catalog_id(), database.create_time().unwrap().to_string().as_str()),
        (Some("000000000000"), support::NOW)
    );
    let first = glue.get_databases().max_results(1).send().await.unwrap();
    assert_eq!(first.database_list()[0].name(), "a");
    let second = glue.get_databases().set_next_token(first.next_token).send().await.unwrap();
    assert_eq!((second.database_list()[0].name(), second.next_token()), ("b", None));
    assert_eq!(said(glue.delete_database().name("b").send().await, ok), "ok");
    assert_eq!(said(glue.delete_database().name("b").send().await, ok), "400 EntityNotFoundException");
    assert_eq!(said(glue.get_database().name("b").send().await, ok), "400 EntityNotFoundException");
    assert_eq!(said(glue.get_tables().database_name("b").send().await, ok), "400 EntityNotFoundException");
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
    assert_eq!(said(update(Some("1"), "early").await, ok), "400 ConcurrentModificationException");
    assert_eq!(said(update(Some("0"), "first").await, ok), "ok");
    assert_eq!(said(update(Some("0"), "late").await, ok), "400 ConcurrentModificationException");
    assert_eq!(said(update(None, "second").await, ok), "ok");
    let got = glue.get_table().database_name("db").name("LOGS").send().await.unwrap().table.unwrap();
    assert_eq!((got.name(), got.owner(), got.version_id()), ("logs", Some("second"), Some("2")));
    assert_eq!((got.database_name(), got.catalog_id()), (Some("db"), Some("000000000000")));
    assert_eq!(got.create_time().unwrap().to_string(), support::NOW);
    assert_eq!(got.update_time().unwrap().to_string(), support::NOW);
    drop(glue);
    drop(aws);
    let glue = open(folder.path()).glue();
    let again = glue.get_table().database_name("db").name("logs").send().await.unwrap().table.unwrap();
    assert_eq!(again, got);
    let versions = glue.get_table_versions().database_name("db").table_name("logs").send().await.unwrap();
    let versions: Vec<_> = versions.table_versions().iter().map(|version| version.version_id().unwrap()).collect();
    assert_eq!(versions, ["2"]);
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
    assert_eq!(said(again, ok), "400 AlreadyExistsException");
    let nowhere = glue.create_table().database_name("no").table_input(table("logs", &[])).send().await;
    assert_eq!(said(nowhere, ok), "400 EntityNotFoundException");
    let list = async |expression: &str| {
        let pages = glue.get_tables().database_name("db").expression(expression).max_results(2).into_paginator();
        let pages = pages.send().collect::<Result<Vec<_>, _>>().await;
        said(pages, |pages| {
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
    assert_eq!(said(glue.delete_table().database_name("db").name("logs").send().await, ok), "ok");
    assert_eq!(
        said(glue.delete_table().database_name("db").name("logs").send().await, ok),
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
    assert_eq!(said(update(&hour, partition(&hour, "s3://b/3/")).await, ok), "ok");
    assert_eq!(location(&glue, &hour).await, "s3://b/3/");
    let moved = update(&hour, partition(&["2026-11-20", "14"], "s3://b/4/")).await;
    assert_eq!(said(moved, ok), "400 InvalidInputException");
    let missing = update(&["2026-11-20", "15"], partition(&["2026-11-20", "15"], "s3://b/4/")).await;
    assert_eq!(said(missing, ok), "400 EntityNotFoundException");
    let parameters = HashMap::from([("manifest".to_owned(), "\"etag\"".to_owned())]);
    let input = PartitionInput::builder().set_parameters(Some(parameters.clone())).build();
    assert_eq!(said(update(&hour, input).await, ok), "ok");

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
    assert_eq!((got.creation_time().unwrap().to_string().as_str(), got.storage_descriptor()), (support::NOW, None));
    let delete =
        || glue.delete_partition().database_name("db").table_name("logs").set_partition_values(Some(owned(&hour)));
    assert_eq!(said(delete().send().await, ok), "ok");
    assert_eq!(said(delete().send().await, ok), "400 EntityNotFoundException");
    assert_eq!(said(get().send().await, ok), "400 EntityNotFoundException");
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
    for (over, expected) in [(0, "ok"), (1, "400 InvalidInputException")] {
        let create = glue.batch_create_partition().database_name("db").table_name("logs");
        let create = create.set_partition_input_list(Some((0..100 + over).map(input).collect()));
        assert_eq!(said(create.send().await, ok), expected);
        let update = glue.batch_update_partition().database_name("db").table_name("logs");
        let update = update.set_entries(Some((0..100 + over).map(entry).collect()));
        assert_eq!(said(update.send().await, ok), expected);
        let get = glue.batch_get_partition().database_name("db").table_name("logs");
        let get = get.set_partitions_to_get(Some((0..1000 + over).map(list).collect()));
        assert_eq!(said(get.send().await, ok), expected);
        let delete = glue.batch_delete_partition().database_name("db").table_name("logs");
        let delete = delete.set_partitions_to_delete(Some((0..25 + over).map(list).collect()));
        assert_eq!(said(delete.send().await, ok), expected);
        let get = glue.get_partitions().database_name("db").table_name("logs").max_results(1000 + over as i32);
        assert_eq!(said(get.send().await, ok), expected);
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
    let outside = Segment::builder().segment_number(5).total_segments(5).build().unwrap();
    assert_eq!(said(get.clone().segment(outside).send().await, ok), "400 InvalidInputException");
    assert_eq!(said(get.clone().next_token("?").send().await, ok), "400 InvalidInputException");
    let without = get.exclude_column_schema(true).max_results(1).send().await.unwrap().partitions.unwrap();
    let storage = without[0].storage_descriptor().unwrap();
    assert_eq!((storage.columns(), storage.location()), ([].as_slice(), Some("s3://b/")));
}

/// The partitions of the table that the expressions below are tried on, by `date`, `hour`, `n` and `tag`.
const PARTITIONS: [[&str; 4]; 5] = [
    ["2026-11-19", "23", "9", "a"],
    ["2026-11-20", "00", "10", "a%"],
    ["2026-11-20", "01", "-1", "ab_c"],
    ["2026-11-20", "13", "100", "__HIVE_DEFAULT_PARTITION__"],
    ["2026-11-21", "00", "9", "it's"],
];

/// Expressions, and the partitions above that match, by number.
const EXPRESSIONS: [(&str, &str); 57] = [
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
const REFUSED: [(&str, &str); 15] = [
    ("minute = '13'", "minute is not a partition key"),
    ("x.date = '13'", "unsupported expression: x.date"),
    ("hour = '13' AND cast(date as string) = 'x'", "unsupported expression: CAST(date AS STRING)"),
    ("hour + 1 = 2", "unsupported expression: hour + 1"),
    ("date = timestamp '2026-11-20 00:00:00'", "unsupported expression: TIMESTAMP '2026-11-20 00:00:00'"),
    ("hour = current_date", "unsupported expression: current_date"),
    ("hour", "unsupported expression: hour"),
    ("hour ilike 'A'", "unsupported expression: hour ILIKE 'A'"),
    ("hour in (select 1)", "unsupported expression: hour IN (SELECT 1)"),
    ("n like '1%'", "unsupported expression: n LIKE '1%'"),
    ("tag like hour", "unsupported expression: tag LIKE hour"),
    ("n = 'nine'", "nine is not a whole number"),
    ("n = 1.5", "1.5 is not a whole number"),
    ("price = 1", "unsupported type of partition key price: double"),
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
        let found = said(list, |answer| {
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
    assert_eq!(said(list, ok), "400 InvalidInputException");
    let deep = format!("{}hour = '1'{}", "(".repeat(900), ")".repeat(900));
    let list = glue.get_partitions().database_name("db").table_name("t").expression(deep).send().await;
    assert_eq!(said(list, ok), "400 InvalidInputException");
}

#[tokio::test]
async fn engines_find_no_statistics() {
    let (aws, _folder) = start();
    let glue = aws.glue();
    make_logs(&glue).await;
    create(&glue, &["2026-11-20", "13"], "s3://b/").await;
    let of_table = |table: &str| {
        glue.get_column_statistics_for_table().database_name("db").table_name(table).column_names("log_id").send()
    };
    let statistics = of_table("logs").await.unwrap();
    assert_eq!((statistics.column_statistics_list(), statistics.errors()), ([].as_slice(), [].as_slice()));
    assert_eq!(said(of_table("none").await, ok), "400 EntityNotFoundException");
    let of_partition =
        glue.get_column_statistics_for_partition().database_name("db").table_name("logs").column_names("log_id");
    let of_partition = of_partition.partition_values("2026-11-20").partition_values("13").send().await.unwrap();
    assert_eq!(of_partition.column_statistics_list(), []);
    let update = glue.update_column_statistics_for_table().database_name("db").table_name("logs");
    let update = update.set_column_statistics_list(Some(Vec::new())).send().await.unwrap();
    assert_eq!(update.errors(), []);
    let delete = glue.delete_column_statistics_for_table().database_name("db").table_name("logs").column_name("log_id");
    assert_eq!(said(delete.send().await, ok), "ok");
    let functions = glue.get_user_defined_functions().database_name("db").pattern(".*").send().await.unwrap();
    assert_eq!(functions.user_defined_functions(), []);
    let indexes = glue.get_partition_indexes().database_name("db").table_name("logs").send().await.unwrap();
    assert_eq!(indexes.partition_index_descriptor_list(), []);
    assert_eq!(said(glue.get_crawlers().send().await, ok), "400 UnknownOperationException");
}
