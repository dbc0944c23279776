//! S3 as its SDK sees it.

use std::fs;

use crate::support::{NOW, open, open_to_read, outcome, start};
use aws_sdk_s3::Client;
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{
    ChecksumMode, ChecksumType, CompletedMultipartUpload, CompletedPart, Delete, EncodingType, MetadataDirective,
    ObjectIdentifier,
};

/// MD5 of `one` and of `two`.
const ONE: &str = "f97c5d29941bfb1b2fdab0874906ab82";
const TWO: &str = "b8a9f715dbb64fd5c56e7783c6820a61";

/// Carries out a line such as `put key text if-none-match=*` in `bucket` and returns its outcome.
async fn call(s3: &Client, line: &str) -> String {
    let words: Vec<&str> = line.split_whitespace().collect();
    let option = |name: &str| {
        words
            .iter()
            .find_map(|word| word.strip_prefix(name)?.strip_prefix('='))
            .map(|text| text.replace("ONE", ONE).replace("TWO", TWO))
    };
    let key = words.get(1).copied().unwrap_or_default();
    match words[0] {
        "put" => {
            let put = s3
                .put_object()
                .bucket("bucket")
                .key(key)
                .body(ByteStream::from(words.get(2).unwrap_or(&"").as_bytes().to_vec()));
            let put = put.set_if_match(option("if-match")).set_if_none_match(option("if-none-match"));
            outcome(put.send().await, |answer| answer.e_tag.unwrap())
        }
        "get" => {
            let get = s3.get_object().bucket("bucket").key(key).set_range(option("range"));
            let get = get.set_if_match(option("if-match")).set_if_none_match(option("if-none-match"));
            match get.send().await {
                Err(error) => outcome::<(), _>(Err(error), |()| String::new()),
                Ok(answer) => {
                    let range = answer.content_range.map(|range| format!(" ({range})")).unwrap_or_default();
                    let body = answer.body.collect().await.unwrap().to_vec();
                    String::from_utf8(body).unwrap() + &range
                }
            }
        }
        "head" => {
            let head = s3.head_object().bucket("bucket").key(key);
            let head = head.set_if_match(option("if-match")).set_if_none_match(option("if-none-match"));
            outcome(head.send().await, |answer| format!("{} {}", answer.content_length.unwrap(), answer.e_tag.unwrap()))
        }
        "delete" => {
            let delete = s3.delete_object().bucket("bucket").key(key).set_if_match(option("if-match"));
            outcome(delete.send().await, |_| "ok".to_owned())
        }
        "copy" => {
            let copy = s3.copy_object().bucket("bucket").copy_source(format!("bucket/{key}")).key(words[2]);
            let copy =
                copy.set_copy_source_if_match(option("if-source-match")).set_if_none_match(option("if-none-match"));
            outcome(copy.send().await, |answer| answer.copy_object_result.unwrap().e_tag.unwrap())
        }
        "list" => {
            let list = s3.list_objects_v2().bucket("bucket").set_prefix(option("prefix"));
            let list = list.set_delimiter(option("delimiter")).set_start_after(option("after"));
            let list = list.set_max_keys(option("max").map(|max| max.parse().unwrap()));
            outcome(list.set_continuation_token(option("token")).send().await, |answer| {
                let keys = answer.contents().iter().map(|object| object.key().unwrap());
                let prefixes = answer.common_prefixes().iter().map(|common| common.prefix().unwrap());
                let mut all: Vec<&str> = keys.chain(prefixes).collect();
                assert_eq!(answer.key_count(), Some(all.len() as i32));
                assert_eq!(answer.is_truncated(), Some(answer.next_continuation_token().is_some()));
                all.extend(answer.is_truncated().unwrap().then_some("…"));
                all.join(" ")
            })
        }
        _ => panic!("{line}"),
    }
}

/// Carries out lines in a new bucket and checks the outcome of each.
async fn check(lines: &[(&str, &str)]) {
    let (aws, _folder) = start();
    let s3 = aws.s3();
    for (line, expected) in lines {
        let expected = expected.replace("ONE", &format!("\"{ONE}\"")).replace("TWO", &format!("\"{TWO}\""));
        assert_eq!(call(&s3, line).await, expected, "{line}");
    }
}

#[tokio::test]
async fn objects_are_put_got_and_deleted() {
    check(&[
        ("get a", "404 NoSuchKey"),
        ("head a", "404 NotFound"),
        ("put a one", "ONE"),
        ("get a", "one"),
        ("head a", "3 ONE"),
        ("put a two", "TWO"),
        ("get a", "two"),
        ("delete a", "ok"),
        ("get a", "404 NoSuchKey"),
        ("delete a", "ok"),
    ])
    .await;
}

