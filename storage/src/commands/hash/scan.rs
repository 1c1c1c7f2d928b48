//! Visiting a hash in portions: HSCAN.

use super::{READ_KEY, reply_text};
use crate::command::call::Call;
use crate::command::flags::Flags;
use crate::command::{Command, Group, Run};
use crate::commands::portion::{Portion, cursor};
use crate::error::Error;

/// The rows of this file.
pub(super) const COMMANDS: &[Command] = &[Command {
    name: "hscan",
    usage: "key cursor [MATCH pattern] [COUNT count] [NOVALUES]",
    keys: READ_KEY,
    flags: Flags::READONLY,
    group: Group::Hash,
    since: "2.8.0",
    cost: "O(1) for a call, O(N) for all until the cursor is 0 again, where N is the number of fields",
    about: "Lists fields and values of a hash in portions, from a cursor on.",
    tips: &["nondeterministic_output"],
    run: Run::Data(hscan),
    ..Command::ROW
}];

fn hscan(call: &mut Call<'_>) -> Result<(), Error> {
    let (key, start) = (call.args.word(), cursor(call.args.word())?);

    let now = call.now.0;
    let Some(hash) = call.keys.read_hash_as_is(key)? else {
        Portion::reply_empty(call.reply);
        return Ok(());
    };
    let mut has_values = true;
    let portion = Portion::parse_with(&mut call.args, |args| {
        let is_without = args.accept("NOVALUES");
        has_values &= !is_without;
        is_without
    })?;
    portion.list(call.reply, start, |at, page| {
        hash.scan(at, now, |field, value| {
            let Some(reply) = page.place(field, 1 + usize::from(has_values)) else { return };
            reply_text(reply, field);
            if has_values {
                reply_text(reply, value);
            }
        })
    });
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::commands::script::check;

    #[test]
    fn fields_are_listed() {
        check(
            "HSET h a 1 b 2 30 c           => 3
             HSCAN h 0 COUNT 1             => [\"0\", [\"a\", \"1\", \"b\", \"2\", \"30\", \"c\"]]
             HSCAN h 7 NOVALUES            => [\"0\", [\"a\", \"b\", \"30\"]]
             HSCAN h 0 MATCH ?0 novalues NOVALUES => [\"0\", [\"30\"]]
             HSET t f \"x\"*65             => 1
             HSCAN t 0 MATCH * COUNT 100 NOVALUES => [\"0\", [\"f\"]]
             HSCAN none 0 nosuch           => [\"0\", []]
             HSCAN none x                  => ERR invalid cursor
             HSCAN h 0 COUNT 0             => ERR syntax error
             HSCAN h 0 MATCH               => ERR syntax error
             HSCAN h 0 TYPE hash           => ERR syntax error
             SET s v                       => OK
             HSCAN s x                     => ERR invalid cursor
             HSCAN s 0 nosuch              => WRONGTYPE Operation against a key holding the wrong kind of value",
        );
    }
}
