//! The two forms of one event: the API's and the log stream's.
//!
//! What `serde_json` does not keep is lost in both directions: the order of keys, all but the last of duplicate keys,
//! and digits of numbers beyond 64 bits.

use serde_json::{Map, Value};

use super::{ACCOUNT, REGION, SOURCE};

type Event = Map<String, Value>;

/// User agents as a stream sends them, and as the API shows them.
pub(super) const AGENTS: [(&str, &str); 5] = [
    (
        "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 \
         Safari/537.36",
        "Chrome 142.0.0 / Windows 10.0.0",
    ),
    (
        "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.1 \
         Safari/605.1.15",
        "Safari 18.1.0 / Mac OS X 10.15.7",
    ),
    ("Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0", "Firefox 145.0.0 / Linux 0.0.0"),
    (
        "Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) \
         Version/18.1 Mobile/15E148 Safari/604.1",
        "Mobile Safari 18.1.0 / iOS 18.1.0",
    ),
    ("Go-Auth0/1.31.0", OTHER_AGENT),
];
/// How the API shows what it cannot parse.
const OTHER_AGENT: &str = "Other 0.0.0 / Other 0.0.0";
/// Fields that the API sometimes shows as null, where a stream leaves them out.
const NULLED: [&str; 9] =
    ["client_id", "client_name", "connection", "connection_id", "hostname", "ip", "strategy", "user_id", "user_name"];

/// The log_id of an event, and the event as the API shows it. `text` is an envelope of EventBridge or a bare event.
/// `None` if it is neither, or has no log_id.
pub fn api_event(text: &str) -> Option<(String, String)> {
    let Ok(Value::Object(mut whole)) = serde_json::from_str(text) else { return None };
    let (mut event, outer) = match whole.remove("detail") {
        Some(mut detail) => (detail.get_mut("data")?.take(), detail["log_id"].take()),
        None => (Value::Object(whole), Value::Null),
    };
    let event = event.as_object_mut()?;
    let inner = event.get("log_id").cloned().unwrap_or_default();
    let log_id = [inner, outer].iter().filter_map(Value::as_str).find(|id| !id.is_empty())?.to_owned();
    event.insert("log_id".to_owned(), log_id.as_str().into());
    show(event, &log_id);
    Some((log_id, Value::Object(std::mem::take(event)).to_string()))
}

/// Makes the API's form of the stream's.
pub(super) fn show(event: &mut Event, log_id: &str) {
    event.insert("_id".to_owned(), log_id.into());
    event.entry("isMobile").or_insert(Value::Bool(false));
    if let Some(Value::String(agent)) = event.get_mut("user_agent") {
        *agent = parsed_agent(agent);
    }
    // The API did so at some times and not at others; here it depends on nothing but the event.
    if log_id.bytes().last().is_some_and(|digit| digit % 2 == 0) {
        for name in NULLED {
            event.entry(name).or_insert(Value::Null);
        }
    }
}

