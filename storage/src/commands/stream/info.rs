//! What is known of a stream and its groups: XINFO.

use super::group_info::{reply_full_groups, reply_groups};
use super::{millis, no_such_group, reply_entry, reply_id};
use crate::command::args::Args;
use crate::command::call::Call;
use crate::command::flags::Flags;
use crate::command::help::reply_help;
use crate::command::keys::{KeySpec, KeyUse};
use crate::command::{Command, Group, Run};
use crate::error::Error;
use spinel_resp::ReplyWriter;
use spinel_types::stream::{Consumer, Entry, Idempotence};
use spinel_types::{Stream, StreamId};

const ROW: Command = Command {
    keys: &[KeySpec::at(2, KeyUse::READ_ONLY.with(KeyUse::ACCESS))],
    flags: Flags::READONLY,
    group: Group::Stream,
    since: "5.0.0",
    ..Command::ROW
};

/// The rows of this file.
pub(super) const COMMANDS: &[Command] = &[
    Command {
        name: "xinfo",
        keys: &[],
        flags: Flags::NONE,
        cost: "Depends on the subcommand",
        about: "Holds the subcommands that look at streams.",
        run: Run::Container,
        ..ROW
    },
    Command {
        name: "xinfo|consumers",
        usage: "key group",
        cost: "O(N) with N being the number of consumers",
        about: "Describes the consumers of a group.",
        tips: &["nondeterministic_output"],
        run: Run::Data(consumers),
        ..ROW
    },
    Command {
        name: "xinfo|groups",
        usage: "key",
        cost: "O(N) with N being the number of groups",
        about: "Describes the groups of a stream.",
        run: Run::Data(groups),
        ..ROW
    },
    Command {
        name: "xinfo|help",
        keys: &[],
        flags: Flags::LOADING.with(Flags::STALE),
        about: "Explains the subcommands.",
        run: Run::Data(help),
        ..ROW
    },
    Command {
        name: "xinfo|stream",
        usage: "key full-block=[FULL [COUNT count]]",
        about: "Describes a stream, with FULL also its first entries and all its groups.",
        run: Run::Data(stream),
        ..ROW
    },
];

/// How many entries, and pending entries, FULL shows.
const COUNT_DEFAULT: usize = 10;

/// How many entries are shown, if the full description is wanted; 0 means all.
fn parse_full(args: &mut Args<'_>) -> Result<Option<usize>, Error> {
    if args.remaining() == 0 {
        return Ok(None);
    }
    let is_wrong = !matches!(args.remaining(), 1 | 3) || !args.accept("FULL");
    if is_wrong || args.remaining() > 0 && !args.accept("COUNT") {
        return Err(Error::wrong_subcommand("xinfo", args.words()[1]));
    }
    if args.remaining() == 0 {
        return Ok(Some(COUNT_DEFAULT));
    }
    let count = args.integer();
    args.check()?;
    Ok(Some(usize::try_from(count).unwrap_or(COUNT_DEFAULT)))
}

fn stream(call: &mut Call<'_>) -> Result<(), Error> {
    let key = call.args.word();
    let now_ms = millis(call.now);

    let stream: &Stream = call.keys.read_stream(key)?.ok_or(Error::NoSuchKey)?;
    let reply = &mut *call.reply;
    match parse_full(&mut call.args)? {
        None => {
            reply_map(reply, stream, 10);
            reply_counters(reply, stream, now_ms);
            field(reply, "groups");
            reply.integer(stream.groups().len() as i64);
            field(reply, "first-entry");
            reply_optional(reply, stream.entries().next());
            field(reply, "last-entry");
            reply_optional(reply, stream.range_reversed(StreamId::MIN, StreamId::MAX).next());
        }
        Some(count) => {
            let count = if count == 0 { usize::MAX } else { count };
            reply_map(reply, stream, 9);
            reply_counters(reply, stream, now_ms);
            field(reply, "entries");
            let list = reply.deferred_array();
            let entries = stream.entries().take(count);
            let replied = entries.map(|entry| reply_entry(reply, entry)).count();
            reply.finish_array(list, replied);
            field(reply, "groups");
            reply_full_groups(reply, stream, count);
        }
    }
    Ok(())
}

