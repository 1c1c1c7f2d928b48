//! Adding members and changing scores: ZADD, ZINCRBY.

use crate::command::args::Args;
use crate::command::call::Call;
use crate::command::flags::Flags;
use crate::command::keys::{KeySpec, KeyUse};
use crate::command::{Command, Group, Run};
use crate::error::Error;
use crate::keyspace::event::Event;
use spinel_resp::number::parse_double;
use spinel_types::sorted_set::Change;

const UPDATE_KEY: &[KeySpec] = &[KeySpec::at(1, KeyUse::READ_WRITE.with(KeyUse::UPDATE))];
const INCREMENT_KEY: &[KeySpec] =
    &[KeySpec::at(1, KeyUse::READ_WRITE.with(KeyUse::ACCESS).with(KeyUse::UPDATE))];

const NOT_A_NUMBER: Error = Error::Text("ERR resulting score is not a number (NaN)");

/// The rows of this file.
pub(super) const COMMANDS: &[Command] = &[
    Command {
        name: "zadd",
        event: "zadd",
        usage: "key condition=[NX|XX] comparison=[GT|LT] [change=CH] [increment=INCR] data=(score:double member)...",
        keys: UPDATE_KEY,
        flags: Flags::WRITE.with(Flags::DENYOOM).with(Flags::FAST),
        group: Group::SortedSet,
        since: "1.2.0",
        cost: "O(log(N)) for each member, where N is the size of the sorted set",
        about: "Adds members with scores to a sorted set, or changes the scores of those that are there.",
        run: Run::Data(zadd),
        ..Command::ROW
    },
    Command {
        name: "zincrby",
        event: "zincr",
        usage: "key increment member",
        keys: INCREMENT_KEY,
        flags: Flags::WRITE.with(Flags::DENYOOM).with(Flags::FAST),
        group: Group::SortedSet,
        since: "1.2.0",
        cost: "O(log(N)) where N is the size of the sorted set",
        about: "Adds to a member's score.",
        run: Run::Data(zincrby),
        ..Command::ROW
    },
];

/// What ZADD does with a member, given its present score.
#[derive(Clone, Copy, Default)]
#[expect(clippy::struct_excessive_bools, reason = "one for each of the option words")]
pub(in crate::commands) struct AddOptions {
    pub(in crate::commands) only_new: bool,
    pub(in crate::commands) only_present: bool,
    only_greater: bool,
    only_less: bool,
    counts_changes: bool,
    is_increment: bool,
}

impl AddOptions {
    fn parse(args: &mut Args<'_>) -> AddOptions {
        let mut options = AddOptions::default();
        while options.accept_condition(args) || options.accept_comparison(args) {}
        options
    }

    /// Takes an option that GEOADD has, too, if it is next.
    pub(in crate::commands) fn accept_condition(&mut self, args: &mut Args<'_>) -> bool {
        let options =
            [("NX", &mut self.only_new), ("XX", &mut self.only_present), ("CH", &mut self.counts_changes)];
        accept_one(args, options)
    }

    fn accept_comparison(&mut self, args: &mut Args<'_>) -> bool {
        let options =
            [("INCR", &mut self.is_increment), ("GT", &mut self.only_greater), ("LT", &mut self.only_less)];
        accept_one(args, options)
    }

    fn check(self, pairs: usize) -> Result<(), Error> {
        let comparisons = u8::from(self.only_new) + u8::from(self.only_greater) + u8::from(self.only_less);
        if self.only_new && self.only_present {
            Err(Error::Text("ERR XX and NX options at the same time are not compatible"))
        } else if comparisons > 1 {
            Err(Error::Text("ERR GT, LT, and/or NX options at the same time are not compatible"))
        } else if self.is_increment && pairs > 1 {
            Err(Error::Text("ERR INCR option supports a single increment-element pair"))
        } else {
            Ok(())
        }
    }

    /// The score a member gets, if any. NaN is for the caller to refuse.
    fn decide(self, present: Option<f64>, given: f64) -> Option<f64> {
        let Some(present) = present else { return (!self.only_present).then_some(given) };
        let score = if self.is_increment { present + given } else { given };
        let is_refused =
            self.only_new || self.only_less && score >= present || self.only_greater && score <= present;
        (!is_refused).then_some(score)
    }
}

/// Takes the next word if it is one of the options, and sets it.
fn accept_one(args: &mut Args<'_>, options: [(&str, &mut bool); 3]) -> bool {
    let named = options.into_iter().find(|(name, _)| args.accept(name));
    named.map(|(_, option)| *option = true).is_some()
}

