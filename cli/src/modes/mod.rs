//! What the program can do with a server: one file per way of using it.

mod interactive;
mod one_shot;
mod standard_input;

use crate::arguments::Arguments;

use std::io::{self, IsTerminal};
use std::process::ExitCode;

/// Does what the arguments ask for and says how it ended.
pub fn run(arguments: &Arguments) -> ExitCode {
    if !arguments.command.is_empty() {
        return one_shot::run(arguments);
    }
    if io::stdin().is_terminal() {
        return interactive::run(arguments);
    }
    standard_input::run(arguments)
}
