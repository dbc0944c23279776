//! What a damage means, from what engines are known to do. It shares no code with `verify` and none with the catalog.
//!
//! Of a table and a partition in Glue, Athena and Trino act on type, formats, SerDe, location, columns, keys, buckets and many
//! parameters (Trino's GlueConverter and MetastoreUtil; Athena's pages on table properties, partition projection and Iceberg).
//! On descriptions, times, retention and statistics they do not act. On what is in neither list, nobody can say, so it must
//! be told.

/// What must become of a damage.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Effect {
    /// No reader gets anything else, and no evidence is altered: it is no difference.
    Free,
    /// It is named, and one `--repair` makes everything as it was.
    Mended,
    /// It is named, and one `replay` makes everything as it was.
    Replayed,
    /// It is named, and what it damaged nobody else has: it stays named, and a repair makes nothing worse.
    ByHand,
}

/// Paths in Glue's structures on which no engine acts.
const FREE_PATHS: [&str; 7] = [
    "Description",
    "LastAccessTime",
    "LastAnalyzedTime",
    "Retention",
    "StorageDescriptor.Columns[].Comment",
    "PartitionKeys[].Comment",
    "StorageDescriptor.SerdeInfo.Name",
];

/// Parameters that are added to every map of parameters, and whether engines may act on them.
pub(super) const PARAMETERS: [(&str, bool); 21] = [
    // Statistics and traces of tools.
    ("numRows", false),
    ("totalSize", false),
    ("transient_lastDdlTime", false),
    ("CrawlerSchemaSerializerVersion", false),
    ("trino_query_id", false),
    // Athena asks a partition index of Glue then, which gives the same partitions sooner (Athena's page on partition indexes).
    ("partition_filtering.enabled", false),
    // Partition projection and other properties that Athena documents.
    ("projection.enabled", true),
    ("projection.date.type", true),
    ("storage.location.template", true),
    ("skip.header.line.count", true),
    ("has_encrypted_data", true),
    ("serialization.null.format", true),
    ("write.compression", true),
    // Other kinds of tables.
    ("table_type", true),
    ("spark.sql.sources.provider", true),
    ("transactional", true),
    ("bucketing_version", true),
    // Of the SerDes.
    ("mapping.type", true),
    ("dots.in.keys", true),
    ("parquet.column.index.access", true),
    ("nobody.knows.this", true),
];

/// What a change at `path` of a table, a view or a partition means.
pub(super) fn of_glue(is_view: bool, path: &str, change: &str) -> Effect {
    let parameter = path.rsplit_once("Parameters.");
    let free_parameter = parameter.is_some_and(|(map, name)| {
        !map.ends_with("SerdeInfo.")
            && !map.ends_with("[].")
            && change == "added"
            && PARAMETERS.iter().any(|(free, acts)| *free == name && !acts)
    });
    // Trino refuses a view without an owner; whose it is matters to nobody.
    let free_owner = path == "Owner" && !(is_view && matches!(change, "removed" | "emptied"));
    if free_parameter || free_owner || FREE_PATHS.contains(&path) { Effect::Free } else { Effect::Mended }
}

/// What a change of the object at `key` means. `live` says of an object of ours whether it is in use. `None` if nobody could
/// tell: an object that came into an open hour is in no manifest yet.
pub(super) fn of_object(key: &str, live: bool, change: &str) -> Option<Effect> {
    let prefix = key.split('/').next().unwrap_or_default();
    Some(match prefix {
        "parquet" | "daily" | "rejected" if live => Effect::Mended,
        "parquet" | "daily" | "rejected" => Effect::Free,
        "manifests" => Effect::Mended,
        "logs" if key.contains("/replay-") => Effect::Replayed,
        "logs" if live => Effect::ByHand,
        "logs" => return None,
        // Its records are in the event log.
        "error" if change == "deleted" => Effect::Free,
        _ => Effect::ByHand,
    })
}
