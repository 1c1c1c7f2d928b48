//! Running commands: planning the locks, calling the handler, recording the effect.

use super::claim::{Claim, Suspended};
use super::counters::Counters;
use super::effect::{Effect, Line};
use super::errand::Errand;
use super::evict::Candidates;
use super::hold::{Hold, Holds};
use super::journal::Gathered;
use super::prepare::Prepared;
use super::record::{Gathering, append_gathered, tell};
use super::wait::{Wait, Waiter};
use super::{Author, Engine};
use crate::command::args::Args;
use crate::command::call::Call;
use crate::command::{Extent, Handler, Run};
use crate::entropy::Entropy;
use crate::error::Error;
use crate::keyspace::access::AccessPolicy;
use crate::keyspace::chores::Chores;
use crate::keyspace::gate::{Exclusive, Gate, Reason, Shared};
use crate::keyspace::news::Observed;
use crate::keyspace::union::Union;
use crate::keyspace::view::{Held, Scene, ShardId, View};
use crate::keyspace::{DbIndex, shard_of};
use crate::time::UnixMillis;
use spinel_resp::ReplyWriter;
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// Runs commands on one thread.
pub struct Executor {
    engine: Arc<Engine>,
    stripe: usize,
    counters: Arc<Counters>,
    entropy: Entropy,
    notes: Notes,
    /// Whether its turns are of who has the keyspace for himself.
    is_owner: bool,
}

/// What commands leave for after them.
#[derive(Default)]
pub(super) struct Notes {
    pub(super) effect: Effect,
    pub(super) chores: Chores,
    /// The running command, if it has to wait.
    pub(super) waiting: Option<Arc<Waiter>>,
    /// Whether the running command, which waited already, has to wait on.
    pub(super) waits_on: bool,
    /// The lines of commands that run as one, to be recorded together.
    pub(super) lines: Option<Vec<(DbIndex, Line)>>,
    /// The lines of commands whose shards are held until [`Turn::release_holds`].
    gathered: Gathered,
    /// Keys that may have to make room.
    pub(super) candidates: Candidates,
}

/// A stay inside the gate, during which any number of commands run at the same time of day.
pub struct Turn<'e> {
    pub(super) engine: &'e Engine,
    /// The same, for threads that do errands.
    owner: &'e Arc<Engine>,
    pub(super) scene: Scene<'e>,
    pub(super) entropy: &'e mut Entropy,
    pub(super) notes: &'e mut Notes,
    stripe: usize,
    inside: Option<Shared<'e>>,
    standing: Standing,
    pub(super) now: UnixMillis,
    /// What this turn wants to know beside what others listen for.
    pub(super) extra: Observed,
}

/// How a turn stands to the gate.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Standing {
    /// It passes as others do.
    Visitor,
    /// It is of who has closed the keyspace.
    Owner,
    /// It has not passed: a data set is loaded.
    Outside,
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
    /// Whose command it is, as the audience is told.
    pub author: Author,
    /// Whether it may wait.
    pub patience: Patience,
    /// Whether the audience is told what it reads when it runs again after a wait. What it reads at once, its caller
    /// knows himself.
    pub tells_reads: bool,
}

/// Whether a command may wait for what it does not find.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Patience {
    /// It may not, and replies at once that there is nothing.
    #[default]
    None,
    /// It may.
    Waits,
    /// It does already.
    Waiting,
}

/// What became of a command.
#[derive(Clone)]
pub enum Outcome {
    /// It ran and replied.
    Done,
    /// It replied with this error.
    Failed(Error),
    /// It is no data command: the host must run it. Nothing was replied.
    ForHost,
    /// It waits, or [goes on beside others](super::errand); the reply comes to the waiter. Who does not want it any more says so to [`Turn::leave`].
    Waiting(Arc<Waiter>),
}

impl Executor {
    /// Makes an executor for the calling thread. `seed` should differ from thread to thread.
    pub fn new(engine: Arc<Engine>, seed: u64) -> Executor {
        let (stripe, counters) = engine.register_thread();
        let (entropy, notes) = (Entropy::new(seed), Notes::default());
        Executor { engine, stripe, counters, entropy, notes, is_owner: false }
    }

    /// Makes one for who has the keyspace for himself, and as long as he has.
    pub(super) fn of_owner(engine: Arc<Engine>, seed: u64) -> Executor {
        Executor { is_owner: true, ..Executor::new(engine, seed) }
    }

