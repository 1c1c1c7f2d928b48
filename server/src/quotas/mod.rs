//! Quotas: how many operations in a second a user or a database may have, and how much memory a database may take.
//!
//! ```text
//! ACL SETUSER … quota-operations=N quota-memory=N ──→ Account ─┐
//! db-quota-operations, db-quota-memory ─────────────→ Quotas ──┴─ Session::quota_refusal, before a command runs or is queued
//! ```
//!
//! Without any, nobody asks: who has a quota is a restricted user, and quotas of databases are a bit of the word that sessions look
//! at once per window ([`Attention`](crate::attention::Attention)), for memory only while a database has too much. Why it is so:
//! `docs/design/access-control.md`.

mod bucket;

pub(crate) use bucket::{Bucket, OPERATIONS_MAX};

use crate::attention::Concern;
use crate::config::table::{self, Key};
use crate::config::value::Reason;
use crate::log;
use crate::server::{Shared, now};
use crate::session::Session;
use bucket::nanoseconds;
use spinel_storage::command::flags::Flags;
use spinel_storage::command::table::CommandId;
use spinel_storage::keyspace::news::Observed;
use spinel_storage::{DbIndex, Error, UnixMillis};
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

/// What was measured is believed for so long: what other databases lose hides by how much this one has grown.
const MEASURED_FOR_MS: i64 = 100;

/// What one user may have.
#[derive(Default)]
pub(crate) struct UserQuota {
    operations_max: AtomicU64,
    bytes_max: AtomicU64,
    bucket: Bucket,
}

/// The numbers of a user's quota; 0: no limit.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Limits {
    pub(crate) operations_max: u64,
    pub(crate) bytes_max: u64,
}

impl Limits {
    pub(crate) fn is_none(self) -> bool {
        self == Limits::default()
    }
}

impl UserQuota {
    pub(crate) fn set(&self, limits: Limits) {
        self.operations_max.store(limits.operations_max, Ordering::Relaxed);
        self.bytes_max.store(limits.bytes_max, Ordering::Relaxed);
    }

    fn limits(&self) -> Limits {
        Limits {
            operations_max: self.operations_max.load(Ordering::Relaxed),
            bytes_max: self.bytes_max.load(Ordering::Relaxed),
        }
    }
}

/// What databases may have.
pub(crate) struct Quotas {
    databases: Box<[Database]>,
    /// When the keyspace has grown to this, a database may have too much that had not before.
    look_at: AtomicI64,
    pub(crate) denied: Denied,
}

/// One database's quota, and what is known of its memory.
#[derive(Default)]
struct Database {
    operations_max: AtomicU64,
    bytes_max: AtomicU64,
    bucket: Bucket,
    /// What it took when that was measured last, how far the keyspace had grown then, and when that was.
    used: AtomicU64,
    growth: AtomicI64,
    measured: AtomicI64,
}

/// How often quotas have refused something.
#[derive(Default)]
pub(crate) struct Denied {
    pub(crate) user_operations: AtomicU64,
    pub(crate) user_memory: AtomicU64,
    pub(crate) db_operations: AtomicU64,
    pub(crate) db_memory: AtomicU64,
}

/// Which quota refuses a command.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Refusal {
    UserOperations,
    UserMemory(DbIndex),
    Operations(DbIndex),
    Memory(DbIndex),
}

impl Refusal {
    /// The error, which is counted.
    #[cold]
    fn error(self, denied: &Denied) -> Error {
        let (counter, which) = match self {
            Refusal::UserOperations => {
                (&denied.user_operations, "operations per second > 'quota-operations' of the user".to_owned())
            }
            Refusal::UserMemory(DbIndex(db)) => {
                (&denied.user_memory, format!("memory of database {db} > 'quota-memory' of the user"))
            }
            Refusal::Operations(DbIndex(db)) => (
                &denied.db_operations,
                format!("operations per second of database {db} > 'db-quota-operations'"),
            ),
            Refusal::Memory(DbIndex(db)) => {
                (&denied.db_memory, format!("memory of database {db} > 'db-quota-memory'"))
            }
        };
        counter.fetch_add(1, Ordering::Relaxed);
        Error::Made(format!("QUOTA command not allowed when {which}."))
    }
}

/// Whether a setting is about quotas.
pub(crate) fn concerns(key: Key) -> bool {
    [table::DB_QUOTA_MEMORY, table::DB_QUOTA_OPERATIONS].contains(&key)
}

