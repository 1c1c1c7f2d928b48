//! Ranges of members: ZRANGE and the older commands that it replaced.

use super::bounds::{Bounds, Limit, member_bounds, score_bounds};
use super::{READ_KEY, Scores, reply_entries};
use crate::command::args::Args;
use crate::command::call::Call;
use crate::command::flags::Flags;
use crate::command::{Command, Group, Run};
use crate::error::Error;
use spinel_types::{Direction, SortedSetRef};
use std::ops::Range;

const COST: &str = "O(log(N)+M) where N is the size of the sorted set and M the number of members returned";

/// The rows of this file.
pub(super) const COMMANDS: &[Command] = &[
    Command {
        name: "zrange",
        usage: "key start:string stop sortby=[BYSCORE|BYLEX] [rev=REV] [LIMIT limit=(offset count)] \
                [withscores=WITHSCORES]",
        since: "1.2.0",
        about: "Returns members in a range of ranks, scores or members.",
        run: Run::Data(zrange),
        ..ROW
    },
    Command {
        name: "zrevrange",
        usage: "key start stop:integer [withscores=WITHSCORES]",
        since: "1.2.0",
        about: "Returns members in a range of ranks, counted from the highest score.",
        deprecated: Some(("6.2.0", "`ZRANGE` with the `REV` argument")),
        run: Run::Data(zrevrange),
        ..ROW
    },
    Command {
        name: "zrangebyscore",
        usage: "key min:double max:double [withscores=WITHSCORES] [LIMIT limit=(offset count)]",
        since: "1.0.5",
        about: "Returns members in a range of scores.",
        deprecated: Some(("6.2.0", "`ZRANGE` with the `BYSCORE` argument")),
        run: Run::Data(zrangebyscore),
        ..ROW
    },
    Command {
        name: "zrevrangebyscore",
        usage: "key max:double min:double [withscores=WITHSCORES] [LIMIT limit=(offset count)]",
        since: "2.2.0",
        about: "Returns members in a range of scores, from the highest.",
        deprecated: Some(("6.2.0", "`ZRANGE` with the `REV` and `BYSCORE` arguments")),
        run: Run::Data(zrevrangebyscore),
        ..ROW
    },
    Command {
        name: "zrangebylex",
        usage: "key min max [LIMIT limit=(offset count)]",
        since: "2.8.9",
        about: "Returns members in a range of members, where all scores are equal.",
        deprecated: Some(("6.2.0", "`ZRANGE` with the `BYLEX` argument")),
        run: Run::Data(zrangebylex),
        ..ROW
    },
    Command {
        name: "zrevrangebylex",
        usage: "key max min [LIMIT limit=(offset count)]",
        since: "2.8.9",
        about: "Returns members in a range of members from its end, where all scores are equal.",
        deprecated: Some(("6.2.0", "`ZRANGE` with the `REV` and `BYLEX` arguments")),
        run: Run::Data(zrevrangebylex),
        ..ROW
    },
];

const ROW: Command =
    Command { keys: READ_KEY, flags: Flags::READONLY, group: Group::SortedSet, cost: COST, ..Command::ROW };

/// What a range is of.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum By {
    Rank,
    Score,
    Member,
}

/// What a command of this family leaves open to its options; `None`: they decide.
#[derive(Clone, Copy)]
pub(super) struct Form {
    by: Option<By>,
    direction: Option<Direction>,
    may_show_scores: bool,
}

impl Form {
    const ZRANGE: Form = Form { by: None, direction: None, may_show_scores: true };
    /// What ZRANGESTORE takes behind its destination.
    pub(super) const STORE: Form = Form { may_show_scores: false, ..Form::ZRANGE };

    const fn fixed(by: By, direction: Direction) -> Form {
        Form { by: Some(by), direction: Some(direction), may_show_scores: true }
    }
}

/// A range of a sorted set, as a command asks for it.
#[derive(Clone, Copy, Debug)]
pub(super) struct RangeQuery<'a> {
    bounds: Bounds<'a>,
    pub(super) direction: Direction,
    limit: Limit,
    scores: Scores,
}

struct RangeOptions {
    by: Option<By>,
    direction: Option<Direction>,
    limit: Limit,
    scores: Scores,
}

impl RangeOptions {
    fn parse(args: &mut Args<'_>, form: Form) -> Result<RangeOptions, Error> {
        let Form { by, direction, may_show_scores } = form;
        let mut options = RangeOptions { by, direction, limit: Limit::NONE, scores: Scores::Hidden };
        while args.remaining() > 0 {
            if may_show_scores && args.accept("WITHSCORES") {
                options.scores = Scores::Shown;
            } else if args.remaining() > 2 && args.accept("LIMIT") {
                options.limit = Limit { offset: args.integer(), count: args.integer() };
            } else if options.direction.is_none() && args.accept("REV") {
                options.direction = Some(Direction::Backwards);
            } else if options.by.is_none() && args.accept("BYLEX") {
                options.by = Some(By::Member);
            } else if options.by.is_none() && args.accept("BYSCORE") {
                options.by = Some(By::Score);
            } else {
                args.fail(Error::Syntax);
            }
            args.check()?;
        }
        Ok(options)
    }
}

