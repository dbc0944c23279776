//! What the pipeline writes, to the byte. Whoever changes a byte of an object or an answer on purpose updates the
//! digests (`UPDATE_EXPECT=1`) in that very commit and says why.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use expect_test::expect;
use sha2::{Digest, Sha256};

use crate::support::{ask, command};

/// The audit's questions. Each orders its rows completely.
const QUESTIONS: [&str; 3] = [
    "SELECT ip, count(*) AS failures, count(DISTINCT user_name) AS users FROM auth0_logs \
     WHERE type IN ('f', 'fp', 'fu') GROUP BY ip ORDER BY failures DESC, ip",
    "SELECT \"timestamp\", type, ip, client_name, log_id FROM auth0_logs WHERE user_id = (SELECT user_id FROM auth0_logs \
     WHERE user_id <> '' GROUP BY user_id ORDER BY count(*) DESC, user_id LIMIT 1) ORDER BY \"timestamp\", log_id, type",
    "SELECT type, count(DISTINCT log_id) AS events, count(*) AS rows FROM auth0_logs GROUP BY type ORDER BY type",
];

#[tokio::test]
async fn a_small_demo_writes_the_same_bytes() {
    let data = tempfile::tempdir().unwrap();
    let (code, found) = command(data.path(), &["demo", "--events", "3000", "--hours", "4", "--seed", "7"]);
    assert_eq!(code, 0, "{found}");
    let mut digests = String::new();
    for kind in ["logs", "parquet"] {
        let root = data.path().join("auth0-logs").join(kind);
        let mut files = BTreeMap::new();
        gather(&root, &root, &mut files);
        digests += &format!("{kind}: {} files, {}\n", files.values().flatten().count(), digest_of(&files));
    }
    for question in QUESTIONS {
        let answer = ask(data.path(), question).await;
        let rows = answer.as_array().unwrap().len();
        digests += &format!("{rows} rows, {}\n", sha256(answer.to_string().as_bytes()));
    }
    expect![[r#"
        logs: 60 files, ed2dac8487c1bd19e019bc55465e3c372bd5d1ab30dde36e5f450de08a9e2ca2
        parquet: 4 files, 507e32e2af5e98c2f8873f26ab0e1a2f32e027a0d7dc7f9a8e9e2a288a14a6f4
        72 rows, d9fc1ebdc0a72bb820fd9cda9cdb22e91637084213dd6e26aa3d1247b485b6df
        31 rows, cf77e14729330bd687e4e7d6e5bedbdfff43282e18da4d0c9f0956f3818d5c34
        64 rows, 2738e8e399689a98b7693810a9b9833b3bbcc8920b2a89642bd972ce5031947e
    "#]]
    .assert_eq(&digests);
}

/// The digests of all files, by the hour that their path begins with: names hold what is drawn anew at every start.
fn gather(root: &Path, folder: &Path, files: &mut BTreeMap<PathBuf, Vec<String>>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            gather(root, &path, files);
        } else {
            let hour = path.strip_prefix(root).unwrap().iter().take(4).collect();
            files.entry(hour).or_default().push(sha256(&std::fs::read(&path).unwrap()));
        }
    }
}

fn digest_of(files: &BTreeMap<PathBuf, Vec<String>>) -> String {
    let mut text = String::new();
    for (hour, digests) in files {
        let mut digests = digests.clone();
        digests.sort();
        text += &format!("{} {}\n", hour.display(), digests.join(" "));
    }
    sha256(text.as_bytes())
}

fn sha256(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}
