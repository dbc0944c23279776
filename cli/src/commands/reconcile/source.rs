//! Which of the tenant's streams fills the bucket, and whether it is as it should be. Pure.

use serde::Serialize;

use super::cause::Stream;
use crate::auth0::stream::LogStream;
use crate::target::Told;

/// What Auth0 says of the stream.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Described {
    /// Its id and name. Empty if there is no stream, or it is not known which.
    pub id: String,
    /// Its name.
    pub name: String,
    /// `active`, `paused` or `suspended`.
    pub status: String,
    /// The categories that it lets through. Empty if it lets all through.
    pub filters: Vec<String>,
    /// True if it carries the few types of a prioritised stream alone.
    pub is_priority: bool,
    /// The personal fields that it masks or hashes.
    pub masked: Vec<String>,
    /// How it hides them: `mask` or `hash`.
    pub masking: String,
    /// The account that it sends to.
    pub account: String,
    /// The region that it sends to.
    pub region: String,
    /// The event source on EventBridge.
    pub event_source: String,
}

impl Described {
    fn of(stream: &LogStream) -> Described {
        let owned = |texts: Vec<&str>| texts.into_iter().map(str::to_owned).collect();
        Described {
            id: stream.id.clone(),
            name: stream.name.clone(),
            status: stream.status.clone(),
            filters: owned(stream.filters()),
            is_priority: stream.is_priority == Some(true),
            masked: owned(stream.masked()),
            masking: stream.masking().to_owned(),
            account: stream.sink.account.clone(),
            region: stream.sink.region.clone(),
            event_source: stream.sink.event_source.clone(),
        }
    }
}

/// The stream that fills the bucket, what Auth0 says of it, and what is odd about it.
#[derive(Debug)]
pub(super) struct Source {
    pub(super) stream: Stream,
    pub(super) described: Described,
    pub(super) warnings: Vec<String>,
}

impl Source {
    fn without(stream: Stream, warning: String) -> Source {
        Source { stream, described: Described::default(), warnings: vec![warning] }
    }

    /// Chooses among the tenant's streams, which are `None` if they may not be read. `named` is the event source that a person
    /// named, `told` what the deployment says of itself.
    pub(super) fn choose(streams: Option<Vec<LogStream>>, named: Option<&str>, told: &Told) -> Source {
        let Some(streams) = streams else {
            let why = "the log streams cannot be read: give the application the scope read:log_streams";
            return Source::without(Stream::Unknown, why.to_owned());
        };
        let wanted = named.or(told.event_source());
        let mut ours: Vec<LogStream> = streams.into_iter().filter(LogStream::is_to_eventbridge).collect();
        if ours.is_empty() {
            return Source::without(Stream::None, "the tenant has no stream to EventBridge".to_owned());
        }
        ours.retain(|stream| wanted.is_none_or(|wanted| stream.sink.event_source == wanted));
        ours.retain(|stream| told.account.as_ref().is_none_or(|account| stream.sink.account == *account));
        match (ours.pop(), ours.is_empty()) {
            (Some(stream), true) => Source::is(stream, told),
            (Some(_), false) => {
                let why = "the tenant has several streams to EventBridge: say which by --event-source";
                Source::without(Stream::Unknown, why.to_owned())
            }
            // It may have been made anew, under another name. Nothing is known of what it masks and leaves out.
            (None, _) => {
                let [source, account] = [wanted, told.account.as_deref()].map(|it| it.unwrap_or("any"));
                let why =
                    format!("no stream of the tenant sends to the event source {source} in the account {account}");
                Source::without(Stream::Unknown, why)
            }
        }
    }