fn zadd(call: &mut Call<'_>) -> Result<(), Error> {
    let key = call.args.word();
    let options = AddOptions::parse(&mut call.args);
    let (pairs, rest) = call.args.rest().as_chunks::<2>();
    if pairs.is_empty() || !rest.is_empty() {
        return Err(Error::Syntax);
    }
    options.check(pairs.len())?;
    add(call, key, options, pairs)
}

fn zincrby(call: &mut Call<'_>) -> Result<(), Error> {
    let (key, increment, member) = (call.args.word(), call.args.word(), call.args.word());
    let options = AddOptions { is_increment: true, ..AddOptions::default() };
    add(call, key, options, &[[increment, member]])
}

/// Adds pairs of scores and members, all of which are read before the first is added.
fn add<'a>(
    call: &mut Call<'_>,
    key: &[u8],
    options: AddOptions,
    pairs: &[[&'a [u8]; 2]],
) -> Result<(), Error> {
    let scored =
        |[score, member]: &[&'a [u8]; 2]| Ok((parse_double(score).ok_or(Error::NotAFloat)?, *member));
    let members = pairs.iter().map(scored).collect::<Result<Vec<_>, Error>>()?;
    add_scored(call, key, options, &members)
}

/// Adds members with scores, and replies how many are new, or what the options ask for.
pub(in crate::commands) fn add_scored(
    call: &mut Call<'_>,
    key: &[u8],
    options: AddOptions,
    members: &[(f64, &[u8])],
) -> Result<(), Error> {
    let mut guard = call.keys.write(key);
    let is_new = !guard.exists();
    let opened = if options.only_present { guard.existing_sorted_set()? } else { Some(guard.sorted_set()?) };
    let Some(mut set) = opened else {
        if options.is_increment {
            call.reply.null();
        } else {
            call.reply.integer(0);
        }
        return Ok(());
    };
    let longest = members.iter().map(|(_, member)| member.len()).max().filter(|_| is_new);
    set.expect(members.len(), longest.unwrap_or(0));

    let (mut added, mut changed, mut result) = (0, 0, None);
    for &(given, member) in members {
        result = None;
        let change = set.update(member, |present| {
            result = options.decide(present, given);
            result.filter(|score| !score.is_nan())
        });
        if result.is_some_and(f64::is_nan) {
            return Err(NOT_A_NUMBER);
        }
        added += i64::from(change == Change::Added);
        changed += i64::from(change == Change::Rescored);
    }

    if options.is_increment && added + changed > 0 {
        guard.notify(Event::sorted_set("zincr"));
    }
    match result {
        Some(score) if options.is_increment => call.reply.double(score),
        None if options.is_increment => call.reply.null(),
        _ if options.counts_changes => call.reply.integer(added + changed),
        _ => call.reply.integer(added),
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::commands::script::check;

    #[test]
    fn members_are_added_and_changed() {
        check(
            "ZADD z 1 a 2 b                  => 2
             ZADD z CH 1 a 3 b 4 c           => 2
             ZADD z NX CH 9 a 5 d            => 1
             ZADD z XX CH 9 a 5 e            => 1
             ZADD z GT CH 8 a 6 b            => 1
             ZADD z LT CH 8 a 7 b            => 1
             ZADD z INCR 1.5 a               => ,9.5
             ZADD z NX INCR 1 a              => nil
             ZADD z XX INCR 1 none           => nil
             ZADD none XX INCR 1 a           => nil
             ZADD none XX 1 a                => 0
             ZINCRBY z -2 c                  => ,2
             ZINCRBY z 0 c                   => ,2
             ZRANGE z 0 -1 WITHSCORES        => [[\"c\", ,2], [\"d\", ,5], [\"b\", ,6], [\"a\", ,9.5]]
             EXISTS none                     => 0",
        );
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        check(
            "ZADD z 1                        => ERR wrong number of arguments for 'zadd' command
             ZADD z NX 1                     => ERR syntax error
             ZADD z 1 a 2                    => ERR syntax error
             ZADD z NX XX 1 a                => ERR XX and NX options at the same time are not compatible
             ZADD z GT LT 1 a                => ERR GT, LT, and/or NX options at the same time are not compatible
             ZADD z GT NX 1 a                => ERR GT, LT, and/or NX options at the same time are not compatible
             ZADD z INCR 1 a 2 b             => ERR INCR option supports a single increment-element pair
             ZADD z 1 a x b                  => ERR value is not a valid float
             ZADD z nan a                    => ERR value is not a valid float
             EXISTS z                        => 0
             ZADD z inf a                    => 1
             ZINCRBY z -inf a                => ERR resulting score is not a number (NaN)
             SET s 1                         => OK
             ZADD s 1 a                      => WRONGTYPE Operation against a key holding the wrong kind of value
             ZADD s XX 1 a                   => WRONGTYPE Operation against a key holding the wrong kind of value",
        );
    }
}
