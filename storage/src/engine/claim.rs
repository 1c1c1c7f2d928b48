//! Several commands that run as one: transactions and scripts.
//!
//! What they need is claimed once, before the first of them runs: the shards of all their keys, or the whole keyspace
//! if that can't be told. Until the claim is released nobody else sees or changes any of it. What they wrote is one
//! group in the journal.

use super::execute::{Outcome, Patience, Setting, Turn};
use super::prepare::Prepared;
use super::{Author, Engine};
use crate::command::{Extent, Run};
use crate::keyspace::chores::Undo;
use crate::keyspace::gate::{Exclusive, Reason};
use crate::keyspace::guard::Detached;
use crate::keyspace::news::Observed;
use crate::keyspace::union::{Shards, Union};
use crate::keyspace::view::{Held, ShardId};
use crate::keyspace::{DbIndex, shard_of};
use spinel_resp::ReplyWriter;
use spinel_types::Str;
use spinel_types::string::INTEGER_DIGITS_MAX;
use std::sync::Arc;

/// What commands that run as one have for themselves. Give it back to [`Turn::release`] or [`Turn::roll_back`].
#[must_use = "a claim that is not released is not recorded"]
pub struct Claim<'e> {
    union: Union<'e>,
    /// The gate, if the whole keyspace is claimed.
    alone: Option<Exclusive<'e>>,
    /// Whose commands they are.
    author: Author,
}

impl Claim<'_> {
    pub(super) fn held(&mut self) -> Held<'_> {
        Held::Several(&mut self.union)
    }
}

/// A claim of the whole keyspace that was put aside. If it is dropped, others come in again.
#[must_use = "the keyspace stays closed until it is resumed or dropped"]
pub struct Suspended {
    engine: Option<Arc<Engine>>,
}

impl Suspended {
    /// Leaves the gate to who resumes.
    pub(super) fn disarm(mut self) {
        self.engine = None;
    }
}

impl Drop for Suspended {
    fn drop(&mut self) {
        if let Some(engine) = self.engine.take() {
            drop(engine.keyspace.gate.take_up());
        }
    }
}

/// One of several commands: its place in the table, its database and its words.
type Step<'w> = (&'w Prepared, DbIndex, &'w [&'w [u8]]);

