//! Records that are not one line each: those of arrays, of pages of Auth0's API, and objects one after the other.
//!
//! The end of a record is found by its brackets and strings. Whether it is JSON is not asked here, so an element of an
//! array that is none costs no other one.

use std::io::{self, BufRead};

use anyhow::{Context, Error, Result, anyhow, bail};

use super::read::{PAGE_FIELD, Place, RECORD_BYTES_MAX, RECORD_FIELDS, before, is_blank};

/// Hands over every record of the arrays, pages and objects in `text`, in order. Returns how many there are.
///
/// # Errors
///
/// The first error of `take`. Or: the text cannot be read, breaks off, or is no JSON. The whole records before that
/// have been handed over.
pub(super) fn each_value(text: impl BufRead, take: impl FnMut(Place, &[u8]) -> Result<()>) -> Result<u64> {
    let text = Text { reader: text, line: 1, bytes: 0 };
    let mut values = Values { text, take, value: Vec::new(), records: 0 };
    while let Some(byte) = values.next_byte()? {
        match byte {
            b'[' => values.array()?,
            b'{' => values.object()?,
            _ => return Err(values.stopped(false)),
        }
        values.value.clear();
    }
    Ok(values.records)
}

/// A text, and how far it was read.
struct Text<R> {
    reader: R,
    /// The number of the line that is being read, from 1.
    line: u64,
    /// Bytes that were read.
    bytes: u64,
}

impl<R: BufRead> Text<R> {
    /// Shows `look` the bytes that come next, which are none at the end. It says how many of them are read, and they
    /// are appended to `value`.
    fn read<T>(&mut self, value: &mut Vec<u8>, look: impl FnOnce(&[u8]) -> (usize, T)) -> io::Result<T> {
        let window = self.reader.fill_buf()?;
        let (bytes, found) = look(window);
        let bytes = bytes.min(window.len());
        let read = &window[..bytes];
        value.extend_from_slice(read);
        self.line += read.iter().filter(|byte| **byte == b'\n').count() as u64;
        self.bytes += bytes as u64;
        self.reader.consume(bytes);
        Ok(found)
    }
}

/// Reads the values of a text.
struct Values<R, F> {
    text: Text<R>,
    take: F,
    /// What was read of the value that is being read.
    value: Vec<u8>,
    /// Records that were handed over.
    records: u64,
}

impl<R: BufRead, F: FnMut(Place, &[u8]) -> Result<()>> Values<R, F> {
    /// Hands over the elements of the array that begins here.
    fn array(&mut self) -> Result<()> {
        self.step()?;
        if self.next_byte()? == Some(b']') {
            return self.step();
        }
        loop {
            self.next_byte()?;
            self.value.clear();
            self.scan()?;
            self.hand_over()?;
            match self.next_byte()? {
                Some(b',') => self.step()?,
                Some(b']') => return self.step(),
                other => return Err(self.stopped(other.is_none())),
            }
        }
    }

    /// Hands over the object that begins here; or, if it is a page, what its list of events holds. Which it is has to
    /// be known at that list, because a page may be larger than memory: the fields before it count.
    fn object(&mut self) -> Result<()> {
        let (mut is_record, mut is_page) = (false, false);
        self.value.clear();
        self.step()?;
        while self.next_byte()? != Some(b'}') {
            let name = self.name()?;
            is_record |= RECORD_FIELDS.contains(&name.as_str());
            if !is_record && name == PAGE_FIELD && self.next_byte()? == Some(b'[') {
                is_page = true;
                self.array()?;
            } else {
                self.next_byte()?;
                self.scan()?;
            }
            match self.next_byte()? {
                Some(b',') => self.step()?,
                Some(b'}') => {}
                other => return Err(self.stopped(other.is_none())),
            }
        }
        self.step()?;
        if is_page { Ok(()) } else { self.hand_over() }
    }

    /// The name of the field that begins here, up to its value. Empty if it is no text.
    fn name(&mut self) -> Result<String> {
        let begin = self.value.len();
        self.scan()?;
        let name = self.value.get(begin..).and_then(|name| serde_json::from_slice(name).ok());
        match self.next_byte()? {
            Some(b':') => self.step()?,
            other => return Err(self.stopped(other.is_none())),
        }
        Ok(name.unwrap_or_default())
    }

