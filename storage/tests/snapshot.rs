//! A snapshot is the state at its cut, whatever happens while it is walked over; and with what the journal says from
//! the cut on it makes the state afterwards.

mod description;
mod generator;
mod stage;

use description::{Contents, describe};
use generator::Generator;
use spinel_resp::{Protocol, ReplyWriter};
use spinel_storage::engine::journal::Journal;
use spinel_storage::engine::{Executor, Setting};
use spinel_storage::entropy::Entropy;
use spinel_storage::{
    DbIndex, Engine, Snapshot, SnapshotCancelled, SnapshotEntry, SnapshotRunning, SnapshotVisitor,
    UnixMillis, Value,
};
use stage::{DATABASES, execute, executor, replay, state};
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

const START: UnixMillis = UnixMillis(1_700_000_000_000);
/// Earlier than every expiry.
const BEFORE_ALL: UnixMillis = UnixMillis(i64::MIN);

/// All there is, keys included that have expired and are still there.
fn contents(engine: &Engine) -> Contents {
    let mut contents = Contents::new();
    for db in (0..DATABASES).map(DbIndex) {
        engine.keyspace().for_each(db, BEFORE_ALL, |entry, values| {
            let description = describe(spinel_types::Value::of(entry, values));
            contents.insert((db, entry.key().to_vec()), (entry.stamp(), description));
        });
    }
    contents
}

/// What was purged and is still there would be in the contents and not in the snapshot.
fn begin(engine: &Arc<Engine>) -> (Arc<Snapshot>, Contents) {
    engine.finish_purges();
    engine.begin_snapshot_with(|_| contents(engine)).expect("no other snapshot is running")
}

/// Writes down what it is shown, and lets something happen after each key.
struct Scribe<F> {
    seen: Contents,
    meanwhile: F,
}

impl<F: FnMut() -> ControlFlow<()>> Scribe<F> {
    fn new(meanwhile: F) -> Scribe<F> {
        Scribe { seen: Contents::new(), meanwhile }
    }
}

impl<F: FnMut() -> ControlFlow<()>> SnapshotVisitor for Scribe<F> {
    fn visit(&mut self, entry: SnapshotEntry<'_>) -> ControlFlow<()> {
        let held = (entry.expiry.map(|expiry| expiry.0), describe(entry.value));
        let before = self.seen.insert((entry.db, entry.key.to_vec()), held);
        assert!(before.is_none(), "{:?} was visited twice", entry.key);
        (self.meanwhile)()
    }
}

/// A data set, and somebody who changes it.
struct Play {
    executor: Executor,
    generator: Generator,
}

impl Play {
    fn new(seed: u64) -> Play {
        Play { executor: executor(seed), generator: Generator::new(seed, START) }
    }

    /// Changes a data set that others change, too.
    fn on(engine: &Arc<Engine>, seed: u64) -> Play {
        Play { executor: Executor::new(Arc::clone(engine), seed), generator: Generator::new(seed, START) }
    }

    fn engine(&self) -> Arc<Engine> {
        Arc::clone(self.executor.engine())
    }

    /// Lets something happen: mostly a command.
    fn act(&mut self) {
        let now = self.generator.pass_time();
        match self.generator.below(60) {
            0 => _ = self.engine().expire_round(now, 10),
            1 => self.exchange(now),
            2..6 => self.transaction(now),
            _ => {
                let (command, words) = self.generator.call(self.engine().table());
                let db = self.database();
                let (_, reply) = execute(&mut self.executor, db, now, &words);
                if let ("dump", Value::Bulk(payload)) = (command.name, reply) {
                    self.generator.remember_payload(payload);
                }
            }
        }
    }

    fn database(&mut self) -> DbIndex {
        DbIndex(self.generator.below(DATABASES.into()) as u16)
    }

    fn exchange(&mut self, now: UnixMillis) {
        let words = ["SWAPDB".to_owned(), self.database().0.to_string(), self.database().0.to_string()];
        execute(&mut self.executor, DbIndex(0), now, &words.map(String::into_bytes));
    }

