//! One answer, and for how long it may be used.
//!
//! ```text
//! Variant ─→ counter │ numbers, uses, ends, body │ length │ fields │ selector │ tags │ URL │ small body
//!                                    └─→ any other body
//! ```
//!
//! All that a hit looks at lies in one place: each place more is one more wait for memory, and a header of the allocator.

use super::body::{Body, BodyRef, SMALL_BYTES_MAX};
use super::fields::{Fields, FieldsRef};
use std::fmt;
use std::ops::Deref;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use triomphe::{Arc, ThinArc};

/// A deadline that doesn't come.
pub const NEVER: i64 = i64::MAX;

/// An answer as it is kept: a pointer, which many may have at the same time, to something that doesn't change, but for how often and
/// when it was used.
///
/// Who wants another one puts it together of [`Parts`]; only its [`Numbers`] can be [set](Variant::set_numbers).
#[derive(Clone)]
pub struct Variant(ThinArc<Block, u8>);

/// The numbers of an answer.
///
/// `fresh_until` ≤ `stale_until` ≤ `grace_until`: until the first it is fresh, until the second it is served while one refresh
/// runs, until the third it is served if its origin fails, and then it is gone.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Numbers {
    /// The status code, 100 to 999.
    pub status: u16,
    /// Bits that the rules derived from the answer's fields when it was stored, so that no reader parses them again.
    pub rules: u32,
    /// How old the answer was when it came, in seconds, by RFC 9111's `corrected_initial_age`.
    pub initial_age: u32,
    /// When it came, or was last found valid.
    pub stored_at: i64,
    /// Until when it is fresh.
    pub fresh_until: i64,
    /// Until when it is served stale at once.
    pub stale_until: i64,
    /// Until when it is what remains if its origin fails.
    pub grace_until: i64,
    /// Seconds of freshness that were given when it was written, and hold again when it is refreshed.
    pub ttl: Option<u32>,
    /// Seconds of stale-while-revalidate that were given.
    pub swr: Option<u32>,
    /// Seconds of grace that were given.
    pub grace: Option<u32>,
    /// The number of the write that stored it: purges with higher numbers are meant for it.
    pub sequence: u64,
    /// Whether the body is for a file, on servers that keep such files.
    pub is_for_disk: bool,
}

/// An answer in its parts, as it is put together or changed.
#[derive(Clone, Default, Debug)]
pub struct Parts {
    /// Its numbers.
    pub numbers: Numbers,
    /// The answer's fields.
    pub fields: Fields,
    /// The request's fields that chose it, names in lower case, sorted, values as the rules normalise them; empty if every
    /// request is answered with it.
    pub selector: Fields,
    /// Its tags, as names without values.
    pub tags: Fields,
    /// Where it came from and is fetched again, or empty.
    pub url: Box<[u8]>,
    /// The answer's body.
    pub body: Body,
}

/// The last [`Variant::id`] that was given.
static LAST_ID: AtomicU64 = AtomicU64::new(0);

/// What precedes the bytes of a variant.
struct Block {
    id: u64,
    numbers: Numbers,
    uses: Uses,
    /// Where fields, selector, tags and URL end in them.
    ends: [u32; 4],
    /// The body; none if it is what is left of them.
    body: Option<Body>,
}

/// How often and when a variant was used.
#[derive(Default)]
struct Uses {
    hits: AtomicU64,
    last: AtomicI64,
}

