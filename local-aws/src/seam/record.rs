//! The record of calls over many processes, such as a whole run of tests. It shows what roles must allow, and no more.

use std::collections::HashSet;
use std::env;
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::Path;
use std::process;
use std::sync::{Mutex, OnceLock, PoisonError};

use super::call::Call;

/// The environment variable that names a folder. Each process adds a file to it. Without it nothing is recorded.
const FOLDER: &str = "LOCAL_AWS_CALLS";

/// The calls of this process, each once: `compactor s3:PutObject arn:aws:s3:::acme-logs/manifests/* conditional`.
#[derive(Debug)]
pub(crate) struct CallRecord {
    file: File,
    lines: Mutex<HashSet<String>>,
}

impl CallRecord {
    /// The record of this process. `None` if the environment does not ask for one.
    pub(crate) fn from_env() -> Option<&'static CallRecord> {
        static RECORD: OnceLock<Option<CallRecord>> = OnceLock::new();
        RECORD.get_or_init(CallRecord::open).as_ref()
    }

    fn open() -> Option<CallRecord> {
        let folder = env::var_os(FOLDER)?;
        let path = Path::new(&folder).join(process::id().to_string());
        match OpenOptions::new().create(true).append(true).open(&path) {
            Ok(file) => Some(CallRecord { file, lines: Mutex::default() }),
            Err(error) => panic!("{FOLDER} asks for {}: {error}", path.display()),
        }
    }

    pub(crate) fn add(&self, call: &Call) {
        for resource in &call.resources {
            let line = line(call, resource);
            let mut lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
            if lines.insert(line.clone()) {
                // A test reads the record and fails if a line is missing.
                let _ = (&self.file).write_all(line.as_bytes());
            }
        }
    }
}

/// The line for one resource of a call. A caller is named `role` or `role name`. A key is shortened to its first folder.
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
    use crate::seam::call::Service;

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
