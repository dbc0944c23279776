//! The region and account of this AWS, and the names that follow from them: ARNs, queue URLs and the hosts of buckets.

use std::fmt::Display;

/// The region of everything in this AWS. Clients that are set up for another region are answered as well.
pub const REGION: &str = "us-east-1";

/// The account that owns everything in this AWS.
pub(crate) const ACCOUNT: &str = "000000000000";

/// The ARN of a resource in this region and account. S3's ARNs have neither.
pub(crate) fn arn(service: &str, resource: impl Display) -> String {
    format!("arn:aws:{service}:{REGION}:{ACCOUNT}:{resource}")
}

/// The URL of the queue `name`.
pub(crate) fn queue_url(name: &str) -> String {
    format!("https://sqs.{REGION}.amazonaws.com/{ACCOUNT}/{name}")
}

/// The name of the queue at `url`: what follows the last slash.
pub(crate) fn queue_of(url: &str) -> &str {
    url.rsplit('/').next().unwrap_or_default()
}

/// The bucket in a virtual host: `<bucket>.s3.<region>.amazonaws.com`, as the SDK sends it in the process, or
/// `<bucket>.localhost`, as clients send it over the port. `None` if the request is path style.
pub(crate) fn bucket_of(host: &str) -> Option<&str> {
    let name = host.split(':').next()?;
    match name.split_once(".s3.") {
        Some((bucket, domain)) if domain.ends_with("amazonaws.com") => Some(bucket),
        _ => name.strip_suffix(".localhost"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_name_buckets() {
        for (host, bucket) in [
            ("logs.s3.eu-west-1.amazonaws.com", Some("logs")),
            ("my.logs.s3.amazonaws.com", Some("my.logs")),
            ("s3.us-east-1.amazonaws.com", None),
            ("logs.localhost:9000", Some("logs")),
            ("localhost:9000", None),
            ("minio", None),
        ] {
            assert_eq!(bucket_of(host), bucket, "{host}");
        }
    }
}
