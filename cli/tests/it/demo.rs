//! The demo as a newcomer runs it: its numbers add up, what was injected is found, and all of it can be proven.

use std::path::Path;

use crate::support::{binary, command, number};

const ARGUMENTS: [&str; 5] = ["demo", "--events", "10000", "--hours", "6"];

#[test]
fn the_numbers_add_up_and_the_proof_follows() {
    let data = tempfile::tempdir().unwrap();
    let (code, first) = command(data.path(), &ARGUMENTS);
    assert_eq!(code, 0, "{first}");
    let of = |name| number(&first, name);
    assert_eq!((of("events"), of("events")), (10_000, of("lines") + of("failed")));
    assert_eq!(of("lines"), of("parquet_rows") + of("duplicates") + of("rejected"));
    let injected = first.get("injected").and_then(|it| it.as_array()).unwrap();
    assert_eq!(injected.len(), 5);
    for check in injected {
        assert!(number(check, "injected") > 0, "{check}");
        assert_eq!(number(check, "injected"), number(check, "found"), "{check}");
    }
    let queries = first.get("queries").and_then(|it| it.as_array()).unwrap();
    assert_eq!(queries.iter().map(|query| query["equal"].as_bool()).collect::<Vec<_>>(), [Some(true); 3]);

    let (code, proof) = command(data.path(), &["verify"]);
    assert_eq!((code, proof["verdict"].as_str()), (0, Some("proven")), "{proof}");
    assert!(number(&proof, "awaiting_replay") > 0);
    let (code, replayed) = command(data.path(), &["replay"]);
    let refused = of("failed") - of("refused");
    assert!(code == 0 && of("refused") > 0, "{replayed}");
    assert_eq!((number(&replayed, "lines"), number(&replayed, "failed")), (of("refused"), refused), "{replayed}");
    let (code, proof) = command(data.path(), &["verify"]);
    assert_eq!((code, number(&proof, "awaiting_replay")), (0, 0), "{proof}");
    refuses_a_folder_that_holds_events(data.path());
}

/// Its events would be mixed with those that are there.
fn refuses_a_folder_that_holds_events(data: &Path) {
    let (_, before) = command(data, &["verify"]);
    let output = binary().args(ARGUMENTS).arg("--data").arg(data).output().unwrap();
    let error = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.code() == Some(2) && error.contains("holds events already"), "{error}");
    assert_eq!(number(&command(data, &["verify"]).1, "json_bytes"), number(&before, "json_bytes"));
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
