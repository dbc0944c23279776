//! A decoder of the aws-chunked transfer encoding.
//!
//! AWS clients use it for a body whose hash they do not know in advance. Each chunk has its size and perhaps a
//! signature. The checksum follows the last one: `5;chunk-signature=…\r\nhello\r\n0;…\r\nx-amz-checksum-crc32:…\r\n\r\n`.
//! Signatures are not verified. The headers after the body become [`Trailers`].

use std::sync::{Arc, Mutex, PoisonError};

use bytes::{Buf, Bytes};
use futures::{Stream, TryStreamExt, stream};
use http_body_util::StreamBody;
use hyper::body::Frame;
use s3s::{Body, StdError};

/// The longest line between chunks. Such a line holds a size and a signature, or a trailing header.
const LINE_BYTES_MAX: usize = 8 * 1024;

/// Why a body cannot be decoded.
#[derive(Debug, PartialEq, thiserror::Error)]
enum ChunkError {
    #[error("aws-chunked body: a line between chunks is longer than {LINE_BYTES_MAX} bytes")]
    LineTooLong,
    #[error("aws-chunked body: {0:?} is not a chunk size")]
    Size(String),
    #[error("aws-chunked body: a chunk is longer than its size says")]
    ChunkTooLong,
    #[error("aws-chunked body: it ends before its last chunk")]
    CutShort,
}

/// The headers after a body. They are complete once the body has been read to its end. Clones share them.
#[derive(Debug, Clone, Default)]
pub(crate) struct Trailers(Arc<Mutex<Vec<(String, String)>>>);

impl Trailers {
    /// The value of the header `name`. `name` must be in lower case.
    pub(crate) fn get(&self, name: &str) -> Option<String> {
        let headers = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        headers.iter().find(|(found, _)| found == name).map(|(_, value)| value.clone())
    }

    /// Adds the header in `line`. A line without a colon, such as the last one, is no header.
    fn put(&self, line: &[u8]) {
        let line = String::from_utf8_lossy(line);
        if let Some((name, value)) = line.split_once(':') {
            let header = (name.trim().to_ascii_lowercase(), value.trim().to_owned());
            self.0.lock().unwrap_or_else(PoisonError::into_inner).push(header);
        }
    }
}

/// The payload of an aws-chunked body. Its trailing headers are added to `trailers`.
pub(crate) fn decode(body: Body, trailers: Trailers) -> Body {
    let payload = payload(body, trailers).map_ok(Frame::data);
    Body::http_body_unsync(StreamBody::new(payload))
}

