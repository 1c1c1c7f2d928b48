//! The words of a policy: what CACHE POLICY SET takes, and the same again for who writes it down.

use super::super::counted;
use super::super::set::seconds;
use crate::command::args::Args;
use crate::error::Error;
use spinel_cache::policy::{Fault, Glob, Keeping, Policy, Spans, Template, Terms, UrlTemplate};
use spinel_cache::selector::NAMES_MAX;
use spinel_cache::storing::Cookies;
use spinel_types::http_cache::is_token;

/// What stands behind the name of the command.
pub(super) const USAGE: &str = "name PATTERN pattern URL url [TTL ttl-seconds:integer] [SWR swr-seconds:integer] \
    [GRACE grace-seconds:integer] [NEGATIVE-TTL negative-seconds:integer] \
    [STATUS-TTL status-ttl=(code:integer status-seconds:integer)...] [PRIORITY priority:integer] [RESPECT-ORIGIN] \
    [COMPRESS] [DISK] [PREWARM] [STORE-COOKIES] [MAX-BODY bytes:integer] [TAGS tags=(numtags:integer tag...)] [VARY vary=(numfields:integer field...)]";

const NAME: Error = Error::Text("ERR the name of a policy must be a token of at most 128 characters");
const PATTERN: Error = Error::Text("ERR PATTERN is missing, empty, or longer than 4096 bytes");
const URL: Error =
    Error::Text("ERR URL must be a template of an http or https URL without user and fragment");
const TAGS: Error = Error::Text("ERR a policy gives at most 64 tags, and none may be empty");
const VARY: Error = Error::Text("ERR VARY takes at most 32 names of header fields, each a token");
const STATUS: Error =
    Error::Text("ERR STATUS-TTL takes at most 64 final HTTP status codes, 200 to 599, each with seconds");
const BRACE: Error = Error::Text("ERR a template has a brace without its counterpart");
const PLACEHOLDER: Error = Error::Text(
    "ERR a template may have {1}, {2} and so on, {key} and {hdr:Name}, and nothing else in braces",
);
const WILDCARD: Error = Error::Text("ERR a template refers to more wildcards than the pattern has");
const DOTS: Error = Error::Text("ERR the path of a URL must not have the segments . and ..");
const LENGTH: Error = Error::Text("ERR a template must not be longer than 8192 bytes");

const NAME_BYTES_MAX: usize = 128;
const PATTERN_BYTES_MAX: usize = 4096;
const TAGS_MAX: usize = 64;
const STATUSES_MAX: usize = 64;

/// The options as they were given.
#[derive(Default)]
struct Options<'a> {
    pattern: &'a [u8],
    url: &'a [u8],
    terms: Terms,
    priority: i64,
    keeping: Keeping,
    tags: &'a [&'a [u8]],
    vary: &'a [&'a [u8]],
}

