//! Entries of HTTP caches for who serves them without a command.

use super::execute::{Setting, Turn};
use super::record::Gathering;
use crate::command::call::Call;
use crate::commands::restore_variant;
use crate::error::Error;
use crate::keyspace::access::AccessPolicy;
use crate::keyspace::view::Held;
use crate::keyspace::{DbIndex, Epoch, shard_of};
use spinel_resp::{Protocol, ReplyWriter};
use spinel_types::http_cache::Variant;
use spinel_types::{HttpCache, Value};

impl Turn<'_> {
    /// Lets `look` see the entry under a key, if there is one, while its shard is locked: what is to be sent is cloned there, which
    /// costs a counter for each variant. Counts a hit or a miss and marks the key used, as `CACHE GET` does; what has expired or
    /// was purged is not there. Uses of a variant are counted by [`Variant::note_use`](spinel_types::http_cache::Variant::note_use).
    ///
    /// The turn has passed the gate and holds no shard.
    ///
    /// # Errors
    /// If the key holds another type.
    pub fn http_cache<R>(
        &mut self,
        db: DbIndex,
        key: &[u8],
        look: impl FnOnce(&HttpCache) -> R,
    ) -> Result<Option<R>, Error> {
        let keyspace = &self.engine.keyspace;
        let mut shard = keyspace.lock(db, shard_of(keyspace.hash(key)));
        let held = Held::One { shard: &mut shard, guess: None };
        let seen = self.with_view(held, Setting { db, ..Setting::default() }, key, |view| {
            view.is_untouching = view.access_policy() == AccessPolicy::Modification;
            Ok(view.read_http_cache(key)?.map(look))
        });
        self.tell_lapses();
        drop(shard);
        self.serve_roused();
        seen
    }

    /// Stores a variant under a key as `CACHE RESTORE` does, but takes it as it is: it is encoded only if somebody reads the journal.
    /// Only if no purge since the epoch in which it was asked for is meant for it, nobody has locked the entry, and `may` says so of it and of the entry that is there, if there is one, while its shard is locked; whether it did.
    ///
    /// The turn has passed the gate and holds no shard.
    ///
    /// # Errors
    /// If the key holds another type, or the variant is too large.
    pub fn store_variant(
        &mut self,
        (db, key): (DbIndex, &[u8]),
        (variant, asked): (Variant, Epoch),
        may: impl FnOnce(&Variant, Option<&HttpCache>) -> bool,
    ) -> Result<bool, Error> {
        let (keyspace, words) = (&self.engine.keyspace, [&b"CACHE.RESTORE"[..], key, b""]);
        let prepared = self.engine.prepare_by_own_name(&words).ok_or(Error::Syntax)?;
        let mut shard = keyspace.lock(db, shard_of(prepared.hash));
        let held = Held::One { shard: &mut shard, guess: None };
        let mut is_stored = false;
        let store = |call: &mut Call<'_>| {
            let is_free = keyspace.entry_locked_until(db, key, call.now).is_none()
                && !keyspace.is_purged_since(asked, (db, key), &variant);
            is_stored = match call.keys.inspect(key) {
                Some((_, Value::HttpCache(cache))) => is_free && may(&variant, Some(cache)),
                Some(_) => return Err(Error::WrongType),
                None => is_free && may(&variant, None),
            };
            if is_stored { restore_variant(call, key, variant) } else { Ok(()) }
        };
        let setting = Setting { db, ..Setting::default() };
        let mut reply = ReplyWriter::new(Protocol::Resp2);
        let result = self.call_for(
            store,
            (&prepared, prepared.hash),
            (held, Gathering::Never),
            setting,
            &words,
            &mut reply,
        );
        drop(shard);
        self.serve_roused();
        result.map(|()| is_stored)
    }
}

#[cfg(test)]
mod tests {
    use crate::command::table::CommandTable;
    use crate::commands;
    use crate::engine::{Engine, EngineOptions, Executor, Setting};
    use crate::error::Error;
    use crate::keyspace::{DbIndex, Epoch};
    use crate::time::UnixMillis;
    use spinel_resp::{Protocol, ReplyWriter};
    use spinel_types::HttpCache;
    use spinel_types::http_cache::{Fields, Parts, Variant};
    use std::sync::Arc;

    fn executor() -> Executor {
        let rows: Vec<_> = commands::all().collect();
        let table = CommandTable::new(&rows);
        Executor::new(Arc::new(Engine::new(&EngineOptions { databases: 2, seed: (1, 2) }, table)), 3)
    }

