//! CACHE FETCH, PROXY and BYPASS: the commands of the HTTP cache that ask origins. The others are the engine's.

use super::{InTurn, TurnRow};
use crate::cache::{Question, added};
use crate::config::table;
use http::{HeaderMap, HeaderName, HeaderValue};
use spinel_cache::policy::{Orders, Spans, Subject};
use spinel_cache::{Headers, connection};
use spinel_storage::Error;
use spinel_storage::command::args::Args;
use spinel_storage::command::flags::Flags;
use spinel_storage::command::keys::{KeySpec, KeyUse};
use spinel_storage::command::{Command, Group};

/// They wait for origins: so they are for no transaction and no script, which would keep everybody waiting.
const ROW: Command = Command {
    group: Group::HttpCache,
    since: "8.0.0",
    flags: Flags::BLOCKING.with(Flags::NOSCRIPT).with(Flags::NO_MULTI),
    ..Command::ROW
};

/// The rows of this family.
pub(super) const TURN_COMMANDS: &[TurnRow] = &[
    (
        Command {
            name: "cache|bypass",
            usage: "key url",
            keys: &[KeySpec::after_name(KeyUse::READ_ONLY)],
            cost: "O(N) where N is the size of the body",
            about: "Returns what is at a URL. Nothing is looked up or stored.",
            ..ROW
        },
        bypass,
    ),
    (
        Command {
            name: "cache|fetch",
            usage: "key url [VARY vary=(numfields:integer field=(name value)...)] [TTL ttl-seconds:integer] \
                    [SWR swr-seconds:integer] [GRACE grace-seconds:integer] [TAGS tags=(numtags:integer tag...)] \
                    [HEADERS headers=(numheaders:integer header=(name value)...)]",
            keys: &[KeySpec::after_name(KeyUse::READ_WRITE.with(KeyUse::ACCESS).with(KeyUse::UPDATE))],
            flags: ROW.flags.with(Flags::WRITE),
            cost: "O(N) where N is the number of variants of the entry and the size of the body",
            about: "Returns what is stored under a key, or else fetches it from a URL and stores it.",
            ..ROW
        },
        fetch,
    ),
    (
        Command {
            name: "cache|proxy",
            usage: "key [url] [VARY vary=(numfields:integer field=(name value)...)] [TTL ttl-seconds:integer] \
                    [SWR swr-seconds:integer] [GRACE grace-seconds:integer] [TAGS tags=(numtags:integer tag...)] \
                    [HEADERS headers=(numheaders:integer header=(name value)...)]",
            keys: &[KeySpec::after_name(KeyUse::READ_WRITE.with(KeyUse::ACCESS).with(KeyUse::UPDATE))],
            flags: ROW.flags.with(Flags::WRITE),
            cost: "O(N+M) where N is the number of policies, and M that of variants of the entry and the size of the body",
            about: "Returns what is stored under a key, or else fetches it from where its policy says, and stores it.",
            ..ROW
        },
        proxy,
    ),
];

const URL: Error = Error::Text("ERR the URL must be one of http or https, without a user");
const NAME: Error = Error::Text("ERR a header name must be a token");
const VALUE: Error = Error::Text("ERR a header value must not contain control characters");
const OWN: Error =
    Error::Text("ERR conditions, ranges, and headers about a connection, a host or a length can't be chosen");
const NO_POLICY: Error = Error::Text("ERR no policy is for this key, and it is no URL");
const UNFIT: Error = Error::Text("ERR the policy for this key makes no URL of it");
const TAG: Error = Error::Text("ERR a tag must not be empty");

/// Fields of requests that say what the cache itself has to say.
const OWN_FIELDS: [&str; 9] = [
    "content-length",
    "expect",
    "host",
    "if-match",
    "if-modified-since",
    "if-none-match",
    "if-range",
    "if-unmodified-since",
    "range",
];

fn fetch(call: &mut InTurn<'_, '_>) -> Result<(), Error> {
    let (key, url) = (call.args.word(), call.args.word());
    let negative_ttl = call.shared.config.number(table::CACHE_NEGATIVE_TTL) as u32;
    let (fields, orders) = options(&mut call.args, negative_ttl)?;

    let question = Question::new((call.session.db, key), url, fields, orders).ok_or(URL)?;
    if !question.answer_at_once(call.turn, call.reply, &call.meter.statistics.cache)? {
        call.session.ask_origin(question, call.shared);
    }
    Ok(())
}