/// The envelope in which EventBridge delivers `event`, which is in the API's form.
pub fn envelope(event: &str) -> String {
    let Ok(Value::Object(mut event)) = serde_json::from_str(event) else { panic!("not an event: {event}") };
    event.remove("_id");
    event.remove("isMobile");
    event.retain(|name, value| !(value.is_null() && NULLED.contains(&name.as_str())));
    if let Some(Value::String(agent)) = event.get_mut("user_agent") {
        *agent = raw_agent(agent);
    }
    let log_id = event.get("log_id").cloned().unwrap_or_default();
    let (uuid, time) = (uuid(log_id.as_str().unwrap_or_default()), sent(&event));
    // Written out, since the keys have this order where EventBridge delivers them.
    let head = format!(r#""version":"0","id":"{uuid}","detail-type":"Auth0 log","source":"{SOURCE}""#);
    let place = format!(r#""account":"{ACCOUNT}","time":"{time}","region":"{REGION}","resources":[]"#);
    format!(r#"{{{head},{place},"detail":{{"log_id":{log_id},"data":{}}}}}"#, Value::Object(event))
}

/// The event's date to the second.
fn sent(event: &Event) -> String {
    let date = event.get("date").and_then(Value::as_str).and_then(|date| date.get(..19));
    format!("{}Z", date.unwrap_or("2026-01-01T00:00:00"))
}

/// An id for the envelope, always the same one for an event.
fn uuid(log_id: &str) -> String {
    let digits: String = log_id.chars().filter(char::is_ascii_digit).collect();
    let digits = format!("{digits:0>56}");
    let part = |from: usize, to: usize| &digits[from..to];
    format!("{}-{}-4{}-8{}-{}", part(9, 17), part(17, 21), part(20, 23), part(41, 44), part(44, 56))
}

fn parsed_agent(raw: &str) -> String {
    if raw.contains(" / ") {
        return raw.to_owned();
    }
    let known = AGENTS.iter().find(|(known, _)| *known == raw);
    known.map_or_else(|| parse_agent(raw), |(_, parsed)| (*parsed).to_owned())
}

/// Only Chrome and Firefox, on Windows or anything else: tests need no more.
fn parse_agent(raw: &str) -> String {
    let system = if raw.contains("Windows NT 10.0") { "Windows 10.0.0" } else { "Other 0.0.0" };
    for browser in ["Chrome", "Firefox"] {
        let version = raw.split_once(&format!("{browser}/")).and_then(|(_, rest)| rest.split([' ', '.']).next());
        if let Some(version) = version {
            return format!("{browser} {version}.0.0 / {system}");
        }
    }
    OTHER_AGENT.to_owned()
}

fn raw_agent(shown: &str) -> String {
    let known = AGENTS.iter().find(|(_, parsed)| *parsed == shown);
    match known {
        Some((raw, _)) => (*raw).to_owned(),
        None if shown.contains(" / ") => format!("Mozilla/5.0 ({shown})").replace(" / ", "; "),
        None => shown.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DETAIL: &str =
        r#"{"log_id":"92","data":{"date":"2026-01-02T03:04:05.678Z","user_agent":"curl/8","type":"s"}}"#;

    #[test]
    fn an_event_of_a_stream_takes_the_form_of_the_api() {
        let (log_id, event) = api_event(&format!(r#"{{"version":"0","detail":{DETAIL}}}"#)).unwrap();
        let event: Value = serde_json::from_str(&event).unwrap();
        assert_eq!((log_id.as_str(), &event["_id"], &event["log_id"]), ("92", &"92".into(), &"92".into()));
        assert_eq!((&event["isMobile"], &event["user_agent"]), (&false.into(), &OTHER_AGENT.into()));
        assert!(event.get("connection").is_some_and(Value::is_null), "{event}");
    }

    #[test]
    fn what_is_no_event_has_no_form() {
        let texts = ["", "{", "[]", "{}", r#"{"log_id":""}"#, r#"{"detail":{"log_id":"1"}}"#, r#"{"detail":null}"#];
        for text in texts {
            assert_eq!(api_event(text), None, "{text}");
        }
        assert!(api_event(r#"{"log_id":"1"}"#).is_some(), "a bare event");
    }

    #[test]
    fn the_envelope_has_the_form_of_the_stream() {
        let (_, event) = api_event(r#"{"log_id":"92","date":"2026-01-02T03:04:05.678Z","type":"s"}"#).unwrap();
        let envelope: Value = serde_json::from_str(&envelope(&event)).unwrap();
        assert_eq!((&envelope["time"], &envelope["detail"]["log_id"]), (&"2026-01-02T03:04:05Z".into(), &"92".into()));
        let data = envelope["detail"]["data"].as_object().unwrap();
        assert_eq!(data.keys().map(String::as_str).collect::<Vec<_>>(), ["date", "log_id", "type"]);
        assert_eq!(envelope["id"].as_str().unwrap().len(), 36);
    }

    #[test]
    fn every_listed_agent_keeps_its_raw_form() {
        for (raw, parsed) in AGENTS {
            assert_eq!((parsed_agent(raw).as_str(), raw_agent(parsed).as_str()), (parsed, raw));
        }
        let edge = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) Chrome/107.0.0.0 Safari/537.36";
        assert_eq!(parsed_agent(edge), "Chrome 107.0.0 / Windows 10.0.0");
    }
}
