//! Waiting for replicas: WAIT. There are none, so a client that waits for one waits until its time is up.

use super::{HostCall, HostRow};
use crate::server::now;
use spinel_storage::Error;
use spinel_storage::command::flags::Flags;
use spinel_storage::command::{Command, Reach};
use spinel_storage::engine::wait::Otherwise;
use std::time::Duration;

/// The rows of this family.
pub(super) const COMMANDS: &[HostRow] = &[(
    Command {
        name: "wait",
        usage: "numreplicas:integer timeout:integer",
        flags: Flags::BLOCKING.with(Flags::CONNECTION),
        reach: Reach::Sweep,
        since: "3.0.0",
        about: "Waits until so many replicas have the writes so far, and counts those that have.",
        tips: &["request_policy:all_shards", "response_policy:agg_min"],
        ..Command::ROW
    },
    wait,
)];

fn wait(call: &mut HostCall<'_>) -> Result<(), Error> {
    let replicas = call.args.integer();
    call.args.check()?;
    let timeout = call.args.timeout_ms(now())?;

    if replicas <= 0 || call.session.transactions.is_running {
        call.reply.integer(0);
        return Ok(());
    }
    // Zero means for ever.
    let timeout = (timeout > 0).then(|| Duration::from_millis(timeout));
    let protocol = call.session.protocol();
    let waiter = call.shared.engine.wait_idly(protocol, timeout, Otherwise::Integer(0));
    call.session.wait_for(waiter);
    Ok(())
}
