//! Answers, and the errors among them in the words of Auth0.

use chrono::{DateTime, Utc};
use http::{HeaderValue, Response, StatusCode};
use serde_json::json;

use super::body::Body;

/// An answer before it is sent.
#[derive(Debug)]
pub(super) struct Reply {
    status: u16,
    headers: Vec<(&'static str, String)>,
    body: String,
    torn: bool,
}

impl Reply {
    pub(super) fn json(status: u16, body: String) -> Reply {
        let headers = vec![("content-type", "application/json; charset=utf-8".to_owned())];
        Reply { status, headers, body, torn: false }
    }

    pub(super) fn html(status: u16, body: &str) -> Reply {
        let headers = vec![("content-type", "text/html".to_owned())];
        Reply { status, headers, body: body.to_owned(), torn: false }
    }

    /// An error of the Management API.
    pub(super) fn error(status: u16, code: &str, message: &str) -> Reply {
        let error = StatusCode::from_u16(status).ok().and_then(|status| status.canonical_reason()).unwrap_or("Error");
        let body = json!({ "statusCode": status, "error": error, "message": message, "errorCode": code });
        Reply::json(status, body.to_string())
    }

    pub(super) fn unauthorized(message: &str) -> Reply {
        let body = json!({
            "statusCode": 401,
            "error": "Unauthorized",
            "message": message,
            "attributes": { "error": message },
        });
        Reply::json(401, body.to_string())
    }

    pub(super) fn bad_request(message: &str) -> Reply {
        Reply::error(400, "invalid_query_string", message)
    }

    pub(super) fn too_many_requests(retry_after: Option<u64>) -> Reply {
        let reply = Reply::error(429, "too_many_requests", "Global limit has been reached");
        match retry_after {
            Some(seconds) => reply.with("retry-after", seconds.to_string()),
            None => reply,
        }
    }

    /// An error of `/oauth/token`.
    pub(super) fn oauth_error(status: u16, error: &str, description: &str) -> Reply {
        let body = json!({ "error": error, "error_description": description });
        Reply::json(status, body.to_string())
    }

    pub(super) fn with(mut self, name: &'static str, value: String) -> Reply {
        self.headers.push((name, value));
        self
    }

    pub(super) fn dated(self, now: DateTime<Utc>) -> Reply {
        self.with("date", now.format("%a, %d %b %Y %H:%M:%S GMT").to_string())
    }

    /// This answer, of which only half arrives.
    pub(super) fn torn(self) -> Reply {
        Reply { torn: true, ..self }
    }

    pub(super) fn into_response(self) -> Response<Body> {
        let body = if self.torn { Body::torn(self.body) } else { Body::whole(self.body) };
        let mut response = Response::new(body);
        *response.status_mut() = StatusCode::from_u16(self.status).unwrap();
        for (name, value) in self.headers {
            response.headers_mut().insert(name, HeaderValue::from_str(&value).unwrap());
        }
        response
    }
}
