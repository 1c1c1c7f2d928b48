//! Commands that wait for a value: who waits, and how the reply reaches them.
//!
//! A blocking command that finds nothing says what it waits for, and its caller gets a [`Waiter`]. It stands in the
//! queues of its keys. Whoever changes one of these keys runs the waiter's command again, in the waiter's name and
//! right after its own command, and leaves the reply with the waiter.

use super::execute::Setting;
use super::prepare::Prepared;
use crate::error::Error;
use crate::keyspace::DbIndex;
use crate::keyspace::interest::Ticket;
use spinel_resp::{Protocol, ReplyWriter};
use spinel_types::ValueType;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

/// What a command waits for.
pub struct Wait<'c> {
    /// For one of these keys
    pub keys: &'c [&'c [u8]],
    /// to hold a value of this type.
    pub awaited: ValueType,
    /// Whether it also wants to know when a key does not hold such a value any more.
    pub until_gone: bool,
    /// For so long; without, for ever.
    pub timeout: Option<Duration>,
    /// What is replied where nobody may wait.
    pub otherwise: Otherwise,
    /// The words that run then, if they are not those received.
    pub words: Option<Vec<Vec<u8>>>,
}

impl<'c> Wait<'c> {
    /// A wait until one of the keys holds a value of a type, so that the command finds it when it runs again.
    pub fn until(awaited: ValueType, keys: &'c [&'c [u8]], timeout: Option<Duration>) -> Wait<'c> {
        Wait { keys, awaited, until_gone: false, timeout, otherwise: Otherwise::NullArray, words: None }
    }
}

/// What is replied instead of a value.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Otherwise {
    /// Nothing.
    Null,
    /// No array.
    NullArray,
    /// A number.
    Integer(i64),
    /// Two numbers.
    Integers(i64, i64),
}

impl Otherwise {
    /// Writes it.
    pub fn write(self, reply: &mut ReplyWriter) {
        match self {
            Otherwise::Null => reply.null(),
            Otherwise::NullArray => reply.null_array(),
            Otherwise::Integer(number) => reply.integer(number),
            Otherwise::Integers(one, other) => {
                reply.array(2);
                reply.integer(one);
                reply.integer(other);
            }
        }
    }
}

/// What became of a wait.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Served {
    /// The encoded reply.
    pub reply: Vec<u8>,
    /// The error, if the reply is one.
    pub failure: Option<Error>,
}

/// Somebody who waits for a value.
pub struct Waiter {
    ticket: Ticket,
    pub(super) prepared: Option<Prepared>,
    pub(super) setting: Setting,
    pub(super) keys: Box<[Box<[u8]>]>,
    pub(super) words: Box<[Box<[u8]>]>,
    pub(super) awaited: ValueType,
    pub(super) until_gone: bool,
    protocol: Protocol,
    timeout: Option<Duration>,
    otherwise: Mutex<Otherwise>,
    state: Mutex<State>,
    served: Condvar,
    /// Whether it counts among those who wait for keys.
    is_counted: AtomicBool,
    /// Whether it waits for the end of work, and not for what others do.
    is_for_errand: bool,
}

enum State {
    /// Not served yet; who is to be woken then.
    Waiting(Option<Waker>),
    Served(Served),
    /// Nobody waits for the reply any more.
    Left,
}

impl Waiter {
    pub(super) fn new(
        ticket: Ticket,
        (prepared, setting): (&Prepared, Setting),
        wait: Wait<'_>,
        words: &[&[u8]],
        protocol: Protocol,
    ) -> Waiter {
        let boxed = |words: &[&[u8]]| words.iter().map(|word| Box::from(*word)).collect();
        let words = match wait.words {
            Some(words) => words.into_iter().map(Vec::into_boxed_slice).collect(),
            None => boxed(words),
        };
        Waiter {
            prepared: Some(*prepared),
            setting,
            keys: boxed(wait.keys),
            is_counted: AtomicBool::new(true),
            words,
            awaited: wait.awaited,
            until_gone: wait.until_gone,
            // When the time is up it is no array, whatever the command would reply at once.
            ..Waiter::idle(ticket, protocol, wait.timeout, Otherwise::NullArray)
        }
    }

    /// Makes a waiter that stands in no queue: only time, or somebody, ends its wait.
    pub(super) fn idle(
        ticket: Ticket,
        protocol: Protocol,
        timeout: Option<Duration>,
        otherwise: Otherwise,
    ) -> Waiter {
        Waiter {
            ticket,
            prepared: None,
            setting: Setting::default(),
            keys: Box::default(),
            words: Box::default(),
            awaited: ValueType::String,
            until_gone: false,
            protocol,
            timeout,
            otherwise: Mutex::new(otherwise),
            state: Mutex::new(State::Waiting(None)),
            served: Condvar::new(),
            is_counted: AtomicBool::new(false),
            is_for_errand: false,
        }
    }

    /// Makes a waiter that waits until an errand is done.
    pub(super) fn for_errand(ticket: Ticket, protocol: Protocol) -> Waiter {
        Waiter { is_for_errand: true, ..Waiter::idle(ticket, protocol, None, Otherwise::Null) }
    }

