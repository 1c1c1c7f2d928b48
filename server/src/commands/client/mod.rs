//! CLIENT: the connections of this server.

mod help;
mod listing;
mod tracking;

use super::{HostCall, HostRow};
use crate::admission::ReplyMode;
use crate::clients::{Flag, PauseMode, PauseReason};
use crate::quorum::{COPIES_MAX, Quorum};
use crate::replication::Copies;
use crate::server::now;
use spinel_storage::Error;
use spinel_storage::command::flags::Flags;
use spinel_storage::command::{Command, Group, Run};

const ANYTIME: Flags = Flags::LOADING.with(Flags::STALE);
const OWN: Flags = ANYTIME.with(Flags::NOSCRIPT);
const OTHERS: Flags = OWN.with(Flags::ADMIN);
const ROW: Command = Command { group: Group::Connection, flags: OWN, ..Command::ROW };
const EVERYWHERE: &[&str] = &["request_policy:all_nodes", "response_policy:all_succeeded"];
const NONDETERMINISTIC: &[&str] = &["nondeterministic_output"];
const OF_CLIENTS: &str = "O(N) where N is the number of clients";

/// CLIENT LIST and KILL take the same criteria; those after `MAXAGE` are Valkey's.
const KILL_USAGE: &str = "filter=<old-format|new-format=<[ID client-id:integer]\
    |client-type=[TYPE client-type=<NORMAL|MASTER|SLAVE|REPLICA|PUBSUB>]|[USER username]|[ADDR addr]|[LADDR laddr]\
    |[SKIPME skipme=<YES|NO>]|[MAXAGE maxage:integer]>...>";

/// The rows of this family.
pub(super) const COMMANDS: &[HostRow] = &[
    (
        Command {
            name: "client",
            flags: Flags::NONE,
            since: "2.4.0",
            cost: "Depends on subcommand.",
            about: "Holds the commands about connections.",
            run: Run::Container,
            ..ROW
        },
        help::help,
    ),
    (
        Command {
            name: "client|capa",
            usage: "capability...",
            since: "8.0.0",
            about: "Tells what the client understands.",
            ..ROW
        },
        capabilities,
    ),
    (
        Command {
            name: "client|caching",
            usage: "mode=<YES|NO>",
            since: "6.0.0",
            about: "Tells whether the keys of the next command are tracked.",
            ..ROW
        },
        tracking::caching,
    ),
    (
        Command {
            name: "client|getredir",
            since: "6.0.0",
            about: "Returns the client that is told of changes instead of this one.",
            ..ROW
        },
        tracking::redirection,
    ),
    (
        Command {
            name: "client|tracking",
            usage: "status=<ON|OFF> [REDIRECT client-id:integer] [PREFIX prefix]... [BCAST] [OPTIN] [OPTOUT] [NOLOOP]",
            since: "6.0.0",
            cost: "O(1). Some options may introduce additional complexity.",
            about: "Lets the connection be told when what it has read changes, or not.",
            ..ROW
        },
        tracking::tracking,
    ),
    (
        Command {
            name: "client|trackinginfo",
            since: "6.2.0",
            about: "Describes how the connection is told of changes.",
            ..ROW
        },
        tracking::describe,
    ),
    (
        Command { name: "client|getname", since: "2.6.9", about: "Returns the connection's name.", ..ROW },
        name,
    ),
    (
        Command {
            name: "client|help",
            flags: ANYTIME,
            since: "5.0.0",
            about: "Explains the subcommands.",
            ..ROW
        },
        help::help,
    ),
    (Command { name: "client|id", since: "5.0.0", about: "Returns the connection's number.", ..ROW }, id),
    (
        Command {
            name: "client|info",
            since: "6.2.0",
            about: "Describes the connection.",
            tips: NONDETERMINISTIC,
            ..ROW
        },
        listing::info,
    ),
    (
        Command {
            name: "client|kill",
            usage: KILL_USAGE,
            flags: OTHERS,
            since: "2.4.0",
            cost: OF_CLIENTS,
            about: "Closes connections.",
            ..ROW
        },
        listing::kill,
    ),
    (
        Command {
            name: "client|list",
            usage: "[TYPE client-type=<NORMAL|MASTER|REPLICA|PUBSUB>] [ID client-id:integer...]",
            flags: OTHERS,
            since: "2.4.0",
            cost: OF_CLIENTS,
            about: "Describes connections.",
            tips: NONDETERMINISTIC,
            ..ROW
        },
        listing::list,
    ),
    (
        Command {
            name: "client|no-evict",
            usage: "enabled=<ON|OFF>",
            flags: OTHERS,
            since: "7.0.0",
            about: "Keeps the connection when clients take too much memory.",
            ..ROW
        },
        no_evict,
    ),
    (
        Command {
            name: "client|no-touch",
            usage: "enabled=<ON|OFF>",
            since: "7.2.0",
            about: "Lets the connection's reads leave no trace in the keys' access times.",
            ..ROW
        },
        no_touch,
    ),
    (
        Command {
            name: "client|pause",
            usage: "timeout:integer mode=[WRITE|ALL]",
            flags: OTHERS,
            since: "3.0.0",
            about: "Holds commands back for some milliseconds.",
            ..ROW
        },
        pause,
    ),
    (
        Command {
            name: "client|quorum",
            usage: "[replicas:integer durability=[MEMORY|DISK]]",
            since: "8.0.0",
            about: "Lets writes be replied to when so many replicas have them, or tells how many must.",
            ..ROW
        },
        quorum,
    ),
    (
        Command {
            name: "client|reply",
            usage: "action=<ON|OFF|SKIP>",
            since: "3.2.0",
            about: "Chooses whether commands are replied to.",
            ..ROW
        },
        reply,
    ),
    (
        Command {
            name: "client|setinfo",
            usage: "attr=<libname=LIB-NAME libname|libver=LIB-VER libver>",
            since: "7.2.0",
            about: "Names the library that the client uses.",
            tips: EVERYWHERE,
            ..ROW
        },
        set_info,
    ),
    (
        Command {
            name: "client|setname",
            usage: "connection-name",
            since: "2.6.9",
            about: "Names the connection.",
            tips: EVERYWHERE,
            ..ROW
        },
        set_name,
    ),
    (
        Command {
            name: "client|unblock",
            usage: "client-id:integer unblock-type=[TIMEOUT|ERROR]",
            flags: OTHERS.with(Flags::LENIENT),
            since: "5.0.0",
            cost: "O(log N) where N is the number of clients",
            about: "Ends the wait of another client.",
            ..ROW
        },
        unblock,
    ),
    (
        Command {
            name: "client|unpause",
            flags: OTHERS,
            since: "6.2.0",
            cost: "O(N) where N is the number of clients held back",
            about: "Ends a pause.",
            ..ROW
        },
        unpause,
    ),
];

