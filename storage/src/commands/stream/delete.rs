//! Deleting entries by their ids: XDEL, XDELEX.

use super::trim::accept_references;
use super::{DELETE_KEY, effects, ids};
use crate::command::args::Args;
use crate::command::call::Call;
use crate::command::flags::Flags;
use crate::command::{Command, Group, Run};
use crate::engine::effect::Effect;
use crate::error::Error;
use spinel_types::StreamId;
use spinel_types::stream::{Deletion, References};

/// The rows of this file.
pub(super) const COMMANDS: &[Command] = &[
    Command {
        name: "xdel",
        event: "xdel",
        usage: "key id...",
        keys: DELETE_KEY,
        flags: Flags::WRITE.with(Flags::FAST),
        group: Group::Stream,
        since: "5.0.0",
        cost: "O(log n) per id",
        about: "Deletes entries of a stream, also those that are not due yet, and counts them.",
        run: Run::Data(xdel),
        ..Command::ROW
    },
    Command {
        name: "xdelex",
        event: "xdel",
        usage: "key condition=[KEEPREF|DELREF|ACKED] IDS ids=(numids:integer id...)",
        keys: DELETE_KEY,
        flags: Flags::WRITE.with(Flags::FAST),
        group: Group::Stream,
        since: "8.2.0",
        cost: "O(log n) per id",
        about: "Deletes entries of a stream, minding the groups that still refer to them.",
        run: Run::Data(xdelex),
        ..Command::ROW
    },
];

fn xdel(call: &mut Call<'_>) -> Result<(), Error> {
    let (key, words) = (call.args.word(), call.args.rest());

    let mut guard = call.keys.write(key);
    let mut deleted = 0;
    if let Some(stream) = guard.existing_stream()? {
        for id in ids::parse_all(words)? {
            deleted += u64::from(stream.delete(id) || stream.drop_delayed(id));
        }
    }
    guard.count_changes(deleted);

    call.reply.integer(deleted as i64);
    Ok(())
}

/// Which entries are to be deleted, and what about the references to them.
#[derive(Default)]
pub(super) struct DeleteOptions<'a> {
    references: Option<References>,
    words: Option<&'a [&'a [u8]]>,
}

impl<'a> DeleteOptions<'a> {
    pub(super) fn parse(args: &mut Args<'a>) -> Result<DeleteOptions<'a>, Error> {
        let mut options = DeleteOptions::default();
        while args.remaining() > 0 {
            if args.remaining() > 1 && args.accept("IDS") {
                options.words = Some(parse_words(args)?);
            } else if !accept_references(&mut options.references, args)? {
                return Err(Error::Syntax);
            }
        }
        Ok(options)
    }

    pub(super) fn references(&self) -> References {
        self.references.unwrap_or_default()
    }

    pub(super) fn ids(&self) -> Result<Vec<StreamId>, Error> {
        ids::parse_all(self.words.ok_or(Error::Syntax)?)
    }
}

fn parse_words<'a>(args: &mut Args<'a>) -> Result<&'a [&'a [u8]], Error> {
    let not_positive = Error::Text("ERR Number of IDs must be a positive integer");
    let count = args.integer_or(not_positive.clone());
    args.check()?;
    let count = usize::try_from(count).ok().filter(|count| *count > 0).ok_or(not_positive)?;
    args.take(count).map_err(|_| Error::Text("ERR The `numids` parameter must match the number of arguments"))
}

/// The number that stands for what became of an entry.
pub(super) fn code(deletion: Deletion) -> i64 {
    match deletion {
        Deletion::Missing => -1,
        Deletion::Deleted => 1,
        Deletion::Awaited => 2,
    }
}

/// Records that entries were deleted, if any were.
pub(super) fn record_deleted(effect: &mut Effect, key: &[u8], deleted: &[StreamId]) {
    if !deleted.is_empty() {
        let words = deleted.iter().map(|id| id.text().to_vec());
        effect.rewrite_line(|| [b"XDEL".to_vec(), key.to_vec()].into_iter().chain(words).collect());
    }
}

fn xdelex(call: &mut Call<'_>) -> Result<(), Error> {
    let key = call.args.word();
    let options = DeleteOptions::parse(&mut call.args)?;
    let (ids, references) = (options.ids()?, options.references());

    let mut guard = call.keys.write(key);
    let (mut deletions, mut deleted) = (vec![Deletion::Missing; ids.len()], Vec::new());
    // Deleting references to entries that are gone is a change that no code tells of.
    let mut released = Vec::new();
    if let Some(stream) = guard.existing_stream()? {
        for (deletion, id) in deletions.iter_mut().zip(ids) {
            if references == References::Delete {
                released.extend(effects::release_everywhere(key, stream, id));
            }
            *deletion = stream.delete_with(id, references);
            if *deletion == Deletion::Deleted {
                deleted.push(id);
            }
        }
    }
    guard.count_changes(deleted.len().max(usize::from(!released.is_empty())) as u64);
    call.effect.add_lines(released);
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

    #[test]
    fn entries_go_by_id() {
        check(
            "XADD s 1-1 f v                 => \"1-1\"
             XADD s 2-1 f v                 => \"2-1\"
             XDEL s 1-1 1-1 9               => 1
             XDEL s 2-1 x                   => ERR Invalid stream ID specified as stream command argument
             XDEL none x                    => 0
             XDEL s 2-1                     => 1
             XLEN s                         => 0
             EXISTS s                       => 1",
        );
    }

    #[test]
    fn references_are_minded() {
        check(
            "XADD s 1-1 f v                 => \"1-1\"
             XADD s 2-1 f v                 => \"2-1\"
             XADD s 3-1 f v                 => \"3-1\"
             XGROUP CREATE s g 0            => OK
             XREADGROUP GROUP g c COUNT 2 STREAMS s > => *
             XACK s g 1-1                   => 1
             XDELEX s ACKED IDS 3 1-1 2-1 3-1 => [1, 2, 2]
             XDELEX s IDS 2 2-1 9-9         => [1, -1]
             XPENDING s g - + 10            => [[\"2-1\", \"c\", 0, 1]]
             XDELEX s DELREF IDS 1 2-1      => [-1]
             XPENDING s g - + 10            => []
             XDELEX none IDS 1 2-1          => [-1]
             XDELEX s IDS 0 1               => ERR Number of IDs must be a positive integer
             XDELEX s IDS 2 1               => ERR The `numids` parameter must match the number of arguments
             XDELEX s IDS 1 1 2             => ERR syntax error
             XDELEX s KEEPREF ACKED IDS 1 1 => ERR syntax error",
        );
    }
}
