//! CACHE EXPLAIN.

use super::policy::{Found, headers};
use super::{Pairs, ROW, key, reply};
use crate::command::call::Call;
use crate::command::flags::Flags;
use crate::command::keys::KeyUse;
use crate::command::{Command, Run};
use crate::error::Error;
use crate::time::UnixMillis;
use spinel_cache::explain::{Explained, explain};
use spinel_resp::ReplyWriter;
use spinel_types::Value;
use spinel_types::http_cache::Variant;

/// The rows of this file.
pub(super) const COMMANDS: &[Command] = &[Command {
    name: "cache|explain",
    usage: "key data=[(header value)...]",
    keys: &[key(KeyUse::READ_ONLY.with(KeyUse::ACCESS))],
    flags: Flags::READONLY,
    cost: "O(N+M) where N is the number of variants of the entry and M that of policies",
    about: "Says what would be done about a request with these fields, and why, without doing it.",
    run: Run::Data(explain_request),
    ..ROW
}];

const FIELD: Error = Error::Text("ERR a header must have a token for a name and one line for a value");

fn explain_request(call: &mut Call<'_>) -> Result<(), Error> {
    let key = call.args.word();
    let fields = headers(&mut call.args)?;

    let keyspace = call.keys.keyspace();
    let found = Found::of(&keyspace.policies(), key, &fields);
    let locked_until = keyspace.entry_locked_until(call.keys.db(), key, call.now);
    let variants = match call.keys.inspect(key) {
        None => &[],
        Some((_, Value::HttpCache(cache))) => cache.variants(),
        Some(_) => return Err(Error::WrongType),
    };
    let explained = explained(&fields, variants, call.now)?;

    call.reply.map(18);
    reply_decision(call.reply, &explained, call.now);
    reply::number(call.reply, "variants", variants.len() as i64);
    reply_variant(call.reply, explained.variant, call.now);
    reply::number(call.reply, "locked-until", locked_until.map_or(reply::ENDLESS, |until| until.0));
    found.reply(call.reply);
    Ok(())
}

fn explained<'v>(
    fields: &Pairs<'_>,
    variants: &'v [Variant],
    now: UnixMillis,
) -> Result<Explained<'v>, Error> {
    explain(fields, variants, now.0).ok_or(FIELD)
}

/// Replies four names and values.
fn reply_decision(reply: &mut ReplyWriter, explained: &Explained<'_>, now: UnixMillis) {
    let state = explained.variant.and_then(|variant| reply::state_name(variant, now)).unwrap_or("miss");
    let reason = explained.reason.map(|reason| reason.name().as_bytes());
    reply::text(reply, "decision", Some(explained.decision.as_bytes()));
    reply::text(reply, "reason", reason);
    reply::text(reply, "because", Some(explained.because.as_bytes()));
    reply::text(reply, "state", Some(state.as_bytes()));
}

/// Replies seven names and values.
fn reply_variant(reply: &mut ReplyWriter, variant: Option<&Variant>, now: UnixMillis) {
    reply.bulk(b"variant");
    match variant {
        Some(variant) => reply::fields(reply, variant.selector()),
        None => reply.null(),
    }
    let numbers = variant.map(|variant| {
        [
            variant.status.into(),
            reply::age_s(variant, now),
            reply::ttl_s(variant, now),
            reply::deadline(variant.fresh_until),
            reply::deadline(variant.stale_until),
            reply::deadline(variant.grace_until),
        ]
    });
    let names = ["status", "age", "ttl", "fresh-until", "stale-until", "grace-until"];
    for (index, name) in names.into_iter().enumerate() {
        reply.bulk(name.as_bytes());
        match numbers {
            Some(numbers) => reply.integer(numbers[index]),
            None => reply.null(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::told::{bulk, of};
    use crate::time::{ManualClock, UnixMillis};
    use crate::{Db, Value};
    use std::sync::Arc;

    fn explained(db: &Db, call: &str, names: &[&str]) -> Vec<Value> {
        let told = db.execute(call.split(' ')).unwrap_or_else(|error| panic!("{call}: {error}"));
        names.iter().map(|name| of(&told, name)).collect()
    }

    #[test]
    fn it_says_what_would_be_done_and_why() {
        let clock = Arc::new(ManualClock::new(UnixMillis(0)));
        let db = Db::with_clock(Arc::clone(&clock));
        let run = |call: &str| db.execute(call.split(' ')).unwrap();
        run("CACHE.POLICY SET p PATTERN k* URL http://o/{1}");
        let names = ["decision", "reason", "state", "variants", "policy", "url", "ttl", "locked-until"];
        let expected = [
            bulk("fetch"),
            bulk("uri-miss"),
            bulk("miss"),
            Value::Integer(0),
            bulk("p"),
            bulk("http://o/1"),
            Value::Null,
            Value::Integer(-1),
        ];
        assert_eq!(explained(&db, "CACHE.EXPLAIN k1", &names), expected);
        run("CACHE.SET k1 body TTL 10 SWR 10 GRACE 10 VARY 1 Accept-Language de");
        run("CACHE.LOCK k1 5000");
        let names = ["decision", "reason", "state", "fresh-until", "locked-until"];
        let german = "CACHE.EXPLAIN k1 accept-language de";
        for (now, expected) in [
            (0, [bulk("serve"), Value::Null, bulk("hit"), Value::Integer(10_000), Value::Integer(5_000)]),
            (
                10_000,
                [
                    bulk("serve-and-refresh"),
                    Value::Null,
                    bulk("stale"),
                    Value::Integer(10_000),
                    Value::Integer(-1),
                ],
            ),
            (
                20_000,
                [bulk("fetch"), bulk("stale"), bulk("grace"), Value::Integer(10_000), Value::Integer(-1)],
            ),
            (30_000, [bulk("fetch"), bulk("uri-miss"), bulk("miss"), Value::Null, Value::Integer(-1)]),
        ] {
            clock.set(UnixMillis(now));
            assert_eq!(explained(&db, german, &names), expected, "{now}");
            if now == 0 {
                let other = explained(&db, "CACHE EXPLAIN k1", &["reason", "variants", "variant"]);
                assert_eq!(other, [bulk("vary-miss"), Value::Integer(1), Value::Null]);
            }
        }
    }

    #[test]
    fn what_is_no_request_is_refused() {
        crate::commands::script::check(
            "CACHE.EXPLAIN k a               => ERR syntax error
             CACHE.EXPLAIN k \"a b\" c       => ERR a header must have a token for a name and one line for a value
             SET s v                         => OK
             CACHE.EXPLAIN s                 => WRONGTYPE Operation against a key holding the wrong kind of value",
        );
    }
}
