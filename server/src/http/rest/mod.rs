//! Keys and what they hold as resources: each request is one command.

mod hashes;
mod keys;
mod lists;
mod sets;
mod sorted_sets;
mod streams;

use super::answer::{JSON, Problem, Response, answer, kept};
use super::call::Call;
use super::json;
use super::routes::Operation;
use axum::http::header::ETAG;
use axum::http::{HeaderValue, StatusCode};
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

const BYTES: HeaderValue = HeaderValue::from_static("application/octet-stream");
/// Whoever keeps it asks whether it is still the same.
const NO_CACHE: HeaderValue = HeaderValue::from_static("no-cache");

/// The tag by which clients know a value again: its digest, as `DIGEST` tells it.
fn tag(value: &[u8]) -> HeaderValue {
    let mut tag = [b'"'; 18];
    let mut digest = spinel_storage::digest(value);
    for digit in tag[1..17].iter_mut().rev() {
        *digit = b"0123456789abcdef"[(digest % 16) as usize];
        digest /= 16;
    }
    HeaderValue::from_bytes(&tag).expect("quotes and digits may stand in headers")
}

/// Answers with a value as it is, or that there is none.
fn value(reply: Value) -> Result<Response, Problem> {
    let Value::Bulk(bytes) = reply else { return Err(missing()) };
    let tag = tag(&bytes);
    let mut response = kept(StatusCode::OK, BYTES, NO_CACHE, bytes);
    response.headers_mut().insert(ETAG, tag);
    Ok(response)
}