/// Lets the settings take effect; the error if one names a database that there is not.
pub(crate) fn apply(shared: &Shared) -> Result<(), Reason> {
    let quotas = &shared.quotas;
    let read = |key: Key| {
        let text = shared.config.text(key);
        let numbers: Vec<u64> = text
            .split(|byte| *byte == b' ')
            .filter_map(|word| std::str::from_utf8(word).ok()?.parse().ok())
            .collect();
        let mut by_number = vec![0; quotas.databases.len()];
        for pair in numbers.chunks_exact(2) {
            let place = usize::try_from(pair[0]).ok().and_then(|db| by_number.get_mut(db));
            *place.ok_or_else(|| format!("There is no database {}", pair[0]))? = pair[1];
        }
        Ok::<_, Reason>(by_number)
    };
    let (operations, bytes) = (read(table::DB_QUOTA_OPERATIONS)?, read(table::DB_QUOTA_MEMORY)?);
    for (database, (operations, bytes)) in quotas.databases.iter().zip(operations.into_iter().zip(bytes)) {
        database.operations_max.store(operations, Ordering::Relaxed);
        database.bytes_max.store(bytes, Ordering::Relaxed);
    }
    observe_growth(shared);
    look(shared);
    Ok(())
}

/// As [`apply`], when the server starts: a database that there is not has no quota.
pub(crate) fn begin(shared: &Shared) {
    if let Err(reason) = apply(shared) {
        log::warning!("The settings db-quota-memory and db-quota-operations have no effect: {reason}.");
    }
}

/// Lets the engine count by how much keys grow if anybody has to know.
pub(crate) fn observe_growth(shared: &Shared) {
    let is_wanted =
        shared.memory_limit.is_set() || shared.quotas.has_memory() || shared.acl.has_memory_quotas();
    shared.engine.observe(Observed::GROWTH, is_wanted);
    shared.attention.set(Concern::Growth, is_wanted);
}

/// Looks whether a database has too much memory. O(shards of databases with a quota). Called ten times a second, and when what has
/// grown may have filled one.
#[cold]
pub(crate) fn look(shared: &Shared) {
    // What is half loaded can't be looked at; when it is there, the next look comes soon.
    let is_loading = shared.persistence.loading().is_some();
    let (quotas, mut room, mut is_asked) = (&shared.quotas, i64::MAX, false);
    let growth = shared.engine.keyspace().growth();
    for (number, database) in quotas.databases.iter().enumerate() {
        is_asked |= database.operations_max.load(Ordering::Relaxed) > 0;
        let bytes_max = database.bytes_max.load(Ordering::Relaxed);
        if bytes_max > 0 && !is_loading {
            let used = database.measure(DbIndex(number as u16), now(), shared);
            match bytes_max.checked_sub(used) {
                Some(left) => room = room.min(i64::try_from(left).unwrap_or(i64::MAX)),
                None => is_asked = true,
            }
        }
    }
    quotas.look_at.store(growth.saturating_add(room), Ordering::Relaxed);
    shared.attention.set(Concern::Quotas, is_asked);
}

/// Looks again if keys may have filled a database since the last look. The caller holds no shard, and asks only while there is a
/// quota of memory or another limit ([`Concern::Growth`]); this costs two loads.
#[inline]
pub(crate) fn look_if_due(shared: &Shared) {
    if shared.engine.keyspace().growth() > shared.quotas.look_at.load(Ordering::Relaxed) {
        look(shared);
    }
}

impl Database {
    /// Adds up what it takes. O(shards).
    fn measure(&self, db: DbIndex, now: UnixMillis, shared: &Shared) -> u64 {
        // Read first: what grows meanwhile counts twice rather than not at all.
        let growth = shared.engine.keyspace().growth();
        let used = shared.engine.keyspace().statistics(db).memory_bytes as u64;
        self.used.store(used, Ordering::Relaxed);
        self.growth.store(growth, Ordering::Relaxed);
        self.measured.store(now.0, Ordering::Relaxed);
        used
    }

    /// Whether it takes more than this. It is measured unless that is out of the question.
    fn takes_more_than(&self, bytes_max: u64, db: DbIndex, now: UnixMillis, shared: &Shared) -> bool {
        let grown = shared.engine.keyspace().growth() - self.growth.load(Ordering::Relaxed);
        let most = self.used.load(Ordering::Relaxed).saturating_add(grown.max(0).unsigned_abs());
        let age_ms = now.0 - self.measured.load(Ordering::Relaxed);
        let is_out_of_question = most <= bytes_max && (0..MEASURED_FOR_MS).contains(&age_ms);
        !is_out_of_question && self.measure(db, now, shared) > bytes_max
    }
}