    fn hand_over(&mut self) -> Result<()> {
        if self.value.contains(&b'\n') {
            minify(&mut self.value);
        }
        self.records += 1;
        (self.take)(Place::Record(self.records), &self.value)
    }

    /// The next byte that is no blank. It is not read yet, the blanks before it are. `None` at the end of the text.
    fn next_byte(&mut self) -> Result<Option<u8>> {
        loop {
            let records = self.records;
            let look = |window: &[u8]| {
                let blank = window.iter().take_while(|byte| is_blank(**byte)).count();
                (blank, (window.get(blank).copied(), window.is_empty()))
            };
            let found = self.text.read(&mut self.value, look).with_context(|| unreadable(records))?;
            match found {
                (None, false) => self.check_size()?,
                (next, _) => return Ok(next),
            }
        }
    }

    /// Reads the next byte.
    fn step(&mut self) -> Result<()> {
        let records = self.records;
        self.text.read(&mut self.value, |_| (1, ())).with_context(|| unreadable(records))
    }

    /// Reads the value that begins here.
    fn scan(&mut self) -> Result<()> {
        let (mut scan, begin, records) = (Scan::default(), self.value.len(), self.records);
        loop {
            let look = |window: &[u8]| {
                let (bytes, next) = scan.follow(window);
                (bytes, (next, window.is_empty()))
            };
            let found = self.text.read(&mut self.value, look).with_context(|| unreadable(records))?;
            match found {
                (Next::Inside, false) => self.check_size()?,
                (Next::Inside, true) => return Err(self.stopped(true)),
                (Next::Last, _) => return Ok(()),
                (Next::After, _) if self.value.len() > begin => return Ok(()),
                (Next::After | Next::Wrong, _) => return Err(self.stopped(false)),
            }
        }
    }

    fn check_size(&self) -> Result<()> {
        if self.value.len() as u64 > RECORD_BYTES_MAX {
            bail!("record {} is longer than {RECORD_BYTES_MAX} bytes; {}", self.records + 1, before(self.records));
        }
        Ok(())
    }

    /// The error at the byte that comes next, or at the end of the text.
    fn stopped(&self, at_end: bool) -> Error {
        let what = if at_end { "it breaks off at" } else { "it is no JSON from here on:" };
        let Text { line, bytes, .. } = self.text;
        anyhow!("{what} line {line}, byte {}; {}", bytes + u64::from(!at_end), before(self.records))
    }
}

fn unreadable(records: u64) -> String {
    format!("record {} cannot be read; {}", records + 1, before(records))
}

/// How far a value was followed.
#[derive(Debug, Default)]
struct Scan {
    /// Brackets that are open.
    depth: u64,
    in_string: bool,
    escaped: bool,
}

/// What a byte is to the value before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Next {
    /// The value goes on.
    Inside,
    /// This is its last byte.
    Last,
    /// The value ended before this byte.
    After,
    /// No JSON has this byte here.
    Wrong,
}

impl Scan {
    /// Follows the value through `window`. Returns how many of these bytes are its own, and what ended it there.
    fn follow(&mut self, window: &[u8]) -> (usize, Next) {
        for (at, byte) in window.iter().enumerate() {
            match self.next(*byte) {
                Next::Inside => {}
                Next::Last => return (at + 1, Next::Last),
                other => return (at, other),
            }
        }
        (window.len(), Next::Inside)
    }

    fn next(&mut self, byte: u8) -> Next {
        if self.in_string {
            return self.next_in_string(byte);
        }
        match byte {
            b'"' => self.in_string = true,
            b'{' | b'[' => self.depth += 1,
            b'}' | b']' if self.depth > 1 => self.depth -= 1,
            b'}' | b']' if self.depth == 1 => return Next::Last,
            b'}' | b']' | b',' | b':' | b' ' | b'\t' | b'\r' | b'\n' if self.depth == 0 => return Next::After,
            _ if is_outside_of_strings(byte) => {}
            _ => return Next::Wrong,
        }
        Next::Inside
    }

    /// A line feed in a string is what shows that its end is missing, before the rest of the file is taken for a
    /// string.
    fn next_in_string(&mut self, byte: u8) -> Next {
        match byte {
            b'\n' => return Next::Wrong,
            _ if self.escaped => self.escaped = false,
            b'\\' => self.escaped = true,
            b'"' => {
                self.in_string = false;
                return if self.depth == 0 { Next::Last } else { Next::Inside };
            }
            _ => {}
        }
        Next::Inside
    }
}