    /// Runs some commands as one, as a transaction or a script does, and takes some of them back.
    fn transaction(&mut self, now: UnixMillis) {
        let engine = self.engine();
        let setting = Setting { db: self.database(), allows_guarded: true, ..Setting::default() };
        let calls: Vec<Vec<Vec<u8>>> =
            (0..=self.generator.below(4)).map(|_| self.generator.call(engine.table()).1).collect();
        let calls: Vec<Vec<&[u8]>> =
            calls.iter().map(|words| words.iter().map(Vec::as_slice).collect()).collect();
        let steps: Vec<_> = calls
            .iter()
            .filter_map(|words| Some((engine.prepare(words).ok()?, setting.db, &words[..])))
            .collect();
        let is_atomic = steps.iter().all(|(prepared, ..)| engine.table().row(prepared.id).can_be_undone());
        let (is_script, is_undone) = (self.generator.one_in(3), self.generator.one_in(2));

        let mut turn = self.executor.begin(now);
        let mut claim = if is_script {
            turn.claim_all()
        } else {
            turn.claim(steps.iter().map(|(prepared, db, words)| (prepared, *db, *words)), [])
        };
        if is_atomic {
            turn.keep_former(&mut claim, setting);
        }
        let mut reply = ReplyWriter::new(Protocol::Resp3);
        for (prepared, _, words) in &steps {
            turn.execute_claimed(&mut claim, prepared, setting, words, &mut reply);
        }
        if is_atomic && is_undone {
            turn.roll_back(claim, setting);
        } else {
            turn.release(claim);
        }
    }
}

