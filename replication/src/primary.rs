//! What a server has that others copy, and how far each of them is.
//!
//! ```text
//!  attach ─→ Waiting ─cut─→ Receiving ─delivered─→ Loading ─its first word─→ Online
//!     └─────────── the backlog has all that it lacks ──────────────────────────↗
//! ```
//!
//! A replica that lacks more than the backlog has gets a snapshot of the moment of a cut, and then the stream from there on.
//! What it lacks stays in the backlog meanwhile.

use crate::history::{History, ReplicationId};
use crate::spool::{Missing, Spill, Spool};
use spinel_persistence::log::Chunk;
use spinel_persistence::vfs::File;
use std::collections::BTreeMap;
use std::sync::Arc;

/// What a replica says when it wants to be one.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Asked {
    /// The stream of which it has something; none if it has nothing.
    pub id: Option<ReplicationId>,
    /// How many bytes of it it has.
    pub offset: u64,
}

impl Asked {
    /// Of a replica that has nothing.
    pub const NOTHING: Asked = Asked { id: None, offset: 0 };

    /// What `PSYNC` asks for: a name, and which byte is wanted, where the first one has number 1. Other names than
    /// ours, and numbers that are none of bytes, stand for nothing.
    pub fn psync(id: &[u8], wanted: i64) -> Asked {
        let offset = wanted.checked_sub(1).and_then(|offset| u64::try_from(offset).ok());
        match (ReplicationId::parse(id), offset) {
            (Some(id), Some(offset)) => Asked { id: Some(id), offset },
            _ => Asked::NOTHING,
        }
    }
}

/// How a replica is made one.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Answer {
    /// It goes on where it is.
    Continue,
    /// It needs a snapshot.
    Full,
}

/// How far a replica is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Phase {
    /// There is no snapshot for it yet.
    Waiting,
    /// It is being sent a snapshot.
    Receiving,
    /// It has been sent all of that, and is sent the stream when it says that it has loaded it.
    Loading,
    /// It is sent the stream.
    Online,
}

/// What is known of a replica.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Replica {
    /// How far it is.
    pub phase: Phase,
    /// The bytes of the stream before here were sent, or were in its snapshot.
    pub sent: u64,
    /// Once it has been sent all there was. Before that, what it lacks is what happened while it was away or loading.
    pub has_caught_up: bool,
    /// The bytes before here it has.
    pub acknowledged: u64,
    /// Of those it has on disk, if it has said so; before that, not even its snapshot.
    pub durable: Option<u64>,
    /// Whether it said so last: it has a log.
    pub has_log: bool,
    /// When it said something last, in milliseconds of the caller's clock.
    pub heard_ms: u64,
}

/// What others copy.
///
/// Replicas are known by numbers of the caller's.
#[derive(Debug)]
pub struct Primary {
    history: History,
    backlog: Option<Spool>,
    /// How many bytes the stream has had, while there is no backlog.
    offset: u64,
    backlog_bytes: u64,
    replicas: BTreeMap<u64, Replica>,
}

impl Primary {
    /// One that nobody has asked yet; it is to keep the last `backlog_bytes` for those who come back.
    pub fn new(id: ReplicationId, backlog_bytes: u64) -> Primary {
        let history = History::new(id);
        Primary { history, backlog: None, offset: 0, backlog_bytes, replicas: BTreeMap::new() }
    }

    /// By which names the stream is known.
    pub fn history(&self) -> &History {
        &self.history
    }

    /// How many bytes the stream has had.
    pub fn offset(&self) -> u64 {
        self.backlog.as_ref().map_or(self.offset, Spool::end)
    }

    /// What is kept of the stream. While nothing is, what happens is no part of the stream.
    pub fn backlog(&self) -> Option<&Spool> {
        self.backlog.as_ref()
    }

    /// Begins to keep the stream, unless it is kept. What happened before nobody can ask for; so it is a new one, of this name.
    pub fn begin(&mut self, id: ReplicationId) {
        if self.backlog.is_none() {
            self.history = History::new(id);
            self.backlog = Some(Spool::new(self.offset, self.backlog_bytes));
        }
    }

