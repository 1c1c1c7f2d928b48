//! FUNCTION: libraries of functions, without the commands that [change](super::library) them.

use super::super::{HostCall, HostRow};
use super::kill;
use crate::scripts::Kind;
use spinel_resp::ReplyWriter;
use spinel_scripting::{Function, Library};
use spinel_storage::Error;
use spinel_storage::command::flags::Flags;
use spinel_storage::command::help::reply_help;
use spinel_storage::command::{Command, Group, Run};
use spinel_storage::pattern::{Case, matches};

const ROW: Command =
    Command { flags: Flags::NOSCRIPT, group: Group::Scripting, since: "7.0.0", ..Command::ROW };
/// The rows of this file.
pub(super) const COMMANDS: &[HostRow] = &[
    (
        Command {
            name: "function",
            flags: Flags::NONE,
            cost: "Depends on subcommand.",
            about: "Holds the commands about functions.",
            run: Run::Container,
            ..ROW
        },
        help,
    ),
    (
        Command {
            name: "function|dump",
            cost: "O(N) where N is the number of functions",
            about: "Returns all libraries in a form that can be restored.",
            ..ROW
        },
        dump,
    ),
    (
        Command {
            name: "function|help",
            flags: Flags::LOADING.with(Flags::STALE),
            about: "Explains the subcommands.",
            ..ROW
        },
        help,
    ),
    (
        Command {
            name: "function|kill",
            flags: Flags::NOSCRIPT.with(Flags::ALLOW_BUSY),
            about: "Ends the function that runs, unless it has written.",
            tips: &["request_policy:all_shards", "response_policy:one_succeeded"],
            ..ROW
        },
        kill_function,
    ),
    (
        Command {
            name: "function|list",
            usage: "[LIBRARYNAME library-name-pattern:string] withcode=[WITHCODE]",
            flags: Flags::NOSCRIPT.with(Flags::LENIENT),
            cost: "O(N) where N is the number of functions",
            about: "Describes libraries and their functions.",
            tips: &["nondeterministic_output_order"],
            ..ROW
        },
        list,
    ),
    (
        Command {
            name: "function|stats",
            flags: Flags::NOSCRIPT.with(Flags::ALLOW_BUSY),
            about: "Tells which function runs, and how many there are.",
            tips: &["nondeterministic_output", "request_policy:all_shards", "response_policy:special"],
            ..ROW
        },
        stats,
    ),
];

fn kill_function(call: &mut HostCall<'_>) -> Result<(), Error> {
    kill(&call.shared.scripts, Kind::Function)?;

    call.reply.ok();
    Ok(())
}

fn dump(call: &mut HostCall<'_>) -> Result<(), Error> {
    let payload = call.shared.scripts.interpreter().dump_libraries();

    call.reply.bulk(&payload);
    Ok(())
}

fn list(call: &mut HostCall<'_>) -> Result<(), Error> {
    let (mut wanted, mut has_code) = (None, false);
    while call.args.remaining() > 0 {
        if !has_code && call.args.accept("WITHCODE") {
            has_code = true;
        } else if wanted.is_none() && call.args.accept("LIBRARYNAME") {
            if call.args.remaining() == 0 {
                return Err(Error::Text("ERR library name argument was not given"));
            }
            wanted = Some(call.args.word());
        } else {
            return Err(Error::quoting(&[b"ERR Unknown argument ", call.args.word()]));
        }
    }

    let interpreter = call.shared.scripts.interpreter();
    let is_wanted =
        |library: &&Library| wanted.is_none_or(|wanted| matches(wanted, library.name(), Case::Insensitive));
    let libraries: Vec<&Library> = interpreter.libraries().filter(is_wanted).collect();
    call.reply.array(libraries.len());
    for library in libraries {
        describe(library, has_code, call.reply);
    }
    Ok(())
}

