//! The process: its time, its end.

use super::{HostCall, HostRow, art};
use crate::clients::Flag;
use crate::orders::Farewell;
use spinel_storage::Error;
use spinel_storage::command::flags::Flags;
use spinel_storage::command::{Command, Group};
use spinel_storage::engine::wait::Otherwise;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

const ANYTIME: Flags = Flags::LOADING.with(Flags::STALE);
const ROW: Command = Command { group: Group::Server, ..Command::ROW };

/// The rows of this family.
pub(super) const COMMANDS: &[HostRow] = &[
    (
        Command {
            name: "lolwut",
            usage: "[VERSION version:integer]",
            flags: Flags::READONLY.with(Flags::FAST),
            since: "5.0.0",
            cost: "",
            about: "Draws something, and tells the version.",
            ..ROW
        },
        art::lolwut,
    ),
    (
        Command {
            name: "monitor",
            flags: ANYTIME.with(Flags::ADMIN).with(Flags::NOSCRIPT),
            cost: "",
            about: "Shows all commands that clients run.",
            ..ROW
        },
        monitor,
    ),
    (
        Command {
            name: "shutdown",
            usage: "save-selector=[NOSAVE|SAVE] [NOW] [FORCE] [ABORT]",
            flags: ANYTIME
                .with(Flags::ADMIN)
                .with(Flags::NOSCRIPT)
                .with(Flags::NO_MULTI)
                .with(Flags::ALLOW_BUSY),
            cost: "O(N) when saving, where N is the number of keys, else O(1)",
            about: "Ends the server.",
            ..ROW
        },
        shutdown,
    ),
    (
        Command {
            name: "time",
            flags: ANYTIME.with(Flags::FAST),
            since: "2.6.0",
            about: "Tells the time.",
            tips: &["nondeterministic_output"],
            ..ROW
        },
        time,
    ),
];

fn monitor(call: &mut HostCall<'_>) -> Result<(), Error> {
    if call.session.transactions.is_running {
        return Err(Error::Text("ERR MONITOR isn't allowed for DENY BLOCKING client"));
    }
    // Who monitors already gets no reply, as in Redis.
    if !call.session.client.has(Flag::Monitor) {
        call.session.start_monitoring(call.shared);
        call.reply.ok();
    }
    Ok(())
}

/// What SHUTDOWN is told.
#[derive(PartialEq, Eq)]
enum Shutdown {
    Start { saves: Option<bool>, is_forced: bool, waits: bool },
    Abort,
}

fn shutdown(call: &mut HostCall<'_>) -> Result<(), Error> {
    let Shutdown::Start { saves, is_forced, waits } = read_shutdown(call)? else {
        if !call.shared.orders.abort_stop() {
            return Err(Error::Text("ERR No shutdown in progress."));
        }
        call.reply.ok();
        return Ok(());
    };

    // Only if the server can't end there is a reply.
    let waiter = call.shared.engine.wait_idly(call.session.protocol(), None, Otherwise::Null);
    let asker = Some(Arc::clone(&waiter));
    call.shared.orders.stop(Farewell { saves, is_forced, waits, asker });
    call.session.wait_for(waiter);
    Ok(())
}

fn read_shutdown(call: &mut HostCall<'_>) -> Result<Shutdown, Error> {
    let words = call.args.rest();
    let has = |option: &str| words.iter().any(|word| word.eq_ignore_ascii_case(option.as_bytes()));
    let known = ["nosave", "save", "now", "force", "abort"];
    let is_known = |word: &&[u8]| known.iter().any(|known| word.eq_ignore_ascii_case(known.as_bytes()));
    let starts = known[..4].iter().any(|option| has(option));
    if !words.iter().all(is_known) || has("save") && has("nosave") || has("abort") && starts {
        return Err(Error::Syntax);
    }
    let saves = [("save", true), ("nosave", false)].into_iter().find(|(word, _)| has(word));
    let saves = saves.map(|(_, saves)| saves);
    let start = Shutdown::Start { saves, is_forced: has("force"), waits: !has("now") };
    Ok(if has("abort") { Shutdown::Abort } else { start })
}

fn time(call: &mut HostCall<'_>) -> Result<(), Error> {
    let now = || SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let transactions = &mut call.session.transactions;
    let since_epoch =
        if transactions.is_running { *transactions.moment.get_or_insert_with(now) } else { now() };

    call.reply.array(2);
    call.reply.bulk_integer(since_epoch.as_secs() as i64);
    call.reply.bulk_integer(i64::from(since_epoch.subsec_micros()));
    Ok(())
}
