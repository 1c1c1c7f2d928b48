//! Running commands: planning the locks, calling the handler, recording the effect.

use super::Engine;
use super::counters::Counters;
use super::effect::Effect;
use crate::command::args::Args;
use crate::command::call::Call;
use crate::command::keys::{Begin, Find, KeySpec};
use crate::command::table::CommandId;
use crate::command::{Command, Handler, Reach, Run};
use crate::entropy::Entropy;
use crate::error::Error;
use crate::keyspace::gate::Shared;
use crate::keyspace::shard::Shard;
use crate::keyspace::view::{Held, Scene, ShardId, View};
use crate::keyspace::{DbIndex, shard_of};
use crate::time::UnixMillis;
use spinel_resp::ReplyWriter;
use spinel_types::Slot;
use std::sync::{Arc, MutexGuard};

/// Runs commands on one thread.
pub struct Executor {
    engine: Arc<Engine>,
    stripe: usize,
    counters: Arc<Counters>,
    entropy: Entropy,
    effect: Effect,
}

/// A stay inside the gate, during which any number of commands run at the same time of day.
pub struct Turn<'e> {
    engine: &'e Engine,
    counters: &'e Counters,
    entropy: &'e mut Entropy,
    effect: &'e mut Effect,
    stripe: usize,
    inside: Option<Shared<'e>>,
    now: UnixMillis,
}

/// A command that was found in the table, with the hash of its first key.
#[derive(Clone, Copy, Debug)]
pub struct Prepared {
    /// The command.
    pub id: CommandId,
    /// Position of the first key among the words; 0 if there is none.
    key: usize,
    hash: u64,
    /// Whether that is its only key, so that one shard is all it needs.
    is_single: bool,
}

impl Prepared {
    /// Whether the command needs the shard of one key and nothing else.
    #[inline]
    pub fn is_single(&self) -> bool {
        self.is_single
    }
}

/// Shards locked ahead for single-key commands that will run soon, so that memory is loaded meanwhile.
#[derive(Default)]
pub struct Holds<'e> {
    shards: Vec<(ShardId, MutexGuard<'e, Shard>)>,
}

/// Says which of the [`Holds`] is a command's.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct HoldIndex(usize);

/// Where and how a command runs.
#[derive(Clone, Copy, Debug, Default)]
pub struct Setting {
    /// The database.
    pub db: DbIndex,
    /// Reads don't mark keys as used.
    pub is_untouching: bool,
}

/// What became of a command.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Outcome {
    /// It ran and replied.
    Done,
    /// It replied with this error.
    Failed(Error),
    /// It is no data command: the host must run it. Nothing was replied.
    ForHost,
}

impl Executor {
    /// Makes an executor for the calling thread. `seed` should differ from thread to thread.
    pub fn new(engine: Arc<Engine>, seed: u64) -> Executor {
        let (stripe, counters) = engine.register_thread();
        Executor { engine, stripe, counters, entropy: Entropy::new(seed), effect: Effect::default() }
    }

    /// The engine.
    pub fn engine(&self) -> &Arc<Engine> {
        &self.engine
    }

    /// Passes the gate. Don't keep a turn while waiting for anything.
    #[inline]
    pub fn begin(&mut self, now: UnixMillis) -> Turn<'_> {
        Turn {
            inside: Some(self.engine.keyspace.gate.shared(self.stripe)),
            engine: &self.engine,
            counters: &self.counters,
            entropy: &mut self.entropy,
            effect: &mut self.effect,
            stripe: self.stripe,
            now,
        }
    }
}

impl Engine {
    /// Finds the command that `words` call and checks their number.
    #[inline]
    pub fn prepare(&self, words: &[&[u8]]) -> Result<Prepared, Error> {
        let id = self.table().resolve(words)?;
        let command = self.table().row(id).command;
        let key = first_key(command.keys, words);
        let hash = if key == 0 { 0 } else { self.keyspace.hash(words[key]) };
        let is_single = is_single(command.keys) && command.reach == Reach::Keys;
        Ok(Prepared { id, key, hash, is_single })
    }
}

impl Holds<'_> {
    /// Guesses where a command's entry is and asks for its address to be loaded. The bucket, asked for when
    /// the hold was taken, should be in the cache by now.
    #[inline]
    pub fn guess(&self, hold: HoldIndex, prepared: &Prepared) -> Option<Slot> {
        self.shards[hold.0].1.table.guess(prepared.hash)
    }

    /// Asks for an entry to be loaded. Its address, asked for by [`guess`](Holds::guess), should be in the
    /// cache by now.
    #[inline]
    pub fn prefetch_entry(&self, hold: HoldIndex, slot: Slot) {
        self.shards[hold.0].1.table.prefetch_entry(slot);
    }

    /// Unlocks all shards.
    pub fn release(&mut self) {
        self.shards.clear();
    }
}

impl<'e> Turn<'e> {
    /// The time of this turn.
    pub fn now(&self) -> UnixMillis {
        self.now
    }

    /// Locks the shard of a [single](Prepared::is_single) command ahead of its execution, unless somebody
    /// has it, and asks for the key's bucket to be loaded.
    ///
    /// Several shards may be held at once, because none is waited for. A command without a hold waits for
    /// its locks, so release all holds before one runs.
    #[inline]
    pub fn hold(&self, prepared: &Prepared, db: DbIndex, holds: &mut Holds<'e>) -> Option<HoldIndex> {
        let id = (db, shard_of(prepared.hash));
        let index = match holds.shards.iter().position(|(held, _)| *held == id) {
            Some(index) => index,
            None => {
                holds.shards.push((id, self.engine.keyspace.try_lock(id.0, id.1)?));
                holds.shards.len() - 1
            }
        };
        holds.shards[index].1.table.prefetch_bucket(prepared.hash);
        Some(HoldIndex(index))
    }

