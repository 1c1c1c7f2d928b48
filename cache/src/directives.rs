//! The directives of `Cache-Control` (RFC 9111, section 5.2; RFC 5861; RFC 8246).
//!
//! What is not well formed is taken in the way that lets the cache do least: a number of seconds that is none is 0, and lists of
//! names that are none stand for all fields. Of several numbers for one directive the first counts (RFC 9111, section 4.2.1).

use http::header::{CACHE_CONTROL, PRAGMA};

use crate::headers::Headers;
use crate::{list, targeted};

/// What a number of seconds that is too large to be kept is taken for (RFC 9111, section 1.2.2).
pub(crate) const SECONDS_MAX: u32 = 1 << 31;

/// What stands behind a directive's name.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Argument<'a> {
    /// Nothing.
    None,
    /// A word, or what stands between quotes.
    Text(&'a [u8]),
    /// What is neither.
    Malformed,
}

/// Hands out the directives of a line. Allocates nothing.
pub fn each<'a>(line: &'a [u8], mut take: impl FnMut(&'a [u8], Argument<'a>)) {
    for element in list::elements(line).filter(|element| !element.is_empty()) {
        let (name, argument) = parted(element);
        take(name, argument);
    }
}

fn parted(element: &[u8]) -> (&[u8], Argument<'_>) {
    let Some(at) = element.iter().position(|byte| *byte == b'=') else {
        return (element, Argument::None);
    };
    let (name, value) = (&element[..at], &element[at + 1..]);
    let argument = match value {
        _ if name.ends_with(b" ") || name.ends_with(b"\t") => Argument::Malformed,
        [b'"', inner @ .., b'"'] => match inner.iter().position(|byte| *byte == b'"') {
            Some(at) if !inner[..at].ends_with(b"\\") => Argument::Malformed,
            _ => Argument::Text(inner),
        },
        [] => Argument::Malformed,
        word if word.iter().all(|byte| byte.is_ascii_graphic() && *byte != b'"') => Argument::Text(word),
        _ => Argument::Malformed,
    };
    (name.trim_ascii_end(), argument)
}

/// The number of seconds that an argument stands for, if it does.
fn seconds(argument: Argument<'_>) -> Option<u32> {
    let Argument::Text(digits) = argument else { return None };
    delta_seconds(digits)
}

/// Reads a number of seconds. One that is too large is [`SECONDS_MAX`].
pub(crate) fn delta_seconds(digits: &[u8]) -> Option<u32> {
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let sum = digits
        .iter()
        .fold(0_u64, |sum, digit| sum.saturating_mul(10).saturating_add(u64::from(digit - b'0')));
    Some(sum.min(u64::from(SECONDS_MAX)) as u32)
}

/// What an answer says about caching: in `CDN-Cache-Control`, or else in `Cache-Control`.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub(crate) struct Directives {
    flags: u16,
    pub(crate) max_age: Option<u32>,
    pub(crate) s_maxage: Option<u32>,
    pub(crate) stale_while_revalidate: Option<u32>,
    pub(crate) stale_if_error: Option<u32>,
    /// Names of fields, in lower case, that must not be kept: those that `private` and `no-cache` list.
    pub(crate) left_out: Vec<Vec<u8>>,
}

impl Directives {
    pub(crate) const NO_STORE: u16 = 1;
    pub(crate) const NO_CACHE: u16 = 1 << 1;
    pub(crate) const PRIVATE: u16 = 1 << 2;
    pub(crate) const PUBLIC: u16 = 1 << 3;
    pub(crate) const MUST_REVALIDATE: u16 = 1 << 4;
    pub(crate) const PROXY_REVALIDATE: u16 = 1 << 5;
    pub(crate) const MUST_UNDERSTAND: u16 = 1 << 6;
    /// They stood in a field that is meant for us, so `Expires` doesn't count.
    pub(crate) const TARGETED: u16 = 1 << 7;

    /// Reads those of an answer.
    pub(crate) fn of_answer(answer: Headers<'_>) -> Directives {
        targeted::directives(answer).unwrap_or_else(|| {
            let mut directives = Directives::default();
            answer.each(&CACHE_CONTROL, |line| each(line, |name, argument| directives.take(name, argument)));
            directives
        })
    }

    /// Whether one of these flags is set.
    pub(crate) fn has(&self, flags: u16) -> bool {
        self.flags & flags != 0
    }

    pub(crate) fn set(&mut self, flags: u16) {
        self.flags |= flags;
    }

