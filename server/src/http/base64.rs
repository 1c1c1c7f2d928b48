//! Base64 as in RFC 4648, section 4: for credentials, and for bytes that are no text.

const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// Adds the text of some bytes, with padding.
pub(super) fn encode(bytes: &[u8], out: &mut Vec<u8>) {
    for group in bytes.chunks(3) {
        let byte = |place: usize| u32::from(group.get(place).copied().unwrap_or(0));
        let bits = byte(0) << 16 | byte(1) << 8 | byte(2);
        for place in 0..4 {
            let letter = LETTERS[(bits >> (18 - 6 * place) & 63) as usize];
            out.push(if place <= group.len() { letter } else { b'=' });
        }
    }
}

/// The bytes of a text, with padding or without; nothing if it is none.
pub(super) fn decode(text: &[u8]) -> Option<Vec<u8>> {
    let end = text.iter().rposition(|letter| *letter != b'=').map_or(0, |last| last + 1);
    let (letters, padding) = (&text[..end], text.len() - end);
    if letters.len() % 4 == 1 || padding > 0 && (padding > 2 || !text.len().is_multiple_of(4)) {
        return None;
    }
    let mut bytes = Vec::with_capacity(letters.len() * 3 / 4);
    for group in letters.chunks(4) {
        let mut bits = 0;
        for place in 0..4 {
            bits = bits << 6 | group.get(place).map_or(Some(0), |letter| value(*letter))?;
        }
        let whole = &u32::to_be_bytes(bits)[1..];
        let (kept, rest) = whole.split_at(group.len() * 6 / 8);
        // Bits that belong to no byte are 0, so that each value has one text.
        if rest.iter().any(|byte| *byte != 0) {
            return None;
        }
        bytes.extend_from_slice(kept);
    }
    Some(bytes)
}

fn value(letter: u8) -> Option<u32> {
    match letter {
        b'A'..=b'Z' => Some(u32::from(letter - b'A')),
        b'a'..=b'z' => Some(u32::from(letter - b'a') + 26),
        b'0'..=b'9' => Some(u32::from(letter - b'0') + 52),
        b'+' => Some(62),
        b'/' => Some(63),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_examples_of_the_rfc_go_both_ways() {
        for (bytes, text) in [
            ("", ""),
            ("f", "Zg=="),
            ("fo", "Zm8="),
            ("foo", "Zm9v"),
            ("foob", "Zm9vYg=="),
            ("fooba", "Zm9vYmE="),
            ("foobar", "Zm9vYmFy"),
        ] {
            let mut out = Vec::new();
            encode(bytes.as_bytes(), &mut out);
            assert_eq!(String::from_utf8_lossy(&out), text);
            assert_eq!(decode(text.as_bytes()).as_deref(), Some(bytes.as_bytes()));
            assert_eq!(decode(text.trim_end_matches('=').as_bytes()).as_deref(), Some(bytes.as_bytes()));
        }
    }

    #[test]
    fn all_bytes_go_both_ways() {
        let bytes: Vec<u8> = (0..=255).rev().collect();
        let mut out = Vec::new();
        encode(&bytes, &mut out);
        assert_eq!(decode(&out), Some(bytes));
    }

    #[test]
    fn what_is_no_base64_is_nothing() {
        for text in ["A", "A===", "AA=", "AB==", "AAB=", "====", "=", "A A=", "A-A=", "AA==AAAA", "\u{e9}AA"]
        {
            assert_eq!(decode(text.as_bytes()), None, "{text}");
        }
    }
}
