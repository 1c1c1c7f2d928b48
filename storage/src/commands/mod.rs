//! Every data command: rows and handlers, one file or folder per family.

mod bitmap;
mod expiry;
#[cfg(test)]
mod script;
mod span;
mod string;

use crate::command::Command;

/// The rows of all data commands.
pub fn all() -> impl Iterator<Item = &'static Command> {
    [string::COMMANDS, bitmap::COMMANDS].into_iter().flatten().copied().flatten()
}