fn proxy(call: &mut InTurn<'_, '_>) -> Result<(), Error> {
    let key = call.args.word();
    let given = call.args.peek().filter(|word| is_url(word)).map(|_| call.args.word());
    let negative_ttl = call.shared.config.number(table::CACHE_NEGATIVE_TTL) as u32;
    let (fields, orders) = options(&mut call.args, negative_ttl)?;

    let policies = call.shared.engine.keyspace().policies();
    let applied = policies.apply(Subject::plain(key), Headers::Map(&fields));
    let applied = applied.transpose().map_err(|_| UNFIT)?;
    let by_policy = applied.as_ref().map(|applied| applied.url.as_bytes());
    let own = Some(key).filter(|key| is_url(key));
    let url = given.or(by_policy).or(own).ok_or(NO_POLICY)?;
    let orders = match &applied {
        Some(applied) => added(&applied.orders, &orders),
        None => orders,
    };
    let question = Question::new((call.session.db, key), url, fields, orders).ok_or(URL)?;
    let question = question.kept(applied.map(|applied| applied.policy.keeping).unwrap_or_default());
    if !question.answer_at_once(call.turn, call.reply, &call.meter.statistics.cache)? {
        call.session.ask_origin(question, call.shared);
    }
    Ok(())
}

fn is_url(word: &[u8]) -> bool {
    let has =
        |scheme: &[u8]| word.get(..scheme.len()).is_some_and(|start| start.eq_ignore_ascii_case(scheme));
    has(b"http://") || has(b"https://")
}

fn bypass(call: &mut InTurn<'_, '_>) -> Result<(), Error> {
    let (key, url) = (call.args.word(), call.args.word());
    call.args.finish()?;

    let question = Question::new((call.session.db, key), url, HeaderMap::new(), Orders::default());
    call.session.ask_origin(question.ok_or(URL)?.apart(), call.shared);
    Ok(())
}

/// Reads options: fields of the request, and what is ordered about the answer.
fn options(args: &mut Args<'_>, negative_ttl: u32) -> Result<(HeaderMap, Orders), Error> {
    let mut fields = HeaderMap::new();
    let mut orders = Orders { negative_ttl: Some(negative_ttl), ..Orders::default() };
    let mut given = Spans::default();
    while args.remaining() > 0 {
        if args.accept("VARY") {
            orders.vary.extend(read_fields(args, &mut fields)?);
        } else if args.accept("HEADERS") {
            read_fields(args, &mut fields)?;
        } else if args.accept("TTL") {
            given.ttl = Some(seconds(args)?);
        } else if args.accept("SWR") {
            given.swr = Some(seconds(args)?);
        } else if args.accept("GRACE") {
            given.grace = Some(seconds(args)?);
        } else if args.accept("TAGS") {
            let tags = counted(args, 1)?;
            if tags.iter().any(|tag| tag.is_empty()) {
                return Err(TAG);
            }
            orders.tags = tags.iter().map(|tag| Box::from(*tag)).collect();
        } else {
            return Err(Error::Syntax);
        }
    }
    args.finish()?;
    Ok((fields, Orders { given, ..orders }))
}

/// Reads a count and so many fields, and returns their names.
fn read_fields(args: &mut Args<'_>, fields: &mut HeaderMap) -> Result<Vec<HeaderName>, Error> {
    let mut names = Vec::new();
    for pair in counted(args, 2)?.chunks_exact(2) {
        let name = HeaderName::from_bytes(pair[0]).map_err(|_| NAME)?;
        if OWN_FIELDS.contains(&name.as_str()) || connection::is_for_one(name.as_str()) {
            return Err(OWN);
        }
        fields.append(name.clone(), HeaderValue::from_bytes(pair[1]).map_err(|_| VALUE)?);
        names.push(name);
    }
    Ok(names)
}

fn counted<'a>(args: &mut Args<'a>, words_each: usize) -> Result<&'a [&'a [u8]], Error> {
    let count = args.not_negative(Error::NotAnInteger)?;
    args.take(count.checked_mul(words_each).ok_or(Error::Syntax)?)
}

fn seconds(args: &mut Args<'_>) -> Result<u32, Error> {
    let seconds = args.integer_between(0, u32::MAX.into());
    args.check()?;
    Ok(seconds as u32)
}