pub(super) fn field(reply: &mut ReplyWriter, name: &str) {
    reply.bulk(name.as_bytes());
}

/// Fields about messages that are added once are there only for streams that remember some, or were told to.
const IDEMPOTENCE_FIELDS: usize = 6;
/// Fields about entries that are not due are there only for streams that have some.
const DELAYED_FIELDS: usize = 2;

fn reply_map(reply: &mut ReplyWriter, stream: &Stream, fields: usize) {
    let idempotence = if stream.idempotence().is_some() { IDEMPOTENCE_FIELDS } else { 0 };
    let delayed = if stream.delayed().is_some() { DELAYED_FIELDS } else { 0 };
    reply.map(fields + idempotence + delayed);
}

fn reply_counters(reply: &mut ReplyWriter, stream: &Stream, now_ms: u64) {
    let nodes = stream.node_count() as i64;
    let number = |reply: &mut ReplyWriter, name, number| {
        field(reply, name);
        reply.integer(number);
    };
    let id = |reply: &mut ReplyWriter, name, id| {
        field(reply, name);
        reply_id(reply, id);
    };
    number(reply, "length", stream.len() as i64);
    number(reply, "radix-tree-keys", nodes);
    // The tree here is another one: a root, and the nodes.
    number(reply, "radix-tree-nodes", nodes + 1);
    id(reply, "last-generated-id", stream.last_id());
    id(reply, "max-deleted-entry-id", stream.max_deleted_id());
    number(reply, "entries-added", stream.entries_added() as i64);
    id(reply, "recorded-first-entry-id", stream.first_id());
    if let Some(known) = stream.idempotence() {
        for (name, value) in idempotence_fields(known, now_ms) {
            number(reply, name, value);
        }
    }
    if let Some(delayed) = stream.delayed() {
        number(reply, "delayed", delayed.len() as i64);
        id(reply, "first-delayed-id", delayed.first_id().unwrap_or_default());
    }
}

