//! INFO.

use super::{HostCall, HostRow};
use crate::info;
use spinel_storage::Error;
use spinel_storage::command::flags::Flags;
use spinel_storage::command::{Command, Group};

/// The row of this command.
pub(super) const COMMANDS: &[HostRow] = &[(
    Command {
        name: "info",
        usage: "[section...]",
        flags: Flags::LOADING.with(Flags::STALE).with(Flags::DANGEROUS),
        group: Group::Server,
        about: "Describes the server, its load and its data.",
        tips: &["nondeterministic_output", "request_policy:all_shards", "response_policy:special"],
        ..Command::ROW
    },
    info,
)];

fn info(call: &mut HostCall<'_>) -> Result<(), Error> {
    let text = info::describe(call.shared, call.args.rest());

    call.reply.verbatim("txt", text.as_bytes());
    Ok(())
}
