//! Variants as bytes: in snapshots, payloads, the log, and on the way to replicas.
//!
//! ```text
//! version u8 = 1
//! status u16, rules u32, initial age u32                  all numbers little-endian
//! stored at, fresh, stale and grace until: i64 each
//! given u8: 1 ttl, 2 swr, 4 grace, then u32 for each; 8: its body is for a file
//! fields, selector, tags, URL                             each behind its length in LEB128
//! body: kind u8, and all that is left
//!   0  as it is sent
//!   1  length u64, a frame of Zstandard that becomes so many bytes
//!   2  the selector of the variant whose body it has
//!   3  id u128, length u64, checksum u64: a file of this server
//! ```
//!
//! Everybody understands the first two. The third is how the log and replicas are told of an answer that was found valid again:
//! they have its body. The fourth stands in files that this server writes for itself, and nowhere else: whoever gives bytes to a
//! server must not reach its files.
//!
//! How often it was used is no part of it, nor is the number of its write: whoever reads it is about to write it anew.

use super::body::{Body, BodyRef};
use super::fields::{Fields, FieldsRef, is_line, is_token, push, take};
use super::filed::{Filed, Label, Lost};
use super::packed::Packed;
use super::variant::{Numbers, Parts, Variant};
use std::sync::Arc;

const VERSION: u8 = 1;
/// The kinds of bodies.
const PLAIN: u8 = 0;
const PACKED: u8 = 1;
const SHARED: u8 = 2;
const FILED: u8 = 3;
/// What the bits of `given` stand for.
const TTL: u8 = 1;
const SWR: u8 = 2;
const GRACE: u8 = 4;
const DISK: u8 = 8;

/// Bytes that are no variant.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Malformed;

/// Where the body of a variant is that was decoded.
#[derive(Debug)]
pub enum Source {
    /// With it.
    Own,
    /// It is that of the variant of this selector.
    Shared(Fields),
    /// In a file, if there is one of this name.
    Filed(Label),
}

impl Variant {
    /// Appends the bytes that stand for it, its body among them. O(their number). If the body is lost, nothing is appended.
    pub fn encode(&self, out: &mut Vec<u8>) -> Result<(), Lost> {
        let start = out.len();
        self.encode_head(out);
        match self.body() {
            BodyRef::Packed(packed) => push_packed(packed, out),
            body => {
                let bytes = body.bytes().inspect_err(|Lost| out.truncate(start))?;
                push_plain(&bytes, out);
            }
        }
        Ok(())
    }

    /// As [`encode`](Variant::encode), for a file of this server: a body that is in a file itself is named.
    pub fn encode_for_itself(&self, out: &mut Vec<u8>) {
        self.encode_head(out);
        match self.body() {
            BodyRef::Plain(bytes) => push_plain(bytes, out),
            BodyRef::Packed(packed) => push_packed(packed, out),
            BodyRef::Filed(filed) => match (filed.waiting_bytes(), filed.label()) {
                (Some(bytes), _) => push_plain(&bytes, out),
                (None, Some(label)) => push_label(&label, out),
                // It has no name yet.
                (None, None) => match filed.bytes() {
                    Ok(bytes) => push_plain(&bytes, out),
                    Err(Lost) => push_label(&Label::default(), out),
                },
            },
        }
    }

    /// As [`encode`](Variant::encode), for those who have its body as that of the variant of a selector.
    pub fn encode_with_body_of(&self, selector: FieldsRef<'_>, out: &mut Vec<u8>) {
        self.encode_head(out);
        out.push(SHARED);
        out.extend_from_slice(selector.encoded());
    }

    /// Appends all but the body.
    fn encode_head(&self, out: &mut Vec<u8>) {
        out.push(VERSION);
        out.extend_from_slice(&self.status.to_le_bytes());
        out.extend_from_slice(&self.rules.to_le_bytes());
        out.extend_from_slice(&self.initial_age.to_le_bytes());
        for time in [self.stored_at, self.fresh_until, self.stale_until, self.grace_until] {
            out.extend_from_slice(&time.to_le_bytes());
        }
        let seconds = [(TTL, self.ttl), (SWR, self.swr), (GRACE, self.grace)];
        let given: u8 = seconds.iter().filter(|(_, seconds)| seconds.is_some()).map(|(bit, _)| bit).sum();
        out.push(given | if self.is_for_disk { DISK } else { 0 });
        for given in seconds.iter().filter_map(|(_, seconds)| *seconds) {
            out.extend_from_slice(&given.to_le_bytes());
        }
        for text in [self.fields().encoded(), self.selector().encoded(), self.tags().encoded(), self.url()] {
            push(out, text);
        }
    }

