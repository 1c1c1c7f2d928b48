//! Acknowledging entries: XACK, XACKDEL.

use super::delete::{DeleteOptions, code, record_deleted};
use super::effects::{self, Place};
use super::{UPDATE_KEY, ids};
use crate::command::call::Call;
use crate::command::flags::Flags;
use crate::command::keys::{KeySpec, KeyUse};
use crate::command::{Command, Group, Run};
use crate::error::Error;
use spinel_types::Stream;
use spinel_types::stream::{Deletion, References};

const UPDATE_AND_DELETE_KEY: &[KeySpec] =
    &[KeySpec::at(1, KeyUse::READ_WRITE.with(KeyUse::UPDATE).with(KeyUse::DELETE))];

/// The rows of this file.
pub(super) const COMMANDS: &[Command] = &[
    Command {
        name: "xack",
        usage: "key group id...",
        keys: UPDATE_KEY,
        flags: Flags::WRITE.with(Flags::FAST),
        group: Group::Stream,
        since: "5.0.0",
        cost: "O(log n) per id",
        about: "Acknowledges entries, so that they are no longer pending in a group, and counts them.",
        run: Run::Data(xack),
        ..Command::ROW
    },
    Command {
        name: "xackdel",
        event: "xdel",
        usage: "key group condition=[KEEPREF|DELREF|ACKED] IDS ids=(numids:integer id...)",
        keys: UPDATE_AND_DELETE_KEY,
        flags: Flags::WRITE.with(Flags::FAST),
        group: Group::Stream,
        since: "8.2.0",
        cost: "O(log n) per id",
        about: "Acknowledges entries and deletes them, minding the groups that still refer to them.",
        run: Run::Data(xackdel),
        ..Command::ROW
    },
];

fn xack(call: &mut Call<'_>) -> Result<(), Error> {
    let (key, group, words) = (call.args.word(), call.args.word(), call.args.rest());

    let mut guard = call.keys.write(key);
    guard.notify_miss();
    let mut acknowledged = 0;
    if let Some(mut group) = guard.existing_stream()?.and_then(|stream| stream.groups_mut().find_mut(group)) {
        for id in ids::parse_all(words)? {
            acknowledged += u64::from(group.acknowledge(id).is_some());
        }
    }
    guard.count_changes(acknowledged);

    call.reply.integer(acknowledged as i64);
    Ok(())
}

fn xackdel(call: &mut Call<'_>) -> Result<(), Error> {
    let (key, group) = (call.args.word(), call.args.word());
    let options = DeleteOptions::parse(&mut call.args)?;
    let (ids, references) = (options.ids()?, options.references());

    let mut guard = call.keys.write(key);
    let has_group = |stream: &&mut Stream| stream.groups().find(group).is_some();
    let (mut deletions, mut changes, mut deleted) = (vec![Deletion::Missing; ids.len()], 0, Vec::new());
    if let Some(stream) = guard.existing_stream()?.filter(has_group) {
        for (deletion, id) in deletions.iter_mut().zip(ids) {
            if stream.groups_mut().find_mut(group).and_then(|mut group| group.acknowledge(id)).is_none() {
                continue;
            }
            changes += 1;
            call.effect.rewrite_line(|| effects::acknowledge(Place { key, group }, id));
            if references == References::Delete && call.effect.is_recorded() {
                call.effect.add_lines(effects::release_everywhere(key, stream, id));
            }
            let found = stream.delete_with(id, references);
            if found == Deletion::Deleted {
                deleted.push(id);
            }
            // It was acknowledged all the same if it was not there.
            *deletion = if found == Deletion::Missing { Deletion::Deleted } else { found };
        }
    }
    guard.count_changes(changes);
    record_deleted(call.effect, key, &deleted);

    call.reply.array(deletions.len());
    for deletion in deletions {
        call.reply.integer(code(deletion));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::commands::script::check;

    const THREE: &str = "XADD s 1-1 f v => \"1-1\"
         XADD s 2-1 f v => \"2-1\"
         XADD s 3-1 f v => \"3-1\"
         XGROUP CREATE s g 0 => OK
         XREADGROUP GROUP g c STREAMS s > => *";

    #[test]
    fn acknowledged_entries_are_not_pending() {
        check(&format!(
            "{THREE}
             XACK s g 1-1 1-1 9-9           => 1
             XPENDING s g                   => [2, \"2-1\", \"3-1\", [[\"c\", \"2\"]]]
             XACK s g 2-1 x                 => ERR Invalid stream ID specified as stream command argument
             XACK s none x                  => 0
             XACK none g x                  => 0
             XACK s g 2-1 3-1               => 2
             XPENDING s g                   => [0, nil, nil, nil]"
        ));
    }

    #[test]
    fn acknowledged_entries_are_deleted() {
        check(&format!(
            "{THREE}
             XGROUP CREATE s other 0        => OK
             XREADGROUP GROUP other c COUNT 1 STREAMS s > => *
             XACKDEL s g IDS 1 1-1          => [1]
             XPENDING s other - + 10        => [[\"1-1\", \"c\", 0, 1]]
             XACKDEL s g ACKED IDS 2 1-1 2-1 => [-1, 2]
             XACKDEL s g DELREF IDS 1 3-1   => [1]
             XRANGE s - +                   => [[\"2-1\", [\"f\", \"v\"]]]
             XACKDEL s none IDS 1 1-1       => [-1]
             XACKDEL none g IDS 1 1-1       => [-1]
             XACKDEL s g IDS 1 x            => ERR Invalid stream ID specified as stream command argument"
        ));
    }
}
