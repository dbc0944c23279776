//! The connector: hands the requests of an SDK over in the process, where the SDK would open a connection.

use std::fmt;

use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::body::SdkBody;
use http::header::{HOST, HeaderValue};
use http_body_util::BodyExt;
use s3s::{Body, StdError};

use super::dispatch::Dispatcher;

/// An HTTP client for the SDK whose only host is this AWS.
#[derive(Clone)]
pub(crate) struct Connector(pub(crate) Dispatcher);

impl fmt::Debug for Connector {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Connector")
    }
}

impl HttpClient for Connector {
    fn http_connector(&self, _: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}

impl HttpConnector for Connector {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let dispatcher = self.0.clone();
        HttpConnectorFuture::new(async move { send(&dispatcher, request).await })
    }
}

async fn send(dispatcher: &Dispatcher, request: HttpRequest) -> Result<HttpResponse, ConnectorError> {
    let request = request.try_into_http1x().map_err(|error| ConnectorError::user(error.into()))?;
    let (mut parts, body) = request.into_parts();
    // Any HTTP client sets this header. The host may name the bucket.
    if let Some(host) = parts.uri.authority().and_then(|host| HeaderValue::from_str(host.as_str()).ok()) {
        parts.headers.insert(HOST, host);
    }
    let body = request_body(body).await.map_err(ConnectorError::io)?;
    let response = dispatcher.dispatch(http::Request::from_parts(parts, body)).await;
    let response = response.map_err(|lost| ConnectorError::io(lost.into()))?;
    HttpResponse::try_from(response.map(response_body)).map_err(|error| ConnectorError::other(error.into(), None))
}

/// The body of a request. One in memory is not copied. Any other is streamed.
async fn request_body(body: SdkBody) -> Result<Body, StdError> {
    if body.is_streaming() {
        return Ok(Body::http_body_unsync(body));
    }
    Ok(Body::from(body.collect().await?.to_bytes()))
}

fn response_body(body: Body) -> SdkBody {
    match body.bytes() {
        Some(bytes) => SdkBody::from(bytes),
        None => SdkBody::from_body_1_x(body),
    }
}
