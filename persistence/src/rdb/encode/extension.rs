//! What the format can't say of a value: fields of our own behind it.
//!
//! Others skip fields whose names they don't know, in a file and at the end of a payload.
//!
//! ```text
//! spinel-members   { member, expiry (8 bytes) } …                          of sets and sorted sets; several fields
//! spinel-stream    0, name, consumers: { name, time active (8 bytes) },    of a group
//!                     pending without a consumer: { id (16 bytes), time (8 bytes), deliveries }
//!                  1, seconds, messages, added, duplicates                 of messages that must not come twice
//!                  2, producer, messages: { message, id (16 bytes) }
//!                  3, { id (16 bytes), words: fields and values in turns } …    of entries that are not due yet
//! spinel-httpcache a key that others can't have, and spinel-variant, what it holds: see `http_cache.rs`
//! ```

use super::primitive::{length, raw};
use super::stream::{id_bytes, unowned};
use crate::rdb::table::{extension, opcode};
use spinel_types::stream::{Consumer, Delayed, Group, Idempotence};
use spinel_types::string::INTEGER_DIGITS_MAX;
use spinel_types::{SetRef, SortedSetRef, Str, Stream, StreamId, Value};

/// A field with members is closed once it has so many bytes.
const FIELD_BYTES: usize = 1 << 16;

/// What a field about a stream is about.
pub(crate) const ABOUT_GROUP: u8 = 0;
pub(crate) const ABOUT_WINDOW: u8 = 1;
pub(crate) const ABOUT_PRODUCER: u8 = 2;
pub(crate) const ABOUT_DELAYED: u8 = 3;

/// What stands for the time of a consumer that never got an entry.
pub(crate) const NEVER_ACTIVE: u64 = u64::MAX;

/// Writes the fields that a value needs, if it needs any.
#[inline]
pub(super) fn write(value: Value<'_>, out: &mut Vec<u8>) {
    match value {
        Value::Set(SetRef::Large(set)) if set.next_due() != i64::MAX => members(set.stamped(), out),
        Value::SortedSet(SortedSetRef::Large(set)) if set.next_due() != i64::MAX => {
            members(set.stamped(), out);
        }
        Value::Stream(stream) => of_stream(stream, out),
        _ => {}
    }
}

pub(super) fn field(name: &[u8], text: &[u8], out: &mut Vec<u8>) {
    out.push(opcode::AUX);
    raw(name, out);
    raw(text, out);
}

fn members<'m>(stamped: impl Iterator<Item = (Str<'m>, i64)>, out: &mut Vec<u8>) {
    let mut text = Vec::new();
    for (member, expiry) in stamped {
        raw(member.text(&mut [0; INTEGER_DIGITS_MAX]), &mut text);
        text.extend_from_slice(&expiry.to_le_bytes());
        if text.len() >= FIELD_BYTES {
            field(extension::MEMBERS, &text, out);
            text.clear();
        }
    }
    if !text.is_empty() {
        field(extension::MEMBERS, &text, out);
    }
}

fn of_stream(stream: &Stream, out: &mut Vec<u8>) {
    for (name, group) in stream.groups().iter() {
        of_group(name, group, out);
    }
    if let Some(idempotence) = stream.idempotence() {
        of_idempotence(idempotence, out);
    }
    if let Some(delayed) = stream.delayed() {
        of_delayed(delayed, out);
    }
}

fn of_delayed(delayed: &Delayed, out: &mut Vec<u8>) {
    let mut text = vec![ABOUT_DELAYED];
    for (id, words) in delayed.range(StreamId::MIN..=StreamId::MAX) {
        if text.len() >= FIELD_BYTES {
            field(extension::STREAM, &text, out);
            text.truncate(1);
        }
        text.extend_from_slice(&id_bytes(id));
        length(words.len() as u64, &mut text);
        for word in words {
            raw(word, &mut text);
        }
    }
    field(extension::STREAM, &text, out);
}

/// A reader takes a consumer to have been active when it was seen last, unless it is told otherwise.
fn is_told(consumer: &Consumer) -> bool {
    consumer.active_ms != Some(consumer.seen_ms)
}

fn of_group(name: &[u8], group: &Group, out: &mut Vec<u8>) {
    let told = group.consumers().filter(|consumer| is_told(consumer)).count();
    if told == 0 && group.unowned_len() == 0 {
        return;
    }
    let mut text = vec![ABOUT_GROUP];
    raw(name, &mut text);
    length(told as u64, &mut text);
    for consumer in group.consumers().filter(|consumer| is_told(consumer)) {
        raw(consumer.name(), &mut text);
        text.extend_from_slice(&consumer.active_ms.unwrap_or(NEVER_ACTIVE).to_le_bytes());
    }
    length(group.unowned_len() as u64, &mut text);
    for (id, pending) in unowned(group) {
        text.extend_from_slice(&id_bytes(*id));
        text.extend_from_slice(&pending.delivered_ms.to_le_bytes());
        length(pending.deliveries, &mut text);
    }
    field(extension::STREAM, &text, out);
}

fn of_idempotence(idempotence: &Idempotence, out: &mut Vec<u8>) {
    let window = idempotence.window();
    let mut text = vec![ABOUT_WINDOW];
    let counts = [window.seconds, window.messages as u64, idempotence.added(), idempotence.duplicates()];
    for count in counts {
        length(count, &mut text);
    }
    field(extension::STREAM, &text, out);
    for (producer, messages) in idempotence.producers() {
        text.clear();
        text.push(ABOUT_PRODUCER);
        raw(producer, &mut text);
        length(messages.len() as u64, &mut text);
        for (message, id) in messages {
            raw(message, &mut text);
            text.extend_from_slice(&id_bytes(id));
        }
        field(extension::STREAM, &text, out);
    }
}
