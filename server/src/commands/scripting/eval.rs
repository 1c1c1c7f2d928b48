//! Running: EVAL, EVALSHA, FCALL and their read-only forms.

use super::super::{InTurn, TurnRow};
use super::failed;
use super::run::{Code, keys_and_arguments, run};
use spinel_scripting::{ErrorReply, Origin};
use spinel_storage::Error;
use spinel_storage::command::flags::Flags;
use spinel_storage::command::keys::{KeySpec, KeyUse};
use spinel_storage::command::{Command, Group};

/// Of a SHA-1.
const HASH_DIGITS: usize = 40;

const FLAGS: Flags =
    Flags::NOSCRIPT.with(Flags::STALE).with(Flags::SKIP_MONITOR).with(Flags::NO_MANDATORY_KEYS);
const USED: KeyUse = KeyUse::READ_WRITE.with(KeyUse::ACCESS).with(KeyUse::UPDATE);
const READ: KeyUse = KeyUse::READ_ONLY.with(KeyUse::ACCESS);

const ROW: Command = Command {
    keys: &[KeySpec::counted(2, 1, USED)],
    flags: FLAGS,
    group: Group::Scripting,
    since: "2.6.0",
    cost: "Depends on the script that is executed.",
    ..Command::ROW
};
const READ_ONLY: Command = Command {
    keys: &[KeySpec::counted(2, 1, READ)],
    flags: FLAGS.with(Flags::READONLY),
    since: "7.0.0",
    ..ROW
};

/// The rows of this file.
pub(super) const COMMANDS: &[TurnRow] = &[
    (
        Command {
            name: "eval",
            usage: "script:string numkeys [key]... [arg:string]...",
            about: "Runs a Lua script.",
            ..ROW
        },
        eval,
    ),
    (
        Command {
            name: "eval_ro",
            usage: "script:string numkeys [key]... [arg:string]...",
            about: "Runs a Lua script that writes nothing.",
            ..READ_ONLY
        },
        eval_read_only,
    ),
    (
        Command {
            name: "evalsha",
            usage: "sha1:string numkeys [key]... [arg:string]...",
            about: "Runs a Lua script that the server knows by its hash.",
            ..ROW
        },
        evalsha,
    ),
    (
        Command {
            name: "evalsha_ro",
            usage: "sha1:string numkeys [key]... [arg:string]...",
            about: "Runs a Lua script that the server knows by its hash and that writes nothing.",
            ..READ_ONLY
        },
        evalsha_read_only,
    ),
    (
        Command {
            name: "fcall",
            usage: "function:string numkeys [key]... [arg:string]...",
            since: "7.0.0",
            cost: "Depends on the function that is executed.",
            about: "Calls a function.",
            ..ROW
        },
        fcall,
    ),
    (
        Command {
            name: "fcall_ro",
            usage: "function:string numkeys [key]... [arg:string]...",
            cost: "Depends on the function that is executed.",
            about: "Calls a function that writes nothing.",
            ..READ_ONLY
        },
        fcall_read_only,
    ),
];

fn eval(call: &mut InTurn<'_, '_>) -> Result<(), Error> {
    eval_as(call, false)
}

fn eval_read_only(call: &mut InTurn<'_, '_>) -> Result<(), Error> {
    eval_as(call, true)
}

fn evalsha(call: &mut InTurn<'_, '_>) -> Result<(), Error> {
    evalsha_as(call, false)
}

fn evalsha_read_only(call: &mut InTurn<'_, '_>) -> Result<(), Error> {
    evalsha_as(call, true)
}

fn fcall(call: &mut InTurn<'_, '_>) -> Result<(), Error> {
    fcall_as(call, false)
}

fn fcall_read_only(call: &mut InTurn<'_, '_>) -> Result<(), Error> {
    fcall_as(call, true)
}

fn eval_as(call: &mut InTurn<'_, '_>, is_read_only: bool) -> Result<(), Error> {
    let body = call.args.word();
    let words = keys_and_arguments(call, Error::NotAnInteger)?;

    let script = call.shared.scripts.interpreter().prepare(body, Origin::Eval);

    run(call, Code::Script(script.map_err(|error| failed(&error))?), words, is_read_only)
}

fn evalsha_as(call: &mut InTurn<'_, '_>, is_read_only: bool) -> Result<(), Error> {
    let no_script = || failed(&ErrorReply::no_script());
    let hash = call.args.word();
    if hash.len() != HASH_DIGITS {
        return Err(no_script());
    }
    let words = keys_and_arguments(call, Error::NotAnInteger)?;

    let script = call.shared.scripts.interpreter().script(hash);

    run(call, Code::Script(script.ok_or_else(no_script)?), words, is_read_only)
}

fn fcall_as(call: &mut InTurn<'_, '_>, is_read_only: bool) -> Result<(), Error> {
    let name = call.args.word();

    let function = call.shared.scripts.interpreter().function(name);

    let function = function.ok_or_else(|| failed(&ErrorReply::no_function()))?;
    let words = keys_and_arguments(call, Error::Text("ERR Bad number of keys provided"))?;
    run(call, Code::Function(function), words, is_read_only)
}
