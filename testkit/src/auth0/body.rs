//! The body of an answer, which may break off.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use hyper::body::{Frame, SizeHint};

/// A body whose length is known, and of which all or only half is sent.
pub(super) struct Body {
    data: Option<Bytes>,
    /// How many bytes `Content-Length` promises.
    promised: u64,
    breaks: Breaks,
}

/// What is left to do for a body to break off.
#[derive(PartialEq)]
enum Breaks {
    Never,
    /// Half of it is sent, and has to leave this process first: hyper drops what it holds when a body fails.
    AfterFlush,
    Now,
}

impl Body {
    pub(super) fn whole(text: String) -> Body {
        let data = Bytes::from(text);
        Body { promised: data.len() as u64, data: Some(data), breaks: Breaks::Never }
    }

    /// Half of `text`, as if it were the whole.
    pub(super) fn torn(text: String) -> Body {
        let data = Bytes::from(text);
        let half = data.slice(..data.len() / 2);
        Body { promised: data.len() as u64, data: Some(half), breaks: Breaks::AfterFlush }
    }
}

impl hyper::body::Body for Body {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        if let Some(data) = self.data.take() {
            return Poll::Ready(Some(Ok(Frame::data(data))));
        }
        match self.breaks {
            Breaks::Never => Poll::Ready(None),
            Breaks::AfterFlush => {
                self.breaks = Breaks::Now;
                context.waker().wake_by_ref();
                Poll::Pending
            }
            Breaks::Now => Poll::Ready(Some(Err(io::Error::other("the answer breaks off here")))),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.data.is_none() && self.breaks == Breaks::Never
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.promised)
    }
}