    /// Keeps the stream no longer. There must be no replicas.
    pub fn end(&mut self) {
        debug_assert!(self.replicas.is_empty());
        self.offset = self.offset();
        self.backlog = None;
    }

    /// How many bytes are kept for those who come back.
    pub fn backlog_bytes(&self) -> u64 {
        self.backlog_bytes
    }

    /// Keeps another number of bytes for those who come back.
    pub fn resize_backlog(&mut self, bytes: u64) {
        self.backlog_bytes = bytes;
        if let Some(backlog) = &mut self.backlog {
            backlog.resize(bytes);
        }
    }

    /// Goes on under another name: what follows is this server's own.
    pub fn branch(&mut self, id: ReplicationId) {
        let end = self.offset();
        self.history.branch(id, end);
    }

    /// Takes up another stream at an offset, of which nothing is kept yet. There must be no replicas.
    pub fn adopt(&mut self, id: ReplicationId, offset: u64) {
        debug_assert!(self.replicas.is_empty());
        self.history = History::new(id);
        self.backlog = Some(Spool::new(offset, self.backlog_bytes));
    }

    /// Appends what happened. Nothing may happen while nothing is [kept](Primary::begin).
    pub fn append(&mut self, bytes: Chunk) {
        debug_assert!(self.backlog.is_some());
        if let Some(backlog) = &mut self.backlog {
            backlog.push(bytes);
        }
    }

    /// Drops what nobody lacks, beyond what is kept for those who come back.
    pub fn trim(&mut self) {
        let needed = self.replicas.values().filter(|replica| replica.phase != Phase::Waiting);
        let needed = needed.map(|replica| replica.sent).min();
        if let Some(backlog) = &mut self.backlog {
            backlog.trim(needed);
        }
    }

    /// If more than `most` bytes of the stream are in memory because somebody has yet to read them, says what of them is to go to
    /// disk next; see [`Spool::begin_spill`].
    pub fn begin_spill(&mut self, most: u64) -> Option<Spill> {
        self.backlog.as_mut()?.begin_spill(most)
    }

    /// Hears how it ended, and says whether there is more; see [`Spool::end_spill`].
    pub fn end_spill(&mut self, spill: Spill) -> bool {
        self.backlog.as_mut().is_some_and(|backlog| backlog.end_spill(spill))
    }

    /// See [`Spool::take_emptied`].
    pub fn take_emptied(&mut self) -> Vec<Arc<dyn File>> {
        self.backlog.as_mut().map_or_else(Vec::new, Spool::take_emptied)
    }

    /// How a replica would be made one that asks so.
    pub fn answer(&self, asked: &Asked) -> Answer {
        let is_known = asked.id.is_some_and(|id| self.history.covers(&id, asked.offset));
        let is_kept = self.backlog.as_ref().is_some_and(|backlog| backlog.reaches(asked.offset));
        if is_known && is_kept { Answer::Continue } else { Answer::Full }
    }

    /// Makes somebody a replica who asks so. The stream must be [kept](Primary::begin).
    pub fn attach(&mut self, key: u64, asked: &Asked, now_ms: u64) -> Answer {
        let answer = self.answer(asked);
        let (phase, sent) = match answer {
            Answer::Continue => (Phase::Online, asked.offset),
            Answer::Full => (Phase::Waiting, 0),
        };
        let replica = Replica {
            phase,
            sent,
            has_caught_up: false,
            acknowledged: sent,
            durable: None,
            has_log: false,
            heard_ms: now_ms,
        };
        self.replicas.insert(key, replica);
        answer
    }

    /// Forgets a replica.
    pub fn detach(&mut self, key: u64) {
        self.replicas.remove(&key);
    }

    /// What is known of a replica.
    pub fn replica(&self, key: u64) -> Option<&Replica> {
        self.replicas.get(&key)
    }

