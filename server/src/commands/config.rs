//! CONFIG: showing and changing settings.

use super::{HostCall, HostRow};
use crate::config::change::Refusal;
use crate::config::failure::plain;
use crate::config::rewrite::{Extent, RewriteError};
use crate::config::setting::Visibility;
use crate::config::table::{self, Key};
use crate::log;
use crate::server::Shared;
use crate::settle::settle;
use spinel_storage::Error;
use spinel_storage::command::flags::Flags;
use spinel_storage::command::help::reply_help;
use spinel_storage::command::{Command, Group, Run};
use spinel_storage::pattern::{Case, matches};

const ANYTIME: Flags = Flags::LOADING.with(Flags::STALE);
const ADMIN: Flags = ANYTIME.with(Flags::ADMIN).with(Flags::NOSCRIPT);
const ROW: Command = Command { group: Group::Server, since: "2.0.0", ..Command::ROW };
const ALL_NODES: &[&str] = &["request_policy:all_nodes", "response_policy:all_succeeded"];

/// The rows of this family.
pub(super) const COMMANDS: &[HostRow] = &[
    (
        Command {
            name: "config",
            run: Run::Container,
            cost: "Depends on subcommand.",
            about: "Shows and changes settings.",
            ..ROW
        },
        help,
    ),
    (
        Command {
            name: "config|get",
            usage: "parameter...",
            flags: ADMIN,
            cost: "O(N) where N is the number of settings",
            about: "Shows the settings whose names match.",
            ..ROW
        },
        get,
    ),
    (
        Command {
            name: "config|help",
            flags: ANYTIME,
            since: "5.0.0",
            about: "Explains the subcommands.",
            ..ROW
        },
        help,
    ),
    (
        Command {
            name: "config|resetstat",
            flags: ADMIN,
            about: "Starts the server's statistics again.",
            tips: ALL_NODES,
            ..ROW
        },
        reset_statistics,
    ),
    (
        Command {
            name: "config|rewrite",
            flags: ADMIN,
            since: "2.8.0",
            about: "Writes the settings into the file they came from.",
            tips: ALL_NODES,
            ..ROW
        },
        rewrite,
    ),
    (
        Command {
            name: "config|set",
            usage: "data=(parameter value)...",
            flags: ADMIN.with(Flags::SECRET_PARTS),
            cost: "O(N) where N is the number of settings",
            about: "Changes settings, all or none.",
            tips: ALL_NODES,
            ..ROW
        },
        set,
    ),
];

fn get(call: &mut HostCall<'_>) -> Result<(), Error> {
    let patterns = call.args.rest();

    let mut found: Vec<(Vec<u8>, Key)> = Vec::new();
    for pattern in patterns {
        for (name, key) in matching(pattern) {
            if !found.iter().any(|(other, _)| other.eq_ignore_ascii_case(&name)) {
                found.push((name, key));
            }
        }
    }

    call.reply.map(found.len());
    for (name, key) in found {
        call.reply.bulk(&name);
        call.reply.bulk(&call.shared.config.show(key));
    }
    Ok(())
}

/// The settings that a pattern means, by the names it means. A pattern without wildcards finds hidden ones, too.
fn matching(pattern: &[u8]) -> Vec<(Vec<u8>, Key)> {
    if !pattern.iter().any(|byte| b"[*?".contains(byte)) {
        return Key::by_name(pattern).map(|key| (pattern.to_vec(), key)).into_iter().collect();
    }
    let shown = table::all().filter(|key| key.setting().visibility == Visibility::Shown);
    let names = shown.flat_map(|key| key.setting().names().map(move |name| (name.as_bytes(), key)));
    let fitting = names.filter(|(name, _)| matches(pattern, name, Case::Insensitive));
    fitting.map(|(name, key)| (name.to_vec(), key)).collect()
}

fn set(call: &mut HostCall<'_>) -> Result<(), Error> {
    let words = call.args.rest();
    if !words.len().is_multiple_of(2) {
        return Err(Error::Syntax);
    }
    let allows_protected = call.is_allowed(table::ENABLE_PROTECTED_CONFIGS);

    let config = &call.shared.config;
    let _changing = config.changing();
    config
        .plan(words, allows_protected)
        .and_then(|changes| settle(call.shared, &changes))
        .map_err(|refusal| Error::Made(text(&refusal)))?;

    call.reply.ok();
    Ok(())
}

fn text(refusal: &Refusal) -> String {
    match refusal {
        Refusal::Unknown(name) => {
            let name = String::from_utf8_lossy(name);
            format!("ERR Unknown option or number of arguments for CONFIG SET - '{name}'")
        }
        Refusal::Because(name, reason) => {
            let name = String::from_utf8_lossy(name);
            format!("ERR CONFIG SET failed (possibly related to argument '{name}') - {reason}")
        }
    }
}

fn reset_statistics(call: &mut HostCall<'_>) -> Result<(), Error> {
    call.shared.reset_statistics();

    call.reply.ok();
    Ok(())
}

fn rewrite(call: &mut HostCall<'_>) -> Result<(), Error> {
    let config = &call.shared.config;
    let _changing = config.changing();
    config.rewrite(Extent::Changed, &declarations(call.shared)).map_err(|error| match error {
        RewriteError::NoFile => Error::Text("ERR The server is running without a config file"),
        RewriteError::Toml => Error::Text("ERR Rewriting config file: a TOML file is not rewritten"),
        RewriteError::Io(error) => {
            log::warning!("CONFIG REWRITE failed: {error}");
            Error::Made(format!("ERR Rewriting config file: {}", plain(&error)))
        }
    })?;
    log::notice!("CONFIG REWRITE executed with success.");

    call.reply.ok();
    Ok(())
}

/// The lines of users and roles that belong into the file of settings.
pub(super) fn declarations(shared: &Shared) -> Vec<Vec<u8>> {
    if shared.config.path(table::ACLFILE).is_none() { shared.acl.all_lines() } else { Vec::new() }
}

fn help(call: &mut HostCall<'_>) -> Result<(), Error> {
    let forms: &[(&str, &[&str])] = &[
        ("GET <pattern>", &["Return parameters matching the glob-like <pattern> and their values."]),
        ("SET <directive> <value>", &["Set the configuration <directive> to <value>."]),
        ("RESETSTAT", &["Reset statistics reported by the INFO command."]),
        ("REWRITE", &["Rewrite the configuration file."]),
    ];
    reply_help(call.reply, "CONFIG", forms);
    Ok(())
}
