//! The process: its time, its end.

use super::{HostCall, HostRow, art};
use crate::session::Flow;
use spinel_storage::Error;
use spinel_storage::command::flags::Flags;
use spinel_storage::command::{Command, Group};
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

/// What SHUTDOWN is told.
#[derive(PartialEq, Eq)]
enum Shutdown {
    Start { saves: bool },
    Abort,
}

fn shutdown(call: &mut HostCall<'_>) -> Result<(), Error> {
    let Shutdown::Start { saves } = read_shutdown(call)? else {
        // A shutdown waits for nobody, so there is none to catch.
        return Err(Error::Text("ERR No shutdown in progress."));
    };

    call.shared.orders.stop(saves);
    call.session.flow = Flow::Stay;
    Ok(())
}

fn read_shutdown(call: &mut HostCall<'_>) -> Result<Shutdown, Error> {
    let words = call.args.rest();
    let has = |option: &str| words.iter().any(|word| word.eq_ignore_ascii_case(option.as_bytes()));
    // NOW doesn't wait and FORCE doesn't fail: nothing is waited for and nothing can fail in any case.
    let known = ["nosave", "save", "now", "force", "abort"];
    let is_known = |word: &&[u8]| known.iter().any(|known| word.eq_ignore_ascii_case(known.as_bytes()));
    let starts = known[..4].iter().any(|option| has(option));
    if !words.iter().all(is_known) || has("save") && has("nosave") || has("abort") && starts {
        return Err(Error::Syntax);
    }
    Ok(if has("abort") { Shutdown::Abort } else { Shutdown::Start { saves: has("save") } })
}

fn time(call: &mut HostCall<'_>) -> Result<(), Error> {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();

    call.reply.array(2);
    call.reply.bulk_integer(since_epoch.as_secs() as i64);
    call.reply.bulk_integer(i64::from(since_epoch.subsec_micros()));
    Ok(())
}
