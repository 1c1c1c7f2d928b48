//! CACHE GET.

use super::reply::CacheReply;
use super::set::{quoted, url};
use super::{ROW, key, pairs, reply};
use crate::command::args::Args;
use crate::command::call::Call;
use crate::command::flags::Flags;
use crate::command::keys::KeyUse;
use crate::command::{Command, Run};
use crate::engine::errand::Errand;
use crate::error::Error;
use crate::keyspace::Due;
use crate::time::UnixMillis;
use spinel_cache::timeline::{self, State};
use spinel_cache::{Headers, condition, selector};
use spinel_resp::ReplyWriter;
use spinel_types::HttpCache;
use spinel_types::http_cache::{BodyRef, Lost, Variant};
use std::borrow::Cow;

/// The rows of this file.
pub(super) const COMMANDS: &[Command] = &[Command {
    name: "cache|get",
    usage: "key [VARY vary=(numfields:integer field=(name value)...)] [IF-NONE-MATCH etags] [IF-MODIFIED-SINCE date] \
            [REVALIDATE-URL url] [FORCE-REVALIDATE]",
    keys: &[key(KeyUse::READ_ONLY.with(KeyUse::ACCESS))],
    flags: Flags::READONLY.with(Flags::FAST),
    cost: "O(N) where N is the number of variants of the entry and the size of the body",
    about: "Returns the variant that answers a request with these fields, and what it is good for.",
    run: Run::Data(get),
    ..ROW
}];

/// A request, as far as it is told.
#[derive(Default)]
struct Request<'a> {
    vary: super::Pairs<'a>,
    if_none_match: Option<Cow<'a, [u8]>>,
    if_modified_since: Option<&'a [u8]>,
    /// Where what is no longer fresh is fetched from, if not from where it came.
    url: Option<&'a [u8]>,
    /// Whether what is fresh is fetched again, too.
    is_forced: bool,
}

impl<'a> Request<'a> {
    fn parse(args: &mut Args<'a>) -> Result<Request<'a>, Error> {
        let mut request = Request::default();
        while args.remaining() > 0 {
            if args.accept("VARY") {
                request.vary = pairs(args)?;
            } else if args.accept("IF-NONE-MATCH") {
                request.if_none_match = Some(etags(args.word()));
            } else if args.accept("IF-MODIFIED-SINCE") {
                request.if_modified_since = Some(args.word());
            } else if args.accept("REVALIDATE-URL") {
                request.url = Some(url(args)?);
            } else if args.accept("FORCE-REVALIDATE") {
                request.is_forced = true;
            } else {
                return Err(Error::Syntax);
            }
        }
        args.finish()?;
        Ok(request)
    }

    /// The variant that answers it, the one stored last if there are several, with the word for what it is good for.
    fn answer<'c>(&self, cache: &'c HttpCache, now: UnixMillis) -> Option<(&'c Variant, &'static str)> {
        let fields = Headers::Pairs(&self.vary);
        cache.variants().iter().rev().find_map(|variant| {
            let state = reply::state_name(variant, now)?;
            selector::matches(variant.selector(), fields).then_some((variant, state))
        })
    }

    /// Whether nothing is to be done but to reply a variant whose body is at hand: the way of nearly all requests.
    fn is_answered_by(&self, variant: &Variant, now: UnixMillis) -> bool {
        let is_conditional = self.if_none_match.is_some() || self.if_modified_since.is_some();
        !is_conditional && variant.body().plain().is_some() && !self.wants_again(variant, now)
    }

    /// Whether a variant is to be fetched again, which is known where from.
    fn wants_again(&self, variant: &Variant, now: UnixMillis) -> bool {
        let is_due = self.is_forced || timeline::state(variant, now.0) != State::Fresh;
        is_due && (self.url.is_some() || !variant.url().is_empty())
    }

    /// Whether who asks has the variant already.
    fn has(&self, variant: &Variant, now: UnixMillis) -> bool {
        let etags = self.if_none_match.iter().map(|etags| (&b"if-none-match"[..], &**etags));
        let since = self.if_modified_since.iter().map(|since| (&b"if-modified-since"[..], *since));
        let fields: super::Pairs<'_> = etags.chain(since).collect();
        !fields.is_empty() && condition::is_unchanged(Headers::Pairs(&fields), variant, now.0)
    }
}

/// Entity tags, one of which may have been given without its quotes.
fn etags(text: &[u8]) -> Cow<'_, [u8]> {
    let is_bare = text != b"*" && !text.contains(&b'"');
    let tag = if is_bare { quoted(text).ok() } else { None };
    tag.map_or(Cow::Borrowed(text), Cow::Owned)
}

