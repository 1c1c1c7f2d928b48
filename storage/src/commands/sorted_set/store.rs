//! Keeping a range of members under another key: ZRANGESTORE.

use super::range::{Form, RangeQuery};
use crate::command::call::Call;
use crate::command::flags::Flags;
use crate::command::keys::{KeySpec, KeyUse};
use crate::command::{Command, Group, Run};
use crate::error::Error;

/// The rows of this file.
pub(super) const COMMANDS: &[Command] = &[Command {
    name: "zrangestore",
    event: "zrangestore",
    usage: "dst:key src:key min max sortby=[BYSCORE|BYLEX] [rev=REV] [LIMIT limit=(offset count)]",
    keys: &[
        KeySpec::at(1, KeyUse::OVERWRITE.with(KeyUse::UPDATE)),
        KeySpec::at(2, KeyUse::READ_ONLY.with(KeyUse::ACCESS)),
    ],
    flags: Flags::WRITE.with(Flags::DENYOOM),
    group: Group::SortedSet,
    since: "6.2.0",
    cost: "O(log(N)+M) where N is the size of the sorted set and M the number of members stored",
    about: "Stores a range of a sorted set's members as a sorted set.",
    run: Run::Data(zrangestore),
    ..Command::ROW
}];

fn zrangestore(call: &mut Call<'_>) -> Result<(), Error> {
    let (destination, source) = (call.args.word(), call.args.word());
    let query = RangeQuery::parse(&mut call.args, Form::STORE)?;

    let mut gathering = call.keys.gathering();
    if let Some(set) = call.keys.read_sorted_set(source)? {
        for (member, score) in set.entries(query.ranks(set), query.direction) {
            gathering.put(member, |_| score);
        }
    }
    let count = gathering.len();
    call.keys.store_sorted_set(destination, gathering);

    call.reply.integer(count as i64);
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::commands::script::check;

    #[test]
    fn ranges_are_stored() {
        check(
            "ZADD z 1 a 2 b 3 c               => 3
             SET d old EX 100                 => OK
             ZRANGESTORE d z 1 -1             => 2
             ZRANGE d 0 -1 WITHSCORES         => [[\"b\", ,2], [\"c\", ,3]]
             @expiry d                        => never
             ZRANGESTORE z z 2 1 BYSCORE REV  => 2
             ZRANGE z 0 -1                    => [\"a\", \"b\"]
             ZRANGESTORE d z (2 3 BYSCORE     => 0
             EXISTS d                         => 0
             ZRANGESTORE d none 0 -1          => 0
             ZRANGESTORE d z 0 -1 WITHSCORES  => ERR syntax error",
        );
    }
}
