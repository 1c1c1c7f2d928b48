//! DEBUG: the subcommands that concern the server rather than data.

use super::{HostCall, HostRow};
use crate::config::failure::plain;
use crate::config::memory;
use crate::config::rewrite::{Extent, RewriteError};
use crate::log;
use crate::persistence::Reload;
use spinel_resp::{Protocol, ReplyWriter};
use spinel_storage::Error;
use spinel_storage::command::call::Call;
use spinel_storage::command::flags::Flags;
use spinel_storage::command::{Command, Group, Reach, Run};
use spinel_storage::engine::PresentKeys;
use spinel_storage::engine::wait::Otherwise;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

const FLAGS: Flags = Flags::ADMIN.with(Flags::NOSCRIPT).with(Flags::LOADING).with(Flags::STALE);
const ROW: Command = Command { group: Group::Server, flags: FLAGS, ..Command::ROW };

/// Somewhat below 4 GiB, which is more than a node of a list can be.
const LIST_PLAIN_BYTES_MAX: u64 = (4 << 30) - (1 << 20);

/// The rows whose handlers need the server.
pub(super) const COMMANDS: &[HostRow] = &[
    (
        Command {
            name: "debug|aof-flush-sleep",
            usage: "microseconds:string",
            about: "Waits so long before each write to the append-only log.",
            ..ROW
        },
        delay_log,
    ),
    (
        Command {
            name: "debug|config-rewrite-force-all",
            about: "Rewrites the configuration file with all settings, also those that have their default.",
            ..ROW
        },
        rewrite_all,
    ),
    (
        Command {
            name: "debug|dict-resizing",
            usage: "is-allowed:integer",
            about: "Does nothing: no table is ever resized as a whole.",
            ..ROW
        },
        accept,
    ),
    (Command { name: "debug|error", usage: "message", about: "Replies this error.", ..ROW }, error),
    (
        Command {
            name: "debug|loadaof",
            flags: FLAGS.with(Flags::NO_MULTI),
            cost: "O(N) where N is the number of commands in the log",
            about: "Completes the append-only log on disk, and loads the data set from it.",
            ..ROW
        },
        load_log,
    ),
    (
        Command {
            name: "debug|reload",
            usage: "[option:string]...",
            flags: FLAGS.with(Flags::NO_MULTI),
            cost: "O(N) where N is the number of keys",
            about: "Saves the data set and loads what was saved; with NOSAVE what is there already, with NOFLUSH beside \
                    the keys that are there, with MERGE in their place.",
            ..ROW
        },
        reload,
    ),
    (Command { name: "debug|help", about: "Explains the subcommands.", ..ROW }, help),
    (
        Command { name: "debug|log", usage: "message", about: "Writes a message to the log.", ..ROW },
        write_log,
    ),
    (
        Command {
            name: "debug|pause-cron",
            usage: "is-paused:string",
            about: "Pauses, with 1, what happens by and by: expiry, eviction, save points, limits of clients.",
            ..ROW
        },
        pause_upkeep,
    ),
    (
        Command {
            name: "debug|protocol",
            usage: "type:string",
            about: "Replies an example of a type of the protocol.",
            ..ROW
        },
        protocol,
    ),
    (
        Command {
            name: "debug|quicklist-packed-threshold",
            usage: "size:string",
            about: "Sets the length from which elements of large lists get a node of their own; 0 is the default.",
            ..ROW
        },
        set_list_plain_bytes,
    ),
    (
        Command {
            name: "debug|set-disable-deny-scripts",
            usage: "is-allowed:string",
            about: "Lets scripts call, with 1, also those commands of the server that are not for them.",
            ..ROW
        },
        trust_scripts,
    ),
];

/// The rows that the engine runs, because they keep everybody else out of the keyspace.
pub(super) const DATA_COMMANDS: &[Command] = &[Command {
    name: "debug|sleep",
    usage: "seconds:double",
    reach: Reach::Whole,
    cost: "The time asked for",
    about: "Stops the whole server for some seconds.",
    run: Run::Data(sleep),
    ..ROW
}];

/// Sleeps alone in the keyspace, so that every command of everybody waits.
fn sleep(call: &mut Call<'_>) -> Result<(), Error> {
    let seconds: f64 =
        std::str::from_utf8(call.args.word()).ok().and_then(|word| word.parse().ok()).unwrap_or(0.0);

    if let Ok(time) = Duration::try_from_secs_f64(seconds) {
        std::thread::sleep(time);
    }

    call.reply.ok();
    Ok(())
}

fn rewrite_all(call: &mut HostCall<'_>) -> Result<(), Error> {
    let config = &call.shared.config;
    let _changing = config.changing();
    config.rewrite(Extent::All, &super::config::declarations(call.shared)).map_err(|error| {
        let reason = match error {
            RewriteError::NoFile => "there is no file".to_owned(),
            RewriteError::Toml => "a TOML file is not rewritten".to_owned(),
            RewriteError::Io(error) => plain(&error),
        };
        Error::Made(format!("ERR CONFIG-REWRITE-FORCE-ALL failed: {reason}"))
    })?;

    call.reply.ok();
    Ok(())
}

fn accept(call: &mut HostCall<'_>) -> Result<(), Error> {
    call.reply.ok();
    Ok(())
}

/// A number as Redis reads it here: what is none is 0.
fn lenient_number(word: &[u8]) -> u64 {
    std::str::from_utf8(word).ok().and_then(|word| word.parse().ok()).unwrap_or(0)
}

fn delay_log(call: &mut HostCall<'_>) -> Result<(), Error> {
    let delay = Duration::from_micros(lenient_number(call.args.word()));

    call.shared.persistence.delay_log(delay);

    call.reply.ok();
    Ok(())
}

