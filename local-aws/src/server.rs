//! All services on one TCP port.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::header::{CONNECTION, HeaderValue};
use hyper::body::{Body as _, Frame, Incoming, SizeHint};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use hyper_util::server::graceful::GracefulShutdown;
use s3s::{Body, HttpError};
use tokio::net::{TcpListener, TcpStream};

use crate::LocalAws;

/// How long requests under way may take to end once the server is told to.
const SHUTDOWN_SECONDS_MAX: u64 = 5;

impl LocalAws {
    /// Serves S3, Glue and SQS on `listener` until `shutdown` is ready and the requests under way have ended.
    ///
    /// # Errors
    ///
    /// When the listener can accept no more connections.
    pub async fn serve(&self, listener: TcpListener, shutdown: impl Future<Output = ()>) -> io::Result<()> {
        let connections = GracefulShutdown::new();
        let mut shutdown = std::pin::pin!(shutdown);
        loop {
            tokio::select! {
                accepted = listener.accept() => match accepted {
                    Ok((stream, _)) => self.converse(stream, &connections),
                    Err(error) if is_of_one_connection(&error) => {}
                    Err(error) => return Err(error),
                },
                () = &mut shutdown => break,
            }
        }
        let limit = Duration::from_secs(SHUTDOWN_SECONDS_MAX);
        // Whoever is not done by then loses the connection, as with any server that stops.
        let _ = tokio::time::timeout(limit, connections.shutdown()).await;
        Ok(())
    }

    fn converse(&self, stream: TcpStream, connections: &GracefulShutdown) {
        // Small answers must not wait for the client's acknowledgement; without it they are only slower.
        let _ = stream.set_nodelay(true);
        let aws = self.clone();
        let service = service_fn(move |request: http::Request<Incoming>| {
            let aws = aws.clone();
            async move { answer(&aws, request).await }
        });
        let connection = http1::Builder::new().serve_connection(TokioIo::new(stream), service);
        let connection = connections.watch(connection);
        tokio::spawn(async move {
            // A client that hangs up ends its own connection; the requests it made are answered or were not whole.
            let _ = connection.await;
        });
    }
}

/// Answers one request. Where the answer is there before the body is, the rest of it is never read: the client must be
/// told that this connection takes no further request.
async fn answer(aws: &LocalAws, request: http::Request<Incoming>) -> Result<http::Response<Body>, HttpError> {
    let is_read = Arc::new(AtomicBool::new(request.body().is_end_stream()));
    let request = request.map(|body| Body::http_body(Watched { body, is_read: Arc::clone(&is_read) }));
    let told = aws.to_be_told(&request);
    let mut response = aws.dispatch(request).await?;
    if let Some((log, call)) = told {
        log.tell(call, &response);
    }
    if !is_read.load(Ordering::Relaxed) {
        response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    }
    Ok(response)
}

/// A body that tells when it has been read to its end.
struct Watched {
    body: Incoming,
    is_read: Arc<AtomicBool>,
}

impl hyper::body::Body for Watched {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let polled = Pin::new(&mut self.body).poll_frame(context);
        if self.body.is_end_stream() || matches!(polled, Poll::Ready(None)) {
            self.is_read.store(true, Ordering::Relaxed);
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// True if one client went away between asking and being accepted.
fn is_of_one_connection(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset)
}
