//! The demo as a newcomer runs it: its numbers add up, and what was injected is found.

use crate::support::{command, number};

const ARGUMENTS: [&str; 5] = ["demo", "--events", "10000", "--hours", "6"];

#[test]
fn the_numbers_add_up_and_running_again_adds_no_row() {
    let data = tempfile::tempdir().unwrap();
    let (code, first) = command(data.path(), &ARGUMENTS);
    assert_eq!(code, 0, "{first}");
    let of = |name| number(&first, name);
    assert_eq!((of("events"), of("events")), (10_000, of("lines") + of("failed")));
    assert_eq!(of("lines"), of("parquet_rows") + of("duplicates") + of("rejected"));
    let injected = first.get("injected").and_then(|it| it.as_array()).unwrap();
    assert_eq!(injected.len(), 4);
    for check in injected {
        assert!(number(check, "injected") > 0, "{check}");
        assert_eq!(number(check, "injected"), number(check, "found"), "{check}");
    }
    let queries = first.get("queries").and_then(|it| it.as_array()).unwrap();
    assert_eq!(queries.iter().map(|query| query["equal"].as_bool()).collect::<Vec<_>>(), [Some(true); 3]);

    let (code, second) = command(data.path(), &ARGUMENTS);
    assert_eq!(code, 0, "{second}");
    assert_eq!(number(&second, "json_objects"), of("json_objects"));
    assert_eq!(number(&second, "parquet_rows"), of("parquet_rows"));
    assert_eq!((number(&second, "new_rows"), number(&second, "duplicates")), (0, of("lines")));
}

#[test]
fn the_same_seed_gives_the_same_numbers() {
    let found = [1, 2].map(|_| {
        let data = tempfile::tempdir().unwrap();
        let (_, mut found) = command(data.path(), &["demo", "--events", "1000", "--hours", "4", "--seed", "7"]);
        found.as_object_mut().unwrap().remove("seconds");
        // The bytes that a query with a limit reads depend on which of its threads is first.
        for query in found["queries"].as_array_mut().unwrap() {
            query.as_object_mut().unwrap().remove("parquet_bytes_read");
        }
        found
    });
    assert_eq!(found[0], found[1]);
}
