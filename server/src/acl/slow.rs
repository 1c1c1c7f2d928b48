//! Passwords kept as Argon2id hashes (RFC 9106), which take long to check on purpose: who reads the file of users can try only a
//! few passwords a second.
//!
//! ```text
//! $argon2id$v=19$m=19456,t=2,p=1$<salt>$<hash>
//!                └ KiB    └ passes └ lanes, both in base64 without padding
//! ```

use crate::base64;
use argon2::{Algorithm, Argon2, Params, Version};
use rustix::rand::{GetRandomFlags, getrandom};
use std::hint::black_box;
use std::ops::RangeInclusive;

/// The longest password that is kept so.
pub(super) const PASSWORD_BYTES_MAX: usize = 16 * 1024;

/// How a hash in this form begins.
pub(super) const HEAD: &[u8] = b"$argon2id$";
const SALT_BYTES: RangeInclusive<usize> = 8..=64;
const HASH_BYTES: RangeInclusive<usize> = 16..=64;
/// What checking a password may cost at most: memory, passes over it, and both together, which is a third of a second.
const KIB_MAX: u32 = 64 * 1024;
const PASSES_MAX: u32 = 16;
const LANES_MAX: u32 = 8;
const KIB_AND_PASSES_MAX: u32 = 4 * KIB_MAX;

/// The parameters of passwords that are hashed here: some 20 ms and 19 MiB.
const OWN: (u32, u32, u32) = (19 * 1024, 2, 1);

/// A password of which only a hash is known that takes long to compute.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct SlowPassword {
    kib: u32,
    passes: u32,
    lanes: u32,
    salt: Box<[u8]>,
    hash: Box<[u8]>,
}

impl SlowPassword {
    /// Hashes a password, which takes its time; nothing if it is too long, or there is no memory or no chance.
    pub(super) fn of(password: &[u8]) -> Option<SlowPassword> {
        if password.len() > PASSWORD_BYTES_MAX {
            return None;
        }
        let mut salt = [0; 16];
        let count = getrandom(&mut salt, GetRandomFlags::empty()).ok()?;
        let (kib, passes, lanes) = OWN;
        let mut made =
            SlowPassword { kib, passes, lanes, salt: Box::from(&salt[..count]), hash: vec![0; 32].into() };
        made.hash = made.hash_of(password).filter(|_| count == salt.len())?;
        Some(made)
    }

    /// A hash that no password has, and that takes as long to check as one that is made here.
    pub(super) fn nobodys() -> SlowPassword {
        let (kib, passes, lanes) = OWN;
        SlowPassword { kib, passes, lanes, salt: vec![0; 16].into(), hash: vec![0; 32].into() }
    }

    /// Reads a hash with parameters that cost no more than is allowed.
    pub(super) fn read(text: &[u8]) -> Option<SlowPassword> {
        let text = std::str::from_utf8(text.strip_prefix(HEAD)?).ok()?;
        let mut parts = text.split('$');
        let (version, parameters) = (parts.next()?, parts.next()?);
        let (salt, hash) = (unpadded(parts.next()?)?, unpadded(parts.next()?)?);
        let mut numbers = parameters.split(',').zip(["m=", "t=", "p="]).map(|(parameter, name)| {
            let digits = parameter.strip_prefix(name).filter(|digits| !digits.starts_with(['0', '+']))?;
            digits.parse::<u32>().ok()
        });
        let (kib, passes, lanes) = (numbers.next()??, numbers.next()??, numbers.next()??);
        let is_whole = parts.next().is_none() && parameters.split(',').count() == 3 && version == "v=19";
        let is_bounded = kib <= KIB_MAX
            && passes <= PASSES_MAX
            && lanes <= LANES_MAX
            && kib * passes <= KIB_AND_PASSES_MAX
            && SALT_BYTES.contains(&salt.len())
            && HASH_BYTES.contains(&hash.len());
        let made = SlowPassword { kib, passes, lanes, salt: salt.into(), hash: hash.into() };
        (is_whole && is_bounded && made.parameters().is_some()).then_some(made)
    }

    /// The hash as [`read`](Self::read) reads it.
    pub(crate) fn text(&self) -> String {
        let encode = |bytes: &[u8]| {
            let mut text = Vec::new();
            base64::encode(bytes, &mut text);
            String::from_utf8_lossy(&text).trim_end_matches('=').to_owned()
        };
        let SlowPassword { kib, passes, lanes, salt, hash } = self;
        format!("$argon2id$v=19$m={kib},t={passes},p={lanes}${}${}", encode(salt), encode(hash))
    }

    /// Whether this is the hash of a password, which takes its time; not if there is no memory to tell.
    pub(super) fn is_of(&self, password: &[u8]) -> bool {
        let Some(hash) = self.hash_of(password) else { return false };
        let differences =
            self.hash.iter().zip(&hash).fold(0, |found, (one, other)| black_box(found | one ^ other));
        differences == 0
    }

    fn hash_of(&self, password: &[u8]) -> Option<Box<[u8]>> {
        let mut hash = vec![0; self.hash.len()];
        let function = Argon2::new(Algorithm::Argon2id, Version::V0x13, self.parameters()?);
        function.hash_password_into(password, &self.salt, &mut hash).ok()?;
        Some(hash.into())
    }

    fn parameters(&self) -> Option<Params> {
        Params::new(self.kib, self.passes, self.lanes, Some(self.hash.len())).ok()
    }
}

fn unpadded(text: &str) -> Option<Vec<u8>> {
    if text.contains('=') { None } else { base64::decode(text.as_bytes()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The reference implementation's example.
    const EXAMPLE: &str =
        "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc";

    #[test]
    fn hashes_are_those_of_others() {
        let read = SlowPassword::read(EXAMPLE.as_bytes()).expect("it is one");
        assert!(read.is_of(b"password") && !read.is_of(b"Password"));
        assert_eq!(read.text(), EXAMPLE);
    }

    #[test]
    fn each_hash_has_a_salt_of_its_own() {
        let (one, other) =
            (SlowPassword::of(b"pw").expect("memory"), SlowPassword::of(b"pw").expect("memory"));
        assert_ne!(one, other);
        assert!(one.is_of(b"pw") && other.is_of(b"pw") && !SlowPassword::nobodys().is_of(b"pw"));
        assert_eq!(SlowPassword::read(one.text().as_bytes()), Some(one));
    }

    #[test]
    fn what_costs_too_much_or_is_no_hash_is_refused() {
        for (from, to) in [
            ("argon2id", "argon2i"),
            ("v=19", "v=16"),
            ("v=19$", ""),
            ("m=65536", "m=65537"),
            ("m=65536", "m=7"),
            ("m=65536", "m=065536"),
            ("m=65536", "m=+65536"),
            ("m=65536", "m=99999999999"),
            ("t=2", "t=5"),
            ("t=2", "t=0"),
            ("p=1", "p=9"),
            ("p=1", "p=1,x=1"),
            (",p=1", ""),
            ("m=65536,t=2", "t=2,m=65536"),
            ("c29tZXNhbHQ", "c29tZXNhbHQ="),
            ("c29tZXNhbHQ", "c29t"),
            ("CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc", "CTFhFdXP"),
            ("PPc", "PPc$"),
            ("PPc", "PP?"),
        ] {
            let text = EXAMPLE.replacen(from, to, 1);
            assert_ne!(text, EXAMPLE, "{from}");
            assert_eq!(SlowPassword::read(text.as_bytes()), None, "{text}");
        }
    }
}
