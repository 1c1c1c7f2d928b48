//! Whether what is there after a crash is what may be there.
//!
//! The server has one order of all writes. What it recovers must be the beginning of that order, up to a moment that
//! is not before the one up to which it promised to keep everything:
//!
//! - The keys of each client are as its first so many units make them, none of them by half.
//! - If a unit is there, so is every unit of any client that was answered before it was sent.
//! - The counter that all share has been raised as often as the transactions that are there say.
//! - What was promised is there.

use std::time::{Duration, Instant};

use super::client::Trace;
use super::state::State;
use super::unit::Unit;
use crate::Outcome;
use crate::resp::Connection;

/// What the clients did in one life of the server, and up to when it promised to keep everything.
pub(crate) struct Life {
    pub(crate) seed: u64,
    pub(crate) traces: Vec<Trace>,
    /// What each client's keys held when it began.
    pub(crate) starts: Vec<State>,
    /// All that was answered until then must be there.
    pub(crate) promised: Instant,
    pub(crate) killed: Instant,
}

/// What a client's keys hold after a crash.
pub(crate) struct Found {
    /// How many units of its last life are there.
    pub(crate) units: usize,
    pub(crate) state: State,
}

/// What a crash took.
#[derive(Default)]
pub(crate) struct Loss {
    /// Units that were answered and are not there.
    pub(crate) answered: usize,
    /// How long before the crash the first of them was answered.
    pub(crate) reach: Duration,
}

impl Life {
    /// Reads what is there, and compares it with what may be.
    ///
    /// # Errors
    /// When it may not be, with what is wrong.
    pub(crate) fn judge(&self, connection: &mut Connection) -> Outcome<(Vec<Found>, Loss)> {
        let mut found = Vec::new();
        for client in 0..self.traces.len() {
            let state = State::read(connection, client)?;
            found.push(self.find(client, &state)?);
        }
        self.check_order(&found)?;
        check_shared(&found, connection)?;
        Ok((self.loss(&found), found)).map(|(loss, found)| (found, loss))
    }

    /// Looks how many units of a client make what is there.
    fn find(&self, client: usize, there: &State) -> Outcome<Found> {
        let trace = &self.traces[client];
        let promised = trace.answered_at(self.promised).max(trace.confirmed);
        let mut state = self.starts[client].clone();
        let mut nearest = (there.differing(&state), 0, state.clone());
        for units in 0..=trace.sent.len() {
            if units > 0 {
                Unit::new(self.seed, client, trace.first + units as u64 - 1).change(&mut state);
            }
            let differing = there.differing(&state);
            if differing.is_empty() && units < promised {
                let (answered, lost) = (trace.answered.len(), promised - units);
                return Err(format!(
                    "client {client}: {lost} units are lost that were promised: {units} of {promised} are there \
                     ({answered} were answered, {} confirmed)",
                    trace.confirmed
                )
                .into());
            }
            if differing.is_empty() {
                return Ok(Found { units, state });
            }
            if differing.len() < nearest.0.len() {
                nearest = (differing, units, state.clone());
            }
        }
        let (differing, units, state) = nearest;
        Err(format!(
            "client {client}: no number of its {} units makes what is there; {units} units, of which {} were answered, \
             differ least:\n{}",
            trace.sent.len(),
            trace.answered.len(),
            there.shown(&differing, &state)
        )
        .into())
    }

    /// Checks that nothing is missing that was answered before something was sent that is there.
    fn check_order(&self, found: &[Found]) -> Outcome {
        for (later, (trace, there)) in self.traces.iter().zip(found).enumerate() {
            let Some(last) = there.units.checked_sub(1) else { continue };
            let sent = trace.sent[last];
            for (client, (other, there)) in self.traces.iter().zip(found).enumerate() {
                let before = other.answered.partition_point(|answered| *answered < sent);
                if before > there.units {
                    return Err(format!(
                        "client {client}: {before} units were answered before client {later} sent its unit {last}, \
                         which is there, but only {} of them are",
                        there.units
                    )
                    .into());
                }
            }
        }
        Ok(())
    }

    fn loss(&self, found: &[Found]) -> Loss {
        let mut loss = Loss::default();
        for (trace, there) in self.traces.iter().zip(found) {
            loss.answered += trace.answered.len().saturating_sub(there.units);
            if let Some(first) = trace.answered.get(there.units) {
                loss.reach = loss.reach.max(self.killed.saturating_duration_since(*first));
            }
        }
        loss
    }
}

/// Checks that the counter that all share fits what they have of their own.
fn check_shared(found: &[Found], connection: &mut Connection) -> Outcome {
    let shares: u64 = found.iter().map(|found| found.state.shares()).sum();
    let there = connection.expect(&["GET", "shared"])?.integer().unwrap_or(0);
    if u64::try_from(there) == Ok(shares) {
        return Ok(());
    }
    Err(format!("the shared counter holds {there}, but the clients' transactions raised it {shares} times")
        .into())
}