    fn is(stream: LogStream, told: &Told) -> Source {
        let mut warnings = Vec::new();
        if !stream.is_active() {
            warnings.push(format!("the stream is {}: nothing is sent until it is resumed", stream.status));
        }
        if let Some(ours) = told.region.as_ref().filter(|ours| **ours != stream.sink.region) {
            // A rule may forward them.
            warnings.push(format!(
                "the stream sends to the region {}, and the deployment is in {ours}",
                stream.sink.region
            ));
        }
        Source { described: Described::of(&stream), stream: Stream::Is(Box::new(stream)), warnings }
    }

    /// Why events of the API are not to be mixed with those of the stream. `None` if nothing is masked.
    pub(super) fn masking(&self) -> Option<String> {
        match &self.stream {
            Stream::Is(stream) if stream.masked().is_empty() => None,
            Stream::Is(stream) => Some(format!(
                "the stream hides {} ({}), and Auth0's API does not, so a repair would store what the stream is to hide; \
                 say --unmasked if that is wanted",
                stream.masked().join(", "),
                stream.masking()
            )),
            Stream::None => None,
            Stream::Unknown => Some(format!(
                "{}; so it is not known whether the stream hides personal fields, which Auth0's API does not; say --unmasked \
                 if they may be stored",
                self.warnings.join("; ")
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stream(name: &str, more: &str) -> LogStream {
        let json = format!(
            r#"{{"name":"{name}","type":"eventbridge","status":"active",
                "sink":{{"awsAccountId":"1","awsRegion":"r","awsPartnerEventSource":"aws.partner/auth0.com/{name}"}}{more}}}"#
        );
        serde_json::from_str(&json).unwrap()
    }

    fn chosen(streams: Option<Vec<LogStream>>, named: Option<&str>, told: &Told) -> (String, String) {
        let source = Source::choose(streams, named, told);
        let which = match &source.stream {
            Stream::Is(stream) => stream.name.clone(),
            other => format!("{other:?}"),
        };
        (which, source.warnings.join("; "))
    }

    #[test]
    fn the_stream_is_the_only_one_or_the_one_that_was_named() {
        let told = Told::default();
        let http = serde_json::from_str(r#"{"type":"http","status":"active"}"#).unwrap();
        assert_eq!(chosen(Some(vec![stream("a", ""), http]), None, &told), ("a".to_owned(), String::new()));
        let two = || Some(vec![stream("a", ""), stream("b", "")]);
        assert_eq!(chosen(two(), None, &told).0, "Unknown");
        assert_eq!(chosen(two(), Some("aws.partner/auth0.com/b"), &told).0, "b");
        let of_bus = Told { event_bus: Some("aws.partner/auth0.com/a".to_owned()), ..Told::default() };
        assert_eq!(chosen(two(), None, &of_bus).0, "a");
        assert_eq!(chosen(two(), Some("aws.partner/auth0.com/c"), &told).0, "Unknown");
        let elsewhere = Told { account: Some("2".to_owned()), ..Told::default() };
        assert_eq!(chosen(two(), None, &elsewhere).0, "Unknown");
        assert_eq!(chosen(Some(Vec::new()), None, &told).1, "the tenant has no stream to EventBridge");
        assert_eq!(chosen(None, None, &told).0, "Unknown");
    }

    #[test]
    fn what_is_odd_about_it_is_told() {
        let told = Told { account: Some("1".to_owned()), region: Some("q".to_owned()), ..Told::default() };
        let found = chosen(Some(vec![stream("a", "")]), None, &told).1;
        assert_eq!(found, "the stream sends to the region r, and the deployment is in q");
    }

    #[test]
    fn masked_fields_keep_a_repair_away() {
        let told = Told::default();
        let masking = |streams| Source::choose(streams, None, &told).masking();
        assert_eq!(masking(Some(vec![stream("a", "")])), None);
        let masked = stream("a", r#","pii_config":{"log_fields":["email","phone"],"method":"hash"}"#);
        assert!(masking(Some(vec![masked])).unwrap().starts_with("the stream hides email, phone (hash)"));
        assert!(masking(None).unwrap().contains("--unmasked"));
    }
}
