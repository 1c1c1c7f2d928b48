//! How many members combined sets have: SINTERCARD, SUNIONCARD, SDIFFCARD.

use super::READ_USE;
use super::combine::{
    DIFFERENCE_COST, INTERSECTION_COST, UNION_COST, for_each_common, for_each_left, for_each_of_any,
};
use crate::command::args::Args;
use crate::command::call::Call;
use crate::command::flags::Flags;
use crate::command::keys::KeySpec;
use crate::command::{Command, Group, Run};
use crate::error::Error;
use spinel_types::hyperloglog::{Observation, Registers};
use spinel_types::string::INTEGER_DIGITS_MAX;
use spinel_types::{SetRef, Str};
use std::ops::ControlFlow;

const ROW: Command = Command {
    usage: "numkeys key... [LIMIT limit:integer]",
    keys: &[KeySpec::counted(1, 1, READ_USE)],
    flags: Flags::READONLY,
    group: Group::Set,
    since: "8.10.0",
    ..Command::ROW
};

/// The rows of this file.
pub(super) const COMMANDS: &[Command] = &[
    Command {
        name: "sintercard",
        since: "7.0.0",
        cost: INTERSECTION_COST,
        about: "Counts the members that several sets have in common.",
        run: Run::Data(sintercard),
        ..ROW
    },
    Command {
        name: "sunioncard",
        usage: "numkeys key... [APPROX] [LIMIT limit:integer]",
        cost: UNION_COST,
        about: "Counts the members of any of several sets, exactly or nearly.",
        run: Run::Data(sunioncard),
        ..ROW
    },
    Command {
        name: "sdiffcard",
        cost: DIFFERENCE_COST,
        about: "Counts the members of a set that are in no other of several sets.",
        run: Run::Data(sdiffcard),
        ..ROW
    },
];

/// What is counted, and how.
struct Count<'a> {
    keys: &'a [&'a [u8]],
    /// The most that is counted.
    limit: usize,
    is_approximate: bool,
}

impl<'a> Count<'a> {
    fn parse(args: &mut Args<'a>, may_be_approximate: bool) -> Result<Count<'a>, Error> {
        const TOO_MANY: Error = Error::Text("ERR Number of keys can't be greater than number of args");
        const NEGATIVE: Error = Error::Text("ERR LIMIT can't be negative");
        let keys = args.positive(Error::Text("ERR numkeys should be greater than 0"))?;
        let mut count =
            Count { keys: args.take(keys).map_err(|_| TOO_MANY)?, limit: usize::MAX, is_approximate: false };
        while args.remaining() > 0 {
            if args.remaining() > 1 && args.accept("LIMIT") {
                let limit = args.not_negative(NEGATIVE)?;
                count.limit = if limit == 0 { usize::MAX } else { limit };
            } else if may_be_approximate && args.accept("APPROX") {
                count.is_approximate = true;
            } else {
                return Err(Error::Syntax);
            }
        }
        Ok(count)
    }
}

/// Counts up to a limit.
struct Counter {
    count: usize,
    limit: usize,
}

impl Counter {
    fn add(&mut self) -> ControlFlow<()> {
        self.count += 1;
        if self.count < self.limit { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    }
}

fn sintercard(call: &mut Call<'_>) -> Result<(), Error> {
    let Count { keys, limit, .. } = Count::parse(&mut call.args, false)?;

    let sets = call.keys.read_sets(keys)?;
    let mut counter = Counter { count: 0, limit };
    for_each_common(&sets, |_| counter.add());

    call.reply.integer(counter.count as i64);
    Ok(())
}

fn sdiffcard(call: &mut Call<'_>) -> Result<(), Error> {
    let Count { keys, limit, .. } = Count::parse(&mut call.args, false)?;

    let sets = call.keys.read_sets(keys)?;
    let mut counter = Counter { count: 0, limit };
    for_each_left(keys, &sets, |_| counter.add());

    call.reply.integer(counter.count as i64);
    Ok(())
}

fn sunioncard(call: &mut Call<'_>) -> Result<(), Error> {
    let Count { keys, limit, is_approximate } = Count::parse(&mut call.args, true)?;

    let keyspace = call.keys.keyspace();
    let sets = call.keys.read_sets(keys)?;
    let count = match &sets[..] {
        [set] => set.map_or(0, SetRef::len).min(limit),
        sets if is_approximate => estimate(sets).min(limit),
        sets => {
            let mut counter = Counter { count: 0, limit };
            for_each_of_any(keyspace, sets, |_| counter.add());
            counter.count
        }
    };

    call.reply.integer(count as i64);
    Ok(())
}

/// Estimates how many members there are in any of several sets, in constant memory.
fn estimate(sets: &[Option<SetRef<'_>>]) -> usize {
    let mut registers = Registers::new();
    let mut observe = |member: Str<'_>| {
        registers.observe(Observation::of(member.text(&mut [0; INTEGER_DIGITS_MAX])));
    };
    for set in sets.iter().flatten() {
        set.for_each(&mut observe);
    }
    registers.estimate() as usize
}

#[cfg(test)]
mod tests {
    use crate::commands::script::check;

    #[test]
    fn combinations_are_counted() {
        check(
            "SADD a 1 2 3                  => 3
             SADD b 3 4 x                  => 3
             SINTERCARD 2 a b              => 1
             SINTERCARD 1 a LIMIT 2        => 2
             SINTERCARD 1 a LIMIT 0        => 3
             SINTERCARD 2 a none           => 0
             SUNIONCARD 2 a b              => 5
             SUNIONCARD 2 a b LIMIT 4      => 4
             SUNIONCARD 1 a LIMIT 2        => 2
             SUNIONCARD 2 a b APPROX       => 5
             SUNIONCARD 2 a b LIMIT 4 APPROX => 4
             SUNIONCARD 1 none             => 0
             SDIFFCARD 2 a b               => 2
             SDIFFCARD 2 a b LIMIT 1       => 1
             SDIFFCARD 2 none a            => 0
             SDIFFCARD 3 a b a             => 0",
        );
    }

    #[test]
    fn words_are_checked() {
        check(
            "SINTERCARD 0 a                => ERR numkeys should be greater than 0
             SINTERCARD x a                => ERR numkeys should be greater than 0
             SINTERCARD 2 a                => ERR Number of keys can't be greater than number of args
             SINTERCARD 1 a LIMIT          => ERR syntax error
             SINTERCARD 1 a LIMIT -1       => ERR LIMIT can't be negative
             SINTERCARD 1 a LIMIT x        => ERR LIMIT can't be negative
             SINTERCARD 1 a APPROX         => ERR syntax error
             SDIFFCARD 1 a APPROX          => ERR syntax error
             SUNIONCARD 1 a APPROX APPROX  => 0
             SET t v                       => OK
             SINTERCARD 2 none t           => WRONGTYPE Operation against a key holding the wrong kind of value",
        );
    }
}
