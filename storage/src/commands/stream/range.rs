//! Entries between two ids: XRANGE, XREVRANGE.

use super::{ACCESS_KEY, ids, reply_entry};
use crate::command::args::Args;
use crate::command::call::Call;
use crate::command::flags::Flags;
use crate::command::{Command, Group, Run};
use crate::error::Error;
use spinel_resp::ReplyWriter;
use spinel_types::StreamId;
use spinel_types::stream::Entry;

const ROW: Command = Command {
    keys: ACCESS_KEY,
    flags: Flags::READONLY,
    group: Group::Stream,
    since: "5.0.0",
    cost: "O(log n + N) with N being the number of entries returned",
    ..Command::ROW
};

/// The rows of this file.
pub(super) const COMMANDS: &[Command] = &[
    Command {
        name: "xrange",
        usage: "key start:string end:string [COUNT count]",
        about: "Returns the entries of a stream between two ids, oldest first.",
        run: Run::Data(xrange),
        ..ROW
    },
    Command {
        name: "xrevrange",
        usage: "key end:string start:string [COUNT count]",
        about: "Returns the entries of a stream between two ids, newest first.",
        run: Run::Data(xrevrange),
        ..ROW
    },
];

fn xrange(call: &mut Call<'_>) -> Result<(), Error> {
    let (key, from, to) = (call.args.word(), call.args.word(), call.args.word());
    let (from, to) = (ids::parse_start(from)?, ids::parse_end(to)?);
    let count = parse_count(&mut call.args)?;

    match (call.keys.read_stream(key)?, count) {
        (None, _) => call.reply.array(0),
        (Some(_), Some(0)) => call.reply.null_array(),
        (Some(stream), count) => reply_entries(call.reply, stream.range(from, to), count),
    }
    Ok(())
}

fn xrevrange(call: &mut Call<'_>) -> Result<(), Error> {
    let (key, to, from) = (call.args.word(), call.args.word(), call.args.word());
    let (from, to): (StreamId, StreamId) = (ids::parse_start(from)?, ids::parse_end(to)?);
    let count = parse_count(&mut call.args)?;

    match (call.keys.read_stream(key)?, count) {
        (None, _) => call.reply.array(0),
        (Some(_), Some(0)) => call.reply.null_array(),
        (Some(stream), count) => reply_entries(call.reply, stream.range_reversed(from, to), count),
    }
    Ok(())
}

/// How many entries are wanted at most, if that was said; −1 says nothing.
pub(super) fn parse_count(args: &mut Args<'_>) -> Result<Option<usize>, Error> {
    let mut count = None;
    while args.remaining() > 0 {
        if args.remaining() < 2 || !args.accept("COUNT") {
            return Err(Error::Syntax);
        }
        count = Some(ids::parse_count(args)?);
    }
    Ok(count)
}

fn reply_entries<'a>(
    reply: &mut ReplyWriter,
    entries: impl Iterator<Item = Entry<'a>>,
    count: Option<usize>,
) {
    let deferred = reply.deferred_array();
    let mut replied = 0;
    for entry in entries.take(count.unwrap_or(usize::MAX)) {
        reply_entry(reply, entry);
        replied += 1;
    }
    reply.finish_array(deferred, replied);
}

#[cfg(test)]
mod tests {
    use crate::commands::script::check;

    #[test]
    fn entries_in_both_directions() {
        check(
            "XADD s 1-1 f 1                 => \"1-1\"
             XADD s 1-2 f 2                 => \"1-2\"
             XADD s 3-0 g x                 => \"3-0\"
             XRANGE s - +                   => [[\"1-1\", [\"f\", \"1\"]], [\"1-2\", [\"f\", \"2\"]], [\"3-0\", [\"g\", \"x\"]]]
             XRANGE s 1 1                   => [[\"1-1\", [\"f\", \"1\"]], [\"1-2\", [\"f\", \"2\"]]]
             XRANGE s (1-1 (3-0             => [[\"1-2\", [\"f\", \"2\"]]]
             XREVRANGE s + - COUNT 1        => [[\"3-0\", [\"g\", \"x\"]]]
             XREVRANGE s (3-0 1             => [[\"1-2\", [\"f\", \"2\"]], [\"1-1\", [\"f\", \"1\"]]]
             XRANGE s + -                   => []
             XRANGE s - + COUNT 0           => nil
             XRANGE none - + COUNT 0        => []
             XRANGE s (18446744073709551615-18446744073709551615 + => ERR invalid start ID for the interval
             XRANGE s - (0-0                => ERR invalid end ID for the interval
             XRANGE s (- +                  => ERR Invalid stream ID specified as stream command argument
             XRANGE s - + COUNT             => ERR syntax error
             XRANGE s - + COUNT x           => ERR value is not an integer or out of range",
        );
    }
}
