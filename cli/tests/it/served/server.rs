//! The command's `serve`, in a process of its own.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use aws_sdk_s3::config::retry::RetryConfig;
use aws_sdk_s3::config::{BehaviorVersion, Credentials, Region};

use crate::support::binary;

/// `serve` over a folder. Dropping it kills the process at once.
pub(crate) struct Server {
    child: Child,
    pub(crate) endpoint: String,
}

impl Server {
    pub(crate) fn start(data: &Path, more: &[&str]) -> Server {
        let mut command = binary();
        command.args(["serve", "--port", "0", "--json", "--data"]).arg(data).args(more);
        Server::started(command)
    }

    /// A server that is started by a shell after `limit`.
    #[cfg(feature = "sql")]
    pub(crate) fn start_within(limit: &str, data: &Path) -> Server {
        let mut command = Command::new("bash");
        command.arg("-c").arg(format!("{limit} && exec \"$@\"")).arg("bash").arg(binary().get_program());
        command.args(["serve", "--port", "0", "--json", "--data"]).arg(data);
        Server::started(command)
    }

    fn started(mut command: Command) -> Server {
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
        let line = lines.find(|line| line.contains("endpoint")).unwrap();
        Server { child, endpoint: line.split('"').nth(3).unwrap().to_string() }
    }

    /// A client that tries each call once.
    pub(crate) fn s3(&self) -> aws_sdk_s3::Client {
        let config = aws_sdk_s3::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new("us-east-1"))
            .credentials_provider(Credentials::new("any", "thing", None, None, "test"))
            .endpoint_url(&self.endpoint)
            .retry_config(RetryConfig::disabled())
            .force_path_style(true)
            .build();
        aws_sdk_s3::Client::from_conf(config)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}
