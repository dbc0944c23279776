//! Queries over a small bucket with everything odd that Glue may describe.

use std::sync::Arc;
use std::time::Duration;

use auth0_s3_logs::sql::{Answer, Sql};
use aws_sdk_glue::types::{Column, PartitionInput, SerDeInfo, StorageDescriptor, TableInput};
use base64::Engine;
use catalog::{Catalog, Pointer, Watermarks};
use datafusion::arrow::array::{ArrayRef, RecordBatch, StringArray};
use fixtures::gzip;
use local_aws::LocalAws;
use log_format::{Hour, layout};
use parquet::arrow::ArrowWriter;
use parquet::file::properties::WriterProperties;
use serde_json::json;
use tempfile::TempDir;

const BUCKET: &str = "logs-bucket";
const DATABASE: &str = "auth0_event_logs";

struct Bucket {
    _folder: TempDir,
    aws: LocalAws,
    catalog: Catalog,
}

impl Bucket {
    async fn new() -> Bucket {
        let folder = TempDir::new().unwrap();
        let aws = LocalAws::open(folder.path(), Arc::new(|| "2026-11-20T16:00:00Z".parse().unwrap())).unwrap();
        aws.create_bucket(BUCKET).unwrap();
        let catalog = Catalog::new(aws.glue(), DATABASE, BUCKET);
        catalog.ensure_tables().await.unwrap();
        Bucket { _folder: folder, aws, catalog }
    }

    async fn put(&self, key: &str, body: Vec<u8>) {
        self.aws.s3().put_object().bucket(BUCKET).key(key).body(body.into()).send().await.unwrap();
    }

    /// A JSON object of the hour, and the hour's partition.
    async fn json(&self, hour: &str, name: &str, body: Vec<u8>) {
        let hour: Hour = hour.parse().unwrap();
        self.put(&format!("{}{name}", layout::json_prefix(hour)), body).await;
        self.catalog.ensure_json_partition(hour).await.unwrap();
    }

    /// A Parquet file of the hour, and the hour's partition. Each row is log_id, user_id.
    async fn parquet(&self, hour: &str, attempt: &str, rows: &[(&str, Option<&str>)]) {
        let hour: Hour = hour.parse().unwrap();
        let folder = layout::parquet_folder(hour, attempt);
        self.put(&format!("{folder}part-0.parquet"), parquet_file(rows)).await;
        let location = format!("s3://{BUCKET}/{folder}");
        let pointer = Pointer { location, ..Pointer::default() };
        self.point(hour, &pointer).await;
    }

    /// Makes or changes the partition of an hour.
    async fn point(&self, hour: Hour, pointer: &Pointer) {
        let within = Duration::from_secs(60);
        let created = self.catalog.create_pointer(hour, pointer, within).await.unwrap();
        assert!(created || self.catalog.update_pointer(hour, pointer, within).await.unwrap());
    }

    async fn set_watermark(&self, hour: &str) {
        let stored = self.catalog.view().await.unwrap();
        self.catalog.set_view(stored.as_ref(), Watermarks { hour: hour.parse().unwrap(), day: None }).await.unwrap();
    }

    async fn sql(&self) -> Sql {
        Sql::open(&self.aws, DATABASE).await.unwrap()
    }

    /// A bucket of three hours: 12 and 13 in Parquet, 13 and 14 in JSON, the watermark at 13.
    async fn filled() -> Bucket {
        let bucket = Bucket::new().await;
        bucket.parquet("2026-11-20T12", "a1", &[("1", Some("ann")), ("2", None)]).await;
        bucket.parquet("2026-11-20T13", "a1", &[("3", Some("bob"))]).await;
        let lines = gzip("{\"log_id\":\"3\",\"user_id\":\"bob\"}\n{\"log_id\":\"3\",\"user_id\":\"bob\"}\n");
        bucket.json("2026-11-20T13", "a.gz", lines).await;
        let lines = "{\"log_id\":\"4\",\"user_id\":\"ann\"}\n{\"log_id\":\"4\",\"user_id\":\"ann\"}\nmalformed\n";
        bucket.json("2026-11-20T14", "a.gz", gzip(lines)).await;
        bucket.set_watermark("2026-11-20T13").await;
        bucket
    }
}

/// A file with two of the table's columns, in row groups of one row.
fn parquet_file(rows: &[(&str, Option<&str>)]) -> Vec<u8> {
    let ids: StringArray = rows.iter().map(|(id, _)| Some(*id)).collect();
    let users: StringArray = rows.iter().map(|(_, user)| *user).collect();
    let columns = [("log_id", Arc::new(ids) as ArrayRef), ("user_id", Arc::new(users) as ArrayRef)];
    let batch = RecordBatch::try_from_iter(columns).unwrap();
    let properties = WriterProperties::builder().set_max_row_group_row_count(Some(1)).build();
    let mut writer = ArrowWriter::try_new(Vec::new(), batch.schema(), Some(properties)).unwrap();
    writer.write(&batch).unwrap();
    writer.into_inner().unwrap()
}