/// True for the bytes of numbers, of `true`, `false`, `null`, and of what some programs write for a number that is none
/// (`NaN`, `Infinity`); for commas, colons and blanks.
fn is_outside_of_strings(byte: u8) -> bool {
    is_blank(byte) || byte.is_ascii_digit() || b",:+-.Etruefalsn".contains(&byte) || b"NaInfinity".contains(&byte)
}

/// Takes out the blanks that stand in no string.
fn minify(value: &mut Vec<u8>) {
    let (mut in_string, mut escaped) = (false, false);
    value.retain(|byte| {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_string => escaped = true,
            b'"' => in_string = !in_string,
            _ => {}
        }
        in_string || !is_blank(*byte)
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `expected` has the text of each record, and the error.
    fn check(text: &str, expected: &[&str]) {
        let mut found = Vec::new();
        let read = each_value(io::BufReader::with_capacity(2, text.as_bytes()), |place, record| {
            assert_eq!(place, Place::Record(found.len() as u64 + 1));
            found.push(String::from_utf8_lossy(record).into_owned());
            Ok(())
        });
        match read {
            Ok(records) => assert_eq!(records, found.len() as u64),
            Err(error) => found.push(format!("{error:#}")),
        }
        assert_eq!(found, expected, "{text}");
    }

    #[test]
    fn elements_are_handed_over_as_they_stand() {
        check("[]", &[]);
        check("[ ]\n", &[]);
        let elements = [r#"{"a": "\"}]\\"}"#, "[1, [2]]", r#""x\"""#, "-1.50e3", "null"];
        check(&format!("[{} ]", elements.join(" ,")), &elements);
        check("[{\n\"a b\\\" c\" : [ 1 ,\t2 ] }]", &["{\"a b\\\" c\":[1,2]}"]);
    }

    #[test]
    fn an_element_that_is_no_json_costs_no_other() {
        let elements = [r#"{"a"}"#, "{1:2}", r#"{"a":1,}"#, r#"{"a":1}"#, r#"{"a":NaN}"#];
        check(&format!("[{}]", elements.join(", ")), &elements);
    }

    #[test]
    fn what_breaks_off_says_where() {
        let whole = "whole records before that: 1";
        for end in ["", ",", ", ", ",{", ",{\"a", ",{\"a\":[1", ",12"] {
            let text = format!("[{{}}{end}");
            check(&text, &["{}", &format!("it breaks off at line 1, byte {}; {whole}", text.len())]);
        }
        check("{}\n{\n\"a\":", &["{}", &format!("it breaks off at line 3, byte 9; {whole}")]);
        check("{}\n{\n\"logs\":[", &["{}", &format!("it breaks off at line 3, byte 13; {whole}")]);
    }

    #[test]
    fn what_is_no_json_says_where() {
        let at = |line: u64, byte: u64| {
            format!("it is no JSON from here on: line {line}, byte {byte}; whole records before that: 1")
        };
        check("[{},\n{\"a\nb\":1}]", &["{}", &at(2, 9)]);
        check("[{} {}]", &["{}", &at(1, 5)]);
        check("[{},]", &["{}", &at(1, 5)]);
        check("[{},secret]", &["{}", &at(1, 7)]);
        check("{}\nsecret", &["{}", &at(2, 4)]);
        check("{}\n{\"a\"}", &["{}", &at(2, 8)]);
        check("{}\n{\"a\":1 \"b\":2}", &["{}", &at(2, 11)]);
        let stopped = each_value(b"[1,2]".as_slice(), |place, _| Err(anyhow!("{place}"))).unwrap_err();
        assert_eq!(stopped.to_string(), "record 1");
    }

    /// A page is told by the fields before its list, and its other fields are left out wherever they stand.
    #[test]
    fn pages_follow_one_another() {
        let page = r#"{"start":0,"logs":[{"n":1},{"n":2}],"total":"x"}"#;
        check(&[page, " ", page, "\n"].concat(), &[r#"{"n":1}"#, r#"{"n":2}"#, r#"{"n":1}"#, r#"{"n":2}"#]);
        check(r#"{"logs":[]}{"logs":null}"#, &[r#"{"logs":null}"#]);
    }
}
