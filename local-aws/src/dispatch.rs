//! The one door: every request to either service, however it came in, goes through [`LocalAws::dispatch`].

use http::{Method, Request, Response, StatusCode};
use s3s::{Body, HttpError};

use crate::{LocalAws, signature};

const TARGET: &str = "x-amz-target";
const GLUE: &str = "AWSGlue.";

impl LocalAws {
    /// Answers one request. An error means that there is no answer: the connection is lost.
    pub(crate) async fn dispatch(&self, request: Request<Body>) -> Result<Response<Body>, HttpError> {
        if let Some(call) = glue_call(&request) {
            return self.services.glue.answer(&call, request.into_body()).await;
        }
        let is_head = request.method() == Method::HEAD;
        let mut response = self.services.s3.call(signature::take_off(request)).await?;
        if is_head || response.status() == StatusCode::NOT_MODIFIED {
            // HTTP has no body here, and the SDK tells a missing object by that.
            *response.body_mut() = Body::empty();
        }
        Ok(response)
    }
}

/// The name of the Glue call, if it is one.
fn glue_call(request: &Request<Body>) -> Option<String> {
    let target = request.headers().get(TARGET)?.to_str().ok()?;
    (request.method() == Method::POST).then(|| target.strip_prefix(GLUE)).flatten().map(str::to_owned)
}
