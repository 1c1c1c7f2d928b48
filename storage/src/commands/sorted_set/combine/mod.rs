//! Unions, intersections and differences: ZUNION, ZINTER, ZDIFF, their forms that store, and ZINTERCARD. Sets
//! take part as sorted sets whose members all have the score 1.

mod input;
mod options;

use super::reply_entries;
use crate::command::call::Call;
use crate::command::flags::Flags;
use crate::command::keys::{KeySpec, KeyUse};
use crate::command::{Command, Group, Run};
use crate::engine::effect::Effect;
use crate::error::Error;
use crate::keyspace::view::View;
use input::Input;
use options::{Aggregate, Options, Takes};
use spinel_resp::number::format_double;
use spinel_types::{Entry, Gathering, ValueType};

const SOURCES: KeySpec = KeySpec::counted(1, 1, KeyUse::READ_ONLY.with(KeyUse::ACCESS));
const READ_KEYS: &[KeySpec] = &[SOURCES];
const STORE_KEYS: &[KeySpec] = &[
    KeySpec::at(1, KeyUse::OVERWRITE.with(KeyUse::UPDATE)),
    KeySpec::counted(2, 1, KeyUse::READ_ONLY.with(KeyUse::ACCESS)),
];

const UNION_COST: &str =
    "O(N+M*log(M)) where N is the number of members in all inputs and M the number in the result";
const INTERSECTION_COST: &str = "O(N*K+M*log(M)) where N is the size of the smallest input, K the number of \
                                 inputs and M the number of members in the result";
const DIFFERENCE_COST: &str = "O(N*K+M*log(M)) where N is the size of the first input, K the number of inputs \
                               and M the number of members in the result";

const READ: Command = Command {
    keys: READ_KEYS,
    flags: Flags::READONLY,
    group: Group::SortedSet,
    since: "6.2.0",
    ..Command::ROW
};
const STORE: Command = Command {
    keys: STORE_KEYS,
    flags: Flags::WRITE.with(Flags::DENYOOM),
    group: Group::SortedSet,
    since: "2.0.0",
    ..Command::ROW
};

/// The rows of this file.
pub(super) const COMMANDS: &[Command] = &[
    Command {
        name: "zunion",
        usage: "numkeys key... [WEIGHTS weight:integer...] [AGGREGATE aggregate=<SUM|MIN|MAX|COUNT>] \
                [withscores=WITHSCORES]",
        cost: UNION_COST,
        about: "Returns the members that are in any of several sorted sets.",
        run: Run::Data(zunion),
        ..READ
    },
    Command {
        name: "zinter",
        usage: "numkeys key... [WEIGHTS weight:integer...] [AGGREGATE aggregate=<SUM|MIN|MAX|COUNT>] \
                [withscores=WITHSCORES]",
        cost: INTERSECTION_COST,
        about: "Returns the members that are in all of several sorted sets.",
        run: Run::Data(zinter),
        ..READ
    },
    Command {
        name: "zdiff",
        usage: "numkeys key... [withscores=WITHSCORES]",
        cost: DIFFERENCE_COST,
        about: "Returns the members of a sorted set that are in none of others.",
        run: Run::Data(zdiff),
        ..READ
    },
    Command {
        name: "zintercard",
        usage: "numkeys key... [LIMIT limit:integer]",
        since: "7.0.0",
        cost: "O(N*K) where N is the size of the smallest input and K the number of inputs",
        about: "Counts the members that are in all of several sorted sets.",
        run: Run::Data(zintercard),
        ..READ
    },
    Command {
        name: "zunionstore",
        event: "zunionstore",
        usage: "destination numkeys key... [WEIGHTS weight:integer...] \
                [AGGREGATE aggregate=<SUM|MIN|MAX|COUNT>]",
        cost: UNION_COST,
        about: "Stores the members that are in any of several sorted sets.",
        run: Run::Data(zunionstore),
        ..STORE
    },
    Command {
        name: "zinterstore",
        event: "zinterstore",
        usage: "destination numkeys key... [WEIGHTS weight:integer...] \
                [AGGREGATE aggregate=<SUM|MIN|MAX|COUNT>]",
        cost: INTERSECTION_COST,
        about: "Stores the members that are in all of several sorted sets.",
        run: Run::Data(zinterstore),
        ..STORE
    },
    Command {
        name: "zdiffstore",
        event: "zdiffstore",
        usage: "destination numkeys key...",
        since: "6.2.0",
        cost: DIFFERENCE_COST,
        about: "Stores the members of a sorted set that are in none of others.",
        run: Run::Data(zdiffstore),
        ..STORE
    },
];

/// So many members are recorded in a line, where they are recorded one by one.
const MEMBERS_PER_LINE: usize = 1000;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Operation {
    Union,
    Intersection,
    Difference,
}

fn zunion(call: &mut Call<'_>) -> Result<(), Error> {
    show(call, "zunion", Operation::Union)
}