#[tokio::test]
async fn conditional_writes_answer_as_s3_does() {
    check(&[
        ("put a one if-match=ONE", "404 NoSuchKey"),
        ("put a one if-match=*", "404 NoSuchKey"),
        ("put a one if-none-match=*", "ONE"),
        ("put a one if-none-match=*", "412 PreconditionFailed"),
        ("put a one if-none-match=TWO", "501 NotImplemented"),
        ("put a two if-match=TWO", "412 PreconditionFailed"),
        ("put a two if-match=\"ONE\"", "TWO"),
        ("put a one if-match=ONE", "412 PreconditionFailed"),
        ("get a", "two"),
        ("delete a if-match=ONE", "412 PreconditionFailed"),
        ("delete a if-match=TWO", "ok"),
        ("delete a if-match=TWO", "404 NoSuchKey"),
        ("put a one if-none-match=*", "ONE"),
    ])
    .await;
}

#[tokio::test]
async fn conditional_reads_answer_as_s3_does() {
    check(&[
        ("put a one", "ONE"),
        ("get a if-match=ONE", "one"),
        ("get a if-match=TWO", "412 PreconditionFailed"),
        ("get a if-none-match=ONE", "304"),
        ("get a if-none-match=TWO", "one"),
        ("get b if-match=ONE", "404 NoSuchKey"),
        ("head a if-match=ONE", "3 ONE"),
        ("head a if-match=TWO", "412"),
        ("head a if-none-match=ONE", "304"),
    ])
    .await;
}

#[tokio::test]
async fn ranges_are_cut_out() {
    check(&[
        ("put a 0123456789", "\"781e5e245d69b566979b86e28d23f2c7\""),
        ("get a range=bytes=0-0", "0 (bytes 0-0/10)"),
        ("get a range=bytes=2-4", "234 (bytes 2-4/10)"),
        ("get a range=bytes=7-", "789 (bytes 7-9/10)"),
        ("get a range=bytes=7-99", "789 (bytes 7-9/10)"),
        ("get a range=bytes=-3", "789 (bytes 7-9/10)"),
        ("get a range=bytes=-99", "0123456789 (bytes 0-9/10)"),
        ("get a range=bytes=10-", "416 InvalidRange"),
        ("get a range=bytes=-0", "416 InvalidRange"),
        ("put empty", "\"d41d8cd98f00b204e9800998ecf8427e\""),
        ("get empty", ""),
        ("get empty range=bytes=0-", "416 InvalidRange"),
        ("get empty range=bytes=-1", "416 InvalidRange"),
    ])
    .await;
}

#[tokio::test]
async fn copies_keep_content_and_take_conditions() {
    check(&[
        ("copy a b", "404 NoSuchKey"),
        ("put a one", "ONE"),
        ("copy a b if-source-match=TWO", "412 PreconditionFailed"),
        ("copy a b if-source-match=ONE", "ONE"),
        ("get b", "one"),
        ("put a two", "TWO"),
        ("copy a b if-none-match=*", "412 PreconditionFailed"),
        ("get b", "one"),
        ("copy a c if-none-match=*", "TWO"),
        ("copy a a", "400 InvalidRequest"),
    ])
    .await;
}

#[tokio::test]
async fn listings_are_in_the_order_of_bytes() {
    check(&[
        ("list", ""),
        ("put b one", "ONE"),
        ("put a/b one", "ONE"),
        ("put a-b one", "ONE"),
        ("put a.b one", "ONE"),
        ("put a one", "ONE"),
        ("put B one", "ONE"),
        ("put é one", "ONE"),
        ("put a/b/c one", "ONE"),
        ("put a0 one", "ONE"),
        ("list", "B a a-b a.b a/b a/b/c a0 b é"),
        ("list delimiter=/", "B a a-b a.b a0 b é a/"),
        ("list prefix=a/ delimiter=/", "a/b a/b/"),
        ("list prefix=a", "a a-b a.b a/b a/b/c a0"),
        ("list prefix=a/b", "a/b a/b/c"),
        ("list prefix=a/b/", "a/b/c"),
        ("list prefix=a/b/c/", ""),
        ("list prefix=c", ""),
        ("list after=a/b", "a/b/c a0 b é"),
        ("list after=a/", "a/b a/b/c a0 b é"),
        ("list after=a/ delimiter=/", "a0 b é"),
        ("list delimiter=b", "B a a0 é a-b a.b a/b b"),
    ])
    .await;
}

