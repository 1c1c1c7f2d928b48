//! What several sets have together, in common, or not: SUNION, SINTER, SDIFF; and how they are combined.

use super::{READ_USE, reply_member};
use crate::command::call::Call;
use crate::command::flags::Flags;
use crate::command::keys::KeySpec;
use crate::command::{Command, Group, Run};
use crate::error::Error;
use crate::keyspace::Keyspace;
use spinel_types::{OwnedValue, SetMut, SetRef, Str};
use std::ops::ControlFlow;

const ROW: Command = Command {
    usage: "key...",
    keys: &[KeySpec::from(1, 1, READ_USE)],
    flags: Flags::READONLY,
    group: Group::Set,
    tips: &["nondeterministic_output_order"],
    ..Command::ROW
};

pub(super) const UNION_COST: &str = "O(N) where N is the number of members of all sets";
pub(super) const INTERSECTION_COST: &str =
    "O(N*M) where N is the number of members of the smallest set and M the number of sets";
pub(super) const DIFFERENCE_COST: &str =
    "O(N*M) where N is the number of members of the first set and M the number of sets";

/// The rows of this file.
pub(super) const COMMANDS: &[Command] = &[
    Command {
        name: "sunion",
        cost: UNION_COST,
        about: "Returns the members of any of several sets.",
        run: Run::Data(sunion),
        ..ROW
    },
    Command {
        name: "sinter",
        cost: INTERSECTION_COST,
        about: "Returns the members that several sets have in common.",
        run: Run::Data(sinter),
        ..ROW
    },
    Command {
        name: "sdiff",
        cost: DIFFERENCE_COST,
        about: "Returns the members of a set that are in no other of several sets.",
        run: Run::Data(sdiff),
        ..ROW
    },
];

fn sunion(call: &mut Call<'_>) -> Result<(), Error> {
    let keys = call.args.rest();

    let keyspace = call.keys.keyspace();
    let sets = call.keys.read_sets(keys)?;
    let is_of_integers = sets.iter().flatten().all(|set| matches!(set, SetRef::Integers(_)));
    let start = if is_of_integers { SetMut::fresh_integers() } else { SetMut::fresh_large(keyspace.seed()) };
    let union = union(keyspace, &sets, start);
    let union = SetRef::of_value(&union);

    call.reply.set(union.len());
    union.for_each(|member| reply_member(call.reply, member));
    Ok(())
}

fn sinter(call: &mut Call<'_>) -> Result<(), Error> {
    let keys = call.args.rest();

    let sets = call.keys.read_sets(keys)?;
    let (deferred, mut count) = (call.reply.deferred_set(), 0);
    for_each_common(&sets, |member| {
        reply_member(call.reply, member);
        count += 1;
        ControlFlow::Continue(())
    });
    call.reply.finish_set(deferred, count);
    Ok(())
}

fn sdiff(call: &mut Call<'_>) -> Result<(), Error> {
    let keys = call.args.rest();

    let sets = call.keys.read_sets(keys)?;
    let (deferred, mut count) = (call.reply.deferred_set(), 0);
    for_each_left(keys, &sets, |member| {
        reply_member(call.reply, member);
        count += 1;
        ControlFlow::Continue(())
    });
    call.reply.finish_set(deferred, count);
    Ok(())
}

/// Makes a set of all members of several, in the form of `start` or a larger one.
pub(super) fn union(keyspace: &Keyspace, sets: &[Option<SetRef<'_>>], start: OwnedValue) -> OwnedValue {
    keyspace.fill_set(start, |union| {
        for set in sets.iter().flatten() {
            set.for_each(|member| {
                union.add(member);
            });
        }
    })
}

/// Visits the members that all sets have in common, until told to break. A set that is not there is empty.
pub(super) fn for_each_common<'s>(
    sets: &[Option<SetRef<'s>>],
    mut visit: impl FnMut(Str<'s>) -> ControlFlow<()>,
) {
    let Some((smallest, others)) = smallest_first(sets) else { return };
    let common = smallest.iter().filter(|member| others.iter().all(|other| other.contains(*member)));
    // Breaking is all that can happen early.
    let _ = common.into_iter().try_for_each(&mut visit);
}

/// The set with the fewest members, and the others, smaller ones first; nothing if one is not there.
pub(super) fn smallest_first<'s>(sets: &[Option<SetRef<'s>>]) -> Option<(SetRef<'s>, Vec<SetRef<'s>>)> {
    let mut sets: Vec<SetRef<'s>> = sets.iter().copied().collect::<Option<_>>()?;
    sets.sort_by_key(|set| set.len());
    let smallest = sets.remove(0);
    Some((smallest, sets))
}

/// Visits the members of the first set that are in no other, until told to break.
pub(super) fn for_each_left<'s>(
    keys: &[&[u8]],
    sets: &[Option<SetRef<'s>>],
    mut visit: impl FnMut(Str<'s>) -> ControlFlow<()>,
) {
    let [Some(first), others @ ..] = sets else { return };
    if is_taken_from_itself(keys) {
        return;
    }
    let mut others: Vec<SetRef<'s>> = others.iter().flatten().copied().collect();
    // Where most is, a member is most likely found.
    others.sort_by_key(|set| std::cmp::Reverse(set.len()));
    let left = first.iter().filter(|member| !others.iter().any(|other| other.contains(*member)));
    let _ = left.into_iter().try_for_each(&mut visit);
}

/// Whether the first key is named again, so that nothing can be left of it.
pub(super) fn is_taken_from_itself(keys: &[&[u8]]) -> bool {
    keys[1..].contains(&keys[0])
}

#[cfg(test)]
mod tests {
    use crate::commands::script::check;

    #[test]
    fn sets_are_combined() {
        check(
            "SADD a 1 2 3                  => 3
             SADD b 3 4                    => 2
             SADD c 3 x                    => 2
             SUNION a b                    => [\"1\", \"2\", \"3\", \"4\"]
             SUNION none                   => []
             SINTER a b c                  => [\"3\"]
             SINTER c                      => [\"3\", \"x\"]
             SINTER a none                 => []
             SDIFF a b                     => [\"1\", \"2\"]
             SDIFF a b a                   => []
             SDIFF none a                  => []
             SDIFF c none                  => [\"3\", \"x\"]
             SET t v                       => OK
             SUNION a t                    => WRONGTYPE Operation against a key holding the wrong kind of value
             SINTER none t                 => WRONGTYPE Operation against a key holding the wrong kind of value
             SDIFF none t                  => WRONGTYPE Operation against a key holding the wrong kind of value",
        );
    }
}
