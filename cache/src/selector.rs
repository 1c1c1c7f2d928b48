//! Which requests a variant answers (RFC 9111, section 4.1).
//!
//! A selector holds the fields that `Vary` names, as they were in the request that the answer was for: names in lower case and
//! sorted, values in a normal form, and [`ABSENT`] for a field that was not there. Two requests are alike if the normal forms of
//! these fields are.
//!
//! In a normal form, lines of one name are joined and space around commas is gone. What is compared without regard to case, to
//! order and to ways of writing a weight is written in one way, for the fields that are known to be so.

use std::borrow::Cow;
use std::cmp::Reverse;

use http::HeaderName;
use http::header::VARY;
use spinel_types::http_cache::{Fields, FieldsRef};

use crate::headers::Headers;
use crate::list;

/// The value of a field that was not in the request. No value of a field has this byte.
pub const ABSENT: &[u8] = b"\0";

/// How many fields an answer may depend on. Each request is compared in all of them.
pub const NAMES_MAX: usize = 32;

/// Gathers the selector of an answer; `None` if it answers no other request: `Vary: *`, or more names than [`NAMES_MAX`].
pub fn of_answer(answer: Headers<'_>, request: Headers<'_>) -> Option<Fields> {
    of_answer_and(answer, request, &[])
}

/// The same if the answer depends on other fields besides, whatever it says.
pub fn of_answer_and(answer: Headers<'_>, request: Headers<'_>, others: &[HeaderName]) -> Option<Fields> {
    let mut names: Vec<_> = others.iter().map(|name| name.as_str().as_bytes().to_vec()).collect();
    let mut is_any = false;
    answer.each(&VARY, |value| {
        for name in value.split(|byte| *byte == b',').map(<[u8]>::trim_ascii).filter(|name| !name.is_empty())
        {
            is_any |= name == b"*" || names.len() >= 10 * NAMES_MAX;
            if !is_any {
                names.push(name.to_ascii_lowercase());
            }
        }
    });
    names.sort_unstable();
    names.dedup();
    (!is_any && names.len() <= NAMES_MAX).then(|| gather(&names, request))
}

/// Gathers the selector that is given by fields of a request.
pub fn given(pairs: &[(&[u8], &[u8])]) -> Fields {
    let mut names: Vec<_> = pairs.iter().map(|(name, _)| name.to_ascii_lowercase()).collect();
    names.sort_unstable();
    names.dedup();
    gather(&names, Headers::Pairs(pairs))
}

fn gather(names: &[Vec<u8>], request: Headers<'_>) -> Fields {
    let values: Vec<_> = names.iter().map(|name| Lines::of(name, request).normal(request)).collect();
    Fields::new(names.iter().map(Vec::as_slice).zip(values.iter().map(|value| &**value)))
}

/// Whether a variant with this selector answers a request. Allocates only for values that are
/// far from their normal form: with weights, or on several lines.
pub fn matches(selector: FieldsRef<'_>, request: Headers<'_>) -> bool {
    selector.iter().all(|(name, value)| {
        let lines = Lines::of(name, request);
        lines.is_normal_as(value).unwrap_or_else(|| *lines.normal(request) == *value)
    })
}

/// The lines of a field of a request.
struct Lines<'n, 'a> {
    name: &'n str,
    first: &'a [u8],
    count: usize,
}

impl<'n, 'a> Lines<'n, 'a> {
    fn of(name: &'n [u8], request: Headers<'a>) -> Lines<'n, 'a> {
        // A name that is none is that of no field.
        let name = str::from_utf8(name).unwrap_or_default();
        let mut lines = Lines { name, first: ABSENT, count: 0 };
        request.each(name, |value| {
            lines.first = if lines.count == 0 { value } else { lines.first };
            lines.count += 1;
        });
        lines
    }