#[tokio::test]
async fn pages_end_where_the_next_begin() {
    let (aws, _folder) = start();
    let s3 = aws.s3();
    for key in ["a", "b/1", "b/2", "c", "d/1", "d/2", "e"] {
        call(&s3, &format!("put {key} one")).await;
    }
    let check = async |delimiter: Option<&str>, max: i32, expected: &[&str]| {
        let list = s3.list_objects_v2().bucket("bucket").set_delimiter(delimiter.map(str::to_owned));
        let mut pages = list.max_keys(max).into_paginator().send();
        let mut found = Vec::new();
        while let Some(page) = pages.next().await {
            let page = page.unwrap();
            let keys = page.contents().iter().map(|object| object.key().unwrap());
            let prefixes = page.common_prefixes().iter().map(|common| common.prefix().unwrap());
            found.push(keys.chain(prefixes).collect::<Vec<_>>().join(" "));
        }
        assert_eq!(found, expected, "{delimiter:?} {max}");
    };
    check(None, 3, &["a b/1 b/2", "c d/1 d/2", "e"]).await;
    check(None, 7, &["a b/1 b/2 c d/1 d/2 e"]).await;
    check(Some("/"), 1, &["a", "b/", "c", "d/", "e"]).await;
    check(Some("/"), 2, &["a b/", "c d/", "e"]).await;
    check(Some("/"), 5, &["a c e b/ d/"]).await;
    assert_eq!(call(&s3, "list max=0").await, "");
    assert_eq!(call(&s3, "list max=-1").await, "400 InvalidArgument");
    assert_eq!(call(&s3, "list token=?").await, "400 InvalidArgument");
    let first = s3.list_objects().bucket("bucket").delimiter("/").max_keys(2).send().await.unwrap();
    assert_eq!((first.next_marker(), first.is_truncated()), (Some("b/"), Some(true)));
    let second = s3.list_objects().bucket("bucket").delimiter("/").marker("b/").send().await.unwrap();
    let keys: Vec<_> = second.contents().iter().map(|object| object.key().unwrap()).collect();
    assert_eq!((keys, second.common_prefixes()[0].prefix()), (vec!["c", "e"], Some("d/")));
}

/// Keys that a URL, XML or a file system cannot hold unchanged, in order.
const AWKWARD: [&str; 22] = [
    "%2F%",
    "+",
    ".",
    "..",
    "../up",
    "//",
    "/a",
    "/a/b",
    "a",
    "a b",
    "a&b<c>\"'",
    "a+b=c%3Dd",
    "a/",
    "a/../b",
    "a//b",
    "a/b",
    "a\\b",
    "a~b",
    "date=2026-11-20/hour=13/",
    "é/日本語",
    "\u{2028}x",
    "𝄞",
];

#[tokio::test]
async fn any_key_holds_an_object() {
    let (mut aws, folder) = start();
    let long = format!("a/{}", "x".repeat(1000));
    let mut keys: Vec<&str> = AWKWARD.iter().copied().chain([long.as_str()]).collect();
    for key in &keys {
        let put = aws.s3().put_object().bucket("bucket").key(*key).body(key.as_bytes().to_vec().into());
        assert_eq!(outcome(put.if_none_match("*").send().await, |_| "ok".to_owned()), "ok", "{key:?}");
    }
    keys.sort_unstable();
    check_keys(&aws.s3(), &keys).await;
    drop(aws);
    aws = open(folder.path());
    check_keys(&aws.s3(), &keys).await;
    for key in &keys {
        aws.s3().delete_object().bucket("bucket").key(*key).send().await.unwrap();
    }
    check_keys(&aws.s3(), &[]).await;
    assert_eq!(fs::read_dir(folder.path().join("bucket")).unwrap().count(), 0);
}

/// Checks that the bucket holds only `keys`, each with itself as content.
async fn check_keys(s3: &Client, keys: &[&str]) {
    for key in keys {
        let got = s3.get_object().bucket("bucket").key(*key).send().await.unwrap();
        assert_eq!(got.body.collect().await.unwrap().to_vec(), key.as_bytes(), "{key}");
    }
    let list = s3.list_objects_v2().bucket("bucket");
    let encoded = list.clone().encoding_type(EncodingType::Url).max_keys(5).into_paginator().send();
    let encoded = encoded.collect::<Result<Vec<_>, _>>().await.unwrap();
    let encoded = encoded.iter().flat_map(|page| page.contents());
    assert_eq!(encoded.map(|object| decode(object.key().unwrap())).collect::<Vec<_>>(), keys);
    let plain = list.send().await.unwrap();
    assert_eq!(plain.contents().iter().map(|object| object.key().unwrap()).collect::<Vec<_>>(), keys);
}

fn decode(key: &str) -> String {
    percent_encoding::percent_decode_str(key).decode_utf8().unwrap().into_owned()
}

#[tokio::test]
async fn listings_encode_keys_when_asked() {
    let (aws, _folder) = start();
    let s3 = aws.s3();
    for key in ["a b/+", "a b/%41=é"] {
        s3.put_object().bucket("bucket").key(key).send().await.unwrap();
    }
    let list = s3.list_objects_v2().bucket("bucket").prefix("a b/").start_after("a b").delimiter("é");
    let list = list.encoding_type(EncodingType::Url).send().await.unwrap();
    let keys: Vec<_> = list.contents().iter().map(|object| object.key().unwrap()).collect();
    assert_eq!(keys, ["a%20b/%2B"]);
    assert_eq!(list.common_prefixes()[0].prefix(), Some("a%20b/%2541%3D%C3%A9"));
    assert_eq!((list.prefix(), list.start_after()), (Some("a%20b/"), Some("a%20b")));
    assert_eq!((list.delimiter(), list.encoding_type()), (Some("%C3%A9"), Some(&EncodingType::Url)));
}

