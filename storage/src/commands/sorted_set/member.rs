//! Asking for members, scores, ranks and numbers of members: ZCARD, ZSCORE, ZMSCORE, ZRANK, ZREVRANK, ZCOUNT,
//! ZLEXCOUNT.

use super::READ_KEY;
use super::bounds::{Bounds, member_bounds, score_bounds};
use crate::command::call::Call;
use crate::command::flags::Flags;
use crate::command::keys::{KeySpec, KeyUse};
use crate::command::{Command, Group, Run};
use crate::error::Error;
use spinel_resp::ReplyWriter;
use spinel_types::{Direction, ValueType};

const READ: Flags = Flags::READONLY.with(Flags::FAST);

const COUNT_COST: &str = "O(log(N)) where N is the size of the sorted set";

/// The rows of this file.
pub(super) const COMMANDS: &[Command] = &[
    Command {
        name: "zcard",
        usage: "key",
        keys: &[KeySpec::at(1, KeyUse::READ_ONLY)],
        flags: READ,
        group: Group::SortedSet,
        since: "1.2.0",
        about: "Counts the members of a sorted set.",
        run: Run::Data(zcard),
        ..Command::ROW
    },
    Command {
        name: "zscore",
        usage: "key member",
        keys: READ_KEY,
        flags: READ,
        group: Group::SortedSet,
        since: "1.2.0",
        about: "Returns a member's score.",
        run: Run::Data(zscore),
        ..Command::ROW
    },
    Command {
        name: "zmscore",
        usage: "key member...",
        keys: READ_KEY,
        flags: READ,
        group: Group::SortedSet,
        since: "6.2.0",
        cost: "O(N) where N is the number of members asked for",
        about: "Returns the scores of members.",
        run: Run::Data(zmscore),
        ..Command::ROW
    },
    Command {
        name: "zrank",
        usage: "key member [WITHSCORE]",
        keys: READ_KEY,
        flags: READ,
        group: Group::SortedSet,
        since: "2.0.0",
        cost: COUNT_COST,
        about: "Returns how many members come before a member, from the lowest score.",
        run: Run::Data(zrank),
        ..Command::ROW
    },
    Command {
        name: "zrevrank",
        usage: "key member [WITHSCORE]",
        keys: READ_KEY,
        flags: READ,
        group: Group::SortedSet,
        since: "2.0.0",
        cost: COUNT_COST,
        about: "Returns how many members come before a member, from the highest score.",
        run: Run::Data(zrevrank),
        ..Command::ROW
    },
    Command {
        name: "zcount",
        usage: "key min:double max:double",
        keys: READ_KEY,
        flags: READ,
        group: Group::SortedSet,
        since: "2.0.0",
        cost: COUNT_COST,
        about: "Counts the members whose scores are in a range.",
        run: Run::Data(zcount),
        ..Command::ROW
    },
    Command {
        name: "zlexcount",
        usage: "key min max",
        keys: READ_KEY,
        flags: READ,
        group: Group::SortedSet,
        since: "2.8.9",
        cost: COUNT_COST,
        about: "Counts the members in a range of members, where all scores are equal.",
        run: Run::Data(zlexcount),
        ..Command::ROW
    },
];

fn zcard(call: &mut Call<'_>) -> Result<(), Error> {
    let key = call.args.word();

    let len = call.keys.cardinality(key, ValueType::SortedSet)?;

    call.reply.integer(len as i64);
    Ok(())
}

fn zscore(call: &mut Call<'_>) -> Result<(), Error> {
    let (key, member) = (call.args.word(), call.args.word());

    let now = call.now.0;
    let score = call.keys.read_sorted_set_as_is(key)?.and_then(|set| set.score_at(member, now));

    reply_score(call.reply, score);
    Ok(())
}

fn zmscore(call: &mut Call<'_>) -> Result<(), Error> {
    let key = call.args.word();
    let members = call.args.rest();

    let now = call.now.0;
    let set = call.keys.read_sorted_set_as_is(key)?;
    call.reply.array(members.len());
    for member in members {
        reply_score(call.reply, set.and_then(|set| set.score_at(member, now)));
    }
    Ok(())
}

