//! The course of a run: sequences are played, what differs is shrunk, shown once and counted.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

use super::duel::{Answer, Difference, Duel};
use super::finding::{Finding, Shape};
use super::generate::{Call, Generator};
use super::grammar::Command;
use super::shrink;
use crate::Outcome;

/// How many random calls stand between emptying the servers and reading the whole state.
const SEQUENCE_CALLS: usize = 450;
/// Every so many sequences, one of all our commands goes to our server alone.
const SURVIVAL_EVERY: usize = 8;
/// How often a sequence is played again without the calls that failed.
const REPLAYS_MAX: usize = 30;
/// How many differences that look alike are shrunk, since their causes may still differ.
const SHRUNK_PER_SHAPE_MAX: usize = 4;

/// A run over all seeds: the servers and what has been seen.
pub(crate) struct Run {
    duel: Duel,
    findings_max: usize,
    started: Instant,
    calls: usize,
    /// Findings by shape, with how often each was met after it was shown.
    findings: BTreeMap<Shape, usize>,
    /// Differences by what they look like before shrinking.
    met: BTreeMap<Shape, usize>,
    /// Differences that did not come back when replayed.
    passing: usize,
    /// How often each reason of an allowance was needed.
    allowed: BTreeMap<&'static str, usize>,
}

impl Run {
    /// Prepares a run that stops after `findings_max` different findings.
    pub(crate) fn new(duel: Duel, findings_max: usize) -> Self {
        Self {
            duel,
            findings_max,
            started: Instant::now(),
            calls: 0,
            findings: BTreeMap::new(),
            met: BTreeMap::new(),
            passing: 0,
            allowed: BTreeMap::new(),
        }
    }

    /// Plays `calls` calls of what `seed` names: sequences of the shared commands on both servers and, in between,
    /// sequences of all our own on ours alone.
    pub(crate) fn seed(
        &mut self,
        seed: u64,
        protocol: u8,
        calls: usize,
        (shared, own): (&[&Command], &[&Command]),
    ) -> Outcome {
        self.duel.speak(protocol);
        let origin = format!("seed {seed}, RESP{protocol}");
        let mut compared = Generator::new(shared, seed);
        let mut survived = Generator::new(own, seed);
        let end = self.calls + calls;
        for number in 1.. {
            if self.calls >= end || self.findings.len() >= self.findings_max {
                break;
            }
            if number % SURVIVAL_EVERY == 0 {
                self.survive(&survived.sequence(SEQUENCE_CALLS), &origin)?;
            } else {
                self.compare(compared.sequence(SEQUENCE_CALLS), &origin)?;
            }
        }
        Ok(())
    }

    /// Plays a sequence on both servers, and again without the calls that failed, until no difference is left that
    /// earlier ones may have hidden.
    fn compare(&mut self, mut calls: Vec<Call>, origin: &str) -> Outcome {
        self.calls += calls.len();
        for replay in 0..REPLAYS_MAX {
            let played = self.duel.play(&calls)?;
            if replay == 0 {
                played
                    .allowed
                    .iter()
                    .for_each(|allowance| *self.allowed.entry(allowance.reason).or_default() += 1);
            }
            let Some(first) = played.differences.first() else { return Ok(()) };
            self.examine(&calls[..=first.index], first, origin)?;
            if self.findings.len() >= self.findings_max {
                return Ok(());
            }
            let failed: BTreeSet<usize> = played
                .differences
                .iter()
                .filter(|difference| difference.index == first.index || self.is_known(&calls, difference))
                .map(|difference| difference.index)
                .collect();
            let mut index = 0;
            calls.retain(|_| {
                index += 1;
                !failed.contains(&(index - 1))
            });
        }
        Ok(())
    }

    fn is_known(&self, calls: &[Call], difference: &Difference) -> bool {
        let shape = Shape::of(&calls[difference.index..=difference.index], difference);
        self.met.get(&shape).is_some_and(|count| *count >= SHRUNK_PER_SHAPE_MAX)
    }

    /// Shrinks a difference at the last of `calls` and shows it, unless enough of its kind have been.
    fn examine(&mut self, calls: &[Call], difference: &Difference, origin: &str) -> Outcome {
        let look = Shape::of(&calls[calls.len() - 1..], difference);
        let count = self.met.entry(look.clone()).or_default();
        *count += 1;
        if *count > SHRUNK_PER_SHAPE_MAX {
            return Ok(());
        }
        let duel = &mut self.duel;
        let mut last = None;
        let shrunk = shrink::shrink(calls, |calls| {
            let played = duel.play(calls)?;
            let first = played.differences.into_iter().next().filter(|first| {
                first.index + 1 == calls.len() && Shape::of(&calls[calls.len() - 1..], first) == look
            });
            let fails = first.is_some();
            last = first.or(last.take());
            Ok(fails)
        })?;
        if shrunk.is_none() {
            let calls = calls[calls.len() - 1..].to_vec();
            let origin = format!("{origin}: did not come back when replayed");
            println!("\n{}", Finding { calls, difference: difference.clone(), origin });
        }
        self.show(shrunk, last, origin);
        Ok(())
    }

    /// Plays a sequence on our server alone.
    fn survive(&mut self, calls: &[Call], origin: &str) -> Outcome {
        self.calls += calls.len();
        let Some(difference) = self.duel.survive(calls)? else { return Ok(()) };
        let duel = &mut self.duel;
        let mut last = Some(difference.clone());
        let shrunk = shrink::shrink(&calls[..=difference.index], |calls| {
            let seen = duel.survive(calls)?;
            let fails = seen.is_some();
            last = seen.or(last.take());
            Ok(fails)
        })?;
        self.show(shrunk, last, &format!("{origin}, our server alone"));
        Ok(())
    }

    fn show(&mut self, shrunk: Option<Vec<Call>>, last: Option<Difference>, origin: &str) {
        let (Some(calls), Some(difference)) = (shrunk, last) else {
            self.passing += 1;
            return;
        };
        let is_broken = matches!(difference.ours, Answer::Lost(_));
        let met = self.findings.entry(Shape::of(&calls, &difference)).or_default();
        *met += 1;
        if *met == 1 {
            println!("\n{}", Finding { calls, difference, origin: origin.to_owned() });
            if is_broken {
                println!("# the end of our server's log\n{}", self.duel.our_log());
            }
        }
    }

    /// Prints what was done and seen.
    ///
    /// # Errors
    /// When the servers differed.
    pub(crate) fn summary(&self) -> Outcome {
        println!("{} calls in {:.1} s", self.calls, self.started.elapsed().as_secs_f64());
        for (reason, count) in &self.allowed {
            println!("  allowed {count} times: {reason}");
        }
        if self.passing > 0 {
            println!("  {} differences did not come back when replayed", self.passing);
        }
        let differences: usize = self.met.values().sum();
        match self.findings.len() {
            0 if differences == 0 => Ok(()),
            0 => Err(format!("{differences} differences, none of which could be replayed").into()),
            count => Err(format!("{count} findings in {differences} differences").into()),
        }
    }
}