    /// The engine.
    pub fn engine(&self) -> &Arc<Engine> {
        &self.engine
    }

    /// Passes the gate. Don't keep a turn while waiting for anything.
    #[inline]
    pub fn begin(&mut self, now: UnixMillis) -> Turn<'_> {
        if self.is_owner {
            return self.turn(now, |_, _| (None, Standing::Owner));
        }
        self.turn(now, |gate, stripe| (Some(gate.shared(stripe)), Standing::Visitor))
    }

    /// As [`begin`](Executor::begin), unless somebody has the keyspace for himself for long.
    #[inline]
    pub fn try_begin(&mut self, now: UnixMillis) -> Option<Turn<'_>> {
        let turn = self.turn(now, |gate, stripe| (gate.shared_unless_busy(stripe).ok(), Standing::Visitor));
        turn.inside.is_some().then_some(turn)
    }

    /// As [`try_begin`](Executor::try_begin), but while a data set is loaded the turn begins
    /// [outside](Turn::is_outside).
    #[inline]
    pub fn enter(&mut self, now: UnixMillis) -> Option<Turn<'_>> {
        let turn = self.turn(now, |gate, stripe| match gate.shared_unless_busy(stripe) {
            Ok(inside) => (Some(inside), Standing::Visitor),
            Err(Reason::Script) => (None, Standing::Visitor),
            Err(Reason::Load) => (None, Standing::Outside),
        });
        (turn.inside.is_some() || turn.is_outside()).then_some(turn)
    }

    /// Goes on with a claim of this executor that was suspended.
    pub fn resume(&mut self, suspended: Suspended, now: UnixMillis) -> (Turn<'_>, Claim<'_>) {
        suspended.disarm();
        let turn = self.turn(now, |_, _| (None, Standing::Visitor));
        let claim = turn.take_up();
        (turn, claim)
    }

    #[inline]
    fn turn(
        &mut self,
        now: UnixMillis,
        enter: impl FnOnce(&Gate, usize) -> (Option<Shared<'_>>, Standing),
    ) -> Turn<'_> {
        let (inside, standing) = enter(&self.engine.keyspace.gate, self.stripe);
        Turn {
            inside,
            standing,
            engine: &self.engine,
            owner: &self.engine,
            scene: Scene::new(&self.engine.keyspace, &self.counters, self.engine.access_policy(), now),
            entropy: &mut self.entropy,
            notes: &mut self.notes,
            stripe: self.stripe,
            now,
            extra: Observed::default(),
        }
    }
}

impl<'e> Turn<'e> {
    /// The time of this turn.
    pub fn now(&self) -> UnixMillis {
        self.now
    }

    /// Whether it could begin only when somebody else no longer had the keyspace for himself.
    #[inline]
    pub fn has_waited(&self) -> bool {
        self.inside.as_ref().is_some_and(|inside| inside.has_waited)
    }

    /// Whether it has not passed the gate, because a data set is loaded. Only commands that don't use the keyspace may
    /// run in it.
    #[inline]
    pub fn is_outside(&self) -> bool {
        self.standing == Standing::Outside
    }

    /// Lets what keeps a time keep this one from now on, whatever has expired at the time of the turn.
    pub(crate) fn stamp_with(&mut self, today: UnixMillis) {
        self.scene.today = today;
        self.scene.clock = self.scene.access.fresh(today);
    }