impl Quotas {
    /// Makes it for so many databases, without any quota.
    pub(crate) fn new(databases: u16) -> Quotas {
        Quotas {
            databases: (0..databases).map(|_| Database::default()).collect(),
            look_at: AtomicI64::new(i64::MAX),
            denied: Denied::default(),
        }
    }

    /// Whether a database may have only so much memory.
    pub(crate) fn has_memory(&self) -> bool {
        self.databases.iter().any(|database| database.bytes_max.load(Ordering::Relaxed) > 0)
    }

    /// Which quota of memory is exceeded, of a database or of who adds to it.
    fn memory_refusal(&self, db: DbIndex, user: Limits, now: UnixMillis, shared: &Shared) -> Option<Refusal> {
        let database = &self.databases[usize::from(db.0)];
        let is_over = |bytes_max| bytes_max > 0 && database.takes_more_than(bytes_max, db, now, shared);
        if is_over(database.bytes_max.load(Ordering::Relaxed)) {
            return Some(Refusal::Memory(db));
        }
        is_over(user.bytes_max).then_some(Refusal::UserMemory(db))
    }
}

impl Session {
    /// The user's limits, unless neither he nor any database has one that matters now.
    #[inline]
    fn quotas(&self, shared: &Shared) -> Option<Limits> {
        let limits = self.identity.account.quota.limits();
        (!limits.is_none() || shared.attention.has(Concern::Quotas)).then_some(limits)
    }

    /// Why a quota refuses a command in a database, if one does; else its operation is taken. Whatever runs or is queued is asked about
    /// once. `flags` are those of the command, or of all that `EXEC` is to run.
    pub(crate) fn quota_refusal(
        &self,
        (id, flags): (CommandId, Flags),
        words: &[&[u8]],
        (db, now): (DbIndex, UnixMillis),
        shared: &Shared,
    ) -> Option<Error> {
        let user = self.quotas(shared)?;
        let (quotas, command) = (&shared.quotas, shared.engine.table().row(id).command);
        let memory = self.memory_quota_refusal((id, flags), words, (db, now), shared);
        // What only says who somebody is, or holds a transaction together, is no operation.
        if memory.is_some() || flags.contains(Flags::NO_AUTH) || command.flags.contains(Flags::IMMEDIATE) {
            return memory;
        }
        let (own, of_user) = (&self.identity.account.quota.bucket, user.operations_max);
        let time = nanoseconds();
        if of_user > 0 && !own.take(of_user, time) {
            return Some(Refusal::UserOperations.error(&quotas.denied));
        }
        let database = &quotas.databases[usize::from(db.0)];
        let of_database = database.operations_max.load(Ordering::Relaxed);
        if of_database > 0 && command.uses_database() && !database.bucket.take(of_database, time) {
            if of_user > 0 {
                own.give_back(of_user);
            }
            return Some(Refusal::Operations(db).error(&quotas.denied));
        }
        None
    }

    /// Why a quota of memory refuses a command in a database, if one does.
    pub(crate) fn memory_quota_refusal(
        &self,
        (id, flags): (CommandId, Flags),
        words: &[&[u8]],
        (db, now): (DbIndex, UnixMillis),
        shared: &Shared,
    ) -> Option<Error> {
        let user = self.quotas(shared)?;
        let command = shared.engine.table().row(id).command;
        let own = flags.contains(Flags::DENYOOM).then_some(db);
        // MOVE and COPY name a database that they add to; SWAPDB adds nothing to any.
        let adds_elsewhere = command.flags.contains(Flags::WRITE) && !command.keys.is_empty();
        let positions = adds_elsewhere.then(|| command.database_positions(words)).into_iter().flatten();
        let named =
            positions.filter_map(|at| shared.engine.keyspace().db(spinel_resp::parse_integer(words[at])?));
        let mut filled = own.into_iter().chain(named);
        let refusal = filled.find_map(|db| shared.quotas.memory_refusal(db, user, now, shared))?;
        Some(refusal.error(&shared.quotas.denied))
    }

    /// Takes an operation of a script, which goes on whether there is one or not: it would end halfway.
    #[inline]
    pub(crate) fn charge_quotas(&self, id: CommandId, db: DbIndex, shared: &Shared) {
        let Some(user) = self.quotas(shared) else { return };
        let time = nanoseconds();
        if user.operations_max > 0 {
            self.identity.account.quota.bucket.charge(user.operations_max, time);
        }
        let database = &shared.quotas.databases[usize::from(db.0)];
        let of_database = database.operations_max.load(Ordering::Relaxed);
        if of_database > 0 && shared.engine.table().row(id).command.uses_database() {
            database.bucket.charge(of_database, time);
        }
    }
}