    /// Whether `normal` is their normal form, where that is seen without making it.
    fn is_normal_as(&self, normal: &[u8]) -> Option<bool> {
        let line = if self.count == 1 { self.first } else { return None };
        match Form::of(self.name) {
            Form::Plain => (line == normal).then_some(true),
            Form::Preferences => line.eq_ignore_ascii_case(normal).then_some(true),
            Form::Set => same_sets(line, normal),
        }
    }

    /// The normal form of the field.
    fn normal(&self, request: Headers<'a>) -> Cow<'a, [u8]> {
        let form = Form::of(self.name);
        match self.count {
            0 => Cow::Borrowed(ABSENT),
            1 if form == Form::Plain && is_plain(self.first) => Cow::Borrowed(self.first),
            1 => Cow::Owned(form.normal(self.first)),
            _ => Cow::Owned(form.normal(&request.joined(self.name).unwrap_or_default())),
        }
    }
}

/// Whether a value without commas has nothing around it.
fn is_plain(value: &[u8]) -> bool {
    !value.contains(&b',') && value.trim_ascii().len() == value.len()
}

/// What differs in values without a difference in meaning.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    /// Space around commas.
    Plain,
    /// The order too, case, and how weights are written.
    Set,
    /// Case, and how weights are written. What weighs the same is taken in its order by many origins.
    Preferences,
}

impl Form {
    fn of(name: &str) -> Form {
        match name {
            "accept-encoding" | "accept-charset" => Form::Set,
            "accept-language" => Form::Preferences,
            _ => Form::Plain,
        }
    }

    fn normal(self, value: &[u8]) -> Vec<u8> {
        if self == Form::Plain {
            return list::elements(value).collect::<Vec<_>>().join(&b","[..]);
        }
        let bytes = value.iter().filter(|byte| !byte.is_ascii_whitespace());
        let lowered: Vec<u8> = bytes.map(u8::to_ascii_lowercase).collect();
        let elements = list::elements(&lowered).filter(|element| !element.is_empty());
        let mut weighed: Vec<_> = elements.map(weighed).collect();
        match self {
            Form::Set => weighed.sort_unstable(),
            _ => weighed.sort_by_key(|(_, weight)| Reverse(*weight)),
        }
        weighed.dedup();
        let mut normal = Vec::with_capacity(lowered.len());
        for (text, weight) in weighed {
            if !normal.is_empty() {
                normal.push(b',');
            }
            normal.extend_from_slice(text);
            if weight < 1000 {
                normal.extend_from_slice(b";q=0.");
                normal.extend([weight / 100, weight / 10 % 10, weight % 10].map(|digit| b'0' + digit as u8));
                // As most write it, so that their lines are seen to be in normal form: 0.5 and 0.
                let shortest = normal.iter().rposition(|byte| *byte != b'0');
                normal
                    .truncate(shortest.map_or(0, |last| if normal[last] == b'.' { last } else { last + 1 }));
            }
        }
        normal
    }
}

/// Whether two lists without weights have the same parts; `None` if one may have more than words.
fn same_sets(one: &[u8], other: &[u8]) -> Option<bool> {
    let is_word = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b',' | b'-' | b'_' | b'*');
    let parts = |list| <[u8]>::split(list, |byte| *byte == b',').map(<[u8]>::trim_ascii);
    let has =
        |list, part: &[u8]| part.is_empty() || parts(list).any(|other| other.eq_ignore_ascii_case(part));
    // Each part is compared with each, which is quick only for few.
    let is_short = one.len().max(other.len()) <= 256;
    let are_words = is_short && parts(one).all(|part| part.iter().all(is_word));
    are_words.then(|| parts(one).all(|part| has(other, part)) && parts(other).all(|part| has(one, part)))
}

