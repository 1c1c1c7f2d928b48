//! The audit log: who came in or was kept out, what was denied to whom, and what administrators did.
//!
//! ```text
//! workers ── records ──→ queue (bounded) ── thread `audit` ──→ file, or the server's log
//! ```
//!
//! Who notes a record copies a few words and goes on. If the thread can't keep up or can't write, records are counted instead of
//! kept, and the next line that can be written tells how many are missing.

mod record;
mod writer;

use record::Record;
pub(crate) use record::{Event, Means, cut};

use crate::clients::Client;
use crate::config::Config;
use crate::config::table::{self, Key};
use crate::config::value::Reason;
use crate::log;
use crate::observation::Called;
use crate::redaction;
use crate::server::{Shared, now};
use crate::session::Session;
use spinel_storage::command::Command;
use spinel_storage::command::flags::Flags;
use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;
use writer::Writer;

/// Records that may wait to be written. One has at most some five kilobytes, most have two hundred bytes.
const WAITING_MAX: usize = 4096;
/// How long the end of the server waits for the last records.
const FAREWELL: Duration = Duration::from_secs(2);

/// Kinds of events; the numbers are their bits in the value of `audit-events`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(i64)]
pub(crate) enum Kind {
    Logins = 1,
    Denials = 1 << 1,
    Admin = 1 << 2,
}

/// The audit log of a server.
#[derive(Default)]
pub(crate) struct Audit {
    /// The kinds that are noted.
    kinds: AtomicI64,
    desk: Arc<Desk>,
}

/// What the thread shares with those who note.
#[derive(Default)]
struct Desk {
    queue: Mutex<Queue>,
    /// Somebody has put a record in.
    has_come: Condvar,
    /// All records are written.
    is_done: Condvar,
    written: AtomicU64,
    lost: AtomicU64,
}

#[derive(Default)]
struct Queue {
    records: VecDeque<Record>,
    /// The file, as an absolute path; without, records go to the server's log.
    file: Option<PathBuf>,
    is_writing: bool,
    has_thread: bool,
}

/// Whether a setting is about the audit log.
pub(crate) fn concerns(key: Key) -> bool {
    [table::AUDIT_EVENTS, table::AUDIT_FILE].contains(&key)
}

impl Audit {
    /// Takes over what the settings say, if the file can be written.
    pub(crate) fn apply(&self, config: &Config) -> Result<(), Reason> {
        let file = config.path(table::AUDIT_FILE);
        if let Some(path) = &file {
            writer::open(path).map_err(|error| format!("{}: {error}", path.display()))?;
        }
        let file = file.map(std::path::absolute).transpose().map_err(|error| error.to_string())?;
        self.desk.lock().file = file;
        self.kinds.store(config.number(table::AUDIT_EVENTS), Ordering::Relaxed);
        Ok(())
    }

    /// Whether events of a kind are noted.
    #[inline]
    pub(crate) fn notes(&self, kind: Kind) -> bool {
        self.kinds.load(Ordering::Relaxed) & kind as i64 != 0
    }

    /// Notes what has happened to or by a client who acts as `user`, if events of its kind are noted.
    pub(crate) fn note(&self, client: &Client, user: &[u8], event: impl FnOnce() -> Event, kind: Kind) {
        if self.notes(kind) {
            self.put(Record::new(now(), client, user, event()));
        }
    }

    #[cold]
    fn put(&self, record: Record) {
        let mut queue = self.desk.lock();
        if queue.records.len() >= WAITING_MAX {
            self.desk.lost.fetch_add(1, Ordering::Relaxed);
            return;
        }
        queue.records.push_back(record);
        if !queue.has_thread {
            let desk = Arc::clone(&self.desk);
            let started = thread::Builder::new().name("audit".to_owned()).spawn(move || desk.write_all());
            // Without a thread, the next record tries again.
            queue.has_thread = started.is_ok();
        }
        drop(queue);
        self.desk.has_come.notify_one();
    }

    /// How many records were written.
    pub(crate) fn written(&self) -> u64 {
        self.desk.written.load(Ordering::Relaxed)
    }

