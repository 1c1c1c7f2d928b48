//! Programs that a seed names.

use std::collections::BTreeSet;
use std::time::Duration;

use super::program::{Action, Program, Step};
use super::themes::{BASICS, Line, THEMES, Theme};
use super::timeouts;
use super::words;
use crate::oracle::generate::Call;
use crate::random::Random;

/// How many themes a program has at most.
const THEMES_MAX: usize = 3;
/// How often the connection of the step before goes on, in percent: transactions take several steps of one.
const SAME_PERCENT: usize = 35;
/// How often a step is sent though its connection may be blocked, in percent.
const BEHIND_PERCENT: usize = 4;
/// How often a connection is closed and opened again, in percent.
const RECONNECT_PERCENT: usize = 2;
/// How often a key expires while the program waits, in percent; it takes its time.
const EXPIRY_PERCENT: usize = 1;
/// How often a word is left out, in percent: queued calls that are refused make EXEC fail.
const SPOILED_PERCENT: usize = 1;
/// A time to live that ends in the pause after it.
const LIFE_MS: &str = "1";
const PAUSE: Duration = Duration::from_millis(3);
/// A time to live that is long enough to watch the key, and the pause in which it ends.
const WATCHED_LIFE_MS: &str = "150";
const WATCHED_PAUSE: Duration = Duration::from_millis(155);
/// How often a program has a key that expires while it is watched, in percent; it takes its time.
const WATCHED_PERCENT: usize = 4;
/// How often a command is looked for that the servers have.
const ATTEMPTS_MAX: usize = 200;

/// Makes programs.
pub(crate) struct Generator<'a> {
    /// The commands that both servers have.
    commands: &'a BTreeSet<String>,
    /// The themes to choose from.
    themes: &'a [&'static Theme],
    random: Random,
}

