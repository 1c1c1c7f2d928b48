//! Answers of HTTP origins under one key, with what says for how long each may be used.
//!
//! ```text
//! HttpCache ─ a variant, or a list of them, the one stored last at the end
//!               └ Variant (shared): status, deadlines, fields, selector, tags, URL, body
//! ```
//!
//! A variant that others have, too, never changes: a new one takes its place. So whoever reads one needs no lock while he sends its
//! body, and a copy of an entry costs a counter for each variant. Only how often and when it was used is noted in place.
//!
//! The bytes of several variants, and the time at which the first of them is gone, are kept beside them, so that the accounts of
//! the keyspace cost O(1).
//!
//! A body is in memory, as it came or compressed, or somebody else keeps it, in a file ([`Filed`]). Where it is is no part of what
//! is stored: it may be elsewhere on another server.
//!
//! All times are Unix milliseconds. What the rules make of them is not known here: the crate `cache` decides.

mod body;
mod codec;
mod fields;
mod filed;
mod packed;
#[cfg(test)]
mod tests;
mod variant;

pub use body::{Body, BodyRef};
pub use codec::{Malformed, Source};
pub use fields::{Fields, FieldsRef, is_line, is_token};
pub use filed::{Content, Filed, Label, Lost, Opened, Shelf};
pub use packed::{PACKED_BYTES_MAX, Packed, Unpacker};
pub use variant::{NEVER, Numbers, Parts, Variant};

/// What becomes of a variant that is looked at again.
#[derive(Clone, Copy, Debug)]
pub enum Revision {
    /// It stays as it is.
    Stays,
    /// It goes.
    Goes,
    /// It has these numbers from now on.
    Becomes(Numbers),
}

/// The most variants of one entry that anything may allow: what costs O(variants) is done while others wait.
pub const VARIANTS_MAX: usize = 4096;

/// The variants of one entry.
///
/// Invariant: no two have the same selector.
#[derive(Clone, Debug, Default)]
pub struct HttpCache(Variants);

/// Where the variants are. Most entries have one, which needs no list.
///
/// Invariants: [`Several`](Variants::Several) has two or more, and says what is true of them.
#[derive(Clone, Debug, Default)]
enum Variants {
    #[default]
    None,
    One(Variant),
    Several(Box<Several>),
}

/// A list of variants, with what would take a look at each.
#[derive(Clone, Debug)]
struct Several {
    variants: Vec<Variant>,
    /// Memory of all variants.
    bytes: usize,
    /// When the first of them is gone.
    due: i64,
}

impl HttpCache {
    /// Makes an entry without variants.
    pub fn new() -> HttpCache {
        HttpCache::default()
    }

    /// The variants, in the order in which they were stored.
    #[inline]
    pub fn variants(&self) -> &[Variant] {
        match &self.0 {
            Variants::None => &[],
            Variants::One(variant) => std::slice::from_ref(variant),
            Variants::Several(several) => &several.variants,
        }
    }

    /// The variant that was stored for exactly this selector. O(variants).
    pub fn of_selector(&self, selector: FieldsRef<'_>) -> Option<&Variant> {
        self.variants().iter().find(|variant| variant.selector() == selector)
    }

    /// How many variants there are.
    pub fn len(&self) -> usize {
        self.variants().len()
    }

    /// Whether there is no variant, so that the key should go.
    pub fn is_empty(&self) -> bool {
        self.variants().is_empty()
    }

    /// Puts a variant at the end, and returns the one with the same selector, whose place it takes. O(variants).
    pub fn put(&mut self, variant: Variant) -> Option<Variant> {
        match &mut self.0 {
            Variants::None => {
                self.0 = Variants::One(variant);
                None
            }
            Variants::One(only) if only.selector() == variant.selector() => {
                Some(std::mem::replace(only, variant))
            }
            _ => self.edit(|variants| {
                let former = variants.iter().position(|other| other.selector() == variant.selector());
                let former = former.map(|index| variants.remove(index));
                variants.push(variant);
                former
            }),
        }
    }

    /// Keeps the variants for which `keep` says so, and returns how many went. O(variants).
    pub fn retain(&mut self, mut keep: impl FnMut(&Variant) -> bool) -> usize {
        let before = self.len();
        self.sift(|variant| keep(variant));
        before - self.len()
    }

    /// Does with each variant what `revise` says. O(variants).
    pub fn revise(&mut self, mut revise: impl FnMut(&Variant) -> Revision) {
        self.sift(|variant| match revise(variant) {
            Revision::Stays => true,
            Revision::Goes => false,
            Revision::Becomes(numbers) => {
                variant.set_numbers(numbers);
                true
            }
        });
    }

