//! A page of Auth0's log, as the API answers it. Pure.

use anyhow::{Context, Result};
use chrono::{DateTime, Utc};
use log_format::{Object, log_id};
use percent_encoding::percent_decode_str;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::http::Answer;

/// An event as the API shows it.
#[derive(Debug, Clone)]
pub(crate) struct Event {
    /// Its JSON, to the byte.
    pub(crate) json: Box<RawValue>,
    /// Its log_id. `None` if it has none.
    pub(crate) log_id: Option<String>,
    /// Its type. Empty if it has none.
    pub(crate) kind: String,
}

/// A page of events.
#[derive(Debug)]
pub(crate) struct Page {
    /// The events, in the order of the page.
    pub(crate) events: Vec<Event>,
    /// The log_id that the next page follows. `None` if the answer names no next page.
    pub(crate) next: Option<String>,
}

impl Page {
    /// The page in an answer.
    ///
    /// # Errors
    ///
    /// If it is no page, or a part of one.
    pub(super) fn read(answer: &Answer) -> Result<Page> {
        let body: &RawValue = serde_json::from_slice(&answer.body).context("the page is not whole")?;
        // A bare array, or an object with totals around it.
        let events = match body.get().trim_start().starts_with('[') {
            true => serde_json::from_str::<Vec<Box<RawValue>>>(body.get()),
            false => serde_json::from_str::<WithTotals>(body.get()).map(|page| page.logs),
        };
        let events = events.context("the answer is no page of events")?;
        let next = answer.header("link").and_then(next_of);
        Ok(Page { events: events.into_iter().map(Event::of).collect(), next })
    }

    /// The greatest log_id of the page.
    pub(crate) fn greatest(&self) -> Option<&str> {
        self.events.iter().filter_map(|event| event.log_id.as_deref()).max()
    }
}

#[derive(Deserialize)]
struct WithTotals {
    logs: Vec<Box<RawValue>>,
}

impl Event {
    fn of(json: Box<RawValue>) -> Event {
        let (log_id, kind) = {
            let fields = Object::parse(json.get().as_bytes()).unwrap_or_default();
            let text = |name| fields.get(name).and_then(|value| serde_json::from_str::<String>(value).ok());
            let log_id = text("log_id").or_else(|| text("_id")).filter(|log_id| !log_id.is_empty());
            (log_id, text("type").unwrap_or_default())
        };
        Event { json, log_id, kind }
    }

    /// The moment at which Auth0 logged it, by its log_id.
    pub(crate) fn moment(&self) -> Option<DateTime<Utc>> {
        log_id::moment_of(self.log_id.as_deref()?)
    }
}

/// The log_id that the next page follows, by the header `Link`. The rest of the URL is not looked at: the next call goes
/// where the first one went.
fn next_of(link: &str) -> Option<String> {
    let mut links = link.split('<').skip(1).filter_map(|link| link.split_once('>'));
    let is_next = |parameters: &str| parameters.contains("rel=\"next\"") || parameters.contains("rel=next");
    let (url, _) = links.find(|(_, parameters)| is_next(parameters))?;
    let query = url.split_once('?')?.1;
    let from = query.split('&').find_map(|parameter| parameter.strip_prefix("from="))?;
    let from = percent_decode_str(from).decode_utf8().ok()?.into_owned();
    (!from.is_empty()).then_some(from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_of_a_page_are_read() {
        let ids = |body: &str| {
            let page = Page::read(&Answer::of(200, &[], body)).map_err(|error| error.to_string())?;
            Ok(page.events.into_iter().map(|event| event.log_id.unwrap_or_default()).collect::<Vec<_>>().join(" "))
        };
        let found = |ids: &str| Ok::<String, String>(ids.to_owned());
        assert_eq!(ids(r#"[{"log_id":"1","type":"s"},{"_id":"2"},{"log_id":""},7]"#), found("1 2  "));
        assert_eq!(ids(r#"{"start":0,"limit":50,"length":1,"total":1,"logs":[{"log_id":"1"}]}"#), found("1"));
        assert_eq!(ids("[]"), found(""));
        assert_eq!(ids(r#"[{"log_id":"1"},{"log_"#), Err("the page is not whole".to_owned()));
        assert_eq!(ids(r#"{"message":"no"}"#), Err("the answer is no page of events".to_owned()));
    }

    #[test]
    fn the_next_page_is_named_by_the_link() {
        let next = |link: &str| next_of(link);
        let url = "https://acme.example.com/api/v2/logs?from=90020261120&take=100";
        assert_eq!(next(&format!("<{url}>; rel=\"next\"")).as_deref(), Some("90020261120"));
        let two = format!("<https://a.example/?from=1>; rel=\"prev\", <{url}>; rel=\"next\"");
        assert_eq!(next(&two).as_deref(), Some("90020261120"));
        for link in ["", "<>", "<https://a.example/?from=1>; rel=\"prev\"", "<https://a.example/>; rel=\"next\""] {
            assert_eq!(next(link), None, "{link}");
        }
    }
}
