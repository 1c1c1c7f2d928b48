//! Passwords, which are kept as hashes only.

use super::sha256::{Digest, sha256};
use std::hint::black_box;

/// The hash of a password.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Password(Digest);

impl Password {
    /// Hashes a password.
    pub(crate) fn of(text: &[u8]) -> Password {
        Password(sha256(text))
    }

    /// Reads a hash, which is 64 hexadecimal digits in lower case.
    pub(super) fn from_hex(text: &[u8]) -> Option<Password> {
        let digit = |byte: u8| match byte {
            b'0'..=b'9' => Some(byte - b'0'),
            b'a'..=b'f' => Some(byte - b'a' + 10),
            _ => None,
        };
        let mut digest = [0; 32];
        let (pairs, rest) = text.as_chunks::<2>();
        if pairs.len() != digest.len() || !rest.is_empty() {
            return None;
        }
        for (byte, [high, low]) in digest.iter_mut().zip(pairs) {
            *byte = digit(*high)? << 4 | digit(*low)?;
        }
        Some(Password(digest))
    }

    /// The hash as [`from_hex`](Self::from_hex) reads it.
    pub(crate) fn hex(&self) -> String {
        hex(&self.0)
    }

    /// Whether both are the same, in a time that doesn't depend on where they differ.
    pub(super) fn is(&self, other: &Password) -> bool {
        let differences =
            self.0.iter().zip(other.0).fold(0, |found, (one, other)| black_box(found | one ^ other));
        differences == 0
    }
}

/// Bytes as hexadecimal digits in lower case.
pub(crate) fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digit = |value: u8| char::from(DIGITS[usize::from(value)]);
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_are_read_as_they_are_written() {
        let password = Password::of(b"secret");
        assert_eq!(Password::from_hex(password.hex().as_bytes()), Some(password.clone()));
        for wrong in [&b""[..], &b"a".repeat(63), &b"a".repeat(65), &b"A".repeat(64), &b"g".repeat(64)] {
            assert_eq!(Password::from_hex(wrong), None);
        }
    }

    #[test]
    fn only_the_same_password_is_the_same() {
        let password = Password::of(b"secret");
        assert!(password.is(&Password::of(b"secret")));
        for other in [&b"secres"[..], b"secre", b"secretsecret", b""] {
            assert!(!password.is(&Password::of(other)));
        }
    }
}
