//! COMMAND: the table as clients see it.

mod docs;
mod info;
mod keys;

use super::{HostCall, HostRow};
use spinel_storage::Error;
use spinel_storage::command::flags::Flags;
use spinel_storage::command::help::reply_help;
use spinel_storage::command::table::{CommandId, CommandTable};
use spinel_storage::command::{Command, Group};
use spinel_storage::pattern::{Case, matches};

const FLAGS: Flags = Flags::LOADING.with(Flags::STALE).with(Flags::CONNECTION);
const ROW: Command = Command { group: Group::Server, flags: FLAGS, since: "2.8.13", ..Command::ROW };
const UNORDERED: &[&str] = &["nondeterministic_output_order"];

/// The rows of this family.
pub(super) const COMMANDS: &[HostRow] = &[
    (
        Command {
            name: "command",
            about: "Describes all commands.",
            cost: "O(N) where N is the number of commands",
            tips: UNORDERED,
            ..ROW
        },
        all,
    ),
    (Command { name: "command|count", about: "Counts the commands.", ..ROW }, count),
    (
        Command {
            name: "command|docs",
            usage: "[command-name...]",
            about: "Documents commands.",
            cost: "O(N) where N is the number of commands",
            since: "7.0.0",
            tips: UNORDERED,
            ..ROW
        },
        docs::docs,
    ),
    (
        Command {
            name: "command|getkeys",
            usage: "command [arg...]",
            about: "Tells which words of a call are keys.",
            cost: "O(N) where N is the number of words",
            ..ROW
        },
        keys::keys,
    ),
    (
        Command {
            name: "command|getkeysandflags",
            usage: "command [arg...]",
            about: "Tells which words of a call are keys and what is done with them.",
            cost: "O(N) where N is the number of words",
            since: "7.0.0",
            ..ROW
        },
        keys::keys_and_flags,
    ),
    (Command { name: "command|help", since: "5.0.0", about: "Explains the subcommands.", ..ROW }, help),
    (
        Command {
            name: "command|info",
            usage: "[command-name...]",
            about: "Describes commands.",
            cost: "O(N) where N is the number of commands",
            tips: UNORDERED,
            ..ROW
        },
        info::info,
    ),
    (
        Command {
            name: "command|list",
            usage: "[FILTERBY filterby=<MODULE module-name|ACLCAT category|PATTERN pattern>]",
            about: "Lists the names of commands.",
            cost: "O(N) where N is the number of commands",
            since: "7.0.0",
            tips: UNORDERED,
            ..ROW
        },
        list,
    ),
];

/// The commands that are no subcommands.
fn top_level(table: &CommandTable) -> impl Iterator<Item = CommandId> {
    table.ids().filter(|id| table.row(*id).command.container().is_none())
}

fn all(call: &mut HostCall<'_>) -> Result<(), Error> {
    info::describe_all(call);
    Ok(())
}

fn count(call: &mut HostCall<'_>) -> Result<(), Error> {
    let count = top_level(call.shared.engine.table()).count();
    call.reply.integer(count as i64);
    Ok(())
}

fn list(call: &mut HostCall<'_>) -> Result<(), Error> {
    if call.args.remaining() > 0 {
        return list_filtered(call);
    }
    list_shown(call, |_, _| true, b"")
}

fn list_filtered(call: &mut HostCall<'_>) -> Result<(), Error> {
    let is_wanted: fn(&Command, &[u8]) -> bool = match () {
        () if !call.args.accept("filterby") => return Err(Error::Syntax),
        // No command comes from a module.
        () if call.args.accept("module") => |_, _| false,
        () if call.args.accept("aclcat") => |command, category| {
            std::str::from_utf8(category)
                .is_ok_and(|category| command.is_in_category(&category.to_ascii_lowercase()))
        },
        () if call.args.accept("pattern") => {
            |command, pattern| matches(pattern, command.name.as_bytes(), Case::Insensitive)
        }
        () => return Err(Error::Syntax),
    };
    let operand = call.args.word();
    call.args.finish()?;

    list_shown(call, is_wanted, operand)
}

/// Lists commands and subcommands, unless they are hidden.
fn list_shown(
    call: &mut HostCall<'_>,
    is_wanted: fn(&Command, &[u8]) -> bool,
    operand: &[u8],
) -> Result<(), Error> {
    let table = call.shared.engine.table();
    let deferred = call.reply.deferred_array();
    let mut count = 0;
    let shown = table.ids().map(|id| table.row(id)).filter(|row| !row.is_hidden);
    for command in shown.map(|row| row.command).filter(|command| is_wanted(command, operand)) {
        call.reply.bulk(command.name.as_bytes());
        count += 1;
    }
    call.reply.finish_array(deferred, count);
    Ok(())
}

fn help(call: &mut HostCall<'_>) -> Result<(), Error> {
    const NAMES: &[&str] =
        &["If no command names are given, documentation details for all", "commands are returned."];
    let forms: &[(&str, &[&str])] = &[
        ("(no subcommand)", &["Return details about all Redis commands."]),
        ("COUNT", &["Return the total number of commands in this Redis server."]),
        ("LIST", &["Return a list of all commands in this Redis server."]),
        ("INFO [<command-name> ...]", &["Return details about multiple Redis commands.", NAMES[0], NAMES[1]]),
        (
            "DOCS [<command-name> ...]",
            &["Return documentation details about multiple Redis commands.", NAMES[0], NAMES[1]],
        ),
        ("GETKEYS <full-command>", &["Return the keys from a full Redis command."]),
        (
            "GETKEYSANDFLAGS <full-command>",
            &["Return the keys and the access flags from a full Redis command."],
        ),
    ];
    reply_help(call.reply, "COMMAND", forms);
    Ok(())
}
