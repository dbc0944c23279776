//! A fast reader of minified JSON, which has no white space between its tokens. Nearly all events are minified.
//!
//! Everything that is read here, serde_json reads to the same result. serde_json reads more: text with white space, and
//! deeper nesting.

use super::object::{Field, Object};
use super::scan::Specials;

/// The deepest nesting of objects and arrays that is read: one bit of a word for each level.
const DEPTH_MAX: u32 = u64::BITS;
/// Capacity hint: few events have more fields.
const FIELDS: usize = 32;

/// Reads a minified object. `None` if `text` is anything else.
pub(crate) fn object(text: &str) -> Option<Object<'_>> {
    let mut scanner = Scanner::of(text);
    let object = scanner.object()?;
    (scanner.at == text.len()).then_some(object)
}

/// True if `text` is a minified object.
pub(crate) fn is_object(text: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(text) else { return false };
    let mut scanner = Scanner::of(text);
    text.starts_with('{') && scanner.value().is_some() && scanner.at == text.len()
}

/// Finds the event at `detail.data` of a minified EventBridge envelope, and `detail.log_id` as JSON text.
///
/// `None` if the envelope is not minified, has no object there, or has one of these keys twice.
pub(crate) fn event(envelope: &str) -> Option<(Object<'_>, Option<&str>)> {
    let mut scanner = Scanner::of(envelope);
    let mut detail = None;
    scanner.fields(|scanner, key| match key {
        r#""detail""# if detail.is_none() => scanner.detail().map(|found| detail = Some(found)),
        // A key with escapes may be one of the above in another spelling.
        r#""detail""# => None,
        key if key.contains('\\') => None,
        _ => scanner.value(),
    })?;
    (scanner.at == envelope.len()).then_some(detail?)
}

struct Scanner<'a> {
    text: &'a str,
    specials: Specials<'a>,
    at: usize,
}

impl<'a> Scanner<'a> {
    fn of(text: &'a str) -> Scanner<'a> {
        Scanner { text, specials: Specials::of(text.as_bytes()), at: 0 }
    }

    fn detail(&mut self) -> Option<(Object<'a>, Option<&'a str>)> {
        let (mut event, mut log_id) = (None, None);
        self.fields(|scanner, key| match key {
            r#""data""# if event.is_none() => scanner.object().map(|found| event = Some(found)),
            r#""log_id""# if log_id.is_none() => scanner.text_of_value().map(|found| log_id = Some(found)),
            r#""data""# | r#""log_id""# => None,
            key if key.contains('\\') => None,
            _ => scanner.value(),
        })?;
        Some((event?, log_id))
    }

    fn object(&mut self) -> Option<Object<'a>> {
        let mut fields = Vec::with_capacity(FIELDS);
        self.fields(|scanner, key| {
            fields.push(Field { key, value: scanner.text_of_value()? });
            Some(())
        })?;
        Some(Object::of(fields))
    }

    /// Skips an object. `each` gets every key as JSON text, and must skip its value.
    fn fields(&mut self, mut each: impl FnMut(&mut Self, &'a str) -> Option<()>) -> Option<()> {
        self.expect(b'{')?;
        if self.peek() == Some(b'}') {
            self.at += 1;
            return Some(());
        }
        loop {
            let begin = self.at;
            self.expect(b'"')?;
            self.string()?;
            let key = &self.text[begin..self.at];
            self.expect(b':')?;
            each(self, key)?;
            match self.next()? {
                b',' => {}
                b'}' => return Some(()),
                _ => return None,
            }
        }
    }

    fn text_of_value(&mut self) -> Option<&'a str> {
        let begin = self.at;
        self.value()?;
        Some(&self.text[begin..self.at])
    }

    /// Skips a value.
    fn value(&mut self) -> Option<()> {
        // `depth` counts the open containers. `objects` has a bit for each, the innermost lowest: 1 for an object.
        let (mut depth, mut objects) = (0, 0_u64);
        loop {
            let first = self.next()?;
            match first {
                b'{' | b'[' => {
                    depth += 1;
                    objects = objects << 1 | u64::from(first == b'{');
                    if depth > DEPTH_MAX {
                        return None;
                    }
                    if !self.is_closing(objects) {
                        self.key(objects)?;
                        continue;
                    }
                }
                b'"' => self.string()?,
                b't' => self.word(b"rue")?,
                b'f' => self.word(b"alse")?,
                b'n' => self.word(b"ull")?,
                first => self.number(first)?,
            }
            while depth > 0 && self.is_closing(objects) {
                self.at += 1;
                depth -= 1;
                objects >>= 1;
            }
            if depth == 0 {
                return Some(());
            }
            self.expect(b',')?;
            self.key(objects)?;
        }
    }

