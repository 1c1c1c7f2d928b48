//! Scripts and functions: EVAL and its kin, FCALL, SCRIPT, FUNCTION.

mod eval;
mod function;
mod host;
mod library;
mod run;
mod script;

use super::{HostRow, TurnRow};
use crate::log;
use crate::scripts::{Kind, Scripts};
pub(crate) use library::{load_library, replace_libraries};
pub(crate) use run::SuspendedScript;
use spinel_scripting::{ErrorReply, LogLevel};
use spinel_storage::Error;

/// The rows of SCRIPT and FUNCTION.
pub(super) const COMMANDS: &[&[HostRow]] = &[script::COMMANDS, function::COMMANDS];

/// The rows of the commands that run something, or change what belongs to the data.
pub(super) const TURN_COMMANDS: &[&[TurnRow]] = &[eval::COMMANDS, library::COMMANDS];

/// What others are told while a script runs for too long.
pub(crate) fn busy(scripts: &Scripts) -> Error {
    match scripts.current().map(|current| current.kind) {
        Some(Kind::Function) => Error::Text(
            "BUSY Redis is busy running a script. You can only call FUNCTION KILL or SHUTDOWN NOSAVE.",
        ),
        _ => Error::Text(
            "BUSY Redis is busy running a script. You can only call SCRIPT KILL or SHUTDOWN NOSAVE.",
        ),
    }
}

/// Ends the script that runs, if it is of this kind and has not written.
fn kill(scripts: &Scripts, kind: Kind) -> Result<(), Error> {
    let current = scripts.current().ok_or(Error::Text("NOTBUSY No scripts in execution right now."))?;
    if scripts.has_written() {
        return Err(Error::Text(
            "UNKILLABLE Sorry the script already executed write commands against the dataset. You can either wait the \
             script termination or kill the server in a hard way using the SHUTDOWN NOSAVE command.",
        ));
    }
    if current.kind != kind {
        return Err(busy(scripts));
    }
    scripts.kill();
    Ok(())
}

/// Writes a line of `redis.log`.
fn write_log(level: LogLevel, text: &[u8]) {
    let text = String::from_utf8_lossy(text);
    match level {
        LogLevel::Debug => log::debug!("{text}"),
        LogLevel::Verbose => log::verbose!("{text}"),
        LogLevel::Notice => log::notice!("{text}"),
        LogLevel::Warning => log::warning!("{text}"),
    }
}

/// The error that the interpreter gives.
fn failed(error: &ErrorReply) -> Error {
    Error::Quoting(error.text().to_vec())
}