#[tokio::test]
async fn many_are_deleted_at_once() {
    let (aws, folder) = start();
    let s3 = aws.s3();
    for key in ["a/b/c", "a/d"] {
        call(&s3, &format!("put {key} one")).await;
    }
    let object = |key: &str| ObjectIdentifier::builder().key(key);
    let objects = [object("a/b/c"), object("a/d").e_tag(TWO), object("e")].map(|object| object.build().unwrap());
    let delete = Delete::builder().set_objects(Some(objects.to_vec())).build().unwrap();
    let answer = s3.delete_objects().bucket("bucket").delete(delete).send().await.unwrap();
    let deleted: Vec<_> = answer.deleted().iter().map(|deleted| deleted.key().unwrap()).collect();
    let errors: Vec<_> = answer.errors().iter().map(|error| (error.key().unwrap(), error.code().unwrap())).collect();
    assert_eq!((deleted, errors), (vec!["a/b/c", "e"], vec![("a/d", "PreconditionFailed")]));
    assert_eq!(call(&s3, "list").await, "a/d");
    assert!(!folder.path().join("bucket/a/b").exists(), "an empty folder is cleared away");
}

#[tokio::test]
async fn buckets_come_and_go() {
    let (aws, _folder) = start();
    let s3 = aws.s3();
    let names = async || {
        let buckets = s3.list_buckets().send().await.unwrap();
        buckets.buckets().iter().map(|bucket| bucket.name().unwrap().to_owned()).collect::<Vec<_>>()
    };
    aws.create_bucket("bucket").unwrap();
    assert_eq!(aws.create_bucket("No").unwrap_err().to_string(), "failed to make bucket \"No\"");
    let create = |name: &str| s3.create_bucket().bucket(name).send();
    assert_eq!(outcome(create("another").await, |_| "ok".to_owned()), "ok");
    assert_eq!(outcome(create("another").await, |_| "ok".to_owned()), "ok", "made again");
    assert_eq!(names().await, ["another", "bucket"]);
    let head = |name: &str| s3.head_bucket().bucket(name).send();
    assert_eq!(outcome(head("another").await, |answer| answer.bucket_region.unwrap()), "us-east-1");
    assert_eq!(outcome(head("missing").await, |_| "ok".to_owned()), "404 NotFound");
    assert_eq!(outcome(s3.get_bucket_location().bucket("another").send().await, |_| "ok".to_owned()), "ok");
    call(&s3, "put a/b one").await;
    let delete = |name: &str| s3.delete_bucket().bucket(name).send();
    assert_eq!(outcome(delete("bucket").await, |_| "ok".to_owned()), "409 BucketNotEmpty");
    call(&s3, "delete a/b").await;
    assert_eq!(outcome(delete("bucket").await, |_| "ok".to_owned()), "ok");
    assert_eq!(outcome(delete("bucket").await, |_| "ok".to_owned()), "404 NoSuchBucket");
    assert_eq!(call(&s3, "put a one").await, "404 NoSuchBucket");
    assert_eq!(call(&s3, "get a").await, "404 NoSuchBucket");
    assert_eq!(call(&s3, "list").await, "404 NoSuchBucket");
    assert_eq!(names().await, ["another"]);
}

#[tokio::test]
async fn attributes_are_kept_and_copied() {
    let (aws, folder) = start();
    let s3 = aws.s3();
    let put = s3.put_object().bucket("bucket").key("a").content_type("text/plain").content_encoding("gzip");
    put.cache_control("no-cache").metadata("who", "me").send().await.unwrap();
    let copy = |to: &str| s3.copy_object().bucket("bucket").copy_source("bucket/a").key(to);
    copy("kept").send().await.unwrap();
    let replace = copy("replaced").metadata_directive(MetadataDirective::Replace).metadata("who", "you");
    replace.send().await.unwrap();
    drop((s3, aws));
    let s3 = open(folder.path()).s3();
    for (key, content_type, who) in
        [("a", "text/plain", "me"), ("kept", "text/plain", "me"), ("replaced", "binary/octet-stream", "you")]
    {
        let head = s3.head_object().bucket("bucket").key(key).send().await.unwrap();
        assert_eq!(head.content_type(), Some(content_type), "{key}");
        assert_eq!(head.metadata().unwrap().get("who").map(String::as_str), Some(who), "{key}");
        assert_eq!(head.last_modified().unwrap().to_string(), NOW, "{key}");
    }
    let head = s3.head_object().bucket("bucket").key("a").send().await.unwrap();
    assert_eq!((head.content_encoding(), head.cache_control()), (Some("gzip"), Some("no-cache")));
}

