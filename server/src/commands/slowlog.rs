//! SLOWLOG and COMMANDLOG: commands that took long, had large requests or large replies.

use super::{HostCall, HostRow};
use crate::command_log::{Entry, Kind};
use spinel_resp::ReplyWriter;
use spinel_storage::Error;
use spinel_storage::command::flags::Flags;
use spinel_storage::command::help::reply_help;
use spinel_storage::command::{Command, Group, Run};

const ANYTIME: Flags = Flags::LOADING.with(Flags::STALE);
const ADMIN: Flags = ANYTIME.with(Flags::ADMIN);
const ROW: Command = Command { group: Group::Server, since: "2.2.12", ..Command::ROW };
const COMMANDLOG: Command = Command { since: "8.1.0", ..ROW };
const SHOWN: &[&str] = &["request_policy:all_nodes", "nondeterministic_output"];
const SUMMED: &[&str] = &["request_policy:all_nodes", "response_policy:agg_sum", "nondeterministic_output"];
const ALL_NODES: &[&str] = &["request_policy:all_nodes", "response_policy:all_succeeded"];

/// Entries that SLOWLOG GET shows unless it is told how many.
const SHOWN_BY_DEFAULT: usize = 10;

/// The rows of this family.
pub(super) const COMMANDS: &[HostRow] = &[
    (
        Command {
            name: "commandlog",
            run: Run::Container,
            cost: "Depends on subcommand.",
            about: "Shows which commands were slow or large.",
            ..COMMANDLOG
        },
        help,
    ),
    (
        Command {
            name: "commandlog|get",
            usage: "count:integer type=<SLOW|LARGE-REQUEST|LARGE-REPLY>",
            flags: ADMIN,
            cost: "O(N) where N is the number of entries shown",
            about: "Shows the newest entries of a kind.",
            tips: SHOWN,
            ..COMMANDLOG
        },
        get,
    ),
    (
        Command { name: "commandlog|help", flags: ANYTIME, about: "Explains the subcommands.", ..COMMANDLOG },
        help,
    ),
    (
        Command {
            name: "commandlog|len",
            usage: "type=<SLOW|LARGE-REQUEST|LARGE-REPLY>",
            flags: ADMIN,
            about: "Counts the entries of a kind.",
            tips: SUMMED,
            ..COMMANDLOG
        },
        len,
    ),
    (
        Command {
            name: "commandlog|reset",
            usage: "type=<SLOW|LARGE-REQUEST|LARGE-REPLY>",
            flags: ADMIN,
            cost: "O(N) where N is the number of entries",
            about: "Forgets the entries of a kind.",
            tips: ALL_NODES,
            ..COMMANDLOG
        },
        reset,
    ),
    (
        Command {
            name: "slowlog",
            run: Run::Container,
            cost: "Depends on subcommand.",
            about: "Shows which commands were slow.",
            ..ROW
        },
        slow_help,
    ),
    (
        Command {
            name: "slowlog|get",
            usage: "[count:integer]",
            flags: ADMIN.with(Flags::LENIENT),
            cost: "O(N) where N is the number of entries shown",
            about: "Shows the newest entries.",
            tips: SHOWN,
            ..ROW
        },
        slow_get,
    ),
    (
        Command {
            name: "slowlog|help",
            flags: ANYTIME,
            since: "6.2.0",
            about: "Explains the subcommands.",
            ..ROW
        },
        slow_help,
    ),
    (
        Command { name: "slowlog|len", flags: ADMIN, about: "Counts the entries.", tips: SUMMED, ..ROW },
        slow_len,
    ),
    (
        Command {
            name: "slowlog|reset",
            flags: ADMIN,
            cost: "O(N) where N is the number of entries",
            about: "Forgets all entries.",
            tips: ALL_NODES,
            ..ROW
        },
        slow_reset,
    ),
];

