//! The server: all services on one TCP port.

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

use super::access_log::AccessLog;
use super::dispatch::Dispatcher;

/// How long the requests in progress may take after the shutdown began.
const SHUTDOWN_SECONDS_MAX: u64 = 5;

/// Serves requests on `listener` until `shutdown` is ready and the requests in progress have been answered.
///
/// # Errors
///
/// If the listener can accept no more connections.
pub(crate) async fn serve(
    dispatcher: &Dispatcher,
    log: Option<&AccessLog>,
    listener: TcpListener,
    shutdown: impl Future<Output = ()>,
) -> io::Result<()> {
    let connections = GracefulShutdown::new();
    let mut shutdown = std::pin::pin!(shutdown);
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => serve_connection(dispatcher, log, stream, &connections),
                Err(error) if is_of_one_connection(&error) => {}
                Err(error) => return Err(error),
            },
            () = &mut shutdown => break,
        }
    }
    let limit = Duration::from_secs(SHUTDOWN_SECONDS_MAX);
    // A client that is not done by then loses its connection, as with any server that stops.
    let _ = tokio::time::timeout(limit, connections.shutdown()).await;
    Ok(())
}

fn serve_connection(
    dispatcher: &Dispatcher,
    log: Option<&AccessLog>,
    stream: TcpStream,
    connections: &GracefulShutdown,
) {
    // Small answers must not wait for the client's acknowledgement. If this fails they are only slower.
    let _ = stream.set_nodelay(true);
    let (dispatcher, log) = (dispatcher.clone(), log.cloned());
    let service = service_fn(move |request: http::Request<Incoming>| {
        let (dispatcher, log) = (dispatcher.clone(), log.clone());
        async move { answer(&dispatcher, log.as_ref(), request).await }
    });
    let connection = http1::Builder::new().serve_connection(TokioIo::new(stream), service);
    let connection = connections.watch(connection);
    tokio::spawn(async move {
        // A client that hangs up ends only its own connection.
        let _ = connection.await;
    });
}

/// Answers one request. If the answer is ready before the body has been read, the rest of the body is never read. Then
/// the client must learn that this connection takes no further request.
async fn answer(
    dispatcher: &Dispatcher,
    log: Option<&AccessLog>,
    request: http::Request<Incoming>,
) -> Result<http::Response<Body>, HttpError> {
    let is_read = Arc::new(AtomicBool::new(request.body().is_end_stream()));
    let request = request.map(|body| Body::http_body(TrackedBody { body, is_read: Arc::clone(&is_read) }));
    let logged = log.and_then(|log| Some((log, AccessLog::call(dispatcher.caller(), &request)?)));
    let mut response = dispatcher.dispatch(request).await?;
    if let Some((log, call)) = logged {
        log.write(call, &response);
    }
    if !is_read.load(Ordering::Relaxed) {
        response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    }
    Ok(response)
}

/// A body that notes when it has been read to its end.
struct TrackedBody {
    body: Incoming,
    is_read: Arc<AtomicBool>,
}

impl hyper::body::Body for TrackedBody {
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

/// Whether the error concerns one client, which went away before it was accepted.
fn is_of_one_connection(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset)
}
