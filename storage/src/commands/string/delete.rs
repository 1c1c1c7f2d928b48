//! Removing a key depending on its value: DELEX, DELIFEQ.

use super::condition::Condition;
use crate::command::call::Call;
use crate::command::flags::Flags;
use crate::command::keys::{KeySpec, KeyUse};
use crate::command::{Command, Group, Run};
use crate::error::Error;

/// The rows of this file.
pub(super) const COMMANDS: &[Command] = &[
    Command {
        name: "delex",
        usage: "key condition=[IFEQ ifeq-value|IFNE ifne-value|IFDEQ ifdeq-digest:integer\
                |IFDNE ifdne-digest:integer]",
        keys: &[KeySpec::at(1, KeyUse::READ_WRITE.with(KeyUse::DELETE))],
        flags: Flags::WRITE.with(Flags::FAST),
        group: Group::String,
        since: "8.4.0",
        cost: "O(1) for IFEQ and IFNE, O(N) for IFDEQ and IFDNE where N is the length of the value",
        about: "Removes a key if its string value, or the digest of it, is or is not the given one.",
        run: Run::Data(delex),
        ..Command::ROW
    },
    Command {
        name: "delifeq",
        usage: "key value",
        keys: &[KeySpec::at(1, KeyUse::REMOVE.with(KeyUse::DELETE))],
        flags: Flags::WRITE.with(Flags::FAST),
        group: Group::String,
        since: "9.0.0",
        about: "Removes a key if its string value is the given one.",
        run: Run::Data(delifeq),
        ..Command::ROW
    },
];

fn delex(call: &mut Call<'_>) -> Result<(), Error> {
    let key = call.args.word();
    let mut condition = Condition::default();
    condition.accept_comparison(&mut call.args);
    call.args.finish()?;

    remove_if(call, key, condition)
}

fn delifeq(call: &mut Call<'_>) -> Result<(), Error> {
    let (key, value) = (call.args.word(), call.args.word());

    remove_if(call, key, Condition::Equal(value))
}

fn remove_if(call: &mut Call<'_>, key: &[u8], condition: Condition<'_>) -> Result<(), Error> {
    let mut guard = call.keys.write(key);
    let is_removed = condition.holds(&mut guard)? && guard.remove();
    if is_removed {
        call.effect.rewrite(|| [b"DEL".to_vec(), key.to_vec()]);
    }

    call.reply.integer(is_removed.into());
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::super::script::check;

    #[test]
    fn keys_are_removed_if_the_condition_holds() {
        check(
            r#"SET k token                   => OK
               DELEX k IFEQ other            => 0
               DELEX k IFNE token            => 0
               DELEX k IFDEQ b6acb9d84a38ff74 => 0
               DELEX k IFDNE AE23C8ED1A12E619 => 0
               DELEX k IFDEQ AE23C8ED1A12E619 => 1
               GET k                         => nil
               DELEX k IFNE other            => 0
               SET k 5                       => OK
               DELIFEQ k 05                  => 0
               DELIFEQ k 5                   => 1
               DELIFEQ k 5                   => 0
               SET k v                       => OK
               DELEX k IFNE w                => 1
               SET k v                       => OK
               DELEX k                       => 1
               DELEX k                       => 0
               SET k v                       => OK
               DELEX k nosuch v              => ERR syntax error
               DELEX k IFEQ                  => ERR syntax error
               DELEX k IFEQ v IFEQ v         => ERR syntax error
               GET k                         => "v""#,
        );
    }
}
