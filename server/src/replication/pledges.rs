//! Who waits until enough replicas have what was written: connections whose replies are held back.
//!
//! ```text
//! a batch wrote ─→ Pledge, unasked ─┐            ┌─→ replicas acknowledge ─→ kept: its replies leave
//! a batch wrote ─→ Pledge, unasked ─┴─ GETACK ───┴─→ its time is over ─────→ broken
//! ```
//!
//! One question is under way at a time. Who comes before a replica has answered it waits for the next one, together with all who
//! come meanwhile: so replicas are asked as often as the quickest of them answers, however many connections write.

use super::wait::Copies;
use super::{Replication, State, now_ms};
use crate::clients::Client;
use crate::config::table;
use crate::quorum::Quorum;
use crate::server::Shared;
use spinel_replication::Primary;
use spinel_storage::engine::journal::{Offset, Reader};
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

/// What a connection that waits is told. It may be given again and again, but not twice at once.
#[derive(Default)]
pub(crate) struct Promise(AtomicU8);

/// What has become of a promise.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Outcome {
    Open,
    /// Enough replicas have it.
    Kept,
    /// They don't, as far as is known, and nobody waits any more.
    Broken,
}

impl Promise {
    pub(crate) fn outcome(&self) -> Outcome {
        match self.0.load(Ordering::Acquire) {
            0 => Outcome::Open,
            1 => Outcome::Kept,
            _ => Outcome::Broken,
        }
    }

    fn set(&self, outcome: Outcome) {
        self.0.store(outcome as u8, Ordering::Release);
    }
}

/// All who wait, and what was asked for them.
#[derive(Default)]
pub(super) struct Pledges {
    waiting: Vec<Pledge>,
    /// The last question, wherever it came from: what is before this offset of the journal is before that one of the stream.
    asked: Option<(Offset, u64)>,
    /// Whether no replica has answered it yet.
    is_under_way: bool,
}

/// A connection that waits.
struct Pledge {
    client: Arc<Client>,
    promise: Arc<Promise>,
    quorum: Quorum,
    /// What it wrote is before this offset of the stream; not known before replicas are asked.
    until: Option<u64>,
    deadline_ms: Option<u64>,
}

impl Pledge {
    fn end(&self, outcome: Outcome) {
        self.promise.set(outcome);
        self.client.wake();
    }

    /// Whether the connection has ended, so that nobody else knows of the promise.
    fn is_void(&self) -> bool {
        Arc::strong_count(&self.promise) == 1
    }
}

impl Pledges {
    /// How many wait.
    pub(super) fn len(&self) -> usize {
        self.waiting.len()
    }

    /// Whether replicas have been asked and none has answered.
    pub(super) fn is_under_way(&self) -> bool {
        self.is_under_way
    }

    fn add(&mut self, pledge: Pledge) {
        match self.waiting.iter_mut().find(|other| Arc::ptr_eq(&other.promise, &pledge.promise)) {
            // It has written more, and what it wrote first is over first.
            Some(other) => {
                other.quorum = other.quorum.and(pledge.quorum);
                other.until = pledge.until;
            }
            None => self.waiting.push(pledge),
        }
    }

