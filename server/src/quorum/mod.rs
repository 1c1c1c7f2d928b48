//! Quorums: how many replicas must have acknowledged a write before its client is answered.
//!
//! ```text
//! write-quorum, db-write-quorum ─→ Quorums ─┐
//! CLIENT QUORUM ──────────────────────────→ Session ─ a write ran ─→ Debt ─ end of the batch ─→ pledge ─→ replies leave
//! ```
//!
//! Nobody asks without any: that is a bit of the word that sessions look at once per window
//! ([`Attention`]). Where replies wait: [`connection::held`](crate::connection); who waits for which
//! replicas: [`replication`](crate::replication). Why it is so: `docs/design/replication.md`.

mod debt;

pub(crate) use debt::{Debt, LACKS_REPLICAS};

use crate::attention::{Attention, Concern};
use crate::config::table::{self, Key};
use crate::config::value::Reason;
use crate::log;
use crate::replication::Copies;
use crate::server::Shared;
use spinel_storage::DbIndex;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

/// The most replicas that may be asked for.
pub(crate) const COPIES_MAX: u32 = 1_000_000;

/// How many replicas must have something. Those that have it on disk also have it in memory.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Quorum {
    pub(crate) in_memory: u32,
    pub(crate) on_disk: u32,
}

impl Quorum {
    pub(crate) const NONE: Quorum = Quorum { in_memory: 0, on_disk: 0 };

    pub(crate) fn of(count: u32, copies: Copies) -> Quorum {
        match copies {
            Copies::InMemory => Quorum { in_memory: count, on_disk: 0 },
            Copies::OnDisk => Quorum { in_memory: count, on_disk: count },
        }
    }

    pub(crate) fn is_none(self) -> bool {
        self == Quorum::NONE
    }

    /// What satisfies both.
    pub(crate) fn and(self, other: Quorum) -> Quorum {
        Quorum { in_memory: self.in_memory.max(other.in_memory), on_disk: self.on_disk.max(other.on_disk) }
    }

    /// Whether that many replicas, of which so many have a log, are enough.
    pub(crate) fn is_within(self, replicas: Quorum) -> bool {
        self.in_memory <= replicas.in_memory && self.on_disk <= replicas.on_disk
    }
}

/// A quorum that others read while it changes.
#[derive(Default)]
pub(crate) struct Shown(AtomicU64);

impl Shown {
    pub(crate) fn set(&self, quorum: Quorum) {
        let bits = u64::from(quorum.in_memory) << 32 | u64::from(quorum.on_disk);
        self.0.store(bits, Ordering::Relaxed);
    }

    #[inline]
    pub(crate) fn get(&self) -> Quorum {
        let bits = self.0.load(Ordering::Relaxed);
        Quorum { in_memory: (bits >> 32) as u32, on_disk: bits as u32 }
    }
}

/// What is asked of writes.
pub(crate) struct Quorums {
    /// By the settings, for each database.
    databases: Box<[Shown]>,
    /// What clients ask beyond that, by their numbers.
    clients: Mutex<BTreeMap<u64, Quorum>>,
    /// What satisfies all of these.
    highest: Shown,
}

impl Quorums {
    /// Makes it for so many databases, without any quorum.
    pub(crate) fn new(databases: u16) -> Quorums {
        let databases = (0..databases).map(|_| Shown::default()).collect();
        Quorums { databases, clients: Mutex::default(), highest: Shown::default() }
    }

    /// What the settings ask of writes in a database.
    pub(crate) fn of(&self, db: DbIndex) -> Quorum {
        self.databases[usize::from(db.0)].get()
    }

    /// What they ask of writes in any database.
    pub(crate) fn of_all(&self) -> Quorum {
        self.databases.iter().map(Shown::get).fold(Quorum::NONE, Quorum::and)
    }

    /// What satisfies everybody.
    pub(crate) fn highest(&self) -> Quorum {
        self.highest.get()
    }

