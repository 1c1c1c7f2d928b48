//! MODULE: tools ask which modules are loaded. There are none, and none can be.

use super::{HostCall, HostRow};
use crate::config::table;
use spinel_storage::Error;
use spinel_storage::command::flags::Flags;
use spinel_storage::command::help::reply_help;
use spinel_storage::command::{Command, Group, Run};

const ADMIN: Flags = Flags::ADMIN.with(Flags::NOSCRIPT);
const ROW: Command = Command {
    group: Group::Server,
    flags: ADMIN.with(Flags::NO_ASYNC_LOADING),
    since: "4.0.0",
    ..Command::ROW
};

/// The rows of this family.
pub(super) const COMMANDS: &[HostRow] = &[
    (
        Command {
            name: "module",
            run: Run::Container,
            flags: Flags::NONE,
            cost: "Depends on subcommand.",
            about: "Holds the subcommands about modules.",
            ..ROW
        },
        help,
    ),
    (
        Command {
            name: "module|help",
            flags: Flags::LOADING.with(Flags::STALE),
            since: "5.0.0",
            about: "Explains the subcommands.",
            ..ROW
        },
        help,
    ),
    (
        Command {
            name: "module|list",
            flags: ADMIN,
            cost: "O(N) where N is the number of loaded modules.",
            about: "Returns the modules that are loaded, which are none.",
            tips: &["nondeterministic_output_order"],
            ..ROW
        },
        list,
    ),
    (
        Command {
            name: "module|load",
            usage: "path [arg...]",
            about: "Fails, as there are no modules.",
            ..ROW
        },
        load,
    ),
    (
        Command {
            name: "module|loadex",
            usage: "path [CONFIG configs=(name value)]... args=[ARGS arg...]",
            since: "7.0.0",
            about: "Fails, as there are no modules.",
            ..ROW
        },
        load,
    ),
    (
        Command { name: "module|unload", usage: "name", about: "Fails, as there are no modules.", ..ROW },
        unload,
    ),
];

const NOT_ALLOWED: Error = Error::Text(
    "ERR MODULE command not allowed. If the enable-module-command option is set to \"local\", you can run it from a local \
     connection, otherwise you need to set this option in the configuration file, and then restart the server.",
);
const NOT_LOADED: Error = Error::Text("ERR Error loading the extension. Please check the server logs.");
const NO_SUCH_MODULE: Error = Error::Text("ERR Error unloading module: no such module with that name");

fn list(call: &mut HostCall<'_>) -> Result<(), Error> {
    call.reply.array(0);
    Ok(())
}

fn load(call: &mut HostCall<'_>) -> Result<(), Error> {
    Err(if call.is_allowed(table::ENABLE_MODULE_COMMAND) { NOT_LOADED } else { NOT_ALLOWED })
}

fn unload(call: &mut HostCall<'_>) -> Result<(), Error> {
    Err(if call.is_allowed(table::ENABLE_MODULE_COMMAND) { NO_SUCH_MODULE } else { NOT_ALLOWED })
}

fn help(call: &mut HostCall<'_>) -> Result<(), Error> {
    let forms: &[(&str, &[&str])] = &[
        ("LIST", &["Return a list of loaded modules."]),
        (
            "LOAD <path> [<arg> ...]",
            &["Load a module library from <path>, passing to it any optional arguments."],
        ),
        (
            "LOADEX <path> [[CONFIG NAME VALUE] [CONFIG NAME VALUE]] [ARGS ...]",
            &[
                "Load a module library from <path>, while passing it module configurations and optional arguments.",
            ],
        ),
        ("UNLOAD <name>", &["Unload a module."]),
    ];
    reply_help(call.reply, "MODULE", forms);
    Ok(())
}