#[tokio::test]
async fn what_another_program_does_to_the_files_shows() {
    let (aws, folder) = start();
    let s3 = aws.s3();
    let file = folder.path().join("bucket/logs/a");
    fs::create_dir_all(file.parent().unwrap()).unwrap();
    fs::write(&file, "one").unwrap();
    assert_eq!(call(&s3, "list").await, "logs/a");
    assert_eq!(call(&s3, "head logs/a").await, format!("3 \"{ONE}\""));
    assert_eq!(call(&s3, "put logs/a two if-none-match=*").await, "412 PreconditionFailed");
    assert_eq!(call(&s3, "put logs/a two if-match=ONE").await, format!("\"{TWO}\""));
    fs::write(&file, "one").unwrap();
    assert_eq!(call(&s3, "get logs/a if-match=ONE").await, "one");
    assert_eq!(call(&s3, "put logs/a two if-match=TWO").await, "412 PreconditionFailed");
    fs::remove_file(&file).unwrap();
    assert_eq!(call(&s3, "get logs/a").await, "404 NoSuchKey");
    assert_eq!(call(&s3, "list").await, "");
    assert_eq!(call(&s3, "put logs one").await, format!("\"{ONE}\""), "an empty folder in its way");
}

#[tokio::test]
async fn a_crash_between_journal_and_file_leaves_the_old_object() {
    let (aws, folder) = start();
    let put = aws.s3().put_object().bucket("bucket").key("a").content_type("text/plain").body(b"one".to_vec().into());
    put.send().await.unwrap();
    drop(aws);
    let journal = folder.path().join(".local-aws/objects.ndjson");
    let line = fs::read_to_string(&journal).unwrap();
    // A write of the same size at the same moment, whose file was never moved into place.
    let later = line.replace(ONE, TWO).replace("000000000", "000000001").replace("text/plain", "image/png");
    fs::write(&journal, format!("{line}{later}{{\"bucket\":\"buck")).unwrap();
    let head = open(folder.path()).s3().head_object().bucket("bucket").key("a").send().await.unwrap();
    assert_eq!((head.e_tag(), head.content_type()), (Some(format!("\"{ONE}\"").as_str()), Some("text/plain")));
}

#[tokio::test]
async fn buckets_are_found_in_the_host_too() {
    let (aws, _folder) = start();
    let s3 = Client::new(&aws.sdk_config());
    assert_eq!(call(&s3, "put a/b one").await, format!("\"{ONE}\""));
    assert_eq!(call(&aws.s3(), "get a/b").await, "one");
    assert_eq!(call(&s3, "list").await, "a/b");
}

#[tokio::test]
async fn one_folder_has_one_writer() {
    let (aws, folder) = start();
    let again = local_aws::LocalAws::open(folder.path(), std::sync::Arc::new(chrono::DateTime::default));
    let message = again.err().map(|error| error.to_string());
    assert_eq!(message, Some(format!("{} is in use by another process", folder.path().display())));
    drop(aws);
    open(folder.path());
}

#[tokio::test]
async fn readers_see_what_the_writer_writes() {
    let (writer, folder) = start();
    let readers = [open_to_read(folder.path()), open_to_read(folder.path())];
    let see = async |key: &str| {
        let mut seen = Vec::new();
        for reader in &readers {
            let got = reader.s3().get_object().bucket("bucket").key(key).send().await;
            seen.push(outcome(got, |answer| {
                format!("{} {}", answer.e_tag().unwrap_or_default(), answer.content_type().unwrap_or_default())
            }));
        }
        assert_eq!(seen[0], seen[1], "{key}");
        seen.swap_remove(0)
    };
    let put = async |writer: &local_aws::LocalAws, key: &str, text: &'static str, content_type: &str| {
        let body = ByteStream::from_static(text.as_bytes());
        let put = writer.s3().put_object().bucket("bucket").key(key).body(body).content_type(content_type);
        put.send().await.unwrap();
    };
    assert_eq!(see("a/b").await, "404 NoSuchKey");
    put(&writer, "a/b", "one", "text/plain").await;
    assert_eq!(see("a/b").await, format!("\"{ONE}\" text/plain"));
    put(&writer, "a/b", "two", "image/png").await;
    assert_eq!(see("a/b").await, format!("\"{TWO}\" image/png"));
    // Its file does not lie at a path of this name.
    put(&writer, "a/b/c", "one", "text/plain").await;
    assert_eq!(see("a/b/c").await, format!("\"{ONE}\" text/plain"));
    assert_eq!(call(&readers[0].s3(), "list").await, "a/b a/b/c");
    // The next writer replaces the journal.
    drop(writer);
    let writer = open(folder.path());
    call(&writer.s3(), "delete a/b").await;
    put(&writer, "d", "two", "text/plain").await;
    assert_eq!((see("a/b").await.as_str(), see("d").await), ("404 NoSuchKey", format!("\"{TWO}\" text/plain")));
    assert_eq!(call(&readers[1].s3(), "list").await, "a/b/c d");
    // Nothing is written by those that read.
    assert!(call(&readers[0].s3(), "put e one").await.starts_with("500"));
}

