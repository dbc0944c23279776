//! A record of who called what over many processes, such as a whole run of tests: what roles must allow, and no more.

use std::collections::HashSet;
use std::env;
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::Path;
use std::process;
use std::sync::{Mutex, OnceLock, PoisonError};

use super::Call;

/// Names a folder that every process adds a file to; without it nothing is recorded.
const FOLDER: &str = "LOCAL_AWS_CALLS";

/// What was called, each once: `compactor s3:PutObject arn:aws:s3:::acme-logs/manifests/* conditional`.
#[derive(Debug)]
pub(crate) struct Record {
    file: File,
    lines: Mutex<HashSet<String>>,
}

impl Record {
    /// The process's record, where the environment asks for one: of whoever runs the tests, not of what they test.
    pub(crate) fn asked_for() -> Option<&'static Record> {
        static RECORD: OnceLock<Option<Record>> = OnceLock::new();
        RECORD.get_or_init(Record::open).as_ref()
    }

    fn open() -> Option<Record> {
        let folder = env::var_os(FOLDER)?;
        let path = Path::new(&folder).join(process::id().to_string());
        match OpenOptions::new().create(true).append(true).open(&path) {
            Ok(file) => Some(Record { file, lines: Mutex::default() }),
            Err(error) => panic!("{FOLDER} asks for {}: {error}", path.display()),
        }
    }

    /// Adds a call.
    pub(crate) fn add(&self, call: &Call) {
        for resource in &call.resources {
            let line = line(call, resource);
            let mut lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
            if lines.insert(line.clone()) {
                // A record that lacks a line makes the test fail that reads it.
                let _ = (&self.file).write_all(line.as_bytes());
            }
        }
    }
}

/// A process is called `role name` where many have one role. Of a key the first folder counts.
fn line(call: &Call, resource: &str) -> String {
    let role = call.caller.split(' ').next().unwrap_or_default();
    let resource = match resource.split_once('/') {
        Some((bucket, key)) if bucket.starts_with("arn:aws:s3:::") => {
            format!("{bucket}/{}/*", key.split('/').next().unwrap_or_default())
        }
        _ => resource.to_owned(),
    };
    let conditional = if call.detail.contains("match=") { "conditional" } else { "-" };
    let resource = resource.escape_debug();
    format!("{role} {}:{} {resource} {conditional}\n", call.service.prefix(), call.name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seam::Service;

    #[test]
    fn what_counts_for_a_role_is_recorded() {
        let call = |caller: &str, name: &'static str, detail: &str| Call {
            caller: caller.into(),
            service: Service::S3,
            name: name.into(),
            resources: Vec::new(),
            detail: detail.to_owned(),
        };
        let put = call("compactor 7", "PutObject", "if-none-match=*");
        assert_eq!(
            line(&put, "arn:aws:s3:::b/manifests/2026/11/20/13.json"),
            "compactor s3:PutObject arn:aws:s3:::b/manifests/* conditional\n"
        );
        assert_eq!(line(&put, "arn:aws:s3:::b/a\nb"), "compactor s3:PutObject arn:aws:s3:::b/a\\nb/* conditional\n");
        let list = call("firehose", "ListObjectsV2", "prefix=logs/");
        assert_eq!(line(&list, "arn:aws:s3:::b"), "firehose s3:ListObjectsV2 arn:aws:s3:::b -\n");
    }
}