fn reply_score(reply: &mut ReplyWriter, score: Option<f64>) {
    match score {
        Some(score) => reply.double(score),
        None => reply.null(),
    }
}

fn zrank(call: &mut Call<'_>) -> Result<(), Error> {
    rank(call, "zrank", Direction::Forwards)
}

fn zrevrank(call: &mut Call<'_>) -> Result<(), Error> {
    rank(call, "zrevrank", Direction::Backwards)
}

fn rank(call: &mut Call<'_>, name: &'static str, direction: Direction) -> Result<(), Error> {
    let (key, member) = (call.args.word(), call.args.word());
    if call.args.remaining() > 1 {
        return Err(Error::WrongArity(name));
    }
    let with_score = call.args.accept("WITHSCORE");
    call.args.finish()?;

    let found = call.keys.read_sorted_set(key)?.and_then(|set| {
        let (rank, score) = set.rank(member)?;
        let rank = if direction == Direction::Forwards { rank } else { set.len() - 1 - rank };
        Some((rank as i64, score))
    });

    match found {
        Some((rank, score)) if with_score => {
            call.reply.array(2);
            call.reply.integer(rank);
            call.reply.double(score);
        }
        Some((rank, _)) => call.reply.integer(rank),
        None if with_score => call.reply.null_array(),
        None => call.reply.null(),
    }
    Ok(())
}

fn zcount(call: &mut Call<'_>) -> Result<(), Error> {
    let (key, low, high) = (call.args.word(), call.args.word(), call.args.word());
    count(call, key, Bounds::Scores(score_bounds(low, high)?))
}

fn zlexcount(call: &mut Call<'_>) -> Result<(), Error> {
    let (key, low, high) = (call.args.word(), call.args.word(), call.args.word());
    count(call, key, Bounds::Members(member_bounds(low, high)?))
}

fn count(call: &mut Call<'_>, key: &[u8], bounds: Bounds<'_>) -> Result<(), Error> {
    let set = call.keys.read_sorted_set(key)?;

    let count = set.map_or(0, |set| bounds.ranks(set, Direction::Forwards).len());

    call.reply.integer(count as i64);
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::commands::script::check;

    #[test]
    fn members_are_found() {
        check(
            "ZADD z 1 a 2 b 2 c 3 d       => 4
             ZCARD z                      => 4
             ZCARD none                   => 0
             ZSCORE z b                   => ,2
             ZSCORE z x                   => nil
             ZSCORE none x                => nil
             ZMSCORE z a x d              => [,1, nil, ,3]
             ZMSCORE none a b             => [nil, nil]
             ZRANK z c                    => 2
             ZREVRANK z c                 => 1
             ZRANK z c WITHSCORE          => [2, ,2]
             ZRANK z x                    => nil
             ZRANK z x WITHSCORE          => nil
             ZRANK none x                 => nil
             ZRANK z c WITHSCORES         => ERR syntax error
             ZRANK z c WITHSCORE x        => ERR wrong number of arguments for 'zrank' command
             SET s 1                      => OK
             ZSCORE s a                   => WRONGTYPE Operation against a key holding the wrong kind of value",
        );
    }

    #[test]
    fn members_within_bounds_are_counted() {
        check(
            "ZADD z 1 a 2 b 2 c 3 d       => 4
             ZCOUNT z 2 3                 => 3
             ZCOUNT z (2 +inf             => 1
             ZCOUNT z 3 2                 => 0
             ZCOUNT none 1 2              => 0
             ZCOUNT z x 2                 => ERR min or max is not a float
             ZADD l 0 a 0 b 0 c           => 3
             ZLEXCOUNT l - +              => 3
             ZLEXCOUNT l (a [b            => 1
             ZLEXCOUNT l + -              => 0
             ZLEXCOUNT l a b              => ERR min or max not valid string range item",
        );
    }
}
