//! Keys and what they hold as resources: each request is one command.

mod hashes;
mod keys;
mod lists;
mod sets;
mod sorted_sets;
mod streams;

use super::answer::{JSON, Problem, answer};
use super::call::Call;
use super::json;
use super::routes::Operation;
use axum::http::header::{CACHE_CONTROL, ETAG};
use axum::http::{HeaderValue, StatusCode};
use axum::response::Response;
use spinel_resp::Value;

/// The operations of this family.
pub(super) fn operations() -> impl Iterator<Item = &'static Operation> {
    let parts = [
        keys::OPERATIONS,
        hashes::OPERATIONS,
        lists::OPERATIONS,
        sets::OPERATIONS,
        sorted_sets::OPERATIONS,
        streams::OPERATIONS,
    ];
    parts.into_iter().flatten()
}

/// The words of a command about what has a name of its own in a key; the path has it as a parameter.
fn about(command: &str, call: &Call, part: &str) -> [Vec<u8>; 3] {
    [command.as_bytes(), call.parameter("key"), call.parameter(part)].map(<[u8]>::to_vec)
}

/// Answers that all is done.
fn done() -> Response {
    let mut response = Response::default();
    *response.status_mut() = StatusCode::NO_CONTENT;
    response
}

/// There is nothing by this name.
fn missing() -> Problem {
    Problem::new(StatusCode::NOT_FOUND, "NOKEY", "There is nothing by this name.")
}

/// Answers with a reply as JSON.
fn shown(call: &Call, reply: &Value) -> Result<Response, Problem> {
    let mut out = Vec::new();
    json::write(reply, call.encoding()?, &mut out);
    out.push(b'\n');
    Ok(answer(StatusCode::OK, JSON, out))
}

/// Answers with an object of replies.
fn named(call: &Call, pairs: &[(&str, &Value)]) -> Result<Response, Problem> {
    let mut out = Vec::new();
    json::object(pairs, call.encoding()?, &mut out);
    out.push(b'\n');
    Ok(answer(StatusCode::OK, JSON, out))
}

/// Answers that what was removed is gone, or was not there.
fn removed(reply: &Value) -> Result<Response, Problem> {
    if *reply == Value::Integer(0) { Err(missing()) } else { Ok(done()) }
}

/// The tag by which clients know a value again: its digest, as `DIGEST` tells it.
fn tag(value: &[u8]) -> String {
    format!("\"{:016x}\"", spinel_storage::digest(value))
}

/// Answers with a value as it is, or that there is none.
fn value(reply: Value) -> Result<Response, Problem> {
    let Value::Bulk(bytes) = reply else { return Err(missing()) };
    let tag = HeaderValue::try_from(tag(&bytes)).map_err(|_| Problem::gone())?;
    let mut response = answer(StatusCode::OK, "application/octet-stream", bytes);
    response.headers_mut().insert(ETAG, tag);
    // Whoever keeps it asks whether it is still the same.
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    Ok(response)
}