    /// Takes a directive. Names are compared without regard to case; unknown ones are passed over.
    pub(crate) fn take(&mut self, name: &[u8], argument: Argument<'_>) {
        let mut lowered = [0; 24];
        let Some(lowered) = lowered.get_mut(..name.len()) else { return };
        lowered.copy_from_slice(name);
        lowered.make_ascii_lowercase();
        let number = || Some(seconds(argument).unwrap_or(0));
        match &*lowered {
            b"max-age" => self.max_age = self.max_age.or_else(number),
            b"s-maxage" => self.s_maxage = self.s_maxage.or_else(number),
            b"stale-while-revalidate" => {
                self.stale_while_revalidate = self.stale_while_revalidate.or_else(number);
            }
            b"stale-if-error" => self.stale_if_error = self.stale_if_error.or_else(number),
            b"no-store" => self.set(Directives::NO_STORE),
            b"no-cache" => self.limit(Directives::NO_CACHE, argument),
            b"private" => self.limit(Directives::PRIVATE, argument),
            b"public" => self.set(Directives::PUBLIC),
            b"must-revalidate" => self.set(Directives::MUST_REVALIDATE),
            b"proxy-revalidate" => self.set(Directives::PROXY_REVALIDATE),
            b"must-understand" => self.set(Directives::MUST_UNDERSTAND),
            _ => {}
        }
    }

    /// Sets a flag, or leaves out the fields that are listed.
    fn limit(&mut self, flag: u16, argument: Argument<'_>) {
        let before = self.left_out.len();
        if let Argument::Text(names) = argument {
            let names = names.split(|byte| *byte == b',').map(<[u8]>::trim_ascii);
            self.left_out.extend(names.filter(|name| !name.is_empty()).map(<[u8]>::to_ascii_lowercase));
        }
        if self.left_out.len() == before {
            self.set(flag);
        }
    }
}

/// What a client asks of caches.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(crate) struct Wishes {
    pub(crate) no_cache: bool,
    pub(crate) no_store: bool,
    pub(crate) only_if_cached: bool,
    pub(crate) max_age: Option<u32>,
    pub(crate) min_fresh: Option<u32>,
    /// For how many seconds it may have been stale.
    pub(crate) max_stale: Option<u32>,
    pub(crate) stale_if_error: Option<u32>,
}

impl Wishes {
    /// Reads those of a request. `Pragma` counts only without `Cache-Control`. Allocates nothing.
    pub(crate) fn of_request(request: Headers<'_>) -> Wishes {
        let mut wishes = Wishes::default();
        let mut has_lines = false;
        request.each(&CACHE_CONTROL, |line| {
            has_lines = true;
            each(line, |name, argument| wishes.take(name, argument));
        });
        if !has_lines {
            request.each(&PRAGMA, |line| {
                each(line, |name, _| wishes.no_cache |= name.eq_ignore_ascii_case(b"no-cache"));
            });
        }
        wishes
    }