fn zinter(call: &mut Call<'_>) -> Result<(), Error> {
    show(call, "zinter", Operation::Intersection)
}

fn zdiff(call: &mut Call<'_>) -> Result<(), Error> {
    show(call, "zdiff", Operation::Difference)
}

fn zunionstore(call: &mut Call<'_>) -> Result<(), Error> {
    store(call, "zunionstore", Operation::Union)
}

fn zinterstore(call: &mut Call<'_>) -> Result<(), Error> {
    store(call, "zinterstore", Operation::Intersection)
}

fn zdiffstore(call: &mut Call<'_>) -> Result<(), Error> {
    store(call, "zdiffstore", Operation::Difference)
}

fn show(call: &mut Call<'_>, name: &'static str, operation: Operation) -> Result<(), Error> {
    let takes = Takes { weights: operation != Operation::Difference, scores: true, limit: false };
    let (result, options) = combine(call, name, operation, takes)?;
    reply_entries(call.reply, result.sorted(), result.len(), options.scores);
    Ok(())
}

fn store(call: &mut Call<'_>, name: &'static str, operation: Operation) -> Result<(), Error> {
    let destination = call.args.word();
    let takes = Takes { weights: operation != Operation::Difference, scores: false, limit: false };
    let (result, options) = combine(call, name, operation, takes)?;

    let count = result.len();
    if options.aggregate == Aggregate::Count && call.effect.is_recorded() {
        record(call.effect, destination, &result);
    }
    call.keys.store_sorted_set(destination, result);

    call.reply.integer(count as i64);
    Ok(())
}

/// Records what is stored as the members that it has, for servers that don't know how they were found.
fn record(effect: &mut Effect, destination: &[u8], result: &Gathering) {
    effect.rewrite(|| [b"DEL".to_vec(), destination.to_vec()]);
    let entries: Vec<_> = result.sorted().collect();
    for entries in entries.chunks(MEMBERS_PER_LINE) {
        effect.rewrite_line(|| {
            let words = entries
                .iter()
                .flat_map(|(member, score)| [format_double(*score).as_ref().to_vec(), member.to_vec()]);
            [b"ZADD".to_vec(), destination.to_vec()].into_iter().chain(words).collect()
        });
    }
}

fn combine(
    call: &mut Call<'_>,
    name: &'static str,
    operation: Operation,
    takes: Takes,
) -> Result<(Gathering, Options), Error> {
    let keys = options::keys(&mut call.args, name)?;
    let mut result = call.keys.gathering();
    let mut inputs = inputs(&mut call.keys, keys)?;
    let options = Options::parse(&mut call.args, keys.len(), takes)?;
    for (input, weight) in inputs.iter_mut().zip(&options.weights) {
        input.weight = *weight;
    }

    match operation {
        Operation::Difference => subtract(&inputs, &mut result),
        Operation::Union => unite(by_size(inputs), options.aggregate, &mut result),
        Operation::Intersection => {
            let inputs = by_size(inputs);
            each_common(&inputs, options.aggregate, |member, score| {
                result.put(member, |_| score);
                true
            });
        }
    }
    Ok((result, options))
}

fn has_members(entry: Entry<'_>) -> bool {
    matches!(ValueType::of(entry), ValueType::Set | ValueType::SortedSet)
}

/// The values of the keys. A sum of doubles depends on the order, which is that of the inputs' sizes.
fn inputs<'v>(view: &'v mut View<'_>, keys: &[&[u8]]) -> Result<Vec<Input<'v>>, Error> {
    view.read_values(keys, has_members).into_iter().map(Input::of).collect()
}