    /// All replicas, in the order of their keys.
    pub fn replicas(&self) -> impl Iterator<Item = (u64, &Replica)> {
        self.replicas.iter().map(|(&key, replica)| (key, replica))
    }

    /// A snapshot was cut at the end of the stream: those who wait for one get it. Returns where that is.
    pub fn cut(&mut self) -> u64 {
        let offset = self.offset();
        for replica in self.replicas.values_mut().filter(|replica| replica.phase == Phase::Waiting) {
            replica.phase = Phase::Receiving;
            replica.sent = offset;
        }
        offset
    }

    /// Somebody who waits gets a snapshot that was cut before, if all that followed is still there. Whether it does.
    pub fn join(&mut self, key: u64, cut: u64) -> bool {
        let is_kept = self.backlog.as_ref().is_some_and(|backlog| backlog.reaches(cut));
        match self.replicas.get_mut(&key) {
            Some(replica) if replica.phase == Phase::Waiting && is_kept => {
                replica.phase = Phase::Receiving;
                replica.sent = cut;
                true
            }
            _ => false,
        }
    }

    /// All of a snapshot was sent. Who says nothing by itself is sent the stream at once, as is who can tell where the
    /// snapshot ends.
    pub fn delivered(&mut self, key: u64, waits_for_word: bool) {
        if let Some(replica) = self.replicas.get_mut(&key) {
            replica.phase = if waits_for_word { Phase::Loading } else { Phase::Online };
        }
    }

    /// A replica says how much it has, and how much of that is on disk. More than there is, or less than it said before, is not
    /// believed.
    pub fn acknowledge(&mut self, key: u64, offset: u64, durable: Option<u64>, now_ms: u64) {
        let end = self.offset();
        let Some(replica) = self.replicas.get_mut(&key) else { return };
        replica.heard_ms = now_ms;
        if replica.phase == Phase::Loading {
            replica.phase = Phase::Online;
        }
        if offset <= end {
            replica.acknowledged = replica.acknowledged.max(offset);
        }
        replica.has_log = durable.is_some();
        if let Some(durable) = durable.filter(|durable| *durable <= end) {
            replica.durable = replica.durable.max(Some(durable));
        }
    }

    /// What is to be sent to a replica now, about `most` bytes; they count as sent. Nothing if it has all, or isn't online. If
    /// what it lacks is gone, it can't go on.
    pub fn take(&mut self, key: u64, most: usize) -> Result<Vec<Chunk>, Missing> {
        let (Some(replica), Some(backlog)) = (self.replicas.get_mut(&key), &self.backlog) else {
            return Err(Missing::Gone);
        };
        if replica.phase != Phase::Online {
            return Ok(Vec::new());
        }
        let chunks = backlog.read(replica.sent, most)?;
        replica.sent += chunks.iter().map(|chunk| chunk.len() as u64).sum::<u64>();
        replica.has_caught_up |= replica.sent == backlog.end();
        Ok(chunks)
    }

    /// How many replicas have all before an offset.
    pub fn holders(&self, offset: u64) -> usize {
        let online = self.replicas.values().filter(|replica| replica.phase == Phase::Online);
        online.filter(|replica| replica.acknowledged >= offset).count()
    }

    /// How many replicas have all before an offset on disk.
    pub fn keepers(&self, offset: u64) -> usize {
        let online = self.replicas.values().filter(|replica| replica.phase == Phase::Online);
        online.filter(|replica| replica.durable.is_some_and(|durable| durable >= offset)).count()
    }

    /// The bytes before here have `copies` replicas at least; none if there are fewer. O(replicas * log(replicas)).
    pub fn held_by(&self, copies: usize) -> Option<u64> {
        self.reached(copies, |replica| Some(replica.acknowledged))
    }

    /// The bytes before here have `copies` replicas at least on disk; none if there are fewer.
    pub fn kept_by(&self, copies: usize) -> Option<u64> {
        self.reached(copies, |replica| replica.durable)
    }

