//! A connection that sends random commands and is watched for replies that don't come.

use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use super::commands::{Call, Commands};
use crate::Outcome;

use crate::random::Random;
use crate::resp::{Connection, encode};
use crate::transcript::quote_word;

/// How many calls are sent before their replies are read.
const BATCH: usize = 4;
/// Longer than the watchdog waits: it is the one to speak.
const REPLY_TIMEOUT: Duration = Duration::from_secs(3600);

/// What the watchdog knows of a client.
pub(crate) struct Watched {
    /// What was sent last.
    sent: Mutex<Vec<Call>>,
    /// When, in milliseconds since the start; 0 while nothing is awaited.
    since: AtomicU64,
    /// How many calls were answered.
    pub(crate) answered: AtomicU64,
}

/// A client.
pub(crate) struct Client {
    connection: Connection,
    random: Random,
}

impl Watched {
    /// Creates the record of a client that has sent nothing.
    pub(crate) fn new() -> Self {
        Self { sent: Mutex::default(), since: AtomicU64::new(0), answered: AtomicU64::new(0) }
    }

    /// Returns how long replies have been awaited, and for what.
    pub(crate) fn awaited(&self, started: Instant) -> Option<(Duration, String)> {
        let since = Some(self.since.load(Ordering::Acquire)).filter(|since| *since > 0)?;
        let waited = started.elapsed().saturating_sub(Duration::from_millis(since));
        let sent = self.sent.lock().unwrap_or_else(PoisonError::into_inner);
        let line = |call: &Call| call.iter().map(|word| quote_word(word)).collect::<Vec<_>>().join(" ");
        Some((waited, sent.iter().map(line).collect::<Vec<_>>().join("; ")))
    }
}

impl Client {
    /// Connects to the server at `address`; `seed` names what it sends.
    ///
    /// # Errors
    /// When the server doesn't accept it.
    pub(crate) fn connect(address: &str, seed: u64) -> Outcome<Self> {
        let connection = Connection::open(address)?;
        connection.wait_up_to(REPLY_TIMEOUT)?;
        Ok(Self { connection, random: Random::new(seed) })
    }

    /// Sends commands until `is_over`.
    ///
    /// # Errors
    /// When the connection breaks.
    pub(crate) fn run(
        &mut self,
        commands: &Commands,
        watched: &Watched,
        started: Instant,
        is_over: &AtomicBool,
    ) -> Outcome {
        while !is_over.load(Ordering::Relaxed) {
            let mut calls = Vec::new();
            while calls.len() < BATCH {
                calls.extend(commands.some(&mut self.random));
            }
            let mut bytes = Vec::new();
            for call in &calls {
                encode(call, &mut bytes);
            }
            let count = calls.len();
            *watched.sent.lock().unwrap_or_else(PoisonError::into_inner) = calls;
            watched.since.store(started.elapsed().as_millis() as u64 + 1, Ordering::Release);
            self.connection.send(&bytes)?;
            for _ in 0..count {
                self.connection.receive()?;
            }
            watched.since.store(0, Ordering::Release);
            watched.answered.fetch_add(count as u64, Ordering::Relaxed);
        }
        Ok(())
    }
}