/// A part of a list and its weight in thousandths. A weight that is none stays part of the text.
fn weighed(element: &[u8]) -> (&[u8], u16) {
    let weight = element.iter().rposition(|byte| *byte == b';').and_then(|at| {
        let (text, weight) = (&element[..at], thousandths(element[at + 1..].strip_prefix(b"q=")?)?);
        // With two weights it has none.
        let is_only = !text.windows(3).any(|window| window == b";q=");
        is_only.then_some((text, weight))
    });
    weight.unwrap_or((element, 1000))
}

fn thousandths(text: &[u8]) -> Option<u16> {
    let (whole, rest) = text.split_first()?;
    let digits = if rest.is_empty() { rest } else { rest.strip_prefix(b".")? };
    if !matches!(whole, b'0' | b'1') || digits.len() > 3 || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let digit = |index: usize| digits.get(index).map_or(0, |digit| u16::from(digit - b'0'));
    let weight = u16::from(whole - b'0') * 1000 + digit(0) * 100 + digit(1) * 10 + digit(2);
    (weight <= 1000).then_some(weight)
}

#[cfg(test)]
mod tests {
    use super::*;

    type Pair<'a> = (&'a [u8], &'a [u8]);

    fn pairs<'a>(fields: &[(&'a str, &'a str)]) -> Vec<Pair<'a>> {
        fields.iter().map(|(name, value)| (name.as_bytes(), value.as_bytes())).collect()
    }

    fn selector(vary: &[&str], request: &[(&str, &str)]) -> Option<Fields> {
        let answer: Vec<Pair<'_>> = vary.iter().map(|value| (&b"Vary"[..], value.as_bytes())).collect();
        of_answer(Headers::Pairs(&answer), Headers::Pairs(&pairs(request)))
    }

    /// Whether an answer to the one request that varies by the fields of both answers the other, and the other way round.
    fn alike(one: &[(&str, &str)], other: &[(&str, &str)]) -> bool {
        let names: Vec<_> = one.iter().chain(other).map(|(name, _)| *name).collect();
        let matches = |one: &[(&str, &str)], other: &[(&str, &str)]| {
            matches(selector(&names, one).unwrap().as_ref(), Headers::Pairs(&pairs(other)))
        };
        assert!(matches(one, one) && matches(other, other));
        assert_eq!(matches(one, other), matches(other, one));
        matches(one, other)
    }

    #[test]
    fn names_are_in_lower_case_sorted_and_there_once() {
        let selector = selector(&["Foo, BAR,,", "\tfoo , baz"], &[("bar", "1"), ("FOO", " 2 ")]).unwrap();
        let expected = pairs(&[("bar", "1"), ("baz", "\0"), ("foo", "2")]);
        assert_eq!(selector.as_ref().iter().collect::<Vec<_>>(), expected);
    }

    #[test]
    fn without_vary_every_request_is_answered() {
        for vary in [&[][..], &[""], &[",", " "]] {
            let selector = selector(vary, &[("foo", "1")]).unwrap();
            assert!(selector.as_ref().is_empty());
            assert!(matches(selector.as_ref(), Headers::Pairs(&[])));
        }
    }

    #[test]
    fn an_asterisk_anywhere_answers_no_other_request() {
        for vary in [&["*"][..], &["*, foo"], &["foo, *"], &["foo", " * "], &["*", "*"], &["foo,*,bar"]] {
            assert_eq!(selector(vary, &[]), None, "{vary:?}");
        }
    }

    #[test]
    fn an_answer_that_depends_on_too_much_answers_no_other_request() {
        let names = |count: usize| (0..count).map(|name| name.to_string()).collect::<Vec<_>>().join(",");
        assert!(selector(&[&names(NAMES_MAX)], &[]).is_some());
        assert_eq!(selector(&[&names(NAMES_MAX + 1)], &[]), None);
        assert_eq!(selector(&[&names(100_000)], &[]), None);
        assert!(selector(&[&"a,".repeat(NAMES_MAX + 1)], &[]).is_some());
    }

