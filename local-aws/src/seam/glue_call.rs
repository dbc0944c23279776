//! The description of a Glue call.

use std::sync::Arc;

use serde_json::Value;

use super::call::{Call, Service};
use crate::names::arn;

/// Describes the Glue call `name` with this input.
pub(crate) fn of_glue(caller: &Arc<str>, name: &str, input: &[u8]) -> Call {
    // The service refuses what is not JSON.
    let input: Value = serde_json::from_slice(input).unwrap_or_default();
    let text = |pointer: &str| input.pointer(pointer).and_then(Value::as_str);
    let database = text("/DatabaseName").or(text("/DatabaseInput/Name"));
    let named = text("/Name").or(text("/TableInput/Name")).or(text("/TableName"));
    let tables = input.pointer("/TablesToDelete").and_then(Value::as_array).into_iter().flatten();
    let tables: Vec<&str> = tables.filter_map(Value::as_str).collect();
    let of = |kind: &str, name: String| arn("glue", format!("{kind}/{name}"));
    let resources = match (database, named) {
        (Some(database), Some(table)) => vec![of("table", format!("{database}/{table}"))],
        (Some(database), None) if !tables.is_empty() => {
            tables.iter().map(|table| of("table", format!("{database}/{table}"))).collect()
        }
        (Some(name), None) | (None, Some(name)) => vec![of("database", name.to_owned())],
        (None, None) => vec![arn("glue", "catalog")],
    };
    let details = ["/PartitionValues", "/PartitionValueList", "/PartitionInput/Values", "/Expression", "/VersionId"];
    let details = details.iter().filter_map(|pointer| input.pointer(pointer)).filter(|value| !value.is_null());
    let detail = details.map(Value::to_string).collect::<Vec<_>>().join(" ");
    Call { caller: Arc::clone(caller), service: Service::Glue, name: name.to_owned().into(), resources, detail }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn glue_calls_have_names_and_resources() {
        let check = |name: &str, input: &str, expected: &str| {
            let call = of_glue(&"me".into(), name, input.as_bytes()).to_string();
            assert_eq!(call, format!("me glue:{name} arn:aws:glue:us-east-1:000000000000:{expected}"));
        };
        check("GetDatabases", "{}", "catalog");
        check("GetDatabase", r#"{"Name":"d"}"#, "database/d");
        check("CreateDatabase", r#"{"DatabaseInput":{"Name":"d"}}"#, "database/d");
        check("GetTables", r#"{"DatabaseName":"d","Expression":null}"#, "database/d");
        check("UpdateTable", r#"{"DatabaseName":"d","TableInput":{"Name":"t"},"VersionId":"3"}"#, r#"table/d/t "3""#);
        check(
            "GetPartition",
            r#"{"DatabaseName":"d","TableName":"t","PartitionValues":["a","b"]}"#,
            r#"table/d/t ["a","b"]"#,
        );
        let tables = r#"{"DatabaseName":"d","TablesToDelete":["t","u"]}"#;
        check("BatchDeleteTable", tables, "table/d/t arn:aws:glue:us-east-1:000000000000:table/d/u");
        check("GetTable", "no JSON", "catalog");
    }
}
