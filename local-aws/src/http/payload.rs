//! Verification of a body: it must have the SHA-256 in the request's signature.

use bytes::Bytes;
use futures::{Stream, TryStreamExt, stream};
use http_body_util::StreamBody;
use hyper::body::Frame;
use s3s::crypto::{Checksum, Sha256};
use s3s::{Body, StdError};

/// The body does not have the SHA-256 in `x-amz-content-sha256`.
#[derive(Debug, PartialEq, thiserror::Error)]
#[error("the body does not have the SHA-256 that x-amz-content-sha256 says")]
pub(crate) struct Mismatch;

/// Checks a body on its way: it ends in a [`Mismatch`] if its SHA-256 is not `digest`.
pub(crate) fn verified(body: Body, digest: [u8; 32]) -> Body {
    match body.bytes() {
        // A body in memory stays in memory.
        Some(bytes) if Sha256::checksum(&bytes) == digest => body,
        Some(_) => streamed(stream::iter([Err(Mismatch.into())])),
        None => streamed(verifying(body, digest)),
    }
}

fn streamed(pieces: impl Stream<Item = Result<Bytes, StdError>> + Send + 'static) -> Body {
    Body::http_body_unsync(StreamBody::new(pieces.map_ok(Frame::data)))
}

fn verifying(body: Body, digest: [u8; 32]) -> impl Stream<Item = Result<Bytes, StdError>> + Send {
    stream::try_unfold((body, digest, Sha256::new()), |(mut body, digest, mut sha256)| async move {
        if let Some(bytes) = body.try_next().await? {
            sha256.update(&bytes);
            return Ok(Some((bytes, (body, digest, sha256))));
        }
        if sha256.finalize() == digest { Ok(None) } else { Err(Mismatch.into()) }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const HELLO: &str = "2CF24DBA5FB0A30E26E83B2AC5B9E29E1B161E5C1FA7425E73043362938B9824";

    async fn check(pieces: &[&'static str], expected: Option<&str>) {
        let frames: Vec<Result<_, StdError>> =
            pieces.iter().map(|piece| Ok(Frame::data(Bytes::from(*piece)))).collect();
        let streamed = Body::http_body_unsync(StreamBody::new(stream::iter(frames)));
        let digest = hex::decode(HELLO).unwrap().try_into().unwrap();
        for body in [streamed, Body::from(Bytes::from(pieces.concat()))] {
            let read: Result<Vec<Bytes>, _> = verified(body, digest).try_collect().await;
            match (read, expected) {
                (Ok(found), Some(expected)) => assert_eq!(found.concat(), expected.as_bytes()),
                (Err(error), None) => assert_eq!(error.downcast_ref(), Some(&Mismatch)),
                (read, expected) => panic!("{read:?} is not {expected:?}"),
            }
        }
    }

    #[tokio::test]
    async fn a_body_must_be_the_one_that_was_signed() {
        check(&["hello"], Some("hello")).await;
        check(&["he", "llo"], Some("hello")).await;
        check(&["he", "lo"], None).await;
        check(&[], None).await;
    }
}
