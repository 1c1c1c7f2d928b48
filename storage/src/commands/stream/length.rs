//! Counting entries: XLEN.

use crate::command::call::Call;
use crate::command::flags::Flags;
use crate::command::keys::{KeySpec, KeyUse};
use crate::command::{Command, Group, Run};
use crate::error::Error;
use spinel_types::Stream;

/// The rows of this file.
pub(super) const COMMANDS: &[Command] = &[Command {
    name: "xlen",
    usage: "key",
    keys: &[KeySpec::at(1, KeyUse::READ_ONLY)],
    flags: Flags::READONLY.with(Flags::FAST),
    group: Group::Stream,
    since: "5.0.0",
    about: "Counts the entries of a stream.",
    run: Run::Data(xlen),
    ..Command::ROW
}];

fn xlen(call: &mut Call<'_>) -> Result<(), Error> {
    let key = call.args.word();

    let length = call.keys.read_stream(key)?.map_or(0, Stream::len);

    call.reply.integer(length as i64);
    Ok(())
}
