//! Three questions of an auditor, each answered from the JSON table, the Parquet table and the view.

use std::fmt;

use chrono::{DateTime, TimeDelta, Utc};
use serde::Serialize;

use crate::args::Demo;
use crate::output::report;
use crate::simulation::stack::Stack;
use crate::sql::{Answer, Sql};

/// The answer to one question, and the bytes it took to read from each table.
#[derive(Debug, Serialize)]
pub(super) struct Compared {
    question: String,
    #[serde(skip)]
    answer: String,
    json_bytes_read: u64,
    parquet_bytes_read: u64,
    /// True if JSON, Parquet and the view gave the same answer.
    pub(super) equal: bool,
}

/// The JSON table has a row for each delivery of an event, the others one row.
const SOURCES: [&str; 3] = ["(SELECT DISTINCT * FROM auth0_logs_json)", "auth0_logs_parquet", "auth0_logs"];

/// Asks all three questions.
pub(super) async fn compare(stack: &Stack, options: &Demo, start: DateTime<Utc>) -> anyhow::Result<Vec<Compared>> {
    let sql = Sql::open(&stack.aws, stack.catalog.database()).await?;
    let during = during(options, start);
    let busiest = busiest_user(&sql, &during).await?;
    let questions = [
        (
            "Where do failed logins come from?".to_string(),
            format!(
                "SELECT ip, count(*) AS failures, count(DISTINCT user_name) AS users FROM {{source}} \
                 WHERE {during} AND type IN ('f', 'fp', 'fu') GROUP BY ip ORDER BY failures DESC, ip LIMIT 5"
            ),
        ),
        (
            format!("What did {busiest} do last?"),
            format!(
                "SELECT \"timestamp\", type, ip, client_name FROM {{source}} WHERE {during} AND user_id = '{busiest}' \
                 ORDER BY \"timestamp\" DESC, log_id DESC, type LIMIT 5"
            ),
        ),
        (
            "Which events are there, each log_id counted once?".to_string(),
            format!(
                "SELECT type, count(DISTINCT log_id) AS events FROM {{source}} \
                 WHERE {during} GROUP BY type ORDER BY events DESC, type LIMIT 8"
            ),
        ),
    ];
    let mut compared = Vec::new();
    for (question, query) in questions {
        compared.push(ask(&sql, question, &query).await?);
    }
    Ok(compared)
}

fn during(options: &Demo, start: DateTime<Utc>) -> String {
    // Firehose's buffers carry the last events over the end.
    let end = start + TimeDelta::hours(i64::from(options.hours()) + 8);
    format!("\"date\" BETWEEN DATE '{}' AND DATE '{}'", start.format("%Y-%m-%d"), end.format("%Y-%m-%d"))
}

async fn busiest_user(sql: &Sql, during: &str) -> anyhow::Result<String> {
    let query = format!(
        "SELECT user_id FROM auth0_logs_parquet WHERE {during} AND user_id <> '' \
         GROUP BY user_id ORDER BY count(*) DESC, user_id LIMIT 1"
    );
    let answer = sql.query(&query).await?.to_json()?;
    let user = answer.pointer("/0/user_id").and_then(|user| user.as_str()).unwrap_or_default();
    Ok(user.replace('\'', "''"))
}

async fn ask(sql: &Sql, question: String, query: &str) -> anyhow::Result<Compared> {
    let mut answers: Vec<Answer> = Vec::new();
    for source in SOURCES {
        answers.push(sql.query(&query.replace("{source}", source)).await?);
    }
    let texts: Vec<String> = answers.iter().map(Answer::to_table).collect::<anyhow::Result<_>>()?;
    Ok(Compared {
        question,
        json_bytes_read: answers[0].bytes_read,
        parquet_bytes_read: answers[1].bytes_read,
        equal: texts.iter().all(|text| *text == texts[0]),
        answer: texts[0].clone(),
    })
}

impl fmt::Display for Compared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}\n{}", self.question, self.answer)?;
        let same = if self.equal { "the same answer" } else { "NOT THE SAME ANSWER" };
        let (json, parquet) = (report::bytes(self.json_bytes_read), report::bytes(self.parquet_bytes_read));
        let text = format!("{same} from JSON, reading {json}, from Parquet, reading {parquet}, and from the view");
        writeln!(f, "{}", report::sentence(&text))
    }
}
