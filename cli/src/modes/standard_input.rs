//! Commands from a file or a pipe, one per line.

use crate::arguments::Arguments;
use crate::shell::{RunError, Shell, Step};
use std::io::{self, BufRead, Write};
use std::process::ExitCode;

/// Runs every line of standard input.
///
/// Troubles are told and reading goes on: a script's later lines may not depend on its earlier ones.
pub(super) fn run(arguments: &Arguments) -> Result<ExitCode, RunError> {
    let mut shell = Shell::new(arguments);
    if let Err(error) = shell.session.connect() {
        eprintln!("{error}");
    }
    run_lines(&mut shell, io::stdin().lock(), &mut io::stdout().lock())?;
    Ok(ExitCode::SUCCESS)
}

fn run_lines(shell: &mut Shell, mut input: impl BufRead, out: &mut impl Write) -> Result<(), RunError> {
    let mut line = Vec::new();
    while input.read_until(b'\n', &mut line)? > 0 {
        match shell.interpret(&line, out)? {
            Step::Continue => {}
            Step::Quit => break,
            Step::Listen(_) => match shell.listen(out)? {},
        }
        line.clear();
    }
    Ok(())
}