    /// Whether it waits for a command that is being run beside others, rather than for what others do.
    pub fn is_for_errand(&self) -> bool {
        self.is_for_errand
    }

    /// Whether it waits still.
    pub(super) fn is_waiting(&self) -> bool {
        matches!(*self.state(), State::Waiting(_))
    }

    /// How its reply is encoded.
    pub(super) fn protocol(&self) -> Protocol {
        self.protocol
    }

    /// Its number; who came later has a higher one.
    pub(crate) fn ticket(&self) -> Ticket {
        self.ticket
    }

    /// Whether it counted until now among those who wait for keys. From now on it doesn't.
    pub(super) fn forget(&self) -> bool {
        self.is_counted.swap(false, Ordering::Relaxed)
    }

    /// For how long it waits; without, for ever.
    pub fn timeout(&self) -> Option<Duration> {
        self.timeout
    }

    /// The database of its keys.
    pub fn db(&self) -> DbIndex {
        self.setting.db
    }

    /// The keys it waits for.
    pub fn keys(&self) -> impl Iterator<Item = &[u8]> {
        self.keys.iter().map(|key| &**key)
    }

    /// Whether it also wants to know when a key is gone.
    pub fn waits_until_gone(&self) -> bool {
        self.until_gone
    }

    /// Takes the reply, or remembers whom to wake when it is there.
    pub fn poll(&self, context: &Context<'_>) -> Poll<Served> {
        let mut state = self.state();
        if let State::Waiting(waker) = &mut *state {
            *waker = Some(context.waker().clone());
            return Poll::Pending;
        }
        take_served(&mut state).map_or(Poll::Pending, Poll::Ready)
    }

    /// Stops the calling thread until the reply is there or the time is up, and takes the reply.
    pub(crate) fn block(&self) -> Option<Served> {
        let is_waiting = |state: &mut State| matches!(state, State::Waiting(_));
        let mut state = match self.timeout {
            Some(timeout) => {
                let waited = self.served.wait_timeout_while(self.state(), timeout, is_waiting);
                waited.unwrap_or_else(PoisonError::into_inner).0
            }
            None => self.served.wait_while(self.state(), is_waiting).unwrap_or_else(PoisonError::into_inner),
        };
        take_served(&mut state)
    }

    /// Changes what is replied when the time is up.
    pub fn change_otherwise(&self, otherwise: Otherwise) {
        *self.otherwise.lock().unwrap_or_else(PoisonError::into_inner) = otherwise;
    }

    /// Ends the wait without a value, as when its time is up; whether it had not ended before.
    pub fn give_up(&self) -> bool {
        let otherwise = *self.otherwise.lock().unwrap_or_else(PoisonError::into_inner);
        self.end(|reply| {
            otherwise.write(reply);
            None
        })
    }

    /// Ends the wait with a reply; whether it had not ended before.
    pub fn answer(&self, write: impl FnOnce(&mut ReplyWriter)) -> bool {
        self.end(|reply| {
            write(reply);
            None
        })
    }

    /// Ends the wait with an error; whether it had not ended before.
    pub fn fail(&self, error: Error) -> bool {
        self.end(|reply| {
            reply.error_bytes(&error.bytes());
            Some(error)
        })
    }

    /// Ends somebody's wait for an errand, which ends, too. Returns the reply if it came before.
    pub fn abandon(&self) -> Option<Served> {
        debug_assert!(self.is_for_errand, "others stand in queues");
        self.leave()
    }

    /// Says that nobody waits any more. Returns what was served already and not taken.
    pub(super) fn leave(&self) -> Option<Served> {
        take_served(&mut self.state())
    }

    /// Lets `run` write the reply, unless the wait has ended; `run` returns whether it wrote one, and which error it
    /// was. Says whether the waiter needs nothing more.
    pub(super) fn serve(&self, run: impl FnOnce(&mut ReplyWriter) -> Option<Option<Error>>) -> bool {
        let state = self.state();
        if !matches!(*state, State::Waiting(_)) {
            return true;
        }
        let mut reply = ReplyWriter::new(self.protocol);
        let Some(failure) = run(&mut reply) else { return false };
        let served = Served { reply: reply.take(), failure };
        self.settle(state, served);
        true
    }

    /// Brings a reply, unless the wait has ended.
    pub(super) fn deliver(&self, served: Served) {
        let state = self.state();
        if matches!(*state, State::Waiting(_)) {
            self.settle(state, served);
        }
    }

    fn settle(&self, mut state: MutexGuard<'_, State>, served: Served) {
        let former = std::mem::replace(&mut *state, State::Served(served));
        drop(state);
        self.served.notify_all();
        if let State::Waiting(Some(waker)) = former {
            waker.wake();
        }
    }

    fn end(&self, write: impl FnOnce(&mut ReplyWriter) -> Option<Error>) -> bool {
        let mut was_waiting = false;
        self.serve(|reply| {
            was_waiting = true;
            Some(write(reply))
        });
        was_waiting
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn take_served(state: &mut State) -> Option<Served> {
    match std::mem::replace(state, State::Left) {
        State::Served(served) => Some(served),
        State::Waiting(_) | State::Left => None,
    }
}
