//! The description of an Athena call.

use std::sync::Arc;

use serde_json::Value;

use super::call::{Call, Service};
use crate::names::arn;

/// Describes the Athena call `name` with this input. The description holds nothing of a query's text.
pub(crate) fn of_athena(caller: &Arc<str>, name: &str, input: &[u8]) -> Call {
    // The service refuses what is not JSON.
    let input: Value = serde_json::from_slice(input).unwrap_or_default();
    let workgroup = input.get("WorkGroup").and_then(Value::as_str).unwrap_or("*");
    let resources = vec![arn("athena", format!("workgroup/{workgroup}"))];
    let name = name.to_owned().into();
    Call { caller: Arc::clone(caller), service: Service::Athena, name, resources, detail: String::new() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn athena_calls_have_names_and_resources() {
        let check = |name: &str, input: &str, expected: &str| {
            let call = of_athena(&"me".into(), name, input.as_bytes()).to_string();
            assert_eq!(call, format!("me athena:{name} arn:aws:athena:us-east-1:000000000000:workgroup/{expected}"));
        };
        check("StartQueryExecution", r#"{"QueryString":"SELECT 1","WorkGroup":"w"}"#, "w");
        check("GetQueryResults", r#"{"QueryExecutionId":"1"}"#, "*");
        check("ListWorkGroups", "no JSON", "*");
    }
}
