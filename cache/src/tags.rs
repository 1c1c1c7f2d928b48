//! Tags that an answer's fields give it, to be purged by.

use http::header::HeaderName;
use spinel_types::http_cache::{Fields, FieldsRef};

use crate::headers::Headers;

const SURROGATE_KEY: HeaderName = HeaderName::from_static("surrogate-key");
const XKEY: HeaderName = HeaderName::from_static("xkey");
const CACHE_TAG: HeaderName = HeaderName::from_static("cache-tag");

/// Gathers the tags of an answer, each once and sorted: words of `Surrogate-Key` and `xkey`, elements of `Cache-Tag`.
pub fn of_answer(answer: Headers<'_>) -> Fields {
    let mut tags: Vec<&[u8]> = Vec::new();
    answer.each(&SURROGATE_KEY, |line| tags.extend(line.split(u8::is_ascii_whitespace)));
    answer.each(&XKEY, |line| {
        tags.extend(line.split(|byte| byte.is_ascii_whitespace() || *byte == b','));
    });
    answer.each(&CACHE_TAG, |line| {
        tags.extend(line.split(|byte| *byte == b',').map(<[u8]>::trim_ascii));
    });
    gathered(tags)
}

/// Gathers tags with others, each once and sorted.
pub(crate) fn with(tags: FieldsRef<'_>, others: &[Box<[u8]>]) -> Fields {
    if others.is_empty() {
        return tags.to_owned();
    }
    gathered(tags.iter().map(|(tag, _)| tag).chain(others.iter().map(|tag| &**tag)).collect())
}

fn gathered(mut tags: Vec<&[u8]>) -> Fields {
    tags.sort_unstable();
    tags.dedup();
    Fields::new(tags.into_iter().filter(|tag| !tag.is_empty()).map(|tag| (tag, &b""[..])))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::map;

    #[test]
    fn tags_come_from_three_fields() {
        let fields = map(&[
            ("Surrogate-Key", "b  a\tB,c"),
            ("surrogate-key", "a d"),
            ("Cache-Tag", "x y, z,,a"),
            ("xkey", "k1, k2 k3"),
        ]);
        let tags = of_answer(Headers::Map(&fields));
        let names: Vec<_> =
            tags.as_ref().iter().map(|(name, _)| String::from_utf8_lossy(name).into_owned()).collect();
        assert_eq!(names, ["B,c", "a", "b", "d", "k1", "k2", "k3", "x y", "z"]);
        assert!(of_answer(Headers::Pairs(&[])).as_ref().is_empty());
    }
}