/// A line of the journal comes before the file that it describes.
#[tokio::test]
async fn a_reader_that_comes_between_line_and_file_knows_the_file_later() {
    let (writer, folder) = start();
    call(&writer.s3(), "put a one").await;
    let reader = open_to_read(folder.path());
    let hidden = folder.path().join("hidden");
    let put = writer.s3().put_object().bucket("bucket").key("b").body(ByteStream::from_static(b"two"));
    put.content_type("image/png").send().await.unwrap();
    fs::rename(folder.path().join("bucket/b"), &hidden).unwrap();
    assert_eq!(call(&reader.s3(), "get b").await, "404 NoSuchKey");
    assert_eq!(call(&reader.s3(), "get a").await, "one");
    fs::rename(&hidden, folder.path().join("bucket/b")).unwrap();
    let head = reader.s3().head_object().bucket("bucket").key("b").send().await.unwrap();
    assert_eq!((head.e_tag(), head.content_type()), (Some(format!("\"{TWO}\"").as_str()), Some("image/png")));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 8)]
async fn a_race_has_one_winner() {
    let (aws, _folder) = start();
    for round in 0..25 {
        let key = format!("manifests/{round}");
        let racers = (0..8).map(|racer| {
            let put = aws.s3().put_object().bucket("bucket").key(&key).body(format!("{racer}").into_bytes().into());
            tokio::spawn(async move { outcome(put.if_none_match("*").send().await, |_| "ok".to_owned()) })
        });
        let racers: Vec<_> = racers.collect();
        let mut outcome = Vec::new();
        for racer in racers {
            outcome.push(racer.await.unwrap());
        }
        let winner = outcome.iter().position(|outcome| outcome == "ok").unwrap();
        outcome.sort_unstable();
        let expected: Vec<&str> = [["412 PreconditionFailed"; 7].as_slice(), &["ok"]].concat();
        assert_eq!(outcome, expected, "round {round}");
        assert_eq!(call(&aws.s3(), &format!("get {key}")).await, winner.to_string(), "round {round}");
    }
}

/// Begins an upload, uploads `parts` and returns its id and how to list them.
async fn upload(s3: &Client, key: &str, parts: &[(i32, &[u8])]) -> (String, Vec<CompletedPart>) {
    let begun = s3.create_multipart_upload().bucket("bucket").key(key).content_type("text/plain").send().await.unwrap();
    let id = begun.upload_id.unwrap();
    let mut listed = Vec::new();
    for (number, bytes) in parts {
        let part = s3.upload_part().bucket("bucket").key(key).upload_id(&id).part_number(*number);
        let etag = part.body(bytes.to_vec().into()).send().await.unwrap().e_tag.unwrap();
        listed.push(CompletedPart::builder().part_number(*number).e_tag(etag).build());
    }
    (id, listed)
}

/// Completes the upload of `key` and returns the outcome.
async fn complete(s3: &Client, key: &str, id: &str, parts: &[CompletedPart], if_none_match: Option<&str>) -> String {
    let listed = CompletedMultipartUpload::builder().set_parts(Some(parts.to_vec())).build();
    let complete = s3.complete_multipart_upload().bucket("bucket").key(key).upload_id(id).multipart_upload(listed);
    outcome(complete.set_if_none_match(if_none_match.map(str::to_owned)).send().await, |answer| answer.e_tag.unwrap())
}

#[tokio::test]
async fn parts_become_one_object() {
    let (aws, folder) = start();
    let s3 = aws.s3();
    let first = vec![b'x'; 5 * 1024 * 1024];
    let (id, parts) = upload(&s3, "a/b", &[(2, b"tail"), (1, b"replaced"), (1, &first)]).await;
    let parts = [parts[2].clone(), parts[0].clone()];
    let listed = s3.list_parts().bucket("bucket").key("a/b").upload_id(&id).send().await.unwrap();
    let listed: Vec<_> =
        listed.parts().iter().map(|part| (part.part_number().unwrap(), part.size().unwrap())).collect();
    assert_eq!(listed, [(1, 5 * 1024 * 1024), (2, 4)]);
    let uploads = s3.list_multipart_uploads().bucket("bucket").send().await.unwrap();
    assert_eq!(uploads.uploads()[0].upload_id(), Some(id.as_str()));
    assert_eq!(call(&s3, "list").await, "");

    // Completed after a restart.
    drop((s3, aws));
    let aws = open(folder.path());
    let s3 = aws.s3();
    let etag = complete(&s3, "a/b", &id, &parts, Some("*")).await;
    assert_eq!(etag, "\"a45f1422f2dbe3d2890829dd76adba1b-2\"");
    assert_eq!(call(&s3, "head a/b").await, format!("{} {etag}", first.len() + 4));
    assert_eq!(call(&s3, "get a/b range=bytes=5242878-5242881").await, "xxta (bytes 5242878-5242881/5242884)");
    let body = s3.get_object().bucket("bucket").key("a/b").send().await.unwrap().body.collect().await.unwrap().to_vec();
    assert_eq!(body, [first.as_slice(), b"tail"].concat());
    assert_eq!(complete(&s3, "a/b", &id, &parts, None).await, "404 NoSuchUpload");
    drop((s3, aws));
    let s3 = open(folder.path()).s3();
    assert_eq!(call(&s3, "head a/b").await, format!("{} {etag}", first.len() + 4), "after a restart");
}

