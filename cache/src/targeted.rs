//! `CDN-Cache-Control`: directives for caches like this one (RFC 9213); and, without it, its elder `Surrogate-Control`.
//!
//! If the first is well formed and not empty, or the second says whether or for how long something is stored, `Cache-Control` and
//! `Expires` say nothing to us. Both are forwarded: a cache before us may be one that they are meant for, too.

use http::header::{CDN_CACHE_CONTROL, HeaderName};

use crate::directives::{self, Argument, Directives};
use crate::headers::Headers;
use crate::structured::{self, Value};

const SURROGATE_CONTROL: HeaderName = HeaderName::from_static("surrogate-control");

/// Reads the directives that are meant for us, if there are any.
pub(crate) fn directives(answer: Headers<'_>) -> Option<Directives> {
    for_networks(answer).or_else(|| for_surrogates(answer))
}

/// Those of `Surrogate-Control`, by the Edge Architecture Specification. It is no structured field: a number may have another one
/// behind `+`, and whom it is for behind `;`.
fn for_surrogates(answer: Headers<'_>) -> Option<Directives> {
    let mut directives = Directives::default();
    answer.each(&SURROGATE_CONTROL, |line| {
        directives::each(line, |name, argument| {
            let number =
                |text: &[u8]| text.iter().position(|byte| b"+;".contains(byte)).unwrap_or(text.len());
            directives.take(
                name,
                match argument {
                    Argument::Text(text) => Argument::Text(&text[..number(text)]),
                    other => other,
                },
            );
        });
    });
    if directives == Directives::default() {
        return None;
    }
    directives.set(Directives::TARGETED);
    Some(directives)
}

/// Those of `CDN-Cache-Control`.
fn for_networks(answer: Headers<'_>) -> Option<Directives> {
    let text = answer.joined(&CDN_CACHE_CONTROL)?;
    let members = structured::dictionary(&text).filter(|members| !members.is_empty())?;
    let mut directives = Directives::default();
    directives.set(Directives::TARGETED);
    for (name, value) in members {
        let lists_names = matches!(name, b"no-cache" | b"private");
        match value {
            Value::Boolean(false) => {}
            Value::Boolean(true) => directives.take(name, Argument::None),
            Value::Integer(number) => directives.take(name, Argument::Text(number.to_string().as_bytes())),
            Value::String(names) if lists_names => directives.take(name, Argument::Text(&names)),
            // Numbers are integers here, and nothing else.
            _ => directives.take(name, Argument::Malformed),
        }
    }
    Some(directives)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(lines: &[&str]) -> Option<Directives> {
        let pairs: Vec<_> = lines.iter().map(|line| (&b"CDN-Cache-Control"[..], line.as_bytes())).collect();
        directives(Headers::Pairs(&pairs))
    }

    #[test]
    fn directives_are_members_of_a_dictionary() {
        let directives = read(&["max-age=60;x=y, no-store", "private=\"a, B\", must-revalidate=?0"]).unwrap();
        assert_eq!(directives.max_age, Some(60));
        assert_eq!(directives.left_out, [b"a", b"b"]);
        assert!(directives.has(Directives::NO_STORE) && directives.has(Directives::TARGETED));
        assert!(!directives.has(Directives::MUST_REVALIDATE | Directives::PRIVATE));
        assert_eq!(read(&["max-age=60, max-age=70"]).unwrap().max_age, Some(70));
    }

    #[test]
    fn surrogates_have_an_elder_field() {
        let read = |fields: &[(&str, &str)]| {
            let pairs: Vec<_> =
                fields.iter().map(|(name, value)| (name.as_bytes(), value.as_bytes())).collect();
            directives(Headers::Pairs(&pairs))
        };
        let elder = |value| read(&[("Surrogate-Control", value)]);
        let age = |value| elder(value).and_then(|directives| directives.max_age);
        assert_eq!(age("max-age=60, content=\"ESI/1.0\""), Some(60));
        assert_eq!(
            (age("max-age=60+600"), age("Max-Age=60;cdn"), age("max-age=x")),
            (Some(60), Some(60), Some(0))
        );
        assert!(elder("no-store").unwrap().has(Directives::NO_STORE));
        assert!(elder("max-age=1").unwrap().has(Directives::TARGETED));
        assert_eq!(elder("content=\"ESI/1.0\""), None, "it says nothing of storing");
        let both = [("Surrogate-Control", "max-age=60"), ("CDN-Cache-Control", "max-age=5")];
        assert_eq!(read(&both).unwrap().max_age, Some(5));
    }

    #[test]
    fn a_value_of_another_type_lets_nothing_be_fresh() {
        for value in ["\"60\"", "60.0", "-60", "sixty", "?1", "(60)"] {
            assert_eq!(read(&[&format!("max-age={value}")]).unwrap().max_age, Some(0), "{value}");
        }
        assert!(read(&["private=a"]).unwrap().has(Directives::PRIVATE));
    }

    #[test]
    fn a_field_that_is_empty_or_malformed_is_not_there() {
        for line in
            ["", "  ", "Max-Age=60", "max-age=60,", "max-age = 60", "max-age=60 no-store", "max-age='60'"]
        {
            assert_eq!(read(&[line]), None, "{line}");
        }
        assert_eq!(read(&[]), None);
        assert_eq!(read(&["max-age=60", "max-age=\""]), None);
    }
}
