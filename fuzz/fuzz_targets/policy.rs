//! Policies of the HTTP cache on any pattern, template and request: patterns match what `KEYS` matches and share out what they match, and
//! nothing that a request says becomes more of a URL than a value.
//!
//! A byte that chooses the form of the key; then a pattern, the template of a URL, one of a tag, a key, and a field of the request, a line each.

#![no_main]

use http::Uri;
use libfuzzer_sys::fuzz_target;
use spinel_cache::Headers;
use spinel_cache::policy::{
    Applied, Glob, Keeping, Policies, Policy, Subject, Template, Terms, UrlTemplate, Wildcard,
};
use spinel_storage::pattern::{Case, matches};

fuzz_target!(|data: &[u8]| {
    let Some((form, rest)) = data.split_first() else { return };
    let mut lines = rest.splitn(5, |byte| *byte == b'\n');
    let [pattern, url, tag, key, field] = [(); 5].map(|()| lines.next().unwrap_or_default());
    let pattern = Glob::parse(pattern);
    check_pattern(&pattern, key);
    let Ok(template) = UrlTemplate::parse(url, pattern.wildcards()) else { return };
    assert_eq!(template.text(), url);
    let tags = Template::parse(tag, pattern.wildcards().len()).into_iter().collect();
    let policy = Policy {
        name: (*b"p").into(),
        pattern,
        url: template,
        terms: Terms::default(),
        keeping: Keeping::default(),
        priority: 0,
        tags,
        vary: Vec::new(),
        version: 0,
    };
    let subject = if form & 1 == 0 { Subject::plain(key) } else { Subject::target(key) };
    let fields: [(&[u8], &[u8]); 1] = [(b"X-A", field)];
    let policies = Policies::default().with(policy);
    if let Some(Ok(applied)) = policies.apply(subject, Headers::Pairs(&fields)) {
        check_url(&applied, url, subject.query);
    }
});

/// Whether the wildcards share out what `KEYS` would match, from left to right.
fn check_pattern(pattern: &Glob, key: &[u8]) {
    let captures = pattern.captures(key);
    assert_eq!(captures.is_some(), matches(pattern.text(), key, Case::Sensitive));
    let Some(captures) = captures else { return };
    assert_eq!(captures.len(), pattern.wildcards().len());
    let mut end = key.as_ptr_range().start;
    for (capture, wildcard) in captures.iter().zip(pattern.wildcards()) {
        assert!(*wildcard == Wildcard::Many || capture.len() == 1);
        if !capture.is_empty() {
            assert!(capture.as_ptr() >= end && capture.as_ptr_range().end <= key.as_ptr_range().end);
            end = capture.as_ptr_range().end;
        }
    }
}

fn check_url(applied: &Applied, template: &[u8], query: Option<&[u8]>) {
    let url = applied.url.as_bytes();
    assert!(url.len() <= UrlTemplate::URL_BYTES_MAX);
    assert!(url.iter().all(|byte| byte.is_ascii_graphic() && !b"#\\\"<>^`|{}".contains(byte)));
    let (scheme, host, target) = parts(url);
    let (template_scheme, template_host, _) = parts(template);
    assert!(scheme.eq_ignore_ascii_case(template_scheme));
    if !template_host.contains(&b'{') {
        assert_eq!(host, template_host, "the template alone says who is asked");
    }
    assert!(!host.contains(&b'@'));
    if !template.contains(&b'{') && query.is_none() {
        assert!(url == template || url == [template, b"/"].concat());
    }
    let path = target.split(|byte| *byte == b'?').next().expect("there is a first one");
    assert!(!decoded(path).split(|byte| *byte == b'/').any(|segment| segment == b"." || segment == b".."));
    // As the one who sends it reads it.
    if let Ok(uri) = Uri::try_from(url) {
        let authority = uri.authority().map(|authority| authority.as_str().as_bytes());
        assert_eq!(authority, Some(host));
    }
    assert!(applied.orders.tags.iter().any(|tag| **tag == *b"policy:p"));
}

/// Scheme, authority, and what follows.
fn parts(url: &[u8]) -> (&[u8], &[u8], &[u8]) {
    let scheme_bytes = url.windows(3).position(|three| three == b"://").expect("it is a URL") + 3;
    let (scheme, rest) = url.split_at(scheme_bytes);
    let end = rest.iter().position(|byte| b"/?".contains(byte)).unwrap_or(rest.len());
    let (host, target) = rest.split_at(end);
    (scheme, host, target)
}

/// A path in which nothing is encoded any more.
fn decoded(path: &[u8]) -> Vec<u8> {
    let mut plain = Vec::new();
    let mut rest = path;
    while let [first, after @ ..] = rest {
        let digits = after.get(..2).and_then(|digits| str::from_utf8(digits).ok());
        let byte = digits.filter(|_| *first == b'%').and_then(|digits| u8::from_str_radix(digits, 16).ok());
        plain.push(byte.unwrap_or(*first));
        rest = if byte.is_some() { &after[2..] } else { after };
    }
    plain
}