fn idempotence_fields(known: &Idempotence, now_ms: u64) -> [(&'static str, i64); IDEMPOTENCE_FIELDS] {
    let (producers, messages) = known.tracked(now_ms);
    [
        ("idmp-duration", known.window().seconds as i64),
        ("idmp-maxsize", known.window().messages as i64),
        ("pids-tracked", producers as i64),
        ("iids-tracked", messages as i64),
        ("iids-added", known.added() as i64),
        ("iids-duplicates", known.duplicates() as i64),
    ]
}

fn reply_optional(reply: &mut ReplyWriter, entry: Option<Entry<'_>>) {
    match entry {
        Some(entry) => reply_entry(reply, entry),
        None => reply.null(),
    }
}

fn groups(call: &mut Call<'_>) -> Result<(), Error> {
    let key = call.args.word();

    let stream = call.keys.read_stream(key)?.ok_or(Error::NoSuchKey)?;
    reply_groups(call.reply, stream);
    Ok(())
}

fn consumers(call: &mut Call<'_>) -> Result<(), Error> {
    let (key, name) = (call.args.word(), call.args.word());
    let now_ms = millis(call.now);

    let stream: &Stream = call.keys.read_stream(key)?.ok_or(Error::NoSuchKey)?;
    let group = stream.groups().find(name).ok_or_else(|| no_such_group(key, name))?;
    call.reply.array(group.consumers_len());
    group.consumers().for_each(|consumer| reply_consumer(call.reply, consumer, now_ms));
    Ok(())
}

fn reply_consumer(reply: &mut ReplyWriter, consumer: &Consumer, now_ms: u64) {
    let since = |moment: u64| now_ms.saturating_sub(moment) as i64;
    reply.map(4);
    field(reply, "name");
    reply.bulk(consumer.name());
    field(reply, "pending");
    reply.integer(consumer.pending_len() as i64);
    field(reply, "idle");
    reply.integer(since(consumer.seen_ms));
    field(reply, "inactive");
    reply.integer(consumer.active_ms.map_or(-1, since));
}

fn help(call: &mut Call<'_>) -> Result<(), Error> {
    let forms: &[(&str, &[&str])] = &[
        ("CONSUMERS <key> <group>", &["Describe the consumers of a group."]),
        ("GROUPS <key>", &["Describe the groups of a stream."]),
        (
            "STREAM <key> [FULL [COUNT <count>]]",
            &["Describe a stream; with FULL, its entries and groups, too."],
        ),
    ];
    reply_help(call.reply, "XINFO", forms);
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::commands::script::check;

    #[test]
    fn streams_are_described() {
        check(
            "XINFO STREAM s                 => ERR no such key
             XADD s 1-1 f v                 => \"1-1\"
             XADD s 2-1 f v                 => \"2-1\"
             XADD s 3-1 f v                 => \"3-1\"
             XDEL s 2-1 3-1                 => 2
             XINFO STREAM s                 => {\"length\": 1, \"radix-tree-keys\": 1, \"radix-tree-nodes\": 2, \"last-generated-id\": \"3-1\", \"max-deleted-entry-id\": \"3-1\", \"entries-added\": 3, \"recorded-first-entry-id\": \"1-1\", \"groups\": 0, \"first-entry\": [\"1-1\", [\"f\", \"v\"]], \"last-entry\": [\"1-1\", [\"f\", \"v\"]]}
             XGROUP CREATE s g 0            => OK
             XREADGROUP GROUP g c STREAMS s > => *
             XINFO STREAM s FULL            => {\"length\": 1, \"radix-tree-keys\": 1, \"radix-tree-nodes\": 2, \"last-generated-id\": \"3-1\", \"max-deleted-entry-id\": \"3-1\", \"entries-added\": 3, \"recorded-first-entry-id\": \"1-1\", \"entries\": [[\"1-1\", [\"f\", \"v\"]]], \"groups\": [{\"name\": \"g\", \"last-delivered-id\": \"1-1\", \"entries-read\": nil, \"lag\": nil, \"pel-count\": 1, \"pending\": [[\"1-1\", \"c\", 1000000, 1]], \"consumers\": [{\"name\": \"c\", \"seen-time\": 1000000, \"active-time\": 1000000, \"pel-count\": 1, \"pending\": [[\"1-1\", 1000000, 1]]}]}]}
             XINFO CONSUMERS s g            => [{\"name\": \"c\", \"pending\": 1, \"idle\": 0, \"inactive\": 0}]
             XGROUP CREATECONSUMER s g d    => 1
             XINFO CONSUMERS s g            => [{\"name\": \"c\", \"pending\": 1, \"idle\": 0, \"inactive\": 0}, {\"name\": \"d\", \"pending\": 0, \"idle\": 0, \"inactive\": -1}]
             XINFO CONSUMERS s none         => NOGROUP No such consumer group 'none' for key name 's'
             XINFO GROUPS none              => ERR no such key
             XINFO STREAM s FULL COUNT      => ERR unknown subcommand or wrong number of arguments for 'STREAM'. Try XINFO HELP.
             XINFO STREAM s FULL COUNT x    => ERR value is not an integer or out of range",
        );
    }

    #[test]
    fn windows_are_described_where_there_are_some() {
        check(
            "XADD s IDMP p a * f v          => \"1000000-0\"
             XADD s IDMP p a * f v          => \"1000000-0\"
             XINFO STREAM s                 => {\"length\": 1, \"radix-tree-keys\": 1, \"radix-tree-nodes\": 2, \"last-generated-id\": \"1000000-0\", \"max-deleted-entry-id\": \"0-0\", \"entries-added\": 1, \"recorded-first-entry-id\": \"1000000-0\", \"idmp-duration\": 100, \"idmp-maxsize\": 100, \"pids-tracked\": 1, \"iids-tracked\": 1, \"iids-added\": 1, \"iids-duplicates\": 1, \"groups\": 0, \"first-entry\": [\"1000000-0\", [\"f\", \"v\"]], \"last-entry\": [\"1000000-0\", [\"f\", \"v\"]]}",
        );
    }
}