impl<'a> RangeQuery<'a> {
    /// Reads two bounds and options, all words that are left.
    pub(super) fn parse(args: &mut Args<'a>, form: Form) -> Result<RangeQuery<'a>, Error> {
        let (start, stop) = (args.word(), args.word());
        let options = RangeOptions::parse(args, form)?;
        let by = options.by.unwrap_or(By::Rank);
        let direction = options.direction.unwrap_or(Direction::Forwards);
        if options.limit.count != Limit::NONE.count && by == By::Rank {
            return Err(Error::Text(
                "ERR syntax error, LIMIT is only supported in combination with either BYSCORE or BYLEX",
            ));
        }
        if options.scores == Scores::Shown && by == By::Member {
            return Err(Error::Text("ERR syntax error, WITHSCORES not supported in combination with BYLEX"));
        }
        let (low, high) = if direction == Direction::Forwards { (start, stop) } else { (stop, start) };
        let bounds = match by {
            By::Rank => Bounds::Ranks(integer(start)?, integer(stop)?),
            By::Score => Bounds::Scores(score_bounds(low, high)?),
            By::Member => Bounds::Members(member_bounds(low, high)?),
        };
        // Ranks know no limit; a negative count would be all, and an offset alone is ignored.
        let limit = if by == By::Rank { Limit::NONE } else { options.limit };
        Ok(RangeQuery { bounds, direction, limit, scores: options.scores })
    }

    /// The ranks, counted from the lowest score, of what is asked for.
    pub(super) fn ranks(&self, set: SortedSetRef<'_>) -> Range<usize> {
        self.limit.narrow(set, self.bounds.ranks(set, self.direction), self.direction)
    }
}

fn integer(word: &[u8]) -> Result<i64, Error> {
    spinel_resp::parse_integer(word).ok_or(Error::NotAnInteger)
}

fn zrange(call: &mut Call<'_>) -> Result<(), Error> {
    range(call, Form::ZRANGE)
}

fn zrevrange(call: &mut Call<'_>) -> Result<(), Error> {
    range(call, Form::fixed(By::Rank, Direction::Backwards))
}

fn zrangebyscore(call: &mut Call<'_>) -> Result<(), Error> {
    range(call, Form::fixed(By::Score, Direction::Forwards))
}

fn zrevrangebyscore(call: &mut Call<'_>) -> Result<(), Error> {
    range(call, Form::fixed(By::Score, Direction::Backwards))
}

fn zrangebylex(call: &mut Call<'_>) -> Result<(), Error> {
    range(call, Form::fixed(By::Member, Direction::Forwards))
}

fn zrevrangebylex(call: &mut Call<'_>) -> Result<(), Error> {
    range(call, Form::fixed(By::Member, Direction::Backwards))
}

fn range(call: &mut Call<'_>, form: Form) -> Result<(), Error> {
    let key = call.args.word();
    let query = RangeQuery::parse(&mut call.args, form)?;

    let Some(set) = call.keys.read_sorted_set(key)? else {
        call.reply.array(0);
        return Ok(());
    };
    let ranks = query.ranks(set);
    let count = ranks.len();
    reply_entries(call.reply, set.entries(ranks, query.direction), count, query.scores);
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::commands::script::check;

    #[test]
    fn ranges_of_ranks() {
        check(
            "ZADD z 1 a 2 b 3 c 4 d           => 4
             ZRANGE z 0 -1                    => [\"a\", \"b\", \"c\", \"d\"]
             ZRANGE z 1 2 WITHSCORES          => [[\"b\", ,2], [\"c\", ,3]]
             ZRANGE z 0 0 REV                 => [\"d\"]
             ZREVRANGE z -2 -1                => [\"b\", \"a\"]
             ZRANGE z 3 1                     => []
             ZRANGE none 0 -1                 => []
             ZRANGE z 0 1 LIMIT 0 1           => ERR syntax error, LIMIT is only supported in combination with either BYSCORE or BYLEX
             ZRANGE z 0 1 LIMIT 1 -1          => [\"a\", \"b\"]
             ZRANGE z a b                     => ERR value is not an integer or out of range
             ZRANGE z 0 1 REV REV             => ERR syntax error
             ZREVRANGE z 0 1 BYSCORE          => ERR syntax error",
        );
    }

    #[test]
    fn ranges_of_scores() {
        check(
            "ZADD z 1 a 2 b 3 c 4 d           => 4
             ZRANGE z (1 3 BYSCORE            => [\"b\", \"c\"]
             ZRANGE z 3 (1 BYSCORE REV        => [\"c\", \"b\"]
             ZRANGEBYSCORE z -inf +inf LIMIT 1 2 => [\"b\", \"c\"]
             ZREVRANGEBYSCORE z 4 1 WITHSCORES LIMIT 1 1 => [[\"c\", ,3]]
             ZRANGEBYSCORE z 1 4 LIMIT 1 -1   => [\"b\", \"c\", \"d\"]
             ZRANGEBYSCORE z 1 4 LIMIT 0 0    => []
             ZRANGEBYSCORE z 1 4 LIMIT -1 2   => []
             ZRANGEBYSCORE z 4 1              => []
             ZRANGEBYSCORE z 1 x              => ERR min or max is not a float",
        );
    }

    #[test]
    fn ranges_of_members() {
        check(
            "ZADD z 0 a 0 b 0 c 0 d           => 4
             ZRANGE z [b + BYLEX              => [\"b\", \"c\", \"d\"]
             ZRANGE z (d - BYLEX REV          => [\"c\", \"b\", \"a\"]
             ZRANGEBYLEX z - (c LIMIT 1 5     => [\"b\"]
             ZREVRANGEBYLEX z + [b LIMIT 0 2  => [\"d\", \"c\"]
             ZRANGEBYLEX z + -                => []
             ZRANGE z - + BYLEX WITHSCORES    => ERR syntax error, WITHSCORES not supported in combination with BYLEX
             ZRANGEBYLEX z a b                => ERR min or max not valid string range item",
        );
    }
}