fn help(call: &mut HostCall<'_>) -> Result<(), Error> {
    let forms: &[(&str, &[&str])] = &[
        (
            "GET <count> <type>",
            &[
                "Return top <count> entries of the specified <type> from the commandlog (-1 mean all).",
                "Entries are made of:",
                "id, timestamp,",
                "    time in microseconds for type of slow,",
                "    or size in bytes for type of large-request,",
                "    or size in bytes for type of large-reply",
                "arguments array, client IP and port,",
                "client name",
            ],
        ),
        ("LEN <type>", &["Return the length of the specified type of commandlog."]),
        ("RESET <type>", &["Reset the specified type of commandlog."]),
    ];
    reply_help(call.reply, "COMMANDLOG", forms);
    Ok(())
}

fn slow_help(call: &mut HostCall<'_>) -> Result<(), Error> {
    let forms: &[(&str, &[&str])] = &[
        (
            "GET [<count>]",
            &[
                "Return top <count> entries from the slowlog (default: 10, -1 mean all).",
                "Entries are made of:",
                "id, timestamp, time in microseconds, arguments array, client IP and port,",
                "client name",
            ],
        ),
        ("LEN", &["Return the length of the slowlog."]),
        ("RESET", &["Reset the slowlog."]),
    ];
    reply_help(call.reply, "SLOWLOG", forms);
    Ok(())
}

fn get(call: &mut HostCall<'_>) -> Result<(), Error> {
    let (count, kind) = (call.args.word(), call.args.word());
    call.args.finish()?;
    let (count, kind) = (entries(count)?, kind_of(kind)?);

    reply_entries(call, kind, count);
    Ok(())
}

fn len(call: &mut HostCall<'_>) -> Result<(), Error> {
    let kind = kind_of(call.args.word())?;

    call.reply.integer(call.shared.command_log.len(kind) as i64);
    Ok(())
}

fn reset(call: &mut HostCall<'_>) -> Result<(), Error> {
    let kind = kind_of(call.args.word())?;
    call.shared.command_log.clear(kind);

    call.reply.ok();
    Ok(())
}

fn slow_get(call: &mut HostCall<'_>) -> Result<(), Error> {
    let count = match call.args.rest() {
        [] => SHOWN_BY_DEFAULT,
        [count] => entries(count)?,
        _ => return Err(Error::wrong_subcommand("slowlog", call.args.words()[1])),
    };

    reply_entries(call, Kind::Slow, count);
    Ok(())
}

fn slow_len(call: &mut HostCall<'_>) -> Result<(), Error> {
    call.reply.integer(call.shared.command_log.len(Kind::Slow) as i64);
    Ok(())
}

fn slow_reset(call: &mut HostCall<'_>) -> Result<(), Error> {
    call.shared.command_log.clear(Kind::Slow);

    call.reply.ok();
    Ok(())
}

/// How many entries are asked for; -1 stands for all.
fn entries(word: &[u8]) -> Result<usize, Error> {
    match spinel_resp::parse_integer(word) {
        Some(-1) => Ok(usize::MAX),
        Some(count @ 0..) => Ok(usize::try_from(count).unwrap_or(usize::MAX)),
        _ => Err(Error::Text("ERR count should be greater than or equal to -1")),
    }
}

fn kind_of(word: &[u8]) -> Result<Kind, Error> {
    let unknown = Error::Text("ERR type should be one of the following: slow, large-request, large-reply");
    Kind::by_name(word).ok_or(unknown)
}

fn reply_entries(call: &mut HostCall<'_>, kind: Kind, count: usize) {
    let entries = call.shared.command_log.newest(kind, count);
    call.reply.array(entries.len());
    for entry in &entries {
        reply_entry(entry, call.reply);
    }
}

fn reply_entry(entry: &Entry, reply: &mut ReplyWriter) {
    reply.array(6);
    reply.integer(entry.id as i64);
    reply.integer(entry.at_seconds);
    reply.integer(entry.value as i64);
    reply.array(entry.words.len());
    entry.words.iter().for_each(|word| reply.bulk(word));
    reply.bulk(entry.caller.address.as_bytes());
    reply.bulk(&entry.caller.name);
}
