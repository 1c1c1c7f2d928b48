//! Entity tags (RFC 9110, section 8.8.3).

/// An entity tag.
///
/// Some origins send tags without quotes. They are taken as they are: such a tag equals only itself.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct EntityTag<'a> {
    /// Whether it stands for what means the same, not for the same bytes.
    pub weak: bool,
    /// The tag with its quotes.
    pub opaque: &'a [u8],
}

impl<'a> EntityTag<'a> {
    /// Reads one tag; `None` if nothing stands there.
    pub fn parse(text: &'a [u8]) -> Option<EntityTag<'a>> {
        let text = text.trim_ascii();
        let (weak, opaque) = text.strip_prefix(b"W/").map_or((false, text), |opaque| (true, opaque));
        (!opaque.is_empty()).then_some(EntityTag { weak, opaque })
    }

    /// Whether both stand for what means the same.
    pub fn matches_weakly(self, other: EntityTag<'_>) -> bool {
        self.opaque == other.opaque
    }

    /// Whether both stand for the same bytes.
    pub fn matches_strongly(self, other: EntityTag<'_>) -> bool {
        !self.weak && !other.weak && self.opaque == other.opaque
    }
}

/// Whether one of a list of tags, or `*`, stands for what `tag` stands for. Commas between quotes are part of a tag.
pub(crate) fn list_matches(list: &[u8], tag: Option<EntityTag<'_>>) -> bool {
    any(list, |found| tag.is_some_and(|tag| found.matches_weakly(tag)))
}

/// Whether one of a list of tags, or `*`, stands for the very bytes that `tag` stands for.
pub(crate) fn list_matches_strongly(list: &[u8], tag: Option<EntityTag<'_>>) -> bool {
    any(list, |found| tag.is_some_and(|tag| found.matches_strongly(tag)))
}

fn any(list: &[u8], is_wanted: impl Fn(EntityTag<'_>) -> bool) -> bool {
    let mut rest = list.trim_ascii();
    if rest == b"*" {
        return true;
    }
    while !rest.is_empty() {
        let end = end_of_tag(rest);
        if EntityTag::parse(&rest[..end]).is_some_and(&is_wanted) {
            return true;
        }
        rest = rest.get(end + 1..).unwrap_or_default();
    }
    false
}

/// Where the first tag of a list ends: at the comma behind it, or with the list.
fn end_of_tag(list: &[u8]) -> usize {
    let comma = |from: usize| {
        let at = list[from..].iter().position(|byte| *byte == b',');
        at.map_or(list.len(), |at| from + at)
    };
    let end = comma(0);
    let Some(open) = list[..end].iter().position(|byte| *byte == b'"') else {
        return end;
    };
    let close = list[open + 1..].iter().position(|byte| *byte == b'"');
    close.map_or(end, |close| comma(open + 1 + close))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tag(text: &str) -> EntityTag<'_> {
        EntityTag::parse(text.as_bytes()).unwrap()
    }

    /// The table of RFC 9110, section 8.8.3.2.
    #[test]
    fn tags_are_compared_weakly_and_strongly() {
        let table = [
            ("W/\"1\"", "W/\"1\"", false, true),
            ("W/\"1\"", "W/\"2\"", false, false),
            ("W/\"1\"", "\"1\"", false, true),
            ("\"1\"", "\"1\"", true, true),
            ("\"1\"", "\"2\"", false, false),
            ("\"1\"", "1", false, false),
        ];
        for (one, other, strongly, weakly) in table {
            assert_eq!(tag(one).matches_strongly(tag(other)), strongly, "{one} {other}");
            assert_eq!(tag(other).matches_weakly(tag(one)), weakly, "{one} {other}");
        }
        assert_eq!(EntityTag::parse(b" "), None);
        assert_eq!(EntityTag::parse(b"W/"), None);
    }

    #[test]
    fn lists_are_searched() {
        let own = Some(tag("\"a,b\""));
        let found =
            ["\"a,b\"", "W/\"a,b\"", "\"x\", \"a,b\"", "\"x\",,\t\"a,b\" , \"y\"", "*", " * ", "x, \"a,b\""];
        for list in found {
            assert!(list_matches(list.as_bytes(), own), "{list}");
        }
        for list in ["", ",", "\"a\"", "\"b\"", "a,b", "\"a,b", "*, \"x\"", "\"*\"", "\"x, \"a,b\"y\""] {
            assert!(!list_matches(list.as_bytes(), own), "{list}");
        }
        assert!(list_matches(b"*", None) && !list_matches(b"\"a\"", None));
        assert!(list_matches(b"\"x\", bare , \"y\"", Some(tag("bare"))));
    }
}
