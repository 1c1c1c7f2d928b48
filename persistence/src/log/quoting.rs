//! File names in the manifest: bare where every byte is a plain one, otherwise in double quotes.

use spinel_resp::request::{quote, split_line};

/// Returns a name as the manifest writes it.
pub(super) fn quoted(name: &str) -> String {
    let is_plain = |byte: u8| byte.is_ascii_graphic() && !matches!(byte, b'\\' | b'"' | b'\'');
    if name.bytes().all(is_plain) {
        return name.to_owned();
    }
    let mut text = Vec::new();
    quote(name.as_bytes(), &mut text);
    text.into_iter().map(char::from).collect()
}

/// Splits a line into words; `None` when quotes are not closed or a word is no text.
pub(super) fn split(line: &[u8]) -> Option<Vec<String>> {
    split_line(line)?.into_iter().map(|word| String::from_utf8(word).ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_come_back_as_they_were() {
        assert_eq!(quoted("appendonly.aof.1.incr.aof"), "appendonly.aof.1.incr.aof");
        assert_eq!(quoted("my log"), "\"my log\"");
        for name in ["a\\b", "a\"b", "a\nb\r\t\x07\x08\x01", "grün", "it's", "#"] {
            assert_eq!(split(quoted(name).as_bytes()), Some(vec![name.to_owned()]), "{name}");
        }
        assert_eq!(split(b"\"open"), None);
        assert_eq!(split(b"\"\\xff\""), None);
    }
}
