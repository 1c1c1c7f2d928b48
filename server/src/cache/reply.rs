//! Answers made of what is stored.

use super::body::{Body, Response};
use super::stored::{self, Piece};
use super::visit::Visit;
use http::header::{AGE, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use hyper::body::Bytes;
use spinel_cache::answer::{Answer, Content, answer};
use spinel_cache::multipart::Multipart;
use spinel_storage::system::random_word;
use spinel_types::http_cache::{self, Variant};
use std::fmt::Display;

/// The fields of a variant, which live as long as anybody reads them.
struct Fields(Variant);

impl AsRef<[u8]> for Fields {
    fn as_ref(&self) -> &[u8] {
        self.0.fields().encoded()
    }
}

/// Answers a request with a variant that is for it.
pub(super) fn stored(
    visit: &Visit,
    (variant, held): (&Variant, Option<&http_cache::Content>),
    now: i64,
) -> Response {
    variant.note_use(now);
    let answer = answer(visit.request(), variant, now);
    // They are sent from where they are stored.
    let shared = Bytes::from_owner(Fields(variant.clone()));
    let mut headers = head(&answer, |value| HeaderValue::from_maybe_shared(shared.slice_ref(value)).ok());
    if let Some(length) = answer.length() {
        headers.insert(CONTENT_LENGTH, HeaderValue::from(length));
    }
    if let Some(range) = answer.content_range() {
        insert(&mut headers, CONTENT_RANGE, range);
    }
    let body = match &answer.content {
        Content::Nothing => Body::default(),
        Content::Whole => stored::whole(variant, held),
        Content::Part(part) => stored::part((variant, held), part.clone()),
        Content::Parts(parts) => {
            let parts = Multipart::new(variant, parts, random_word());
            insert(&mut headers, CONTENT_TYPE, &parts.content_type);
            headers.insert(CONTENT_LENGTH, HeaderValue::from(parts.length));
            let pieces = parts
                .parts
                .into_iter()
                .flat_map(|(head, part)| [Piece::Text(head.into()), Piece::Part(part)]);
            stored::pieces((variant, held), pieces.chain([Piece::Text(parts.end.into())]))
        }
    };
    respond(answer.status, headers, body)
}

/// Answers a request with what comes for others, too, of which the head is there.
pub(super) fn coming(
    visit: &Visit,
    variant: &Variant,
    body: Body,
    length: Option<u64>,
    now: i64,
) -> Response {
    let answer = answer(visit.request(), variant, now);
    let mut headers = head(&answer, |value| HeaderValue::from_bytes(value).ok());
    if answer.status == StatusCode::NOT_MODIFIED {
        return respond(answer.status, headers, Body::default());
    }
    if let Some(length) = length {
        headers.insert(CONTENT_LENGTH, HeaderValue::from(length));
    }
    respond(variant.status, headers, body)
}

fn head<'v>(answer: &Answer<'v>, mut value: impl FnMut(&'v [u8]) -> Option<HeaderValue>) -> HeaderMap {
    let mut headers = HeaderMap::with_capacity(16);
    for (name, text) in answer.fields() {
        // What was stored by a command was checked when it was.
        if let (Ok(name), Some(value)) = (HeaderName::from_bytes(name), value(text)) {
            headers.append(name, value);
        }
    }
    headers.insert(AGE, HeaderValue::from(answer.age));
    headers
}

fn respond(status: u16, headers: HeaderMap, body: Body) -> Response {
    let mut response = Response::new(body);
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::OK);
    *response.headers_mut() = headers;
    response
}

/// Sets a field to a text that is made here.
pub(super) fn insert(headers: &mut HeaderMap, name: HeaderName, text: impl Display) {
    if let Ok(value) = HeaderValue::try_from(text.to_string()) {
        headers.insert(name, value);
    }
}
