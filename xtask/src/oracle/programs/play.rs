//! Playing a program on both servers at once, step by step.
//!
//! A step is over when its connection has a reply, is blocked or closed, and two round trips on another connection
//! have passed: the first is answered after the step was read, the second after all that the step led to was sent.
//! That is so for a server that works in rounds, as the reference does. Ours may take longer to deliver to other
//! connections; so when the servers seem to differ, both get more time before that is believed.

use std::error::Error;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use super::allowed::Allowance;
use super::compare::{Difference, Ids, Received, Scene, differing};
use super::finale;
use super::program::{Program, Step};
use super::stage::Stage;
use super::timeouts;
use crate::Outcome;

/// How long the servers may stay different before they are.
pub(super) const PATIENCE: Duration = Duration::from_millis(200);
/// How much longer a server may take for the reply itself, on a machine that has other things to do.
const SILENCE_MAX: Duration = Duration::from_secs(3);
/// How much longer than asked a server may take to let a connection give up.
const LATENESS_MAX: Duration = Duration::from_secs(5);
/// How long is waited between two looks; at first not at all.
pub(super) const LOOK_EVERY: Duration = Duration::from_micros(500);

/// The reference and ours.
pub(crate) struct Pair {
    /// The server that is right.
    pub(crate) reference: Stage,
    /// The one under test.
    pub(crate) ours: Stage,
    /// The allowances that programs needed since they were last taken.
    pub(crate) needed: Vec<&'static Allowance>,
    /// Of each connection the pause that a queued command still needs after EXEC.
    owed: Vec<Duration>,
}

impl Pair {
    /// Starts the two programs.
    ///
    /// # Errors
    /// When one doesn't start.
    pub(crate) fn start(reference: &Path, ours: &Path) -> Outcome<Self> {
        let (reference, ours) = (Stage::start(reference.to_owned())?, Stage::start(ours.to_owned())?);
        Ok(Self { reference, ours, needed: Vec::new(), owed: Vec::new() })
    }

    /// Plays a program and returns the first difference.
    ///
    /// # Errors
    /// When the reference doesn't answer, or ours can't be started again.
    pub(crate) fn play(&mut self, program: &Program) -> Outcome<Option<Difference>> {
        if let Err(error) = self.reference.prepare(program) {
            return Err(self.reference_lost(&error.to_string()));
        }
        if let Err(error) = self.ours.prepare(program) {
            return self.give_up(0, &error.to_string());
        }
        self.owed = vec![Duration::ZERO; program.protocols.len()];
        for (number, step) in program.steps.iter().enumerate() {
            if !step.is_behind && self.reference.actors[step.connection].is_blocked {
                continue;
            }
            let difference = match self.take(number, step) {
                Ok(difference) => difference,
                Err(error) => return self.give_up(number, &error.to_string()),
            };
            if difference.is_some() {
                return Ok(difference);
            }
        }
        match finale::compare(self, program) {
            Ok(difference) => Ok(difference),
            Err(error) => self.give_up(program.steps.len(), &error.to_string()),
        }
    }

    /// Starts our server again after a step that it did not survive.
    fn give_up(&mut self, step: usize, error: &str) -> Outcome<Option<Difference>> {
        // The reference is taken to survive everything.
        if self.reference.ask().and_then(|()| self.reference.hear()).is_err() {
            return Err(self.reference_lost(error));
        }
        let log = self.ours.restart()?;
        let ours = format!("  ({error})\n{log}");
        Ok(Some(Difference {
            step,
            place: "our server".to_owned(),
            reference: "  (alive)\n".to_owned(),
            ours,
        }))
    }

    fn reference_lost(&self, error: &str) -> Box<dyn Error> {
        format!("the reference is lost: {error}\n{}", self.reference.last_lines()).into()
    }

    /// Does one step and compares what came of it.
    fn take(&mut self, number: usize, step: &Step) -> Outcome<Option<Difference>> {
        let started = Instant::now();
        self.reference.act(step)?;
        self.ours.act(step)?;
        let is_early = self.settle(step, started)?;
        let (reference, mut ours) = (scene(&self.reference), scene(&self.ours));
        ours[step.connection].is_early = is_early;
        let found = differing(step, &reference, &ours, &ids(&self.reference, &self.ours), &mut self.needed);
        if found.is_none() {
            self.pause(step);
        }
        Ok(found.map(|connection| Difference {
            step: number,
            place: format!("connection {connection}"),
            reference: reference[connection].to_string(),
            ours: ours[connection].to_string(),
        }))
    }

    /// Lets times to live end: of a call that was queued, they begin with EXEC.
    fn pause(&mut self, step: &Step) {
        let owed = &mut self.owed[step.connection];
        *owed = step.pause.max(*owed);
        let is_executed = step.words().first().is_some_and(|name| name.eq_ignore_ascii_case(b"exec"));
        let pause = if is_executed { std::mem::take(owed) } else { step.pause };
        if !pause.is_zero() {
            thread::sleep(pause);
        }
    }

    /// Waits until the step is over; tells whether our server gave up waiting before the time that the step names.
    fn settle(&mut self, step: &Step, started: Instant) -> Outcome<bool> {
        let timeout = timeouts::short(step.words());
        let limit = PATIENCE + timeout.map_or(Duration::ZERO, |timeout| timeout + LATENESS_MAX);
        let mut is_blocked = false;
        loop {
            self.look(step.connection)?;
            let actors = [&self.reference, &self.ours].map(|stage| &stage.actors[step.connection]);
            let waits = timeout.is_some() && actors.iter().any(|actor| actor.is_blocked);
            is_blocked |= waits;
            let is_over = !waits && self.is_same(step);
            let extra = if self.is_silent(step) { SILENCE_MAX } else { Duration::ZERO };
            if is_over || started.elapsed() > limit + extra {
                break;
            }
            thread::sleep(LOOK_EVERY);
        }
        let shortest = timeout.filter(|_| is_blocked).unwrap_or_default();
        Ok(started.elapsed() < shortest)
    }

    fn is_same(&self, step: &Step) -> bool {
        let (reference, ours) = (scene(&self.reference), scene(&self.ours));
        let ids = ids(&self.reference, &self.ours);
        !self.is_silent(step) && differing(step, &reference, &ours, &ids, &mut Vec::new()).is_none()
    }

    /// Tells whether a server has neither answered nor blocked nor closed the connection of the step.
    fn is_silent(&self, step: &Step) -> bool {
        [&self.reference, &self.ours].iter().any(|stage| {
            let own = &stage.actors[step.connection];
            own.frames.is_empty() && !own.is_blocked && !own.is_closed && !step.words().is_empty()
        })
    }

    /// Makes two round trips to each server at the same time and takes what has arrived.
    fn look(&mut self, connection: usize) -> Outcome {
        for _ in 0..2 {
            self.reference.ask()?;
            self.ours.ask()?;
            self.reference.hear()?;
            self.ours.hear()?;
        }
        self.reference.gather(connection)?;
        self.ours.gather(connection)
    }
}

/// Pairs the ids of the connections, which both servers were asked for in the same order.
fn ids<'a>(reference: &'a Stage, ours: &'a Stage) -> Ids<'a> {
    reference.ids.iter().zip(&ours.ids).map(|(one, other)| (one.as_bytes(), other.as_bytes())).collect()
}

fn scene(stage: &Stage) -> Scene {
    stage.actors.iter().map(Received::of).collect()
}
