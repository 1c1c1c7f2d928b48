//! Running commands: planning the locks, calling the handler, recording the effect.

use super::Engine;
use super::counters::Counters;
use super::effect::Effect;
use super::hold::{Hold, Holds};
use crate::command::args::Args;
use crate::command::call::Call;
use crate::command::keys::{Begin, Find, KeySpec};
use crate::command::table::{CommandId, Plan};
use crate::command::{Handler, Reach, Run};
use crate::entropy::Entropy;
use crate::error::Error;
use crate::keyspace::gate::Shared;
use crate::keyspace::lapse::Lapse;
use crate::keyspace::news::{News, Observed};
use crate::keyspace::view::{Held, Scene, ShardId, View};
use crate::keyspace::{DbIndex, shard_of};
use crate::time::UnixMillis;
use spinel_resp::ReplyWriter;
use std::sync::Arc;

/// Runs commands on one thread.
pub struct Executor {
    engine: Arc<Engine>,
    stripe: usize,
    counters: Arc<Counters>,
    entropy: Entropy,
    effect: Effect,
    lapsed: Vec<Lapse>,
    news: News,
}

/// A stay inside the gate, during which any number of commands run at the same time of day.
pub struct Turn<'e> {
    pub(super) engine: &'e Engine,
    scene: Scene<'e>,
    entropy: &'e mut Entropy,
    effect: &'e mut Effect,
    /// What the running command found expired; only filled while the journal has a reader.
    lapsed: &'e mut Vec<Lapse>,
    /// What the running command did; only filled while somebody listens.
    news: &'e mut News,
    stripe: usize,
    inside: Option<Shared<'e>>,
    now: UnixMillis,
}

/// A command that was found in the table, with the hash of its first key.
#[derive(Clone, Copy)]
pub struct Prepared {
    /// The command.
    pub id: CommandId,
    /// How many words its name takes.
    name_words: u8,
    /// Position of the first key among the words; 0 if there is none.
    pub(super) key: u32,
    pub(super) hash: u64,
    /// Who runs it if it is single.
    single: Option<Handler>,
}

impl Prepared {
    /// The same command with another key.
    #[inline]
    pub(super) fn rehashed(self, hash: u64) -> Prepared {
        Prepared { hash, ..self }
    }

    /// Whether the command needs the shard of one key and nothing else.
    #[inline]
    pub fn is_single(&self) -> bool {
        self.single.is_some()
    }
}

/// Where and how a command runs.
#[derive(Clone, Copy, Debug, Default)]
pub struct Setting {
    /// The database.
    pub db: DbIndex,
    /// Reads don't mark keys as used.
    pub is_untouching: bool,
    /// Commands that are guarded may run.
    pub allows_guarded: bool,
    /// The number by which the audience knows whose command it is; 0 if it is no client's.
    pub client: u64,
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
        let (entropy, effect) = (Entropy::new(seed), Effect::default());
        Executor { engine, stripe, counters, entropy, effect, lapsed: Vec::new(), news: News::default() }
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
            scene: Scene::new(&self.engine.keyspace, &self.counters, self.engine.access_policy(), now),
            entropy: &mut self.entropy,
            effect: &mut self.effect,
            lapsed: &mut self.lapsed,
            news: &mut self.news,
            stripe: self.stripe,
            now,
        }
    }
}

impl Engine {
    /// Finds the command that `words` call and checks their number.
    #[expect(clippy::inline_always, reason = "callers keep what it finds in registers")]
    #[inline(always)]
    pub fn prepare(&self, words: &[&[u8]]) -> Result<Prepared, Error> {
        match self.prepare_at_once(words) {
            Some(prepared) => Ok(prepared),
            None => self.prepare_carefully(words),
        }
    }

    /// Prepares a single command whose name and number of words are all that tells it from others.
    #[expect(clippy::inline_always, reason = "callers keep what it finds in registers")]
    #[inline(always)]
    pub(super) fn prepare_at_once(&self, words: &[&[u8]]) -> Option<Prepared> {
        let (id, row) = self.table().resolve_at_once(words)?;
        let Plan::Single { key, handler } = row.plan else { return None };
        let (name_words, hash) = (row.name_words, self.keyspace.hash(words[key]));
        Some(Prepared { id, name_words, key: key as u32, hash, single: Some(handler) })
    }

    #[inline(never)]
    pub(super) fn prepare_carefully(&self, words: &[&[u8]]) -> Result<Prepared, Error> {
        let id = self.table().resolve(words)?;
        let row = self.table().row(id);
        let single = match row.plan {
            Plan::Single { handler, .. } => Some(handler),
            Plan::Other => None,
        };
        let key = first_key(row.command.keys, words);
        let hash = if key > 0 { self.keyspace.hash(words[key]) } else { 0 };
        Ok(Prepared { id, name_words: row.name_words, key: key as u32, hash, single })
    }
}

