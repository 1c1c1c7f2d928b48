//! Commands that change the libraries of functions: FUNCTION LOAD, DELETE, FLUSH, RESTORE.
//!
//! Libraries belong to the data, so these commands stand in the journal, as they were received.

use super::super::{InTurn, TurnRow};
use super::failed;
use crate::info;
use crate::server::Shared;
use spinel_resp::ReplyWriter;
use spinel_scripting::{Call, ErrorReply, Host, Interpreter, LogLevel, Replace, RestorePolicy, Tick};
use spinel_storage::Error;
use spinel_storage::command::flags::Flags;
use spinel_storage::command::{Command, Group};
use std::time::{Duration, Instant};

const ROW: Command = Command {
    flags: Flags::NOSCRIPT.with(Flags::WRITE),
    group: Group::Scripting,
    since: "7.0.0",
    tips: &["request_policy:all_shards", "response_policy:all_succeeded"],
    ..Command::ROW
};
const LOAD: Flags = Flags::NOSCRIPT.with(Flags::WRITE).with(Flags::DENYOOM);

/// How long the code of a library may run when it is loaded.
const LOAD_TIME_MAX: Duration = Duration::from_millis(500);

/// The rows of this file.
pub(super) const COMMANDS: &[TurnRow] = &[
    (
        Command {
            name: "function|delete",
            usage: "library-name:string",
            about: "Removes a library and its functions.",
            ..ROW
        },
        delete,
    ),
    (
        Command {
            name: "function|flush",
            usage: "flush-type=[ASYNC|SYNC]",
            flags: Flags::NOSCRIPT.with(Flags::WRITE).with(Flags::LENIENT),
            cost: "O(N) where N is the number of functions",
            about: "Removes all libraries.",
            ..ROW
        },
        flush,
    ),
    (
        Command {
            name: "function|load",
            usage: "replace=[REPLACE] function-code:string",
            flags: LOAD,
            about: "Makes a library of its code and returns its name.",
            ..ROW
        },
        load,
    ),
    (
        Command {
            name: "function|restore",
            usage: "serialized-value:string policy=[FLUSH|APPEND|REPLACE]",
            flags: LOAD,
            cost: "O(N) where N is the number of functions",
            about: "Brings back libraries that were dumped.",
            ..ROW
        },
        restore,
    ),
];

/// What the code of a library can do when it is loaded: take its time, but not too long.
struct Loading {
    started: Instant,
}

impl Loading {
    fn new() -> Loading {
        Loading { started: Instant::now() }
    }
}

impl Host for Loading {
    fn call(&mut self, _: &Call<'_>, reply: &mut ReplyWriter) {
        reply.error("ERR This Redis command is not allowed from script");
    }

    fn tick(&mut self) -> Tick {
        if self.started.elapsed() < LOAD_TIME_MAX { Tick::GoOn } else { Tick::Kill }
    }

    fn log(&mut self, level: LogLevel, text: &[u8]) {
        super::write_log(level, text);
    }

    fn acl_check(&mut self, _: &[&[u8]]) -> Option<bool> {
        None
    }

    fn cpu_time(&mut self) -> Duration {
        let info::CpuTimes { user, system } = info::cpu_times();
        user + system
    }
}

/// Loads a library that comes from a file, in place of one of the same name.
pub(crate) fn load_library(shared: &Shared, code: &[u8]) -> Result<(), String> {
    let loaded = shared.scripts.interpreter().load_library(code, Replace::Yes, &mut Loading::new());
    loaded.map(|_| ()).map_err(|error| String::from_utf8_lossy(error.text()).into_owned())
}

/// Loads libraries that come from a file in place of all that there are: everything or, if something fails, nothing.
pub(crate) fn replace_libraries(shared: &Shared, codes: &[Vec<u8>]) -> Result<(), String> {
    let replaced = shared.scripts.interpreter().replace_libraries(codes, &mut Loading::new());
    shared.scripts.sums();
    replaced
        .map_err(|error| format!("a function library is refused: {}", String::from_utf8_lossy(error.text())))
}

/// Changes the libraries. If that succeeds, the command is recorded.
fn change<T>(
    call: &mut InTurn<'_, '_>,
    change: impl FnOnce(&mut Interpreter) -> Result<T, ErrorReply>,
) -> Result<T, Error> {
    let scripts = &call.shared.scripts;
    let mut interpreter = scripts.interpreter();
    let result = change(&mut interpreter);
    if result.is_ok() {
        // While nobody else can change them, so that the journal has the order in which it happened.
        call.turn.record(call.session.db, call.args.words());
    }
    drop(interpreter);
    scripts.sums();
    result.map_err(|error| failed(&error))
}

fn load(call: &mut InTurn<'_, '_>) -> Result<(), Error> {
    let mut replace = Replace::No;
    while call.args.remaining() > 1 {
        if !call.args.accept("REPLACE") {
            return Err(Error::quoting(&[b"ERR Unknown option given: ", call.args.word()]));
        }
        replace = Replace::Yes;
    }
    let code = call.args.word();

    let name = change(call, |interpreter| interpreter.load_library(code, replace, &mut Loading::new()))?;

    call.reply.bulk(&name);
    Ok(())
}

fn delete(call: &mut InTurn<'_, '_>) -> Result<(), Error> {
    let name = call.args.word();

    change(call, |interpreter| interpreter.delete_library(name))?;

    call.reply.ok();
    Ok(())
}

fn flush(call: &mut InTurn<'_, '_>) -> Result<(), Error> {
    let is_plain = call.args.remaining() == 0 || call.args.accept("SYNC") || call.args.accept("ASYNC");
    if !is_plain || call.args.remaining() > 0 {
        return Err(Error::Text("ERR FUNCTION FLUSH only supports SYNC|ASYNC option"));
    }

    change(call, Interpreter::flush_libraries)?;

    call.reply.ok();
    Ok(())
}

fn restore(call: &mut InTurn<'_, '_>) -> Result<(), Error> {
    let payload = call.args.word();
    let policy = if call.args.remaining() == 0 || call.args.accept("APPEND") {
        RestorePolicy::Append
    } else if call.args.accept("REPLACE") {
        RestorePolicy::Replace
    } else if call.args.accept("FLUSH") {
        RestorePolicy::Flush
    } else {
        return Err(Error::Text(
            "ERR Wrong restore policy given, value should be either FLUSH, APPEND or REPLACE.",
        ));
    };
    call.args.finish()?;

    change(call, |interpreter| interpreter.restore_libraries(payload, policy, &mut Loading::new()))?;

    call.reply.ok();
    Ok(())
}
