//! Setting what a stream counts: XSETID.

use super::{UPDATE_KEY, ids};
use crate::command::args::Args;
use crate::command::call::Call;
use crate::command::flags::Flags;
use crate::command::{Command, Group, Run};
use crate::error::Error;
use spinel_types::{Stream, StreamId};

/// The rows of this file.
pub(super) const COMMANDS: &[Command] = &[Command {
    name: "xsetid",
    event: "xsetid",
    usage: "key last-id [ENTRIESADDED entries-added:integer] [MAXDELETEDID max-deleted-id]",
    keys: UPDATE_KEY,
    flags: Flags::WRITE.with(Flags::DENYOOM).with(Flags::FAST),
    group: Group::Stream,
    since: "5.0.0",
    about: "Sets the last id of a stream, from which new ones follow.",
    run: Run::Data(xsetid),
    ..Command::ROW
}];

#[derive(Default)]
struct SetIdOptions {
    entries_added: Option<u64>,
    max_deleted: Option<StreamId>,
}

impl SetIdOptions {
    fn parse(args: &mut Args<'_>, last: StreamId) -> Result<SetIdOptions, Error> {
        let mut options = SetIdOptions::default();
        while args.remaining() > 0 {
            if args.remaining() > 1 && args.accept("ENTRIESADDED") {
                let added = args.integer();
                args.check()?;
                let added = u64::try_from(added);
                options.entries_added =
                    Some(added.map_err(|_| Error::Text("ERR entries_added must be positive"))?);
            } else if args.remaining() > 1 && args.accept("MAXDELETEDID") {
                let id = ids::parse(args.word())?;
                if last < id {
                    return Err(Error::Text(
                        "ERR The ID specified in XSETID is smaller than the provided max_deleted_entry_id",
                    ));
                }
                options.max_deleted = Some(id);
            } else {
                return Err(Error::Syntax);
            }
        }
        Ok(options)
    }

    fn check(&self, stream: &Stream, last: StreamId) -> Result<(), Error> {
        if last < stream.max_deleted_id() {
            return Err(Error::Text(
                "ERR The ID specified in XSETID is smaller than current max_deleted_entry_id",
            ));
        }
        let newest = stream.range_reversed(StreamId::MIN, StreamId::MAX).next().map(|entry| entry.id);
        if newest.is_some_and(|newest| last < newest) {
            return Err(Error::Text(
                "ERR The ID specified in XSETID is smaller than the target stream top item",
            ));
        }
        if !stream.is_empty() && self.entries_added.is_some_and(|added| added < stream.len()) {
            return Err(Error::Text(
                "ERR The entries_added specified in XSETID is smaller than the target stream length",
            ));
        }
        Ok(())
    }
}

fn xsetid(call: &mut Call<'_>) -> Result<(), Error> {
    let (key, last) = (call.args.word(), ids::parse(call.args.word())?);
    let options = SetIdOptions::parse(&mut call.args, last)?;

    let mut guard = call.keys.write(key);
    let stream = guard.existing_stream()?.ok_or(Error::NoSuchKey)?;
    options.check(stream, last)?;
    stream.set_last_id(last);
    if let Some(added) = options.entries_added {
        stream.set_entries_added(added);
    }
    if let Some(id) = options.max_deleted.filter(|id| !id.is_zero()) {
        stream.set_max_deleted_id(id);
    }
    guard.count_hidden_changes(1);

    call.reply.ok();
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::commands::script::check;

    #[test]
    fn ids_only_grow() {
        check(
            "XSETID s 5-1                   => ERR no such key
             XADD s 5-1 f v                 => \"5-1\"
             XADD s 6-1 f v                 => \"6-1\"
             XDEL s 6-1                     => 1
             XSETID s 6-0                   => ERR The ID specified in XSETID is smaller than current max_deleted_entry_id
             XSETID s 7-0                   => OK
             XADD s 7-0 f v                 => ERR The ID specified in XADD is equal or smaller than the target stream top item
             XSETID s 9-0 ENTRIESADDED 9 MAXDELETEDID 8-1 => OK
             XSETID s 9-0 MAXDELETEDID 10-1 => ERR The ID specified in XSETID is smaller than the provided max_deleted_entry_id
             XSETID s 9-0 ENTRIESADDED 0    => ERR The entries_added specified in XSETID is smaller than the target stream length
             XSETID s 9-0 ENTRIESADDED -1   => ERR entries_added must be positive
             XADD s 10-1 f v                => \"10-1\"
             XSETID s 10-0                  => ERR The ID specified in XSETID is smaller than the target stream top item
             XSETID s x                     => ERR Invalid stream ID specified as stream command argument
             XSETID s 11-0 x                => ERR syntax error",
        );
    }
}
