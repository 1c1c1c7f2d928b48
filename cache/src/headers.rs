//! Header fields, wherever they are kept.

use http::HeaderMap;
use http::header::AsHeaderName;
use spinel_types::http_cache::FieldsRef;

/// The fields of a message: as they came, as words of a command, or as they are stored.
#[derive(Clone, Copy, Debug)]
pub enum Headers<'a> {
    /// As they came.
    Map(&'a HeaderMap),
    /// Names and values, such as those of a command.
    Pairs(&'a [(&'a [u8], &'a [u8])]),
    /// As they are stored.
    Stored(FieldsRef<'a>),
}

impl<'a> Headers<'a> {
    /// Hands out the values of the lines of this name, in their order.
    pub fn each<K: AsHeaderName + AsRef<str>>(self, name: K, mut take: impl FnMut(&'a [u8])) {
        match self {
            Headers::Map(map) => map.get_all(name).iter().for_each(|value| take(value.as_bytes())),
            Headers::Pairs(pairs) => each_named(pairs.iter().copied(), name.as_ref(), take),
            Headers::Stored(fields) => each_named(fields.iter(), name.as_ref(), take),
        }
    }

    /// The value of the first line of this name.
    pub fn first<K: AsHeaderName + AsRef<str>>(self, name: K) -> Option<&'a [u8]> {
        if let Headers::Map(map) = self {
            return map.get(name).map(http::HeaderValue::as_bytes);
        }
        let mut first = None;
        self.each(name, |value| first = first.or(Some(value)));
        first
    }

    /// Whether there is a line of this name.
    pub fn has<K: AsHeaderName + AsRef<str>>(self, name: K) -> bool {
        self.first(name).is_some()
    }

    /// Its lines as one, with commas between them; `None` without a line.
    pub fn joined<K: AsHeaderName + AsRef<str>>(self, name: K) -> Option<Vec<u8>> {
        let mut joined: Option<Vec<u8>> = None;
        self.each(name, |value| match &mut joined {
            Some(joined) => {
                joined.extend_from_slice(b", ");
                joined.extend_from_slice(value);
            }
            None => joined = Some(value.to_vec()),
        });
        joined
    }
}

fn each_named<'a>(
    fields: impl Iterator<Item = (&'a [u8], &'a [u8])>,
    name: &str,
    take: impl FnMut(&'a [u8]),
) {
    fields
        .filter(|(other, _)| other.eq_ignore_ascii_case(name.as_bytes()))
        .map(|(_, value)| value)
        .for_each(take);
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;
    use http::header::VARY;
    use spinel_types::http_cache::Fields;

    #[test]
    fn lines_are_found_wherever_they_are() {
        let pairs: [(&[u8], &[u8]); 3] = [(b"Vary", b"a"), (b"X", b"y"), (b"vary", b"b")];
        let mut map = HeaderMap::new();
        map.append(VARY, HeaderValue::from_static("a"));
        map.append(VARY, HeaderValue::from_static("b"));
        let stored = Fields::new(pairs);
        for headers in [Headers::Map(&map), Headers::Pairs(&pairs), Headers::Stored(stored.as_ref())] {
            assert_eq!(headers.joined(&VARY), Some(b"a, b".to_vec()));
            assert_eq!(headers.first("vary"), Some(&b"a"[..]));
            assert!(headers.has(VARY) && !headers.has("missing"));
            assert_eq!(headers.joined("missing"), None);
        }
    }
}
