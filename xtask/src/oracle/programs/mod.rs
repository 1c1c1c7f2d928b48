//! `cargo xtask oracle --programs`: what several connections do to each other, compared event by event.
//!
//! A seed names programs: some connections, of either protocol, and steps that each sends one command. After each
//! step all connections are compared: which replies and pushes came, in which order, who is blocked or closed. At
//! the end the datasets and the states of the connections are. Start reading at [`play`].
//!
//! - [`program`]: what a program is and how it is written down.
//! - [`generate`], [`themes`], [`words`], [`scripts`]: from a seed to programs.
//! - [`stage`], [`actor`], [`play`], [`timeouts`]: playing a program on both servers.
//! - [`compare`], [`finale`], [`allowed`]: what must be equal.
//! - [`shrink`]: from a difference to a short program.

mod actor;
mod allowed;
mod compare;
mod finale;
mod generate;
mod play;
mod program;
mod scripts;
mod shrink;
mod stage;
mod themes;
mod timeouts;
mod words;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Instant;

use super::Arguments;
use crate::Outcome;
use compare::Difference;
use generate::Generator;
use play::Pair;
use program::Program;

/// How many differences that look alike are shrunk, since their causes may still differ.
const SHRUNK_PER_LOOK_MAX: usize = 3;
/// How often a program is played again to see whether its difference comes back.
const REPLAYS: usize = 3;

/// What a run has seen, over all pairs of servers.
#[derive(Default)]
struct Seen {
    programs: usize,
    steps: usize,
    /// What the findings look like after shrinking, with how often each was met.
    findings: BTreeMap<String, usize>,
    /// What differences look like before it.
    met: BTreeMap<String, usize>,
    /// Differences that did not come back.
    passing: usize,
    /// How often each reason of an allowance was needed.
    allowed: BTreeMap<&'static str, usize>,
}

/// A run over all seeds.
struct Run<'a> {
    arguments: &'a Arguments,
    reference: &'a Path,
    ours: &'a Path,
    seen: Mutex<Seen>,
    /// How many seeds have been taken by a pair.
    taken: AtomicUsize,
}

/// Plays the program in a file, or generated ones.
///
/// # Errors
/// When servers can't be started, or differ.
pub(crate) fn run(arguments: &Arguments, reference: &Path, ours: &Path) -> Outcome {
    if let Some(file) = &arguments.program {
        return replay(&Program::parse(&fs::read_to_string(file)?)?, reference, ours);
    }
    let run = Run { arguments, reference, ours, seen: Mutex::default(), taken: AtomicUsize::new(0) };
    let started = Instant::now();
    thread::scope(|scope| {
        let pairs: Vec<_> = (0..arguments.pairs)
            .map(|_| scope.spawn(|| run.play().map_err(|error| error.to_string())))
            .collect();
        pairs.into_iter().try_for_each(|pair| pair.join().expect("a pair doesn't panic"))
    })?;
    let seen = run.seen();
    let seconds = started.elapsed().as_secs_f64();
    println!("{} programs of {} steps in {seconds:.1} s", seen.programs, seen.steps);
    seen.summary()
}

/// Plays one program and prints where it differs.
fn replay(program: &Program, reference: &Path, ours: &Path) -> Outcome {
    match Pair::start(reference, ours)?.play(program)? {
        None => {
            println!("no difference in {} steps", program.steps.len());
            Ok(())
        }
        Some(difference) => {
            println!("{}", shown(program, &difference));
            Err("the servers differ".into())
        }
    }
}

