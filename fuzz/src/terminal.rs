//! Text on a terminal.

use serde_json::Value;
use telemetry::plain;

/// Whatever text is shown, a terminal acts on nothing of it but line feeds, and of a JSON text it gets the same value.
pub fn plain(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    for shown in [plain::lines(&text), plain::json(&text)] {
        assert!(!shown.chars().any(|shown| shown != '\n' && plain::acts(shown)), "{text:?} is shown as {shown:?}");
        // The lines are those of the text: none is made by a value.
        assert_eq!(shown.matches('\n').count(), text.matches('\n').count());
    }
    let shown = plain::value(&text);
    assert!(!shown.chars().any(plain::acts), "{text:?} is shown as {shown:?}");
    for value in [Value::from(&*text), serde_json::from_str(&text).unwrap_or_default()] {
        let printed = serde_json::to_string_pretty(&value).expect("a value is JSON");
        let read = |text: &str| serde_json::from_str::<Value>(text).expect("it stays JSON");
        assert_eq!(read(&plain::json(&printed)), read(&printed));
    }
}