/// The rows, with commas between the values and NULL for null.
fn rows(answer: &Answer) -> Vec<String> {
    let value = |value: &serde_json::Value| match value {
        serde_json::Value::Null => "NULL".to_string(),
        serde_json::Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    let names: Vec<String> = answer.schema.fields().iter().map(|field| field.name().clone()).collect();
    let answer = answer.to_json().unwrap();
    let row = |row: &serde_json::Value| names.iter().map(|name| value(&row[name])).collect::<Vec<_>>().join(",");
    answer.as_array().unwrap().iter().map(row).collect()
}

async fn check(sql: &Sql, query: &str, expected: &[&str]) {
    let answer = sql.query(query).await.unwrap_or_else(|error| panic!("{query}: {error:#}"));
    assert_eq!(rows(&answer), expected, "{query}");
}

#[tokio::test]
async fn json_is_read_as_athena_reads_it() {
    let bucket = Bucket::new().await;
    let two_members =
        [gzip("{\"log_id\":\"1\",\"type\":\"s\"}\n{\"log_id\":\"2\","), gzip("\"type\":\"f\"}\n")].concat();
    bucket.json("2026-11-20T13", "a b+c%3D.gz", two_members).await;
    bucket
        .json("2026-11-20T13", "plain", b"{\"log_id\":3,\"type\":[1, 2],\"TYPE\":\"other\"}\r\n\nnot json".to_vec())
        .await;
    bucket.json("2026-11-20T13", "_hidden.gz", gzip("{\"log_id\":\"hidden\"}\n")).await;
    bucket.json("2026-11-20T13", ".hidden", b"{\"log_id\":\"hidden\"}\n".to_vec()).await;
    bucket.json("2026-11-20T13", "below/a", b"{\"log_id\":\"below\"}\n".to_vec()).await;
    bucket.json("2026-11-20T13", "empty.gz", Vec::new()).await;
    bucket.json("2026-11-20T14", "a.gz", gzip("{\"log_id\":\"4\",\"details\":\"{\\\"a\\\":1}\"}")).await;
    let sql = bucket.sql().await;
    let all = "SELECT \"date\", \"hour\", log_id, type, details FROM auth0_logs_json ORDER BY \"hour\", log_id, type";
    let expected = [
        "2026-11-20,13,1,s,NULL",
        "2026-11-20,13,2,f,NULL",
        "2026-11-20,13,3,[1, 2],NULL",
        "2026-11-20,13,NULL,NULL,NULL",
        "2026-11-20,13,NULL,NULL,NULL",
        "2026-11-20,14,4,NULL,{\"a\":1}",
    ];
    check(&sql, all, &expected).await;
    check(&sql, "SELECT count(*) AS n, count(log_id) AS ids FROM auth0_logs_json", &["6,4"]).await;
    check(&sql, "SELECT log_id FROM auth0_logs_json WHERE type LIKE '%f%'", &["2"]).await;
    check(&sql, "SELECT count(*) AS n FROM (SELECT * FROM auth0_logs_json LIMIT 2)", &["2"]).await;
}

#[tokio::test]
async fn parquet_is_read_by_column_name() {
    let bucket = Bucket::filled().await;
    bucket.put("parquet/2026/11/20/12/a1/_hidden.parquet", b"no parquet".to_vec()).await;
    bucket.put("parquet/2026/11/20/12/a0/part-0.parquet", parquet_file(&[("retired", None)])).await;
    let sql = bucket.sql().await;
    let all = "SELECT log_id, user_id, type, \"date\", \"hour\" FROM auth0_logs_parquet ORDER BY log_id";
    let expected = ["1,ann,NULL,2026-11-20,12", "2,NULL,NULL,2026-11-20,12", "3,bob,NULL,2026-11-20,13"];
    check(&sql, all, &expected).await;
    check(&sql, "SELECT count(*) AS n FROM auth0_logs_parquet", &["3"]).await;
    check(&sql, "SELECT log_id FROM auth0_logs_parquet WHERE user_id = 'ann'", &["1"]).await;
}

#[tokio::test]
async fn the_view_takes_every_hour_from_one_table() {
    let bucket = Bucket::filled().await;
    let sql = bucket.sql().await;
    let all = "SELECT log_id, user_id, \"hour\" FROM auth0_logs ORDER BY log_id";
    check(&sql, all, &["1,ann,12", "2,NULL,12", "3,bob,13", "4,ann,14"]).await;
    bucket.set_watermark("2026-11-20T12").await;
    check(&bucket.sql().await, all, &["1,ann,12", "2,NULL,12", "3,bob,13", "4,ann,14"]).await;
    bucket.set_watermark("2026-11-20T11").await;
    check(&bucket.sql().await, all, &["3,bob,13", "4,ann,14"]).await;
}

/// Objects read by a query, and whether it read any bytes.
async fn objects_read(sql: &Sql, query: &str) -> u64 {
    let answer = sql.query(query).await.unwrap();
    assert_eq!(answer.bytes_read > 0, answer.objects_read > 0, "{query}");
    answer.objects_read
}

#[tokio::test]
async fn only_the_partitions_asked_for_are_read() {
    let bucket = Bucket::filled().await;
    let sql = bucket.sql().await;
    let cases = [
        ("SELECT count(type) FROM auth0_logs_json", 2),
        ("SELECT count(type) FROM auth0_logs_json WHERE \"hour\" = '13'", 1),
        ("SELECT count(type) FROM auth0_logs_json WHERE \"hour\" > '13' AND user_id = 'ann'", 1),
        ("SELECT count(type) FROM auth0_logs_json WHERE \"date\" = DATE '2026-11-21'", 0),
        ("SELECT count(type) FROM auth0_logs_json WHERE \"date\" BETWEEN DATE '2026-11-20' AND DATE '2026-11-21'", 2),
        ("SELECT count(type) FROM auth0_logs_json WHERE \"hour\" = '13' OR user_id = 'ann'", 2),
        (
            "SELECT count(type) FROM auth0_logs_json WHERE CAST(\"date\" AS varchar) || 'T' || \"hour\" = '2026-11-20T14'",
            1,
        ),
        ("SELECT count(user_id) FROM auth0_logs_parquet WHERE \"hour\" IN ('12', '14')", 1),
        ("SELECT count(user_id) FROM auth0_logs", 3),
        ("SELECT count(user_id) FROM auth0_logs WHERE \"date\" = DATE '2026-11-20' AND \"hour\" = '12'", 1),
        ("SELECT count(user_id) FROM auth0_logs WHERE \"date\" = DATE '2026-11-20' AND \"hour\" = '14'", 1),
        ("SELECT count(user_id) FROM auth0_logs WHERE \"date\" < DATE '2026-11-20'", 0),
    ];
    for (query, objects) in cases {
        assert_eq!(objects_read(&sql, query).await, objects, "{query}");
    }
}

#[tokio::test]
async fn bytes_are_those_of_the_objects() {
    let bucket = Bucket::new().await;
    let body = gzip("{\"log_id\":\"1\"}\n");
    bucket.json("2026-11-20T13", "a.gz", body.clone()).await;
    let answer = bucket.sql().await.query("SELECT log_id FROM auth0_logs_json").await.unwrap();
    assert_eq!((answer.bytes_read, answer.objects_read), (body.len() as u64, 1));
}

#[tokio::test]
async fn row_groups_that_cannot_match_are_not_read() {
    let bucket = Bucket::new().await;
    // Wide values that compress badly, so that the read of the footer does not hold the whole file.
    let wide = |from: u64| {
        (0..20_000).map(|n: u64| format!("{:x}", (n + from).wrapping_mul(0x9E37_79B9_7F4A_7C15))).collect::<String>()
    };
    let values: Vec<(String, String)> = (0..8).map(|n| (format!("{n}"), wide(n))).collect();
    let rows: Vec<(&str, Option<&str>)> = values.iter().map(|(id, user)| (id.as_str(), Some(user.as_str()))).collect();
    bucket.parquet("2026-11-20T13", "a1", &rows).await;
    let sql = bucket.sql().await;
    let read = async |query: &str| sql.query(query).await.unwrap().bytes_read;
    let all = read("SELECT user_id FROM auth0_logs_parquet").await;
    let one = read("SELECT user_id FROM auth0_logs_parquet WHERE log_id = '5'").await;
    let none = read("SELECT user_id FROM auth0_logs_parquet WHERE log_id = '9'").await;
    let narrow = read("SELECT log_id FROM auth0_logs_parquet").await;
    assert!(one < all / 4, "{one} of {all}");
    assert!(none < all / 8, "{none} of {all}");
    assert!(narrow < all / 8, "{narrow} of {all}");
}

#[tokio::test]
async fn names_are_those_of_athena() {
    let bucket = Bucket::filled().await;
    let sql = bucket.sql().await;
    assert_eq!(sql.tables(), ["auth0_logs", "auth0_logs_daily", "auth0_logs_json", "auth0_logs_parquet"]);
    for name in [
        "auth0_logs",
        "\"auth0_logs\"",
        "AUTH0_LOGS",
        "auth0_event_logs.auth0_logs",
        "\"auth0_event_logs\".\"auth0_logs\"",
        "awsdatacatalog.auth0_event_logs.auth0_logs",
        "\"awsdatacatalog\".\"auth0_event_logs\".\"auth0_logs\"",
        "AwsDataCatalog.auth0_event_logs.auth0_logs",
        "\"AwsDataCatalog\".\"auth0_event_logs\".\"auth0_logs\"",
        "\"AUTH0_LOGS\"",
    ] {
        check(&sql, &format!("SELECT count(*) AS n FROM {name}"), &["4"]).await;
    }
    for (query, rows) in [("SHOW TABLES", 4), ("DESCRIBE auth0_logs", 19), ("EXPLAIN SELECT 1", 2)] {
        assert_eq!(sql.query(query).await.unwrap().rows(), rows, "{query}");
    }
    let partitions = ["date=2026-11-20/hour=13", "date=2026-11-20/hour=14"];
    check(&sql, "SHOW PARTITIONS auth0_logs_json", &partitions).await;
    check(&sql, "SHOW PARTITIONS auth0_logs_daily", &[]).await;
    let view = sql.query("SHOW CREATE VIEW auth0_logs").await.unwrap();
    assert!(view.to_table().unwrap().contains("CREATE VIEW auth0_logs AS"));
    check(&sql, "SELECT \"LOG_ID\" FROM auth0_logs WHERE LOG_ID = '1'", &["1"]).await;
    for query in [
        "SELECT log_id AS \"Id\" FROM auth0_logs ORDER BY \"Id\" LIMIT 1",
        "SELECT \"T\".log_id FROM auth0_logs AS \"T\" WHERE t.log_id = '1'",
        "WITH \"Logs\" AS (SELECT * FROM auth0_logs) SELECT \"X\" FROM (SELECT log_id AS \"X\" FROM \"Logs\") WHERE x = '1'",
        "SELECT lower(\"LOG_ID\") AS \"LOG_ID\" FROM auth0_logs WHERE \"Log_Id\" = '1'",
        "SELECT \"count\"(*) AS \"N\" FROM auth0_logs WHERE log_id = '1' ORDER BY \"n\"",
    ] {
        check(&sql, query, &["1"]).await;
    }
    check(&sql, "SELECT x FROM (VALUES (1), (NULL), (2)) AS t(x) ORDER BY x DESC", &["2", "1", "NULL"]).await;
    let named = "WITH busy AS (SELECT user_id, count(*) AS n FROM auth0_logs GROUP BY 1) \
                 SELECT user_id, n FROM busy WHERE n > 1";
    check(&sql, named, &["ann,2"]).await;
    let columns = "SELECT count(*) AS n FROM information_schema.columns WHERE table_name = 'auth0_logs'";
    check(&sql, columns, &["19"]).await;
}

#[tokio::test]
async fn functions_have_trinos_names() {
    let bucket = Bucket::filled().await;
    let sql = bucket.sql().await;
    let document =
        r#"'{"a":{"b":[1.50,"x",{"c":true}]},"k-v":"dash","k.v":"dot","n":null,"big":12345678901234567890}'"#;
    let scalars = [
        ("$.a.b[0]", "1.50"),
        ("$.a.b[1]", "x"),
        ("$.a.b[2].c", "true"),
        ("$.k-v", "dash"),
        ("$[\"k-v\"]", "dash"),
        ("$[\"k.v\"]", "dot"),
        ("$.big", "12345678901234567890"),
        ("$.a", "NULL"),
        ("$.a.b", "NULL"),
        ("$.a.b[3]", "NULL"),
        ("$.n", "NULL"),
        ("$.missing.b", "NULL"),
    ];
    for (path, expected) in scalars {
        check(&sql, &format!("SELECT json_extract_scalar({document}, '{path}') AS v"), &[expected]).await;
    }
    let cases = [
        (r#"json_extract('{"a":{"b": [1]}}', '$.a')"#, r#"{"b":[1]}"#),
        (r#"json_extract('{"a":"x"}', '$.a')"#, r#""x""#),
        ("json_extract_scalar('not json', '$.a')", "NULL"),
        ("json_extract_scalar('[7]', '$[0]')", "7"),
        ("json_extract_scalar('\"\\ud83d\\ude00\"', '$')", "😀"),
        ("json_extract_scalar(NULL, '$.a')", "NULL"),
        ("json_extract_scalar(CAST('{\"a\":1}' AS varchar), '$.a')", "1"),
        ("from_iso8601_timestamp('2026-11-20T13:14:15.678Z')", "2026-11-20T13:14:15.678Z"),
        ("from_iso8601_timestamp('2026-11-20T14:14:15+01:00')", "2026-11-20T13:14:15Z"),
        ("to_iso8601(from_iso8601_timestamp('2026-11-20T13:14:15Z'))", "2026-11-20T13:14:15.000Z"),
        ("date_trunc('hour', from_iso8601_timestamp('2026-11-20T13:14:15Z'))", "2026-11-20T13:00:00Z"),
        ("from_iso8601_timestamp('2026-11-20T13:14:15Z') > TIMESTAMP '2026-11-20 13:00:00'", "true"),
        ("from_iso8601_timestamp('2026-11-20T13:14:15Z') + INTERVAL '1' hour", "2026-11-20T14:14:15Z"),
        ("date_diff('minute', TIMESTAMP '2026-11-20 13:00:00', TIMESTAMP '2026-11-20 15:00:59')", "120"),
        ("date_diff('day', DATE '2026-11-20', DATE '2026-12-01')", "11"),
        ("date_add('day', -1, TIMESTAMP '2026-11-20 13:00:00')", "2026-11-19T13:00:00Z"),
        ("regexp_like('failed login', '^fail')", "true"),
        ("regexp_replace('a1b2', '[0-9]')", "ab"),
        ("regexp_replace('a1b2', '[0-9]', '-')", "a-b-"),
        ("split_part('auth0|5f7', '|', 1)", "auth0"),
        ("element_at(map(ARRAY['a'], ARRAY['b']), 'a')", "b"),
        ("coalesce(NULL, 'x')", "x"),
        ("lower('ABC') || upper('d')", "abcD"),
        ("round(2.0 / 3, 2)", "0.67"),
        ("try_cast('x' AS bigint)", "NULL"),
    ];
    for (expression, expected) in cases {
        check(&sql, &format!("SELECT {expression} AS v"), &[expected]).await;
    }
}

/// What the engine has under another name, or not at all.
#[tokio::test]
async fn functions_are_rewritten() {
    let sql = Bucket::new().await.sql().await;
    let cases = [
        ("try(from_iso8601_timestamp('yesterday'))", "NULL"),
        ("try(CAST('x' AS integer) / 2)", "NULL"),
        ("try(1 / 0)", "NULL"),
        ("try(date_trunc('hour', from_iso8601_timestamp('2026-11-20T13:14:15Z')))", "2026-11-20T13:00:00Z"),
        ("if(1 > 2, 'a', 'b')", "b"),
        ("if(1 > 2, 'a')", "NULL"),
        ("concat('a', NULL, 'b')", "NULL"),
        ("date_parse('2026-11-20T13:14:15.678Z', '%Y-%m-%dT%H:%i:%s.%fZ')", "2026-11-20T13:14:15.678"),
        ("date_parse('2026-11', '%Y-%m')", "2026-11-01T00:00:00"),
        ("try(date_parse('x', '%Y-%m'))", "NULL"),
        (
            "CAST(at_timezone(from_iso8601_timestamp('2026-11-20T13:00:00Z'), 'Europe/Berlin') AS varchar)",
            "2026-11-20T14:00:00+01:00",
        ),
        ("regexp_extract('Mozilla/5.0 (X11)', '^[A-Za-z]+')", "Mozilla"),
        ("regexp_extract('ann@example.com', '(.+)@(.+)', 2)", "example.com"),
        ("regexp_extract('ann', '@')", "NULL"),
        ("url_extract_host('https://a.example:8080/b?c')", "a.example"),
        ("url_extract_host('a.example/b')", "NULL"),
        ("json_array_length('[1, {\"a\": []}]')", "2"),
        ("json_array_length('{}')", "NULL"),
        ("json_array_contains('[\"1\", \"b\"]', 'b')", "true"),
        ("json_array_contains('[\"1\", \"b\"]', 1)", "false"),
        ("json_array_contains('[1, true]', true)", "true"),
        ("json_array_contains('no array', 'b')", "NULL"),
        ("json_format(json_parse('{ \"a b\" : [ 1.50 ] }'))", "{\"a b\":[1.50]}"),
        ("try(json_parse('{'))", "NULL"),
        ("contains(ARRAY['a', 'b'], 'b')", "true"),
        ("contains('192.0.2.0/24', CAST('192.0.2.7' AS ipaddress))", "true"),
        ("slice(ARRAY[1, 2, 3, 4], 2, 2)[2]", "3"),
        ("element_at(ARRAY['a', 'b'], 2)", "b"),
        ("array_join(CAST(json_parse('[\"a\", 2, null]') AS array(varchar)), '+')", "a+2"),
        ("cardinality(CAST(coalesce(json_extract('{\"a\":[1,2]}', '$.a')) AS array(varchar)))", "2"),
        ("cardinality(TRY_CAST(json_parse('[{}]') AS array(varchar)))", "NULL"),
        ("date_parse('2026-11-20 09', '%Y-%m-%d %H')", "2026-11-20T09:00:00"),
        ("date_parse('2026-11-20 09:05:06', '%Y-%m-%d %h:%i:%s')", "2026-11-20T09:05:06"),
        ("date_parse('2026-11-20 09 PM', '%Y-%m-%d %h %p')", "2026-11-20T21:00:00"),
        ("date_format(from_iso8601_timestamp('2026-11-20T13:14:15.5Z'), '%M %H:%i:%s.%f')", "November 13:14:15.500000"),
        ("greatest('a', NULL)", "NULL"),
        ("least(2, 1)", "1"),
        ("array_position(ARRAY['a'], 'b')", "0"),
        ("split_part('a@b', '@', 2)", "b"),
        ("split_part('a', '@', 2)", "NULL"),
        ("substr('abc', -2)", "bc"),
        ("array_join(array_sort(ARRAY['b', NULL, 'a']), '+', '?')", "a+b+?"),
        ("hour(from_iso8601_timestamp('2026-11-20T13:14:15Z'))", "13"),
        ("date(from_iso8601_timestamp('2026-11-20T13:14:15Z'))", "2026-11-20"),
        ("mod(7, 4)", "3"),
        ("cardinality(split('a,b', ','))", "2"),
        ("element_at(ARRAY['a', 'b'], -1)", "b"),
        ("array_join(CAST(json_extract('{\"p\":[{\"a\":1}]}', '$.p') AS array(json)), '+')", "{\"a\":1}"),
        ("cardinality(ARRAY[1, 2])", "2"),
    ];
    for (expression, expected) in cases {
        check(&sql, &format!("SELECT {expression} AS v"), &[expected]).await;
    }
}

#[tokio::test]
async fn arrays_are_unnested() {
    let bucket = Bucket::filled().await;
    let sql = bucket.sql().await;
    let elements = "SELECT l.log_id, t.e FROM auth0_logs AS l CROSS JOIN UNNEST(ARRAY[l.user_id, l.\"hour\"]) AS t(e) \
         WHERE l.user_id = 'ann' ORDER BY 1, 2";
    check(&sql, elements, &["1,12", "1,ann", "4,14", "4,ann"]).await;
    let none = "SELECT e FROM auth0_logs CROSS JOIN UNNEST(CAST(json_extract(details, '$.x') AS array(json))) AS t(e)";
    check(&sql, none, &[]).await;
    let both = "SELECT a, b FROM (SELECT 1 AS one) AS s CROSS JOIN UNNEST(ARRAY[1, 2]) AS t(a) \
         CROSS JOIN UNNEST(ARRAY['x']) AS u(b) ORDER BY a";
    check(&sql, both, &["1,x", "2,x"]).await;
    check(&sql, "SELECT e FROM UNNEST(ARRAY['a', 'b']) AS t(e)", &["a", "b"]).await;
    let quotes = "SELECT v, e FROM (SELECT 'a''''b\\' AS v, ARRAY['x'] AS x) AS s CROSS JOIN UNNEST(x) AS t(e)";
    check(&sql, quotes, &["a''b\\,x"]).await;
}

#[tokio::test]
async fn a_row_knows_the_object_that_it_is_of() {
    let bucket = Bucket::filled().await;
    let sql = bucket.sql().await;
    let path = "s3://logs-bucket/logs/2026/11/20/13/a.gz";
    let counted = "SELECT \"$path\", count(*) FROM auth0_logs_json WHERE \"hour\" = '13' GROUP BY 1";
    check(&sql, counted, &[&format!("{path},2")]).await;
    let filtered = format!("SELECT count(*) AS n FROM auth0_logs_json WHERE \"$path\" = '{path}'");
    check(&sql, &filtered, &["2"]).await;
    assert!(sql.query("SELECT \"$path\" FROM auth0_logs").await.is_err(), "a view has none");
    assert_eq!(sql.query("SELECT * FROM auth0_logs_json").await.unwrap().schema.fields().len(), 19);
    let error = sql.query("SELECT *, \"$path\" FROM auth0_logs_json").await.unwrap_err().to_string();
    assert!(error.contains("name the columns beside \"$path\""), "{error}");
}

#[tokio::test]
async fn aggregates_have_trinos_names() {
    let bucket = Bucket::filled().await;
    let sql = bucket.sql().await;
    let cases = [
        ("count_if(user_id = 'ann')", "2"),
        ("count_if(user_id = 'nobody')", "0"),
        ("count_if(user_id = 'ann') FILTER (WHERE log_id > '1')", "1"),
        ("max_by(user_id, log_id)", "ann"),
        ("min_by(user_id, log_id)", "ann"),
        ("max_by(log_id, user_id)", "3"),
        ("max_by(log_id, nullif(user_id, user_id))", "NULL"),
        ("max_by(log_id, user_id) FILTER (WHERE user_id = 'ann' AND log_id = '1')", "1"),
        ("arbitrary(\"date\")", "2026-11-20"),
        ("any_value(\"date\")", "2026-11-20"),
        ("approx_distinct(user_id)", "2"),
        ("count(DISTINCT user_id)", "2"),
        ("count(DISTINCT log_id)", "4"),
        ("array_agg(log_id ORDER BY log_id)", "[\"1\",\"2\",\"3\",\"4\"]"),
    ];
    for (expression, expected) in cases {
        check(&sql, &format!("SELECT {expression} AS v FROM auth0_logs"), &[expected]).await;
    }
    let grouped = "SELECT user_id, max_by(log_id, \"hour\") AS last, count_if(\"hour\" = '12') AS n \
                   FROM auth0_logs WHERE user_id IS NOT NULL GROUP BY user_id ORDER BY user_id";
    check(&sql, grouped, &["ann,4,1", "bob,3,0"]).await;
}

#[tokio::test]
async fn errors_say_what_to_do() {
    let bucket = Bucket::filled().await;
    bucket.json("2026-11-20T15", "broken.gz", gzip("{\"log_id\":\"1\"}\n")[..20].to_vec()).await;
    let sql = bucket.sql().await;
    let cases = [
        (
            "SELECT * FROM logs",
            "there is no table logs in \"auth0_event_logs\"; it has auth0_logs, auth0_logs_daily, auth0_logs_json, auth0_logs_parquet",
        ),
        (
            "SELECT * FROM other.auth0_logs",
            "there is no table auth0_logs in \"auth0_event_logs\"; it has auth0_logs, auth0_logs_daily, auth0_logs_json, auth0_logs_parquet",
        ),
        ("SELECT user FROM auth0_logs_json", "No field named user. Did you mean 'auth0_logs_json.user_id'?"),
        (
            "SELECT json_extract_scalar(user_id, 'a.b') FROM auth0_logs_parquet",
            "\"a.b\" is no JSON path; write it like $.a.b",
        ),
        ("SELECT date_add('month', 1, now())", "\"month\" is no unit of fixed length"),
        ("SELECT date_add('week', 9223372036854775807, now())", "leaves the range of a timestamp"),
        ("SELECT json_extract('{}', '')", "\"\""),
        ("SELECT from_iso8601_timestamp('yesterday')", "Error parsing timestamp from 'yesterday'"),
        (
            "SELECT count(type) FROM auth0_logs_json",
            "s3://logs-bucket/logs/2026/11/20/15/broken.gz can't be read at or after line 0",
        ),
        ("SELEC 1", "Expected: an SQL statement"),
        ("DROP TABLE auth0_logs", "only queries are answered here"),
        ("CREATE TABLE t AS SELECT 1", "only queries are answered here"),
        ("INSERT INTO auth0_logs_json SELECT * FROM auth0_logs_json", "only queries are answered here"),
        ("COPY (SELECT 1) TO 'never.csv'", "only queries are answered here"),
        ("EXPLAIN DROP TABLE auth0_logs", "only queries are answered here"),
        ("SET x = 1", "only queries are answered here"),
        (
            "SELECT 1 FROM auth0_logs WHERE \"date\" = '2026-11-18'",
            "TYPE_MISMATCH: Cannot apply operator: date = varchar; write a day as DATE '2026-11-20'",
        ),
        (
            "SELECT 1 FROM auth0_logs WHERE \"date\" BETWEEN '2026-11-17' AND '2026-11-18'",
            "Cannot apply operator: date BETWEEN varchar",
        ),
        ("SELECT 1 FROM auth0_logs WHERE hour = 9", "Cannot apply operator: varchar = integer; write '09' in quotes"),
        ("SELECT 1 FROM auth0_logs WHERE hour IN ('08', 9)", "Cannot apply operator: varchar IN integer"),
        (
            "SELECT 1 FROM auth0_logs WHERE \"timestamp\" > timestamp '2026-11-18 00:00:00'",
            "Cannot apply operator: varchar > timestamp; write from_iso8601_timestamp(\"timestamp\")",
        ),
        ("SELECT 1 WHERE EXISTS (SELECT 1 FROM auth0_logs WHERE hour = 9)", "varchar = integer"),
        ("SELECT log_id || 1 FROM auth0_logs", "Cannot apply operator: integer || varchar; write CAST(x AS varchar)"),
        ("SELECT log_id FROM auth0_logs WHERE user_id ILIKE 'A%'", "Athena has no ILIKE; write lower(x) LIKE"),
        ("SELECT log_id FROM auth0_logs WHERE user_id ~ 'a'", "Athena has no operator ~; write regexp_like"),
        ("SELECT * EXCLUDE (details) FROM auth0_logs", "Athena has no EXCLUDE; name the columns"),
        ("SELECT log_id::bigint FROM auth0_logs", "Athena has no ::; write CAST(x AS type)"),
        ("SELECT DISTINCT ON (type) * FROM auth0_logs", "Athena has no DISTINCT ON; write row_number()"),
        ("SELECT `log_id` FROM auth0_logs", "Athena has no name in backquotes"),
        ("SELECT [1, 2]", "Athena has no […]; write ARRAY[…]"),
        ("SELECT to_timestamp('2026-11-18')", "Function 'to_timestamp' is not one of those of Athena's that are"),
        ("SELECT count(*) FROM auth0_logs TABLESAMPLE BERNOULLI (1)", "TABLESAMPLE is not answered here"),
        ("SHOW PARTITIONS auth0_logs", "auth0_logs is a view, which has no partitions"),
        ("SELECT CAST(json_parse('[{}]') AS array(varchar))", "with an object or array in it has no texts"),
        ("SELECT json_extract_scaler(details, '$.a') FROM auth0_logs", "did you mean json_extract_scalar?"),
    ];
    for (query, expected) in cases {
        let error = format!("{:#}", sql.query(query).await.unwrap_err());
        assert!(error.contains(expected), "{query}: {error}");
    }
}

#[tokio::test]
async fn answers_print_as_table_and_as_json() {
    let bucket = Bucket::filled().await;
    let sql = bucket.sql().await;
    let query = "SELECT user_id, \"date\", count(*) AS n FROM auth0_logs GROUP BY 1, 2 ORDER BY 1";
    let answer = sql.query(query).await.unwrap();
    let table = "\
\x20user_id  date        n
────────────────────────
 ann      2026-11-20  2
 bob      2026-11-20  1
 NULL     2026-11-20  1
";
    assert_eq!(answer.to_table().unwrap(), table);
    let expected = json!([
        {"user_id": "ann", "date": "2026-11-20", "n": 2},
        {"user_id": "bob", "date": "2026-11-20", "n": 1},
        {"user_id": null, "date": "2026-11-20", "n": 1},
    ]);
    assert_eq!(answer.to_json().unwrap(), expected);
    let nothing = sql.query("SELECT log_id FROM auth0_logs WHERE log_id = 'none'").await.unwrap();
    assert_eq!((nothing.rows(), nothing.to_json().unwrap()), (0, json!([])));
    assert_eq!(nothing.to_table().unwrap().lines().count(), 2);
}

#[tokio::test]
async fn an_empty_database_has_empty_tables() {
    let bucket = Bucket::new().await;
    bucket.set_watermark("2026-11-20T13").await;
    let sql = bucket.sql().await;
    check(&sql, "SELECT count(*) AS n FROM auth0_logs", &["0"]).await;
    check(&sql, "SELECT log_id FROM auth0_logs_parquet WHERE \"hour\" = '13'", &[]).await;
}

#[tokio::test]
async fn a_partition_without_a_folder_has_no_rows() {
    let bucket = Bucket::filled().await;
    let gone = Pointer { location: format!("s3://{BUCKET}/parquet/gone/"), ..Pointer::default() };
    bucket.point("2026-11-20T13".parse().unwrap(), &gone).await;
    check(&bucket.sql().await, "SELECT log_id FROM auth0_logs_parquet ORDER BY 1", &["1", "2"]).await;
}

#[tokio::test]
async fn a_partition_is_read_by_its_own_serde() {
    let bucket = Bucket::filled().await;
    let glue = bucket.aws.glue();
    let found = glue.get_partition().database_name(DATABASE).table_name(catalog::JSON);
    let found = found.partition_values("2026-11-20").partition_values("14").send().await.unwrap();
    let storage = found.partition.unwrap().storage_descriptor;
    let input = PartitionInput::builder().values("2026-11-20").values("14").set_storage_descriptor(storage).build();
    let call = glue.create_partition().database_name(DATABASE).table_name(catalog::PARQUET);
    call.partition_input(input).send().await.unwrap();
    let query = "SELECT log_id, \"hour\" FROM auth0_logs_parquet WHERE log_id IS NOT NULL ORDER BY 1";
    check(&bucket.sql().await, query, &["1,12", "2,12", "3,13", "4,14", "4,14"]).await;
}

/// A table made by hand, with that SerDe and these columns.
async fn table(bucket: &Bucket, name: &str, serde: &str, columns: &[(&str, &str)]) {
    let columns = columns.iter().map(|(name, kind)| Column::builder().name(*name).r#type(*kind).build().unwrap());
    let storage = StorageDescriptor::builder()
        .location(format!("s3://{BUCKET}/other/"))
        .serde_info(SerDeInfo::builder().serialization_library(serde).build())
        .set_columns(Some(columns.collect()))
        .build();
    let input = TableInput::builder().name(name).table_type("EXTERNAL_TABLE").storage_descriptor(storage);
    let call = bucket.aws.glue().create_table().database_name(DATABASE);
    call.table_input(input.build().unwrap()).send().await.unwrap();
}

#[tokio::test]
async fn other_tables_are_read_or_said_to_be_unreadable() {
    let bucket = Bucket::filled().await;
    let openx = "org.openx.data.jsonserde.JsonSerDe";
    table(&bucket, "other", openx, &[("a", "string"), ("b", "varchar(20)")]).await;
    table(&bucket, "numbers", openx, &[("a", "int")]).await;
    table(&bucket, "csv", "org.apache.hadoop.hive.serde2.OpenCSVSerde", &[("a", "string")]).await;
    bucket.put("other/a.json", b"{\"a\":\"1\",\"b\":2}\n".to_vec()).await;
    let sql = bucket.sql().await;
    check(&sql, "SELECT a, b FROM other", &["1,2"]).await;
    bucket.put("other/b.json", b"\n{\"a\":".to_vec()).await;
    let cases = [
        ("SELECT a FROM other", "other/b.json can't be read at or after line 2: EOF"),
        ("SELECT a FROM numbers", "numbers can't be queried here: its column \"a\" is no string"),
        ("SELECT a FROM csv", "csv can't be queried here: its SerDe \"org.apache.hadoop.hive.serde2.OpenCSVSerde\""),
    ];
    for (query, expected) in cases {
        let error = format!("{:#}", sql.query(query).await.unwrap_err());
        assert!(error.contains(expected), "{query}: {error}");
    }
}

#[tokio::test]
async fn views_may_name_other_views() {
    let bucket = Bucket::filled().await;
    let glue = bucket.aws.glue();
    let stored = |sql: &str| {
        let text = json!({"originalSql": sql, "catalog": "awsdatacatalog", "schema": DATABASE, "columns": []});
        format!("/* Presto View: {} */", base64::engine::general_purpose::STANDARD.encode(text.to_string()))
    };
    let views = [
        ("a_view", "SELECT user_id, n FROM b_view WHERE n > 1"),
        ("b_view", "SELECT user_id, count(*) AS n FROM auth0_event_logs.auth0_logs GROUP BY user_id"),
        ("c_view", "SELECT transform(array[1], x -> x) FROM nowhere"),
    ];
    for (name, sql) in views {
        let input = TableInput::builder().name(name).table_type("VIRTUAL_VIEW").view_original_text(stored(sql));
        let call = glue.create_table().database_name(DATABASE);
        call.table_input(input.build().unwrap()).send().await.unwrap();
    }
    let sql = bucket.sql().await;
    check(&sql, "SELECT * FROM a_view", &["ann,2"]).await;
    let error = format!("{:#}", sql.query("SELECT * FROM c_view").await.unwrap_err());
    assert!(error.starts_with("c_view can't be queried here: "), "{error}");
}

#[tokio::test]
async fn a_bucket_that_is_elsewhere_is_named() {
    let bucket = Bucket::new().await;
    let there = Pointer { location: "s3://elsewhere/parquet/".into(), ..Pointer::default() };
    bucket.point("2026-11-20T13".parse().unwrap(), &there).await;
    let error = bucket.sql().await.query("SELECT * FROM auth0_logs_parquet").await.unwrap_err();
    assert!(error.to_string().contains("there is no bucket elsewhere in the data folder"), "{error}");
}