fn id(call: &mut HostCall<'_>) -> Result<(), Error> {
    call.reply.integer(call.session.client.id as i64);
    Ok(())
}

fn name(call: &mut HostCall<'_>) -> Result<(), Error> {
    let names = call.session.client.names();

    if names.name.is_empty() {
        call.reply.null();
    } else {
        call.reply.bulk(&names.name);
    }
    Ok(())
}

fn set_name(call: &mut HostCall<'_>) -> Result<(), Error> {
    let name = checked_name(call.args.word(), "Client names")?;

    call.session.client.rename(|names| names.name = name.into());

    call.reply.ok();
    Ok(())
}

/// A text that fits the lines of CLIENT LIST: no spaces, controls or bytes beyond ASCII.
pub(super) fn checked_name<'a>(text: &'a [u8], what: &str) -> Result<&'a [u8], Error> {
    if text.iter().all(u8::is_ascii_graphic) {
        return Ok(text);
    }
    Err(Error::Made(format!("ERR {what} cannot contain spaces, newlines or special characters.")))
}

fn set_info(call: &mut HostCall<'_>) -> Result<(), Error> {
    let (attribute, value) = (call.args.word(), call.args.word());
    let shown = String::from_utf8_lossy(attribute);
    if attribute.eq_ignore_ascii_case(b"lib-name") {
        let name = checked_name(value, &shown)?;
        call.session.client.rename(|names| names.library = name.into());
    } else if attribute.eq_ignore_ascii_case(b"lib-ver") {
        let version = checked_name(value, &shown)?;
        call.session.client.rename(|names| names.library_version = version.into());
    } else {
        return Err(Error::Made(format!("ERR Unrecognized option '{shown}'")));
    }

    call.reply.ok();
    Ok(())
}

/// Capabilities that the server does not know are none of its business.
fn capabilities(call: &mut HostCall<'_>) -> Result<(), Error> {
    let knows_redirect = call.args.rest().iter().any(|word| word.eq_ignore_ascii_case(b"redirect"));

    if knows_redirect {
        call.session.client.set(Flag::Redirect, true);
    }

    call.reply.ok();
    Ok(())
}

