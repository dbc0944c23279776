//! How a table, a view or a partition in Glue differs from our definition of it. Pure.
//!
//! Compared is every field that a reader acts on. Free to differ are descriptions, owners and times, and the parameters in
//! [`FREE_PARAMETERS`], which hold statistics and traces of tools, and one that only speeds a listing up. Any other parameter is a difference: engines act on many
//! (`projection.enabled`, `skip.header.line.count`, `storage.location.template`, `table_type`), and on which is not known of
//! all.

use std::collections::HashMap;

use aws_sdk_glue::types::{Column, Partition, SerDeInfo, SkewedInfo, StorageDescriptor, Table, TableInput};

/// Parameters that change no row that an engine reads: statistics, traces of the tools that wrote them, and that Athena is to use
/// a partition index. One that our definition has is compared all the same.
const FREE_PARAMETERS: [&str; 25] = [
    "COLUMN_STATS_ACCURATE",
    "CrawlerSchemaDeserializerVersion",
    "CrawlerSchemaSerializerVersion",
    "CreatedByJob",
    "CreatedByJobRun",
    "STATS_GENERATED_VIA_STATS_TASK",
    "UPDATED_BY_CRAWLER",
    "averageRecordSize",
    "comment",
    "last_modified_by",
    "last_modified_time",
    "numFiles",
    "numPartitions",
    "numRows",
    "objectCount",
    "partition_filtering.enabled",
    "presto_query_id",
    "presto_version",
    "rawDataSize",
    "recordCount",
    "sizeKey",
    "totalSize",
    "transient_lastDdlTime",
    "trino_query_id",
    "trino_version",
];

/// Whether the columns of partitions are compared. A tick's listing leaves them out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Columns {
    /// They are read and compared.
    Compared,
    /// They are not asked for.
    LeftOut,
}

/// What differs between a table or view in Glue and our definition, a sentence each. Empty if a reader sees no difference.
pub fn table_differences(found: &Table, ours: &TableInput) -> Vec<String> {
    let mut differences = Vec::new();
    compare(&mut differences, "its type", found.table_type(), ours.table_type());
    if found.view_original_text().unwrap_or_default() != ours.view_original_text().unwrap_or_default() {
        differences.push("its text is not ours".to_string());
    }
    compare(&mut differences, "its expanded text", found.view_expanded_text(), ours.view_expanded_text());
    // Trino refuses a view without an owner; who it is matters to nobody.
    if ours.owner().is_some() && found.owner().unwrap_or_default().is_empty() {
        differences.push("its owner is missing".to_string());
    }
    compare_columns(&mut differences, "partition key", found.partition_keys(), ours.partition_keys());
    compare_parameters(&mut differences, found.parameters(), ours.parameters(), &FREE_PARAMETERS);
    let elsewhere = [
        ("it is a link to another table", found.target_table().is_some()),
        ("it is a table of another catalog", found.federated_table().is_some()),
        ("it is a view of several engines", found.view_definition().is_some()),
    ];
    differences.extend(elsewhere.iter().filter(|(_, wrong)| *wrong).map(|(what, _)| what.to_string()));
    let (found, ours) = (found.storage_descriptor(), ours.storage_descriptor());
    let location = |storage: Option<&StorageDescriptor>| {
        storage.and_then(StorageDescriptor::location).unwrap_or_default().trim_end_matches('/').to_string()
    };
    compare(&mut differences, "its location", Some(&location(found)), Some(&location(ours)));
    compare_storage(&mut differences, found, ours, Columns::Compared);
    differences
}

/// What differs between a partition in Glue and one of our table, a sentence each. Its location and `own_parameters` are not
/// looked at.
pub(crate) fn partition_differences(
    found: &Partition,
    table: &TableInput,
    own_parameters: &[&str],
    columns: Columns,
) -> Vec<String> {
    let mut differences = Vec::new();
    let free: Vec<&str> = FREE_PARAMETERS.iter().chain(own_parameters).copied().collect();
    compare_parameters(&mut differences, found.parameters(), None, &free);
    compare_storage(&mut differences, found.storage_descriptor(), table.storage_descriptor(), columns);
    differences
}

