//! Recording what commands did: in the journal, and for those who listen.

use super::effect::Line;
use super::execute::Turn;
use super::journal::Gathered;
use super::{Author, Engine};
use crate::command::call::Call;
use crate::keyspace::DbIndex;
use crate::keyspace::news::Observed;

/// Whether lines may be gathered before they go to the journal.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Gathering {
    /// The command's shards are unlocked right after it.
    Never,
    /// They stay locked until what was gathered is appended.
    Held,
}

/// Tells who listens what the command did, while its shards are still locked.
#[inline(never)]
pub(super) fn tell(
    engine: &Engine,
    call: &mut Call<'_>,
    (lines, gathered, gathering): (&mut Option<Vec<(DbIndex, Line)>>, &mut Gathered, Gathering),
    words: &[&[u8]],
    author: Author,
) {
    let observed = call.keys.observed;
    if observed.has(Observed::JOURNAL) {
        record(engine, call, (lines, gathered, gathering), words);
        if observed.has_any(Observed::KEYS.with(Observed::EVENTS)) {
            // Nobody may hear of what a log does not wait for yet.
            append_gathered(engine, gathered);
        }
    }
    if observed.has(Observed::GROWTH) {
        call.keys.note_growth();
    }
    let news = &mut call.keys.chores.news;
    // What may be taken back is told when it is certain.
    if !news.is_empty() && !observed.has(Observed::UNDO) {
        engine.tell(news, author);
        news.clear();
    }
}

impl Turn<'_> {
    /// Counts and records a command of the host, as it was received, because it changed what belongs to the data. Who
    /// calls it makes sure that two such commands are recorded in the order in which they happened.
    pub fn record(&mut self, db: DbIndex, words: &[&[u8]]) {
        self.scene.counters.changes.add(1);
        if self.engine.observed().has(Observed::JOURNAL) {
            match &mut self.notes.lines {
                Some(lines) => lines.push((db, owned(words))),
                None => self.engine.journal().append_words(db, words),
            }
        }
    }
}

fn owned(words: &[&[u8]]) -> Line {
    words.iter().map(|word| word.to_vec()).collect()
}

/// Appends what was gathered, if anything was.
#[inline]
pub(super) fn append_gathered(engine: &Engine, gathered: &mut Gathered) {
    if !gathered.is_empty() {
        engine.journal().append_gathered(gathered);
    }
}

/// Appends what the command did to the journal, or to the lines that will be.
fn record(
    engine: &Engine,
    call: &mut Call<'_>,
    (lines, gathered, gathering): (&mut Option<Vec<(DbIndex, Line)>>, &mut Gathered, Gathering),
    words: &[&[u8]],
) {
    let db = call.keys.db;
    let mut append = |db, words: &[&[u8]]| {
        if gathering == Gathering::Never || !gathered.add(db, words) {
            append_gathered(engine, gathered);
            engine.journal().append_words(db, words);
        }
    };
    for lapse in call.keys.chores.lapsed.drain(..) {
        match lines {
            // It stays true if the rest is taken back.
            Some(lines) if !call.keys.observed.has(Observed::UNDO) => {
                lines.push((lapse.db, owned(&lapse.words())));
            }
            _ => append(lapse.db, &lapse.words()),
        }
    }
    if call.keys.changes == 0 {
        return;
    }
    match (call.effect.lines(), lines) {
        (Some(effect), Some(lines)) => lines.extend(effect.into_iter().map(|line| (db, line))),
        (Some(effect), None) => {
            append_gathered(engine, gathered);
            engine.journal().append(db, &effect);
        }
        (None, Some(lines)) => lines.push((db, owned(words))),
        (None, None) => append(db, words),
    }
}
