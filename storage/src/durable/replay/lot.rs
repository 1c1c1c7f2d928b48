//! Commands of a log that are run together.
//!
//! As requests of clients are, they are looked up together, so that the loads of their keys overlap
//! ([`Holds`]).

use crate::engine::{Closed, Engine, Executor, Hold, Holds, KeyHash, Prepared, Setting, Turn};
use crate::{DbIndex, UnixMillis};
use spinel_resp::{Protocol, ReplyWriter};
use std::sync::Arc;

/// No more commands wait than this.
const COMMANDS_MAX: usize = 1 << 10;
/// None waits behind so many bytes of words.
const BYTES_MAX: usize = 256 << 10;
/// So many are looked up together.
const WINDOW: usize = 16;

/// Commands that wait, each of which needs the shard of one key and nothing else.
#[derive(Default)]
pub(super) struct Lot {
    commands: Vec<Waiting>,
    /// Where each word ends; it begins where the one before it ends.
    ends: Vec<usize>,
    bytes: Vec<u8>,
}

struct Waiting {
    db: DbIndex,
    /// What it calls; prepared for this key or another one.
    prepared: Prepared,
    hash: KeyHash,
    words: usize,
}

impl Lot {
    pub(super) fn is_empty(&self) -> bool {
        self.commands.is_empty()
    }

    pub(super) fn is_full(&self) -> bool {
        self.commands.len() >= COMMANDS_MAX || self.bytes.len() >= BYTES_MAX
    }

    pub(super) fn add(&mut self, db: DbIndex, (prepared, hash): (Prepared, KeyHash), words: &[&[u8]]) {
        self.commands.push(Waiting { db, prepared, hash, words: words.len() });
        for word in words {
            self.bytes.extend_from_slice(word);
            self.ends.push(self.bytes.len());
        }
    }

    fn words(&self) -> Vec<&[u8]> {
        let mut start = 0;
        self.ends.iter().map(|&end| &self.bytes[std::mem::replace(&mut start, end)..end]).collect()
    }

    fn clear(&mut self) {
        self.commands.clear();
        self.ends.clear();
        self.bytes.clear();
        self.bytes.shrink_to(2 * BYTES_MAX);
    }
}

/// How commands of a log run: whatever they may, and nothing counts as used.
pub(in crate::durable) fn setting(db: DbIndex) -> Setting {
    Setting { db, is_untouching: true, allows_guarded: true, ..Setting::default() }
}

/// Runs commands on one thread.
pub(super) struct Runner {
    engine: Arc<Engine>,
    executor: Executor,
    reply: ReplyWriter,
    /// The time that values keep.
    now: UnixMillis,
}

impl Runner {
    /// `seed` is for commands that need chance.
    pub(super) fn new(closed: &Closed, now: UnixMillis, seed: u64) -> Runner {
        let executor = closed.executor(seed);
        Runner {
            engine: Arc::clone(closed.engine()),
            executor,
            reply: ReplyWriter::new(Protocol::Resp2),
            now,
        }
    }

    /// Begins to run one command, and where it replies.
    pub(super) fn begin(&mut self) -> (Turn<'_>, &mut ReplyWriter) {
        self.reply.clear();
        let mut turn = self.executor.begin(UnixMillis::BEFORE_EVERYTHING);
        turn.stamp_with(self.now);
        (turn, &mut self.reply)
    }

    /// Runs all that waits, in its order. What it replies, also an error, is what it replied when it was logged.
    pub(super) fn run(&mut self, lot: &mut Lot) {
        let words = lot.words();
        let (mut commands, mut words) = (&lot.commands[..], &words[..]);
        let engine = Arc::clone(&self.engine);
        let (mut turn, reply) = self.begin();
        let (mut holds, mut window) = (Holds::default(), Vec::with_capacity(WINDOW));
        let mut db = DbIndex(0);
        while let Some(first) = commands.first() {
            if std::mem::replace(&mut db, first.db) != first.db {
                // What is held is of one database.
                turn.release_holds(&mut holds);
            }
            fill(&mut window, commands, (&turn, &mut holds));
            let (run, left) = commands.split_at(window.len());
            for (command, hold) in run.iter().zip(&window) {
                let (own, others) = words.split_at(command.words);
                words = others;
                // It may well be that it failed then as well.
                let _ = turn.execute_held(&command.prepared, (&mut holds, *hold), setting(db), own, reply);
            }
            commands = left;
            if run.is_empty() {
                // Somebody has the shard. Without holds one can wait for it.
                turn.release_holds(&mut holds);
                let (own, others) = words.split_at(first.words);
                let prepared = engine.prepare(own).expect("it was prepared before");
                turn.execute(&prepared, setting(db), own, reply);
                (words, commands) = (others, &commands[1..]);
            }
            reply.clear();
        }
        turn.release_holds(&mut holds);
        drop((holds, turn));
        lot.clear();
    }
}

/// Holds the shards of the first few commands, as far as they can be had, and asks for their entries.
fn fill<'e>(window: &mut Vec<Hold>, commands: &[Waiting], (turn, holds): (&Turn<'e>, &mut Holds<'e>)) {
    window.clear();
    let Some(Waiting { db, .. }) = commands.first() else { return };
    for command in commands.iter().take(WINDOW).take_while(|command| command.db == *db) {
        let Some(hold) = turn.hold(command.hash, *db, holds) else { break };
        window.push(hold);
    }
    holds.prefetch_entries(window, |hold| hold);
}
