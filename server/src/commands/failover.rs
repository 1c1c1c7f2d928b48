//! FAILOVER: making a replica the primary, without losing a write; and primaries that are not to be followed.

use super::{HostCall, HostRow};
use crate::replication::poison::{self, Poisoned};
use crate::replication::{Failover, Plan, Target};
use spinel_storage::Error;
use spinel_storage::command::args::Args;
use spinel_storage::command::flags::Flags;
use spinel_storage::command::{Command, Group};
use std::time::Duration;

const NONE_TO_ABORT: Error = Error::Text("ERR No failover in progress.");
const NO_TIMEOUT: Error = Error::Text("ERR FAILOVER timeout must be greater than 0");

const TOO_MANY: Error = Error::Text("ERR Too many primaries are poisoned.");

/// The rows of this family.
pub(super) const COMMANDS: &[HostRow] = &[(
    Command {
        name: "failover",
        usage: "[TO target=(host port:integer [FORCE])] [ABORT] [TIMEOUT milliseconds:integer] \
                poison=[POISON operation=<add=(ADD name...)|del=(DEL name...)|LIST>]",
        group: Group::Server,
        flags: Flags::ADMIN.with(Flags::NOSCRIPT).with(Flags::STALE),
        since: "6.2.0",
        cost: "O(1)",
        about: "Makes a replica the primary once it has all writes; tells which primaries are not to be followed.",
        ..Command::ROW
    },
    failover,
)];

fn failover(call: &mut HostCall<'_>) -> Result<(), Error> {
    if call.args.remaining() == 1 && call.args.accept("ABORT") {
        let failover = &call.shared.replication.failover;
        if !failover.abort("Failover manually aborted", call.shared) {
            return Err(NONE_TO_ABORT);
        }
        call.reply.ok();
        return Ok(());
    }
    if call.args.accept("POISON") {
        return poison(call);
    }
    let plan = plan(&mut call.args)?;

    Failover::begin(plan, call.shared)?;

    call.reply.ok();
    Ok(())
}

/// `POISON ADD name...`, `POISON DEL name...`, `POISON LIST`.
fn poison(call: &mut HostCall<'_>) -> Result<(), Error> {
    let config = &call.shared.config;
    if call.args.remaining() == 1 && call.args.accept("LIST") {
        let names = Poisoned::of(config).names();
        call.reply.array(names.len());
        for name in &names {
            call.reply.bulk(name.as_bytes());
        }
        return Ok(());
    }
    let is_added = match () {
        () if call.args.remaining() > 1 && call.args.accept("ADD") => true,
        () if call.args.remaining() > 1 && call.args.accept("DEL") => false,
        () => return Err(Error::Syntax),
    };
    let names = call.args.rest();
    if let Some(word) = names.iter().find(|word| !poison::is_name(word)) {
        return Err(Error::quoting(&[b"ERR A replication ID or host:port is expected, not '", word, b"'"]));
    }

    let changed = poison::change(names, is_added, call.shared).ok_or(TOO_MANY)?;

    call.reply.integer(changed as i64);
    Ok(())
}

/// Reads `[TO host port] [FORCE] [TIMEOUT milliseconds]`, each once and in any order.
fn plan(args: &mut Args<'_>) -> Result<Plan, Error> {
    let mut plan = Plan::default();
    while args.remaining() > 0 {
        if plan.timeout.is_none() && args.remaining() > 1 && args.accept("TIMEOUT") {
            let milliseconds = args.integer();
            args.check()?;
            let milliseconds = u64::try_from(milliseconds).ok().filter(|time| *time > 0).ok_or(NO_TIMEOUT)?;
            plan.timeout = Some(Duration::from_millis(milliseconds));
        } else if plan.target.is_none() && args.remaining() > 2 && args.accept("TO") {
            let host = String::from_utf8_lossy(args.word()).into_owned();
            let port = args.integer();
            args.check()?;
            plan.target = Some(Target { host, port });
        } else if !plan.is_forced && args.accept("FORCE") {
            plan.is_forced = true;
        } else {
            return Err(Error::Syntax);
        }
    }
    Ok(plan)
}
