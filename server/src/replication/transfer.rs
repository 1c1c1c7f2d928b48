//! A snapshot on its way to replicas: one walk for all who want it.
//!
//! The thread that walks puts what it encodes into a [`Spool`]; every replica reads there at its own pace. What the slowest one
//! lacks is kept in memory up to a limit, and on disk beyond it, so that a slow replica keeps neither the walk nor the
//! others waiting. What all have read goes as soon as there is too much for memory. Who comes while nothing is dropped yet joins
//! from the beginning.

use super::{MEMORY_BYTES_MAX, now_ms};
use crate::clients::Client;
use spinel_persistence::log::Chunk;
use spinel_persistence::vfs::File;
use spinel_replication::{Missing, ReplicationId, Spool};
use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// A snapshot that is sent.
pub(super) struct Transfer {
    /// Where the stream stood when it was cut.
    pub(super) cut: u64,
    /// The name of the stream.
    pub(super) id: ReplicationId,
    /// Ends a snapshot of which no length was told.
    pub(super) marker: [u8; 40],
    content: Mutex<Content>,
}

struct Content {
    spool: Spool,
    state: Progress,
    readers: BTreeMap<u64, Reading>,
}

struct Reading {
    at: u64,
    /// When it took something last.
    taken_ms: u64,
    client: Arc<Client>,
    /// It has all there is, and is woken when there is more.
    is_idle: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Progress {
    Going,
    Whole,
    Failed,
}

/// What there is of a snapshot for a replica.
pub(super) enum Portion {
    Bytes(Vec<Chunk>),
    /// Nothing more yet; it is woken when there is.
    Later,
    /// It has all of it.
    End,
    /// There will not be more.
    Broken,
}

impl Transfer {
    pub(super) fn new(cut: u64, id: ReplicationId, marker: [u8; 40]) -> Transfer {
        let (spool, state, readers) = (Spool::new(0, 0), Progress::Going, BTreeMap::new());
        let content = Content { spool, state, readers };
        Transfer { cut, id, marker, content: Mutex::new(content) }
    }

    /// Adds a reader at the beginning, if all from there on is still there. Whether it is.
    pub(super) fn enter(&self, client: &Arc<Client>) -> bool {
        let mut content = self.content();
        let is_there = content.spool.start() == 0 && content.state != Progress::Failed;
        if is_there {
            let reading = Reading { at: 0, taken_ms: now_ms(), client: Arc::clone(client), is_idle: false };
            content.readers.insert(client.id, reading);
        }
        is_there
    }

    /// Forgets a reader.
    pub(super) fn leave(&self, key: u64) {
        self.content().readers.remove(&key);
    }

    /// Appends what was encoded. Fails when nobody wants it any more.
    pub(super) fn write(
        &self,
        bytes: Vec<u8>,
        create: impl FnOnce() -> io::Result<Box<dyn File>>,
    ) -> io::Result<()> {
        let mut content = self.content();
        let Some(needed) = content.readers.values().map(|reading| reading.at).min() else {
            return Err(io::Error::other("nobody waits for the snapshot any more"));
        };
        content.spool.push(bytes.into());
        if content.spool.memory_bytes() > MEMORY_BYTES_MAX {
            content.spool.trim(Some(needed));
        }
        let spill = content.spool.begin_spill(MEMORY_BYTES_MAX);
        content.wake();
        let emptied = content.spool.take_emptied();
        // Readers need not wait for the disk.
        drop(content);
        drop(emptied);
        let Some(mut spill) = spill else { return Ok(()) };
        let outcome = spill.write(create);
        self.content().spool.end_spill(spill);
        outcome
    }

    /// Files that are better dropped where nobody waits.
    pub(super) fn take_emptied(&self) -> Vec<Arc<dyn File>> {
        self.content().spool.take_emptied()
    }

    /// There is nothing to come: all is there, or it will never be.
    pub(super) fn finish(&self, is_whole: bool) {
        let mut content = self.content();
        content.state = if is_whole { Progress::Whole } else { Progress::Failed };
        content.wake();
    }

    /// How many bytes there are in all, once that is known; the reader is woken when it is.
    pub(super) fn length(&self, key: u64) -> Option<u64> {
        let mut content = self.content();
        if content.state == Progress::Going {
            content.wait(key);
            return None;
        }
        Some(content.spool.end())
    }

    /// Takes what comes next for a reader, about `most` bytes.
    pub(super) fn take(&self, key: u64, most: usize) -> Portion {
        let mut content = self.content();
        let Some(at) = content.readers.get(&key).map(|reading| reading.at) else { return Portion::Broken };
        if content.state == Progress::Failed {
            return Portion::Broken;
        }
        match content.spool.read(at, most) {
            Err(Missing::Gone | Missing::Unreadable(_)) => Portion::Broken,
            Ok(chunks) if chunks.is_empty() && content.state == Progress::Whole => Portion::End,
            Ok(chunks) if chunks.is_empty() => {
                content.wait(key);
                Portion::Later
            }
            Ok(chunks) => {
                let bytes: u64 = chunks.iter().map(|chunk| chunk.len() as u64).sum();
                content.readers.entry(key).and_modify(|reading| {
                    reading.at += bytes;
                    reading.taken_ms = now_ms();
                });
                content.give_back();
                Portion::Bytes(chunks)
            }
        }
    }

    /// Whether a reader leaves what there is for it where it is, for so long.
    pub(super) fn is_stuck(&self, key: u64, timeout_ms: u64) -> bool {
        let content = self.content();
        let reading = content.readers.get(&key).filter(|reading| !reading.is_idle);
        reading.is_some_and(|reading| now_ms().saturating_sub(reading.taken_ms) > timeout_ms)
    }

    fn content(&self) -> MutexGuard<'_, Content> {
        self.content.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Content {
    /// Has a reader woken when there is more.
    fn wait(&mut self, key: u64) {
        self.readers.entry(key).and_modify(|reading| reading.is_idle = true);
    }

    /// Gives up what is on disk and was read by all.
    fn give_back(&mut self) {
        if self.spool.disk_bytes() > 0 {
            let needed = self.readers.values().map(|reading| reading.at).min();
            self.spool.trim(needed);
        }
    }

    /// Wakes those who have had all there was.
    fn wake(&mut self) {
        for reading in self.readers.values_mut() {
            if std::mem::take(&mut reading.is_idle) {
                reading.taken_ms = now_ms();
                reading.client.wake();
            }
        }
    }
}
