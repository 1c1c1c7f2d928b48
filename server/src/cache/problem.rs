//! What the door itself answers when it can't pass on an answer of an origin.

use super::body::{Body, Response};
use http::header::{CONNECTION, CONTENT_TYPE};
use http::{HeaderValue, StatusCode};

/// Why a request gets no answer of an origin.
#[derive(Debug)]
pub(super) struct Problem {
    status: StatusCode,
    why: &'static str,
}

impl Problem {
    pub(super) fn new(status: StatusCode, why: &'static str) -> Problem {
        Problem { status, why }
    }

    /// Tells it.
    pub(super) fn into_response(self) -> Response {
        let mut response = Response::new(Body::whole(format!("{}\n", self.why)));
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
        let unsure = [StatusCode::BAD_REQUEST, StatusCode::REQUEST_TIMEOUT, StatusCode::NOT_IMPLEMENTED];
        if unsure.contains(&self.status) {
            // Where one request ends and the next begins is not sure any more.
            headers.insert(CONNECTION, HeaderValue::from_static("close"));
        }
        response
    }
}