    #[test]
    fn fields_that_are_missing_match_only_requests_without_them() {
        assert!(!alike(&[("foo", "")], &[]));
        assert!(!alike(&[("foo", "1")], &[]));
        assert!(!alike(&[("foo", "1"), ("bar", "2")], &[("foo", "1")]));
        assert!(alike(&[("foo", "1")], &[("FOO", "1")]));
    }

    #[test]
    fn lines_are_joined_and_space_does_not_count() {
        assert!(alike(&[("foo", "1"), ("foo", "2")], &[("foo", "1,2")]));
        assert!(alike(&[("foo", "1 ,\t2")], &[("foo", " 1, 2 ")]));
        assert!(!alike(&[("foo", "1, 2")], &[("foo", "2, 1")]));
        assert!(!alike(&[("foo", "a")], &[("foo", "A")]));
        assert!(!alike(&[("foo", "1 2")], &[("foo", "12")]));
        assert!(!alike(&[("foo", "\"1, 2\"")], &[("foo", "\"1,2\"")]));
        assert!(!alike(&[("foo", "\"\\\", 2\"")], &[("foo", "\"\\\",2\"")]));
    }

    #[test]
    fn encodings_are_a_set() {
        assert!(alike(&[("accept-encoding", "gzip, br")], &[("accept-encoding", "BR;q=1.0,GZip")]));
        assert!(alike(&[("accept-encoding", "gzip;q=0.5, br")], &[("accept-encoding", "br, gzip; Q=0.500")]));
        assert!(alike(&[("accept-encoding", "gzip, gzip,")], &[("accept-encoding", "gzip")]));
        assert!(!alike(&[("accept-encoding", "gzip;q=0")], &[("accept-encoding", "gzip")]));
        assert!(!alike(&[("accept-encoding", "gzip, gzip")], &[("accept-encoding", "br, gzip")]));
        assert!(!alike(&[("accept-encoding", "g zip;q=1")], &[("accept-encoding", "g")]));
        let many: Vec<_> = (0..100).map(|number| format!("coding{number}")).collect();
        let turned: Vec<_> = many.iter().rev().cloned().collect();
        assert!(alike(&[("accept-encoding", &many.join(","))], &[("accept-encoding", &turned.join(", "))]));
        assert!(!alike(&[("accept-encoding", "")], &[]));
    }

    #[test]
    fn languages_are_ordered_by_weight() {
        assert!(alike(&[("accept-language", "de;q=0.8, EN")], &[("accept-language", "en,de ; q=0.8")]));
        assert!(!alike(&[("accept-language", "de, en")], &[("accept-language", "en, de")]));
        assert!(!alike(&[("accept-language", "de;q=0.8, en")], &[("accept-language", "de;q=0.9, en")]));
    }

    #[test]
    fn normal_forms_stay_as_they_are() {
        let values = [
            "gzip;q=0.5,br;q=1",
            "a;q=2",
            "a;q=1.001",
            "a;q=0.1234",
            "a;q=",
            "a;q=x",
            "a;b;q=0.1",
            ";q=0",
            "",
            ",,",
            "*",
            "\"a,b\" , c",
            "\"a",
            "a;q=0;q=1",
        ];
        for value in values {
            for form in [Form::Plain, Form::Set, Form::Preferences] {
                let once = form.normal(value.as_bytes());
                assert_eq!(form.normal(&once), once, "{value}");
            }
        }
    }

    #[test]
    fn what_is_given_selects_as_what_came() {
        let selector = given(&pairs(&[("Foo", "1"), ("BAR", "x"), ("foo", "2")]));
        assert_eq!(selector.as_ref().iter().collect::<Vec<_>>(), pairs(&[("bar", "x"), ("foo", "1,2")]));
        assert!(matches(
            selector.as_ref(),
            Headers::Pairs(&pairs(&[("foo", "1, 2"), ("bar", "x"), ("more", "z")]))
        ));
    }
}