fn compare_storage(
    differences: &mut Vec<String>,
    found: Option<&StorageDescriptor>,
    ours: Option<&StorageDescriptor>,
    columns: Columns,
) {
    let (Some(found), Some(ours)) = (found, ours) else {
        if found.is_some() != ours.is_some() {
            differences.push("its storage descriptor is missing".to_string());
        }
        return;
    };
    if columns == Columns::Compared {
        compare_columns(differences, "column", found.columns(), ours.columns());
    }
    compare(differences, "its input format", found.input_format(), ours.input_format());
    compare(differences, "its output format", found.output_format(), ours.output_format());
    let serde = (found.serde_info(), ours.serde_info());
    let library = SerDeInfo::serialization_library;
    compare(differences, "its SerDe", serde.0.and_then(library), serde.1.and_then(library));
    let of_serde = SerDeInfo::parameters;
    compare_parameters(differences, serde.0.and_then(of_serde), serde.1.and_then(of_serde), &[]);
    compare_parameters(differences, found.parameters(), ours.parameters(), &FREE_PARAMETERS);
    compare_layout(differences, found);
}

/// Ours have neither compression, buckets, sorted nor skewed columns, nor folders of their own.
fn compare_layout(differences: &mut Vec<String>, found: &StorageDescriptor) {
    let locations = |it: &SkewedInfo| it.skewed_column_value_location_maps().is_some_and(|maps| !maps.is_empty());
    let skewed = found.skewed_info().is_some_and(|it| {
        !it.skewed_column_names().is_empty() || !it.skewed_column_values().is_empty() || locations(it)
    });
    let wrong = [
        ("it is compressed", found.compressed()),
        ("it has buckets", found.number_of_buckets() > 0 || !found.bucket_columns().is_empty()),
        ("it has sorted columns", !found.sort_columns().is_empty()),
        ("it has skewed columns", skewed),
        ("it is stored as subfolders", found.stored_as_sub_directories()),
        ("it refers to a schema", found.schema_reference().is_some()),
        ("it has more locations", !found.additional_locations().is_empty()),
    ];
    differences.extend(wrong.iter().filter(|(_, wrong)| *wrong).map(|(what, _)| what.to_string()));
}

