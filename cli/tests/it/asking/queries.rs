//! The saved queries of the templates, on the embedded engine, over a day of traffic.

use std::path::Path;

use serde_json::Value;

use crate::support::{ask, command};

const TEMPLATE: &str = include_str!("../../../../templates/queries.yaml");

/// The name and the text of every saved query.
fn saved() -> Vec<(&'static str, String)> {
    let queries = TEMPLATE.split("Type: AWS::Athena::NamedQuery\n").skip(1);
    queries
        .map(|query| {
            let name = query.split("Name: \"").nth(1).unwrap().split('"').next().unwrap();
            let text = query.split("QueryString: |\n").nth(1).unwrap();
            let text = text.lines().take_while(|line| line.is_empty() || line.starts_with("        "));
            (name, text.map(str::trim_end).collect::<Vec<_>>().join("\n"))
        })
        .collect()
}

/// The query as it would be run on `today`, with `value` for its parameter.
fn on(today: &str, value: &str, query: &str) -> String {
    query.replace("current_date", &format!("DATE '{today}'")).replace('?', &format!("'{value}'"))
}

async fn first(data: &Path, query: &str) -> Value {
    ask(data, query).await.as_array().unwrap()[0].clone()
}

/// Each query finds something, and the same in the view as in the JSON table.
#[tokio::test(flavor = "multi_thread")]
async fn every_saved_query_finds_what_the_json_holds() {
    let data = tempfile::tempdir().unwrap();
    let (code, printed) = command(data.path(), &["demo", "--events", "30000", "--hours", "24"]);
    assert_eq!(code, 0, "{printed}");
    let today = first(data.path(), "SELECT CAST(max(\"date\") AS varchar) AS today FROM auth0_logs").await;
    let today = today["today"].as_str().unwrap().to_owned();
    let user = "SELECT user_id AS value FROM auth0_logs WHERE type = 'fp' AND user_id IS NOT NULL ORDER BY 1 LIMIT 1";
    let event = "SELECT log_id AS value FROM auth0_logs ORDER BY log_id LIMIT 1";
    let queries = saved();
    assert_eq!(queries.len(), 11);
    for (name, query) in queries {
        let value = first(data.path(), if query.contains("user_id = ?") { user } else { event }).await;
        let query = on(&today, value["value"].as_str().unwrap(), &query);
        let answer = ask(data.path(), &query).await;
        let rows = answer.as_array().unwrap().len();
        assert!(rows > 0, "{name} finds nothing");
        // The JSON table has a row for each delivery of an event.
        let distinct = "(SELECT DISTINCT * FROM auth0_logs_json)";
        let over_json = query.replace("FROM auth0_logs l\n", &format!("FROM {distinct} l\n"));
        let over_json = over_json.replace("FROM auth0_logs\n", &format!("FROM {distinct}\n"));
        assert_ne!(over_json, query, "{name} asks the view");
        assert_eq!(ask(data.path(), &over_json).await, answer, "{name}");
        println!("{name}: {rows} rows");
    }
}