    /// Reads what [`encode`](Variant::encode) wrote. Whoever wrote it is not trusted: anything that would not be sent as it
    /// should, or breaks what is promised of a variant, is refused. O(bytes), of what is compressed those that it becomes.
    pub fn decode(bytes: &[u8]) -> Result<Variant, Malformed> {
        match Variant::decode_any(bytes)? {
            (parts, Source::Own) => Ok(Variant::from(parts)),
            _ => Err(Malformed),
        }
    }

    /// Reads what [`encode_for_itself`](Variant::encode_for_itself) wrote. A body in a file is [lost](Filed::lost) until somebody
    /// looks for it.
    pub fn decode_own(bytes: &[u8]) -> Result<Variant, Malformed> {
        match Variant::decode_any(bytes)? {
            (parts, Source::Own) => Ok(Variant::from(parts)),
            (parts, Source::Filed(label)) => {
                Ok(Variant::from(Parts { body: Body::Filed(Arc::new(Filed::lost(&label))), ..parts }))
            }
            (_, Source::Shared(_)) => Err(Malformed),
        }
    }

    /// Reads what any of those wrote, and says where the body is.
    pub fn decode_any(bytes: &[u8]) -> Result<(Parts, Source), Malformed> {
        let mut input = Input(bytes);
        if input.byte()? != VERSION {
            return Err(Malformed);
        }
        let status = u16::from_le_bytes(input.array()?);
        let (rules, initial_age) = (input.u32()?, input.u32()?);
        let (stored_at, fresh_until) = (input.i64()?, input.i64()?);
        let (stale_until, grace_until) = (input.i64()?, input.i64()?);
        let given = input.byte()?;
        let mut seconds = |bit| if given & bit == 0 { Ok(None) } else { input.u32().map(Some) };
        let (ttl, swr, grace) = (seconds(TTL)?, seconds(SWR)?, seconds(GRACE)?);
        let numbers = Numbers {
            status,
            rules,
            initial_age,
            stored_at,
            fresh_until,
            stale_until,
            grace_until,
            ttl,
            swr,
            grace,
            sequence: 0,
            is_for_disk: given & DISK != 0,
        };
        let (fields, selector, tags) = (input.fields()?, input.fields()?, input.fields()?);
        let url = Box::from(input.text()?);
        let (body, source) = input.body()?;
        let parts = Parts { numbers, fields, selector, tags, url, body };
        let is_known = given <= TTL | SWR | GRACE | DISK;
        if is_known && parts.are_sound() { Ok((parts, source)) } else { Err(Malformed) }
    }
}

impl Parts {
    /// Whether they hold what is promised of every variant.
    pub fn are_sound(&self) -> bool {
        let numbers = &self.numbers;
        let is_in_order =
            numbers.fresh_until <= numbers.stale_until && numbers.stale_until <= numbers.grace_until;
        (100..=999).contains(&numbers.status)
            && is_in_order
            && self.fields.as_ref().are_sound()
            && is_normal(self.selector.as_ref())
            && self.tags.as_ref().iter().all(|(tag, nothing)| !tag.is_empty() && nothing.is_empty())
            && is_line(&self.url)
            && u32::try_from(self.texts_len()).is_ok()
    }
}

/// Whether names are in lower case, in their order and there once. What stands for a field that was not there is no line, but
/// is never sent either.
fn is_normal(selector: FieldsRef<'_>) -> bool {
    let names = || selector.iter().map(|(name, _)| name);
    names().zip(names().skip(1)).all(|(one, next)| one < next)
        && names().all(|name| is_token(name) && !name.iter().any(u8::is_ascii_uppercase))
}

fn push_plain(bytes: &[u8], out: &mut Vec<u8>) {
    out.reserve(bytes.len() + 1);
    out.push(PLAIN);
    out.extend_from_slice(bytes);
}

fn push_packed(packed: &Packed, out: &mut Vec<u8>) {
    out.push(PACKED);
    out.extend_from_slice(&packed.len().to_le_bytes());
    out.extend_from_slice(packed.frame());
}

