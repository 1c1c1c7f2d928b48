//! Waiting for replicas: WAIT.

use crate::command::call::Call;
use crate::command::flags::Flags;
use crate::command::{Command, Reach, Run};
use crate::error::Error;

/// The rows of this file.
pub(super) const COMMANDS: &[Command] = &[Command {
    name: "wait",
    usage: "numreplicas:integer timeout:integer",
    flags: Flags::BLOCKING.with(Flags::CONNECTION),
    reach: Reach::Sweep,
    since: "3.0.0",
    about: "Counts the replicas that have the writes so far; an engine without replicas has none to wait for.",
    tips: &["request_policy:all_shards", "response_policy:agg_min"],
    run: Run::Data(wait),
    ..Command::ROW
}];

fn wait(call: &mut Call<'_>) -> Result<(), Error> {
    call.args.integer();
    call.args.check()?;
    let timeout = call.args.integer_or(Error::Text("ERR timeout is not an integer or out of range"));
    call.args.check()?;
    if timeout < 0 {
        return Err(Error::Text("ERR timeout is negative"));
    }
    if timeout.checked_add(call.now.0).is_none() {
        return Err(Error::Text("ERR timeout is out of range"));
    }

    call.reply.integer(0);
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::commands::script::check;

    #[test]
    fn nobody_is_waited_for() {
        check(
            "WAIT 0 0                      => 0
             WAIT 1 100                    => 0
             WAIT x y                      => ERR value is not an integer or out of range
             WAIT 0 x                      => ERR timeout is not an integer or out of range
             WAIT 0 -1                     => ERR timeout is negative
             WAIT 0 9223372036854775807    => ERR timeout is out of range",
        );
    }
}