    /// What replicas are to be asked for those who have not been asked for.
    fn question(&self) -> Option<&'static [u8]> {
        let mut unasked = self.waiting.iter().filter(|pledge| pledge.until.is_none()).peekable();
        unasked.peek()?;
        let wants_disk = unasked.any(|pledge| pledge.quorum.on_disk > 0);
        Some(if wants_disk { Copies::OnDisk } else { Copies::InMemory }.question())
    }

    /// Ends the wait of those for whom enough replicas have acknowledged.
    fn settle(&mut self, primary: &Primary) {
        let reached = |quorum: Quorum| {
            let held = primary.held_by(quorum.in_memory as usize);
            let kept = primary.kept_by(quorum.on_disk as usize);
            held.zip(kept).map(|(held, kept)| held.min(kept))
        };
        // Most ask for the same.
        let mut known: Option<(Quorum, Option<u64>)> = None;
        self.waiting.retain(|pledge| {
            let Some(until) = pledge.until else { return !pledge.is_void() };
            let offset = match known {
                Some((quorum, offset)) if quorum == pledge.quorum => offset,
                _ => known.insert((pledge.quorum, reached(pledge.quorum))).1,
            };
            let is_kept = offset.is_some_and(|offset| offset >= until);
            if is_kept {
                pledge.end(Outcome::Kept);
            }
            !is_kept && !pledge.is_void()
        });
        if let Some((_, asked)) = self.asked {
            self.is_under_way &= primary.held_by(1).is_none_or(|offset| offset < asked);
        }
        self.is_under_way &= !self.waiting.is_empty();
    }

    /// Ends the wait of those whose time is over; how many these are.
    pub(super) fn end_overdue(&mut self, now_ms: u64) -> usize {
        let before = self.waiting.len();
        self.waiting.retain(|pledge| {
            let is_over = pledge.deadline_ms.is_some_and(|deadline| deadline <= now_ms);
            if is_over {
                pledge.end(Outcome::Broken);
            }
            !is_over
        });
        before - self.waiting.len()
    }

    /// Ends all waits, because the stream is not this server's own any more; how many there were.
    pub(super) fn end_all(&mut self) -> usize {
        (self.asked, self.is_under_way) = (None, false);
        self.waiting.drain(..).map(|pledge| pledge.end(Outcome::Broken)).count()
    }
}

impl Replication {
    /// Which stream is written to now; of two moments with the same number, it was the same.
    #[inline]
    pub(crate) fn era(&self) -> u64 {
        self.era.load(Ordering::Acquire)
    }

    /// Makes a promise that is kept when enough replicas have all that happened so far, in the era when it happened. The client is
    /// woken at its end. Whoever gets one that is open has [replicas asked](Self::ask) soon.
    pub(crate) fn pledge(
        &self,
        (client, promise): (&Arc<Client>, &Arc<Promise>),
        quorum: Quorum,
        era: u64,
        shared: &Shared,
    ) -> Outcome {
        let timeout_ms = shared.config.number(table::WRITE_QUORUM_TIMEOUT).unsigned_abs();
        let deadline_ms = (timeout_ms > 0).then(|| now_ms().saturating_add(timeout_ms));
        let mut state = self.state();
        let state = &mut *state;
        promise.set(Outcome::Open);
        if era != self.era() || state.reader.is_none() {
            self.broken_promises.fetch_add(1, Ordering::Relaxed);
            promise.set(Outcome::Broken);
            return Outcome::Broken;
        }
        // Nothing may have happened since replicas were asked last.
        let end = shared.engine.journal().end();
        let until = state.pledges.asked.filter(|(journal, _)| *journal >= end).map(|(_, until)| until);
        let (client, promise_kept) = (Arc::clone(client), Arc::clone(promise));
        state.pledges.add(Pledge { client, promise: promise_kept, quorum, until, deadline_ms });
        if until.is_some() {
            state.pledges.settle(&state.primary);
        }
        promise.outcome()
    }

    /// Asks replicas what they have, if somebody waits for whom that has not been done.
    pub(crate) fn ask(&self) {
        self.state().ask(self);
    }
}

impl State {
    /// As [`Replication::ask`]; not while they have yet to answer another question.
    fn ask(&mut self, replication: &Replication) {
        if self.pledges.is_under_way {
            return;
        }
        let Some(question) = self.pledges.question() else { return };
        self.advance();
        let Some(journal) = self.reader.as_ref().map(Reader::offset) else { return };
        let until = self.primary.offset();
        self.pledges.waiting.iter_mut().for_each(|pledge| _ = pledge.until.get_or_insert(until));
        (self.pledges.asked, self.pledges.is_under_way) = (Some((journal, until)), true);
        replication.is_urgent.store(true, Ordering::Relaxed);
        self.insert(question);
        self.wake_all();
    }

