//! What must hold of a key for a conditional command to go on.

use crate::command::args::Args;
use crate::error::Error;
use crate::keyspace::guard::KeyGuard;
use spinel_types::string::INTEGER_DIGITS_MAX;
use spinel_types::xxh3;

/// A condition on a key and its value.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) enum Condition<'a> {
    /// None.
    #[default]
    Always,
    /// `NX`: the key is missing.
    Missing,
    /// `XX`: the key exists.
    Existing,
    /// `IFEQ`: there is this value.
    Equal(&'a [u8]),
    /// `IFNE`: there isn't this value.
    NotEqual(&'a [u8]),
    /// `IFDEQ`: there is a value with this digest.
    DigestEqual(u64),
    /// `IFDNE`: there is no value with this digest.
    DigestNotEqual(u64),
}

const DIGEST_DIGITS: usize = 16;

impl<'a> Condition<'a> {
    /// Takes `NX` or `XX`; whether one was there. They may be repeated but exclude everything else.
    pub(super) fn accept_existence(&mut self, args: &mut Args<'a>) -> bool {
        let condition = if args.accept("NX") {
            Condition::Missing
        } else if args.accept("XX") {
            Condition::Existing
        } else {
            return false;
        };
        if *self != Condition::Always && *self != condition {
            args.fail(Error::Syntax);
        }
        *self = condition;
        true
    }

    /// Takes `IFEQ`, `IFNE`, `IFDEQ` or `IFDNE` with what follows; whether one was there.
    ///
    /// They exclude each other and everything else.
    pub(super) fn accept_comparison(&mut self, args: &mut Args<'a>) -> bool {
        let condition = if args.accept("IFEQ") {
            Condition::Equal(args.word())
        } else if args.accept("IFNE") {
            Condition::NotEqual(args.word())
        } else if args.accept("IFDEQ") {
            Condition::DigestEqual(digest(args))
        } else if args.accept("IFDNE") {
            Condition::DigestNotEqual(digest(args))
        } else {
            return false;
        };
        if *self != Condition::Always {
            args.fail(Error::Syntax);
        }
        *self = condition;
        true
    }

    /// Whether the key fulfils it. Comparing values fails if the key holds no string.
    pub(super) fn holds(self, guard: &mut KeyGuard<'_, '_>) -> Result<bool, Error> {
        Ok(match self {
            Condition::Always => true,
            Condition::Missing => !guard.exists(),
            Condition::Existing => guard.exists(),
            Condition::Equal(value) => is_value(guard, |text| text == value)?,
            Condition::NotEqual(value) => !is_value(guard, |text| text == value)?,
            Condition::DigestEqual(digest) => is_value(guard, |text| xxh3::hash(text) == digest)?,
            Condition::DigestNotEqual(digest) => !is_value(guard, |text| xxh3::hash(text) == digest)?,
        })
    }
}

/// Whether there is a string whose text passes.
fn is_value(guard: &mut KeyGuard<'_, '_>, passes: impl FnOnce(&[u8]) -> bool) -> Result<bool, Error> {
    Ok(guard.string()?.is_some_and(|value| passes(value.text(&mut [0; INTEGER_DIGITS_MAX]))))
}

/// Takes a digest: 16 hexadecimal digits in any case.
fn digest(args: &mut Args<'_>) -> u64 {
    let word = args.word();
    let is_plain = word.len() == DIGEST_DIGITS && word.iter().all(u8::is_ascii_hexdigit);
    let parsed = std::str::from_utf8(word).ok().and_then(|text| u64::from_str_radix(text, 16).ok());
    parsed.filter(|_| is_plain).unwrap_or_else(|| {
        args.fail(Error::Text("ERR must be exactly 16 hexadecimal characters"));
        0
    })
}