fn describe(library: &Library, has_code: bool, reply: &mut ReplyWriter) {
    reply.map(if has_code { 4 } else { 3 });
    reply.bulk(b"library_name");
    reply.bulk(library.name());
    reply.bulk(b"engine");
    reply.bulk(library.engine().as_bytes());
    reply.bulk(b"functions");
    reply.array(library.functions().len());
    for function in library.functions() {
        describe_function(function, reply);
    }
    if has_code {
        reply.bulk(b"library_code");
        reply.bulk(library.code());
    }
}

fn describe_function(function: &Function, reply: &mut ReplyWriter) {
    reply.map(3);
    reply.bulk(b"name");
    reply.bulk(function.name());
    reply.bulk(b"description");
    match function.description() {
        Some(description) => reply.bulk(description),
        None => reply.null(),
    }
    reply.bulk(b"flags");
    let flags: Vec<&str> = function.flags().names().collect();
    reply.set(flags.len());
    for flag in flags {
        reply.simple(flag);
    }
}

fn stats(call: &mut HostCall<'_>) -> Result<(), Error> {
    let scripts = &call.shared.scripts;
    let running = scripts.current();
    let sums = scripts.sums();

    let reply = &mut *call.reply;
    reply.map(2);
    reply.bulk(b"running_script");
    match running {
        None => reply.null(),
        Some(running) => {
            reply.map(3);
            reply.bulk(b"name");
            reply.bulk(&running.name);
            reply.bulk(b"command");
            reply.array(running.words.len());
            for word in &running.words {
                reply.bulk(word);
            }
            reply.bulk(b"duration_ms");
            reply.integer(running.started.elapsed().as_millis() as i64);
        }
    }
    reply.bulk(b"engines");
    reply.map(1);
    reply.bulk(b"LUA");
    reply.map(2);
    reply.bulk(b"libraries_count");
    reply.integer(sums.libraries as i64);
    reply.bulk(b"functions_count");
    reply.integer(sums.functions as i64);
    Ok(())
}

fn help(call: &mut HostCall<'_>) -> Result<(), Error> {
    let forms: &[(&str, &[&str])] = &[
        ("LOAD [REPLACE] <FUNCTION CODE>", &["Create a new library with the given library name and code."]),
        ("DELETE <LIBRARY NAME>", &["Delete the given library."]),
        (
            "LIST [LIBRARYNAME PATTERN] [WITHCODE]",
            &[
                "Return general information on all the libraries:",
                "* Library name",
                "* The engine used to run the Library",
                "* Functions list",
                "* Library code (if WITHCODE is given)",
                "It also possible to get only function that matches a pattern using LIBRARYNAME argument.",
            ],
        ),
        (
            "STATS",
            &[
                "Return information about the current function running:",
                "* Function name",
                "* Command used to run the function",
                "* Duration in MS that the function is running",
                "If no function is running, return nil",
                "In addition, returns a list of available engines.",
            ],
        ),
        ("KILL", &["Kill the current running function."]),
        (
            "FLUSH [ASYNC|SYNC]",
            &[
                "Delete all the libraries.",
                "When called without the optional mode argument, the behavior is determined by the",
                "lazyfree-lazy-user-flush configuration directive. Valid modes are:",
                "* ASYNC: Asynchronously flush the libraries.",
                "* SYNC: Synchronously flush the libraries.",
            ],
        ),
        (
            "DUMP",
            &[
                "Return a serialized payload representing the current libraries, can be restored using FUNCTION RESTORE command",
            ],
        ),
        (
            "RESTORE <PAYLOAD> [FLUSH|APPEND|REPLACE]",
            &[
                "Restore the libraries represented by the given payload, it is possible to give a restore policy to",
                "control how to handle existing libraries (default APPEND):",
                "* FLUSH: delete all existing libraries.",
                "* APPEND: appends the restored libraries to the existing libraries. On collision, abort.",
                "* REPLACE: appends the restored libraries to the existing libraries, On collision, replace the old",
                "  libraries with the new libraries (notice that even on this option there is a chance of failure",
                "  in case of functions name collision with another library).",
            ],
        ),
    ];
    reply_help(call.reply, "FUNCTION", forms);
    Ok(())
}
