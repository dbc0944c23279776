//! Both services on one TCP port.

use std::io;
use std::time::Duration;

use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use hyper_util::server::graceful::GracefulShutdown;
use s3s::Body;
use tokio::net::{TcpListener, TcpStream};

use crate::LocalAws;

/// How long requests under way may take to end once the server is told to.
const SHUTDOWN_SECONDS_MAX: u64 = 5;

impl LocalAws {
    /// Serves S3 and Glue on `listener` until `shutdown` is ready and the requests under way have ended.
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
            async move { aws.dispatch(request.map(Body::from)).await }
        });
        let connection = http1::Builder::new().serve_connection(TokioIo::new(stream), service);
        let connection = connections.watch(connection);
        tokio::spawn(async move {
            // A client that hangs up ends its own connection; the requests it made are answered or were not whole.
            let _ = connection.await;
        });
    }
}

/// True if one client went away between asking and being accepted.
fn is_of_one_connection(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset)
}
