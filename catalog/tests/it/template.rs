//! What the template of the catalog declares is what the code makes.

use catalog::tables;

const START: &str = "          # columns\n          Columns:\n";
const END: &str = "          # /columns\n";

fn fresh() -> String {
    let line = |column: &aws_sdk_glue::types::Column| {
        let (name, kind, comment) = (column.name(), column.r#type(), column.comment());
        format!("            - {{ Name: {name}, Type: {}, Comment: {:?} }}\n", kind.unwrap(), comment.unwrap())
    };
    tables::columns().iter().map(line).collect()
}

/// Every table has the columns of the log format, names, order and comments; the daily one has `hour` after them.
#[test]
fn the_columns_are_those_of_the_log_format() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../templates/catalog.yaml");
    let template = std::fs::read_to_string(path).unwrap();
    let parts: Vec<&str> = template.split(START).collect();
    assert_eq!(parts.len(), 4, "catalog.yaml has the columns of three tables");
    let of_tables = parts[1..].iter().map(|part| part.split_once(END).unwrap());
    if std::env::var_os("UPDATE_EXPECT").is_some() {
        let written: String = of_tables.map(|(_, rest)| format!("{START}{}{END}{rest}", fresh())).collect();
        return std::fs::write(path, format!("{}{written}", parts[0])).unwrap();
    }
    for (columns, _) in of_tables {
        assert_eq!(columns, fresh(), "run UPDATE_EXPECT=1 cargo test -p catalog");
    }
}

/// The docs show the view as the code writes it.
#[test]
fn the_view_in_the_docs_is_that_of_the_code() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/architecture.md");
    let docs = std::fs::read_to_string(path).unwrap();
    let (before, rest) = docs.split_once("<!-- view -->\n").unwrap();
    let (found, after) = rest.split_once("<!-- /view -->").unwrap();
    let sql = catalog::view::sql(catalog::Watermarks { hour: "2026-11-20T13".parse().unwrap(), day: None });
    let fresh = format!("```sql\nCREATE OR REPLACE VIEW {} AS\n{sql}\n```\n", catalog::VIEW);
    if std::env::var_os("UPDATE_EXPECT").is_some() {
        return std::fs::write(path, format!("{before}<!-- view -->\n{fresh}<!-- /view -->{after}")).unwrap();
    }
    assert_eq!(found, fresh, "run UPDATE_EXPECT=1 cargo test -p catalog");
}