fn by_size(mut inputs: Vec<Input<'_>>) -> Vec<Input<'_>> {
    inputs.sort_by_key(Input::len);
    inputs
}

fn unite(inputs: Vec<Input<'_>>, aggregate: Aggregate, result: &mut Gathering) {
    for input in inputs {
        input.for_each(|member, score| {
            let score = aggregate.first(score, input.weight);
            result.put(member, |present| present.map_or(score, |present| aggregate.join(present, score)));
            true
        });
    }
}

/// Visits the members that are in all inputs, the first of which is the smallest, until told to stop.
fn each_common(
    inputs: &[Input<'_>],
    aggregate: Aggregate,
    mut visit: impl FnMut(spinel_types::Str<'_>, f64) -> bool,
) {
    let Some((smallest, others)) = inputs.split_first() else { return };
    smallest.for_each(|member, score| {
        let first = aggregate.first(score, smallest.weight);
        let joined = others.iter().try_fold(first, |joined, other| {
            let score = other.score(member)?;
            Some(aggregate.join(joined, aggregate.next(score, other.weight)))
        });
        joined.is_none_or(|score| visit(member, score))
    });
}

fn subtract(inputs: &[Input<'_>], result: &mut Gathering) {
    let Some((first, others)) = inputs.split_first() else { return };
    first.for_each(|member, score| {
        if others.iter().all(|other| other.score(member).is_none()) {
            result.put(member, |_| score);
        }
        true
    });
}

fn zintercard(call: &mut Call<'_>) -> Result<(), Error> {
    let keys = options::keys(&mut call.args, "zintercard")?;
    let inputs = inputs(&mut call.keys, keys)?;
    let takes = Takes { weights: false, scores: false, limit: true };
    let options = Options::parse(&mut call.args, keys.len(), takes)?;

    let mut count = 0;
    each_common(&by_size(inputs), options.aggregate, |_, _| {
        count += 1;
        count != options.limit
    });

    call.reply.integer(count as i64);
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::commands::script::check;

    const INPUTS: &str = "ZADD a 1 x 2 y 3 z             => 3
                          ZADD b 10 y 20 z 30 w          => 3
                          ";

    #[test]
    fn unions() {
        check(&format!(
            "{INPUTS}
             ZUNION 2 a b WITHSCORES                     => [[\"x\", ,1], [\"y\", ,12], [\"z\", ,23], [\"w\", ,30]]
             ZUNION 2 a b WEIGHTS 2 -1 AGGREGATE MIN     => [\"w\", \"z\", \"y\", \"x\"]
             ZUNION 2 a none AGGREGATE MAX               => [\"x\", \"y\", \"z\"]
             ZUNION 2 a b AGGREGATE COUNT WITHSCORES     => [[\"w\", ,1], [\"x\", ,1], [\"y\", ,2], [\"z\", ,2]]
             ZUNION 2 a b WEIGHTS 3 4 AGGREGATE COUNT WITHSCORES => [[\"x\", ,3], [\"w\", ,4], [\"y\", ,7], [\"z\", ,7]]
             ZUNIONSTORE d 2 a b                         => 4
             ZRANGE d 0 -1 WITHSCORES                    => [[\"x\", ,1], [\"y\", ,12], [\"z\", ,23], [\"w\", ,30]]
             ZUNIONSTORE a 2 a a                         => 3
             ZSCORE a z                                  => ,6
             ZUNIONSTORE d 1 none                        => 0
             EXISTS d                                    => 0"
        ));
    }

    #[test]
    fn intersections_and_differences() {
        check(&format!(
            "{INPUTS}
             ZINTER 2 a b WITHSCORES                     => [[\"y\", ,12], [\"z\", ,23]]
             ZINTER 2 a none                             => []
             ZINTER 2 a b WEIGHTS 1 0 AGGREGATE MAX WITHSCORES => [[\"y\", ,2], [\"z\", ,3]]
             ZINTERSTORE d 2 a b AGGREGATE MIN           => 2
             ZRANGE d 0 -1 WITHSCORES                    => [[\"y\", ,2], [\"z\", ,3]]
             ZINTERCARD 2 a b                            => 2
             ZINTERCARD 2 a b LIMIT 1                    => 1
             ZINTERCARD 2 a b LIMIT 0                    => 2
             ZDIFF 2 a b                                 => [\"x\"]
             ZDIFF 1 a WITHSCORES                        => [[\"x\", ,1], [\"y\", ,2], [\"z\", ,3]]
             ZDIFF 2 a a                                 => []
             ZDIFFSTORE d 2 b a                          => 1
             ZRANGE d 0 -1 WITHSCORES                    => [[\"w\", ,30]]"
        ));
    }

    #[test]
    fn no_result_is_not_a_number() {
        check(
            "ZADD a inf x => 1
             ZADD b -inf x => 1
             ZUNION 2 a b WITHSCORES                     => [[\"x\", ,0]]
             ZINTER 2 a b WITHSCORES                     => [[\"x\", ,0]]
             ZUNION 1 a WEIGHTS 0 WITHSCORES             => [[\"x\", ,0]]",
        );
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        check(
            "ZUNION 0 a                                  => ERR at least 1 input key is needed for 'zunion' command
             ZINTERCARD -1 a                             => ERR at least 1 input key is needed for 'zintercard' command
             ZUNION x a                                  => ERR value is not an integer or out of range
             ZUNIONSTORE d 3 a b                         => ERR syntax error
             ZUNION 1 a WEIGHTS x                        => ERR weight value is not a float
             ZUNION 1 a WEIGHTS                          => ERR syntax error
             ZUNION 1 a AGGREGATE AVG                    => ERR syntax error
             ZDIFF 1 a WEIGHTS 1                         => ERR syntax error
             ZUNIONSTORE d 1 a WITHSCORES                => ERR syntax error
             ZINTERCARD 1 a LIMIT -1                     => ERR LIMIT can't be negative
             SET s 1                                     => OK
             ZUNION 2 a s AGGREGATE AVG                  => WRONGTYPE Operation against a key holding the wrong kind of value",
        );
    }
}
