//! The server: all services on one TCP port.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http::header::{CONNECTION, HeaderValue};
use http::{Request, Response, StatusCode};
use hyper::body::{Body as _, Frame, Incoming, SizeHint};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use s3s::{Body, HttpError};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{Sleep, sleep};

use super::access_log::AccessLog;
use super::browser;
use super::connections::{Busy, Connection, Connections};
use super::dispatch::Dispatcher;

/// How long the requests in progress may take after the shutdown began.
const SHUTDOWN_SECONDS_MAX: u64 = 5;
/// How long a client may take for the head of a request, and for each part of its body.
const CLIENT_TIME: Duration = Duration::from_secs(30);
/// How long the server waits if it cannot open another file, after it has closed an idle connection.
const FILES_PAUSE: Duration = Duration::from_millis(50);

/// What answers requests.
#[derive(Clone)]
struct Server {
    dispatcher: Dispatcher,
    log: Option<AccessLog>,
    port: u16,
}

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
    let port = listener.local_addr()?.port();
    let server = Server { dispatcher: dispatcher.clone(), log: log.cloned(), port };
    let (connections, graceful) = (Connections::default(), GracefulShutdown::new());
    let mut shutdown = std::pin::pin!(shutdown);
    loop {
        tokio::select! {
            accepted = accept(&listener, &connections) => if let Some(stream) = accepted? {
                server.serve_connection(stream, connections.begin(), &graceful);
            },
            () = &mut shutdown => break,
        }
    }
    let limit = Duration::from_secs(SHUTDOWN_SECONDS_MAX);
    // A client that is not done by then loses its connection, as with any server that stops.
    let _ = tokio::time::timeout(limit, graceful.shutdown()).await;
    Ok(())
}

/// Waits for the next connection. `None` if it could not be accepted and the next one may be.
async fn accept(listener: &TcpListener, connections: &Connections) -> io::Result<Option<TcpStream>> {
    connections.make_room().await;
    match listener.accept().await {
        Ok((stream, _)) => Ok(Some(stream)),
        Err(error) if is_of_one_connection(&error) => Ok(None),
        Err(error) if lacks_files(&error) => {
            connections.close_idlest();
            sleep(FILES_PAUSE).await;
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

impl Server {
    fn serve_connection(&self, stream: TcpStream, connection: Connection, graceful: &GracefulShutdown) {
        // Small answers must not wait for the client's acknowledgement. If this fails they are only slower.
        let _ = stream.set_nodelay(true);
        let (server, asked) = (self.clone(), connection.clone());
        let service = service_fn(move |request: Request<Incoming>| {
            let (server, busy) = (server.clone(), asked.busy());
            async move { server.answer(request, busy).await }
        });
        let mut http = http1::Builder::new();
        http.timer(TokioTimer::new()).header_read_timeout(CLIENT_TIME);
        let served = graceful.watch(http.serve_connection(TokioIo::new(stream), service));
        tokio::spawn(async move {
            tokio::select! {
                // A client that hangs up ends only its own connection.
                _ = served => {}
                () = connection.closed() => {}
            }
        });
    }

    /// Answers one request. If the answer is ready before the body has been read, the rest of the body is never read.
    /// Then the client must learn that this connection takes no further request.
    async fn answer(&self, request: Request<Incoming>, busy: Busy) -> Result<Response<Body>, HttpError> {
        let (parts, body) = request.into_parts();
        let busy = Arc::new(busy);
        let (method, is_read) = (parts.method.clone(), Arc::new(AtomicBool::new(body.is_end_stream())));
        let mut response = match browser::refusal(&parts, self.port) {
            Some(why) => refused(&why),
            None => {
                let (is_read, busy) = (Arc::clone(&is_read), Arc::clone(&busy));
                let body = ReadBody { body, is_read, busy, deadline: None };
                self.served(Request::from_parts(parts, Body::http_body(body))).await?
            }
        };
        browser::seal(&method, response.headers_mut());
        if !is_read.load(Ordering::Relaxed) {
            response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
        }
        Ok(response.map(|body| Body::http_body(SentBody { body, busy })))
    }

    async fn served(&self, request: Request<Body>) -> Result<Response<Body>, HttpError> {
        let logged =
            self.log.as_ref().and_then(|log| Some((log, AccessLog::call(self.dispatcher.caller(), &request)?)));
        let response = self.dispatcher.dispatch(request).await?;
        if let Some((log, call)) = logged {
            log.write(call, &response);
        }
        Ok(response)
    }
}

/// The answer to a request that is not served, in the words of S3.
fn refused(why: &str) -> Response<Body> {
    let error = format!("<Error><Code>AccessDenied</Code><Message>{why}</Message></Error>");
    let mut response = Response::new(Body::from(error));
    *response.status_mut() = StatusCode::FORBIDDEN;
    response
}

/// A request's body. It notes when it has been read to its end, and ends with an error if the client stops sending.
struct ReadBody {
    body: Incoming,
    is_read: Arc<AtomicBool>,
    busy: Arc<Busy>,
    /// Set while the client has to send.
    deadline: Option<Pin<Box<Sleep>>>,
}

/// Why the rest of a body cannot be had.
#[derive(Debug, thiserror::Error)]
enum ReadError {
    #[error(transparent)]
    Connection(#[from] hyper::Error),
    #[error("the client sent nothing for {} seconds", CLIENT_TIME.as_secs())]
    Silence,
}

impl hyper::body::Body for ReadBody {
    type Data = Bytes;
    type Error = ReadError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, ReadError>>> {
        let Poll::Ready(frame) = Pin::new(&mut self.body).poll_frame(context) else {
            self.busy.waits_for_client();
            let deadline = self.deadline.get_or_insert_with(|| Box::pin(sleep(CLIENT_TIME)));
            ready!(deadline.as_mut().poll(context));
            return Poll::Ready(Some(Err(ReadError::Silence)));
        };
        self.deadline = None;
        self.busy.goes_on();
        if self.body.is_end_stream() || frame.is_none() {
            self.is_read.store(true, Ordering::Relaxed);
        }
        Poll::Ready(frame.map(|frame| frame.map_err(ReadError::from)))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// A response's body. The connection is busy until it has been sent, and waits for its client after each part.
struct SentBody {
    body: Body,
    busy: Arc<Busy>,
}

impl hyper::body::Body for SentBody {
    type Data = <Body as hyper::body::Body>::Data;
    type Error = <Body as hyper::body::Body>::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Self::Data>, Self::Error>>> {
        self.busy.goes_on();
        let frame = Pin::new(&mut self.body).poll_frame(context);
        if frame.is_ready() {
            self.busy.waits_for_client();
        }
        frame
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

/// Whether no more files can be opened now, by this process or by all: `EMFILE` and `ENFILE`, which have no kind of
/// their own.
fn lacks_files(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(24 | 23))
}