impl<'a> Options<'a> {
    fn parse(args: &mut Args<'a>) -> Result<Options<'a>, Error> {
        let mut options = Options::default();
        while args.remaining() > 0 {
            if args.accept("PATTERN") {
                options.pattern = args.word();
            } else if args.accept("URL") {
                options.url = args.word();
            } else if args.accept("PRIORITY") {
                options.priority = args.integer();
            } else if args.accept("TAGS") {
                options.tags = counted(args, 1)?;
            } else if args.accept("VARY") {
                options.vary = counted(args, 1)?;
            } else if !accept_term(&mut options.terms, args)? && !accept_keeping(&mut options.keeping, args)?
            {
                return Err(Error::Syntax);
            }
        }
        args.finish()?;
        Ok(options)
    }
}

/// Takes an option about how long answers are used, if the next word is one.
fn accept_term(terms: &mut Terms, args: &mut Args<'_>) -> Result<bool, Error> {
    if args.accept("TTL") {
        terms.spans.ttl = Some(seconds(args)?);
    } else if args.accept("SWR") {
        terms.spans.swr = Some(seconds(args)?);
    } else if args.accept("GRACE") {
        terms.spans.grace = Some(seconds(args)?);
    } else if args.accept("NEGATIVE-TTL") {
        terms.negative_ttl = Some(seconds(args)?);
    } else if args.accept("STATUS-TTL") {
        statuses(args, &mut terms.status_ttl)?;
    } else if args.accept("RESPECT-ORIGIN") {
        terms.respects_origin = true;
    } else {
        return Ok(false);
    }
    Ok(true)
}

/// Takes an option about how answers are kept, if the next word is one.
fn accept_keeping(keeping: &mut Keeping, args: &mut Args<'_>) -> Result<bool, Error> {
    if args.accept("MAX-BODY") {
        keeping.body_max = Some(args.not_negative_or(Error::ValueOutOfRange)?);
    } else if args.accept("COMPRESS") {
        keeping.compresses = true;
    } else if args.accept("DISK") {
        keeping.is_for_disk = true;
    } else if args.accept("PREWARM") {
        keeping.prewarms = true;
    } else if args.accept("STORE-COOKIES") {
        keeping.cookies = Cookies::Store;
    } else {
        return Ok(false);
    }
    Ok(true)
}

/// Reads codes with seconds for as long as numbers follow; of a code that is given twice the last counts.
fn statuses(args: &mut Args<'_>, status_ttl: &mut Vec<(u16, u32)>) -> Result<(), Error> {
    let is_number = |word: &[u8]| word.first().is_some_and(u8::is_ascii_digit);
    loop {
        let code = args.integer_or(STATUS);
        let ttl = seconds(args)?;
        let code = u16::try_from(code).ok().filter(|code| (200..=599).contains(code)).ok_or(STATUS)?;
        status_ttl.retain(|(other, _)| *other != code);
        status_ttl.push((code, ttl));
        if status_ttl.len() > STATUSES_MAX {
            return Err(STATUS);
        }
        if !args.peek().is_some_and(is_number) {
            return Ok(());
        }
    }
}

/// Reads a policy. It has no version yet.
pub(super) fn parse(args: &mut Args<'_>) -> Result<Policy, Error> {
    let name = args.word();
    let options = Options::parse(args)?;
    if !is_token(name) || name.len() > NAME_BYTES_MAX {
        return Err(NAME);
    }
    if options.pattern.is_empty() || options.pattern.len() > PATTERN_BYTES_MAX {
        return Err(PATTERN);
    }
    let pattern = Glob::parse(options.pattern);
    let url = UrlTemplate::parse(options.url, pattern.wildcards()).map_err(refusal)?;
    if options.tags.len() > TAGS_MAX || options.tags.iter().any(|tag| tag.is_empty()) {
        return Err(TAGS);
    }
    let tag = |text: &&[u8]| Template::parse(text, pattern.wildcards().len()).map_err(refusal);
    let tags = options.tags.iter().map(tag).collect::<Result<_, _>>()?;
    let vary = Policy::field_names(options.vary).ok_or(VARY)?;
    let policy = Policy {
        name: name.into(),
        pattern,
        url,
        terms: options.terms,
        keeping: options.keeping,
        priority: options.priority,
        tags,
        vary,
        version: 0,
    };
    // More than that, and no answer could be stored.
    if policy.selecting().len() > NAMES_MAX { Err(VARY) } else { Ok(policy) }
}

fn refusal(fault: Fault) -> Error {
    match fault {
        Fault::Brace => BRACE,
        Fault::Placeholder => PLACEHOLDER,
        Fault::Wildcard => WILDCARD,
        Fault::Url => URL,
        Fault::Dots => DOTS,
        Fault::Length => LENGTH,
    }
}

/// The words by which a policy can be set again, its name first.
pub(super) fn words(policy: &Policy) -> Vec<Vec<u8>> {
    let mut words: Vec<Vec<u8>> = vec![policy.name.to_vec()];
    let mut option = |name: &str, values: &[&[u8]]| {
        words.push(name.into());
        words.extend(values.iter().map(|value| value.to_vec()));
    };
    option("PATTERN", &[policy.pattern.text()]);
    option("URL", &[policy.url.text()]);
    let Terms { spans: Spans { ttl, swr, grace }, negative_ttl, status_ttl, respects_origin } = &policy.terms;
    for (name, number) in [("TTL", ttl), ("SWR", swr), ("GRACE", grace), ("NEGATIVE-TTL", negative_ttl)] {
        if let Some(number) = number {
            option(name, &[number.to_string().as_bytes()]);
        }
    }
    for (code, ttl) in status_ttl {
        option("STATUS-TTL", &[code.to_string().as_bytes(), ttl.to_string().as_bytes()]);
    }
    let Keeping { body_max, compresses, is_for_disk, cookies, prewarms } = policy.keeping;
    for (name, is_said) in [
        ("RESPECT-ORIGIN", *respects_origin),
        ("COMPRESS", compresses),
        ("DISK", is_for_disk),
        ("PREWARM", prewarms),
        ("STORE-COOKIES", cookies == Cookies::Store),
    ] {
        if is_said {
            option(name, &[]);
        }
    }
    if let Some(body_max) = body_max {
        option("MAX-BODY", &[body_max.to_string().as_bytes()]);
    }
    option("PRIORITY", &[policy.priority.to_string().as_bytes()]);
    option("TAGS", &[policy.tags.len().to_string().as_bytes()]);
    policy.tags.iter().for_each(|tag| words.push(tag.text().to_vec()));
    words.extend([b"VARY".to_vec(), policy.vary.len().to_string().into_bytes()]);
    words.extend(policy.vary.iter().map(|name| name.as_str().as_bytes().to_vec()));
    words
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::script::check;

    #[test]
    fn options_are_checked() {
        check(
            "CACHE.POLICY SET \"a b\" PATTERN * URL http://o/ => ERR the name of a policy must be a token of at most 128 characters
             CACHE.POLICY SET a PATTERN \"\" URL http://o/ => ERR PATTERN is missing, empty, or longer than 4096 bytes
             CACHE.POLICY SET a URL http://o/ TTL 1 => ERR PATTERN is missing, empty, or longer than 4096 bytes
             CACHE.POLICY SET a PATTERN * TTL 1 SWR 1 => ERR URL must be a template of an http or https URL without user and fragment
             CACHE.POLICY SET a PATTERN * URL ftp://o/ => ERR URL must be a template of an http or https URL without user and fragment
             CACHE.POLICY SET a PATTERN * URL http://o/{2} => ERR a template refers to more wildcards than the pattern has
             CACHE.POLICY SET a PATTERN * URL http://o/{x} => ERR a template may have {1}, {2} and so on, {key} and {hdr:Name}, and nothing else in braces
             CACHE.POLICY SET a PATTERN * URL http://o/{1 => ERR a template has a brace without its counterpart
             CACHE.POLICY SET a PATTERN * URL http://o/../a => ERR the path of a URL must not have the segments . and ..
             CACHE.POLICY SET a PATTERN * URL http://o/ TTL -1 => ERR value is out of range, value must between 0 and 4294967295
             CACHE.POLICY SET a PATTERN * URL http://o/ TTL => ERR syntax error
             CACHE.POLICY SET a PATTERN * URL http://o/ NOSUCH 1 => ERR syntax error
             CACHE.POLICY SET a PATTERN * URL http://o/ STATUS-TTL x 1 => ERR STATUS-TTL takes at most 64 final HTTP status codes, 200 to 599, each with seconds
             CACHE.POLICY SET a PATTERN * URL http://o/ STATUS-TTL 199 1 => ERR STATUS-TTL takes at most 64 final HTTP status codes, 200 to 599, each with seconds
             CACHE.POLICY SET a PATTERN * URL http://o/ STATUS-TTL 404 1 410 => ERR syntax error
             CACHE.POLICY SET a PATTERN * URL http://o/ MAX-BODY -1 => ERR value is out of range
             CACHE.POLICY SET a PATTERN * URL http://o/ PRIORITY high => ERR value is not an integer or out of range
             CACHE.POLICY SET a PATTERN * URL http://o/ TAGS 2 one => ERR syntax error
             CACHE.POLICY SET a PATTERN * URL http://o/ TAGS 1 \"\" => ERR a policy gives at most 64 tags, and none may be empty
             CACHE.POLICY SET a PATTERN * URL http://o/ TAGS 1 {9} => ERR a template refers to more wildcards than the pattern has
             CACHE.POLICY SET a PATTERN * URL http://o/ VARY 1 \"a b\" => ERR VARY takes at most 32 names of header fields, each a token
             CACHE.POLICY SET a PATTERN * => ERR wrong number of arguments for 'cache|policy|set' command
             CACHE.POLICY LIST               => []",
        );
    }

    fn parsed(words: &[&[u8]]) -> Result<Policy, Error> {
        parse(&mut Args::new(words, 0))
    }

    #[test]
    fn the_words_of_a_policy_make_it_again() {
        for call in [
            "a PATTERN * URL http://o/",
            "b url http://o/{1}?{hdr:X-Y} pattern x*? ttl 0 swr 1 grace 4294967295 negative-ttl 9 status-ttl 404 1 410 2 ttl 7",
            "c PATTERN [a-z]\\* URL HTTPS://o/{key} STATUS-TTL 404 1 STATUS-TTL 404 3 RESPECT-ORIGIN PRIORITY -5 MAX-BODY 0",
            "c PATTERN * URL http://o/ prewarm DISK store-cookies",
            "c PATTERN * URL http://o/ COMPRESS MAX-BODY 7",
            "d PATTERN TAGS URL http://o/ TAGS 2 TAGS VARY VARY 2 ttl X-Y",
        ] {
            let words: Vec<&[u8]> = call.split(' ').map(str::as_bytes).collect();
            let policy = parsed(&words).unwrap_or_else(|error| panic!("{call}: {error}"));
            let again = super::words(&policy);
            let again: Vec<&[u8]> = again.iter().map(Vec::as_slice).collect();
            assert_eq!(parsed(&again), Ok(policy), "{call}");
        }
    }
}
