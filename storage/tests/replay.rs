//! The journal tells the truth: its lines, applied to an empty data set, make an equal one.
//!
//! Calls of all data commands are generated from the argument trees of the table, so a new command is covered
//! as soon as it has a row. The clock moves between calls; replaying happens before all expiry times, because
//! the journal says itself when a key was removed.

mod generator;

use generator::Generator;
use spinel_storage::command::Run;
use spinel_storage::command::flags::Flags;
use spinel_storage::command::table::{CommandId, CommandTable};
use spinel_storage::engine::{EngineOptions, Executor, Outcome, Setting};
use spinel_storage::{DbIndex, Engine, UnixMillis, Value, commands};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use spinel_resp::{Protocol, ReplyWriter};

const SEEDS: u64 = 6;
const CALLS: usize = 20_000;
const DATABASES: u16 = 3;
const START: UnixMillis = UnixMillis(1_700_000_000_000);

/// Earlier than every expiry, so that nothing expires by itself.
const BEFORE_ALL: UnixMillis = UnixMillis(0);

fn executor(seed: u64) -> Executor {
    let rows: Vec<_> = commands::all().collect();
    let options = EngineOptions { databases: DATABASES, seed: (seed, !seed) };
    Executor::new(Arc::new(Engine::new(&options, CommandTable::new(&rows))), seed)
}

fn execute(executor: &mut Executor, db: DbIndex, now: UnixMillis, words: &[Vec<u8>]) -> (Outcome, Value) {
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
fn replay(executor: &mut Executor, mut journal: &[u8]) {
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
type Expiries = BTreeMap<(u16, Vec<u8>), Option<i64>>;

/// Every key with its expiry, and the digest of all data.
fn state(executor: &mut Executor, now: UnixMillis) -> (Expiries, Value) {
    let mut keys = BTreeMap::new();
    for db in 0..DATABASES {
        executor.engine().keyspace().for_each(DbIndex(db), now, |entry, _| {
            keys.insert((db, entry.key().to_vec()), entry.stamp());
        });
    }
    let words = [b"DEBUG".to_vec(), b"DIGEST".to_vec()];
    let (outcome, digest) = execute(executor, DbIndex(0), now, &words);
    assert!(matches!(outcome, Outcome::Done));
    (keys, digest)
}

/// Runs one seed and returns the commands that succeeded.
fn run(seed: u64) -> BTreeSet<&'static str> {
    let mut original = executor(seed);
    let mut reader = original.engine().journal().attach();
    let engine = Arc::clone(original.engine());
    let mut generator = Generator::new(seed, START);
    let mut succeeded = BTreeSet::new();
    for _ in 0..CALLS {
        let now = generator.pass_time();
        if generator.one_in(200) {
            engine.expire_round(now, 10);
        }
        let (command, words) = generator.call(engine.table());
        let db = DbIndex(generator.below(DATABASES.into()) as u16);
        let (outcome, reply) = execute(&mut original, db, now, &words);
        if matches!(outcome, Outcome::Done) {
            succeeded.insert(command.name);
        }
        if let ("dump", Value::Bulk(payload)) = (command.name, reply) {
            generator.remember_payload(payload);
        }
    }

    let mut journal = Vec::new();
    reader.read(&mut journal);
    let mut copy = executor(!seed);
    replay(&mut copy, &journal);
    let now = generator.now();
    assert_eq!(state(&mut copy, now), state(&mut original, now), "seed {seed}");
    succeeded
}

#[test]
fn effects_make_an_equal_data_set() {
    let succeeded: BTreeSet<&str> = (1..=SEEDS).flat_map(run).collect();
    let table = executor(0).engine().table().ids().collect::<Vec<CommandId>>();
    let engine = Arc::clone(executor(0).engine());
    let writes = table
        .iter()
        .map(|id| engine.table().row(*id).command)
        .filter(|command| matches!(command.run, Run::Data(_)) && command.flags.contains(Flags::WRITE))
        // An entry's id hardly ever hits; but every XADD with IDMP is replayed by one.
        .filter(|command| command.name != "xidmprecord");
    let never: Vec<&str> =
        writes.map(|command| command.name).filter(|name| !succeeded.contains(name)).collect();
    assert!(never.is_empty(), "the generator made no call that succeeds of {never:?}");
}
