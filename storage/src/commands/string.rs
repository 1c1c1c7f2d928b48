//! Strings.

use crate::command::call::Call;
use crate::command::flags::Flags;
use crate::command::keys::{KeySpec, KeyUse};
use crate::command::{Command, Group, Run};
use crate::error::Error;
use crate::keyspace::guard::Expiry;
use spinel_resp::ReplyWriter;
use spinel_types::Str;

const READ: &[KeySpec] = &[KeySpec::at(1, KeyUse::READ_ONLY.with(KeyUse::ACCESS))];
const WRITE: &[KeySpec] = &[KeySpec::at(1, KeyUse::READ_WRITE.with(KeyUse::ACCESS).with(KeyUse::UPDATE))];

/// The rows of this family.
pub(super) const COMMANDS: &[Command] = &[
    Command {
        name: "get",
        usage: "key",
        keys: READ,
        flags: Flags::READONLY.with(Flags::FAST),
        group: Group::String,
        about: "Returns the string value of a key.",
        run: Run::Data(get),
        ..Command::ROW
    },
    Command {
        name: "set",
        usage: "key value",
        keys: WRITE,
        flags: Flags::WRITE.with(Flags::DENYOOM),
        group: Group::String,
        about: "Sets the string value of a key, whatever it held before.",
        run: Run::Data(set),
        ..Command::ROW
    },
    Command {
        name: "incr",
        usage: "key",
        keys: WRITE,
        flags: Flags::WRITE.with(Flags::DENYOOM).with(Flags::FAST),
        group: Group::String,
        about: "Adds one to the integer value of a key, which starts at 0.",
        run: Run::Data(incr),
        ..Command::ROW
    },
];

fn get(call: &mut Call<'_>) -> Result<(), Error> {
    let key = call.args.word();

    match call.keys.read_string(key)? {
        Some(value) => reply_string(call.reply, value),
        None => call.reply.null(),
    }
    Ok(())
}

fn set(call: &mut Call<'_>) -> Result<(), Error> {
    let (key, value) = (call.args.word(), call.args.word());
    call.args.finish()?;

    call.keys.write(key).set_text(value, Expiry::Never);

    call.reply.ok();
    Ok(())
}

fn incr(call: &mut Call<'_>) -> Result<(), Error> {
    let key = call.args.word();

    let mut guard = call.keys.write(key);
    let before = match guard.string()? {
        None => 0,
        Some(Str::Integer(integer)) => integer,
        Some(Str::Text(text)) => spinel_resp::parse_integer(text).ok_or(Error::NotAnInteger)?,
    };
    let after = before.checked_add(1).ok_or(Error::IncrementOverflow)?;
    guard.set_integer(after, Expiry::Keep);

    call.reply.integer(after);
    Ok(())
}

/// Replies a string value as it is stored.
pub(super) fn reply_string(reply: &mut ReplyWriter, value: Str<'_>) {
    match value {
        Str::Text(text) => reply.bulk(text),
        Str::Integer(integer) => reply.bulk_integer(integer),
    }
}
