//! Combined sets under a key of their own: SUNIONSTORE, SINTERSTORE, SDIFFSTORE.

use super::READ_USE;
use super::combine::{
    DIFFERENCE_COST, INTERSECTION_COST, UNION_COST, for_each_common, for_each_left, is_taken_from_itself,
    smallest_first, union,
};
use crate::command::call::Call;
use crate::command::flags::Flags;
use crate::command::keys::{KeySpec, KeyUse};
use crate::command::{Command, Group, Run};
use crate::error::Error;
use crate::keyspace::Keyspace;
use crate::keyspace::guard::Expiry;
use spinel_types::{OwnedValue, SetMut, SetRef, Str};
use std::ops::ControlFlow;

const ROW: Command = Command {
    usage: "destination key...",
    keys: &[KeySpec::at(1, KeyUse::OVERWRITE.with(KeyUse::UPDATE)), KeySpec::from(2, 1, READ_USE)],
    flags: Flags::WRITE.with(Flags::DENYOOM),
    group: Group::Set,
    ..Command::ROW
};

/// The rows of this file.
pub(super) const COMMANDS: &[Command] = &[
    Command {
        name: "sunionstore",
        event: "sunionstore",
        cost: UNION_COST,
        about: "Stores the members of any of several sets.",
        run: Run::Data(sunionstore),
        ..ROW
    },
    Command {
        name: "sinterstore",
        event: "sinterstore",
        cost: INTERSECTION_COST,
        about: "Stores the members that several sets have in common.",
        run: Run::Data(sinterstore),
        ..ROW
    },
    Command {
        name: "sdiffstore",
        event: "sdiffstore",
        cost: DIFFERENCE_COST,
        about: "Stores the members of a set that are in no other of several sets.",
        run: Run::Data(sdiffstore),
        ..ROW
    },
];

fn sunionstore(call: &mut Call<'_>) -> Result<(), Error> {
    store(call, |keyspace, _, sets| fill(keyspace, SetMut::fresh_integers(), &union(keyspace, sets)))
}

fn sinterstore(call: &mut Call<'_>) -> Result<(), Error> {
    store(call, |keyspace, _, sets| intersection(keyspace, sets))
}

fn sdiffstore(call: &mut Call<'_>) -> Result<(), Error> {
    store(call, difference)
}

/// Replaces the destination by the set that `combine` makes of the others; if that is empty, removes it.
fn store(
    call: &mut Call<'_>,
    combine: impl FnOnce(&Keyspace, &[&[u8]], &[Option<SetRef<'_>>]) -> OwnedValue,
) -> Result<(), Error> {
    let (destination, keys) = (call.args.word(), call.args.rest());

    let keyspace = call.keys.keyspace();
    let result = combine(keyspace, keys, &call.keys.read_sets(keys)?);
    let count = SetRef::of_value(&result).len();
    if count == 0 {
        call.keys.erase(destination);
    } else {
        call.keys.write(destination).set_value(result, Expiry::Never);
    }

    call.reply.integer(count as i64);
    Ok(())
}

/// Makes a set of members, which starts in a certain form.
fn fill(keyspace: &Keyspace, start: OwnedValue, members: &[Str<'_>]) -> OwnedValue {
    keyspace.fill_set(start, |result| {
        result.make_room(members.len());
        for member in members {
            result.add(*member);
        }
    })
}

/// Makes a set of what all have in common, in the form of the smallest one or a smaller form.
fn intersection(keyspace: &Keyspace, sets: &[Option<SetRef<'_>>]) -> OwnedValue {
    let is_of_integers = smallest_first(sets).is_some_and(|(set, _)| matches!(set, SetRef::Integers(_)));
    let start = if is_of_integers { SetMut::fresh_integers() } else { SetMut::fresh_pack() };
    let result = fill(keyspace, start, &gathered(|visit| for_each_common(sets, visit)));
    keyspace.fill_set(result, |result| {
        result.narrow();
    })
}

/// Makes a set of what only the first has.
fn difference(keyspace: &Keyspace, keys: &[&[u8]], sets: &[Option<SetRef<'_>>]) -> OwnedValue {
    let start = SetMut::fresh_integers();
    if prefers_removal(sets) && !is_taken_from_itself(keys) {
        return keyspace.fill_set(start, |result| remove_one_after_the_other(result, sets));
    }
    fill(keyspace, start, &gathered(|visit| for_each_left(keys, sets, visit)))
}

/// What something visits.
fn gathered<'s>(visit: impl FnOnce(&mut dyn FnMut(Str<'s>) -> ControlFlow<()>)) -> Vec<Str<'s>> {
    let mut members = Vec::new();
    visit(&mut |member| {
        members.push(member);
        ControlFlow::Continue(())
    });
    members
}

/// Whether taking the members of the other sets out of a copy of the first should cost less than looking each
/// member of the first up in the others. The copy's form may grow on the way, so that this has to be decided
/// as Redis does.
fn prefers_removal(sets: &[Option<SetRef<'_>>]) -> bool {
    let Some(Some(first)) = sets.first() else { return false };
    let lookups = first.len() * sets.iter().flatten().count();
    let removals: usize = sets.iter().flatten().map(|set| set.len()).sum();
    // Looking up is cheaper, and often ends early.
    lookups / 2 > removals
}

fn remove_one_after_the_other(result: &mut SetMut<'_>, sets: &[Option<SetRef<'_>>]) {
    let mut sets = sets.iter().flatten();
    if let Some(first) = sets.next() {
        result.make_room(first.len());
        first.for_each(|member| {
            result.add(member);
        });
    }
    for set in sets {
        if result.view().is_empty() {
            break;
        }
        set.for_each(|member| {
            result.remove(member);
        });
    }
}

#[cfg(test)]
mod tests {
    use crate::commands::script::check;

    #[test]
    fn combinations_are_stored() {
        check(
            "SADD a 1 2 3                  => 3
             SADD b 3 x                    => 2
             SUNIONSTORE d a b             => 4
             @encoding d                   => listpack
             SMEMBERS d                    => [\"1\", \"2\", \"3\", \"x\"]
             EXPIRE d 10                   => 1
             SINTERSTORE d b a             => 1
             @encoding d                   => intset
             @expiry d                     => never
             SDIFFSTORE d a b              => 2
             SMEMBERS d                    => [\"1\", \"2\"]
             SDIFFSTORE d a a              => 0
             EXISTS d                      => 0
             SINTERSTORE d a none          => 0
             SUNIONSTORE a none            => 0
             EXISTS a                      => 0
             SET t v                       => OK
             SINTERSTORE t b               => 2
             SMEMBERS t                    => [\"3\", \"x\"]
             SET u v                       => OK
             SUNIONSTORE d b u             => WRONGTYPE Operation against a key holding the wrong kind of value",
        );
    }
}
