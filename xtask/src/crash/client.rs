//! A connection that writes its units until the server is gone, and notes what it was told when.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use super::Policy;
use super::unit::Unit;
use crate::Outcome;
use crate::random::Random;
use crate::resp::{Connection, Reply, encode};

/// How many units are sent at once, at most.
const BURST_MAX: usize = 16;
/// In how many of 100 cases a client asks after a burst whether it is on disk.
const CONFIRMS_PERCENT: usize = 5;

/// What a client saw of one life of the server. Its units have the numbers from `first` on.
pub(crate) struct Trace {
    pub(crate) first: u64,
    /// When each unit was sent.
    pub(crate) sent: Vec<Instant>,
    /// When the last reply to each unit was there.
    pub(crate) answered: Vec<Instant>,
    /// How many units `WAITAOF` said to be on disk.
    pub(crate) confirmed: usize,
}

impl Trace {
    /// Returns how many units were answered at `moment`.
    pub(crate) fn answered_at(&self, moment: Instant) -> usize {
        self.answered.partition_point(|answered| *answered <= moment)
    }
}

/// A client of one life of the server.
pub(crate) struct Client<'a> {
    pub(crate) number: usize,
    pub(crate) seed: u64,
    pub(crate) policy: Policy,
    pub(crate) connection: Connection,
    pub(crate) random: Random,
    /// Whether the server has been killed, so that it need not answer any more.
    pub(crate) is_killed: &'a AtomicBool,
}

impl Client<'_> {
    /// Writes units from number `first` on until the server is gone.
    ///
    /// # Errors
    /// When a reply is an error, or the connection breaks before the server is killed.
    pub(crate) fn run(mut self, first: u64) -> Outcome<Trace> {
        let mut trace = Trace { first, sent: Vec::new(), answered: Vec::new(), confirmed: 0 };
        loop {
            let outcome = self.burst(&mut trace).and_then(|()| self.confirm(&mut trace));
            match outcome {
                Ok(()) => {}
                Err(error) if error.downcast_ref::<std::io::Error>().is_none() => return Err(error),
                Err(_) if self.is_killed.load(Ordering::Acquire) => return Ok(trace),
                Err(error) => return Err(format!("client {}: {error}", self.number).into()),
            }
        }
    }

    fn burst(&mut self, trace: &mut Trace) -> Outcome {
        let mut bytes = Vec::new();
        let mut counts = Vec::new();
        for _ in 0..=self.random.below(BURST_MAX) {
            let number = trace.first + (trace.sent.len() + counts.len()) as u64;
            let calls = Unit::new(self.seed, self.number, number).calls();
            counts.push(calls.len());
            for call in &calls {
                encode(call, &mut bytes);
            }
        }
        let now = Instant::now();
        trace.sent.extend(counts.iter().map(|_| now));
        self.connection.send(&bytes)?;
        for count in counts {
            for _ in 0..count {
                check(&self.connection.receive()?)?;
            }
            trace.answered.push(Instant::now());
        }
        Ok(())
    }

    /// Asks now and then whether all is on disk. While the log is off that is an error, which tells nothing.
    fn confirm(&mut self, trace: &mut Trace) -> Outcome {
        if self.policy == Policy::Everysec && self.random.chance(CONFIRMS_PERCENT) {
            let reply = self.connection.call(&["WAITAOF", "1", "0", "3000"])?;
            if reply.items().first().and_then(Reply::integer) == Some(1) {
                trace.confirmed = trace.answered.len();
            }
        }
        Ok(())
    }
}

/// Looks for errors in a reply, also in those of a transaction.
fn check(reply: &Reply) -> Outcome {
    if reply.is_error() {
        return Err(format!("a write was refused: {}", reply.text()).into());
    }
    reply.items().iter().try_for_each(check)
}