    /// Gives all variants the number of another write, because they are written to a key now. Those that others share are
    /// copied. O(variants), and their bytes then.
    pub fn renumber(&mut self, sequence: u64) {
        let variants = match &mut self.0 {
            Variants::None => &mut [],
            Variants::One(variant) => std::slice::from_mut(variant),
            // What is kept of them doesn't change.
            Variants::Several(several) => &mut several.variants[..],
        };
        for variant in variants.iter_mut().filter(|variant| variant.sequence != sequence) {
            variant.set_numbers(Numbers { sequence, ..**variant });
        }
    }

    /// When the first variant is gone; [`NEVER`] if none ever is. O(1).
    pub fn next_due(&self) -> i64 {
        match &self.0 {
            Variants::None => NEVER,
            Variants::One(variant) => variant.grace_until,
            Variants::Several(several) => several.due,
        }
    }

    /// Puts bodies where `place` says; nothing leaves one where it is. O(variants).
    pub fn move_bodies(&mut self, mut place: impl FnMut(&Variant) -> Option<Body>) {
        self.sift(|variant| {
            if let Some(body) = place(variant) {
                *variant = variant.successor(Parts { body, ..variant.to_parts() });
            }
            true
        });
    }

    /// Removes variants that are gone by `now`, at most `variants_max`, and reports the selector of each as it is encoded; says
    /// whether there may be more. If that would be all variants, none is removed or reported, and nothing is said. O(variants).
    pub(crate) fn expire(
        &mut self,
        now: i64,
        variants_max: usize,
        mut report: impl FnMut(&[u8]),
    ) -> Option<bool> {
        let is_gone = |variant: &Variant| variant.grace_until <= now || variant.body().is_lost();
        let gone = self.variants().iter().filter(|variant| is_gone(variant)).count();
        if gone == self.len() {
            return None;
        }
        let mut left = variants_max.min(gone);
        self.retain(|variant| {
            let goes = left > 0 && is_gone(variant);
            if goes {
                left -= 1;
                report(variant.selector().encoded());
            }
            !goes
        });
        Some(gone > variants_max)
    }

    /// Memory in bytes of what hangs off it, of variants that are shared, too. O(1).
    pub fn memory_bytes(&self) -> usize {
        match &self.0 {
            Variants::None => 0,
            Variants::One(variant) => variant.memory_bytes(),
            Variants::Several(several) => several.memory_bytes(),
        }
    }

    /// Asks for the variants to be loaded into the cache.
    #[inline]
    pub(crate) fn prefetch(&self) {
        match &self.0 {
            Variants::None => {}
            Variants::One(variant) => variant.prefetch(),
            Variants::Several(several) => crate::cpu::prefetch(&**several),
        }
    }

    /// Asks for what a variant is sent with to be loaded into the cache, where the variant should be by now.
    #[inline]
    pub(crate) fn prefetch_content(&self) {
        if let Variants::One(variant) = &self.0 {
            variant.prefetch_content();
        }
    }

    /// Lets `stays` change variants, but for their selectors, and say of each whether it stays. O(variants).
    fn sift(&mut self, mut stays: impl FnMut(&mut Variant) -> bool) {
        match &mut self.0 {
            Variants::None => {}
            Variants::One(variant) => {
                if !stays(variant) {
                    self.0 = Variants::None;
                }
            }
            Variants::Several(_) => self.edit(|variants| variants.retain_mut(stays)),
        }
    }

    /// Changes the list of variants. O(variants).
    fn edit<R>(&mut self, change: impl FnOnce(&mut Vec<Variant>) -> R) -> R {
        let mut variants = match std::mem::take(&mut self.0) {
            Variants::None => Vec::new(),
            Variants::One(variant) => vec![variant],
            Variants::Several(several) => several.variants,
        };
        let result = change(&mut variants);
        self.0 = match variants.len() {
            0 => Variants::None,
            1 => variants.pop().map_or(Variants::None, Variants::One),
            _ => Variants::Several(Box::new(Several::of(variants))),
        };
        result
    }
}

impl Several {
    fn of(variants: Vec<Variant>) -> Several {
        let bytes = variants.iter().map(Variant::memory_bytes).sum();
        let due = variants.iter().map(|variant| variant.grace_until).min().unwrap_or(NEVER);
        Several { variants, bytes, due }
    }

    fn memory_bytes(&self) -> usize {
        size_of::<Several>() + self.variants.capacity() * size_of::<Variant>() + self.bytes
    }
}