/// Names the first column that is another, by its number from one. Descriptions may differ.
fn compare_columns(differences: &mut Vec<String>, what: &str, found: &[Column], ours: &[Column]) {
    let name = |column: Option<&Column>| {
        let Some(column) = column else { return "none".to_string() };
        let parameters = column.parameters().is_some_and(|parameters| !parameters.is_empty());
        let parameters = if parameters { " with parameters" } else { "" };
        format!("{} {}{parameters}", column.name(), column.r#type().unwrap_or_default())
    };
    for number in 0..found.len().max(ours.len()) {
        let (found, ours) = (name(found.get(number)), name(ours.get(number)));
        if found != ours {
            differences.push(format!("its {what} {} is {found:?}, not {ours:?}", number + 1));
            return;
        }
    }
}

/// Absent and empty are the same.
fn compare(differences: &mut Vec<String>, what: &str, found: Option<&str>, ours: Option<&str>) {
    let (found, ours) = (found.unwrap_or_default(), ours.unwrap_or_default());
    if found != ours {
        differences.push(format!("{what} is {found:?}, not {ours:?}"));
    }
}

fn compare_parameters(
    differences: &mut Vec<String>,
    found: Option<&HashMap<String, String>>,
    ours: Option<&HashMap<String, String>>,
    free: &[&str],
) {
    let none = HashMap::new();
    let (found, ours) = (found.unwrap_or(&none), ours.unwrap_or(&none));
    let mut names: Vec<&String> = found.keys().chain(ours.keys()).collect();
    names.sort();
    names.dedup();
    let is_free = |name: &String| free.contains(&name.as_str()) && !ours.contains_key(name);
    for name in names.into_iter().filter(|name| !is_free(name)) {
        match (found.get(name), ours.get(name)) {
            (Some(found), Some(ours)) if found == ours => {}
            (Some(found), Some(ours)) => differences.push(format!("its parameter {name} is {found:?}, not {ours:?}")),
            (None, _) => differences.push(format!("its parameter {name} is missing")),
            (Some(_), None) => differences.push(format!("it has a parameter {name}")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{tables, view};

    /// A table as Glue gives it back.
    fn stored(input: &TableInput) -> Table {
        Table::builder()
            .name(input.name())
            .set_owner(input.owner.clone())
            .set_table_type(input.table_type.clone())
            .set_parameters(input.parameters.clone())
            .set_partition_keys(input.partition_keys.clone())
            .set_storage_descriptor(input.storage_descriptor.clone())
            .set_view_original_text(input.view_original_text.clone())
            .set_view_expanded_text(input.view_expanded_text.clone())
            .build()
            .unwrap()
    }

    fn check(input: &TableInput, damage: impl FnOnce(&mut Table), expected: &[&str]) {
        let mut table = stored(input);
        damage(&mut table);
        assert_eq!(table_differences(&table, input), expected);
    }

    #[test]
    fn what_was_written_does_not_differ() {
        let watermarks = view::Watermarks { hour: "2026-11-20T13".parse().unwrap(), day: None };
        let tables = [tables::json_table("b"), tables::parquet_table("b"), tables::daily_table("b")];
        for input in tables.into_iter().chain([view::table("d", watermarks)]) {
            check(&input, |_| {}, &[]);
        }
    }

    #[test]
    fn what_a_reader_acts_on_differs() {
        let json = tables::json_table("b");
        let storage = |table: &mut Table| table.storage_descriptor.clone().unwrap();
        check(
            &json,
            |it| it.table_type = Some("VIRTUAL_VIEW".into()),
            &[r#"its type is "VIRTUAL_VIEW", not "EXTERNAL_TABLE""#],
        );
        let parameter = |name: &'static str| {
            move |it: &mut Table| drop(it.parameters.get_or_insert_default().insert(name.into(), "true".into()))
        };
        check(&json, parameter("projection.enabled"), &["it has a parameter projection.enabled"]);
        check(&json, parameter("numRows"), &[]);
        check(
            &json,
            |it| drop(it.parameters.as_mut().unwrap().remove("EXTERNAL")),
            &["its parameter EXTERNAL is missing"],
        );
        let other = |change: fn(&mut StorageDescriptor)| {
            move |it: &mut Table| {
                let mut descriptor = storage(it);
                change(&mut descriptor);
                it.storage_descriptor = Some(descriptor);
            }
        };
        check(
            &json,
            other(|it| it.location = Some("s3://b/other/".into())),
            &[r#"its location is "s3://b/other", not "s3://b/logs""#],
        );
        check(&json, other(|it| it.location = Some("s3://b/logs".into())), &[]);
        check(&json, other(|it| it.compressed = true), &["it is compressed"]);
        check(
            &json,
            other(|it| it.serde_info.as_mut().unwrap().parameters = None),
            &["its parameter case.insensitive is missing", "its parameter ignore.malformed.json is missing"],
        );
        let mut columns = stored(&json);
        columns.storage_descriptor.as_mut().unwrap().columns.as_mut().unwrap().swap(0, 1);
        let differences = table_differences(&columns, &json);
        assert_eq!(differences, [r#"its column 1 is "timestamp string", not "log_id string""#]);
    }

    #[test]
    fn a_partition_differs_by_all_but_its_location_and_its_own_parameters() {
        let table = tables::parquet_table("b");
        let partition = |change: fn(&mut Partition)| {
            let storage = table.storage_descriptor.clone().unwrap();
            let mut partition = Partition::builder().storage_descriptor(storage).parameters("since", "x").build();
            change(&mut partition);
            partition_differences(&partition, &table, &["since"], Columns::Compared)
        };
        assert_eq!(partition(|it| it.storage_descriptor.as_mut().unwrap().location = Some("s3://x".into())), [""; 0]);
        assert_eq!(partition(|it| it.storage_descriptor = None), ["its storage descriptor is missing"]);
        let lost = partition(|it| it.storage_descriptor.as_mut().unwrap().input_format = None);
        assert!(lost[0].starts_with("its input format is \"\", not "), "{lost:?}");
    }
}