fn pause_upkeep(call: &mut HostCall<'_>) -> Result<(), Error> {
    let is_paused = lenient_number(call.args.word()) != 0;

    call.shared.is_upkeep_paused.store(is_paused, Ordering::Relaxed);

    call.reply.ok();
    Ok(())
}

fn trust_scripts(call: &mut HostCall<'_>) -> Result<(), Error> {
    let are_trusted = lenient_number(call.args.word()) != 0;

    call.shared.are_scripts_trusted.store(are_trusted, Ordering::Relaxed);

    call.reply.ok();
    Ok(())
}

fn error(call: &mut HostCall<'_>) -> Result<(), Error> {
    Err(Error::Made(String::from_utf8_lossy(call.args.word()).into_owned()))
}

fn reload(call: &mut HostCall<'_>) -> Result<(), Error> {
    let (mut saves, mut empties, mut merges) = (true, true, false);
    for word in call.args.rest() {
        match &word.to_ascii_lowercase()[..] {
            b"nosave" => saves = false,
            b"noflush" => empties = false,
            b"merge" => merges = true,
            _ => {
                return Err(Error::Text(
                    "ERR DEBUG RELOAD only supports the MERGE, NOFLUSH and NOSAVE options.",
                ));
            }
        }
    }

    let present = if merges { PresentKeys::Replace } else { PresentKeys::Refuse };
    begin_reload(call, Reload::Snapshot { saves, empties, present });
    Ok(())
}

fn load_log(call: &mut HostCall<'_>) -> Result<(), Error> {
    begin_reload(call, Reload::Log);
    Ok(())
}

/// Has the data set loaded anew. The reply comes when it is there.
fn begin_reload(call: &mut HostCall<'_>, reload: Reload) {
    let waiter = call.shared.engine.wait_idly(call.session.protocol(), None, Otherwise::Null);
    let answer = Arc::clone(&waiter);
    call.shared.persistence.reload(reload, move |outcome| {
        match outcome {
            Ok(()) => answer.answer(ReplyWriter::ok),
            Err(error) => answer.fail(error),
        };
    });
    call.session.wait_for(waiter);
}

fn write_log(call: &mut HostCall<'_>) -> Result<(), Error> {
    let message = call.args.word();
    log::warning!("DEBUG LOG: {}", String::from_utf8_lossy(message));

    call.reply.ok();
    Ok(())
}

fn set_list_plain_bytes(call: &mut HostCall<'_>) -> Result<(), Error> {
    let bytes = memory::parse(call.args.word())
        .filter(|bytes| *bytes <= LIST_PLAIN_BYTES_MAX)
        .ok_or(Error::Text("ERR argument must be a memory value bigger than 1 and smaller than 4gb"))?;

    call.shared.engine.keyspace().thresholds().set_list_plain_bytes(bytes as usize);

    call.reply.ok();
    Ok(())
}

#[expect(clippy::approx_constant, reason = "the number of Redis's example")]
fn protocol(call: &mut HostCall<'_>) -> Result<(), Error> {
    let name = call.args.word().to_ascii_lowercase();

    let reply = &mut *call.reply;
    match &name[..] {
        b"string" => reply.bulk(b"Hello World"),
        b"integer" => reply.integer(12345),
        b"double" => reply.double(3.141),
        b"bignum" => reply.big_number("1234567999999999999999999999999999999"),
        b"null" => reply.null(),
        b"array" => {
            reply.array(3);
            (0..3).for_each(|number| reply.integer(number));
        }
        b"set" => {
            reply.set(3);
            (0..3).for_each(|number| reply.integer(number));
        }
        b"map" => {
            reply.map(3);
            for number in 0..3 {
                reply.integer(number);
                reply.boolean(number == 1);
            }
        }
        b"attrib" => {
            if reply.protocol() == Protocol::Resp3 {
                reply.attribute(1);
                reply.bulk(b"key-popularity");
                reply.array(2);
                reply.bulk(b"key:123");
                reply.integer(90);
            }
            reply.bulk(b"Some real reply following the attribute");
        }
        b"push" if reply.protocol() == Protocol::Resp2 => {
            return Err(Error::Text("ERR RESP2 is not supported by this command"));
        }
        b"push" => {
            reply.bulk(b"Some real reply following the push reply");
            reply.push(2);
            reply.bulk(b"server-cpu-usage");
            reply.integer(42);
        }
        b"verbatim" => reply.verbatim("txt", b"This is a verbatim\nstring"),
        b"true" => reply.boolean(true),
        b"false" => reply.boolean(false),
        _ => {
            return Err(Error::Text(
                "ERR Wrong protocol type name. Please use one of the following: \
                 string|integer|double|bignum|null|array|set|map|attrib|push|verbatim|true|false",
            ));
        }
    }
    Ok(())
}

/// Lists all subcommands there are with their sentences, the engine's too.
fn help(call: &mut HostCall<'_>) -> Result<(), Error> {
    let table = call.shared.engine.table();
    let container = table.by_own_name(b"debug").expect("this is one of its subcommands");
    let subcommands = &table.row(container).subcommands;
    call.reply.array(1 + 2 * subcommands.len());
    call.reply.simple("DEBUG <subcommand> [<arg> [value] [opt] ...]. Subcommands are:");
    for id in subcommands {
        let command = table.row(*id).command;
        let name = command.name.rsplit('|').next().unwrap_or_default().to_ascii_uppercase();
        call.reply.simple(format!("{name} {}", command.usage).trim_end());
        call.reply.simple(&format!("    {}", command.about));
    }
    Ok(())
}
