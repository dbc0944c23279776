//! Auth0's log streams: what they let through, and what became of an event that did not come. Pure.

use serde::{Deserialize, Serialize};

use super::categories::{PRIORITY, category};

/// The kind of stream that this project lives on.
const EVENTBRIDGE: &str = "eventbridge";

/// A log stream, as far as it matters here.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
pub(crate) struct LogStream {
    #[serde(default)]
    pub(crate) id: String,
    #[serde(default)]
    pub(crate) name: String,
    #[serde(default, rename = "type")]
    kind: String,
    #[serde(default)]
    pub(crate) status: String,
    #[serde(default)]
    filters: Option<Vec<Filter>>,
    #[serde(default, rename = "isPriority")]
    pub(crate) is_priority: Option<bool>,
    #[serde(default)]
    pii_config: Option<Pii>,
    #[serde(default)]
    pub(crate) sink: Sink,
}

/// A category that a stream lets through.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
struct Filter {
    #[serde(default)]
    name: String,
}

/// Which fields a stream masks.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
struct Pii {
    #[serde(default)]
    log_fields: Option<Vec<String>>,
    #[serde(default)]
    method: Option<String>,
}

/// Where a stream to EventBridge ends.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
pub(crate) struct Sink {
    #[serde(default, rename = "awsAccountId")]
    pub(crate) account: String,
    #[serde(default, rename = "awsRegion")]
    pub(crate) region: String,
    #[serde(default, rename = "awsPartnerEventSource")]
    pub(crate) event_source: String,
}

/// What a stream does with events of a type.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Passage {
    /// It sends them.
    Sent,
    /// It leaves them out, because it was made so.
    LeftOut,
    /// Nobody knows: it lets some categories through, and the type's category is not known.
    Unknown,
}

impl LogStream {
    /// True if it ends at EventBridge.
    pub(crate) fn is_to_eventbridge(&self) -> bool {
        self.kind == EVENTBRIDGE
    }

    /// True if it sends events now.
    pub(crate) fn is_active(&self) -> bool {
        self.status == "active"
    }

    /// The categories that it lets through. Empty if it lets all through.
    pub(crate) fn filters(&self) -> Vec<&str> {
        self.filters.iter().flatten().map(|filter| filter.name.as_str()).collect()
    }

    /// The same stream with other filters.
    pub(crate) fn filtered(&self, categories: &[String], is_priority: bool) -> LogStream {
        let filters = categories.iter().map(|name| Filter { name: name.clone() }).collect();
        LogStream { filters: Some(filters), is_priority: Some(is_priority), ..self.clone() }
    }

    /// The personal fields that it masks or hashes. Empty if it sends all as they are.
    pub(crate) fn masked(&self) -> Vec<&str> {
        self.pii_config.iter().flat_map(|pii| pii.log_fields.iter().flatten()).map(String::as_str).collect()
    }

    /// How it hides them: `mask` or `hash`.
    pub(crate) fn masking(&self) -> &str {
        self.pii_config.as_ref().and_then(|pii| pii.method.as_deref()).unwrap_or("mask")
    }

    /// What it does with events of the type `kind`.
    pub(crate) fn passage(&self, kind: &str) -> Passage {
        if self.is_priority == Some(true) {
            return if PRIORITY.contains(&kind) { Passage::Sent } else { Passage::LeftOut };
        }
        let filters = self.filters();
        match (filters.is_empty(), category(kind)) {
            (true, _) => Passage::Sent,
            (false, Some(category)) if filters.contains(&category) => Passage::Sent,
            (false, Some(_)) => Passage::LeftOut,
            (false, None) => Passage::Unknown,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stream(json: &str) -> LogStream {
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn a_stream_is_read_as_the_api_shows_it() {
        let stream = stream(
            r#"{"id":"lst_1","name":"logs","type":"eventbridge","status":"paused","isPriority":false,
                "filters":[{"type":"category","name":"auth.login.fail"}],
                "pii_config":{"log_fields":["email"],"method":"hash","algorithm":"xxhash"},
                "sink":{"awsAccountId":"1","awsRegion":"us-east-1","awsPartnerEventSource":"aws.partner/auth0.com/a"}}"#,
        );
        assert!(stream.is_to_eventbridge() && !stream.is_active());
        assert_eq!(
            (stream.filters(), stream.masked(), stream.masking()),
            (vec!["auth.login.fail"], vec!["email"], "hash")
        );
        assert_eq!(stream.sink.event_source, "aws.partner/auth0.com/a");
    }

    #[test]
    fn a_filter_lets_its_categories_through() {
        let all = stream(r#"{"filters":[]}"#);
        let some = stream(r#"{"filters":[{"type":"category","name":"auth.login.fail"}]}"#);
        let priority = stream(r#"{"isPriority":true}"#);
        for (kind, passages) in [
            ("fp", [Passage::Sent, Passage::Sent, Passage::LeftOut]),
            ("s", [Passage::Sent, Passage::LeftOut, Passage::LeftOut]),
            ("pwd_leak", [Passage::Sent, Passage::LeftOut, Passage::Sent]),
            ("of_tomorrow", [Passage::Sent, Passage::Unknown, Passage::LeftOut]),
        ] {
            assert_eq!([&all, &some, &priority].map(|stream| stream.passage(kind)), passages, "{kind}");
        }
    }
}