fn get(call: &mut Call<'_>) -> Result<(), Error> {
    let key = call.args.word();
    let request = Request::parse(&mut call.args)?;

    let now = call.now;
    let found = call.keys.read_http_cache(key)?;
    let is_lost = |cache: &HttpCache| cache.variants().iter().any(|variant| variant.body().is_lost());
    let (found, has_lost) = match found {
        Some(cache) => (request.answer(cache, now), is_lost(cache)),
        None => (None, false),
    };
    match found {
        None => CacheReply::nothing("miss").write(call.reply),
        Some((variant, state)) if request.is_answered_by(variant, now) => {
            variant.note_use(now.0);
            CacheReply::of(variant, state, variant.body().plain(), now).write(call.reply);
        }
        Some((variant, state)) => {
            let variant = variant.clone();
            answer(call, key, &request, (variant, state));
        }
    }
    if has_lost && let Some(bodies) = call.keys.keyspace().bodies() {
        bodies.report(call.keys.db(), key);
    }
    Ok(())
}

/// Replies a variant, and has it fetched again if that is wanted.
fn answer(call: &mut Call<'_>, key: &[u8], request: &Request<'_>, (variant, state): (Variant, &'static str)) {
    /// What answers a request of something that has not changed.
    const NOT_MODIFIED: u16 = 304;
    let now = call.now;
    variant.note_use(now.0);
    if request.wants_again(&variant, now) {
        let (place, url) = ((call.keys.db(), key), request.url.unwrap_or(variant.url()));
        call.keys.keyspace().refresh(Due { place, variant: &variant, url, is_forced: request.is_forced });
    }
    if request.has(&variant, now) {
        let unchanged = CacheReply::of(&variant, "not-modified", None, now);
        CacheReply { status: Some(NOT_MODIFIED), ..unchanged }.write(call.reply);
    } else if let Some(body) = variant.body().plain() {
        CacheReply::of(&variant, state, Some(body), now).write(call.reply);
    } else if is_soon_there(variant.body()) {
        fetched(&variant, state, now, call.reply);
    } else {
        call.leave(Errand::new(move |_, reply| {
            fetched(&variant, state, now, reply);
            Ok(())
        }));
    }
}

/// Whether a body is unpacked sooner than another thread could begin to.
fn is_soon_there(body: BodyRef<'_>) -> bool {
    const UNPACKED_AT_ONCE: u64 = 128 << 10;
    matches!(body, BodyRef::Packed(packed) if packed.len() <= UNPACKED_AT_ONCE)
}

/// Replies a variant whose body has to be unpacked, or read from its file.
fn fetched(variant: &Variant, state: &'static str, now: UnixMillis, reply: &mut ReplyWriter) {
    match variant.body().bytes() {
        Ok(body) => CacheReply::of(variant, state, Some(&body), now).write(reply),
        Err(Lost) => CacheReply::nothing("miss").write(reply),
    }
}

#[cfg(test)]
mod tests {
    use super::super::told;
    use crate::commands::script::check;
    use crate::time::{ManualClock, UnixMillis};
    use crate::{Db, Value};
    use std::sync::{Arc, Mutex};

    const MISS: &str = "{\"state\": \"miss\", \"status\": nil, \"headers\": nil, \"body\": nil, \"age\": nil, \"ttl\": nil, \
                        \"variant\": nil}";

    /// What is replied for a variant: the state, the status, fields, the body, for how long it is fresh, and its selector.
    fn hit(state: &str, status: u16, fields: &str, body: &str, (ttl, selector): (i64, &str)) -> String {
        format!(
            "{{\"state\": \"{state}\", \"status\": {status}, \"headers\": [{fields}], \"body\": {body}, \"age\": 0, \
             \"ttl\": {ttl}, \"variant\": [{selector}]}}"
        )
    }

    #[test]
    fn every_outcome_has_one_shape() {
        let fields = "\"X-A\", \"1\", \"ETag\", \"\\\"e\\\"\"";
        let found = hit("hit", 200, fields, "\"body\"", (60, ""));
        let unchanged = hit("not-modified", 304, fields, "nil", (60, ""));
        check(&format!(
            "CACHE.GET k                     => {MISS}
             CACHE.SET k body TTL 60 ETAG e HEADERS 3 X-A 1 connection close Content-Length 9 => OK
             CACHE GET k                     => {found}
             CACHE.GET k IF-NONE-MATCH e     => {unchanged}
             CACHE.GET k IF-NONE-MATCH f     => {found}
             CACHE.GET k NOSUCH              => ERR syntax error
             CACHE.GET k VARY 1 a            => ERR syntax error
             CACHE.GET k VARY x              => ERR value is not an integer or out of range
             SET s v                         => OK
             CACHE.GET s                     => WRONGTYPE Operation against a key holding the wrong kind of value"
        ));
    }

    #[test]
    fn fields_of_the_request_select() {
        let german = hit("hit", 200, "", "\"de\"", (-1, "\"accept-language\", \"de\""));
        let none = hit("negative", 404, "", "\"none\"", (-1, ""));
        check(&format!(
            "CACHE.SET k de VARY 1 Accept-Language de => OK
             CACHE.SET k en VARY 1 accept-language en => OK
             CACHE.GET k                     => {MISS}
             CACHE.GET k VARY 1 accept-language fr => {MISS}
             CACHE.GET k VARY 2 x y ACCEPT-LANGUAGE de => {german}
             CACHE.SET k none STATUS 404     => OK
             CACHE.GET k                     => {none}"
        ));
    }

    #[test]
    fn a_variant_is_fresh_then_stale_then_what_is_left_then_gone() {
        let clock = Arc::new(ManualClock::new(UnixMillis(1_000)));
        let db = Db::with_clock(Arc::clone(&clock));
        db.execute("CACHE.SET k body TTL 10 SWR 20 GRACE 30".split(' ')).unwrap();
        for (seconds, state) in
            [(0, "hit"), (9, "hit"), (10, "stale"), (29, "stale"), (30, "grace"), (59, "grace"), (60, "miss")]
        {
            clock.set(UnixMillis(1_000 + seconds * 1_000));
            assert_eq!(told::state(&db, &["CACHE.GET", "k"]), state, "after {seconds} s");
        }
        assert_eq!(db.execute(["EXISTS", "k"]).unwrap(), Value::Integer(0));
    }

    #[test]
    fn what_is_no_longer_fresh_is_fetched_again_if_it_is_known_where_from() {
        let clock = Arc::new(ManualClock::new(UnixMillis(1_000)));
        let db = Db::with_clock(Arc::clone(&clock));
        let told = Arc::new(Mutex::new(Vec::new()));
        let ear = Arc::clone(&told);
        assert!(db.engine().keyspace().set_refresher(move |due| {
            let key = String::from_utf8_lossy(due.place.1).into_owned();
            let url = String::from_utf8_lossy(due.url).into_owned();
            ear.lock().unwrap().push((key, url, due.is_forced));
        }));
        let run = |call: &str| db.execute(call.split(' ')).unwrap();
        run("CACHE.SET own body TTL 10 SWR 20 GRACE 30 REVALIDATE-URL http://o/own");
        run("CACHE.SET none body TTL 10 SWR 20");
        let heard = |calls: &[&str]| {
            for call in calls {
                run(call);
            }
            std::mem::take(&mut *told.lock().unwrap())
        };
        let other = "CACHE.GET none REVALIDATE-URL http://o/other";
        assert!(
            heard(&["CACHE.GET own", "CACHE.GET none", other, "CACHE.GET missing FORCE-REVALIDATE"])
                .is_empty()
        );
        let due = |key: &str, path: &str, is_forced| (key.to_owned(), format!("http://o/{path}"), is_forced);
        assert_eq!(heard(&["CACHE.GET own FORCE-REVALIDATE"]), [due("own", "own", true)]);
        clock.set(UnixMillis(11_000));
        assert_eq!(
            heard(&["CACHE.GET own", "CACHE.GET none", other]),
            [due("own", "own", false), due("none", "other", false)]
        );
        clock.set(UnixMillis(31_000));
        assert_eq!(heard(&["CACHE.GET own", other]), [due("own", "own", false)]);
    }

    #[test]
    fn conditions_are_those_of_http() {
        let db = Db::with_clock(ManualClock::new(UnixMillis(1_700_000_000_000)));
        let set =
            ["CACHE.SET", "k", "body", "LAST-MODIFIED", "Sun, 06 Nov 1994 08:49:37 GMT", "ETAG", "W/\"a\""];
        db.execute(set).unwrap();
        for ([name, value], expected) in [
            (["IF-NONE-MATCH", "\"b\", \"a\""], "not-modified"),
            (["IF-NONE-MATCH", "*"], "not-modified"),
            (["IF-NONE-MATCH", "\"b\""], "hit"),
            (["IF-MODIFIED-SINCE", "Sun, 06 Nov 1994 08:49:37 GMT"], "not-modified"),
            (["IF-MODIFIED-SINCE", "Sun, 06 Nov 1994 08:49:36 GMT"], "hit"),
            (["IF-MODIFIED-SINCE", "yesterday"], "hit"),
        ] {
            assert_eq!(told::state(&db, &["CACHE.GET", "k", name, value]), expected, "{name} {value}");
        }
    }
}
