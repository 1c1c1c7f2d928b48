//! CACHE RESTORE and CACHE DROP: how what happens to variants is written down, and how the HTTP door stores them.

use super::{ROW, key};
use crate::bodies::Patience;
use crate::command::call::Call;
use crate::command::flags::Flags;
use crate::command::keys::KeyUse;
use crate::command::{Command, Run};
use crate::error::Error;
use crate::keyspace::guard::STRING_BYTES_MAX;
use crate::keyspace::thresholds::Threshold;
use spinel_types::http_cache::{Body, Fields, FieldsRef, Lost, Parts, Source, VARIANTS_MAX, Variant};
use spinel_types::{HttpCache, Value};

/// The rows of this file.
pub(super) const COMMANDS: &[Command] = &[
    Command {
        name: "cache|restore",
        event: "cache.set",
        usage: "key variant",
        keys: &[key(KeyUse::READ_WRITE.with(KeyUse::UPDATE))],
        flags: Flags::WRITE.with(Flags::DENYOOM).with(Flags::DANGEROUS),
        cost: "O(N) where N is the number of variants of the entry and of bytes",
        about: "Stores a variant as the server encodes it: how the log and replicas are told of it.",
        run: Run::Data(restore),
        ..ROW
    },
    Command {
        name: "cache|drop",
        usage: "key [selector...]",
        keys: &[key(KeyUse::READ_WRITE.with(KeyUse::DELETE))],
        flags: Flags::WRITE,
        cost: "O(N*M) where N is the number of variants of the entry and M that of selectors",
        about: "Removes variants by their encoded selectors, or those whose bodies are lost, and counts them: how the log and \
                replicas are told of it.",
        run: Run::Data(drop_variants),
        ..ROW
    },
];

const BAD_FORMAT: Error = Error::Text("ERR Bad data format");
const GONE: Error = Error::Text("ERR there is no variant with this body");

/// The bytes that stand for a variant.
pub(super) fn encoded(variant: &Variant) -> Result<Vec<u8>, Error> {
    let mut bytes = Vec::new();
    variant.encode(&mut bytes).map_err(|Lost| GONE)?;
    Ok(bytes)
}

/// Puts a variant under a key. If the entry has too many with it, those go first that were not used for the longest time, and the
/// effect says which: uses are not known to who repeats it.
pub(super) fn put(call: &mut Call<'_>, key: &[u8], mut variant: Variant) -> Result<(), Error> {
    if variant.memory_bytes().max(variant.body().len()) > STRING_BYTES_MAX {
        return Err(Error::StringTooLong);
    }
    if let Some(bodies) = call.keys.keyspace().bodies()
        && let Some(body) = bodies.place((call.keys.db(), key), &variant, Patience::None)
    {
        variant = variant.successor(Parts { body, ..variant.to_parts() });
    }
    let variants_max =
        call.keys.keyspace().thresholds().size(Threshold::HttpCacheVariants).clamp(1, VARIANTS_MAX);
    let mut guard = call.keys.write(key);
    let mut surplus = Vec::new();
    if let Some(cache) = guard.existing_http_cache()? {
        surplus = surplus_of(cache, &variant, variants_max);
        if !surplus.is_empty() {
            cache.retain(|other| !surplus.iter().any(|selector| selector.as_ref() == other.selector()));
        }
    }
    guard.put_variant(variant)?;
    drop(guard);

    if !surplus.is_empty() {
        call.effect.rewrite_line(|| {
            let selectors = surplus.iter().map(|selector| selector.as_ref().encoded().to_vec());
            [b"CACHE.DROP".to_vec(), key.to_vec()].into_iter().chain(selectors).collect()
        });
    }
    Ok(())
}

/// The selectors of the variants that go, so that another one fits in.
fn surplus_of(cache: &HttpCache, variant: &Variant, variants_max: usize) -> Vec<Fields> {
    let takes_place = cache.of_selector(variant.selector()).is_some();
    let surplus = (cache.len() + usize::from(!takes_place)).saturating_sub(variants_max);
    let others = cache.variants().iter().filter(|other| other.selector() != variant.selector());
    let mut by_use: Vec<_> = others.collect();
    by_use.sort_by_key(|other| other.used_at().max(other.stored_at));
    by_use.into_iter().take(surplus).map(|other| other.selector().to_owned()).collect()
}

/// Puts a variant under a key that did not come as words.
pub(crate) fn restore_variant(call: &mut Call<'_>, key: &[u8], variant: Variant) -> Result<(), Error> {
    let line = if call.effect.is_recorded() { Some(line(call, key, &variant)?) } else { None };
    put(call, key, variant)?;
    call.effect.rewrite(|| [b"CACHE.RESTORE".to_vec(), key.to_vec(), line.unwrap_or_default()]);
    Ok(())
}

/// The bytes that stand for a variant where it is about to be put. A body that the entry has already is named.
fn line(call: &mut Call<'_>, key: &[u8], variant: &Variant) -> Result<Vec<u8>, Error> {
    let others = match call.keys.inspect(key) {
        Some((_, Value::HttpCache(cache))) => cache.variants(),
        _ => &[],
    };
    let Some(other) = others.iter().find(|other| other.body().is_same(variant.body())) else {
        return encoded(variant);
    };
    let mut bytes = Vec::new();
    variant.encode_with_body_of(other.selector(), &mut bytes);
    Ok(bytes)
}