    fn run(executor: &mut Executor, now: i64, call: &str) {
        let words: Vec<&[u8]> = call.split(' ').map(str::as_bytes).collect();
        let prepared = executor.engine().prepare(&words).expect("there is such a command");
        let mut reply = ReplyWriter::new(Protocol::Resp2);
        executor.begin(UnixMillis(now)).execute(&prepared, Setting::default(), &words, &mut reply);
        assert_ne!(reply.bytes().first(), Some(&b'-'), "{call}");
    }

    /// How many variants are seen.
    fn seen(executor: &mut Executor, now: i64, key: &[u8]) -> Result<Option<usize>, Error> {
        executor.begin(UnixMillis(now)).http_cache(DbIndex(0), key, HttpCache::len)
    }

    #[test]
    fn what_is_gone_is_not_seen() {
        let mut executor = executor();
        run(&mut executor, 0, "CACHE.SET k one TTL 10 VARY 1 x 1 TAGS 1 t");
        run(&mut executor, 0, "CACHE.SET k two TTL 20 VARY 1 x 2");
        run(&mut executor, 0, "SET s string");
        let mut journal = executor.engine().journal().attach();
        assert_eq!(seen(&mut executor, 9_999, b"k"), Ok(Some(2)));
        assert_eq!(seen(&mut executor, 10_000, b"k"), Ok(Some(1)));
        assert_eq!(seen(&mut executor, 10_000, b"s"), Err(Error::WrongType));
        assert_eq!(seen(&mut executor, 10_000, b"none"), Ok(None));
        run(&mut executor, 10_000, "CACHE.SET k three TTL 20 VARY 1 x 3 TAGS 1 t");
        run(&mut executor, 10_000, "CACHE.PURGETAG t");
        assert_eq!(seen(&mut executor, 10_000, b"k"), Ok(Some(1)));
        assert_eq!(seen(&mut executor, 20_000, b"k"), Ok(None));
        let mut effects = Vec::new();
        journal.read(&mut effects);
        let effects = effects.escape_ascii().to_string();
        let told = ["CACHE.DROP", "CACHE.RESTORE", "CACHE.PURGETAG", "DEL"].map(|name| effects.find(name));
        assert!(told.is_sorted() && told[0].is_some(), "{effects}");
        let counters = executor.engine().counters();
        assert_eq!((counters.hits, counters.misses), (4, 2));
    }

    #[test]
    fn what_is_stored_as_it_is_is_told_as_it_was() {
        let mut executor = executor();
        let keyspace_epoch = |executor: &Executor| executor.engine().keyspace().epoch(DbIndex(1));
        let variant = |tag: &[u8]| {
            let tags = Fields::new([(tag, &b""[..])]);
            Variant::from(Parts { tags, ..Parts::default() })
        };
        let store = |executor: &mut Executor, tag: &[u8], asked: Epoch, may: bool| {
            let place = (DbIndex(1), &b"k"[..]);
            executor.begin(UnixMillis(5)).store_variant(place, (variant(tag), asked), |_, _| may)
        };
        let mut journal = executor.engine().journal().attach();
        let first = keyspace_epoch(&executor);
        assert_eq!(store(&mut executor, b"t", first, false), Ok(false));
        assert_eq!(store(&mut executor, b"t", first, true), Ok(true));
        // What is about another database is no reason.
        run(&mut executor, 5, "CACHE.PURGETAG t");
        assert_eq!(store(&mut executor, b"t", first, true), Ok(true));
        let words: [&[u8]; 2] = [b"CACHE.PURGETAG", b"t"];
        let prepared = executor.engine().prepare(&words).expect("there is such a command");
        let setting = Setting { db: DbIndex(1), ..Setting::default() };
        let mut reply = ReplyWriter::new(Protocol::Resp2);
        executor.begin(UnixMillis(6)).execute(&prepared, setting, &words, &mut reply);
        assert_ne!(keyspace_epoch(&executor), first);
        assert_eq!(store(&mut executor, b"t", first, true), Ok(false), "a purge since is meant for it");
        assert_eq!(store(&mut executor, b"u", first, true), Ok(true));
        let second = keyspace_epoch(&executor);
        assert_eq!(store(&mut executor, b"t", second, true), Ok(true));
        let mut effects = Vec::new();
        journal.read(&mut effects);
        let effects = String::from_utf8_lossy(&effects).into_owned();
        assert_eq!(effects.matches("CACHE.RESTORE").count(), 4, "{effects}");
    }
}