    /// How many records were not written.
    pub(crate) fn lost(&self) -> u64 {
        self.desk.lost.load(Ordering::Relaxed)
    }

    /// Waits for the last records, for a while.
    pub(crate) fn finish(&self) {
        let queue = self.desk.lock();
        let is_busy = |queue: &mut Queue| queue.has_thread && (queue.is_writing || !queue.records.is_empty());
        let waited = self.desk.is_done.wait_timeout_while(queue, FAREWELL, is_busy);
        if waited.unwrap_or_else(PoisonError::into_inner).1.timed_out() {
            log::warning!("The last records of the audit log are not written: that takes too long.");
        }
    }
}

impl Desk {
    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes records as they come, for ever.
    fn write_all(&self) {
        let mut writer = Writer::default();
        let mut queue = self.lock();
        loop {
            if queue.records.is_empty() {
                self.is_done.notify_all();
                queue = self.has_come.wait(queue).unwrap_or_else(PoisonError::into_inner);
                continue;
            }
            let records = std::mem::take(&mut queue.records);
            let file = queue.file.clone();
            queue.is_writing = true;
            drop(queue);
            let lost = self.lost.load(Ordering::Relaxed);
            if writer.write(file.as_deref(), &records, lost) {
                self.written.fetch_add(records.len() as u64, Ordering::Relaxed);
            } else {
                self.lost.fetch_add(records.len() as u64, Ordering::Relaxed);
            }
            queue = self.lock();
            queue.is_writing = false;
        }
    }
}

impl Session {
    /// Notes that the client has come in, as the user it is now.
    pub(crate) fn note_login(&self, means: Means, shared: &Shared) {
        let user = &self.identity.account.name;
        shared.audit.note(&self.client, user, || Event::Login(means), Kind::Logins);
    }

    /// Notes a command that is about to run, if it is an administrator's.
    #[inline]
    pub(crate) fn audit(&self, called: Called<'_>, shared: &Shared) {
        if shared.audit.notes(Kind::Admin) {
            note_command(self, called, shared);
        }
    }
}

#[cold]
fn note_command(session: &Session, called: Called<'_>, shared: &Shared) {
    let row = shared.engine.table().row(called.id);
    if !is_administrative(row.command) {
        return;
    }
    let event = || {
        let words = redaction::shown(row.command.flags, called.words, row.name_words_in(called.words).into());
        Event::Command { db: session.db.0, words: crate::command_log::cut(&words) }
    };
    shared.audit.note(&session.client, &session.identity.account.name, event, Kind::Admin);
}

/// Whether a command administers the server, or changes the keyspace as a whole.
fn is_administrative(command: &Command) -> bool {
    const SWEEPING: Flags = Flags::WRITE.with(Flags::KEYSPACE).with(Flags::DANGEROUS);
    command.flags.contains(Flags::ADMIN) || command.flags.contains(SWEEPING) && command.keys.is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::roster::Roster;
    use spinel_storage::command::table::CommandTable;

    #[test]
    fn what_is_administrative_is_not_what_everybody_does() {
        let table = CommandTable::new(Roster::new().entries().iter().map(|(command, _)| command));
        let is = |name: &str| {
            let id = table.by_own_name(name.as_bytes()).expect("it is there");
            is_administrative(table.row(id).command)
        };
        for name in
            ["config|set", "acl|setuser", "acl|role", "shutdown", "flushall", "flushdb", "swapdb", "bgsave"]
        {
            assert!(is(name), "{name}");
        }
        for name in
            ["get", "set", "del", "keys", "sort", "restore", "auth", "hello", "ping", "info", "acl|whoami"]
        {
            assert!(!is(name), "{name}");
        }
    }

    #[test]
    fn what_is_too_much_is_counted() {
        let audit = Audit::default();
        // A thread that is said to be there and isn't writes nothing.
        audit.desk.lock().has_thread = true;
        for _ in 0..WAITING_MAX + 3 {
            audit.put(record::tests::record(Event::Login(Means::Password)));
        }
        assert_eq!((audit.lost(), audit.written()), (3, 0));
        assert_eq!(audit.desk.lock().records.len(), WAITING_MAX);
    }
}
