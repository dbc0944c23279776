//! An odd input: an object with something odd in it, and what is to become of it.

use log_format::Hour;

/// An object with something odd in it, and what is to become of it.
pub struct Odd {
    /// The object's name under the hour's prefix, with `NAME` for its place among the others.
    pub name: String,
    /// Its bytes.
    pub body: Vec<u8>,
    /// Where the odd thing is.
    pub place: &'static str,
    /// The rows of all of the object.
    pub rows: Vec<String>,
    /// How many of its lines are equal to others.
    pub duplicates: u64,
    /// What is rejected of it.
    pub rejected: Vec<Kept>,
    /// Whether the odd thing itself gives rows.
    pub is_read: bool,
    /// Whether it is an input at all.
    pub is_input: bool,
}

/// A rejected line as it is kept. The key is filled in where the object gets one.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Kept {
    pub key: String,
    pub line: u64,
    pub offset: u64,
    pub reason: String,
    pub bytes: Vec<u8>,
}

impl Odd {
    /// The outcome in the words of the table.
    pub fn outcome(&self) -> String {
        let reason = self.rejected.last().map(|kept| kept.reason.as_str());
        match (self.is_input, self.is_read, reason) {
            (false, ..) => "no input".to_owned(),
            (_, true, None) => "read".to_owned(),
            (_, false, None) => "no line".to_owned(),
            (_, true, Some(reason)) => format!("read in part {reason}"),
            (_, false, Some(reason)) => format!("rejected {reason}"),
        }
    }
}

/// An object that is read as it stands.
pub(super) fn odd(name: &str, body: Vec<u8>, rows: Vec<String>) -> Odd {
    let is_read = !rows.is_empty();
    let rejected = Vec::new();
    Odd { name: name.to_owned(), body, place: "all of it", rows, duplicates: 0, rejected, is_read, is_input: true }
}

pub(super) fn kept(line: u64, offset: u64, reason: &str, bytes: &[u8]) -> Kept {
    Kept { key: String::new(), line, offset, reason: reason.to_owned(), bytes: bytes.to_vec() }
}

/// The good lines of an object, each a row of its own.
pub fn good_lines(hour: Hour, object: usize) -> Vec<String> {
    (0..4).map(|line| format!(r#"{{"log_id":"{hour}-{object}-{line}","type":"s"}}"#)).collect()
}

/// The row of a good line, as `column=value` pairs.
pub fn row_of_good(line: &str) -> String {
    line.replace(r#"{"log_id":""#, "log_id=").replace(r#"","type":""#, " type=").replace(r#""}"#, "")
}
