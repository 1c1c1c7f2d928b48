//! SCRIPT: the scripts that the server knows.

use super::super::{HostCall, HostRow};
use super::{failed, kill};
use crate::scripts::Kind;
use spinel_scripting::Origin;
use spinel_storage::Error;
use spinel_storage::command::flags::Flags;
use spinel_storage::command::help::reply_help;
use spinel_storage::command::{Command, Group, Run};

const ROW: Command =
    Command { flags: Flags::NOSCRIPT, group: Group::Scripting, since: "2.6.0", ..Command::ROW };
const EVERYWHERE: &[&str] = &["request_policy:all_nodes", "response_policy:all_succeeded"];

/// The rows of this file.
pub(super) const COMMANDS: &[HostRow] = &[
    (
        Command {
            name: "script",
            flags: Flags::NONE,
            cost: "Depends on subcommand.",
            about: "Holds the commands about scripts.",
            run: Run::Container,
            ..ROW
        },
        help,
    ),
    (
        Command {
            name: "script|debug",
            usage: "mode=<YES|SYNC|NO>",
            since: "3.2.0",
            about: "Switches the debugger of scripts off; there is none.",
            ..ROW
        },
        debug,
    ),
    (
        Command {
            name: "script|exists",
            usage: "sha1:string...",
            cost: "O(N) where N is the number of scripts asked for",
            about: "Tells which scripts the server knows.",
            tips: &["request_policy:all_shards", "response_policy:agg_logical_and"],
            ..ROW
        },
        exists,
    ),
    (
        Command {
            name: "script|flush",
            usage: "flush-type=[ASYNC|SYNC]",
            flags: Flags::NOSCRIPT.with(Flags::LENIENT),
            cost: "O(N) where N is the number of scripts",
            about: "Forgets all scripts.",
            tips: EVERYWHERE,
            ..ROW
        },
        flush,
    ),
    (
        Command {
            name: "script|help",
            flags: Flags::LOADING.with(Flags::STALE),
            since: "5.0.0",
            about: "Explains the subcommands.",
            ..ROW
        },
        help,
    ),
    (
        Command {
            name: "script|kill",
            flags: Flags::NOSCRIPT.with(Flags::ALLOW_BUSY),
            about: "Ends the script that runs, unless it has written.",
            tips: &["request_policy:all_shards", "response_policy:one_succeeded"],
            ..ROW
        },
        kill_script,
    ),
    (
        Command {
            name: "script|load",
            usage: "script:string",
            flags: Flags::NOSCRIPT.with(Flags::STALE),
            cost: "O(N) where N is the length of the script",
            about: "Makes a script known and returns its hash.",
            tips: EVERYWHERE,
            ..ROW
        },
        load,
    ),
    (
        Command {
            name: "script|show",
            usage: "sha1:string",
            since: "8.0.0",
            about: "Returns the text of a script.",
            ..ROW
        },
        show,
    ),
];

fn debug(call: &mut HostCall<'_>) -> Result<(), Error> {
    if !call.args.accept("NO") {
        let is_known = call.args.accept("YES") || call.args.accept("SYNC");
        let text = "ERR SCRIPT DEBUG is not supported: this server has no debugger";
        return Err(Error::Text(if is_known { text } else { "ERR Use SCRIPT DEBUG YES/SYNC/NO" }));
    }

    call.reply.ok();
    Ok(())
}

fn exists(call: &mut HostCall<'_>) -> Result<(), Error> {
    let hashes = call.args.rest();

    let interpreter = call.shared.scripts.interpreter();
    call.reply.array(hashes.len());
    for hash in hashes {
        call.reply.integer(interpreter.script(hash).is_some().into());
    }
    Ok(())
}

fn flush(call: &mut HostCall<'_>) -> Result<(), Error> {
    let is_plain = call.args.remaining() == 0 || call.args.accept("SYNC") || call.args.accept("ASYNC");
    if !is_plain || call.args.remaining() > 0 {
        return Err(Error::Text("ERR SCRIPT FLUSH only support SYNC|ASYNC option"));
    }

    call.shared.scripts.interpreter().flush_scripts().map_err(|error| failed(&error))?;

    call.reply.ok();
    Ok(())
}

fn kill_script(call: &mut HostCall<'_>) -> Result<(), Error> {
    kill(&call.shared.scripts, Kind::Script)?;

    call.reply.ok();
    Ok(())
}

fn load(call: &mut HostCall<'_>) -> Result<(), Error> {
    let body = call.args.word();

    let script = call.shared.scripts.interpreter().prepare(body, Origin::Load);

    call.reply.bulk(script.map_err(|error| failed(&error))?.sha().as_bytes());
    Ok(())
}

fn show(call: &mut HostCall<'_>) -> Result<(), Error> {
    let hash = call.args.word();

    let script = call.shared.scripts.interpreter().script(hash);

    let script = script.ok_or(Error::Text("NOSCRIPT No matching script. Please use EVAL."))?;
    call.reply.bulk(script.body());
    Ok(())
}

fn help(call: &mut HostCall<'_>) -> Result<(), Error> {
    let forms: &[(&str, &[&str])] = &[
        ("DEBUG (YES|SYNC|NO)", &["Set the debug mode for subsequent scripts executed."]),
        (
            "EXISTS <sha1> [<sha1> ...]",
            &["Return information about the existence of the scripts in the script cache."],
        ),
        (
            "FLUSH [ASYNC|SYNC]",
            &[
                "Flush the Lua scripts cache. Very dangerous on replicas.",
                "When called without the optional mode argument, the behavior is determined by the",
                "lazyfree-lazy-user-flush configuration directive. Valid modes are:",
                "* ASYNC: Asynchronously flush the scripts cache.",
                "* SYNC: Synchronously flush the scripts cache.",
            ],
        ),
        ("KILL", &["Kill the currently executing Lua script."]),
        ("LOAD <script>", &["Load a script into the scripts cache without executing it."]),
        ("SHOW <sha1>", &["Return the text of a script in the script cache."]),
    ];
    reply_help(call.reply, "SCRIPT", forms);
    Ok(())
}
