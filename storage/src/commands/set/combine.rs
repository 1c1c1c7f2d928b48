//! What several sets have together, in common, or not: SUNION, SINTER, SDIFF; and how they are combined.

use super::{READ_USE, reply_member};
use crate::command::call::Call;
use crate::command::flags::Flags;
use crate::command::keys::KeySpec;
use crate::command::{Command, Group, Run};
use crate::error::Error;
use crate::keyspace::Keyspace;
use spinel_types::{SetMut, SetRef, Str};
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
    let mut members = union(keyspace, &sets);
    if sets.iter().flatten().all(|set| matches!(set, SetRef::Integers(_))) {
        members.sort_unstable_by_key(|member| member.integer());
    }

    call.reply.set(members.len());
    for member in members {
        reply_member(call.reply, member);
    }
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

/// All members of several sets, each once, in the order of the sets.
pub(super) fn union<'s>(keyspace: &Keyspace, sets: &[Option<SetRef<'s>>]) -> Vec<Str<'s>> {
    let most = sets.iter().flatten().map(|set| set.len()).max();
    let mut members = Vec::with_capacity(most.unwrap_or(0));
    for_each_of_any(keyspace, sets, |member| {
        members.push(member);
        ControlFlow::Continue(())
    });
    members
}

/// The most sets whose members are looked up in those before, rather than in a set of all seen.
const LOOKED_UP_MAX: usize = 6;
/// The largest compact set that members are looked up in.
const PACK_LOOKED_UP_MAX: usize = 256;

/// Visits the members of any of several sets, each once, until told to break.
pub(super) fn for_each_of_any<'s>(
    keyspace: &Keyspace,
    sets: &[Option<SetRef<'s>>],
    mut visit: impl FnMut(Str<'s>) -> ControlFlow<()>,
) {
    let sets: Vec<SetRef<'s>> = sets.iter().flatten().copied().collect();
    let is_quick =
        |set: &SetRef<'_>| !matches!(set, SetRef::Compact(pack) if pack.len() > PACK_LOOKED_UP_MAX);
    if sets.len() <= LOOKED_UP_MAX && sets.iter().all(is_quick) {
        let mut fresh = sets.iter().enumerate().flat_map(|(index, set)| {
            let before = &sets[..index];
            set.iter().filter(move |member| !before.iter().any(|set| set.contains(*member)))
        });
        let _ = fresh.try_for_each(&mut visit);
        return;
    }
    keyspace.fill_set(SetMut::fresh_large(0, keyspace.seed()), |seen| {
        let mut fresh = sets.iter().flat_map(|set| set.iter()).filter(|member| seen.add(*member));
        // Breaking is all that can happen early.
        let _ = fresh.try_for_each(&mut visit);
    });
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
