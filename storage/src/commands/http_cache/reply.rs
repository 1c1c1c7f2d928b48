//! What is told of variants.

use crate::time::UnixMillis;
use spinel_cache::selector::ABSENT;
use spinel_cache::timeline::{self, State};
use spinel_resp::ReplyWriter;
use spinel_types::http_cache::{FieldsRef, NEVER, Variant};

/// What stands for a time, or a number of seconds, that has no end.
pub(super) const ENDLESS: i64 = -1;

/// From this status on an answer is one that something is not to be had.
const NEGATIVE_MIN: u16 = 400;

/// The word for what a variant is good for; `None` if it answers no more.
pub(super) fn state_name(variant: &Variant, now: UnixMillis) -> Option<&'static str> {
    match timeline::state(variant, now.0) {
        State::Fresh if variant.status >= NEGATIVE_MIN => Some("negative"),
        State::Fresh => Some("hit"),
        State::Stale => Some("stale"),
        State::Grace => Some("grace"),
        State::Gone => None,
    }
}

/// For how many seconds a variant stays fresh: 0 if it is not, −1 if it does until it is purged.
pub(super) fn ttl_s(variant: &Variant, now: UnixMillis) -> i64 {
    timeline::ttl_s(variant, now.0).map_or(ENDLESS, |seconds| seconds.max(0))
}

/// How old a variant is in seconds.
pub(super) fn age_s(variant: &Variant, now: UnixMillis) -> i64 {
    i64::try_from(timeline::age_s(variant, now.0)).unwrap_or(i64::MAX)
}

/// A deadline as it is told.
pub(super) fn deadline(at: i64) -> i64 {
    if at == NEVER { ENDLESS } else { at }
}

/// What is told of an answer: the same for every outcome, with nulls for what there is not.
#[derive(Clone, Copy, Debug)]
pub struct CacheReply<'a> {
    /// In one word what became of it.
    pub state: &'a str,
    /// The status code.
    pub status: Option<u16>,
    /// The answer's fields.
    pub fields: Option<FieldsRef<'a>>,
    /// Its body.
    pub body: Option<&'a [u8]>,
    /// Seconds since its origin made it.
    pub age: Option<i64>,
    /// Seconds for which it stays fresh; −1 for ever.
    pub ttl: Option<i64>,
    /// The fields of the request that chose it.
    pub selector: Option<FieldsRef<'a>>,
}

impl<'a> CacheReply<'a> {
    /// That there is nothing.
    pub fn nothing(state: &'a str) -> CacheReply<'a> {
        CacheReply { state, status: None, fields: None, body: None, age: None, ttl: None, selector: None }
    }

    /// A variant with its body, or without.
    pub fn of(
        variant: &'a Variant,
        state: &'a str,
        body: Option<&'a [u8]>,
        now: UnixMillis,
    ) -> CacheReply<'a> {
        CacheReply {
            state,
            status: Some(variant.status),
            fields: Some(variant.fields()),
            body,
            age: Some(age_s(variant, now)),
            ttl: Some(ttl_s(variant, now)),
            selector: Some(variant.selector()),
        }
    }

    /// Writes it. The names are in the form of the protocol already: what says an answer must not cost more than it.
    pub fn write(&self, reply: &mut ReplyWriter) {
        const NAMES_AND_NUMBERS: usize = 256;
        let fields = self.fields.map_or(0, |fields| fields.encoded().len());
        reply.reserve(NAMES_AND_NUMBERS + 8 * fields + self.body.map_or(0, <[u8]>::len));
        reply.map(7);
        reply.raw(b"$5\r\nstate\r\n");
        reply.bulk(self.state.as_bytes());
        reply.raw(b"$6\r\nstatus\r\n");
        number_or_null(reply, self.status.map(i64::from));
        reply.raw(b"$7\r\nheaders\r\n");
        fields_or_null(reply, self.fields);
        reply.raw(b"$4\r\nbody\r\n");
        match self.body {
            Some(body) => reply.bulk(body),
            None => reply.null(),
        }
        reply.raw(b"$3\r\nage\r\n");
        number_or_null(reply, self.age);
        reply.raw(b"$3\r\nttl\r\n");
        number_or_null(reply, self.ttl);
        reply.raw(b"$7\r\nvariant\r\n");
        fields_or_null(reply, self.selector);
    }
}

fn number_or_null(reply: &mut ReplyWriter, found: Option<i64>) {
    match found {
        Some(found) => reply.integer(found),
        None => reply.null(),
    }
}

fn fields_or_null(reply: &mut ReplyWriter, found: Option<FieldsRef<'_>>) {
    match found {
        Some(found) => fields(reply, found),
        None => reply.null(),
    }
}

/// Replies names and values in turns.
pub(super) fn fields(reply: &mut ReplyWriter, fields: FieldsRef<'_>) {
    if fields.is_empty() {
        return reply.array(0);
    }
    reply.array(fields.iter().count() * 2);
    for (name, value) in fields.iter() {
        reply.bulk(name);
        if value == ABSENT { reply.null() } else { reply.bulk(value) }
    }
}

/// Replies a name and an integer.
pub(super) fn number(reply: &mut ReplyWriter, name: &str, number: i64) {
    reply.bulk(name.as_bytes());
    reply.integer(number);
}

/// Replies a name and a text, or null.
pub(super) fn text(reply: &mut ReplyWriter, name: &str, text: Option<&[u8]>) {
    reply.bulk(name.as_bytes());
    match text {
        Some(text) => reply.bulk(text),
        None => reply.null(),
    }
}