impl<'a> Generator<'a> {
    /// Creates a generator that repeats itself for equal seeds.
    pub(crate) fn new(commands: &'a BTreeSet<String>, themes: &'a [&'static Theme], seed: u64) -> Self {
        Self { commands, themes, random: Random::new(seed) }
    }

    /// Makes the next program.
    pub(crate) fn program(&mut self) -> Program {
        let connections = 2 + self.random.below(4);
        let protocols = (0..connections).map(|_| 2 + self.random.below(2) as u8).collect();
        let lines = self.lines();
        let count = 10 + self.random.below(51);
        let mut steps: Vec<Step> = Vec::new();
        while steps.len() < count {
            let connection = match steps.last() {
                Some(step) if self.random.chance(SAME_PERCENT) => step.connection,
                _ => self.random.below(connections),
            };
            steps.extend(self.step(connection, connections, &lines));
        }
        if self.has(&[b"WATCH".to_vec()]) && self.random.chance(WATCHED_PERCENT) {
            let place = self.random.below(steps.len());
            steps.splice(place..place, watched_expiry(self.random.below(connections)));
        }
        Program { protocols, steps }
    }

    /// Returns the templates of a few themes.
    fn lines(&mut self) -> Vec<Line> {
        let mut lines = BASICS.lines.to_vec();
        for _ in 0..=self.random.below(THEMES_MAX) {
            lines.extend(self.themes[self.random.below(self.themes.len())].lines);
        }
        lines
    }

    fn step(&mut self, connection: usize, connections: usize, lines: &[Line]) -> Option<Step> {
        if self.random.chance(RECONNECT_PERCENT) {
            let call = Step::call(connection, Call::new());
            return Some(Step { action: Action::Reconnect, is_behind: true, ..call });
        }
        if self.random.chance(EXPIRY_PERCENT) {
            return Some(self.expiry(connection));
        }
        let mut call = (0..ATTEMPTS_MAX).find_map(|_| self.drawn(connections, lines))?;
        // One connection always goes on.
        if connection == 0 && blocks(&call) && !self.random.chance(BEHIND_PERCENT) {
            return None;
        }
        if self.random.chance(SPOILED_PERCENT) {
            call.truncate(call.len().max(2) - 1);
        }
        let is_behind = self.random.chance(BEHIND_PERCENT);
        Some(Step { is_behind, ..Step::call(connection, call) })
    }

    /// Returns a step that lets a key expire.
    fn expiry(&mut self, connection: usize) -> Step {
        let template = if self.random.chance(50) { "SET <string> <value> PX" } else { "PEXPIRE <key>" };
        let mut call = words::call(template, 1, &mut self.random);
        call.push(LIFE_MS.into());
        Step { pause: PAUSE, ..Step::call(connection, call) }
    }

    /// Draws a call; `None` if a server doesn't have its command.
    fn drawn(&mut self, connections: usize, lines: &[Line]) -> Option<Call> {
        let total = lines.iter().map(|(weight, _)| weight).sum();
        let mut mark = self.random.below(total);
        let (_, template) = lines.iter().find(|(weight, _)| {
            let is_chosen = mark < *weight;
            mark = mark.wrapping_sub(*weight);
            is_chosen
        })?;
        let call = words::call(template, connections, &mut self.random);
        self.has(&call).then_some(call)
    }

    /// Tells whether the servers have the command; of one that nobody has, how it is refused is asked.
    fn has(&self, call: &[Vec<u8>]) -> bool {
        let word = |index: usize| call.get(index).map(|word| String::from_utf8_lossy(word).to_lowercase());
        let name = word(0).unwrap_or_default();
        let subcommand = format!("{name}|{}", word(1).unwrap_or_default());
        let is_container = self.commands.iter().any(|other| other.starts_with(&format!("{name}|")));
        name == "nosuch" || self.commands.contains(if is_container { &subcommand } else { &name })
    }
}

/// Returns steps of a transaction whose watched key expires before it begins, though nobody touches it.
fn watched_expiry(connection: usize) -> Vec<Step> {
    let calls: [&[&str]; 5] =
        [&["SET", "w", "v", "PX", WATCHED_LIFE_MS], &["WATCH", "w"], &["MULTI"], &["INCR", "n"], &["EXEC"]];
    let step = |words: &&[&str]| Step::call(connection, words.iter().map(|word| (*word).into()).collect());
    let mut steps: Vec<Step> = calls.iter().map(step).collect();
    steps[1].pause = WATCHED_PAUSE;
    steps
}

/// Tells whether a call may block for good.
fn blocks(call: &Call) -> bool {
    let names: [&[u8]; 10] = [
        b"BLPOP",
        b"BRPOP",
        b"BLMOVE",
        b"BRPOPLPUSH",
        b"BLMPOP",
        b"BZPOPMIN",
        b"BZPOPMAX",
        b"BZMPOP",
        b"WAIT",
        b"SUBSCRIBE",
    ];
    let has_block = call.iter().any(|word| word == b"BLOCK");
    (has_block || names.contains(&&*call[0])) && timeouts::short(call).is_none()
}

/// Returns the themes that `names` name, or all.
///
/// # Errors
/// When there is none of that name.
pub(crate) fn chosen(names: &[String]) -> crate::Outcome<Vec<&'static Theme>> {
    if names.is_empty() {
        return Ok(THEMES.iter().collect());
    }
    let known = || THEMES.iter().map(|theme| theme.name).collect::<Vec<_>>().join(", ");
    let find = |name: &String| {
        super::themes::named(name)
            .ok_or_else(|| format!("no theme is called {name}; there are {}", known()).into())
    };
    names.iter().map(find).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_template_can_be_filled_in() {
        let mut random = Random::new(1);
        for (_, template) in THEMES.iter().chain([&BASICS]).flat_map(|theme| theme.lines) {
            for _ in 0..50 {
                let call = words::call(template, 3, &mut random);
                assert!(
                    call.iter().all(|word| !word.starts_with(b"<") && word != b"["),
                    "{template}: {call:?}"
                );
            }
        }
    }

    #[test]
    fn equal_seeds_make_equal_programs_and_unknown_commands_are_left_out() {
        let commands: BTreeSet<String> = ["set", "multi", "client|id"].map(str::to_owned).into();
        let themes = chosen(&[]).unwrap();
        let program = |seed| {
            let mut generator = Generator::new(&commands, &themes, seed);
            generator.program();
            generator.program()
        };
        assert_eq!(program(3), program(3));
        assert_ne!(program(3), program(4));
        let names: BTreeSet<Vec<u8>> =
            program(3).steps.iter().filter_map(|step| step.words().first().cloned()).collect();
        let allowed: [&[u8]; 5] = [b"SET", b"MULTI", b"CLIENT", b"NOSUCH", b"PEXPIRE"];
        assert!(names.iter().all(|name| allowed.contains(&&**name)), "{names:?}");
    }
}
