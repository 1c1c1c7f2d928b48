//! BACKUP: copies of the data set in a folder that the settings name.

use super::{HostCall, HostRow, InTurn, TurnRow};
use crate::config::table;
use crate::persistence::{BackupName, Ending, NoBackup, Work, list_backups};
use crate::server::now;
use spinel_storage::Error;
use spinel_storage::command::flags::Flags;
use spinel_storage::command::help::reply_help;
use spinel_storage::command::{Command, Group, Run};

const ADMIN: Flags = Flags::ADMIN.with(Flags::NOSCRIPT);
const ROW: Command = Command { group: Group::Server, since: "8.0.0", flags: ADMIN, ..Command::ROW };

const NO_FOLDER: Error = Error::Text("ERR There are no backups, because the setting backup-dir is empty");
const BAD_NAME: Error = Error::Text(
    "ERR The name of a backup has 1 to 100 letters, digits, dots, '-' and '_', and does not begin with a dot, '-' or \
     'temp-'",
);
const ALREADY_THERE: Error = Error::Text("ERR There is a backup of this name already");
const BUSY: Error = Error::Text("ERR Something else is being written in the background");
const NOTHING_TO_CANCEL: Error = Error::Text("ERR No backup is being written");

/// The rows of this family.
pub(super) const COMMANDS: &[HostRow] = &[
    (
        Command {
            name: "backup",
            run: Run::Container,
            flags: Flags::NONE,
            cost: "Depends on subcommand.",
            about: "Copies the data set while commands go on.",
            ..ROW
        },
        help,
    ),
    (Command { name: "backup|cancel", about: "Gives up the backup that is being written.", ..ROW }, cancel),
    (
        Command {
            name: "backup|help",
            flags: Flags::LOADING.with(Flags::STALE),
            about: "Explains the subcommands.",
            ..ROW
        },
        help,
    ),
    (
        Command {
            name: "backup|list",
            cost: "O(N) where N is the number of backups",
            about: "Lists the backups that are there, with their bytes and when they were made.",
            ..ROW
        },
        list,
    ),
    (
        Command {
            name: "backup|status",
            about: "Tells of the backup that is being written, and how the one before ended.",
            tips: &["nondeterministic_output"],
            ..ROW
        },
        status,
    ),
];

/// The row whose handler stops all writes for a moment.
pub(super) const TURN_COMMANDS: &[TurnRow] = &[(
    Command {
        name: "backup|start",
        usage: "[name:string]",
        flags: ADMIN.with(Flags::NO_MULTI),
        cost: "O(N) where N is the number of keys, in the background",
        about: "Begins to write a backup, and returns its name.",
        ..ROW
    },
    start,
)];

fn start(call: &mut InTurn<'_, '_>) -> Result<(), Error> {
    let name = match call.args.rest() {
        [] => BackupName::of_time(now()),
        [word] => BackupName::new(word).ok_or(BAD_NAME)?,
        _ => return Err(Error::Syntax),
    };

    let begun = call.shared.persistence.begin_backup(call.shared, call.turn, name.clone());
    begun.map_err(|refusal| match refusal {
        NoBackup::NoFolder => NO_FOLDER,
        NoBackup::AlreadyThere => ALREADY_THERE,
        NoBackup::Busy => BUSY,
    })?;

    call.reply.bulk(name.to_string().as_bytes());
    Ok(())
}

fn cancel(call: &mut HostCall<'_>) -> Result<(), Error> {
    if !call.shared.persistence.cancel_backup() {
        return Err(NOTHING_TO_CANCEL);
    }

    call.reply.ok();
    Ok(())
}

fn status(call: &mut HostCall<'_>) -> Result<(), Error> {
    let persistence = &call.shared.persistence;
    let (backups, activity) = (persistence.backups(), persistence.activity());

    let reply = &mut *call.reply;
    let activity = activity.filter(|activity| activity.work == Work::Backup);
    let (done, all) = activity.map_or((0, 0), |activity| (activity.keys_done, activity.keys));
    reply.map(8);
    reply.bulk(b"running");
    reply.integer(i64::from(backups.current.is_some()));
    reply.bulk(b"name");
    reply.bulk(backups.current.map(|name| name.to_string()).unwrap_or_default().as_bytes());
    reply.bulk(b"keys-written");
    reply.integer(done as i64);
    reply.bulk(b"keys");
    reply.integer(all as i64);
    let (name, how, at, took_ms) = match backups.last {
        Some(last) => (last.name.to_string(), shown(&last.how), last.at.0 / 1000, last.took_ms),
        None => (String::new(), String::new(), 0, 0),
    };
    reply.bulk(b"last-name");
    reply.bulk(name.as_bytes());
    reply.bulk(b"last-status");
    reply.bulk(how.as_bytes());
    reply.bulk(b"last-time");
    reply.integer(at);
    reply.bulk(b"last-milliseconds");
    reply.integer(took_ms);
    Ok(())
}

fn shown(how: &Ending) -> String {
    match how {
        Ending::Complete => "ok".to_owned(),
        Ending::Cancelled => "cancelled".to_owned(),
        Ending::Failed(reason) => format!("failed: {reason}"),
    }
}

fn list(call: &mut HostCall<'_>) -> Result<(), Error> {
    let folder = call.shared.config.path(table::BACKUP_DIR).ok_or(NO_FOLDER)?;
    let backups = list_backups(&folder)
        .map_err(|error| Error::Made(format!("ERR The folder of backups can't be read: {error}")))?;

    call.reply.array(backups.len());
    for backup in backups {
        call.reply.map(3);
        call.reply.bulk(b"name");
        call.reply.bulk(backup.name.to_string().as_bytes());
        call.reply.bulk(b"bytes");
        call.reply.integer(backup.bytes as i64);
        call.reply.bulk(b"time");
        call.reply.integer(backup.time as i64);
    }
    Ok(())
}

fn help(call: &mut HostCall<'_>) -> Result<(), Error> {
    let forms: &[(&str, &[&str])] = &[
        ("CANCEL", &["Give up the backup that is being written."]),
        ("LIST", &["List the backups that are there: name, bytes, Unix time."]),
        ("START [<name>]", &["Begin to write a backup in the folder that backup-dir names."]),
        ("STATUS", &["Tell how far the backup is, and how the one before ended."]),
    ];
    reply_help(call.reply, "BACKUP", forms);
    Ok(())
}
