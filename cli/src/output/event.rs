//! An event in one line, as `tail` and `timeline` show it.

use serde_json::{Map, Value};
use telemetry::plain;

use crate::output::rows::{Screen, cut};
use crate::output::types::{Outcome, meaning};

/// An event: a line of the JSON log format.
pub(crate) struct Event {
    line: String,
    fields: Map<String, Value>,
}

/// Which events are shown.
pub(crate) struct Filter<'a> {
    types: &'a [String],
    user: Option<&'a str>,
    ip: Option<&'a str>,
}

impl<'a> Filter<'a> {
    /// Events of one of `types`, if there are any, of this user by id or name, and from this address.
    pub(crate) fn new(types: &'a [String], user: Option<&'a str>, ip: Option<&'a str>) -> Filter<'a> {
        Filter { types, user, ip }
    }

    /// True if `event` is wanted.
    pub(crate) fn wants(&self, event: &Event) -> bool {
        let of_type = self.types.is_empty() || self.types.iter().any(|wanted| wanted == event.text("type"));
        let of_user = |user| [event.text("user_id"), event.text("user_name")].contains(&user);
        of_type && self.user.is_none_or(of_user) && self.ip.is_none_or(|ip| ip == event.text("ip"))
    }
}

impl Event {
    /// The event in a line. `None` if the line is no JSON object.
    pub(crate) fn read(line: &[u8]) -> Option<Event> {
        let fields = serde_json::from_slice(line).ok()?;
        Some(Event { line: String::from_utf8(line.to_vec()).ok()?, fields })
    }

    /// The event of these fields.
    pub(crate) fn of(fields: Map<String, Value>) -> Event {
        Event { line: Value::Object(fields.clone()).to_string(), fields }
    }

    /// What events are ordered by: when they happened, then their id.
    pub(crate) fn order(&self) -> (&str, &str) {
        (self.time(), self.text("log_id"))
    }

    fn time(&self) -> &str {
        // Lines of the log format have a timestamp; an event that was put there as it is has a date.
        match self.text("timestamp") {
            "" => self.text("date"),
            time => time,
        }
    }

    /// A field that is a string; else nothing.
    pub(crate) fn text(&self, field: &str) -> &str {
        self.fields.get(field).and_then(Value::as_str).unwrap_or_default()
    }

    /// The event for people, in one line that a screen does not break.
    pub(crate) fn to_line(&self, screen: Option<Screen>) -> String {
        let time = self.time();
        let time = time.get(..19).unwrap_or(time).replace('T', " ");
        let code = self.text("type");
        let known = meaning(code);
        let kind = format!("{code:<6} {}", known.map_or("a type that is not known here", |(_, meaning)| meaning));
        let user = [self.text("user_name"), self.text("user_id")].into_iter().find(|name| !name.is_empty());
        let others = [user.unwrap_or_default(), self.text("ip"), self.text("client_name"), self.text("description")];
        let others = others.map(|text| if text.is_empty() { "-" } else { text }).join("  ");
        let (time, kind, others) = (plain::value(&time), plain::value(&kind), plain::value(&others));
        let Some(screen) = screen else { return format!("{time}  {kind:<32}  {others}\n") };
        let line = cut(&format!("{time}  {kind:<32}  {others}"), screen.width);
        let coloured = match known {
            Some((outcome, _)) if screen.colour => line.replacen(&*kind, &painted(&kind, outcome), 1),
            _ => line,
        };
        coloured + "\n"
    }

    /// The event's line of JSON.
    pub(crate) fn to_json(&self) -> String {
        // Between its members a line may have tabs, which stand for nothing; within them JSON has none.
        plain::json(&self.line.trim().replace('\t', " ")).into_owned() + "\n"
    }
}

/// `text` in green, red or yellow.
fn painted(text: &str, outcome: Outcome) -> String {
    let colour = match outcome {
        Outcome::Success => 32,
        Outcome::Failure => 31,
        Outcome::Notice => 33,
    };
    format!("\u{1b}[{colour}m{text}\u{1b}[0m")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn event(fields: &Value) -> Event {
        Event::read(fields.to_string().as_bytes()).unwrap()
    }

    #[test]
    fn an_event_is_one_line() {
        let failed = event(&json!({
            "timestamp": "2026-11-20T13:05:11.123Z", "type": "fp", "user_name": "ann@example.com", "user_id": "auth0|1",
            "ip": "192.0.2.7", "client_name": "Shop\u{1b}[2J", "description": "Wrong\nemail or password.",
        }));
        let line = failed.to_line(None);
        let expected = "2026-11-20 13:05:11  fp     wrong password                           \
             ann@example.com  192.0.2.7  Shop\\u{1b}[2J  Wrong\\nemail or password.\n";
        assert_eq!(line.split_whitespace().collect::<Vec<_>>(), expected.split_whitespace().collect::<Vec<_>>());
        let screen = Screen { width: 60, colour: true };
        let shown = failed.to_line(Some(screen));
        assert!(shown.contains("\u{1b}[31mfp     wrong password\u{1b}[0m") && shown.ends_with("…\n"), "{shown}");
    }

    #[test]
    fn what_an_event_lacks_is_a_dash() {
        let line = event(&json!({"type": "zzz", "user_id": null, "ip": 7})).to_line(None);
        assert!(line.contains("zzz    a type that is not known here") && line.ends_with("-  -  -  -\n"), "{line}");
        assert!(Event::read(b"[1]").is_none() && Event::read(b"{").is_none() && Event::read(b"\xff").is_none());
    }

    #[test]
    fn events_are_filtered() {
        let types = ["f".to_owned(), "fp".to_owned()];
        let one = event(&json!({"type": "fp", "user_id": "auth0|1", "user_name": "ann", "ip": "192.0.2.7"}));
        assert!(Filter::new(&[], None, None).wants(&one));
        assert!(Filter::new(&types, Some("ann"), Some("192.0.2.7")).wants(&one));
        assert!(Filter::new(&types, Some("auth0|1"), None).wants(&one));
        assert!(!Filter::new(&types[..1], None, None).wants(&one));
        assert!(!Filter::new(&types, Some("an"), None).wants(&one));
        assert!(!Filter::new(&[], None, Some("192.0.2.70")).wants(&one));
    }

    #[test]
    fn json_keeps_its_value() {
        let text = Event::read("{\"type\":\t\"\u{202e}\"}".as_bytes()).unwrap().to_json();
        assert_eq!(text, "{\"type\": \"\\u202e\"}\n");
    }
}
