//! Visiting a sorted set in portions: ZSCAN.

use super::READ_KEY;
use crate::command::call::Call;
use crate::command::flags::Flags;
use crate::command::{Command, Group, Run};
use crate::commands::portion::{Portion, cursor};
use crate::error::Error;
use spinel_resp::ReplyWriter;
use spinel_resp::number::format_double;

/// The rows of this file.
pub(super) const COMMANDS: &[Command] = &[Command {
    name: "zscan",
    usage: "key cursor [MATCH pattern] [COUNT count]",
    keys: READ_KEY,
    flags: Flags::READONLY,
    group: Group::SortedSet,
    since: "2.8.0",
    cost: "O(1) for a call, O(N) for all until the cursor is 0 again, where N is the size of the sorted set",
    about: "Lists members and scores in portions, from a cursor on.",
    tips: &["nondeterministic_output"],
    run: Run::Data(zscan),
    ..Command::ROW
}];

fn zscan(call: &mut Call<'_>) -> Result<(), Error> {
    let key = call.args.word();
    let mut cursor = Some(cursor(call.args.word())?);
    let Some(set) = call.keys.read_sorted_set(key)? else {
        Portion::reply_empty(call.reply);
        return Ok(());
    };
    let portion = Portion::parse(&mut call.args)?;

    let mut found = ReplyWriter::new(call.reply.protocol());
    let (mut shown, mut seen) = (0, 0);
    while let Some(at) = cursor.filter(|_| seen < portion.count) {
        cursor = set.scan(at, |member, score| {
            seen += 1;
            if portion.shows(member) {
                super::reply_member(&mut found, member);
                found.bulk(&format_double(score));
                shown += 2;
            }
        });
    }

    Portion::reply(call.reply, cursor, shown, &found);
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::commands::script::check;

    #[test]
    fn members_are_listed_with_scores() {
        check(
            "ZADD z 1 a 2.5 12                => 2
             ZSCAN z 0                        => [\"0\", [\"a\", \"1\", \"12\", \"2.5\"]]
             ZSCAN z 77 COUNT 1 MATCH 1*      => [\"0\", [\"12\", \"2.5\"]]
             ZSCAN none 0 COUNT 0             => [\"0\", []]
             ZSCAN z 0 COUNT 0                => ERR syntax error
             ZSCAN z 0 COUNT x                => ERR value is not an integer or out of range
             ZSCAN z 0 NOVALUES               => ERR NOVALUES option can only be used in HSCAN
             ZSCAN none x                     => ERR invalid cursor",
        );
    }
}