    /// Looks who has waited long enough, after a replica has said something, and asks for the others.
    pub(super) fn look_at_pledges(&mut self, replication: &Replication) {
        if self.pledges.waiting.is_empty() && !self.pledges.is_under_way {
            return;
        }
        self.pledges.settle(&self.primary);
        self.ask(replication);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::acl::Account;
    use crate::clients::Peer;
    use spinel_replication::{Asked, ReplicationId};
    use spinel_storage::UnixMillis;

    fn pledge(number: u64, quorum: Quorum, deadline_ms: Option<u64>) -> Pledge {
        let peer = Peer { address: "".into(), local: "".into(), descriptor: 0, worker: 0 };
        let account = Account::for_tests(b"default");
        let client = Arc::new(Client::new(number, peer, account, UnixMillis(0)));
        Pledge { client, promise: Arc::default(), quorum, until: None, deadline_ms }
    }

    /// A stream of ten bytes that two replicas follow from its start.
    fn primary() -> Primary {
        let id = ReplicationId::from_bytes([1; 20]);
        let mut primary = Primary::new(id, 100);
        primary.begin(id);
        for replica in [1, 2] {
            primary.attach(replica, &Asked { id: Some(id), offset: 0 }, 0);
        }
        primary.append(b"0123456789".to_vec().into());
        primary
    }

    #[test]
    fn promises_are_kept_by_as_many_as_were_asked_for() {
        use Outcome::{Broken, Kept, Open};
        let (mut pledges, mut primary) = (Pledges::default(), primary());
        let quorums = [
            Quorum::of(1, Copies::InMemory),
            Quorum::of(2, Copies::InMemory),
            Quorum::of(1, Copies::OnDisk),
            Quorum::of(3, Copies::InMemory),
        ];
        let promises: Vec<Arc<Promise>> = quorums
            .into_iter()
            .zip(1..)
            .map(|(quorum, number)| {
                let pledge = pledge(number, quorum, Some(100));
                let promise = Arc::clone(&pledge.promise);
                pledges.add(pledge);
                promise
            })
            .collect();
        assert_eq!(pledges.question(), Some(Copies::OnDisk.question()));
        pledges.waiting.iter_mut().for_each(|pledge| pledge.until = Some(10));
        assert_eq!(pledges.question(), None, "all were asked for");
        (pledges.asked, pledges.is_under_way) = (Some((7, 10)), true);
        let mut outcomes = |primary: &Primary| {
            pledges.settle(primary);
            promises.iter().map(|promise| promise.outcome()).collect::<Vec<_>>()
        };
        primary.acknowledge(1, 9, None, 0);
        assert_eq!(outcomes(&primary), [Open; 4]);
        primary.acknowledge(1, 10, Some(9), 0);
        assert_eq!(outcomes(&primary), [Kept, Open, Open, Open]);
        primary.acknowledge(2, 10, None, 0);
        assert_eq!(outcomes(&primary), [Kept, Kept, Open, Open]);
        primary.acknowledge(1, 10, Some(10), 0);
        assert_eq!(outcomes(&primary), [Kept, Kept, Kept, Open]);
        assert!(!pledges.is_under_way, "a replica has answered");
        assert_eq!((pledges.end_overdue(99), pledges.end_overdue(100), pledges.len()), (0, 1, 0));
        assert_eq!(promises[3].outcome(), Broken);
    }

    #[test]
    fn who_has_left_is_not_waited_for_and_who_writes_more_waits_once() {
        let (mut pledges, primary) = (Pledges::default(), primary());
        let (one, two) = (Quorum::of(1, Copies::InMemory), Quorum::of(2, Copies::OnDisk));
        let first = pledge(1, one, None);
        let (client, promise) = (Arc::clone(&first.client), Arc::clone(&first.promise));
        pledges.add(Pledge { until: Some(5), ..first });
        pledges.add(pledge(2, one, None));
        let again = Arc::clone(&promise);
        pledges.add(Pledge { client, promise: again, quorum: two, until: None, deadline_ms: None });
        assert_eq!((pledges.len(), pledges.waiting[0].quorum), (2, two));
        assert_eq!(pledges.question(), Some(Copies::OnDisk.question()), "for what came later");
        pledges.settle(&primary);
        assert_eq!((pledges.len(), promise.outcome()), (1, Outcome::Open));
        assert_eq!((pledges.end_all(), promise.outcome()), (1, Outcome::Broken));
    }
}
