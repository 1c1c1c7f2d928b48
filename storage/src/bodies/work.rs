//! What one thread does about the files.

use super::DiskBodies;
use super::register::{Key, Place, Register, Stage};
use crate::keyspace::DbIndex;
use spinel_persistence::bodies::{Form, Head, file_bytes};
use spinel_persistence::rdb::Checksum;
use spinel_types::http_cache::Filed;
use std::collections::HashSet;
use std::io;
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

/// Where room has to be made, a little more is made: one part of so many of all that may be there.
const SLACK_ONE_IN: u64 = 64;

/// Something that is to be done or told by who has the keyspace.
#[derive(Debug)]
pub enum Chore {
    /// The entry has a variant whose body is lost, which is to be removed: `CACHE.DROP` with the key does that.
    Drop(DbIndex, Box<[u8]>),
    /// A file could not be written, removed or looked for.
    Failed(io::Error),
    /// Files were removed that no entry has, and so many entries have bodies whose files are missing.
    Cleaned {
        /// How many files.
        removed: u64,
        /// How many bodies.
        missing: u64,
    },
}

/// Whether there is nothing to be done.
fn is_idle(register: &Register) -> bool {
    match register.stage {
        Stage::Closed => false,
        Stage::Reading => true,
        Stage::Loading => register.writes.is_empty() && register.wanted_bytes == 0,
        Stage::Running => {
            register.removals.is_empty()
                && register.writes.is_empty()
                && register.stale.is_empty()
                && register.wanted_bytes == 0
                && !register.is_to_clean
        }
    }
}

/// What is taken off the register at once.
#[derive(Default)]
struct Round {
    removals: Vec<(u128, u64)>,
    write: Option<u128>,
    cleans: bool,
    stale: Vec<Key>,
    wanted_bytes: u64,
}

impl DiskBodies {
    /// Waits until there is something to do, at most for so long, and does it. What others have to do is returned; nothing when
    /// all is [closed](DiskBodies::close). One thread calls this again and again.
    pub fn work(&self, patience: Duration) -> Option<Vec<Chore>> {
        let round = self.next(patience)?;
        let mut chores = Vec::new();
        self.remove(round.removals, &mut chores);
        if round.cleans {
            self.clean(&mut chores);
        }
        if round.wanted_bytes > 0 {
            if self.make_room(round.wanted_bytes, &mut chores).is_err() {
                self.register().refusals += 1;
            }
            self.news.notify_all();
        }
        if let Some(id) = round.write {
            self.write(id, &mut chores);
        }
        chores.extend(round.stale.into_iter().map(|(db, key)| Chore::Drop(db, key)));
        Some(chores)
    }

    fn next(&self, patience: Duration) -> Option<Round> {
        let is_idle = |register: &mut Register| {
            self.hear(register);
            is_idle(register)
        };
        let waited = self.news.wait_timeout_while(self.register(), patience, is_idle);
        let (mut register, _) = waited.unwrap_or_else(PoisonError::into_inner);
        match register.stage {
            Stage::Closed => None,
            Stage::Reading => Some(Round::default()),
            Stage::Loading => Some(Round {
                write: register.writes.pop_front(),
                wanted_bytes: std::mem::take(&mut register.wanted_bytes),
                ..Round::default()
            }),
            Stage::Running => Some(Round {
                wanted_bytes: std::mem::take(&mut register.wanted_bytes),
                removals: std::mem::take(&mut register.removals),
                write: register.writes.pop_front(),
                cleans: std::mem::take(&mut register.is_to_clean),
                stale: std::mem::take(&mut register.stale),
            }),
        }
    }

