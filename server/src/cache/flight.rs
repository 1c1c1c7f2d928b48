//! One fetch for all who want the same: who comes while it is under way reads what has come, and then what comes.
//!
//! ```text
//! Asking ──→ Coming ──→ Whole                            an answer that is stored
//!    │          └─────→ Cut                              its end did not come
//!    ├─────────────────→ Renewed                         what is stored is still valid
//!    ├─────────────────→ Landed                          it was stored meanwhile: look again
//!    ├─────────────────→ Apart                           an answer for one client only: everybody asks for himself
//!    ├─────────────────→ Failed                          the origin gave none
//!    └─────────────────→ Abandoned                       whoever fetched is gone: the next one takes over
//! ```
//!
//! A flight belongs to the epoch of its database in which it began. Who comes in the next one, after a purge, begins another: he is
//! not to get what was asked for before.
//!
//! A flight belongs to no thread. It is carried out by a task of the worker whose client came first, which does not end with
//! that client.

mod reader;
#[cfg(test)]
mod tests;

pub(super) use reader::Reader;

use super::exchange::Failure;
use super::inflow::{Inflow, Ledger};
use super::recent::Subject;
use super::store::Place;
use hyper::body::Bytes;
use spinel_storage::keyspace::Epoch;
use spinel_types::blob::Blob;
use spinel_types::http_cache::{Opened, Variant};
use std::collections::HashMap;
use std::future::poll_fn;
use std::hash::{BuildHasher, RandomState};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Poll, Waker};

/// In so many parts flights are kept, so that threads seldom wait for each other.
const PARTS: usize = 16;

/// The flights that are under way.
pub(crate) struct Flights {
    parts: [Mutex<Part>; PARTS],
    hasher: RandomState,
    ledger: Arc<Ledger>,
}

/// A fetch, and what has come of it.
pub(super) struct Flight {
    /// When it began.
    epoch: Epoch,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    stage: Stage,
    body: Inflow,
    /// Whether it must not be stored.
    is_outdated: bool,
    waiting: Vec<Waker>,
}

/// How far a flight is.
#[derive(Clone, Default)]
pub(super) enum Stage {
    #[default]
    Asking,
    Coming(Arc<Head>),
    Whole(Arc<Head>),
    Cut(Arc<Head>),
    Renewed(Variant),
    Landed,
    Apart,
    Failed(Failure),
    Abandoned,
}

/// The head of an answer that is shared.
#[derive(Debug)]
pub(super) struct Head {
    /// What is stored of it, without the body.
    pub(super) variant: Variant,
    /// The length of the body, if it is known before.
    pub(super) length: Option<u64>,
}

impl Default for Flights {
    fn default() -> Flights {
        let parts = std::array::from_fn(|_| Mutex::default());
        Flights { parts, hasher: RandomState::new(), ledger: Arc::default() }
    }
}

/// What somebody gets who joins.
pub(super) enum Ticket {
    /// Nobody fetches it: he does.
    Pilot(Pilot),
    Passenger(Arc<Flight>),
}

impl Flights {
    /// Joins the flight of this name that began in this epoch, or begins one. Nobody joins an earlier one any more.
    pub(super) fn join(self: &Arc<Flights>, name: Name, epoch: Epoch) -> Ticket {
        let mut part = self.part(&name.subject.key);
        if let Some(flight) = part.get(&name).filter(|flight| flight.epoch == epoch) {
            return Ticket::Passenger(Arc::clone(flight));
        }
        let flight = Arc::new(Flight::of(epoch, &self.ledger));
        part.insert(name.clone(), Arc::clone(&flight));
        Ticket::Pilot(Pilot { flights: Arc::clone(self), name: Some(name), flight })
    }

    /// Begins a flight that nobody joins.
    pub(super) fn alone(self: &Arc<Flights>, epoch: Epoch) -> Pilot {
        Pilot { flights: Arc::clone(self), name: None, flight: Arc::new(Flight::of(epoch, &self.ledger)) }
    }

    /// What is under way for a key must not be stored, because something has changed. Nobody joins it any more.
    pub(super) fn outdate(&self, (db, key): Place<'_>) {
        self.part(key).retain(|name, flight| {
            let is_other = name.subject.db != db || *name.subject.key != *key;
            if !is_other {
                flight.lock().is_outdated = true;
            }
            is_other
        });
    }

    /// Memory of all bodies that are under way, in bytes.
    pub(super) fn bytes(&self) -> u64 {
        self.ledger.bytes()
    }

    fn part(&self, key: &[u8]) -> MutexGuard<'_, Part> {
        let part = self.hasher.hash_one(key) as usize % PARTS;
        self.parts[part].lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Some of the flights.
type Part = HashMap<Name, Arc<Flight>>;

/// What a flight is for.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(super) struct Name {
    pub(super) subject: Subject,
    /// The request's fields that choose the answer, as far as they are known before it comes.
    pub(super) selector: Box<[u8]>,
}

/// Carries a flight out. Dropping it before it has ended abandons the flight.
pub(super) struct Pilot {
    flights: Arc<Flights>,
    /// Nothing if nobody can join, or not any more.
    name: Option<Name>,
    flight: Arc<Flight>,
}

