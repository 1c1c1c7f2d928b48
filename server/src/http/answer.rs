//! Answers, and what went wrong as clients are told it: a status, and a body that names the error's code.

use super::events::Events;
use axum::body::Bytes;
use axum::http::header::{
    CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE, X_CONTENT_TYPE_OPTIONS,
};
use axum::http::{HeaderValue, StatusCode};
use hyper::body::{Frame, SizeHint};
use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

pub(super) const JSON: &str = "application/json";
pub(super) const TEXT: &str = "text/plain; charset=utf-8";

/// An answer.
pub(super) type Response = axum::http::Response<Body>;

/// The body of an answer.
pub(super) enum Body {
    /// All of it; none if it is empty.
    Whole(Bytes),
    Events(Box<Events>),
}

impl Default for Body {
    fn default() -> Body {
        Body::Whole(Bytes::new())
    }
}

impl<B: Into<Bytes>> From<B> for Body {
    fn from(bytes: B) -> Body {
        Body::Whole(bytes.into())
    }
}

impl hyper::body::Body for Body {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        match &mut *self {
            Body::Whole(bytes) if bytes.is_empty() => Poll::Ready(None),
            Body::Whole(bytes) => Poll::Ready(Some(Ok(Frame::data(std::mem::take(bytes))))),
            Body::Events(events) => {
                events.poll_next(context).map(|event| event.map(|event| Ok(Frame::data(event))))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        matches!(self, Body::Whole(bytes) if bytes.is_empty())
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Body::Whole(bytes) => SizeHint::with_exact(bytes.len() as u64),
            Body::Events(_) => SizeHint::default(),
        }
    }
}

/// Why a request was not obeyed.
#[derive(Debug)]
pub(super) struct Problem {
    status: StatusCode,
    code: String,
    message: String,
}

impl Problem {
    /// A problem with a code and a sentence about it.
    pub(super) fn new(status: StatusCode, code: &str, message: &str) -> Problem {
        Problem { status, code: code.to_owned(), message: message.to_owned() }
    }

    /// What is wrong, as a sentence.
    pub(super) fn message(&self) -> &str {
        &self.message
    }

    /// Credentials are needed, and there are none.
    pub(super) fn needs_credentials() -> Problem {
        Problem::new(StatusCode::UNAUTHORIZED, "NOAUTH", "Authentication required.")
    }

    /// Credentials that can't be read.
    pub(super) fn bad_credentials() -> Problem {
        Problem::new(
            StatusCode::UNAUTHORIZED,
            "NOAUTH",
            "The header Authorization is neither Basic with base64 nor Bearer with a token.",
        )
    }

    /// The line was closed: by somebody who kills clients, or because the server ends.
    pub(super) fn gone() -> Problem {
        Problem::new(StatusCode::SERVICE_UNAVAILABLE, "GONE", "The server has ended the session.")
    }

    /// The problem of an error reply.
    pub(super) fn of_error(text: &[u8]) -> Problem {
        let text = String::from_utf8_lossy(text).into_owned();
        let (code, message) = split(&text);
        let is_missing = code == "ERR" && message.starts_with("no such key");
        let status = if is_missing { StatusCode::NOT_FOUND } else { status_of(code) };
        Problem::new(status, code, message)
    }

    /// Tells it.
    pub(super) fn into_response(self) -> Response {
        let body = serde_json::json!({ "error": { "code": self.code, "message": self.message } });
        let mut response = answer(self.status, JSON, body.to_string() + "\n");
        let headers = response.headers_mut();
        if self.status == StatusCode::UNAUTHORIZED {
            let challenge = HeaderValue::from_static("Basic realm=\"spinel\", charset=\"UTF-8\"");
            headers.insert(WWW_AUTHENTICATE, challenge);
        }
        if self.status == StatusCode::SERVICE_UNAVAILABLE {
            headers.insert(RETRY_AFTER, HeaderValue::from_static("1"));
        }
        response
    }
}

/// An error's code, and the rest of its text.
pub(super) fn split(text: &str) -> (&str, &str) {
    let is_code = |word: &str| !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_uppercase());
    text.split_once(' ').filter(|(code, _)| is_code(code)).unwrap_or(("ERR", text))
}

/// The status that tells clients of HTTP what an error's code tells clients of RESP.
pub(super) fn status_of(code: &str) -> StatusCode {
    match code {
        "NOAUTH" | "WRONGPASS" => StatusCode::UNAUTHORIZED,
        "NOPERM" | "DENIED" => StatusCode::FORBIDDEN,
        "WRONGTYPE" | "BUSYKEY" | "BUSYGROUP" | "EXECABORT" => StatusCode::CONFLICT,
        "NOGROUP" | "NOSCRIPT" => StatusCode::NOT_FOUND,
        "LOADING" | "BUSY" | "MISCONF" | "NOREPLICAS" | "MASTERDOWN" | "CLUSTERDOWN" | "TRYAGAIN" => {
            StatusCode::SERVICE_UNAVAILABLE
        }
        "NOQUORUM" => StatusCode::GATEWAY_TIMEOUT,
        "OOM" => StatusCode::INSUFFICIENT_STORAGE,
        "QUOTA" => StatusCode::TOO_MANY_REQUESTS,
        _ => StatusCode::BAD_REQUEST,
    }
}

/// Says that nobody keeps the answer.
const NO_STORE: HeaderValue = HeaderValue::from_static("no-store");
/// Says that no browser takes the answer for something else.
const NO_SNIFF: HeaderValue = HeaderValue::from_static("nosniff");

/// An answer with a body. Nobody keeps it, and no browser takes it for something else.
pub(super) fn answer(status: StatusCode, kind: &'static str, body: impl Into<Body>) -> Response {
    kept(status, HeaderValue::from_static(kind), NO_STORE, body)
}

/// The same, kept as `keeping` says.
pub(super) fn kept(
    status: StatusCode,
    kind: HeaderValue,
    keeping: HeaderValue,
    body: impl Into<Body>,
) -> Response {
    let mut response = Response::new(body.into());
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, kind);
    headers.insert(CACHE_CONTROL, keeping);
    headers.insert(X_CONTENT_TYPE_OPTIONS, NO_SNIFF);
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_the_first_word_if_it_is_one() {
        assert_eq!(split("WRONGTYPE Operation"), ("WRONGTYPE", "Operation"));
        assert_eq!(split("no code"), ("ERR", "no code"));
        assert_eq!(split("ALONE"), ("ERR", "ALONE"));
        assert_eq!(split(""), ("ERR", ""));
    }
}
