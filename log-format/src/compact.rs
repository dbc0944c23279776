//! Is a text one JSON object without white space between its tokens? That is how nearly all are written, and quickly told.

use crate::scan::{BLOCK_BYTES, block, plain_bytes};

/// How deep objects and arrays may lie in one another: as many as a word has bits.
const DEPTH_MAX: u32 = u64::BITS;

/// True of nothing but a JSON object; of some, with white space or very deep ones, false all the same. `text` is UTF-8.
pub(crate) fn is_compact_object(text: &[u8]) -> bool {
    text.first() == Some(&b'{') && Scanner { text, at: 0, depth: 0, objects: 0 }.passes_all().is_some()
}

struct Scanner<'a> {
    text: &'a [u8],
    at: usize,
    /// How many containers are open.
    depth: u32,
    /// A bit for each of them, the innermost lowest: is it an object?
    objects: u64,
}

impl Scanner<'_> {
    /// One value and nothing behind it.
    fn passes_all(mut self) -> Option<()> {
        loop {
            // A value begins here; an empty container is a value that has ended.
            match self.next()? {
                b'{' => self.open(1)?,
                b'[' => self.open(0)?,
                b'"' => self.string()?,
                b't' => self.word(b"rue")?,
                b'f' => self.word(b"alse")?,
                b'n' => self.word(b"ull")?,
                first => self.number(first)?,
            }
            if matches!(self.text[self.at - 1], b'{' | b'[') && !self.is_closing() {
                self.key()?;
                continue;
            }
            while self.depth > 0 && self.is_closing() {
                self.at += 1;
                self.depth -= 1;
                self.objects >>= 1;
            }
            if self.depth == 0 {
                return (self.at == self.text.len()).then_some(());
            }
            self.expect(b',')?;
            self.key()?;
        }
    }

    fn next(&mut self) -> Option<u8> {
        let byte = *self.text.get(self.at)?;
        self.at += 1;
        Some(byte)
    }

    fn peek(&self) -> Option<u8> {
        self.text.get(self.at).copied()
    }

    fn expect(&mut self, byte: u8) -> Option<()> {
        (self.next()? == byte).then_some(())
    }

    fn open(&mut self, object: u64) -> Option<()> {
        self.depth += 1;
        self.objects = self.objects << 1 | object;
        (self.depth <= DEPTH_MAX).then_some(())
    }

    /// Does the innermost container end here?
    fn is_closing(&self) -> bool {
        self.peek() == Some(if self.objects & 1 == 1 { b'}' } else { b']' })
    }

    /// In an object, a key and its colon.
    fn key(&mut self) -> Option<()> {
        if self.objects & 1 == 1 {
            self.expect(b'"')?;
            self.string()?;
            self.expect(b':')?;
        }
        Some(())
    }

    /// A string, its opening quote passed already.
    fn string(&mut self) -> Option<()> {
        loop {
            let plain = plain_bytes(block(self.text, self.at));
            self.at += plain;
            if plain == BLOCK_BYTES {
                continue;
            }
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
        self.text[self.at..].starts_with(rest).then(|| self.at += rest.len())
    }

    /// A number, its first byte passed already.
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
    use crate::object::Object;

    fn check(text: &str, expected: bool) {
        assert_eq!(is_compact_object(text.as_bytes()), expected, "{text}");
        assert_eq!(Object::parse(text.as_bytes()).is_ok(), expected, "{text}");
    }

    #[test]
    fn tells_objects() {
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
    fn tells_what_is_none() {
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
    fn leaves_white_space_and_depth_to_others() {
        let deep = |depth: usize| format!("{{\"a\":{}{}}}", "[".repeat(depth - 1), "]".repeat(depth - 1));
        check(&deep(DEPTH_MAX as usize), true);
        for text in [r#"{"a": 1}"#.to_string(), " {}".to_string(), deep(DEPTH_MAX as usize + 1)] {
            assert!(!is_compact_object(text.as_bytes()) && Object::parse(text.as_bytes()).is_ok(), "{text}");
        }
    }
}
