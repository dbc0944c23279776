//! The table of columns, which defines the log format.

/// How the value of a column is made from an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// The string itself, or the JSON text of any other value.
    Text,
    /// The JSON text of the value.
    Json,
    /// The text of a JSON object with every field that has no column of its own.
    Rest,
}

/// A column of the log format: a key of the line, an Athena `string` in both tables.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Column {
    /// The name: key in the line, Arrow field and Glue column.
    pub name: &'static str,
    /// The field of the Auth0 event (`detail.data` of the envelope) with the value. Empty for [`Kind::Rest`].
    pub source: &'static str,
    /// How the value is made from the field.
    pub kind: Kind,
    /// The comment of the Glue column, and the text in the README's table.
    pub description: &'static str,
}

/// The columns in order. New columns may only be appended, because registered partitions keep their descriptor.
pub const COLUMNS: [Column; 17] = [
    text("log_id", "log_id", "Id of the log event, unique in the tenant"),
    text("timestamp", "date", "Moment the event occurred, ISO 8601"),
    text("connection", "connection", "Name of the connection"),
    text("connection_id", "connection_id", "Id of the connection"),
    text("client_id", "client_id", "Id of the client (application)"),
    text("client_name", "client_name", "Name of the client (application)"),
    text("ip", "ip", "IP address the request came from"),
    text("user_id", "user_id", "Id of the user"),
    text("user_name", "user_name", "Name of the user"),
    text("description", "description", "Description of the event"),
    text("user_agent", "user_agent", "User agent of the request"),
    text("type", "type", "Type code of the event, such as s or fp"),
    text("strategy", "strategy", "Strategy of the connection"),
    text("strategy_type", "strategy_type", "Category of the strategy"),
    text("hostname", "hostname", "Hostname the request was made to"),
    Column { name: "details", source: "details", kind: Kind::Json, description: "Further information, as JSON" },
    Column {
        name: "extra",
        source: "",
        kind: Kind::Rest,
        description: "Every field of the event without a column of its own, as one JSON object",
    },
];

const fn text(name: &'static str, source: &'static str, description: &'static str) -> Column {
    Column { name, source, kind: Kind::Text, description }
}

/// Position of the column `extra`.
pub(crate) const EXTRA: usize = COLUMNS.len() - 1;

/// Position of the column `log_id`.
pub(crate) const LOG_ID: usize = 0;

/// Renders the columns as the Markdown table of the README.
pub fn columns_markdown() -> String {
    let mut table = String::from("| column | from the event's | what it is |\n|---|---|---|\n");
    for column in &COLUMNS {
        let source = match column.kind {
            Kind::Rest => "other fields".to_string(),
            Kind::Json | Kind::Text => format!("`{}`", column.source),
        };
        table.push_str(&format!("| `{}` | {source} | {} |\n", column.name, column.description));
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn readme_lists_the_columns() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../README.md");
        let readme = std::fs::read_to_string(path).unwrap();
        let (start, end) = ("<!-- columns -->\n", "<!-- /columns -->");
        let from = readme.find(start).expect("README.md has the opening mark") + start.len();
        let to = readme.find(end).expect("README.md has the closing mark");
        if std::env::var_os("UPDATE_EXPECT").is_some() {
            let fresh = format!("{}{}{}", &readme[..from], columns_markdown(), &readme[to..]);
            return std::fs::write(path, fresh).unwrap();
        }
        assert_eq!(readme[from..to], columns_markdown(), "run UPDATE_EXPECT=1 cargo test -p log-format");
    }

    #[test]
    fn details_and_extra_come_last() {
        assert_eq!(COLUMNS[LOG_ID].name, "log_id");
        assert_eq!((COLUMNS[15].name, COLUMNS[15].kind), ("details", Kind::Json));
        assert_eq!((COLUMNS[EXTRA].name, COLUMNS[EXTRA].kind), ("extra", Kind::Rest));
    }
}
