//! The thread `log`: takes what the journal has, appends it to the files, and makes it durable.

use super::mailbox::Mailbox;
use super::{Beginning, Order};
use crate::log;
use crate::persistence::{Request, Task};
use crate::server::{Shared, now};
use spinel_persistence::log::{BaseFormat, Commit, Committer, Now, Rewrite, SyncPolicy, Writer};
use spinel_storage::engine::journal::{Journal, Reader};
use std::fs;
use std::sync::Arc;
use std::sync::mpsc::Sender;
use std::time::{Duration, Instant};

/// Between two looks if nobody wakes the thread.
const LONGEST_REST: Duration = Duration::from_secs(1);
/// Between two tries after an error.
const TRY_AGAIN: Duration = Duration::from_millis(100);
/// How long the thread lets writes gather where nobody waits for it.
const GATHER: Duration = Duration::from_millis(2);

/// The files, and what goes there.
pub(super) struct Keeper {
    committer: Committer,
    journal: Arc<Journal>,
    rewrite: Option<Rewrite>,
    started: Instant,
    /// The bytes of all files but the one that is written.
    other_bytes: u64,
}

impl Keeper {
    /// Goes on with files at their end, with what comes from the reader.
    pub(super) fn new(writer: Writer, mut reader: Reader, commit: Arc<Commit>, shared: &Shared) -> Keeper {
        let other_bytes = other_bytes(&writer);
        let source = Box::new(move |bytes: &mut Vec<u8>| reader.read(bytes));
        Keeper {
            committer: Committer::telling(commit, source, writer, SyncPolicy::Always),
            journal: Arc::clone(shared.engine.journal()),
            rewrite: None,
            started: Instant::now(),
            other_bytes,
        }
    }

    /// Goes on with a rewrite that has begun.
    pub(super) fn with_rewrite(self, rewrite: Rewrite) -> Keeper {
        Keeper { rewrite: Some(rewrite), ..self }
    }

    /// Works until it is told to stop.
    pub(super) fn run(mut self, shared: &Shared) {
        let log = &shared.persistence.append_only;
        let (mailbox, status) = (&log.mailbox, &log.status);
        status.note_base(self.bytes());
        loop {
            for order in mailbox.take() {
                if let Some(answer) = self.obey(order, shared) {
                    return self.end(&answer);
                }
            }
            let due = self.step(mailbox);
            status.note(self.committer.writer().has_failed(), self.bytes(), self.committer.commit());
            self.rest(mailbox, due);
        }
    }

    /// Does what somebody wants. If that is the end, returns who waits for it.
    fn obey(&mut self, order: Order, shared: &Shared) -> Option<Sender<()>> {
        match order {
            Order::Cut(request) => self.cut(request, shared),
            Order::Finish { is_written, answer } => {
                let outcome = self.finish(is_written);
                if is_written && outcome.is_ok() {
                    shared.persistence.append_only.status.note_base(self.bytes());
                }
                // Who asked has gone only if the server ends.
                let _ = answer.send(outcome);
            }
            Order::Stop(answer) => return Some(answer),
        }
        None
    }

    /// Writes what is new; returns when to do so again even if nothing comes.
    fn step(&mut self, mailbox: &Mailbox) -> Option<u64> {
        let is_asked = mailbox.takes_sync();
        self.committer.set_policy(match mailbox.policy() {
            SyncPolicy::No if is_asked => SyncPolicy::Always,
            policy => policy,
        });
        let now = self.now(mailbox.notes_time());
        self.committer.step(now)
    }

    /// Cuts a snapshot that is to be the base of new files, to which goes what comes after it.
    fn cut(&mut self, request: Request, shared: &Shared) {
        self.committer.hold();
        let Ok(snapshot) = shared.engine.begin_snapshot() else {
            self.committer.release();
            return shared.persistence.give_up(request);
        };
        self.committer.cut_at(snapshot.journal_offset());
        self.committer.step(self.now(true));
        let path = match self.committer.take_rewrite() {
            Some(Ok(rewrite)) => Ok(self.rewrite.insert(rewrite).path().to_owned()),
            Some(Err(error)) => Err(error.to_string()),
            None => Err("the cut was not reached".to_owned()),
        };
        self.other_bytes = other_bytes(self.committer.writer());
        shared.persistence.write(Task { request, snapshot, beginning: Beginning::Cut(path), changes: 0 });
    }

    /// Ends a rewrite whose base is written, or will not be.
    fn finish(&mut self, is_written: bool) -> Result<(), String> {
        let Some(rewrite) = self.rewrite.take() else { return Err("no rewrite has begun".to_owned()) };
        if !is_written {
            self.committer.abandon_rewrite(rewrite);
            return Ok(());
        }
        let outcome = self.committer.finish_rewrite(rewrite, BaseFormat::Rdb);
        // What can't be removed now is named in the manifest, and the next start tries again.
        let _ = self.committer.remove_history();
        self.other_bytes = other_bytes(self.committer.writer());
        outcome.map_err(|error| error.to_string())
    }

    /// The bytes of all files.
    fn bytes(&self) -> u64 {
        self.other_bytes + self.committer.writer().increment_bytes()
    }

    fn rest(&self, mailbox: &Mailbox, due: Option<u64>) {
        if self.committer.commit().failure().is_some() {
            return mailbox.rest(TRY_AGAIN, || false);
        }
        if mailbox.policy() != SyncPolicy::Always {
            std::thread::sleep(GATHER);
        }
        let time = due.map_or(LONGEST_REST, |due| Duration::from_millis(due.saturating_sub(self.elapsed())));
        mailbox.rest(time, || self.journal.end() > self.committer.commit().written());
    }

    fn end(mut self, answer: &Sender<()>) {
        if let Some(rewrite) = self.rewrite.take() {
            self.committer.abandon_rewrite(rewrite);
        }
        let now = self.now(false);
        if let Err(error) = self.committer.close(now) {
            log::warning(&format!("The append only file could not be closed: {error}"));
        }
        // Who asked waits for it.
        let _ = answer.send(());
    }

    fn now(&self, notes_time: bool) -> Now {
        let unix_seconds = notes_time.then(|| now().0.unsigned_abs() / 1000);
        Now { monotonic_ms: self.elapsed(), unix_seconds }
    }

    fn elapsed(&self) -> u64 {
        self.started.elapsed().as_millis() as u64
    }
}

/// The bytes of all files that the manifest names but the last, which is the one that is written.
fn other_bytes(writer: &Writer) -> u64 {
    let directory = writer.directory();
    let manifest = directory.manifest();
    let others = manifest.increments.iter().rev().skip(1);
    let bytes = |file| fs::metadata(directory.path(file)).map_or(0, |metadata| metadata.len());
    manifest.base.iter().chain(others).map(bytes).sum()
}
