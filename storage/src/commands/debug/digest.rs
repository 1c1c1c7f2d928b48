//! Digests of the data set: equal digests, equal data.
//!
//! They are Redis's, so that the two can be compared. A digest takes bytes in by xoring their SHA-1, which
//! does not depend on the order, or by mixing, which does: xor, then SHA-1 of the result.
//!
//! ```text
//! value     mix type (u32, big-endian), mix text; xor "!!expire!!" if it expires
//! key       mix name, then as the value
//! data set  for each database that is not empty: mix its number (u32, big-endian), xor the digests of its keys
//! ```

use crate::keyspace::{DbIndex, Keyspace};
use crate::time::UnixMillis;
use spinel_resp::number::format_digits;
use spinel_types::http_cache::FieldsRef;
use spinel_types::list::Direction;
use spinel_types::sha1::{SHA1_BYTES, sha1};
use spinel_types::string::INTEGER_DIGITS_MAX;
use spinel_types::{Entry, HttpCache, Str, Stream, StreamId, Value, ValueType};
use std::fmt;

/// The digest of a part of the data set; of nothing at first. Shown in hexadecimal.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(in crate::commands) struct Digest([u8; SHA1_BYTES]);

impl Digest {
    /// The digest of a value and of whether it expires.
    pub(in crate::commands) fn of_value(entry: Entry<'_>, value: Value<'_>) -> Digest {
        let mut digest = Digest::default();
        digest.mix_value(entry, value);
        digest
    }

    /// The digest of all databases. The caller is alone in the keyspace.
    pub(super) fn of_keyspace(keyspace: &Keyspace, now: UnixMillis) -> Digest {
        let mut digest = Digest::default();
        for db in 0..keyspace.databases() {
            let (mut keys, mut count) = (Digest::default(), 0_usize);
            keyspace.for_each(DbIndex(db), now, |entry, values| {
                count += 1;
                keys.xor(&Digest::of_key(entry, Value::of(entry, values)).0);
            });
            if count > 0 {
                digest.mix(&u32::from(db).to_be_bytes());
                digest.join(keys);
            }
        }
        digest
    }

    fn of_key(entry: Entry<'_>, value: Value<'_>) -> Digest {
        let mut digest = Digest::default();
        digest.mix(entry.key());
        digest.mix_value(entry, value);
        digest
    }

    fn mix_value(&mut self, entry: Entry<'_>, value: Value<'_>) {
        self.mix(&ValueType::of(entry).number().to_be_bytes());
        match value {
            Value::String(string) => self.mix_text(string),
            Value::List(list) => {
                list.for_each((0, usize::MAX), Direction::Forwards, |element| self.mix_text(element));
            }
            Value::Set(set) => set.for_each(|member| self.xor(member.text(&mut [0; INTEGER_DIGITS_MAX]))),
            Value::Stream(stream) => self.mix_stream(stream),
            Value::HttpCache(cache) => self.mix_variants(cache),
            Value::Hash(hash) => hash.for_each(|field, value, expiry| {
                let mut digest = Digest::default();
                digest.mix_text(field);
                digest.mix_text(value);
                if expiry.is_some() {
                    digest.xor(b"!!hexpire!!");
                }
                self.xor(&digest.0);
            }),
            Value::SortedSet(set) => {
                for (member, score) in set.iter() {
                    let mut digest = Digest::default();
                    digest.mix_text(member);
                    digest.mix(&format_digits(score));
                    self.xor(&digest.0);
                }
            }
        }
        if entry.stamp().is_some() {
            self.xor(b"!!expire!!");
        }
    }

    fn mix_stream(&mut self, stream: &Stream) {
        for entry in stream.entries() {
            self.mix(format!("{}.{}", entry.id.ms, entry.id.sequence).as_bytes());
            for word in entry.fields.flat_map(|(field, value)| [field, value]) {
                self.mix(word.text(&mut [0; INTEGER_DIGITS_MAX]));
            }
        }
        for (id, words) in
            stream.delayed().iter().flat_map(|delayed| delayed.range(StreamId::MIN..=StreamId::MAX))
        {
            self.mix(format!("delayed {id}").as_bytes());
            for word in words {
                self.mix(word);
            }
        }
    }

    fn mix_variants(&mut self, cache: &HttpCache) {
        let mut head = Vec::new();
        for variant in cache.variants() {
            head.clear();
            // Where and how a body is kept says nothing about what it is.
            variant.encode_with_body_of(FieldsRef::default(), &mut head);
            self.mix(&head);
            self.mix(&variant.body().bytes().unwrap_or_default());
        }
    }

    fn mix_text(&mut self, text: Str<'_>) {
        self.mix(text.text(&mut [0; INTEGER_DIGITS_MAX]));
    }

    fn mix(&mut self, bytes: &[u8]) {
        self.xor(bytes);
        self.0 = sha1(&self.0);
    }

    fn xor(&mut self, bytes: &[u8]) {
        self.join(Digest(sha1(bytes)));
    }

    fn join(&mut self, other: Digest) {
        for (byte, other) in self.0.iter_mut().zip(other.0) {
            *byte ^= other;
        }
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}
