//! What Lambda tells of its functions: of each only its name and its environment. Nothing here runs them.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use http::{Method, Request, Response, StatusCode, header};
use s3s::{Body, HttpError};
use serde_json::{Value, json};

use crate::names::arn;

/// What stands before a function's name in the path of a request to Lambda.
const PATH: &str = "/2015-03-31/functions/";

/// The functions by name: each with its environment.
#[derive(Debug, Default)]
pub(crate) struct Functions(Mutex<BTreeMap<String, BTreeMap<String, String>>>);

/// The function whose configuration is asked for. `None` if it is another request.
pub(crate) fn configuration_of<B>(request: &Request<B>) -> Option<&str> {
    let name = request.uri().path().strip_prefix(PATH)?.strip_suffix("/configuration")?;
    (request.method() == Method::GET).then_some(name)
}

impl Functions {
    pub(crate) fn add(&self, name: &str, environment: BTreeMap<String, String>) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(name.to_owned(), environment);
    }

    /// Answers GetFunctionConfiguration.
    pub(crate) fn answer(&self, name: &str) -> Result<Response<Body>, HttpError> {
        let functions = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let response = Response::builder().header(header::CONTENT_TYPE, "application/json");
        let function = arn("lambda", format!("function:{name}"));
        let (response, body): (_, Value) = match functions.get(name) {
            Some(environment) => (
                response,
                json!({"FunctionName": name, "FunctionArn": function, "Environment": {"Variables": environment}}),
            ),
            None => (
                response.status(StatusCode::NOT_FOUND).header("x-amzn-errortype", "ResourceNotFoundException"),
                json!({"Type": "User", "Message": format!("Function not found: {function}")}),
            ),
        };
        response.body(Body::from(body.to_string().into_bytes())).map_err(|error| HttpError::new(error.into()))
    }
}
