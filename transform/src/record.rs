//! One record, an EventBridge envelope, becomes a line.

use log_format::{EmptyEvent, LINE_BYTES_MAX, event_of, write_line};

/// Why a record has no line. The message names no value of the event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, thiserror::Error)]
pub enum RecordError {
    /// The record is not UTF-8.
    #[error("record is not UTF-8")]
    NotUtf8,
    /// The record is not one JSON object.
    #[error("record is not a JSON object")]
    NotJson,
    /// The envelope has no object at `detail.data`, as that of an Auth0 Event Stream.
    #[error("envelope has no object at detail.data")]
    NoEvent,
    /// The event has no field, or only fields of columns that are null.
    #[error("event has no field that any column would show")]
    Empty,
    /// The line would be longer than [`LINE_BYTES_MAX`].
    #[error("line is longer than {LINE_BYTES_MAX} bytes")]
    TooLong,
    /// The line did not fit into the response.
    #[error("response has no room left")]
    OverBudget,
    /// The transform panicked over this record, which is a bug.
    #[error("transform panicked")]
    Panicked,
}

impl RecordError {
    /// Every error, in the order of the variants.
    pub const ALL: [RecordError; 7] = [
        RecordError::NotUtf8,
        RecordError::NotJson,
        RecordError::NoEvent,
        RecordError::Empty,
        RecordError::TooLong,
        RecordError::OverBudget,
        RecordError::Panicked,
    ];
}

/// The line of one EventBridge envelope, its newline included.
///
/// # Errors
///
/// If the envelope has no line.
pub fn line(envelope: &[u8]) -> Result<Vec<u8>, RecordError> {
    let envelope = std::str::from_utf8(envelope).map_err(|_| RecordError::NotUtf8)?;
    let event = event_of(envelope).map_err(|_| RecordError::NotJson)?;
    let (event, log_id) = event.ok_or(RecordError::NoEvent)?;
    let mut line = Vec::with_capacity(2048);
    write_line(&event, log_id, &mut line).map_err(|EmptyEvent| RecordError::Empty)?;
    if line.len() > LINE_BYTES_MAX {
        return Err(RecordError::TooLong);
    }
    Ok(line)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(envelope: &[u8], expected: Result<&str, RecordError>) {
        let found = line(envelope);
        let found = found.as_deref().map(|line| std::str::from_utf8(line).unwrap()).map_err(|error| *error);
        assert_eq!(found, expected, "{}", String::from_utf8_lossy(envelope));
    }

    #[test]
    fn finds_the_event_in_its_envelope() {
        check(br#"{"detail":{"log_id":"1","data":{"type":"s"}}}"#, Ok("{\"log_id\":\"1\",\"type\":\"s\"}\n"));
        check(br#"{"detail":{"data":{"log_id":"2","type":"s"}}}"#, Ok("{\"log_id\":\"2\",\"type\":\"s\"}\n"));
    }

    #[test]
    fn refuses_with_a_reason() {
        check(b"\xff\xfe", Err(RecordError::NotUtf8));
        check(b"", Err(RecordError::NotJson));
        check(b"plain text", Err(RecordError::NotJson));
        check(b"[]", Err(RecordError::NotJson));
        check(br#"{"detail":{"data":{"type":"s"}}} x"#, Err(RecordError::NotJson));
        check(b"{}", Err(RecordError::NoEvent));
        check(br#"{"detail":"text"}"#, Err(RecordError::NoEvent));
        check(br#"{"detail":{"id":"evt_1","type":"user.created"}}"#, Err(RecordError::NoEvent));
        check(br#"{"detail":{"data":[{"type":"s"}]}}"#, Err(RecordError::NoEvent));
        check(br#"{"detail":{"log_id":"1","data":{}}}"#, Err(RecordError::Empty));
    }

    #[test]
    fn refuses_a_line_over_the_limit() {
        let envelope = |length| format!(r#"{{"detail":{{"data":{{"ip":"{}"}}}}}}"#, "x".repeat(length));
        let frame = "{\"ip\":\"\"}\n".len();
        assert_eq!(line(envelope(LINE_BYTES_MAX - frame).as_bytes()).unwrap().len(), LINE_BYTES_MAX);
        check(envelope(LINE_BYTES_MAX - frame + 1).as_bytes(), Err(RecordError::TooLong));
    }

    #[test]
    fn survives_deep_nesting() {
        let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
        let envelope = format!(r#"{{"detail":{{"data":{{"details":{deep}}}}}}}"#);
        assert_eq!(line(envelope.as_bytes()).unwrap().len(), deep.len() + "{\"details\":\"\"}\n".len());
    }
}