    /// Runs a single command on the shard held for it and writes its reply.
    #[inline]
    pub fn execute_held(
        &mut self,
        prepared: &Prepared,
        (holds, hold): (&mut Holds<'e>, HoldIndex),
        setting: Setting,
        words: &[&[u8]],
        reply: &mut ReplyWriter,
    ) -> Outcome {
        let command = self.engine.table().row(prepared.id).command;
        let Run::Data(handler) = command.run else { return Outcome::ForHost };
        let args = Args::new(words, arguments_at(command));
        let held = Held::One(&mut holds.shards[hold.0].1);
        self.call(handler, args, held, prepared, setting, words, reply)
    }

    /// Runs a command and writes its reply.
    #[inline]
    pub fn execute(
        &mut self,
        prepared: &Prepared,
        setting: Setting,
        words: &[&[u8]],
        reply: &mut ReplyWriter,
    ) -> Outcome {
        let command = self.engine.table().row(prepared.id).command;
        let Run::Data(handler) = command.run else { return Outcome::ForHost };
        let args = Args::new(words, arguments_at(command));
        match command.reach {
            Reach::Keys => {
                if prepared.is_single {
                    let mut shard = self.engine.keyspace.lock(setting.db, shard_of(prepared.hash));
                    return self.call(handler, args, Held::One(&mut shard), prepared, setting, words, reply);
                }
                let held = self.lock(command.keys, setting.db, words);
                self.call(handler, args, held, prepared, setting, words, reply)
            }
            Reach::Sweep => {
                let held = Held::Several { shards: Vec::new(), is_alone: false };
                self.call(handler, args, held, prepared, setting, words, reply)
            }
            Reach::Whole => {
                self.inside = None;
                let alone = self.engine.keyspace.gate.exclusive();
                let held = Held::Several { shards: Vec::new(), is_alone: true };
                let outcome = self.call(handler, args, held, prepared, setting, words, reply);
                drop(alone);
                self.inside = Some(self.engine.keyspace.gate.shared(self.stripe));
                outcome
            }
        }
    }

    /// Locks the shards of the command's keys, in ascending order.
    #[inline]
    fn lock(&self, specs: &[KeySpec], db: DbIndex, words: &[&[u8]]) -> Held<'e> {
        let keyspace = &self.engine.keyspace;
        let positions = specs.iter().flat_map(|spec| spec.positions(words));
        let mut shards: Vec<ShardId> =
            positions.map(|position| (db, shard_of(keyspace.hash(words[position])))).collect();
        shards.sort_unstable();
        shards.dedup();
        let lock = |id: ShardId| (id, keyspace.lock(id.0, id.1));
        Held::Several { shards: shards.into_iter().map(lock).collect(), is_alone: false }
    }

    #[expect(
        clippy::too_many_arguments,
        reason = "the one place where everything about a call comes together"
    )]
    #[inline]
    fn call(
        &mut self,
        handler: Handler,
        args: Args<'_>,
        held: Held<'_>,
        prepared: &Prepared,
        setting: Setting,
        words: &[&[u8]],
        reply: &mut ReplyWriter,
    ) -> Outcome {
        let is_recorded = self.engine.journal().has_readers();
        self.effect.reset(is_recorded);
        let start = reply.position();
        let mut call = Call {
            args,
            keys: View {
                scene: Scene {
                    keyspace: &self.engine.keyspace,
                    counters: self.counters,
                    access: self.engine.access_policy(),
                    is_untouching: setting.is_untouching,
                    is_recorded,
                },
                held,
                db: setting.db,
                now: self.now,
                known: (words[prepared.key], prepared.hash),
                entropy: self.entropy,
                changes: 0,
                lapsed: Vec::new(),
            },
            reply,
            effect: self.effect,
            now: self.now,
        };
        let result = handler(&mut call);
        if call.keys.changes > 0 || is_recorded {
            self.counters.changes.add(call.keys.changes);
            record(self.engine, &mut call, words);
        }
        match result {
            Ok(()) => Outcome::Done,
            Err(error) => {
                call.reply.truncate(start);
                call.reply.error(&error.text());
                Outcome::Failed(error)
            }
        }
    }
}

/// Appends what the command did to the journal, while its shards are still locked.
fn record(engine: &Engine, call: &mut Call<'_>, words: &[&[u8]]) {
    if !engine.journal().has_readers() {
        return;
    }
    for (db, key) in call.keys.lapsed.drain(..) {
        engine.journal().append_words(db, &[b"DEL", &key]);
    }
    if call.keys.changes == 0 {
        return;
    }
    match call.effect.lines() {
        Some(lines) => engine.journal().append(call.keys.db, &lines),
        None => engine.journal().append_words(call.keys.db, words),
    }
}

#[inline]
fn arguments_at(command: &Command) -> usize {
    if command.container().is_some() { 2 } else { 1 }
}

/// Whether the specifications name exactly one key.
#[inline]
fn is_single(specs: &[KeySpec]) -> bool {
    matches!(specs, [KeySpec { begin: Begin::Index(_), find: Find::Range { last: 0, .. }, .. }])
}

#[inline]
fn first_key(specs: &[KeySpec], words: &[&[u8]]) -> usize {
    match specs {
        [] => 0,
        [KeySpec { begin: Begin::Index(index), find: Find::Range { .. }, .. }, ..]
            if *index < words.len() =>
        {
            *index
        }
        [first, ..] => first.positions(words).next().unwrap_or(0),
    }
}
