//! Base64 as in RFC 4648: with the alphabet of section 4 for credentials and for bytes that are no text, with that of section 5 for
//! tokens.

const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// The text of some bytes as tokens have it: `-` and `_` instead of `+` and `/`, without padding.
pub(crate) fn encode_for_token(bytes: &[u8]) -> String {
    let mut text = Vec::new();
    encode(bytes, &mut text);
    let letters = text.into_iter().filter(|letter| *letter != b'=').map(|letter| match letter {
        b'+' => '-',
        b'/' => '_',
        other => char::from(other),
    });
    letters.collect()
}

/// The bytes of a text of a token; nothing if it is none.
pub(crate) fn decode_from_token(text: &[u8]) -> Option<Vec<u8>> {
    let letters = text.iter().map(|letter| match letter {
        b'-' => Some(b'+'),
        b'_' => Some(b'/'),
        b'+' | b'/' | b'=' => None,
        other => Some(*other),
    });
    decode(&letters.collect::<Option<Vec<u8>>>()?)
}

/// Adds the text of some bytes, with padding.
pub(crate) fn encode(bytes: &[u8], out: &mut Vec<u8>) {
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
pub(crate) fn decode(text: &[u8]) -> Option<Vec<u8>> {
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
    fn tokens_have_an_alphabet_of_their_own_and_no_padding() {
        assert_eq!(encode_for_token(&[0xfb, 0xff, 0xfe, 0]), "-__-AA");
        assert_eq!(decode_from_token(b"-__-AA"), Some(vec![0xfb, 0xff, 0xfe, 0]));
        for text in ["+//+AA", "-__-AA==", "-__-AB", "A", "A A", "\u{e9}AA"] {
            assert_eq!(decode_from_token(text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn what_is_no_base64_is_nothing() {
        for text in ["A", "A===", "AA=", "AB==", "AAB=", "====", "=", "A A=", "A-A=", "AA==AAAA", "\u{e9}AA"]
        {
            assert_eq!(decode(text.as_bytes()), None, "{text}");
        }
    }
}