    fn remove(&self, removals: Vec<(u128, u64)>, chores: &mut Vec<Chore>) {
        for (id, bytes) in removals {
            match self.folder.remove(id) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => self.fail(error, chores),
                _ => {}
            }
            // What could not be removed is found at the next start.
            self.register().used -= bytes;
        }
    }

    fn fail(&self, error: io::Error, chores: &mut Vec<Chore>) {
        self.counts.errors.fetch_add(1, Ordering::Relaxed);
        chores.push(Chore::Failed(error));
    }

    /// Gives a body its file, or finishes the one that it has, unless nobody has the body any more.
    fn write(&self, id: u128, chores: &mut Vec<Chore>) {
        let place = {
            let register = self.register();
            let place = register.places.get(&id);
            place.and_then(|place| Some((place.body.upgrade()?, place.key.clone())))
        };
        let Some((body, (db, key))) = place else { return };
        let head = |length, checksum| Head { id, length, checksum, database: db.0 };
        let (checksum, written) = match (body.drafted_checksum(), body.waiting_bytes()) {
            (Some(checksum), _) => (checksum, self.folder.finish(&head(body.len(), checksum), &key)),
            (None, Some(bytes)) => {
                let checksum = Checksum::of(&bytes).value();
                let room = self.make_room(file_bytes(bytes.len() as u64, key.len()), chores);
                self.register().begin_file(id);
                let head = head(bytes.len() as u64, checksum);
                (checksum, room.and_then(|()| self.folder.write(&head, &key, &bytes)))
            }
            (None, None) => return,
        };
        match written {
            Ok(()) => {
                body.settle(checksum);
                self.register().end_waiting(id);
            }
            Err(error) => {
                body.lose();
                let mut register = self.register();
                register.forget_file(id);
                register.end_waiting(id);
                register.note_stale(id);
                drop(register);
                self.fail(error, chores);
            }
        }
        self.news.notify_all();
    }

    /// Has bodies go that were not used for the longest time, until there is room for a file of so many bytes.
    fn make_room(&self, bytes: u64, chores: &mut Vec<Chore>) -> io::Result<()> {
        let bytes_max = self.bytes_max();
        if bytes > bytes_max {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        let room = bytes_max - bytes;
        if self.register().used <= room {
            return Ok(());
        }
        let target = room.saturating_sub(bytes_max / SLACK_ONE_IN);
        for (_, body) in self.by_use() {
            if self.register().used <= target {
                break;
            }
            self.evict(&body, chores);
        }
        // What is about to be removed counts, too, and is removed next.
        if self.register().used > room {
            let removals = std::mem::take(&mut self.register().removals);
            self.remove(removals, chores);
        }
        if self.register().used <= room { Ok(()) } else { Err(io::ErrorKind::StorageFull.into()) }
    }

    /// The bodies with files, those first that were not used for the longest time. O(n log n) for n bodies.
    fn by_use(&self) -> Vec<(i64, Arc<Filed>)> {
        let register = self.register();
        let with_files = register.places.values().filter(|place| place.is_settled());
        let mut bodies: Vec<_> =
            with_files.filter_map(|place| place.body.upgrade()).map(|body| (0, body)).collect();
        drop(register);
        for (used_at, body) in &mut bodies {
            *used_at = body.used_at();
        }
        bodies.sort_by_key(|(used_at, _)| *used_at);
        bodies
    }

    fn evict(&self, body: &Filed, chores: &mut Vec<Chore>) {
        if !body.lose() {
            return;
        }
        self.counts.evictions.fetch_add(1, Ordering::Relaxed);
        if let Err(error) = self.folder.remove(body.id())
            && error.kind() != io::ErrorKind::NotFound
        {
            self.fail(error, chores);
        }
        let mut register = self.register();
        register.forget_file(body.id());
        register.note_stale(body.id());
    }

    /// Removes files that nobody has, and finds out which are missing.
    fn clean(&self, chores: &mut Vec<Chore>) {
        let expected: Vec<u128> = {
            let register = self.register();
            register.places.iter().filter(|(_, place)| place.is_settled()).map(|(id, _)| *id).collect()
        };
        let mut seen = HashSet::new();
        let cleaned = self.folder.clean(|id, form| {
            let register = self.register();
            let is_removed = || register.removals.iter().any(|(removed, _)| *removed == id);
            if form == Form::Part {
                let is_coming = |place: &Place| place.has_file && !place.is_settled();
                let is_coming = register.places.get(&id).is_some_and(is_coming);
                return is_coming || register.drafts.contains_key(&id) || is_removed();
            }
            seen.insert(id);
            register.places.contains_key(&id) || is_removed()
        });
        let removed = match cleaned {
            Ok(removed) => removed,
            Err(error) => return self.fail(error, chores),
        };
        let missing = expected.iter().filter(|id| !seen.contains(id) && self.is_missing(**id)).count() as u64;
        self.counts.lost.fetch_add(missing, Ordering::Relaxed);
        chores.push(Chore::Cleaned { removed, missing });
    }

    /// Notes that the file of a body is missing; whether somebody has the body.
    fn is_missing(&self, id: u128) -> bool {
        let found = self.register().find(id);
        let is_missing = found.is_some_and(|body| body.lose());
        if is_missing {
            let mut register = self.register();
            register.forget_file(id);
            register.note_stale(id);
        }
        is_missing
    }
}
