//! Answers, and what went wrong as clients are told it: a status, and a body that names the error's code.

use axum::body::Body;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};

pub(super) const JSON: &str = "application/json";
pub(super) const TEXT: &str = "text/plain; charset=utf-8";

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

    /// Credentials are needed, and there are none.
    pub(super) fn needs_credentials() -> Problem {
        Problem::new(StatusCode::UNAUTHORIZED, "NOAUTH", "Authentication required.")
    }

    /// Credentials that can't be read.
    pub(super) fn bad_credentials() -> Problem {
        Problem::new(StatusCode::UNAUTHORIZED, "NOAUTH", "The header Authorization is not Basic with base64.")
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
        "OOM" => StatusCode::INSUFFICIENT_STORAGE,
        _ => StatusCode::BAD_REQUEST,
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
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

/// An answer with a body. Nobody keeps it, and no browser takes it for something else.
pub(super) fn answer(status: StatusCode, kind: &'static str, body: impl Into<Body>) -> Response {
    let mut response = Response::new(body.into());
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert("x-content-type-options", HeaderValue::from_static("nosniff"));
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