fn payload(body: Body, trailers: Trailers) -> impl Stream<Item = Result<Bytes, StdError>> + Send {
    stream::try_unfold((body, Bytes::new(), Decoder::new(trailers)), |(mut body, mut input, mut decoder)| async move {
        loop {
            if let Some(data) = decoder.next(&mut input)? {
                return Ok(Some((data, (body, input, decoder))));
            }
            match body.try_next().await? {
                Some(more) => input = more,
                None => return decoder.end().map_err(StdError::from),
            }
        }
    })
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Expect {
    Size,
    Data(usize),
    DataEnd,
    Trailer,
}

/// An incremental decoder. It returns payload as slices of its input and copies nothing.
#[derive(Debug)]
struct Decoder {
    expect: Expect,
    line: Vec<u8>,
    trailers: Trailers,
}

impl Decoder {
    fn new(trailers: Trailers) -> Decoder {
        Decoder { expect: Expect::Size, line: Vec::new(), trailers }
    }

    /// The next piece of payload in `input`. `None` if `input` is used up.
    fn next(&mut self, input: &mut Bytes) -> Result<Option<Bytes>, ChunkError> {
        while !input.is_empty() {
            if let Expect::Data(left) = self.expect {
                let data = input.split_to(left.min(input.len()));
                self.expect = if data.len() == left { Expect::DataEnd } else { Expect::Data(left - data.len()) };
                return Ok(Some(data));
            }
            if self.take_line(input)? {
                self.read_line()?;
            }
        }
        Ok(None)
    }

    /// Collects a line that ends in LF. Returns `true` once it is complete.
    fn take_line(&mut self, input: &mut Bytes) -> Result<bool, ChunkError> {
        let end = input.iter().position(|&byte| byte == b'\n');
        let part = input.split_to(end.unwrap_or(input.len()));
        self.line.extend_from_slice(&part);
        if self.line.len() > LINE_BYTES_MAX {
            return Err(ChunkError::LineTooLong);
        }
        if end.is_some() {
            input.advance(1);
        }
        Ok(end.is_some())
    }

    fn read_line(&mut self) -> Result<(), ChunkError> {
        let line = std::mem::take(&mut self.line);
        match self.expect {
            Expect::Size => {
                let size = size(&line)?;
                self.expect = if size == 0 { Expect::Trailer } else { Expect::Data(size) };
            }
            Expect::DataEnd if line != b"\r" => return Err(ChunkError::ChunkTooLong),
            Expect::DataEnd => self.expect = Expect::Size,
            Expect::Trailer => self.trailers.put(&line),
            Expect::Data(_) => {}
        }
        Ok(())
    }

    fn end<T>(&self) -> Result<Option<T>, ChunkError> {
        if self.expect == Expect::Trailer { Ok(None) } else { Err(ChunkError::CutShort) }
    }
}

fn size(line: &[u8]) -> Result<usize, ChunkError> {
    let text = String::from_utf8_lossy(line);
    let digits = text.split(';').next().unwrap_or_default().trim();
    usize::from_str_radix(digits, 16).map_err(|_| ChunkError::Size(digits.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Decodes `body` whole and in pieces of every length.
    fn check(body: &str, expected: Result<&str, ChunkError>) {
        for piece_bytes in 1..=body.len() {
            let mut decoder = Decoder::new(Trailers::default());
            let result = body.as_bytes().chunks(piece_bytes).try_fold(Vec::new(), |mut decoded, piece| {
                let mut input = Bytes::copy_from_slice(piece);
                while let Some(data) = decoder.next(&mut input)? {
                    decoded.extend_from_slice(&data);
                }
                Ok(decoded)
            });
            let result = result.and_then(|decoded| decoder.end::<()>().map(|_| decoded));
            let expected = expected.as_ref().map(|text| text.as_bytes());
            assert_eq!(result.as_deref(), expected, "{body:?} in pieces of {piece_bytes}");
        }
    }

    #[test]
    fn signed_and_unsigned_chunks_are_decoded() {
        check("5;chunk-signature=ab\r\nhello\r\n0;chunk-signature=cd\r\n\r\n", Ok("hello"));
        check("5\r\nhello\r\n6\r\n world\r\n0\r\nx-amz-checksum-crc32:AAAAAA==\r\n\r\n", Ok("hello world"));
        check("a\r\n0123456789\r\n0\r\n\r\n", Ok("0123456789"));
        check("4\r\n\r\n\r\n\r\n0\r\n\r\n", Ok("\r\n\r\n"));
        check("0\r\n\r\n", Ok(""));
    }

    #[test]
    fn trailing_headers_are_handed_on() {
        for end in ["\r\n\r\n", "\r\nx-amz-trailer-signature:ab\r\n\r\n"] {
            let trailers = Trailers::default();
            let body = format!("0\r\nX-Amz-Checksum-Crc32: AAAAAA=={end}");
            assert_eq!(Decoder::new(trailers.clone()).next(&mut Bytes::from(body)), Ok(None));
            assert_eq!(trailers.get("x-amz-checksum-crc32").as_deref(), Some("AAAAAA=="));
        }
    }

    #[test]
    fn what_is_not_aws_chunked_is_refused() {
        check("5\r\nhel", Err(ChunkError::CutShort));
        check("5\r\nhello\r\n", Err(ChunkError::CutShort));
        check("3\r\nhello\r\n0\r\n\r\n", Err(ChunkError::ChunkTooLong));
        check("x\r\n", Err(ChunkError::Size("x".to_owned())));
    }
}
