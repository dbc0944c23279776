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
        logs: 62 files, a6e007442b05ada5f5e5f553243318d584f288e9be449282b08c0eb5e9d7141c
        parquet: 4 files, 6f41df2594cb8c16b26d4564197b0d2c624b7705a3b1ee5e8bef88ce12e78d37
        75 rows, cb278f1eb93e727e50b2bb46daaf18cac6c2453941e8e55cbd914c8da4c095e6
        33 rows, e7a44c03782d9fcfba53047e10150906a24b4471bda395411d41d3efb1bc4c50
        64 rows, 7300b88d90b1d6f186a8398c551ba77681d990f09572e7354c98d3a441e1ffaa
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