fn no_evict(call: &mut HostCall<'_>) -> Result<(), Error> {
    set_flag(call, Flag::NoEvict)
}

fn no_touch(call: &mut HostCall<'_>) -> Result<(), Error> {
    set_flag(call, Flag::NoTouch)?;
    call.session.is_untouching = call.session.client.has(Flag::NoTouch);
    Ok(())
}

fn set_flag(call: &mut HostCall<'_>, flag: Flag) -> Result<(), Error> {
    let is_set = call.args.accept("on");
    if !is_set && !call.args.accept("off") {
        return Err(Error::Syntax);
    }

    call.session.client.set(flag, is_set);

    call.reply.ok();
    Ok(())
}

/// Without words it tells what holds for writes of this client to the database that it has chosen.
fn quorum(call: &mut HostCall<'_>) -> Result<(), Error> {
    if call.args.remaining() > 0 {
        let count = call.args.integer();
        let copies = match () {
            () if call.args.remaining() == 0 || call.args.accept("memory") => Copies::InMemory,
            () if call.args.accept("disk") => Copies::OnDisk,
            () => return Err(Error::Syntax),
        };
        call.args.finish()?;
        let count = u32::try_from(count).ok().filter(|count| *count <= COPIES_MAX);
        let count = count.ok_or(Error::Text("ERR value is out of range"))?;

        call.session.ask_quorum(Quorum::of(count, copies), call.shared);

        call.reply.ok();
        return Ok(());
    }
    let holds = call.session.own_quorum.and(call.shared.replication.quorums.of(call.session.db));

    call.reply.map(2);
    call.reply.bulk(b"memory");
    call.reply.integer(holds.in_memory.into());
    call.reply.bulk(b"disk");
    call.reply.integer(holds.on_disk.into());
    Ok(())
}

/// Only `ON` is replied to.
fn reply(call: &mut HostCall<'_>) -> Result<(), Error> {
    if call.args.accept("on") {
        call.session.reply_mode = ReplyMode::All;
        call.reply.ok();
    } else if call.args.accept("off") {
        call.session.reply_mode = ReplyMode::None;
    } else if !call.args.accept("skip") {
        return Err(Error::Syntax);
    } else if call.session.reply_mode != ReplyMode::None {
        call.session.reply_mode = ReplyMode::AllButNext;
    }
    Ok(())
}

fn pause(call: &mut HostCall<'_>) -> Result<(), Error> {
    if call.args.remaining() > 2 {
        let text = "ERR unknown subcommand or wrong number of arguments for 'PAUSE'. Try CLIENT HELP.";
        return Err(Error::Text(text));
    }
    let milliseconds = call.args.integer_or(Error::NotATimeout);
    let mode = match () {
        () if call.args.remaining() == 0 || call.args.accept("all") => PauseMode::Everything,
        () if call.args.accept("write") => PauseMode::Writes,
        () => return Err(Error::Text("ERR CLIENT PAUSE mode must be WRITE or ALL")),
    };
    call.args.check()?;
    let now = now();
    let until = now.after_timeout(milliseconds)?;

    call.shared.clients.pause.start(PauseReason::Client, until, mode, now);

    call.reply.ok();
    Ok(())
}

fn unblock(call: &mut HostCall<'_>) -> Result<(), Error> {
    if call.args.remaining() > 2 {
        return Err(Error::wrong_subcommand("client", call.args.words()[1]));
    }
    let id = call.args.integer();
    let is_error = call.args.accept("ERROR");
    if !is_error && call.args.remaining() > 0 && !call.args.accept("TIMEOUT") {
        return Err(Error::Text("ERR CLIENT UNBLOCK reason should be TIMEOUT or ERROR"));
    }
    call.args.finish()?;

    let client = u64::try_from(id).ok().and_then(|id| call.shared.clients.get(id));
    let has_ended = client.and_then(|client| client.waiter()).is_some_and(|waiter| {
        if is_error {
            waiter.fail(Error::Text("UNBLOCKED client unblocked via CLIENT UNBLOCK"))
        } else {
            waiter.give_up()
        }
    });

    call.reply.integer(has_ended.into());
    Ok(())
}

fn unpause(call: &mut HostCall<'_>) -> Result<(), Error> {
    call.shared.clients.pause.end(PauseReason::Client);

    call.reply.ok();
    Ok(())
}
