//! CACHE INFO.

use super::{ROW, key, reply};
use crate::command::call::Call;
use crate::command::flags::Flags;
use crate::command::keys::KeyUse;
use crate::command::{Command, Run};
use crate::error::Error;
use crate::time::UnixMillis;
use spinel_resp::ReplyWriter;
use spinel_types::Value;
use spinel_types::http_cache::{BodyRef, Variant};

/// The rows of this file.
pub(super) const COMMANDS: &[Command] = &[Command {
    name: "cache|info",
    usage: "key",
    keys: &[key(KeyUse::READ_ONLY.with(KeyUse::ACCESS))],
    flags: Flags::READONLY,
    cost: "O(N) where N is the number of variants of the entry",
    about: "Returns what is known of each variant of an entry, without its body and without counting as a use.",
    run: Run::Data(info),
    ..ROW
}];

fn info(call: &mut Call<'_>) -> Result<(), Error> {
    let key = call.args.word();
    call.args.finish()?;

    let locked_until = call.keys.keyspace().entry_locked_until(call.keys.db(), key, call.now);
    let variants = match call.keys.inspect(key) {
        None => &[],
        Some((_, Value::HttpCache(cache))) => cache.variants(),
        Some(_) => return Err(Error::WrongType),
    };
    call.reply.array(variants.len());
    for variant in variants {
        describe(call.reply, variant, call.now);
        reply::number(call.reply, "locked-until", locked_until.map_or(reply::ENDLESS, |until| until.0));
    }
    Ok(())
}

/// Replies what is known of a variant, but for one name and value.
fn describe(reply: &mut ReplyWriter, variant: &Variant, now: UnixMillis) {
    reply.map(17);
    reply.bulk(b"variant");
    reply::fields(reply, variant.selector());
    reply.bulk(b"state");
    reply.bulk(reply::state_name(variant, now).unwrap_or("gone").as_bytes());
    for (name, number) in [
        ("status", variant.status.into()),
        ("age", reply::age_s(variant, now)),
        ("ttl", reply::ttl_s(variant, now)),
        ("stored-at", variant.stored_at),
        ("fresh-until", reply::deadline(variant.fresh_until)),
        ("stale-until", reply::deadline(variant.stale_until)),
        ("grace-until", reply::deadline(variant.grace_until)),
        ("hits", i64::try_from(variant.hits()).unwrap_or(i64::MAX)),
        ("last-access", variant.used_at()),
        ("body-bytes", variant.body().len() as i64),
        ("memory-bytes", variant.memory_bytes() as i64),
    ] {
        reply::number(reply, name, number);
    }
    reply.bulk(b"place");
    reply.bulk(place(variant.body()).as_bytes());
    reply.bulk(b"tags");
    reply.array(variant.tags().iter().count());
    variant.tags().iter().for_each(|(tag, _)| reply.bulk(tag));
    reply.bulk(b"url");
    reply.bulk(variant.url());
}

/// The word for where a body is.
fn place(body: BodyRef<'_>) -> &'static str {
    match body {
        BodyRef::Plain(_) => "memory",
        BodyRef::Packed(_) => "compressed",
        BodyRef::Filed(filed) if filed.is_lost() => "lost",
        BodyRef::Filed(_) => "disk",
    }
}

#[cfg(test)]
mod tests {
    use super::super::told::{bulk, of};
    use crate::commands::script::check;
    use crate::time::{ManualClock, UnixMillis};
    use crate::{Db, Value};

    #[test]
    fn what_is_no_entry_has_no_variants() {
        check(
            "CACHE.INFO k                    => []
             SET s v                         => OK
             CACHE.INFO s                    => WRONGTYPE Operation against a key holding the wrong kind of value
             CACHE.INFO s x                  => ERR wrong number of arguments for 'cache|info' command",
        );
    }

    #[test]
    fn a_variant_is_described() {
        let db = Db::with_clock(ManualClock::new(UnixMillis(1_000)));
        db.execute("CACHE.SET k body TTL 1 GRACE 2 TAGS 2 a b REVALIDATE-URL http://o/x".split(' ')).unwrap();
        db.execute(["CACHE.GET", "k"]).unwrap();
        db.execute(["CACHE.LOCK", "k", "500"]).unwrap();
        let Value::Array(variants) = db.execute(["CACHE", "INFO", "k"]).unwrap() else { panic!("no array") };
        let [variant] = &variants[..] else { panic!("not one variant: {variants:?}") };
        for (name, expected) in [
            ("state", bulk("hit")),
            ("fresh-until", Value::Integer(2_000)),
            ("stale-until", Value::Integer(2_000)),
            ("grace-until", Value::Integer(4_000)),
            ("hits", Value::Integer(1)),
            ("last-access", Value::Integer(1_000)),
            ("body-bytes", Value::Integer(4)),
            ("place", bulk("memory")),
            ("tags", Value::Array(vec![bulk("a"), bulk("b")])),
            ("url", bulk("http://o/x")),
            ("locked-until", Value::Integer(1_500)),
        ] {
            assert_eq!(of(variant, name), expected, "{name}");
        }
    }
}