impl<'e> Turn<'e> {
    /// Claims what these commands need, and these keys. A turn that is [outside](Turn::is_outside) claims nothing.
    pub fn claim<'w>(
        &mut self,
        steps: impl IntoIterator<Item = Step<'w>>,
        keys: impl IntoIterator<Item = (DbIndex, &'w [u8])>,
    ) -> Claim<'e> {
        if self.is_outside() {
            return self.claim_shards(Vec::new());
        }
        let shard = |(db, key): (DbIndex, &[u8])| (db, shard_of(self.engine.keyspace.hash(key)));
        let mut shards: Vec<ShardId> = keys.into_iter().map(shard).collect();
        for (prepared, db, words) in steps {
            if prepared.is_single() {
                shards.push((db, shard_of(prepared.hash)));
                continue;
            }
            let row = self.engine.table().row(prepared.id);
            let is_by_keys = matches!(row.command.run, Run::Data(_));
            if !is_by_keys || row.command.reach.of_call(words) != Extent::Keys {
                return self.claim_all();
            }
            shards.extend(self.shards(prepared, db, words));
        }
        self.claim_shards(shards)
    }

    fn claim_shards(&mut self, shards: Vec<ShardId>) -> Claim<'e> {
        self.notes.lines = Some(Vec::new());
        Claim { union: Union::lock(&self.engine.keyspace, shards), alone: None, author: Author::default() }
    }

    /// Lets others know that the claim, which must be of the whole keyspace, lasts for long. Those who ask are sent
    /// away instead of waiting.
    pub fn set_busy(&self, claim: &Claim<'e>) {
        debug_assert!(claim.alone.is_some());
        self.engine.keyspace.gate.set_busy(Reason::Script);
    }

    /// Puts a claim of the whole keyspace aside; [`Executor::resume`](super::Executor::resume) of the same executor
    /// goes on with it. Until then no turn of this executor may begin but by
    /// [`try_begin`](super::Executor::try_begin), which finds the keyspace busy.
    pub fn suspend(&self, claim: Claim<'e>, engine: &Arc<Engine>) -> Suspended {
        self.set_busy(&claim);
        if let Some(alone) = claim.alone {
            alone.keep();
        }
        Suspended { engine: Some(Arc::clone(engine)) }
    }

    /// The claim of the whole keyspace that was kept.
    pub(super) fn take_up(&self) -> Claim<'e> {
        let alone = Some(self.engine.keyspace.gate.take_up());
        Claim { union: Union::alone(&self.engine.keyspace), alone, author: Author::default() }
    }

    /// Claims the whole keyspace.
    pub fn claim_all(&mut self) -> Claim<'e> {
        let alone = Some(self.step_aside());
        self.notes.lines = Some(Vec::new());
        Claim { union: Union::alone(&self.engine.keyspace), alone, author: Author::default() }
    }

    /// The string that a claimed key holds: none if there is no key, `Some(None)` if it holds another type.
    pub fn text_of(&mut self, claim: &mut Claim<'e>, db: DbIndex, key: &[u8]) -> Option<Option<Vec<u8>>> {
        let text = self.with_view(claim.held(), Setting { db, ..Setting::default() }, key, |view| {
            let text = |text: Str<'_>| text.text(&mut [0; INTEGER_DIGITS_MAX]).to_vec();
            view.peek(key).map(|entry| Str::of(entry).map(text))
        });
        self.tell_lapses();
        text
    }

    /// Keeps what the commands to come change, so that it can be brought back by [`roll_back`](Turn::roll_back).
    /// Each value is copied before its first change.
    pub fn keep_former(&mut self, claim: &mut Claim<'e>, setting: Setting) {
        claim.author = setting.author;
        self.extra = Observed::UNDO;
        self.notes.chores.undo = Some(Undo::default());
    }

    /// Runs a command on what was claimed for it and writes its reply. It does not wait for anything. A command of the
    /// host may then look at the keyspace as long as the claim is for all of it.
    pub fn execute_claimed(
        &mut self,
        claim: &mut Claim<'e>,
        prepared: &Prepared,
        setting: Setting,
        words: &[&[u8]],
        reply: &mut ReplyWriter,
    ) -> Outcome {
        if claim.alone.is_some() {
            // With the gate closed nobody comes in between, and what walks over shards locks them itself.
            claim.union.unlock();
        }
        let (handler, _) = match self.handler(prepared, setting, words, reply) {
            Ok(found) => found,
            Err(outcome) => return outcome,
        };
        let setting = Setting { patience: Patience::None, ..setting };
        let engine = self.engine;
        // Finding the shard once is cheaper than whenever the command touches its key.
        let result = if !prepared.is_single() {
            self.call(handler, prepared, claim.held(), setting, words, reply)
        } else if claim.alone.is_some() {
            let mut shard = engine.keyspace.lock(setting.db, shard_of(prepared.hash));
            let held = Held::One { shard: &mut shard, guess: None };
            self.call(handler, prepared, held, setting, words, reply)
        } else {
            let shard = claim.union.shard_mut((setting.db, shard_of(prepared.hash)));
            self.call(handler, prepared, Held::One { shard, guess: None }, setting, words, reply)
        };
        let result = match self.notes.chores.errand.take() {
            Some(errand) => self.finish(errand, reply),
            None => result,
        };
        result.map_or_else(Outcome::Failed, |()| Outcome::Done)
    }

    /// Records what the commands did, lets others in again, and serves who waited for what changed.
    pub fn release(&mut self, claim: Claim<'e>) {
        self.unlock(claim);
        self.serve_roused();
    }

    /// Brings back what keys had when [`keep_former`](Turn::keep_former) was called, and lets others in again. Nobody
    /// hears of what the commands did.
    pub fn roll_back(&mut self, mut claim: Claim<'e>, setting: Setting) {
        let undo = self.notes.chores.undo.take().unwrap_or_default();
        self.extra = Observed::default();
        for (db, key, value) in undo.into_former() {
            self.bring_back(&mut claim, Setting { db, ..setting }, &key, value);
        }
        self.notes.lines = None;
        self.notes.chores.news.clear();
        self.notes.chores.roused.clear();
        self.unlock(claim);
    }

    /// As [`release`](Turn::release), without serving anybody.
    pub(super) fn unlock(&mut self, mut claim: Claim<'e>) {
        if let Some(lines) = self.notes.lines.take() {
            self.engine.journal().append_group(&lines);
        }
        self.tell_late(claim.author);
        claim.union.unlock();
        if let Some(alone) = claim.alone.take() {
            self.step_back(alone);
        }
    }

    /// Tells what was kept back while it could still be undone.
    fn tell_late(&mut self, author: Author) {
        self.extra = Observed::default();
        if self.notes.chores.undo.take().is_some() && !self.notes.chores.news.is_empty() {
            self.engine.tell(&self.notes.chores.news, author);
            self.notes.chores.news.clear();
        }
    }

    fn bring_back(&mut self, claim: &mut Claim<'e>, setting: Setting, key: &[u8], value: Option<Detached>) {
        self.with_view(claim.held(), setting, key, |view| {
            let mut guard = view.write(key);
            match value {
                Some(value) => guard.put(value),
                None => _ = guard.remove(),
            }
        });
    }
}