fn restore(call: &mut Call<'_>) -> Result<(), Error> {
    let (key, bytes) = (call.args.word(), call.args.word());
    call.args.finish()?;
    let (mut parts, source) = Variant::decode_any(bytes).map_err(|_| BAD_FORMAT)?;

    match source {
        Source::Own => {}
        Source::Shared(selector) => parts.body = body_of(call, key, selector.as_ref())?,
        // Only files that this server wrote for itself name others.
        Source::Filed(_) => return Err(BAD_FORMAT),
    }
    put(call, key, parts.into())?;
    call.effect.also(|| [b"CACHE.RESTORE".to_vec(), key.to_vec(), bytes.to_vec()]);

    call.reply.ok();
    Ok(())
}

/// The body of the variant that is stored for a selector.
fn body_of(call: &mut Call<'_>, key: &[u8], selector: FieldsRef<'_>) -> Result<Body, Error> {
    match call.keys.inspect(key) {
        Some((_, Value::HttpCache(cache))) => {
            cache.of_selector(selector).map(Variant::shared_body).ok_or(GONE)
        }
        Some(_) => Err(Error::WrongType),
        None => Err(GONE),
    }
}

fn drop_variants(call: &mut Call<'_>) -> Result<(), Error> {
    let (key, selectors) = (call.args.word(), call.args.rest());

    let mut guard = call.keys.write(key);
    let mut lost = Vec::new();
    let dropped = match guard.existing_http_cache()? {
        Some(cache) => cache.retain(|variant| {
            let selector = variant.selector().encoded();
            let is_lost = selectors.is_empty() && variant.body().is_lost();
            if is_lost {
                lost.push(selector.to_vec());
            }
            !is_lost && !selectors.contains(&selector)
        }),
        None => 0,
    };
    guard.count_changes(dropped as u64);
    drop(guard);

    if selectors.is_empty() {
        // Which are lost is for this server to say.
        call.effect.rewrite_line(|| [b"CACHE.DROP".to_vec(), key.to_vec()].into_iter().chain(lost).collect());
    }

    call.reply.integer(dropped as i64);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::told;
    use super::*;
    use crate::commands::script::check;
    use crate::time::{ManualClock, UnixMillis};
    use crate::{Db, Value};
    use spinel_types::http_cache::Numbers;

    #[test]
    fn what_is_no_variant_is_refused() {
        check(
            "CACHE.RESTORE k abc             => ERR Bad data format
             CACHE.RESTORE k \"\"            => ERR Bad data format
             EXISTS k                        => 0
             CACHE.DROP k \"\"               => 0
             CACHE.SET k body                => OK
             CACHE.DROP k x                  => 0
             CACHE.DROP k \"\"               => 1
             EXISTS k                        => 0
             SET s v                         => OK
             CACHE.DROP s x                  => WRONGTYPE Operation against a key holding the wrong kind of value",
        );
    }

    #[test]
    fn an_encoded_variant_is_stored_as_it_is() {
        let db = Db::with_clock(ManualClock::new(UnixMillis(5_000)));
        let numbers = Numbers { stored_at: 2_000, ..Numbers::default() };
        let variant = Parts { numbers, body: Body::Plain(b"body"[..].into()), ..Parts::default() }.into();
        db.execute([&b"CACHE.RESTORE"[..], b"k", &encoded(&variant).unwrap()]).unwrap();
        let reply = db.execute(["CACHE.GET", "k"]).unwrap();
        assert_eq!(
            (told::of(&reply, "body"), told::of(&reply, "age")),
            (told::bulk("body"), Value::Integer(3))
        );
    }

    #[test]
    fn the_variant_goes_that_was_not_used_for_the_longest_time() {
        let clock = std::sync::Arc::new(ManualClock::new(UnixMillis(1_000)));
        let db = Db::with_clock(std::sync::Arc::clone(&clock));
        db.engine().keyspace().thresholds().set(Threshold::HttpCacheVariants, 2);
        let mut journal = db.engine().journal().attach();
        let run = |now: i64, call: &str| {
            clock.set(UnixMillis(now));
            db.execute(call.split(' ')).unwrap_or_else(|error| panic!("{call}: {error}"))
        };
        run(1_000, "CACHE.SET k one VARY 1 x 1");
        run(2_000, "CACHE.SET k two VARY 1 x 2");
        run(3_000, "CACHE.GET k VARY 1 x 1");
        run(4_000, "CACHE.SET k two VARY 1 x 2");
        run(5_000, "CACHE.SET k three VARY 1 x 3");
        let states = ["1", "2", "3"].map(|x| told::state(&db, &["CACHE.GET", "k", "VARY", "1", "x", x]));
        assert_eq!(states, ["miss", "hit", "hit"]);
        let mut effects = Vec::new();
        journal.read(&mut effects);
        let effects = effects.escape_ascii().to_string();
        assert!(effects.contains("CACHE.DROP\\r\\n$1\\r\\nk\\r\\n$4\\r\\n\\x01x\\x011"), "{effects}");
    }
}