    /// Runs a single command, with the key that is held for it, and writes its reply, which is an error's if one is
    /// returned. What it was prepared for may have been another key.
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
        self.call_for(handler, (prepared, hold.hash), (held, Gathering::Held), setting, words, reply)
    }

    /// Records what commands did whose shards were held, and unlocks them.
    #[inline]
    pub fn release_holds(&mut self, holds: &mut Holds<'e>) {
        append_gathered(self.engine, &mut self.notes.gathered);
        holds.release();
    }

    /// Runs a command and writes its reply. Then those are served who waited for what it changed.
    #[inline]
    pub fn execute(
        &mut self,
        prepared: &Prepared,
        setting: Setting,
        words: &[&[u8]],
        reply: &mut ReplyWriter,
    ) -> Outcome {
        let (handler, reach) = match self.handler(prepared, setting, words, reply) {
            Ok(found) => found,
            Err(outcome) => return outcome,
        };
        let engine = self.engine;
        let result = if reach == Extent::Keys && prepared.is_single() {
            let mut shard = engine.keyspace.lock(setting.db, shard_of(prepared.hash));
            let held = Held::One { shard: &mut shard, guess: None };
            self.call(handler, prepared, held, setting, words, reply)
        } else if reach == Extent::Whole {
            let mut claim = self.claim_all();
            let result = self.call(handler, prepared, claim.held(), setting, words, reply);
            self.unlock(claim);
            result
        } else {
            let ids =
                if reach == Extent::Keys { self.shards(prepared, setting.db, words) } else { Vec::new() };
            let mut union = Union::lock(&engine.keyspace, ids);
            self.call(handler, prepared, Held::Several(&mut union), setting, words, reply)
        };
        let (waiting, result) = match self.notes.chores.errand.take() {
            Some(errand) => self.begin_errand(errand, setting, reply),
            None => (self.notes.waiting.take(), result),
        };
        self.serve_roused();
        match waiting {
            Some(waiter) => Outcome::Waiting(waiter),
            None => result.map_or_else(Outcome::Failed, |()| Outcome::Done),
        }
    }

    /// Whether the command that [ran last on a held shard](Turn::execute_held) has left something to be done. Nothing may run
    /// before [`go_on_beside`](Turn::go_on_beside) was called, with no shard held.
    #[inline]
    pub fn has_left_something(&self) -> bool {
        self.notes.chores.errand.is_some()
    }

    /// Lets somebody else do what that was, and returns who waits for it; or does it now.
    #[cold]
    pub fn go_on_beside(&mut self, setting: Setting, reply: &mut ReplyWriter) -> Option<Arc<Waiter>> {
        let errand = self.notes.chores.errand.take()?;
        self.begin_errand(errand, setting, reply).0
    }

    /// Lets somebody else do what a command has left to be done, or does it now if its caller may not wait.
    #[cold]
    fn begin_errand(
        &mut self,
        errand: Errand,
        setting: Setting,
        reply: &mut ReplyWriter,
    ) -> (Option<Arc<Waiter>>, Result<(), Error>) {
        let errand = match setting.patience {
            Patience::Waits => match self.owner.send(errand, reply.protocol()) {
                Ok(waiter) => return (Some(waiter), Ok(())),
                Err(errand) => errand,
            },
            Patience::None | Patience::Waiting => errand,
        };
        (None, self.finish(errand, reply))
    }

    /// Does now what a command has left to be done.
    #[cold]
    pub(super) fn finish(&self, errand: Errand, reply: &mut ReplyWriter) -> Result<(), Error> {
        let start = reply.position();
        let result = errand.run_at_once(&self.engine.keyspace, reply);
        if let Err(error) = &result {
            take_back(reply, start, error);
        }
        result
    }

    /// Who runs a command, and how much of the keyspace that takes; or what became of it otherwise.
    #[inline]
    pub(super) fn handler(
        &self,
        prepared: &Prepared,
        setting: Setting,
        words: &[&[u8]],
        reply: &mut ReplyWriter,
    ) -> Result<(Handler, Extent), Outcome> {
        let row = self.engine.table().row(prepared.id);
        if row.is_guarded && !setting.allows_guarded {
            reply.error(&Error::Guarded.text());
            return Err(Outcome::Failed(Error::Guarded));
        }
        let Run::Data(handler) = row.command.run else { return Err(Outcome::ForHost) };
        Ok((handler, row.command.reach.of_call(words)))
    }

    /// The shards of a command's keys.
    pub(super) fn shards(&self, prepared: &Prepared, db: DbIndex, words: &[&[u8]]) -> Vec<ShardId> {
        let specs = self.engine.table().row(prepared.id).command.keys;
        let positions = specs.iter().flat_map(|spec| spec.positions(words));
        positions.map(|position| (db, shard_of(self.engine.keyspace.hash(words[position])))).collect()
    }

    /// Waits until everybody else is out of the keyspace.
    pub(super) fn step_aside(&mut self) -> Exclusive<'e> {
        self.inside = None;
        let gate = &self.engine.keyspace.gate;
        let alone = if self.standing == Standing::Owner { gate.nested() } else { gate.exclusive() };
        self.note_parity();
        alone
    }

    /// Looks again at what a snapshot may have changed while this turn was outside the gate.
    fn note_parity(&mut self) {
        self.scene.parity = self.engine.keyspace.saving().parity();
    }

    /// Lets the others in again.
    pub(super) fn step_back(&mut self, alone: Exclusive<'e>) {
        match self.standing {
            Standing::Visitor => self.inside = Some(alone.share(self.stripe)),
            Standing::Owner | Standing::Outside => drop(alone),
        }
        self.note_parity();
    }

    /// Calls the handler for the key that the command was prepared for.
    #[expect(clippy::inline_always, reason = "as below")]
    #[inline(always)]
    pub(super) fn call(
        &mut self,
        handler: Handler,
        prepared: &Prepared,
        held: Held<'_>,
        setting: Setting,
        words: &[&[u8]],
        reply: &mut ReplyWriter,
    ) -> Result<(), Error> {
        self.call_for(handler, (prepared, prepared.hash), (held, Gathering::Never), setting, words, reply)
    }

    /// Calls the handler for a key of this hash and records the effect: where everything about a call comes together.
    #[expect(clippy::inline_always, reason = "what it puts together is built in place")]
    #[inline(always)]
    pub(super) fn call_for(
        &mut self,
        handler: impl FnOnce(&mut Call<'_>) -> Result<(), Error>,
        (prepared, hash): (&Prepared, u64),
        (mut held, gathering): (Held<'_>, Gathering),
        setting: Setting,
        words: &[&[u8]],
        reply: &mut ReplyWriter,
    ) -> Result<(), Error> {
        let observed = self.engine.observed().with(self.extra);
        let notes = &mut *self.notes;
        notes.effect.reset(observed.has(Observed::JOURNAL));
        if observed.has(Observed::EVENTS) {
            notes.chores.news.begin(self.engine.table().row(prepared.id).command.usual_event());
        }
        let start = reply.position();
        let mut call = Call {
            args: Args::new(words, usize::from(prepared.name_words)),
            keys: View {
                scene: &self.scene,
                is_untouching: setting.is_untouching || self.scene.access == AccessPolicy::Modification,
                observed,
                held: held.lend(),
                db: setting.db,
                now: self.now,
                client: setting.author.client,
                known: (words[prepared.key as usize], hash),
                entropy: self.entropy,
                changes: 0,
                chores: &mut notes.chores,
                trimmed: Vec::new(),
            },
            reply,
            effect: &mut notes.effect,
            now: self.now,
            wait: None,
        };
        let result = handler(&mut call);
        self.scene.counters.changes.add(call.keys.changes);
        if !observed.is_nothing() {
            let lines = (&mut notes.lines, &mut notes.gathered, gathering);
            tell(self.engine, &mut call, lines, words, setting.author);
        }
        if let Some(wait) = call.wait.take() {
            notes.waits_on = setting.patience == Patience::Waiting;
            notes.waiting = wait_in_queues(&mut call, wait, (prepared, setting), words);
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

/// Lets a command that found nothing wait in the queues of its keys, whose shards are still locked; or replies that
/// there is nothing if it may not.
#[cold]
fn wait_in_queues(
    call: &mut Call<'_>,
    wait: Wait<'_>,
    (prepared, setting): (&Prepared, Setting),
    words: &[&[u8]],
) -> Option<Arc<Waiter>> {
    match setting.patience {
        Patience::None => wait.otherwise.write(call.reply),
        Patience::Waiting => {}
        Patience::Waits => return Some(begin_to_wait(call, wait, (prepared, setting), words)),
    }
    None
}

/// Puts the running command into the queues of its keys.
fn begin_to_wait(
    call: &mut Call<'_>,
    wait: Wait<'_>,
    (prepared, setting): (&Prepared, Setting),
    words: &[&[u8]],
) -> Arc<Waiter> {
    let keyspace = call.keys.keyspace();
    let keys = wait.keys;
    let waiter = Waiter::new(keyspace.draw_ticket(), (prepared, setting), wait, words, call.reply.protocol());
    let waiter = Arc::new(waiter);
    keyspace.waiters().fetch_add(1, Ordering::Relaxed);
    for key in keys {
        let (db, hash) = (call.keys.db, call.keys.hash(key));
        call.keys.shard(db, hash).with_interest(|interest| interest.wait(key, &waiter));
    }
    waiter
}
