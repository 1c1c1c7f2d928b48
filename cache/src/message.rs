//! What of a request and of an origin's answer the rules look at.

use http::{HeaderMap, Method, StatusCode};

use crate::headers::Headers;

/// A request as it came.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// Its method.
    pub method: &'a Method,
    /// Its fields.
    pub headers: &'a HeaderMap,
}

/// The head of an origin's answer.
#[derive(Clone, Copy, Debug)]
pub struct Head<'a> {
    /// Its status.
    pub status: StatusCode,
    /// Its fields.
    pub headers: &'a HeaderMap,
}

/// When an answer was asked for and when it came, in Unix milliseconds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Times {
    /// When the request was sent.
    pub asked: i64,
    /// When the answer's head was there.
    pub came: i64,
}

impl<'a> Request<'a> {
    pub(crate) fn fields(self) -> Headers<'a> {
        Headers::Map(self.headers)
    }
}

impl<'a> Head<'a> {
    pub(crate) fn fields(self) -> Headers<'a> {
        Headers::Map(self.headers)
    }
}