    fn next(&mut self) -> Option<u8> {
        let byte = *self.text.as_bytes().get(self.at)?;
        self.at += 1;
        Some(byte)
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn expect(&mut self, byte: u8) -> Option<()> {
        (self.next()? == byte).then_some(())
    }

    /// True if the innermost container ends here.
    fn is_closing(&self, objects: u64) -> bool {
        self.peek() == Some(if objects & 1 == 1 { b'}' } else { b']' })
    }

    /// Skips a key and its colon if the innermost container is an object.
    fn key(&mut self, objects: u64) -> Option<()> {
        if objects & 1 == 1 {
            self.expect(b'"')?;
            self.string()?;
            self.expect(b':')?;
        }
        Some(())
    }

    /// Skips the rest of a string after its opening quote.
    fn string(&mut self) -> Option<()> {
        loop {
            self.at = self.specials.next(self.at);
            match self.next()? {
                b'"' => return Some(()),
                b'\\' => self.escape()?,
                _ => return None,
            }
        }
    }

    fn escape(&mut self) -> Option<()> {
        match self.next()? {
            b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => Some(()),
            b'u' => (0..4).try_for_each(|_| self.next()?.is_ascii_hexdigit().then_some(())),
            _ => None,
        }
    }

    fn word(&mut self, rest: &[u8]) -> Option<()> {
        self.text.as_bytes()[self.at..].starts_with(rest).then(|| self.at += rest.len())
    }

    /// Skips the rest of a number after its first byte.
    fn number(&mut self, first: u8) -> Option<()> {
        let first = if first == b'-' { self.next()? } else { first };
        match first {
            b'0' => {}
            b'1'..=b'9' => self.digits(),
            _ => return None,
        }
        if self.peek() == Some(b'.') {
            self.at += 1;
            self.some_digits()?;
        }
        if matches!(self.peek(), Some(b'e' | b'E')) {
            self.at += 1;
            if matches!(self.peek(), Some(b'+' | b'-')) {
                self.at += 1;
            }
            self.some_digits()?;
        }
        Some(())
    }

    fn digits(&mut self) {
        while self.peek().is_some_and(|byte| byte.is_ascii_digit()) {
            self.at += 1;
        }
    }

    fn some_digits(&mut self) -> Option<()> {
        let begin = self.at;
        self.digits();
        (self.at > begin).then_some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(object: &Object<'_>) -> Vec<String> {
        object.fields().map(|field| format!("{}:{}", field.key, field.value)).collect()
    }

    fn check(text: &str, expected: bool) {
        let by_serde = Object::parse_any(text.as_bytes());
        assert_eq!((is_object(text.as_bytes()), by_serde.is_ok()), (expected, expected), "{text}");
        assert_eq!(object(text).as_ref().map(shown), by_serde.ok().as_ref().map(shown), "{text}");
    }

    #[test]
    fn reads_objects() {
        for text in [
            "{}",
            r#"{"":{}}"#,
            r#"{"a":1,"b":[],"c":[[],{},[{}]],"d":{"e":{"f":null}}}"#,
            r#"{"a":[0,-0,1.5,-1.50e+10,1E-2,123,1e400,true,false,null,"s"]}"#,
            r#"{"a\"\\\/\b\f\n\r\t\u00e9\ud800":"ü\u20aC and more than sixteen bytes of it"}"#,
        ] {
            check(text, true);
        }
    }

    #[test]
    fn refuses_everything_else() {
        for text in [
            "",
            "{",
            "}",
            "[]",
            "1",
            "\"a\"",
            "{}}",
            "{}x",
            "{]",
            "{[}",
            "{,}",
            "{\"a\"}",
            "{\"a\":}",
            "{\"a\":1,}",
            "{\"a\":1 2}",
            "{\"a\":[1,]}",
            "{\"a\":[,1]}",
            "{\"a\":[1}",
            "{\"a\":{]}",
            "{\"a\":01}",
            "{\"a\":-}",
            "{\"a\":1.}",
            "{\"a\":.5}",
            "{\"a\":1e}",
            "{\"a\":1e+}",
            "{\"a\":+1}",
            "{\"a\":tru}",
            "{\"a\":truee}",
            "{\"a\":nul",
            "{\"a\":\"\n\"}",
            "{\"a\":\"\\x\"}",
            "{\"a\":\"\\u00g0\"}",
            "{\"a\":\"\\u00",
            "{\"a\":\"b}",
            "{a:1}",
            "{'a':1}",
            "{1:1}",
            "{\"a\":1:2}",
            "{\"a\",1}",
            "{\"a\":[1:2]}",
            "{\"a\":[{\"b\":[}]}]}",
        ] {
            check(text, false);
        }
    }

    #[test]
    fn leaves_white_space_and_depth_to_serde_json() {
        let deep = |depth: usize| format!("{{\"a\":{}{}}}", "[".repeat(depth - 1), "]".repeat(depth - 1));
        check(&deep(DEPTH_MAX as usize), true);
        for text in [r#"{"a": 1}"#.to_string(), " {}".to_string(), deep(DEPTH_MAX as usize + 1)] {
            assert!(!is_object(text.as_bytes()) && Object::parse(text.as_bytes()).is_ok(), "{text}");
        }
    }

    #[test]
    fn finds_the_event_in_its_envelope() {
        let found = |envelope: &str| {
            event(envelope).map(|(event, log_id)| (shown(&event).join(","), log_id.map(str::to_owned)))
        };
        let both = |event: &str, log_id: Option<&str>| Some((event.to_owned(), log_id.map(str::to_owned)));
        assert_eq!(
            found(r#"{"a":[{}],"detail":{"log_id":"1","data":{"b":"c"}},"d":1}"#),
            both(r#""b":"c""#, Some("\"1\""))
        );
        assert_eq!(found(r#"{"detail":{"data":{}}}"#), both("", None));
        for envelope in [
            r#"{"detail":{"data":{}}}x"#,
            r#"{"detail":{"data":{}},"detail":{"data":{}}}"#,
            r#"{"detail":{"data":{},"data":{}}}"#,
            r#"{"detail":{"data":{},"log_id":1,"log_id":2}}"#,
            r#"{"detail":{"data":{}},"d\u0065tail":1}"#,
            r#"{"detail":{"data":{},"d\u0061ta":{}}}"#,
            r#"{"detail":{"data":[]}}"#,
            r#"{"detail":"data"}"#,
            r#"{"data":{}}"#,
            r#"{"detail":{"data":{}}"#,
            "[]",
            "",
        ] {
            assert_eq!(found(envelope), None, "{envelope}");
        }
    }
}