impl Run<'_> {
    /// Plays seeds on a pair of servers of its own until none is left.
    fn play(&self) -> Outcome {
        let mut pair = Pair::start(self.reference, self.ours)?;
        let commands: BTreeSet<String> =
            pair.reference.commands.intersection(&pair.ours.commands).cloned().collect();
        let themes = generate::chosen(&self.arguments.themes)?;
        let seeds: Vec<u64> =
            self.arguments.seed.map_or_else(|| (1..=self.arguments.seeds).collect(), |seed| vec![seed]);
        while let Some(seed) = seeds.get(self.taken.fetch_add(1, Ordering::Relaxed)) {
            let mut generator = Generator::new(&commands, &themes, *seed);
            for number in 0..self.arguments.programs.unwrap_or_default() {
                if self.seen().findings.len() >= self.arguments.keep_going {
                    return Ok(());
                }
                let program = generator.program();
                self.examine(&mut pair, &program, &format!("seed {seed}, program {number}"))?;
            }
        }
        Ok(())
    }

    /// Plays a program, and shrinks and shows the difference if there is a new one.
    fn examine(&self, pair: &mut Pair, program: &Program, origin: &str) -> Outcome {
        let found = pair.play(program).map_err(|error| format!("{origin}: {error}\n{program}"))?;
        self.count(pair, program);
        let Some(difference) = found else { return Ok(()) };
        let look = look(program, &difference);
        let met = {
            let mut seen = self.seen();
            let met = seen.met.entry(look.clone()).or_default();
            *met += 1;
            *met
        };
        if met > SHRUNK_PER_LOOK_MAX {
            return Ok(());
        }
        let mut last = None;
        let shrunk = shrink::shrink(program, &difference, |program| {
            // What showed once shows the next time, too, mostly.
            let replays = if last.is_none() { REPLAYS } else { 1 };
            let shown = again(pair, program, &look, replays)?;
            let shows = shown.is_some();
            last = shown.or(last.take());
            Ok(shows)
        })?;
        self.show(program, &difference, shrunk.zip(last), origin);
        Ok(())
    }

    fn show(
        &self,
        program: &Program,
        difference: &Difference,
        shrunk: Option<(Program, Difference)>,
        origin: &str,
    ) {
        let mut seen = self.seen();
        let Some((short, difference)) = shrunk else {
            seen.passing += 1;
            println!("\n# {origin}: did not come back when replayed\n{}", shown(program, difference));
            return;
        };
        let count = seen.findings.entry(look(&short, &difference)).or_default();
        *count += 1;
        if *count == 1 {
            println!("\n# {origin}\n{}", shown(&short, &difference));
        }
    }

    fn count(&self, pair: &mut Pair, program: &Program) {
        let mut seen = self.seen();
        seen.programs += 1;
        seen.steps += program.steps.len();
        for allowance in pair.needed.drain(..) {
            *seen.allowed.entry(allowance.reason).or_default() += 1;
        }
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Seen {
    /// Prints what was needed and seen.
    ///
    /// # Errors
    /// When the servers differed.
    fn summary(&self) -> Outcome {
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

/// Plays a program up to `times` times; returns the difference if it shows with the same look.
fn again(pair: &mut Pair, program: &Program, expected: &str, times: usize) -> Outcome<Option<Difference>> {
    for _ in 0..times {
        if let Some(difference) = pair.play(program)?
            && look(program, &difference) == expected
        {
            return Ok(Some(difference));
        }
    }
    Ok(None)
}

/// Returns what makes two differences the same mistake, as far as that can be told.
fn look(program: &Program, difference: &Difference) -> String {
    let name = program.steps.get(difference.step).map_or_else(|| difference.place.clone(), name_of);
    let first = |text: &str| text.lines().next().unwrap_or_default().chars().take(40).collect::<String>();
    let look = format!("{name}: {} / {}", first(&difference.reference), first(&difference.ours));
    look.chars().filter(|char| !char.is_ascii_digit()).collect()
}

fn name_of(step: &program::Step) -> String {
    let words = step.words().iter().take(1);
    words.map(|word| String::from_utf8_lossy(word).to_lowercase()).collect()
}

/// Returns a program with the difference it shows, as it can be replayed.
fn shown(program: &Program, difference: &Difference) -> String {
    let place = match program.steps.get(difference.step) {
        Some(step) => format!("{}, in step {} ({step})", difference.place, difference.step + 1),
        None => difference.place.clone(),
    };
    let commented = |text: &str| text.lines().flat_map(|line| ["#", line, "\n"]).collect::<String>();
    let (reference, ours) = (commented(&difference.reference), commented(&difference.ours));
    format!("{program}# differs: {place}\n# the reference\n{reference}# ours\n{ours}")
}