fn push_label(label: &Label, out: &mut Vec<u8>) {
    out.push(FILED);
    out.extend_from_slice(&label.id.to_le_bytes());
    out.extend_from_slice(&label.length.to_le_bytes());
    out.extend_from_slice(&label.checksum.to_le_bytes());
}

/// What is left of the bytes.
struct Input<'a>(&'a [u8]);

impl<'a> Input<'a> {
    fn array<const N: usize>(&mut self) -> Result<[u8; N], Malformed> {
        let (array, rest) = self.0.split_first_chunk().ok_or(Malformed)?;
        self.0 = rest;
        Ok(*array)
    }

    fn byte(&mut self) -> Result<u8, Malformed> {
        self.array().map(|[byte]| byte)
    }

    fn u32(&mut self) -> Result<u32, Malformed> {
        self.array().map(u32::from_le_bytes)
    }

    fn i64(&mut self) -> Result<i64, Malformed> {
        self.array().map(i64::from_le_bytes)
    }

    fn text(&mut self) -> Result<&'a [u8], Malformed> {
        let (text, rest) = take(self.0).ok_or(Malformed)?;
        self.0 = rest;
        Ok(text)
    }

    fn fields(&mut self) -> Result<Fields, Malformed> {
        Fields::from_encoded(self.text()?).ok_or(Malformed)
    }

    /// The body, which is all that is left, as far as it is there.
    fn body(&mut self) -> Result<(Body, Source), Malformed> {
        match self.byte()? {
            PLAIN => Ok((Body::Plain(self.0.into()), Source::Own)),
            PACKED => {
                let length = u64::from_le_bytes(self.array()?);
                Ok((Body::Packed(Arc::new(Packed::checked(length, self.0)?)), Source::Own))
            }
            SHARED => {
                let selector = Fields::from_encoded(self.0).ok_or(Malformed)?;
                Ok((Body::default(), Source::Shared(selector)))
            }
            FILED => Ok((Body::default(), Source::Filed(self.label()?))),
            _ => Err(Malformed),
        }
    }

    fn label(&mut self) -> Result<Label, Malformed> {
        let id = u128::from_le_bytes(self.array()?);
        let (length, checksum) = (u64::from_le_bytes(self.array()?), u64::from_le_bytes(self.array()?));
        if self.0.is_empty() { Ok(Label { id, length, checksum }) } else { Err(Malformed) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http_cache::NEVER;

    fn parts() -> Parts {
        let numbers = Numbers {
            status: 404,
            rules: 0x0102_0304,
            initial_age: 7,
            stored_at: 1_000,
            fresh_until: 2_000,
            stale_until: 2_000,
            grace_until: NEVER,
            ttl: Some(1),
            swr: None,
            grace: Some(u32::MAX),
            ..Numbers::default()
        };
        Parts {
            numbers,
            fields: Fields::new([(&b"ETag"[..], &b"\"a\""[..]), (b"X", b"")]),
            selector: Fields::new([(&b"accept"[..], &b"text/html"[..]), (b"accept-language", b"de")]),
            tags: Fields::new([(&b"one"[..], &b""[..])]),
            url: b"http://origin/path".as_slice().into(),
            body: Body::Plain(b"\0body\r\n"[..].into()),
        }
    }

    fn variant() -> Variant {
        Variant::from(parts())
    }

    /// One of which a number is another.
    fn with_numbers(change: impl FnOnce(&mut Numbers)) -> Parts {
        let mut parts = parts();
        change(&mut parts.numbers);
        parts
    }

    fn encoded(variant: &Variant) -> Vec<u8> {
        let mut bytes = Vec::new();
        variant.encode(&mut bytes).expect("its body is there");
        bytes
    }

    #[test]
    fn variants_come_back() {
        let packed =
            Parts { body: Body::packed(&[b'a'; 1000]), ..with_numbers(|numbers| numbers.is_for_disk = true) };
        assert!(matches!(packed.body, Body::Packed(_)));
        for variant in [variant(), Variant::default(), packed.into()] {
            let back = Variant::decode(&encoded(&variant)).expect("it was just made");
            assert_eq!(format!("{back:?}"), format!("{variant:?}"));
        }
        let used = Variant::from(with_numbers(|numbers| numbers.sequence = 9));
        used.note_use(5);
        let back = Variant::decode(&encoded(&used)).expect("it was just made");
        assert_eq!((back.sequence, back.hits(), back.used_at()), (0, 0, 0));
    }

    #[test]
    fn the_layout_is_as_it_is_drawn() {
        let numbers = Numbers { status: 0x0102, swr: Some(3), ..Numbers::default() };
        let small = Variant::from(Parts { numbers, ..Parts::default() });
        let mut drawn = vec![1, 2, 1, 0, 0, 0, 0, 0, 0, 0, 0];
        drawn.extend_from_slice(&0_i64.to_le_bytes());
        (0..3).for_each(|_| drawn.extend_from_slice(&NEVER.to_le_bytes()));
        drawn.extend_from_slice(&[2, 3, 0, 0, 0, 0, 0, 0, 0, 0]);
        assert_eq!(encoded(&small), drawn);
    }

    #[test]
    fn what_breaks_a_promise_is_refused() {
        let of = |fields: &[(&[u8], &[u8])]| Fields::new(fields.iter().copied());
        let broken = [
            with_numbers(|numbers| numbers.status = 99),
            with_numbers(|numbers| numbers.status = 1000),
            with_numbers(|numbers| numbers.fresh_until = 2_001),
            with_numbers(|numbers| numbers.grace_until = 1_999),
            Parts { fields: of(&[(b"a", b"b\r\nc: d")]), ..parts() },
            Parts { fields: of(&[(b"", b"b")]), ..parts() },
            Parts { selector: of(&[(b"Accept", b"b")]), ..parts() },
            Parts { selector: of(&[(b"b", b""), (b"a", b"")]), ..parts() },
            Parts { selector: of(&[(b"a", b""), (b"a", b"")]), ..parts() },
            Parts { tags: of(&[(b"", b"")]), ..parts() },
            Parts { tags: of(&[(b"a", b"b")]), ..parts() },
            Parts { url: b"http://a/\nb".as_slice().into(), ..parts() },
        ];
        for parts in broken {
            let bytes = encoded(&Variant::from(parts.clone()));
            assert_eq!(Variant::decode(&bytes).err(), Some(Malformed), "{parts:?}");
        }
    }

    #[test]
    fn bytes_that_are_damaged_are_refused() {
        let bytes = encoded(&variant());
        let body = b"\0body\r\n".len();
        for len in 0..bytes.len() - body {
            assert_eq!(Variant::decode(&bytes[..len]).err(), Some(Malformed), "{len} bytes");
        }
        let given = 11 + 4 * 8;
        for (at, byte) in
            [(0, 0), (0, 2), (given, 16), (bytes.len() - body - 1, 1), (bytes.len() - body - 1, 9)]
        {
            let mut bytes = bytes.clone();
            bytes[at] = byte;
            assert_eq!(Variant::decode(&bytes).err(), Some(Malformed), "{byte} at {at}");
        }
    }

    #[test]
    fn bodies_of_others_and_in_files_are_named() {
        let selector = Fields::new([(&b"accept"[..], &b"text/plain"[..])]);
        let mut bytes = Vec::new();
        variant().encode_with_body_of(selector.as_ref(), &mut bytes);
        assert!(Variant::decode(&bytes).is_err() && Variant::decode_own(&bytes).is_err());
        let Ok((back, Source::Shared(other))) = Variant::decode_any(&bytes) else {
            panic!("it was just made")
        };
        assert_eq!((other, back.body, back.fields), (selector, Body::default(), parts().fields));

        let label = Label { id: 7 << 100, length: 9, checksum: u64::MAX };
        let filed = Variant::from(Parts { body: Body::Filed(Arc::new(Filed::lost(&label))), ..parts() });
        assert_eq!(filed.encode(&mut bytes), Err(Lost));
        bytes.clear();
        filed.encode_for_itself(&mut bytes);
        assert!(Variant::decode(&bytes).is_err(), "who gives bytes to a server reaches no files of it");
        let Ok(Body::Filed(back)) = Variant::decode_own(&bytes).map(|variant| variant.shared_body()) else {
            panic!("it was just made")
        };
        assert_eq!(back.label(), Some(label));
        for broken in [&bytes[..bytes.len() - 1], &[&*bytes, b"x"].concat()] {
            assert!(Variant::decode_own(broken).is_err());
        }
    }
}