    /// Sums up what is asked.
    fn note(&self, clients: &BTreeMap<u64, Quorum>, attention: &Attention) {
        let highest = clients.values().copied().fold(self.of_all(), Quorum::and);
        self.highest.set(highest);
        attention.set(Concern::Quorum, !highest.is_none());
    }
}

/// Whether a setting says how many replicas must have a write.
pub(crate) fn concerns(key: Key) -> bool {
    [table::WRITE_QUORUM, table::WRITE_QUORUM_DURABILITY, table::DB_WRITE_QUORUM].contains(&key)
}

/// Lets the settings take effect; the error if one names a database that there is not.
pub(crate) fn apply(shared: &Shared) -> Result<(), Reason> {
    let (config, quorums) = (&shared.config, &shared.replication.quorums);
    let copies = Copies::of(config);
    let general = Quorum::of(config.number(table::WRITE_QUORUM) as u32, copies);
    let mut by_number = vec![general; quorums.databases.len()];
    let text = config.text(table::DB_WRITE_QUORUM);
    let words: Vec<&[u8]> = text.split(|byte| *byte == b' ').filter(|word| !word.is_empty()).collect();
    for pair in words.chunks_exact(2) {
        let number = |word| spinel_resp::parse_integer(word).unwrap_or_default();
        let place = usize::try_from(number(pair[0])).ok().and_then(|db| by_number.get_mut(db));
        let place = place.ok_or_else(|| format!("There is no database {}", number(pair[0])))?;
        *place = Quorum::of(number(pair[1]) as u32, copies);
    }
    for (shown, quorum) in quorums.databases.iter().zip(by_number) {
        shown.set(quorum);
    }
    note(shared, |_| {});
    Ok(())
}

/// As [`apply`], when the server starts: a database that there is not has no quorum of its own.
pub(crate) fn begin(shared: &Shared) {
    if let Err(reason) = apply(shared) {
        log::warning!("The settings write-quorum and db-write-quorum have no effect: {reason}.");
    }
}

/// A client asks for more than the settings do, or no more.
pub(crate) fn ask(client: u64, quorum: Quorum, shared: &Shared) {
    note(shared, |clients| {
        if quorum.is_none() {
            clients.remove(&client);
        } else {
            clients.insert(client, quorum);
        }
    });
}

fn note(shared: &Shared, change: impl FnOnce(&mut BTreeMap<u64, Quorum>)) {
    let quorums = &shared.replication.quorums;
    let mut clients = quorums.clients.lock().unwrap_or_else(PoisonError::into_inner);
    change(&mut clients);
    quorums.note(&clients, &shared.attention);
    drop(clients);
    shared.replication.count_good();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quorums_add_up_by_kind() {
        let (two, disk) = (Quorum::of(2, Copies::InMemory), Quorum::of(1, Copies::OnDisk));
        let both = two.and(disk);
        assert_eq!(both, Quorum { in_memory: 2, on_disk: 1 });
        assert!(both.is_within(Quorum { in_memory: 2, on_disk: 1 }));
        assert!(!both.is_within(Quorum { in_memory: 3, on_disk: 0 }));
        assert!(!both.is_within(Quorum { in_memory: 1, on_disk: 1 }));
        let shown = Shown::default();
        shown.set(both);
        assert_eq!(shown.get(), both);
        assert!(Quorum::of(0, Copies::OnDisk).is_none() && Quorum::NONE.is_within(Quorum::NONE));
    }

    #[test]
    fn the_highest_is_what_satisfies_all() {
        let (quorums, attention) = (Quorums::new(3), Attention::default());
        let mut clients = BTreeMap::new();
        quorums.note(&clients, &attention);
        assert!(quorums.highest().is_none() && !attention.has(Concern::Quorum));
        quorums.databases[1].set(Quorum::of(2, Copies::InMemory));
        clients.insert(7, Quorum::of(1, Copies::OnDisk));
        quorums.note(&clients, &attention);
        assert_eq!(quorums.highest(), Quorum { in_memory: 2, on_disk: 1 });
        assert!(attention.has(Concern::Quorum) && !attention.is_on_each());
        assert!(quorums.of(DbIndex(0)).is_none());
    }
}