    fn take(&mut self, name: &[u8], argument: Argument<'_>) {
        let is = |other: &str| name.eq_ignore_ascii_case(other.as_bytes());
        if is("no-cache") {
            self.no_cache = true;
        } else if is("no-store") {
            self.no_store = true;
        } else if is("only-if-cached") {
            self.only_if_cached = true;
        } else if is("max-age") {
            self.max_age = self.max_age.or_else(|| Some(seconds(argument).unwrap_or(0)));
        } else if is("min-fresh") {
            self.min_fresh = self.min_fresh.or_else(|| seconds(argument));
        } else if is("max-stale") {
            let any = (argument == Argument::None).then_some(u32::MAX);
            self.max_stale = self.max_stale.or_else(|| any.or_else(|| seconds(argument)));
        } else if is("stale-if-error") {
            self.stale_if_error = self.stale_if_error.or_else(|| seconds(argument));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(lines: &[&str]) -> Directives {
        let pairs: Vec<_> = lines.iter().map(|line| (&b"Cache-Control"[..], line.as_bytes())).collect();
        Directives::of_answer(Headers::Pairs(&pairs))
    }

    fn request(fields: &[(&str, &str)]) -> Wishes {
        let pairs: Vec<_> = fields.iter().map(|(name, value)| (name.as_bytes(), value.as_bytes())).collect();
        Wishes::of_request(Headers::Pairs(&pairs))
    }

    #[test]
    fn numbers_are_read_with_and_without_quotes() {
        let table = [
            ("max-age=10", Some(10)),
            ("MAX-AGE=10", Some(10)),
            ("max-age=\"10\"", Some(10)),
            ("max-age=0010", Some(10)),
            ("foo, max-age=10 ,bar", Some(10)),
            (",,max-age=10,", Some(10)),
            ("max-age=2147483648", Some(SECONDS_MAX)),
            ("max-age=99999999999999999999999", Some(SECONDS_MAX)),
            ("max-age-x=10", None),
            ("x-max-age=10", None),
            ("foo=\"a, max-age=10\"", None),
            ("foo=\"a\\\", max-age=10\"", None),
            ("", None),
        ];
        for (line, expected) in table {
            assert_eq!(answer(&[line]).max_age, expected, "{line}");
        }
    }

    #[test]
    fn numbers_that_are_none_are_zero() {
        let lines = [
            "max-age=-10",
            "max-age=10.5",
            "max-age=1e3",
            "max-age=abc",
            "max-age=10s",
            "max-age='10'",
            "max-age=",
            "max-age",
            "max-age= 10",
            "max-age =10",
            "max-age=\"10",
            "max-age=\"\"",
            "max-age=\"1\"0",
            "max-age=10 20",
            "max-age=+10",
            "max-age=\"10\"x\"\"",
            "max-age==10",
        ];
        for line in lines {
            assert_eq!(answer(&[line]).max_age, Some(0), "{line}");
        }
    }

    #[test]
    fn the_first_number_counts() {
        assert_eq!(answer(&["max-age=1, max-age=2", "max-age=3"]).max_age, Some(1));
        assert_eq!(answer(&["s-maxage=x", "s-maxage=3"]).s_maxage, Some(0));
    }

    #[test]
    fn flags_are_found_on_all_lines() {
        let directives =
            answer(&["Public, NO-STORE", "must-revalidate;x, proxy-revalidate=1", "must-understand"]);
        assert!(directives.has(Directives::PUBLIC) && directives.has(Directives::NO_STORE));
        assert!(directives.has(Directives::PROXY_REVALIDATE) && directives.has(Directives::MUST_UNDERSTAND));
        assert!(!directives.has(Directives::MUST_REVALIDATE | Directives::PRIVATE | Directives::NO_CACHE));
    }

    #[test]
    fn a_quote_without_an_end_hides_nothing() {
        assert!(answer(&["foo=\"bar, no-store"]).has(Directives::NO_STORE));
        assert!(!answer(&["foo=\"bar, no-store\""]).has(Directives::NO_STORE));
    }

    #[test]
    fn listed_fields_are_left_out() {
        let directives = answer(&["private=\"Set-Cookie, X\", no-cache=y, max-age=5"]);
        assert_eq!(directives.left_out, [&b"set-cookie"[..], b"x", b"y"]);
        assert!(!directives.has(Directives::PRIVATE | Directives::NO_CACHE));
        for line in ["private", "private=\"\"", "private=", "private=\" , \"", "private=\"a\", private"] {
            assert!(answer(&[line]).has(Directives::PRIVATE), "{line}");
        }
        assert!(answer(&["No-Cache= \"a\""]).has(Directives::NO_CACHE));
    }

    #[test]
    fn windows_of_staleness_are_read() {
        let directives = answer(&["stale-while-revalidate=5, stale-if-error=\"6\""]);
        assert_eq!((directives.stale_while_revalidate, directives.stale_if_error), (Some(5), Some(6)));
        assert_eq!(answer(&["stale-while-revalidate"]).stale_while_revalidate, Some(0));
    }

    #[test]
    fn wishes_are_read() {
        let line =
            "no-cache, No-Store, only-if-cached, max-age=1, min-fresh=\"2\", max-stale=3, stale-if-error=4";
        let expected = Wishes {
            no_cache: true,
            no_store: true,
            only_if_cached: true,
            max_age: Some(1),
            min_fresh: Some(2),
            max_stale: Some(3),
            stale_if_error: Some(4),
        };
        assert_eq!(request(&[("cache-control", line)]), expected);
        assert_eq!(request(&[("cache-control", "max-stale")]).max_stale, Some(u32::MAX));
        assert_eq!(request(&[("cache-control", "max-stale=x, min-fresh=x")]), Wishes::default());
        assert_eq!(request(&[("cache-control", "max-age=x")]).max_age, Some(0));
    }

    #[test]
    fn pragma_counts_only_without_cache_control() {
        assert!(request(&[("pragma", "foo, No-Cache")]).no_cache);
        assert!(!request(&[("pragma", "no-cache"), ("cache-control", "max-stale")]).no_cache);
        assert!(!request(&[("pragma", "no-cache-x")]).no_cache);
    }
}
