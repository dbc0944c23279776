//! A server that is killed while it writes leaves the old or the new version of each object, whole.

use std::time::Duration;

use aws_sdk_s3::Client;
use aws_sdk_s3::types::{ChecksumMode, CompletedMultipartUpload, CompletedPart};
use md5::{Digest, Md5};

use crate::served::server::Server;

const KILLS: u64 = 25;
const BUCKET: &str = "auth0-logs";
const PART_BYTES_MIN: usize = 5 * 1024 * 1024;

/// A key that is written again and again, and its last versions.
#[derive(Debug, Clone)]
struct Key {
    name: String,
    in_parts: bool,
    /// The last version that the server confirmed; zero if none.
    written: u32,
    /// The last version that was sent to the server.
    sent: u32,
}

impl Key {
    /// The content of a version, in parts if the key is uploaded so. The first part has the smallest size allowed.
    fn content(&self, version: u32) -> Vec<Vec<u8>> {
        let line = format!("{} {version}\n", self.name);
        let bytes = |length: usize| line.bytes().cycle().take(length).collect::<Vec<u8>>();
        // The length differs each time, so that a mix of versions would show.
        let tail = bytes(1_000_000 + version as usize);
        if self.in_parts { vec![bytes(PART_BYTES_MIN), tail] } else { vec![tail] }
    }

    fn etag(&self, version: u32) -> String {
        let content = self.content(version);
        if !self.in_parts {
            return format!("\"{}\"", hex::encode(Md5::digest(&content[0])));
        }
        let digests: Vec<u8> = content.iter().flat_map(|part| Md5::digest(part).to_vec()).collect();
        format!("\"{}-{}\"", hex::encode(Md5::digest(digests)), content.len())
    }

    /// Writes versions until the server is gone.
    async fn write_on(mut self, s3: Client) -> Key {
        loop {
            let version = self.written + 1;
            let written = if self.in_parts { self.upload(&s3, version).await } else { self.put(&s3, version).await };
            if written.is_none() {
                return self;
            }
            self.written = version;
        }
    }

    async fn put(&mut self, s3: &Client, version: u32) -> Option<()> {
        let body = self.content(version).remove(0);
        self.sent = version;
        s3.put_object().bucket(BUCKET).key(&self.name).body(body.into()).send().await.ok().map(drop)
    }

    async fn upload(&mut self, s3: &Client, version: u32) -> Option<()> {
        let begun = s3.create_multipart_upload().bucket(BUCKET).key(&self.name).send().await.ok()?;
        let id = begun.upload_id.unwrap();
        let mut upload = CompletedMultipartUpload::builder();
        for (number, part) in (1..).zip(self.content(version)) {
            let sent = s3.upload_part().bucket(BUCKET).key(&self.name).upload_id(&id).part_number(number);
            let sent = sent.body(part.into()).send().await.ok()?;
            upload = upload.parts(CompletedPart::builder().part_number(number).set_e_tag(sent.e_tag).build());
        }
        // The object can change only from now on.
        self.sent = version;
        let complete = s3.complete_multipart_upload().bucket(BUCKET).key(&self.name).upload_id(id);
        complete.multipart_upload(upload.build()).send().await.ok().map(drop)
    }

    /// The version that the key holds, after checking that it is whole and has its own ETag. Zero if there is no
    /// object.
    async fn found(&self, s3: &Client) -> u32 {
        let get = s3.get_object().bucket(BUCKET).key(&self.name).checksum_mode(ChecksumMode::Enabled);
        let got = match get.send().await {
            Ok(got) => got,
            Err(error) if error.as_service_error().is_some_and(|error| error.is_no_such_key()) => return 0,
            Err(error) => panic!("{error:?}"),
        };
        let etag = got.e_tag.unwrap();
        // The client checks the content against the checksum.
        let content = got.body.collect().await.unwrap().to_vec();
        let line = content.split(|byte| *byte == b'\n').next().unwrap();
        let version = String::from_utf8_lossy(line).rsplit(' ').next().unwrap().parse().unwrap();
        assert!(content == self.content(version).concat(), "{} {version} is not whole", self.name);
        assert_eq!(etag, self.etag(version), "{} {version}", self.name);
        version
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_server_leaves_old_or_new() {
    let data = tempfile::tempdir().unwrap();
    let key = |number: u8| Key { name: format!("a/{number}"), in_parts: number < 2, written: 0, sent: 0 };
    let mut keys: Vec<Key> = (0..5).map(key).collect();
    let (mut old, mut new) = (0, 0);
    for kill in 0..KILLS {
        let server = Server::start(data.path(), &[]);
        let writers: Vec<_> = keys.iter().map(|key| tokio::spawn(key.clone().write_on(server.s3()))).collect();
        // The moment differs each time.
        tokio::time::sleep(Duration::from_millis(40 + kill * 13 % 160)).await;
        drop(server);
        keys.clear();
        for writer in writers {
            keys.push(writer.await.unwrap());
        }
        let server = Server::start(data.path(), &[]);
        for key in &mut keys {
            let found = key.found(&server.s3()).await;
            assert!(found == key.written || found == key.sent, "{key:?} holds {found} after kill {kill}");
            if key.sent > key.written {
                *(if found == key.sent { &mut new } else { &mut old }) += 1;
            }
            (key.written, key.sent) = (found, found);
        }
        check_listing(&server.s3(), &keys).await;
    }
    let written: u32 = keys.iter().map(|key| key.written).sum();
    println!("{KILLS} kills, {written} versions written; of {} under way, {old} old and {new} new", old + new);
    assert!(old + new > 0, "no kill met a write");
}

/// Checks that the listing says of every key what a reader finds there.
async fn check_listing(s3: &Client, keys: &[Key]) {
    let listed = s3.list_objects_v2().bucket(BUCKET).prefix("a/").send().await.unwrap();
    let listed = listed.contents().iter();
    let listed: Vec<_> = listed.map(|it| (it.key().unwrap(), it.e_tag().unwrap(), it.size().unwrap())).collect();
    let there: Vec<_> = keys.iter().filter(|key| key.written > 0).map(|key| (key, key.etag(key.written))).collect();
    let size = |key: &Key| key.content(key.written).iter().map(Vec::len).sum::<usize>() as i64;
    let expected: Vec<_> = there.iter().map(|(key, etag)| (key.name.as_str(), etag.as_str(), size(key))).collect();
    assert_eq!(listed, expected);
}
