//! Passwords, which are kept as hashes only.

use ring::digest::{SHA256, SHA256_OUTPUT_LEN, digest};
use std::hint::black_box;

/// The hash of a password by SHA-256, because Redis keeps and shows it so.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Password([u8; SHA256_OUTPUT_LEN]);

impl Password {
    /// Hashes a password.
    pub(crate) fn of(text: &[u8]) -> Password {
        let mut bytes = [0; SHA256_OUTPUT_LEN];
        bytes.copy_from_slice(digest(&SHA256, text).as_ref());
        Password(bytes)
    }

    /// Reads a hash, which is 64 hexadecimal digits in lower case.
    pub(super) fn from_hex(text: &[u8]) -> Option<Password> {
        let digit = |byte: u8| match byte {
            b'0'..=b'9' => Some(byte - b'0'),
            b'a'..=b'f' => Some(byte - b'a' + 10),
            _ => None,
        };
        let mut digest = [0; SHA256_OUTPUT_LEN];
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
    fn digests_are_those_of_the_standard() {
        let hex = |message: &[u8]| Password::of(message).hex();
        for (message, expected) in [
            (&b""[..], "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
            (b"abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
            (
                b"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
                "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1",
            ),
        ] {
            assert_eq!(hex(message), expected);
        }
        let million = vec![b'a'; 1_000_000];
        assert_eq!(hex(&million), "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
    }

    #[test]
    fn passwords_of_any_length_differ() {
        let digests: std::collections::BTreeSet<String> =
            (0..200).map(|length| Password::of(&vec![0; length]).hex()).collect();
        assert_eq!(digests.len(), 200);
    }

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