impl<'e> Turn<'e> {
    /// The time of this turn.
    pub fn now(&self) -> UnixMillis {
        self.now
    }

    /// Runs a single command on the shard held for it and writes its reply, which is an error's if one is returned.
    #[expect(clippy::inline_always, reason = "the loop over a window is where it runs")]
    #[inline(always)]
    pub fn execute_held(
        &mut self,
        prepared: &Prepared,
        (holds, hold): (&mut Holds<'e>, Hold),
        setting: Setting,
        words: &[&[u8]],
        reply: &mut ReplyWriter,
    ) -> Result<(), Error> {
        let handler = prepared.single.expect("holds are for single commands");
        let held = Held::One { shard: holds.shard(hold), guess: hold.guess };
        self.call(handler, prepared, held, setting, words, reply)
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
        let row = self.engine.table().row(prepared.id);
        let command = row.command;
        if row.is_guarded && !setting.allows_guarded {
            reply.error(&Error::Guarded.text());
            return Outcome::Failed(Error::Guarded);
        }
        let Run::Data(handler) = command.run else { return Outcome::ForHost };
        let (mut shard, mut alone) = (None, None);
        let held = match command.reach.of_call(words) {
            Reach::Keys if prepared.is_single() => {
                let locked = self.engine.keyspace.lock(setting.db, shard_of(prepared.hash));
                Held::One { shard: &mut *shard.insert(locked), guess: None }
            }
            Reach::Keys | Reach::WholeIf(_) => self.lock(command.keys, setting.db, words),
            Reach::Sweep => Held::Several { shards: Vec::new(), is_alone: false },
            Reach::Whole => {
                self.inside = None;
                alone = Some(self.engine.keyspace.gate.exclusive());
                Held::Several { shards: Vec::new(), is_alone: true }
            }
        };
        let result = self.call(handler, prepared, held, setting, words, reply);
        if alone.take().is_some() {
            self.inside = Some(self.engine.keyspace.gate.shared(self.stripe));
        }
        result.map_or_else(Outcome::Failed, |()| Outcome::Done)
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

    /// Calls the handler and records the effect: where everything about a call comes together.
    #[expect(clippy::inline_always, reason = "what it puts together is built in place")]
    #[inline(always)]
    fn call(
        &mut self,
        handler: Handler,
        prepared: &Prepared,
        held: Held<'_>,
        setting: Setting,
        words: &[&[u8]],
        reply: &mut ReplyWriter,
    ) -> Result<(), Error> {
        let observed = self.engine.observed();
        self.effect.reset(observed.has(Observed::JOURNAL));
        let start = reply.position();
        let mut call = Call {
            args: Args::new(words, usize::from(prepared.name_words)),
            keys: View {
                scene: &self.scene,
                is_untouching: setting.is_untouching,
                observed,
                held,
                db: setting.db,
                now: self.now,
                known: (words[prepared.key as usize], prepared.hash),
                entropy: self.entropy,
                changes: 0,
                lapsed: self.lapsed,
                news: self.news,
            },
            reply,
            effect: self.effect,
            now: self.now,
        };
        let result = handler(&mut call);
        self.scene.counters.changes.add(call.keys.changes);
        if !observed.is_nothing() {
            tell(self.engine, &mut call, words, setting.client);
        }
        if let Err(error) = &result {
            take_back(call.reply, start, error);
        }
        result
    }
}

/// Replaces what a handler replied before it failed.
#[cold]
fn take_back(reply: &mut ReplyWriter, start: usize, error: &Error) {
    reply.truncate(start);
    reply.error_bytes(&error.bytes());
}

/// Tells who listens what the command did, while its shards are still locked.
#[inline(never)]
fn tell(engine: &Engine, call: &mut Call<'_>, words: &[&[u8]], client: u64) {
    if call.keys.observed.has(Observed::JOURNAL) {
        record(engine, call, words);
    }
    if !call.keys.news.is_empty() {
        engine.tell(call.keys.news, client);
        call.keys.news.clear();
    }
}

/// Appends what the command did to the journal.
fn record(engine: &Engine, call: &mut Call<'_>, words: &[&[u8]]) {
    for lapse in call.keys.lapsed.drain(..) {
        engine.journal().append_words(lapse.db, &lapse.words());
    }
    if call.keys.changes == 0 {
        return;
    }
    match call.effect.lines() {
        Some(lines) => engine.journal().append(call.keys.db, &lines),
        None => engine.journal().append_words(call.keys.db, words),
    }
}

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
