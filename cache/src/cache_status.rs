//! The field `Cache-Status` (RFC 9211): what a cache did about a request, in one member of a list.

use std::fmt::{self, Write};

use spinel_types::http_cache::Variant;

use crate::lookup::Reason;
use crate::timeline;

/// What is said of a request. Written by [`Display`](fmt::Display), as a line of its own below those that came.
///
/// ```
/// use spinel_cache::cache_status::{CacheStatus, Forwarded};
/// use spinel_cache::lookup::Reason;
///
/// let hit = CacheStatus { ttl: Some(30), ..CacheStatus::new("SpinelDB") };
/// assert_eq!(hit.to_string(), "SpinelDB; hit; ttl=30");
///
/// let forwarded = Forwarded { status: Some(200), stored: true, ..Forwarded::new(Reason::UriMiss) };
/// let miss = CacheStatus { forwarded: Some(forwarded), ..CacheStatus::new("SpinelDB") };
/// assert_eq!(miss.to_string(), "SpinelDB; fwd=uri-miss; fwd-status=200; stored");
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct CacheStatus<'a> {
    /// The cache's name, a token.
    pub name: &'a str,
    /// What was asked of an origin; without it, it is a hit.
    pub forwarded: Option<Forwarded>,
    /// For how many seconds the answer stays fresh.
    pub ttl: Option<i64>,
    /// The key. It is left out if it has other characters than those of ASCII that can be seen, and spaces.
    pub key: Option<&'a str>,
    /// More in one word, a token.
    pub detail: Option<&'a str>,
}

/// What was asked of an origin.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Forwarded {
    /// Why.
    pub reason: Reason,
    /// The status it answered with.
    pub status: Option<u16>,
    /// Whether the answer was stored.
    pub stored: bool,
    /// Whether other requests shared the answer.
    pub collapsed: bool,
}

impl<'a> CacheStatus<'a> {
    /// A hit of which nothing else is said.
    pub fn new(name: &'a str) -> CacheStatus<'a> {
        CacheStatus { name, forwarded: None, ttl: None, key: None, detail: None }
    }

    /// A hit on a variant.
    pub fn hit(name: &'a str, variant: &Variant, now: i64) -> CacheStatus<'a> {
        CacheStatus { ttl: timeline::ttl_s(variant, now), ..CacheStatus::new(name) }
    }
}

impl Forwarded {
    /// A request that went forward, of which nothing else is known.
    pub fn new(reason: Reason) -> Forwarded {
        Forwarded { reason, status: None, stored: false, collapsed: false }
    }
}

impl Reason {
    /// The word that RFC 9211 has for it.
    pub fn name(self) -> &'static str {
        match self {
            Reason::Bypass => "bypass",
            Reason::Method => "method",
            Reason::UriMiss => "uri-miss",
            Reason::VaryMiss => "vary-miss",
            Reason::Request => "request",
            Reason::Stale => "stale",
        }
    }
}

impl fmt::Display for CacheStatus<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)?;
        match &self.forwarded {
            Some(forwarded) => forwarded.fmt(f)?,
            None => f.write_str("; hit")?,
        }
        if let Some(ttl) = self.ttl {
            write!(f, "; ttl={ttl}")?;
        }
        if let Some(key) = self.key.filter(|key| key.bytes().all(|byte| matches!(byte, 0x20..=0x7e))) {
            f.write_str("; key=\"")?;
            let mut rest = key;
            while let Some(at) = rest.find(['"', '\\']) {
                write!(f, "{}\\{}", &rest[..at], &rest[at..=at])?;
                rest = &rest[at + 1..];
            }
            f.write_str(rest)?;
            f.write_char('"')?;
        }
        match self.detail {
            Some(detail) => write!(f, "; detail={detail}"),
            None => Ok(()),
        }
    }
}

impl fmt::Display for Forwarded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "; fwd={}", self.reason.name())?;
        if let Some(status) = self.status {
            write!(f, "; fwd-status={status}")?;
        }
        if self.stored {
            f.write_str("; stored")?;
        }
        if self.collapsed { f.write_str("; collapsed") } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::structured::{self, Value};
    use crate::testing::changed;
    use crate::timeline::Deadlines;

    #[test]
    fn a_hit_tells_how_long_it_stays_fresh() {
        let variant = Variant::default();
        assert_eq!(CacheStatus::hit("a", &variant, 5).to_string(), "a; hit");
        let deadlines = Deadlines::given(0, Some(10), Some(90), None);
        let variant = changed(variant, |numbers| deadlines.set(numbers));
        assert_eq!(CacheStatus::hit("a", &variant, 4000).to_string(), "a; hit; ttl=6");
        assert_eq!(CacheStatus::hit("a", &variant, 40_000).to_string(), "a; hit; ttl=-30");
    }

    #[test]
    fn what_went_forward_tells_why() {
        let reasons = [
            (Reason::Bypass, "bypass"),
            (Reason::Method, "method"),
            (Reason::UriMiss, "uri-miss"),
            (Reason::VaryMiss, "vary-miss"),
            (Reason::Request, "request"),
            (Reason::Stale, "stale"),
        ];
        for (reason, word) in reasons {
            let forwarded = Some(Forwarded::new(reason));
            let status = CacheStatus { forwarded, ..CacheStatus::new("a") };
            assert_eq!(status.to_string(), format!("a; fwd={word}"));
        }
        let forwarded =
            Some(Forwarded { reason: Reason::Stale, status: Some(304), stored: true, collapsed: true });
        let status = CacheStatus {
            forwarded,
            ttl: Some(5),
            key: Some("h/a\"\\b"),
            detail: Some("origin"),
            ..CacheStatus::new("a")
        };
        let expected =
            r#"a; fwd=stale; fwd-status=304; stored; collapsed; ttl=5; key="h/a\"\\b"; detail=origin"#;
        assert_eq!(status.to_string(), expected);
    }

    #[test]
    fn what_is_written_is_a_structured_field() {
        for key in ["h/a\"b", "h/ä", "h/\u{7f}", ""] {
            let status = CacheStatus { key: Some(key), ttl: Some(-3), ..CacheStatus::new("a") };
            let text = status.to_string();
            let members = structured::dictionary(text.as_bytes()).expect("a member with parameters");
            assert_eq!(members, [(&b"a"[..], Value::Boolean(true))]);
            assert_eq!(text.contains("key="), key.bytes().all(|byte| (0x20..0x7f).contains(&byte)), "{key}");
        }
    }
}
