//! What the functions of one Lua state share with whoever runs it.

use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use mlua::Value;
use spinel_resp::{Protocol, ReplyWriter};

use crate::exchange::{Answer, Exchange, Question};
use crate::host::Propagation;
use crate::native;
use crate::raise::Raise;

/// What scripts see when they are killed.
pub(crate) const KILLED: &str = "script killed";

/// An error that nobody caught: what was raised, and where.
pub(crate) struct Failure {
    pub(crate) text: Vec<u8>,
    /// The source and the line, as `@user_script` and `1`.
    pub(crate) position: Option<(String, i64)>,
}

/// State of the run that is going on; all of it is touched by one thread at a time.
pub(crate) struct Shared {
    exchange: Mutex<Option<Box<Exchange>>>,
    failure: Mutex<Option<Failure>>,
    registered: Mutex<Vec<Registration>>,
    is_resp3: AtomicBool,
    propagation: AtomicU8,
    is_killed: AtomicBool,
    pub(crate) random: AtomicU64,
}

/// What a library has registered.
pub(crate) struct Registration {
    pub(crate) name: Vec<u8>,
    pub(crate) description: Option<Vec<u8>>,
    pub(crate) flags: crate::flags::Flags,
    pub(crate) callback: mlua::Function,
}

const LOG: u8 = 1;
const REPLICAS: u8 = 2;

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Shared {
    pub(crate) fn new() -> Shared {
        Shared {
            exchange: Mutex::new(None),
            failure: Mutex::new(None),
            registered: Mutex::new(Vec::new()),
            is_resp3: AtomicBool::new(false),
            propagation: AtomicU8::new(LOG | REPLICAS),
            is_killed: AtomicBool::new(false),
            random: AtomicU64::new(crate::library::random::START),
        }
    }

    /// Forgets the run before.
    pub(crate) fn begin(&self) {
        self.is_resp3.store(false, Ordering::Relaxed);
        self.propagation.store(LOG | REPLICAS, Ordering::Relaxed);
        self.is_killed.store(false, Ordering::Relaxed);
        *lock(&self.failure) = None;
    }

    pub(crate) fn protocol(&self) -> Protocol {
        if self.is_resp3.load(Ordering::Relaxed) { Protocol::Resp3 } else { Protocol::Resp2 }
    }

    pub(crate) fn set_protocol(&self, protocol: Protocol) {
        self.is_resp3.store(protocol == Protocol::Resp3, Ordering::Relaxed);
    }

    pub(crate) fn propagation(&self) -> Propagation {
        let bits = self.propagation.load(Ordering::Relaxed);
        Propagation { log: bits & LOG != 0, replicas: bits & REPLICAS != 0 }
    }

    pub(crate) fn set_propagation(&self, propagation: Propagation) {
        let bits = u8::from(propagation.log) * LOG + u8::from(propagation.replicas) * REPLICAS;
        self.propagation.store(bits, Ordering::Relaxed);
    }

    pub(crate) fn is_killed(&self) -> bool {
        self.is_killed.load(Ordering::Relaxed)
    }

    pub(crate) fn kill(&self) {
        self.is_killed.store(true, Ordering::Relaxed);
    }

    /// Notes what ended the script; the first note counts.
    pub(crate) fn fail(&self, failure: Failure) {
        lock(&self.failure).get_or_insert(failure);
    }

    pub(crate) fn take_failure(&self) -> Option<Failure> {
        lock(&self.failure).take()
    }

    #[expect(clippy::unnecessary_box_returns, reason = "the box goes from stack to stack and back")]
    pub(crate) fn take_exchange(&self) -> Box<Exchange> {
        let mut exchange = lock(&self.exchange).take().unwrap_or_else(|| Box::new(Exchange::new()));
        exchange.clear();
        exchange
    }

    pub(crate) fn keep_exchange(&self, exchange: Box<Exchange>) {
        *lock(&self.exchange) = Some(exchange);
    }

    /// The reply of the last command; it stands there until the next is asked for.
    pub(crate) fn reply(&self) -> *const [u8] {
        lock(&self.exchange).as_ref().map_or(&[], |exchange| exchange.reply.bytes())
    }

    /// An empty writer of this protocol, which stays where it is until [`close_writer`](Shared::close_writer) or the next
    /// command.
    pub(crate) fn open_writer(&self, protocol: Protocol) -> *mut ReplyWriter {
        let mut exchange = lock(&self.exchange);
        let exchange = exchange.get_or_insert_with(|| Box::new(Exchange::new()));
        exchange.clear();
        exchange.reply.set_protocol(protocol);
        &raw mut exchange.reply
    }

    /// Gives back what a large reply has taken.
    pub(crate) fn close_writer(&self) {
        if let Some(exchange) = &mut *lock(&self.exchange) {
            exchange.clear();
        }
    }

    pub(crate) fn register(&self, registration: Registration) {
        lock(&self.registered).push(registration);
    }

    pub(crate) fn is_registered(&self, name: &[u8]) -> bool {
        lock(&self.registered).iter().any(|other| other.name == name)
    }

    pub(crate) fn take_registered(&self) -> Vec<Registration> {
        std::mem::take(&mut *lock(&self.registered))
    }

    /// Asks the host; a script that is killed gets no answer.
    pub(crate) fn ask(&self, question: Question) -> Result<Answer, Raise> {
        if self.is_killed() {
            return Err(Raise::Stop(killed()));
        }
        match native::ask(question) {
            Some(Answer::Kill) => {
                self.kill();
                Err(Raise::Stop(killed()))
            }
            Some(answer) => Ok(answer),
            None => Ok(Answer::GoOn),
        }
    }

    /// Lets the host decide whether a long function of ours goes on.
    pub(crate) fn tick(&self) -> Result<(), Raise> {
        self.ask(Question::Tick).map(drop)
    }
}

/// The error of a script that was killed; it isn't caught for long, because the next instruction raises it again.
pub(crate) fn killed() -> mlua::Error {
    mlua::Error::RuntimeError(KILLED.to_owned())
}

/// Tells what a value raised by a script says to the client.
pub(crate) fn raised_text(value: &Value, text: impl FnOnce(&Value) -> Vec<u8>) -> Vec<u8> {
    let Value::Table(table) = value else { return [b"ERR ".to_vec(), text(value)].concat() };
    match table.raw_get::<Value>("err") {
        Ok(error @ (Value::String(_) | Value::Integer(_) | Value::Number(_))) => text(&error),
        _ => b"ERR unknown error".to_vec(),
    }
}