/// Begins a snapshot while nobody else is about, and walks over it while the play goes on. Returns what was visited.
fn save(play: &mut Play, (pace, visits_max): (u64, usize)) -> (Arc<Snapshot>, Contents) {
    let engine = play.engine();
    let (snapshot, expected) = begin(&engine);
    assert!(matches!(engine.begin_snapshot(), Err(SnapshotRunning)));
    let mut visits = 0;
    let mut scribe = Scribe::new(|| {
        (0..play.generator.below(1 + pace)).for_each(|_| play.act());
        visits += 1;
        if visits > visits_max { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    });
    let walked = snapshot.walk(&mut scribe);
    let seen = scribe.seen;
    if walked == Err(SnapshotCancelled) {
        assert!(seen.len() > visits_max && seen.iter().all(|(key, held)| expected.get(key) == Some(held)));
    } else {
        assert_eq!(seen, expected);
        assert_eq!(snapshot.keys(), seen.len() as u64);
    }
    assert!(snapshot.is_done());
    assert_eq!(engine.snapshot_bytes().0, 0, "nothing is kept any more");
    (snapshot, seen)
}

#[test]
fn a_snapshot_is_the_state_at_its_cut_also_after_one_that_was_given_up() {
    for seed in 1..=3 {
        let mut play = Play::new(seed);
        let mut visited = 0;
        for round in 0..30 {
            (0..play.generator.below(400)).for_each(|_| play.act());
            let visits_max = if round % 7 == 3 { play.generator.below(20) as usize } else { usize::MAX };
            let pace = play.generator.below(30);
            visited += save(&mut play, (pace, visits_max)).1.len();
        }
        assert!(visited > 200, "{visited} keys are no test");
    }
}

#[test]
fn a_snapshot_and_the_journal_from_its_cut_on_make_the_state() {
    for seed in 11..=16 {
        let mut play = Play::new(seed);
        let engine = play.engine();
        let mut reader = engine.journal().attach();
        (0..1_000).for_each(|_| play.act());
        let (snapshot, seen) = save(&mut play, (40, usize::MAX));
        (0..100).for_each(|_| play.act());

        let mut journal = Vec::new();
        assert_eq!(reader.read(&mut journal), engine.journal().end());
        let (before, after) = journal.split_at(snapshot.journal_offset() as usize);
        let mut copy = executor(!seed);
        replay(&mut copy, before);
        assert_eq!(contents(copy.engine()), seen, "the journal up to the cut makes the snapshot");
        replay(&mut copy, after);
        let now = play.generator.now();
        assert_eq!(state(&mut copy, now), state(&mut play.executor, now), "seed {seed}");
    }
}

#[test]
fn threads_change_what_other_threads_save() {
    const ROUNDS: usize = 40;
    let engine = Play::new(3).engine();
    let is_over = AtomicBool::new(false);
    thread::scope(|scope| {
        for seed in 0..2 {
            let (mut play, is_over) = (Play::on(&engine, seed), &is_over);
            scope.spawn(move || {
                while !is_over.load(Ordering::Relaxed) {
                    play.act();
                }
            });
        }
        let results: Vec<_> = (0..ROUNDS).map(|_| save_on_two_threads(&engine)).collect();
        // The others end before anything is asserted, or a failure would leave them running.
        is_over.store(true, Ordering::Relaxed);
        for (seen, expected) in &results {
            assert_eq!(seen, expected);
        }
        assert!(results.iter().map(|(seen, _)| seen.len()).sum::<usize>() > 500);
    });
    assert_eq!(engine.snapshot_bytes().0, 0);
}

/// Walks over a snapshot with two threads, and returns what they saw together and what there was.
fn save_on_two_threads(engine: &Arc<Engine>) -> (Contents, Contents) {
    let (snapshot, expected) = begin(engine);
    let seen = thread::scope(|scope| {
        let walk = || {
            let mut scribe = Scribe::new(|| {
                thread::yield_now();
                ControlFlow::Continue(())
            });
            snapshot.walk(&mut scribe).expect("nobody gives it up");
            scribe.seen
        };
        let walkers = [scope.spawn(walk), scope.spawn(walk)];
        walkers.map(|walker| walker.join().expect("it does not panic"))
    });
    assert!(snapshot.is_done());
    let visits = seen.iter().map(Contents::len).sum::<usize>();
    let together: Contents = seen.into_iter().flatten().collect();
    assert_eq!(together.len(), visits, "nothing was visited twice");
    (together, expected)
}

/// Some names of keys of the same shard.
fn neighbours(engine: &Engine, count: usize) -> Vec<Vec<u8>> {
    let is_there = |key: &Vec<u8>| (engine.keyspace().hash(key) >> 8) % 256 == 7;
    (0_u64..).map(|number| format!("key:{number}").into_bytes()).filter(is_there).take(count).collect()
}

#[test]
fn tables_grow_and_shrink_while_they_are_saved() {
    let mut executor = executor(5);
    let engine = Arc::clone(executor.engine());
    let keys = neighbours(&engine, 12_000);
    let mut chance = Entropy::new(8);
    let mut call = |words: &[&[u8]]| {
        let words: Vec<Vec<u8>> = words.iter().map(|word| word.to_vec()).collect();
        execute(&mut executor, DbIndex(0), START, &words);
    };
    for key in &keys[..6_000] {
        call(&[b"SET", key, b"old"]);
    }
    for grows in [true, false, true] {
        let (snapshot, expected) = begin(&engine);
        let mut scribe = Scribe::new(|| {
            for _ in 0..3 {
                let key = &keys[chance.below(keys.len() as u64) as usize];
                if grows { call(&[b"SET", key, b"new"]) } else { call(&[b"DEL", key]) }
            }
            ControlFlow::Continue(())
        });
        snapshot.walk(&mut scribe).expect("nobody gives it up");
        assert!(scribe.seen.len() > 500 && scribe.seen == expected);
    }
}

#[test]
fn a_snapshot_that_nobody_walks_over_leaves_room_for_the_next() {
    let mut play = Play::new(7);
    (0..500).for_each(|_| play.act());
    let (snapshot, _) = begin(&play.engine());
    (0..100).for_each(|_| play.act());
    drop(snapshot);
    assert_eq!(play.engine().snapshot_bytes().0, 0);
    save(&mut play, (5, usize::MAX));
}

#[test]
fn a_reader_attached_at_the_cut_reads_all_that_follows() {
    let mut play = Play::new(9);
    (0..200).for_each(|_| play.act());
    let engine = play.engine();
    let cut = engine.begin_snapshot_with(Journal::attach);
    let (snapshot, mut reader) = cut.expect("no other snapshot is running");
    assert_eq!(reader.offset(), snapshot.journal_offset());
    execute(&mut play.executor, DbIndex(2), START, &[b"SET".to_vec(), b"k".to_vec(), b"v".to_vec()]);
    let mut bytes = Vec::new();
    reader.read(&mut bytes);
    assert!(bytes.starts_with(b"*2\r\n$6\r\nSELECT\r\n$1\r\n2\r\n*3\r\n$3\r\nSET"));
}
