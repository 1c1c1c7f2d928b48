//! One command from the command line, perhaps repeated.

use crate::arguments::{Arguments, Repeat};
use crate::shell::{Outcome, RunError, Shell};
use std::convert::Infallible;
use std::io::{self, Read, Write};
use std::process::ExitCode;

/// Runs the command of the arguments.
pub(super) fn run(arguments: &Arguments) -> ExitCode {
    match run_all(arguments) {
        Ok(status) => status,
        Err(RunError::Session(error)) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
        // Whoever read the output has enough of it; there is nobody to tell.
        Err(RunError::Output(_)) => ExitCode::FAILURE,
    }
}

fn run_all(arguments: &Arguments) -> Result<ExitCode, RunError> {
    let mut shell = Shell::new(arguments);
    shell.session.connect()?;
    let mut words = arguments.command.clone();
    if arguments.last_word_from_input {
        let mut word = Vec::new();
        io::stdin().read_to_end(&mut word)?;
        words.push(word);
    }

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

fn run_once(shell: &mut Shell, words: &[Vec<u8>], fail_on_error: bool) -> Result<ExitCode, RunError> {
    let mut out = io::stdout().lock();
    let mut text = Vec::new();
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