#[tokio::test]
async fn uploads_are_completed_as_listed_or_not_at_all() {
    let (aws, folder) = start();
    let s3 = aws.s3();
    let (id, parts) = upload(&s3, "a", &[(1, b"one"), (2, b"two")]).await;
    let part = |number: i32, etag: &str| CompletedPart::builder().part_number(number).e_tag(etag).build();
    assert_eq!(complete(&s3, "a", &id, &parts, None).await, "400 EntityTooSmall");
    assert_eq!(complete(&s3, "a", &id, &[part(2, TWO), part(1, ONE)], None).await, "400 InvalidPartOrder");
    assert_eq!(complete(&s3, "a", &id, &[part(1, TWO)], None).await, "400 InvalidPart");
    assert_eq!(complete(&s3, "a", &id, &[part(3, ONE)], None).await, "400 InvalidPart");
    assert_eq!(complete(&s3, "b", &id, &parts, None).await, "404 NoSuchUpload");
    assert_eq!(complete(&s3, "a", "../uploads", &parts, None).await, "404 NoSuchUpload");
    call(&s3, "put a three").await;
    assert_eq!(complete(&s3, "a", &id, &parts[..1], Some("*")).await, "412 PreconditionFailed");
    assert_eq!(call(&s3, "get a").await, "three");
    let abort = s3.abort_multipart_upload().bucket("bucket").key("a").upload_id(&id).send().await;
    assert_eq!(outcome(abort, |_| "ok".to_owned()), "ok");
    assert_eq!(complete(&s3, "a", &id, &parts[..1], None).await, "404 NoSuchUpload");
    assert_eq!(fs::read_dir(folder.path().join(".local-aws/uploads")).unwrap().count(), 0);
    assert_eq!(fs::read_dir(folder.path().join(".local-aws/tmp")).unwrap().count(), 0);
}

#[tokio::test]
async fn a_body_must_be_what_its_headers_say() {
    let (aws, _folder) = start();
    let put = |md5: &str| {
        let put = aws.s3().put_object().bucket("bucket").key("a").body(b"one".to_vec().into());
        put.content_md5(md5).send()
    };
    assert_eq!(outcome(put("uKn3Fdu2T9XFbneDxoIKYQ==").await, |_| "ok".to_owned()), "400 BadDigest");
    assert_eq!(call(&aws.s3(), "get a").await, "404 NoSuchKey");
    assert_eq!(outcome(put("+XxdKZQb+xsv2rCHSQargg==").await, |_| "ok".to_owned()), "ok");
}

/// The checksums of `one`, computed by other programs.
const ONE_CRC32: &str = "emyG8Q==";
const ONE_SHA256: &str = "dpLDrTVAu4A8Ags67mbNiIcSMjTqDG5xQ8Ct1z/0Me0=";

/// The checksum of `key` in the answer to HEAD.
async fn checksum(s3: &Client, key: &str) -> String {
    let head = s3.head_object().bucket("bucket").key(key).checksum_mode(ChecksumMode::Enabled).send().await.unwrap();
    let values = [
        head.checksum_crc32(),
        head.checksum_crc32_c(),
        head.checksum_crc64_nvme(),
        head.checksum_sha1(),
        head.checksum_sha256(),
    ];
    let value = values.into_iter().flatten().collect::<Vec<_>>().join(" ");
    format!("{} {value}", head.checksum_type().map_or("none", ChecksumType::as_str)).trim_end().to_owned()
}

#[tokio::test]
async fn checksums_are_checked_and_kept() {
    let (aws, folder) = start();
    let put = |key: &str| aws.s3().put_object().bucket("bucket").key(key).body(b"one".to_vec().into());
    let wrong = put("wrong").checksum_crc32("AAAAAA==").send().await;
    assert_eq!(outcome(wrong, |_| "ok".to_owned()), "400 BadDigest");
    let malformed = put("wrong").checksum_crc32("AAAA").send().await;
    assert_eq!(outcome(malformed, |_| "ok".to_owned()), "400 InvalidRequest");
    assert_eq!(call(&aws.s3(), "get wrong").await, "404 NoSuchKey");
    let right = put("right").checksum_sha256(ONE_SHA256).send().await.unwrap();
    assert_eq!(right.checksum_sha256(), Some(ONE_SHA256));
    put("default").send().await.unwrap();
    fs::write(folder.path().join("bucket/foreign"), "one").unwrap();
    drop(aws);
    let s3 = open(folder.path()).s3();
    assert_eq!(checksum(&s3, "right").await, format!("FULL_OBJECT {ONE_SHA256}"));
    assert_eq!(checksum(&s3, "default").await, format!("FULL_OBJECT {ONE_CRC32}"));
    assert_eq!(checksum(&s3, "foreign").await, "none");
}