    /// The end of the stream, or how far the last of the `copies` replicas is that are furthest.
    fn reached(&self, copies: usize, offset: impl Fn(&Replica) -> Option<u64>) -> Option<u64> {
        let Some(place) = copies.checked_sub(1) else { return Some(self.offset()) };
        let online = self.replicas.values().filter(|replica| replica.phase == Phase::Online);
        let mut offsets: Vec<u64> = online.filter_map(offset).collect();
        offsets.sort_unstable_by(|one, other| other.cmp(one));
        offsets.get(place).copied()
    }

    /// How many replicas are online and have said something within `lag_ms`.
    pub fn good_replicas(&self, lag_ms: u64, now_ms: u64) -> usize {
        self.good(lag_ms, now_ms).count()
    }

    /// How many of these have a log.
    pub fn good_keepers(&self, lag_ms: u64, now_ms: u64) -> usize {
        self.good(lag_ms, now_ms).filter(|replica| replica.has_log).count()
    }

    fn good(&self, lag_ms: u64, now_ms: u64) -> impl Iterator<Item = &Replica> {
        let online = self.replicas.values().filter(|replica| replica.phase == Phase::Online);
        online.filter(move |replica| now_ms.saturating_sub(replica.heard_ms) <= lag_ms)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(byte: u8) -> ReplicationId {
        ReplicationId::from_bytes([byte; 20])
    }

    fn primary() -> Primary {
        let mut primary = Primary::new(id(1), 10);
        primary.begin(id(2));
        primary
    }

    fn append(primary: &mut Primary, text: &str) {
        primary.append(text.as_bytes().to_vec().into());
    }

    fn take(primary: &mut Primary, key: u64) -> Result<String, Missing> {
        let chunks = primary.take(key, 1000)?;
        Ok(chunks.iter().map(|chunk| String::from_utf8_lossy(chunk)).collect())
    }

    #[test]
    fn who_has_nothing_gets_a_snapshot_and_what_follows_it() {
        let mut primary = primary();
        append(&mut primary, "before");
        assert_eq!(primary.attach(7, &Asked::NOTHING, 0), Answer::Full);
        append(&mut primary, "late");
        primary.trim();
        assert_eq!(primary.cut(), 10);
        append(&mut primary, "after");
        primary.trim();
        assert_eq!(take(&mut primary, 7).unwrap(), "");
        primary.delivered(7, true);
        assert_eq!(take(&mut primary, 7).unwrap(), "", "it may still be loading");
        primary.acknowledge(7, 10, None, 5);
        assert!(!primary.replica(7).unwrap().has_caught_up);
        assert_eq!(take(&mut primary, 7).unwrap(), "after");
        append(&mut primary, "");
        assert!(primary.replica(7).unwrap().has_caught_up);
        assert_eq!((primary.holders(10), primary.holders(11), primary.keepers(1)), (1, 0, 0));
        primary.acknowledge(7, 15, Some(12), 6);
        assert_eq!((primary.holders(15), primary.keepers(12), primary.keepers(13)), (1, 1, 0));
        assert_eq!((primary.good_replicas(3, 9), primary.good_replicas(3, 10)), (1, 0));
    }

    #[test]
    fn who_was_away_for_a_moment_goes_on() {
        let mut primary = primary();
        append(&mut primary, "0123456789");
        append(&mut primary, "abcdefghij");
        primary.trim();
        let asked = |id: ReplicationId, offset| Asked { id: Some(id), offset };
        assert_eq!(primary.answer(&asked(id(2), 9)), Answer::Full, "that is gone");
        assert_eq!(primary.answer(&asked(id(1), 15)), Answer::Full, "nobody knows that name");
        assert_eq!(primary.answer(&asked(id(2), 21)), Answer::Full, "nobody has that yet");
        assert_eq!(primary.attach(3, &asked(id(2), 15), 0), Answer::Continue);
        assert_eq!(take(&mut primary, 3).unwrap(), "fghij");
        primary.branch(id(4));
        append(&mut primary, "new");
        assert_eq!(primary.attach(4, &asked(id(2), 20), 0), Answer::Continue);
        assert_eq!(take(&mut primary, 4).unwrap(), "new");
        assert_eq!(primary.answer(&asked(id(2), 21)), Answer::Full, "the old primary went on alone");
        assert_eq!(primary.answer(&asked(id(4), 21)), Answer::Continue);
    }

    #[test]
    fn what_a_replica_lacks_is_kept_for_it() {
        let mut primary = primary();
        primary.attach(1, &Asked::NOTHING, 0);
        let cut = primary.cut();
        for _ in 0..10 {
            append(&mut primary, "0123456789");
            primary.trim();
        }
        // Who comes while the snapshot is sent gets the same one.
        primary.attach(2, &Asked::NOTHING, 0);
        assert!(primary.join(2, cut));
        primary.detach(1);
        primary.trim();
        primary.delivered(2, false);
        assert_eq!(take(&mut primary, 2).unwrap().len(), 100);
        primary.trim();
        primary.attach(3, &Asked::NOTHING, 0);
        assert!(!primary.join(3, cut), "what followed is gone");
        assert_eq!(primary.backlog().unwrap().start(), 90);
    }

    #[test]
    fn a_snapshot_is_on_no_disk_before_somebody_says_so() {
        let mut primary = primary();
        primary.attach(1, &Asked::NOTHING, 0);
        assert_eq!(primary.cut(), 0);
        primary.delivered(1, false);
        assert_eq!((primary.held_by(1), primary.kept_by(1), primary.keepers(0)), (Some(0), None, 0));
        primary.acknowledge(1, 0, Some(0), 0);
        assert_eq!((primary.kept_by(1), primary.keepers(0)), (Some(0), 1));
    }

    #[test]
    fn a_quorum_is_where_enough_replicas_are() {
        let mut primary = primary();
        append(&mut primary, "0123456789");
        let asked = Asked { id: Some(id(2)), offset: 0 };
        for key in [1, 2, 3] {
            assert_eq!(primary.attach(key, &asked, 0), Answer::Continue);
        }
        primary.attach(4, &Asked::NOTHING, 0);
        for (key, offset, durable) in [(1, 7, Some(4)), (2, 9, None), (3, 3, Some(3))] {
            primary.acknowledge(key, offset, durable, 0);
        }
        let reached = [Some(10), Some(9), Some(7), Some(3), None];
        assert_eq!([0, 1, 2, 3, 4].map(|copies| primary.held_by(copies)), reached);
        assert_eq!([0, 1, 2].map(|copies| primary.kept_by(copies)), [Some(10), Some(4), Some(3)]);
        assert_eq!((primary.good_replicas(5, 5), primary.good_keepers(5, 5)), (3, 2));
        // Whoever turns its log off has what it has on disk, and will have no more there.
        primary.acknowledge(1, 8, None, 0);
        assert_eq!(
            (primary.kept_by(1), primary.good_keepers(5, 5), primary.good_keepers(5, 6)),
            (Some(4), 1, 0)
        );
    }

    #[test]
    fn hostile_words_move_nothing() {
        let mut primary = primary();
        append(&mut primary, "0123456789");
        for (wanted, name) in [(0, "02"), (-5, "02"), (i64::MIN, "02"), (1, "?"), (1, "0")] {
            assert_eq!(
                Asked::psync(name.repeat(20).as_bytes(), wanted).id.is_some(),
                wanted == 1 && name == "02"
            );
        }
        primary.attach(1, &Asked::psync("02".repeat(20).as_bytes(), 1), 0);
        primary.acknowledge(1, u64::MAX, Some(u64::MAX), 1);
        primary.acknowledge(1, 4, Some(2), 2);
        primary.acknowledge(1, 3, Some(1), 3);
        primary.acknowledge(9, 3, None, 3);
        let replica = *primary.replica(1).unwrap();
        assert_eq!((replica.acknowledged, replica.durable, replica.heard_ms), (4, Some(2), 3));
    }
}
