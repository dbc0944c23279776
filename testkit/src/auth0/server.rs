//! The connections of the stand-in.

use std::convert::Infallible;
use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use http::{Request, Response};
use http_body_util::{BodyExt as _, Collected};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio::time::sleep;

use super::body::Body;
use super::state::{Call, Shared};

/// How long the server waits if a connection could not be accepted.
const PAUSE: Duration = Duration::from_millis(10);

/// Serves until it is aborted. All connections end with it, since they are tasks of its set.
pub(super) async fn serve(listener: TcpListener, shared: Arc<Shared>) {
    let mut connections = JoinSet::new();
    loop {
        match listener.accept().await {
            Ok((stream, _)) => drop(connections.spawn(serve_connection(stream, Arc::clone(&shared)))),
            Err(_) => sleep(PAUSE).await,
        }
        // The results of connections that have ended would pile up otherwise.
        while connections.try_join_next().is_some() {}
    }
}

async fn serve_connection(stream: TcpStream, shared: Arc<Shared>) {
    // Small answers must not wait for the client's acknowledgement. If this fails they are only slower.
    let _ = stream.set_nodelay(true);
    let service = service_fn(move |request: Request<Incoming>| answer(Arc::clone(&shared), request));
    // A client that hangs up ends only its own connection, and so does an answer that is torn.
    let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
}

async fn answer(shared: Arc<Shared>, request: Request<Incoming>) -> Result<Response<Body>, Infallible> {
    let (parts, body) = request.into_parts();
    let body = body.collect().await.map(Collected::to_bytes).unwrap_or_default();
    let call = Call::new(&parts, body);
    // The clock belongs to the test, and may look at this server: it must not be read under the lock.
    let now = shared.now();
    let reply = shared.lock().reply(&call, now);
    match reply {
        Some(reply) => Ok(reply.into_response()),
        None => pending().await,
    }
}
