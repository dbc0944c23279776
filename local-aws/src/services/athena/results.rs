//! The result of a query as an object in S3: comma-separated values with every value in quotes, and NULL without.

use aws_sdk_s3::Client;
use aws_sdk_s3::types::{CompletedMultipartUpload, CompletedPart};
use bytes::Bytes;

use super::Row;
use super::error::AthenaError;

/// A part of an upload has so many bytes.
const PART_BYTES: usize = 8 * 1024 * 1024;

/// Where a result is.
#[derive(Debug, Clone)]
pub(super) struct Place {
    pub(super) bucket: String,
    pub(super) key: String,
}

/// A result that is being written.
pub(super) struct Writer {
    s3: Client,
    place: Place,
    text: Vec<u8>,
    written: u64,
    upload: Option<String>,
    parts: Vec<CompletedPart>,
}

impl Writer {
    pub(super) fn new(s3: Client, place: Place) -> Writer {
        Writer { s3, place, text: Vec::new(), written: 0, upload: None, parts: Vec::new() }
    }

    pub(super) async fn push(&mut self, row: &Row) -> Result<(), AthenaError> {
        for (index, value) in row.iter().enumerate() {
            if index > 0 {
                self.text.push(b',');
            }
            if let Some(value) = value {
                self.text.extend(format!("\"{}\"", value.replace('"', "\"\"")).as_bytes());
            }
        }
        self.text.push(b'\n');
        if self.text.len() >= PART_BYTES { self.put_part().await } else { Ok(()) }
    }

    /// Writes what is left, and the empty object that stands beside every result. Returns the size of the result.
    pub(super) async fn finish(mut self) -> Result<u64, AthenaError> {
        let Place { bucket, key } = self.place.clone();
        if self.upload.is_some() {
            self.put_part().await?;
            let parts = CompletedMultipartUpload::builder().set_parts(Some(self.parts)).build();
            let call = self.s3.complete_multipart_upload().bucket(&bucket).key(&key).set_upload_id(self.upload);
            call.multipart_upload(parts).send().await.map_err(failed)?;
        } else {
            self.written = self.text.len() as u64;
            let call = self.s3.put_object().bucket(&bucket).key(&key).body(Bytes::from(self.text).into());
            call.send().await.map_err(failed)?;
        }
        let metadata = self.s3.put_object().bucket(&bucket).key(format!("{key}.metadata"));
        metadata.send().await.map_err(failed)?;
        Ok(self.written)
    }

    /// Leaves nothing of a result that will not be whole.
    pub(super) async fn abort(self) {
        let Place { bucket, key } = &self.place;
        if self.upload.is_some() {
            let call = self.s3.abort_multipart_upload().bucket(bucket).key(key).set_upload_id(self.upload);
            // Nobody waits for the result any more.
            let _ = call.send().await;
        }
    }

    async fn put_part(&mut self) -> Result<(), AthenaError> {
        let Place { bucket, key } = &self.place;
        if self.upload.is_none() {
            let begun = self.s3.create_multipart_upload().bucket(bucket).key(key).send().await.map_err(failed)?;
            self.upload = begun.upload_id;
        }
        let number = i32::try_from(self.parts.len() + 1).map_err(failed)?;
        let text = Bytes::from(std::mem::take(&mut self.text));
        self.written += text.len() as u64;
        let call = self.s3.upload_part().bucket(bucket).key(key).set_upload_id(self.upload.clone());
        let part = call.part_number(number).body(text.into()).send().await.map_err(failed)?;
        self.parts.push(CompletedPart::builder().part_number(number).set_e_tag(part.e_tag).build());
        Ok(())
    }
}

/// At most `rows_max` rows of a result from the byte `start` on, and where the next row begins.
pub(super) async fn page(
    s3: &Client,
    place: &Place,
    start: u64,
    rows_max: usize,
) -> Result<(Vec<Row>, u64), AthenaError> {
    let call = s3.get_object().bucket(&place.bucket).key(&place.key).range(format!("bytes={start}-"));
    let mut body = call.send().await.map_err(failed)?.body;
    let (mut text, mut at, mut rows) = (Vec::new(), 0, Vec::new());
    while rows.len() < rows_max {
        match record(&text[at..]) {
            Some((row, bytes)) => {
                at += bytes;
                rows.push(row);
            }
            None => match body.try_next().await.map_err(failed)? {
                Some(more) => text.extend_from_slice(&more),
                None => break,
            },
        }
    }
    Ok((rows, start + at as u64))
}

/// The first row of a text, and how many bytes it has. `None` if the text ends before the row does.
fn record(text: &[u8]) -> Option<(Row, usize)> {
    let (mut row, mut at) = (Row::new(), 0);
    loop {
        let (value, bytes) = value(&text[at..])?;
        row.push(value);
        at += bytes + 1;
        if *text.get(at - 1)? == b'\n' {
            return Some((row, at));
        }
    }
}

/// The value that a text begins with, and how many bytes it has. `None` if it goes on behind the text.
fn value(text: &[u8]) -> Option<(Option<String>, usize)> {
    if *text.first()? != b'"' {
        return Some((None, 0));
    }
    let (mut value, mut at) = (Vec::new(), 1);
    loop {
        let length = text[at..].iter().position(|byte| *byte == b'"')?;
        value.extend(&text[at..at + length]);
        at += length + 1;
        if *text.get(at)? != b'"' {
            return Some((Some(String::from_utf8_lossy(&value).into_owned()), at));
        }
        value.push(b'"');
        at += 1;
    }
}

fn failed(error: impl std::error::Error + Send + Sync + 'static) -> AthenaError {
    AthenaError::Results(aws_sdk_s3::error::DisplayErrorContext(error).to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_read_as_they_are_written() {
        let text = b"\"a\",\"\",,\"b \"\"c\"\",\nd\"\n\n\"x";
        let (row, bytes) = record(text).unwrap();
        let some = |text: &str| Some(text.to_owned());
        assert_eq!(row, [some("a"), some(""), None, some("b \"c\",\nd")]);
        assert_eq!(record(&text[bytes..]), Some((vec![None], 1)));
        assert_eq!(record(&text[bytes + 1..]), None);
        for end in 0..bytes {
            assert_eq!(record(&text[..end]), None, "{end}");
        }
    }
}
