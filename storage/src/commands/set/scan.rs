//! Visiting a set in portions: SSCAN.

use super::{READ_KEY, reply_member};
use crate::command::call::Call;
use crate::command::flags::Flags;
use crate::command::{Command, Group, Run};
use crate::commands::portion::{Portion, cursor};
use crate::error::Error;

/// The rows of this file.
pub(super) const COMMANDS: &[Command] = &[Command {
    name: "sscan",
    usage: "key cursor [MATCH pattern] [COUNT count]",
    keys: READ_KEY,
    flags: Flags::READONLY,
    group: Group::Set,
    since: "2.8.0",
    cost: "O(1) for a call, O(N) for all until the cursor is 0 again, where N is the number of members",
    about: "Lists members of a set in portions, from a cursor on.",
    tips: &["nondeterministic_output"],
    run: Run::Data(sscan),
    ..Command::ROW
}];

fn sscan(call: &mut Call<'_>) -> Result<(), Error> {
    let key = call.args.word();
    let start = cursor(call.args.word())?;
    let now = call.now.0;
    let Some(set) = call.keys.read_set_as_is(key)? else {
        Portion::reply_empty(call.reply);
        return Ok(());
    };
    let portion = Portion::parse(&mut call.args)?;

    portion.list(call.reply, start, |at, page| {
        set.scan(at, now, |member| {
            if let Some(reply) = page.place(member, 1) {
                reply_member(reply, member);
            }
        })
    });
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::commands::script::check;

    #[test]
    fn members_are_listed() {
        check(
            "SADD i 1 2 30                 => 3
             SSCAN i 0 COUNT 1             => [\"0\", [\"1\", \"2\", \"30\"]]
             SSCAN i 0 MATCH ?             => [\"0\", [\"1\", \"2\"]]
             SADD h \"x\"*65 7             => 2
             SSCAN h 0 MATCH 7 COUNT 1000  => [\"0\", [\"7\"]]
             SSCAN none 0 nosuch           => [\"0\", []]
             SSCAN none x                  => ERR invalid cursor
             SSCAN i 0 COUNT 0             => ERR syntax error
             SSCAN i 0 TYPE set            => ERR syntax error
             SSCAN i 0 NOVALUES            => ERR NOVALUES option can only be used in HSCAN
             SET t v                       => OK
             SSCAN t 0 nosuch              => WRONGTYPE Operation against a key holding the wrong kind of value",
        );
    }
}
