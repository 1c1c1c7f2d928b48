//! The journal tells the truth: its lines, applied to an empty data set, make an equal one.
//!
//! Calls of all data commands are generated from the argument trees of the table, so a new command is covered
//! as soon as it has a row. The clock moves between calls; replaying happens before all expiry times, because
//! the journal says itself when a key was removed.

mod generator;
mod stage;

use generator::Generator;
use spinel_storage::command::Run;
use spinel_storage::command::flags::Flags;
use spinel_storage::command::table::CommandId;
use spinel_storage::engine::Outcome;
use spinel_storage::{DbIndex, UnixMillis, Value};
use stage::{DATABASES, execute, executor, replay, state};
use std::collections::BTreeSet;
use std::sync::Arc;

const SEEDS: u64 = 7;
const CALLS: usize = 20_000;
const START: UnixMillis = UnixMillis(1_700_000_000_000);

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
            engine.sweep_purges();
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
