//! One request and its answer, by the HTTP client that the AWS SDK brings along.

use std::time::Duration;

use anyhow::{Context, Result, anyhow};
use aws_smithy_http_client::default_connector;
use aws_smithy_runtime_api::client::http::{HttpConnector, HttpConnectorSettings, SharedHttpConnector};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_types::body::SdkBody;
use bytes::Bytes;
use chrono::{DateTime, TimeDelta, Utc};
use http_body_util::{BodyExt, Limited};
use telemetry::error_chain;

use super::access::Secret;

/// A connection that is not made by then never is.
const CONNECT_SECONDS: u64 = 10;

/// A longer answer is given up. A page of a hundred events has some hundred kilobytes.
const BODY_BYTES_MAX: usize = 128 << 20;

/// An HTTP client. Clones share its connections, and the trusted certificates, which take a while to read.
#[derive(Debug, Clone)]
pub struct Http {
    connector: SharedHttpConnector,
    timeout: Duration,
}

/// What a server answered.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    headers: http::HeaderMap,
    pub(super) body: Bytes,
}

/// What an answer says of the rate limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Allowance {
    /// Calls allowed in a window.
    pub(super) limit: u32,
    /// Calls that are left of it.
    pub(super) remaining: u32,
    /// How long the window still lasts.
    pub(super) left: TimeDelta,
}

impl Http {
    /// A client that gives up an answer after `timeout`.
    ///
    /// # Errors
    ///
    /// If there is no HTTP client in this build.
    pub fn new(timeout: Duration) -> Result<Http> {
        let settings = HttpConnectorSettings::builder().connect_timeout(Duration::from_secs(CONNECT_SECONDS)).build();
        let connector = default_connector(&settings, None).context("there is no HTTP client in this build")?;
        Ok(Http { connector, timeout })
    }

    /// Gets a resource.
    ///
    /// # Errors
    ///
    /// There was no whole answer. Whatever the server answered is none.
    pub(super) async fn get(&self, url: &str, token: &Secret) -> Result<Answer> {
        let bearer = format!("Bearer {}", token.reveal());
        let request = http::Request::get(url).header("authorization", bearer).header("accept", "application/json");
        self.send(request.body(SdkBody::empty())?).await
    }

    /// Posts JSON.
    ///
    /// # Errors
    ///
    /// As of [`get`](Http::get).
    pub(super) async fn post(&self, url: &str, json: String) -> Result<Answer> {
        let request = http::Request::post(url).header("content-type", "application/json");
        let request = request.header("content-length", json.len()).body(SdkBody::from(json))?;
        self.send(request).await
    }

    async fn send(&self, request: http::Request<SdkBody>) -> Result<Answer> {
        let request = HttpRequest::try_from(request).map_err(|_| anyhow!("the request is no HTTP"))?;
        let answer = async {
            // The client's own text leaves out the causes.
            let response = self.connector.call(request).await.map_err(|error| anyhow!(error_chain(&error)))?;
            let response = response.try_into_http1x().map_err(|_| anyhow!("the answer is no HTTP"))?;
            let (parts, body) = response.into_parts();
            let body = Limited::new(body, BODY_BYTES_MAX).collect().await;
            let body = body.map_err(|error| anyhow!("the answer breaks off: {error}"))?.to_bytes();
            Ok(Answer { status: parts.status.as_u16(), headers: parts.headers, body })
        };
        let seconds = self.timeout.as_secs_f32();
        tokio::time::timeout(self.timeout, answer)
            .await
            .unwrap_or_else(|_| Err(anyhow!("no answer in {seconds} seconds")))
    }
}

impl Answer {
    /// A header as text. `None` if there is none, or it is no text.
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    fn number<T: std::str::FromStr>(&self, name: &str) -> Option<T> {
        self.header(name)?.trim().parse().ok()
    }

    /// The server's clock.
    pub(super) fn date(&self) -> Option<DateTime<Utc>> {
        DateTime::parse_from_rfc2822(self.header("date")?).ok().map(|date| date.to_utc())
    }

    /// How long the server says to wait.
    pub(super) fn retry_after(&self, now: DateTime<Utc>) -> Option<TimeDelta> {
        if let Some(seconds) = self.number::<u32>("retry-after") {
            return Some(TimeDelta::seconds(seconds.into()));
        }
        let at = DateTime::parse_from_rfc2822(self.header("retry-after")?).ok()?.to_utc();
        Some((at - self.date().unwrap_or(now)).max(TimeDelta::zero()))
    }

    /// The rate limit. Its window ends at a moment of the server's clock, so it is compared with that clock.
    pub(super) fn allowance(&self, now: DateTime<Utc>) -> Option<Allowance> {
        let (limit, remaining) = (self.number("x-ratelimit-limit")?, self.number("x-ratelimit-remaining")?);
        let end = DateTime::from_timestamp(self.number("x-ratelimit-reset")?, 0)?;
        let left = (end - self.date().unwrap_or(now)).max(TimeDelta::zero());
        Some(Allowance { limit, remaining, left })
    }
}

#[cfg(test)]
impl Answer {
    /// An answer with these headers and this body.
    pub(super) fn of(status: u16, headers: &[(&'static str, &str)], body: &str) -> Answer {
        let headers = headers
            .iter()
            .map(|(name, value)| (http::HeaderName::from_static(name), http::HeaderValue::from_str(value).unwrap()));
        Answer { status, headers: headers.collect(), body: Bytes::copy_from_slice(body.as_bytes()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_servers_own_clock_says_how_long_a_window_lasts() {
        let now = "2031-01-01T00:00:00Z".parse().unwrap();
        let headers = [
            ("date", "Fri, 20 Nov 2026 13:00:00 GMT"),
            ("x-ratelimit-limit", "100"),
            ("x-ratelimit-remaining", "74"),
            ("x-ratelimit-reset", "1795179630"),
        ];
        let allowance = Answer::of(200, &headers, "").allowance(now).unwrap();
        assert_eq!((allowance.limit, allowance.remaining, allowance.left), (100, 74, TimeDelta::seconds(30)));
        assert_eq!(Answer::of(200, &headers[..2], "").allowance(now), None);
    }

    #[test]
    fn the_wait_is_a_number_or_a_moment() {
        let now = "2026-11-20T13:00:00Z".parse().unwrap();
        let wait = |value: &str| Answer::of(429, &[("retry-after", value)], "").retry_after(now);
        assert_eq!(wait("7"), Some(TimeDelta::seconds(7)));
        assert_eq!(wait("Fri, 20 Nov 2026 13:00:09 GMT"), Some(TimeDelta::seconds(9)));
        assert_eq!(wait("Fri, 20 Nov 2026 12:00:00 GMT"), Some(TimeDelta::zero()));
        assert_eq!(wait("soon"), None);
    }
}
