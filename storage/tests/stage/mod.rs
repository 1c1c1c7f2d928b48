//! An engine to run calls on, what its journal says, and what is in it.

use spinel_resp::{Protocol, ReplyWriter};
use spinel_storage::command::table::CommandTable;
use spinel_storage::engine::{EngineOptions, Executor, Outcome, Setting};
use spinel_storage::{DbIndex, Engine, UnixMillis, Value, commands};
use std::collections::BTreeMap;
use std::sync::Arc;

pub(crate) const DATABASES: u16 = 3;

/// Earlier than every expiry, so that nothing expires by itself.
const BEFORE_ALL: UnixMillis = UnixMillis(0);

pub(crate) fn executor(seed: u64) -> Executor {
    let rows: Vec<_> = commands::all().collect();
    let options = EngineOptions { databases: DATABASES, seed: (seed, !seed) };
    Executor::new(Arc::new(Engine::new(&options, CommandTable::new(&rows))), seed)
}

pub(crate) fn execute(
    executor: &mut Executor,
    db: DbIndex,
    now: UnixMillis,
    words: &[Vec<u8>],
) -> (Outcome, Value) {
    let words: Vec<&[u8]> = words.iter().map(Vec::as_slice).collect();
    let engine = Arc::clone(executor.engine());
    let mut reply = ReplyWriter::new(Protocol::Resp3);
    let outcome = match engine.prepare(&words) {
        Ok(prepared) => {
            let setting = Setting { db, allows_guarded: true, ..Setting::default() };
            executor.begin(now).execute(&prepared, setting, &words, &mut reply)
        }
        Err(error) => {
            reply.error(&error.text());
            Outcome::Failed(error)
        }
    };
    let (value, length) =
        spinel_resp::decode(reply.bytes()).expect("a reply is well formed").expect("a reply is whole");
    assert_eq!(length, reply.len(), "one reply to {words:?}");
    (outcome, value)
}

/// Applies what a journal says.
pub(crate) fn replay(executor: &mut Executor, mut journal: &[u8]) {
    let mut db = DbIndex(0);
    while let Some((line, length)) = spinel_resp::decode(journal).expect("the journal is well formed") {
        journal = &journal[length..];
        let Value::Array(words) = line else { panic!("no request: {line:?}") };
        let word = |value| match value {
            Value::Bulk(word) => word,
            other => panic!("no word: {other:?}"),
        };
        let words: Vec<Vec<u8>> = words.into_iter().map(word).collect();
        match &*words[0] {
            b"SELECT" => {
                db = DbIndex(std::str::from_utf8(&words[1]).expect("a number").parse().expect("a number"));
            }
            b"MULTI" | b"EXEC" => {}
            _ => drop(execute(executor, db, BEFORE_ALL, &words)),
        }
    }
}

/// The expiries of all keys, by database and name.
pub(crate) type Expiries = BTreeMap<(u16, Vec<u8>), Option<i64>>;

/// Every key with its expiry, the digest of all data, and the policies of HTTP caches.
pub(crate) fn state(executor: &mut Executor, now: UnixMillis) -> (Expiries, Value) {
    // What was purged and nobody has looked at since may still be there.
    executor.engine().finish_purges();
    let mut keys = BTreeMap::new();
    for db in 0..DATABASES {
        executor.engine().keyspace().for_each(DbIndex(db), now, |entry, _| {
            keys.insert((db, entry.key().to_vec()), entry.stamp());
        });
    }
    let told = ["DEBUG DIGEST", "CACHE.POLICY LIST"].map(|call| {
        let words: Vec<_> = call.split(' ').map(|word| word.as_bytes().to_vec()).collect();
        let (outcome, reply) = execute(executor, DbIndex(0), now, &words);
        assert!(matches!(outcome, Outcome::Done));
        reply
    });
    (keys, Value::Array(told.into()))
}