#[tokio::test]
async fn parts_are_read_by_number() {
    let (aws, folder) = start();
    let first = vec![b'x'; 5 * 1024 * 1024];
    let (id, parts) = upload(&aws.s3(), "a", &[(2, &first), (7, b"tail")]).await;
    complete(&aws.s3(), "a", &id, &parts, None).await;
    call(&aws.s3(), "put whole one").await;
    drop(aws);
    let s3 = open(folder.path()).s3();
    let part = async |key: &str, number: i32| {
        let head = s3.head_object().bucket("bucket").key(key).part_number(number).send().await;
        outcome(head, |head| {
            format!("{} of {:?}: {}", head.content_length.unwrap(), head.parts_count, head.content_range.unwrap())
        })
    };
    assert_eq!(part("a", 2).await, "5242880 of Some(2): bytes 0-5242879/5242884");
    assert_eq!(part("a", 7).await, "4 of Some(2): bytes 5242880-5242883/5242884");
    assert_eq!(part("a", 1).await, "416");
    assert_eq!(part("a", 0).await, "400");
    assert_eq!(part("whole", 1).await, "3 of None: bytes 0-2/3");
    assert_eq!(part("whole", 2).await, "416");
    let tail = s3.get_object().bucket("bucket").key("a").part_number(7).send().await.unwrap();
    assert_eq!(tail.body.collect().await.unwrap().to_vec(), b"tail");
}

#[tokio::test]
async fn a_folder_from_before_checksums_still_opens() {
    let (aws, folder) = start();
    call(&aws.s3(), "put a one").await;
    let (id, parts) = upload(&aws.s3(), "b", &[(1, b"two")]).await;
    drop(aws);
    let journal = folder.path().join(".local-aws/objects.ndjson");
    let line = fs::read_to_string(&journal).unwrap();
    let before = line[..line.find(",\"checksum\"").unwrap()].to_owned() + "}\n";
    fs::write(&journal, before.replace(ONE, TWO)).unwrap();
    let s3 = open(folder.path()).s3();
    assert_eq!(checksum(&s3, "a").await, "none");
    assert_eq!(call(&s3, "head a").await, format!("3 \"{TWO}\""), "as it was remembered");
    assert_eq!(fs::read_dir(folder.path().join(".local-aws/uploads").join(&id)).unwrap().count(), 2);
    assert!(folder.path().join(format!(".local-aws/uploads/{id}/00001-{TWO}")).exists(), "as parts were named");
    assert_eq!(complete(&s3, "b", &id, &parts, None).await, "\"c8288b8072be5f59c0c143fb416b2634-1\"");
}

/// A key that no listing can carry would keep clients from every other one.
#[tokio::test]
async fn a_key_that_no_listing_can_carry_is_refused() {
    let (aws, folder) = start();
    let s3 = aws.s3();
    for name in ["a\0b", "\u{fffe}", "a\u{ffff}b"] {
        let put = s3.put_object().bucket("bucket").key(name).body(ByteStream::from_static(b"one")).send().await;
        assert_eq!(outcome(put, |_| "put".to_owned()), "400 InvalidArgument", "{name:?}");
        let begun = s3.create_multipart_upload().bucket("bucket").key(name).send().await;
        assert_eq!(outcome(begun, |_| "begun".to_owned()), "400 InvalidArgument", "{name:?}");
    }
    fs::write(folder.path().join("bucket/a\u{ffff}b"), "one").unwrap();
    call(&s3, "put ab two").await;
    assert_eq!(call(&s3, "list").await, "ab");
    let named = (folder.path().join("bucket/a\u{ffff}b"), "of a name that no key can have".to_owned());
    assert_eq!(aws.passed_over().entries(), [named]);
}

/// What is written to the key of a link is an object of its own. The link stays, and so does what it leads to.
#[cfg(unix)]
#[tokio::test]
async fn links_lead_nowhere() {
    let (aws, folder) = start();
    let s3 = aws.s3();
    let outside = tempfile::tempdir().unwrap();
    fs::write(outside.path().join("file"), "outside").unwrap();
    let link = |target: &str, name: &str| {
        std::os::unix::fs::symlink(outside.path().join(target), folder.path().join("bucket").join(name)).unwrap();
    };
    link("file", "link");
    link("", "folder");
    link("new", "nothing");
    assert_eq!(call(&s3, "list").await, "");
    for key in ["link", "folder/file", "folder/new", "nothing"] {
        assert_eq!(call(&s3, &format!("get {key}")).await, "404 NoSuchKey", "{key}");
        assert_eq!(call(&s3, &format!("put {key} one")).await, format!("\"{ONE}\""), "{key}");
        assert_eq!(call(&s3, &format!("get {key}")).await, "one", "{key}");
    }
    assert_eq!(call(&s3, "list").await, "folder/file folder/new link nothing");
    let key = "folder/file";
    assert_eq!(call(&s3, &format!("delete {key}")).await, "ok");
    let left: Vec<_> = fs::read_dir(outside.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left, ["file"]);
    assert_eq!(fs::read_to_string(outside.path().join("file")).unwrap(), "outside");
    assert_eq!(aws.passed_over().entries().len(), 3);
}
