//! One command from the command line, perhaps repeated.

use crate::arguments::{Arguments, InputUse, Repeat};
use crate::peek::{Sight, peek, peeked};
use crate::shell::{Outcome, RunError, Shell};
use std::convert::Infallible;
use std::io::{self, Read, Write};
use std::process::ExitCode;

/// Runs the command of the arguments.
pub(super) fn run(arguments: &Arguments) -> Result<ExitCode, RunError> {
    let mut shell = Shell::new(arguments);
    let words = complete(arguments)?;
    shell.session.connect()?;

    let mut runs = 0;
    while arguments.repeat == Repeat::Forever || Repeat::Times(runs) != arguments.repeat {
        if run_once(&mut shell, &words, arguments.fail_on_error)? == ExitCode::FAILURE {
            return Ok(ExitCode::FAILURE);
        }
        runs += 1;
        std::thread::sleep(arguments.interval);
    }
    Ok(ExitCode::SUCCESS)
}

/// The command with what standard input holds of it.
fn complete(arguments: &Arguments) -> Result<Vec<Vec<u8>>, RunError> {
    let mut words = arguments.command.clone();
    if arguments.input == InputUse::Nothing {
        return Ok(words);
    }
    let mut input = Vec::new();
    io::stdin().read_to_end(&mut input)?;
    match &arguments.input {
        InputUse::Nothing => {}
        InputUse::LastWord => words.push(input),
        InputUse::Tag(tag) => {
            if !words.contains(tag) {
                return Err(RunError::Refused("Using -X option but stdin tag not match.".to_owned()));
            }
            for word in words.iter_mut().filter(|word| *word == tag) {
                word.clone_from(&input);
            }
        }
    }
    Ok(words)
}

fn run_once(shell: &mut Shell, words: &[Vec<u8>], fail_on_error: bool) -> Result<ExitCode, RunError> {
    let mut out = io::stdout().lock();
    let mut text = Vec::new();
    if let Some(key) = peeked(words) {
        let sight = peek(&mut shell.session, key)?;
        if fail_on_error && !matches!(sight, Sight::Key(_)) {
            eprint!("{sight}");
            return Ok(ExitCode::FAILURE);
        }
        write!(out, "{sight}")?;
        out.flush()?;
        return Ok(ExitCode::SUCCESS);
    }
    let outcome = shell.run(words, &mut text);
    if let (Ok(Outcome::Answered { error: Some(message) }), true) = (&outcome, fail_on_error) {
        let line = [message, b"\n".as_slice()].concat();
        io::stderr().write_all(&line)?;
        return Ok(ExitCode::FAILURE);
    }
    out.write_all(&text)?;
    out.flush()?;
    if let Outcome::Streaming(_) = outcome? {
        let never: Infallible = shell.listen(&mut out)?;
        match never {}
    }
    Ok(ExitCode::SUCCESS)
}
