//! `SMEMBERS key | sort | head`: a reply as the input of programs.

use crate::format::{Delimiters, OutputFormat, Printer};
use crate::shell::{RunError, Shell};
use spinel_resp::request::split_line;
use std::io::{self, Write};
use std::process::{Command, Stdio};

/// Cuts a line at its first `|` that stands alone and is not quoted: what the server does, and what the shell does.
///
/// Nothing if there is none, or nothing before it. A word `|` for the server has to be quoted.
pub(super) fn split(line: &str) -> Option<(&str, &str)> {
    let cuts = line.match_indices(" | ").map(|(at, _)| at);
    let at = cuts.into_iter().find(|at| split_line(&line.as_bytes()[..*at]).is_some())?;
    let (command, programs) = (&line[..at], line[at + 3..].trim());
    (!command.trim().is_empty() && !programs.is_empty()).then_some((command, programs))
}

/// Runs the command, and the programs with its reply, as raw output has it, on their standard input.
pub(super) fn run(command: &str, programs: &str, shell: &mut Shell) -> io::Result<()> {
    let words = split_line(command.as_bytes()).unwrap_or_default();
    let raw = Printer { format: OutputFormat::Raw, delimiters: Delimiters::default() };
    let usual = std::mem::replace(&mut shell.printer, raw);
    let mut reply = Vec::new();
    let outcome = shell.run(&words, &mut reply);
    shell.printer = usual;
    match outcome {
        Ok(_) => feed(programs, &reply),
        Err(RunError::Session(error)) => {
            eprintln!("{error}");
            Ok(())
        }
        Err(RunError::Refused(text)) => {
            eprintln!("{text}");
            Ok(())
        }
        Err(RunError::Output(error)) => Err(error),
    }
}

fn feed(programs: &str, input: &[u8]) -> io::Result<()> {
    let mut child = match Command::new("sh").arg("-c").arg(programs).stdin(Stdio::piped()).spawn() {
        Ok(child) => child,
        Err(error) => {
            eprintln!("sh: {error}");
            return Ok(());
        }
    };
    if let Some(mut pipe) = child.stdin.take() {
        // A program that has seen enough, as head has, is no failure.
        let _ = pipe.write_all(input);
    }
    child.wait().map(|_| ())
}

#[cfg(test)]
mod tests {
    use super::split;

    #[test]
    fn a_bar_that_stands_alone_and_unquoted_cuts() {
        assert_eq!(split("smembers k | sort | head"), Some(("smembers k", "sort | head")));
        assert_eq!(split("set k \"a | b\""), None);
        assert_eq!(split("echo \"a | b\" | cat"), Some(("echo \"a | b\"", "cat")));
        assert_eq!(split("set k a|b"), None);
        assert_eq!(split("set k | "), None);
        assert_eq!(split(" | cat"), None);
    }
}