impl Pilot {
    /// The flight, for the pilot's own client.
    pub(super) fn flight(&self) -> &Arc<Flight> {
        &self.flight
    }

    /// Whether others may join, or could.
    pub(super) fn is_shared(&self) -> bool {
        self.name.is_some()
    }

    /// The head has come.
    pub(super) fn begin(&self, head: Arc<Head>) {
        self.flight.change(|state| state.stage = Stage::Coming(head));
    }

    /// Counts the memory of a body of so many bytes, if all bodies that are under way may have so much; whether they may.
    pub(super) fn claim(&self, bytes: u64, bytes_max: u64) -> bool {
        self.flight.lock().body.claim(bytes, bytes_max)
    }

    /// The same for a piece that has come.
    pub(super) fn claim_more(&self, bytes: usize, bytes_max: u64) -> bool {
        self.flight.lock().body.claim_more(bytes, bytes_max)
    }

    /// A piece of the body has come.
    pub(super) fn add(&self, piece: Bytes) {
        self.flight.change(|state| state.body.add(piece));
    }

    /// The body is not going to be stored: nobody joins any more, and what all have read is forgotten.
    pub(super) fn give_up_storing(&mut self) {
        self.leave();
        self.flight.change(|state| state.body.pass());
    }

    /// The body goes to this file, where others can read what is written.
    pub(super) fn write_to(&self, file: Arc<dyn Opened>) {
        self.flight.lock().body.write_to(file);
    }

    /// The pieces that are not written.
    pub(super) fn unwritten(&self) -> Vec<Bytes> {
        self.flight.lock().body.unwritten()
    }

    /// So many more pieces are written.
    pub(super) fn note_written(&self, pieces: usize) {
        self.flight.lock().body.note_written(pieces);
    }

    /// Waits until there is room for more; whether anybody still reads.
    pub(super) async fn room(&self) -> bool {
        poll_fn(|context| {
            let body = &mut self.flight.lock().body;
            if body.is_in_vain() {
                return Poll::Ready(false);
            }
            if body.has_room() {
                return Poll::Ready(true);
            }
            body.wake_later(context.waker());
            Poll::Pending
        })
        .await
    }

    /// All pieces and the last one, which nobody has yet, as one.
    pub(super) fn body(&self, last: &[u8]) -> Blob {
        let body = &self.flight.lock().body;
        Blob::gathered(body.kept_bytes() + last.len(), body.kept().chain([last]))
    }

    /// It has ended.
    pub(super) fn end(mut self, stage: Stage) {
        self.leave();
        self.flight.change(|state| state.stage = stage);
    }

    /// The last piece has come, or will not come.
    pub(super) fn end_body(mut self, is_whole: bool) {
        self.leave();
        self.flight.change(|state| {
            if let Stage::Coming(head) = &state.stage {
                let head = Arc::clone(head);
                state.stage = if is_whole { Stage::Whole(head) } else { Stage::Cut(head) };
            }
        });
    }

    /// Whether what comes is not to be stored, because something has changed since it was asked for.
    pub(super) fn is_outdated(&self) -> bool {
        self.flight.lock().is_outdated
    }

    /// When it was asked for.
    pub(super) fn epoch(&self) -> Epoch {
        self.flight.epoch
    }

    fn leave(&mut self) {
        let Some(name) = self.name.take() else { return };
        let mut part = self.flights.part(&name.subject.key);
        // Another one may have its name, if this one was outdated or is of an earlier epoch.
        if part.get(&name).is_some_and(|flight| Arc::ptr_eq(flight, &self.flight)) {
            part.remove(&name);
        }
    }
}

impl Drop for Pilot {
    fn drop(&mut self) {
        self.leave();
        self.flight.change(|state| match &state.stage {
            Stage::Asking => state.stage = Stage::Abandoned,
            Stage::Coming(head) => state.stage = Stage::Cut(Arc::clone(head)),
            _ => {}
        });
    }
}

impl Flight {
    fn of(epoch: Epoch, ledger: &Arc<Ledger>) -> Flight {
        let state = State { body: Inflow::new(ledger), ..State::default() };
        Flight { epoch, state: Mutex::new(state) }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes the state and wakes all who wait for that.
    fn change(&self, change: impl FnOnce(&mut State)) {
        let waiting = {
            let mut state = self.lock();
            change(&mut state);
            std::mem::take(&mut state.waiting)
        };
        waiting.into_iter().for_each(Waker::wake);
    }

    /// Waits until it is known what comes of it.
    pub(super) async fn outcome(&self) -> Stage {
        poll_fn(|context| {
            let mut state = self.lock();
            if matches!(state.stage, Stage::Asking) {
                state.waiting.push(context.waker().clone());
                return Poll::Pending;
            }
            Poll::Ready(state.stage.clone())
        })
        .await
    }

    /// Reads the body from its beginning; nothing if that is gone.
    pub(super) fn read(self: &Arc<Flight>) -> Option<Reader> {
        let mut state = self.lock();
        let (Stage::Coming(head) | Stage::Whole(head) | Stage::Cut(head)) = &state.stage else { return None };
        let length = head.length;
        let seat = state.body.seat()?;
        Some(Reader::new(Arc::clone(self), seat, length))
    }
}
