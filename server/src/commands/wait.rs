//! Waiting for replicas: WAIT. There are none, so a client that waits for one waits until its time is up.

use super::{HostCall, HostRow};
use crate::admission::ReplyMode;
use crate::server::now;
use crate::session::{Flow, Hold};
use spinel_storage::Error;
use spinel_storage::command::flags::Flags;
use spinel_storage::command::{Command, Reach};
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

    if replicas <= 0 {
        call.reply.integer(0);
        return Ok(());
    }
    call.session.owed = (call.session.reply_mode == ReplyMode::All).then_some(0);
    // Zero means for ever.
    call.session.hold = Hold::Replicas((timeout > 0).then(|| Duration::from_millis(timeout)));
    call.session.flow = Flow::Hold;
    Ok(())
}
