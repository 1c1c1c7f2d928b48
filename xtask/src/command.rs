//! Running other programs and saying clearly what went wrong with them.

use std::process::Command;

use crate::Outcome;

/// Runs `command` with its output going to the terminal.
///
/// # Errors
/// When the program can't be started or ends with anything but 0.
pub(crate) fn run(command: &mut Command) -> Outcome {
    let status = command.status().map_err(|error| format!("{}: {error}", words(command)))?;
    if status.success() { Ok(()) } else { Err(format!("{}: {status}", words(command)).into()) }
}

/// Runs `command` and returns what it wrote to its standard output.
///
/// # Errors
/// As [`run`], with what the program wrote to its standard error.
pub(crate) fn output(command: &mut Command) -> Outcome<String> {
    let output = command.output().map_err(|error| format!("{}: {error}", words(command)))?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let complaint = String::from_utf8_lossy(&output.stderr);
    Err(format!("{}: {}\n{}", words(command), output.status, complaint.trim_end()).into())
}

/// Returns the command line of `command` as one would type it.
fn words(command: &Command) -> String {
    let mut words = vec![command.get_program().to_string_lossy().into_owned()];
    words.extend(command.get_args().map(|argument| argument.to_string_lossy().into_owned()));
    words.join(" ")
}
