//! Programs: what several connections send, one step after another, and how that is written down.
//!
//! ```text
//! @connections 2 3 3
//! 1: BLPOP list 0
//! 2: MULTI
//! 1! PING
//! 0: CLIENT UNBLOCK $id1
//! 2: SET k v PX 1
//! @pause 4
//! 2: @reconnect
//! ```
//!
//! The first line gives the protocol of each connection. A step begins with the number of its connection. A
//! connection that is blocked skips its steps, unless they have `!` for `:`; those wait behind what blocks it. In
//! words `$id1` stands for the id of connection 1, which each server chooses itself, and `$addr1` for its address.
//! A pause follows the step above it.

use std::fmt::{self, Display, Formatter};
use std::time::Duration;

use crate::Outcome;
use crate::oracle::generate::Call;
use crate::transcript::{quote_word, split_words};

const CONNECTIONS: &str = "@connections";
const PAUSE: &str = "@pause";
const RECONNECT: &str = "@reconnect";

/// A whole program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Program {
    /// The protocol that each connection speaks, 2 or 3.
    pub(crate) protocols: Vec<u8>,
    /// The steps in their order.
    pub(crate) steps: Vec<Step>,
}

/// What one connection does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Step {
    /// The number of the connection, from 0.
    pub(crate) connection: usize,
    /// What it does.
    pub(crate) action: Action,
    /// Whether it is done even while the connection is blocked.
    pub(crate) is_behind: bool,
    /// How long the program waits after it, so that times to live end.
    pub(crate) pause: Duration,
}

/// A step without its connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Action {
    /// Sends a command.
    Call(Call),
    /// Closes the socket and opens another.
    Reconnect,
}

impl Step {
    /// Returns the step that sends `call`.
    pub(crate) fn call(connection: usize, call: Call) -> Self {
        Self { connection, action: Action::Call(call), is_behind: false, pause: Duration::ZERO }
    }

    /// Returns the words it sends; none if it sends nothing.
    pub(crate) fn words(&self) -> &[Vec<u8>] {
        match &self.action {
            Action::Call(call) => call,
            Action::Reconnect => &[],
        }
    }

    fn parse(line: &str) -> Option<Self> {
        let end = line.find([':', '!'])?;
        let connection = line[..end].trim().parse().ok()?;
        let words = split_words(&line[end + 1..])?;
        let action = match words.first()? {
            word if word == RECONNECT.as_bytes() => Action::Reconnect,
            _ => Action::Call(words),
        };
        let is_behind = line.as_bytes()[end] == b'!';
        Some(Self { connection, action, is_behind, pause: Duration::ZERO })
    }
}

impl Program {
    /// Parses the text of a program; blank lines and lines that begin with `#` mean nothing.
    ///
    /// # Errors
    /// With the line that can't be understood.
    pub(crate) fn parse(text: &str) -> Outcome<Self> {
        let mut program = Self { protocols: Vec::new(), steps: Vec::new() };
        for line in text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')) {
            program.read(line).ok_or_else(|| format!("no line of a program: {line}"))?;
        }
        Ok(program)
    }

    fn read(&mut self, line: &str) -> Option<()> {
        if let Some(protocols) = line.strip_prefix(CONNECTIONS) {
            let protocol = |word: &str| word.parse().ok().filter(|number| matches!(number, 2 | 3));
            self.protocols = protocols.split_whitespace().map(protocol).collect::<Option<_>>()?;
        } else if let Some(milliseconds) = line.strip_prefix(PAUSE) {
            self.steps.last_mut()?.pause = Duration::from_millis(milliseconds.trim().parse().ok()?);
        } else {
            self.steps.push(Step::parse(line).filter(|step| step.connection < self.protocols.len())?);
        }
        Some(())
    }
}

impl Display for Step {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        let mark = if self.is_behind { '!' } else { ':' };
        let words = match &self.action {
            Action::Call(call) => call.iter().map(|word| quote_word(word)).collect::<Vec<_>>().join(" "),
            Action::Reconnect => RECONNECT.to_owned(),
        };
        write!(formatter, "{}{mark} {words}", self.connection)?;
        if !self.pause.is_zero() {
            write!(formatter, "\n{PAUSE} {}", self.pause.as_millis())?;
        }
        Ok(())
    }
}

impl Display for Program {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        let protocols: Vec<String> = self.protocols.iter().map(u8::to_string).collect();
        writeln!(formatter, "{CONNECTIONS} {}", protocols.join(" "))?;
        self.steps.iter().try_for_each(|step| writeln!(formatter, "{step}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_printed_can_be_read() {
        let text =
            "@connections 2 3\n0: BLPOP l 0\n0! PING\n1: SET k \"a b\" PX 1\n@pause 4\n1: @reconnect\n";
        let program = Program::parse(text).unwrap();
        assert_eq!(program.to_string(), text);
        assert!(program.steps[1].is_behind && program.steps[2].pause == Duration::from_millis(4));
        assert_eq!(program.steps[3].action, Action::Reconnect);
    }

    #[test]
    fn what_is_no_program_is_refused() {
        for text in
            ["0: PING", "@connections 2\n1: PING", "@connections 4", "@connections 2\nPING", "@pause 3"]
        {
            assert!(Program::parse(text).is_err(), "{text}");
        }
    }
}
