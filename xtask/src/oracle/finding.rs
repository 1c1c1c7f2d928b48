//! Differences worth showing: their shape, by which repeated ones are told, and how they are printed.

use std::fmt::{self, Display, Formatter};

use super::duel::{Answer, Difference};
use super::generate::Call;
use crate::transcript::{Expectation, Observed, quote_word};

/// How much of a reply is shown; the rest would hide what matters.
const REPLY_LINES_MAX: usize = 24;
const LINE_CHARS_MAX: usize = 400;

/// What makes two differences the same mistake, as far as that can be told: the commands and what was answered.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Shape {
    commands: Vec<String>,
    reference: String,
    ours: String,
}

impl Shape {
    /// Returns the shape of a difference that `calls` lead to, the last of them being answered differently.
    pub(crate) fn of(calls: &[Call], difference: &Difference) -> Self {
        let mut commands: Vec<String> = calls.iter().map(command).collect();
        commands.dedup();
        let (reference, ours) = (sketch(&difference.reference), sketch(&difference.ours));
        Self { commands, reference, ours }
    }
}

/// A difference with the shortest sequence that shows it.
pub(crate) struct Finding {
    /// The sequence; its last call is answered differently.
    pub(crate) calls: Vec<Call>,
    /// The two answers.
    pub(crate) difference: Difference,
    /// How the sequence was found: seed and protocol.
    pub(crate) origin: String,
}

impl Display for Finding {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        writeln!(formatter, "## {}", self.origin)?;
        for call in &self.calls {
            let words: Vec<String> = call.iter().map(|word| quote_word(word)).collect();
            writeln!(formatter, "{}", words.join(" "))?;
        }
        writeln!(formatter, "# the reference\n{}", show(&self.difference.reference))?;
        writeln!(formatter, "# ours\n{}", show(&self.difference.ours))
    }
}

fn show(answer: &Answer) -> String {
    let reply = match answer {
        Answer::Reply(reply) => Expectation::renewed(None, &Observed::Reply(reply.clone())).print(),
        Answer::Lost(error) => format!("  ({error})\n"),
    };
    let lines: Vec<String> = reply.lines().map(clipped).collect();
    match lines.get(..REPLY_LINES_MAX) {
        Some(first) => format!("{}\n  … {} lines more", first.join("\n"), lines.len() - first.len()),
        None => lines.join("\n"),
    }
}

fn clipped(line: &str) -> String {
    match line.char_indices().nth(LINE_CHARS_MAX) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line.to_owned(),
    }
}

/// Returns the command of a call, with its subcommand where it is a container.
fn command(call: &Call) -> String {
    const CONTAINERS: [&str; 8] =
        ["client", "command", "config", "object", "memory", "acl", "function", "script"];
    let word = |index: usize| call.get(index).map(|word| String::from_utf8_lossy(word).to_lowercase());
    let name = word(0).unwrap_or_default();
    match word(1) {
        Some(subcommand) if CONTAINERS.contains(&name.as_str()) => format!("{name} {subcommand}"),
        _ => name,
    }
}

/// Returns what kind of answer it is: of an error its text without what it quotes, of others the type.
fn sketch(answer: &Answer) -> String {
    match answer {
        Answer::Lost(error) => error.clone(),
        Answer::Reply(reply) if reply.is_error() => {
            let text = reply.text();
            let unquoted: String = text.split('\'').step_by(2).collect();
            unquoted.chars().filter(|char| !char.is_ascii_digit()).take(60).collect()
        }
        Answer::Reply(reply) => match reply {
            crate::resp::Reply::Null { .. } => "null".to_owned(),
            _ => char::from(reply.marker()).to_string(),
        },
    }
}