impl Variant {
    /// The answer's fields.
    #[inline]
    pub fn fields(&self) -> FieldsRef<'_> {
        FieldsRef::trusted(&self.0.slice[..self.end(0)])
    }

    /// The request's fields that chose it; see [`Parts::selector`].
    #[inline]
    pub fn selector(&self) -> FieldsRef<'_> {
        FieldsRef::trusted(&self.0.slice[self.end(0)..self.end(1)])
    }

    /// Its tags, as names without values.
    #[inline]
    pub fn tags(&self) -> FieldsRef<'_> {
        FieldsRef::trusted(&self.0.slice[self.end(1)..self.end(2)])
    }

    /// Where it came from and is fetched again, or empty.
    #[inline]
    pub fn url(&self) -> &[u8] {
        &self.0.slice[self.end(2)..self.end(3)]
    }

    /// The answer's body.
    #[inline]
    pub fn body(&self) -> BodyRef<'_> {
        match &self.block().body {
            None => BodyRef::Plain(&self.0.slice[self.end(3)..]),
            Some(body) => body.as_ref(),
        }
    }

    /// A body of its own, for something else. A small one is copied, others are shared.
    pub fn shared_body(&self) -> Body {
        match &self.block().body {
            None => Body::Plain(self.0.slice[self.end(3)..].into()),
            Some(body) => body.clone(),
        }
    }

    /// Counts a use at `now`.
    #[inline]
    pub fn note_use(&self, now: i64) {
        let Block { uses, body, .. } = self.block();
        uses.hits.fetch_add(1, Ordering::Relaxed);
        uses.last.store(now, Ordering::Relaxed);
        if let Some(Body::Filed(filed)) = body {
            filed.note_use(now);
        }
    }

    /// How often it was used.
    pub fn hits(&self) -> u64 {
        self.block().uses.hits.load(Ordering::Relaxed)
    }

    /// When it was used last, or 0.
    pub fn used_at(&self) -> i64 {
        self.block().uses.last.load(Ordering::Relaxed)
    }

    /// A number that no other variant of this process has or had: with it somebody knows it again who doesn't keep it.
    pub fn id(&self) -> u64 {
        self.block().id
    }

    /// Whether it is the same one, and not only alike. O(1).
    pub fn is_same(&self, other: &Variant) -> bool {
        self.id() == other.id()
    }

    /// Memory in bytes. O(1).
    pub fn memory_bytes(&self) -> usize {
        let counter_and_length = 2 * size_of::<usize>();
        let body = self.block().body.as_ref().map_or(0, Body::memory_bytes);
        counter_and_length + size_of::<Block>() + self.0.slice.len() + body
    }

    /// Its parts. O(bytes); a body that is not small is shared.
    pub fn to_parts(&self) -> Parts {
        Parts {
            numbers: **self,
            fields: self.fields().to_owned(),
            selector: self.selector().to_owned(),
            tags: self.tags().to_owned(),
            url: self.url().into(),
            body: self.shared_body(),
        }
    }

    /// Gives it other numbers. O(1) if nobody else has it; else it becomes a copy, in O(bytes).
    pub fn set_numbers(&mut self, numbers: Numbers) {
        let is_set = self.0.with_arc_mut(|shared| {
            Arc::get_mut(shared).map(|own| own.header_mut().numbers = numbers).is_some()
        });
        if !is_set {
            let Block { ends, body, .. } = self.block();
            let uses = Uses { hits: self.hits().into(), last: self.used_at().into() };
            let block = Block { id: next_id(), numbers, uses, ends: *ends, body: body.clone() };
            *self = Variant(ThinArc::from_header_and_slice(block, &self.0.slice));
        }
    }

    /// What takes its place: a variant of these parts that counts as used as often. O(bytes).
    #[must_use]
    pub fn successor(&self, parts: Parts) -> Variant {
        let successor = Variant::from(parts);
        let uses = &successor.block().uses;
        uses.hits.store(self.hits(), Ordering::Relaxed);
        uses.last.store(self.used_at(), Ordering::Relaxed);
        successor
    }

    /// Asks for all but the bytes to be loaded into the cache.
    #[inline]
    pub(super) fn prefetch(&self) {
        crate::cpu::prefetch_from(self.0.as_ptr().cast(), size_of::<Block>() + 2 * size_of::<usize>());
    }

    /// Asks for the bytes, and a body apart from them, to be loaded into the cache, where [the rest](Variant::prefetch) should be
    /// by now.
    #[inline]
    pub(super) fn prefetch_content(&self) {
        crate::cpu::prefetch_all(&self.0.slice);
        if let Some(Body::Plain(body)) = &self.block().body {
            crate::cpu::prefetch_all(&**body);
        }
    }

    #[inline]
    fn block(&self) -> &Block {
        &self.0.header.header
    }

    #[inline]
    fn end(&self, text: usize) -> usize {
        self.block().ends[text] as usize
    }
}

fn next_id() -> u64 {
    LAST_ID.fetch_add(1, Ordering::Relaxed) + 1
}

impl Deref for Variant {
    type Target = Numbers;

    #[inline]
    fn deref(&self) -> &Numbers {
        &self.block().numbers
    }
}

impl From<Parts> for Variant {
    /// O(bytes).
    ///
    /// # Panics
    /// If the texts have 4 GiB and more: whoever takes them from somebody has a lower limit.
    fn from(parts: Parts) -> Variant {
        let texts = parts.texts();
        let (small, body) = match parts.body.as_ref() {
            BodyRef::Plain(bytes) if bytes.len() <= SMALL_BYTES_MAX => (bytes, None),
            _ => (&[][..], Some(parts.body.clone())),
        };
        let mut bytes = Vec::with_capacity(parts.texts_len() + small.len());
        let ends = texts.map(|text| {
            bytes.extend_from_slice(text);
            u32::try_from(bytes.len()).expect("texts are shorter")
        });
        bytes.extend_from_slice(small);
        let block = Block { id: next_id(), numbers: parts.numbers, uses: Uses::default(), ends, body };
        Variant(ThinArc::from_header_and_slice(block, &bytes))
    }
}

impl Default for Variant {
    fn default() -> Variant {
        Variant::from(Parts::default())
    }
}

impl fmt::Debug for Variant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Variant")
            .field("numbers", &**self)
            .field("fields", &self.fields())
            .field("selector", &self.selector())
            .field("tags", &self.tags())
            .field("url", &String::from_utf8_lossy(self.url()))
            .field("body", &self.body())
            .field("hits", &self.hits())
            .finish_non_exhaustive()
    }
}

impl Parts {
    /// What it is put together of besides numbers and the body.
    pub(super) fn texts(&self) -> [&[u8]; 4] {
        [self.fields.encoded(), self.selector.encoded(), self.tags.encoded(), &self.url]
    }

    /// Bytes of all [texts](Parts::texts).
    pub(super) fn texts_len(&self) -> usize {
        self.texts().iter().map(|text| text.len()).sum()
    }

    /// The most bytes that something in it has, which limits are for: all texts together, or the body. O(1).
    pub fn bytes(&self) -> usize {
        self.texts_len().max(self.body.as_ref().len())
    }
}

impl Default for Numbers {
    fn default() -> Numbers {
        Numbers {
            status: 200,
            rules: 0,
            initial_age: 0,
            stored_at: 0,
            fresh_until: NEVER,
            stale_until: NEVER,
            grace_until: NEVER,
            ttl: None,
            swr: None,
            grace: None,
            sequence: 0,
            is_for_disk: false,
        }
    }
}
