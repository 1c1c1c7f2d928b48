//! Other names for keys: RENAME, RENAMENX.

use crate::command::call::Call;
use crate::command::flags::Flags;
use crate::command::keys::{KeySpec, KeyUse};
use crate::command::{Command, Run};
use crate::error::Error;
use crate::keyspace::event::Event;

const SOURCE: KeySpec = KeySpec::at(1, KeyUse::READ_WRITE.with(KeyUse::ACCESS).with(KeyUse::DELETE));

/// The rows of this file.
pub(super) const COMMANDS: &[Command] = &[
    Command {
        name: "rename",
        usage: "key newkey",
        keys: &[SOURCE, KeySpec::at(2, KeyUse::OVERWRITE.with(KeyUse::UPDATE))],
        flags: Flags::WRITE,
        cost: "O(1)",
        about: "Gives a key another name, replacing what has it.",
        run: Run::Data(rename),
        ..Command::ROW
    },
    Command {
        name: "renamenx",
        usage: "key newkey",
        keys: &[SOURCE, KeySpec::at(2, KeyUse::OVERWRITE.with(KeyUse::INSERT))],
        flags: Flags::WRITE.with(Flags::FAST),
        cost: "O(1)",
        about: "Gives a key another name unless a key has it.",
        run: Run::Data(rename_if_free),
        ..Command::ROW
    },
];

fn rename(call: &mut Call<'_>) -> Result<(), Error> {
    let (from, to) = (call.args.word(), call.args.word());

    if call.keys.peek(from).is_none() {
        return Err(Error::NoSuchKey);
    }
    if from != to {
        transfer(call, from, to);
    }

    call.reply.ok();
    Ok(())
}

fn rename_if_free(call: &mut Call<'_>) -> Result<(), Error> {
    let (from, to) = (call.args.word(), call.args.word());

    if call.keys.peek(from).is_none() {
        return Err(Error::NoSuchKey);
    }
    let is_free = call.keys.peek(to).is_none();
    if is_free {
        transfer(call, from, to);
    }

    call.reply.integer(is_free.into());
    Ok(())
}

fn transfer(call: &mut Call<'_>, from: &[u8], to: &[u8]) {
    let mut source = call.keys.write(from);
    let value = source.take().expect("the source was seen");
    source.keep_quiet();
    drop(source);
    let mut destination = call.keys.write(to);
    destination.put(value);
    destination.keep_quiet();
    drop(destination);
    call.keys.write(from).notify(Event::generic("rename_from"));
    call.keys.write(to).notify(Event::generic("rename_to"));
}

#[cfg(test)]
mod tests {
    use crate::commands::script::check;

    #[test]
    fn a_key_takes_its_value_and_expiry_along() {
        check(
            "SET a v EX 10                 => OK
             SET b w                       => OK
             RENAME a b                    => OK
             EXISTS a                      => 0
             GET b                         => \"v\"
             @expiry b                     => 1010000
             SET c x                       => OK
             RENAME c b                    => OK
             @expiry b                     => never
             RENAME b b                    => OK
             RENAME none none              => ERR no such key
             RENAME none b                 => ERR no such key
             GET b                         => \"x\"",
        );
    }

    #[test]
    fn renamenx_leaves_other_keys_alone() {
        check(
            "MSET a 1 b 2                  => OK
             RENAMENX a b                  => 0
             RENAMENX a a                  => 0
             RENAMENX a c                  => 1
             RENAMENX none a               => ERR no such key
             MGET a b c                    => [nil, \"2\", \"1\"]
             SET a v PXAT 1                => OK
             RENAMENX b a                  => 1",
        );
    }
}
