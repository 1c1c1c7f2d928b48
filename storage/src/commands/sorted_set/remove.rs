//! Removing members: ZREM, ZREMRANGEBYRANK, ZREMRANGEBYSCORE, ZREMRANGEBYLEX.

use super::DELETE_KEY;
use super::bounds::{Bounds, member_bounds, score_bounds};
use crate::command::call::Call;
use crate::command::flags::Flags;
use crate::command::{Command, Group, Run};
use crate::error::Error;
use spinel_types::Direction;

const RANGE_COST: &str =
    "O(log(N)+M) where N is the size of the sorted set and M the number of members removed";

/// The rows of this file.
pub(super) const COMMANDS: &[Command] = &[
    Command {
        name: "zrem",
        event: "zrem",
        usage: "key member...",
        keys: DELETE_KEY,
        flags: Flags::WRITE.with(Flags::FAST),
        group: Group::SortedSet,
        since: "1.2.0",
        cost: "O(M*log(N)) where N is the size of the sorted set and M the number of members removed",
        about: "Removes members from a sorted set.",
        run: Run::Data(zrem),
        ..Command::ROW
    },
    Command {
        name: "zremrangebyrank",
        event: "zremrangebyrank",
        usage: "key start stop:integer",
        keys: DELETE_KEY,
        flags: Flags::WRITE,
        group: Group::SortedSet,
        since: "2.0.0",
        cost: RANGE_COST,
        about: "Removes the members in a range of ranks.",
        run: Run::Data(zremrangebyrank),
        ..Command::ROW
    },
    Command {
        name: "zremrangebyscore",
        event: "zremrangebyscore",
        usage: "key min:double max:double",
        keys: DELETE_KEY,
        flags: Flags::WRITE,
        group: Group::SortedSet,
        since: "1.2.0",
        cost: RANGE_COST,
        about: "Removes the members in a range of scores.",
        run: Run::Data(zremrangebyscore),
        ..Command::ROW
    },
    Command {
        name: "zremrangebylex",
        event: "zremrangebylex",
        usage: "key min max",
        keys: DELETE_KEY,
        flags: Flags::WRITE,
        group: Group::SortedSet,
        since: "2.8.9",
        cost: RANGE_COST,
        about: "Removes the members in a range of members, where all scores are equal.",
        run: Run::Data(zremrangebylex),
        ..Command::ROW
    },
];

fn zrem(call: &mut Call<'_>) -> Result<(), Error> {
    let key = call.args.word();
    let members = call.args.rest();

    let mut guard = call.keys.write(key);
    let removed = match guard.existing_sorted_set()? {
        Some(mut set) => members.iter().filter(|member| set.remove(member).is_some()).count(),
        None => 0,
    };

    call.reply.integer(removed as i64);
    Ok(())
}

fn zremrangebyrank(call: &mut Call<'_>) -> Result<(), Error> {
    let key = call.args.word();
    let (start, stop) = (call.args.integer(), call.args.integer());
    call.args.finish()?;
    remove_range(call, key, Bounds::Ranks(start, stop))
}

fn zremrangebyscore(call: &mut Call<'_>) -> Result<(), Error> {
    let (key, low, high) = (call.args.word(), call.args.word(), call.args.word());
    remove_range(call, key, Bounds::Scores(score_bounds(low, high)?))
}

fn zremrangebylex(call: &mut Call<'_>) -> Result<(), Error> {
    let (key, low, high) = (call.args.word(), call.args.word(), call.args.word());
    remove_range(call, key, Bounds::Members(member_bounds(low, high)?))
}

fn remove_range(call: &mut Call<'_>, key: &[u8], bounds: Bounds<'_>) -> Result<(), Error> {
    let mut guard = call.keys.write(key);
    let removed = match guard.existing_sorted_set()? {
        Some(mut set) => {
            let ranks = bounds.ranks(set.view(), Direction::Forwards);
            set.remove_range(ranks.clone());
            ranks.len()
        }
        None => 0,
    };

    call.reply.integer(removed as i64);
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::commands::script::check;

    #[test]
    fn members_are_removed() {
        check(
            "ZADD z 1 a 2 b 3 c               => 3
             ZREM z a x a                     => 1
             ZREM none a                      => 0
             ZRANGE z 0 -1                    => [\"b\", \"c\"]
             ZREM z b c                       => 2
             EXISTS z                         => 0
             SET s 1                          => OK
             ZREM s 1                         => WRONGTYPE Operation against a key holding the wrong kind of value",
        );
    }

    #[test]
    fn ranges_are_removed() {
        check(
            "ZADD z 1 a 2 b 3 c 4 d 5 e 6 f   => 6
             ZREMRANGEBYRANK z 0 0            => 1
             ZREMRANGEBYSCORE z (5 inf        => 1
             ZREMRANGEBYSCORE z 5 2           => 0
             ZRANGE z 0 -1                    => [\"b\", \"c\", \"d\", \"e\"]
             ZADD l 0 a 0 b 0 c               => 3
             ZREMRANGEBYLEX l [a (c           => 2
             ZREMRANGEBYLEX l - +             => 1
             EXISTS l                         => 0
             ZREMRANGEBYRANK z 0 x            => ERR value is not an integer or out of range
             ZREMRANGEBYSCORE none 1 x        => ERR min or max is not a float
             ZREMRANGEBYLEX none a b          => ERR min or max not valid string range item
             ZREMRANGEBYRANK z 0 -1           => 4
             ZREMRANGEBYRANK z 0 -1           => 0",
        );
    }
}
