//! Entries that were delivered and not acknowledged: XPENDING.

use super::{ACCESS_KEY, ids, millis, no_group, reply_id};
use crate::command::args::Args;
use crate::command::call::Call;
use crate::command::flags::Flags;
use crate::command::{Command, Group, Run};
use crate::error::Error;
use spinel_resp::ReplyWriter;
use spinel_types::StreamId;
use spinel_types::stream::{self, Consumer, Pending, Stream};

/// The rows of this file.
pub(super) const COMMANDS: &[Command] = &[Command {
    name: "xpending",
    usage: "key group filters=[[IDLE min-idle-time:integer] start:string end:string count [consumer]]",
    keys: ACCESS_KEY,
    flags: Flags::READONLY,
    group: Group::Stream,
    since: "5.0.0",
    cost: "O(N) with N being the number of entries returned, or looked at with IDLE; O(consumers) for the summary",
    about: "Lists the entries that are pending in a group, or sums them up.",
    tips: &["nondeterministic_output"],
    run: Run::Data(xpending),
    ..Command::ROW
}];

/// Which pending entries are wanted.
struct Filter<'a> {
    idle_min_ms: i64,
    from: StreamId,
    to: StreamId,
    count: usize,
    consumer: Option<&'a [u8]>,
}

impl<'a> Filter<'a> {
    fn parse(args: &mut Args<'a>) -> Result<Filter<'a>, Error> {
        if !(3..=6).contains(&args.remaining()) {
            return Err(Error::Syntax);
        }
        let mut idle_min_ms = 0;
        if args.accept("IDLE") {
            idle_min_ms = args.integer();
            args.check()?;
            if args.remaining() < 3 {
                return Err(Error::Syntax);
            }
        }
        let (from, to) = (args.word(), args.word());
        let count = ids::parse_count(args)?;
        let (from, to) = (ids::parse_start(from)?, ids::parse_end(to)?);
        // Words that are left after the consumer are passed over.
        let consumer = args.rest().first().copied();
        Ok(Filter { idle_min_ms, from, to, count, consumer })
    }
}

fn xpending(call: &mut Call<'_>) -> Result<(), Error> {
    let (key, name) = (call.args.word(), call.args.word());
    let filter = if call.args.remaining() > 0 { Some(Filter::parse(&mut call.args)?) } else { None };

    let group = call.keys.read_stream(key)?.and_then(|stream: &Stream| stream.groups().find(name));
    let group = group.ok_or_else(|| no_group(key, name))?;
    match filter {
        None => reply_summary(call.reply, group),
        Some(filter) => reply_filtered(call.reply, group, &filter, millis(call.now)),
    }
    Ok(())
}

fn reply_summary(reply: &mut ReplyWriter, group: &stream::Group) {
    reply.array(4);
    reply.integer(group.pending_len() as i64);
    let Some((first, last)) = group.pending_bounds() else {
        reply.null();
        reply.null();
        return reply.null_array();
    };
    reply_id(reply, first);
    reply_id(reply, last);
    let has_pending = |consumer: &&Consumer| consumer.pending_len() > 0;
    reply.array(group.consumers().filter(has_pending).count());
    for consumer in group.consumers().filter(has_pending) {
        reply.array(2);
        reply.bulk(consumer.name());
        reply.bulk_integer(consumer.pending_len() as i64);
    }
}

fn reply_filtered(reply: &mut ReplyWriter, group: &stream::Group, filter: &Filter<'_>, now_ms: u64) {
    let is_idle = |(_, pending): &(StreamId, &Pending)| {
        filter.idle_min_ms == 0 || now_ms as i64 - pending.delivered_ms as i64 >= filter.idle_min_ms
    };
    let ids = filter.from..=filter.to;
    let deferred = reply.deferred_array();
    let replied = match filter.consumer {
        None => {
            let pending = group.pending_in(ids).map(|(id, pending)| (*id, pending));
            reply_each(reply, group, pending.filter(is_idle).take(filter.count), now_ms)
        }
        Some(name) => group.find_consumer(name).map_or(0, |index| {
            let known = |id: &StreamId| (*id, group.pending(*id).expect("the group has what a consumer has"));
            let pending = group.consumer(index).pending(ids).map(known);
            reply_each(reply, group, pending.filter(is_idle).take(filter.count), now_ms)
        }),
    };
    reply.finish_array(deferred, replied);
}

fn reply_each<'a>(
    reply: &mut ReplyWriter,
    group: &stream::Group,
    pending: impl Iterator<Item = (StreamId, &'a Pending)>,
    now_ms: u64,
) -> usize {
    let mut replied = 0;
    for (id, pending) in pending {
        reply.array(4);
        reply_id(reply, id);
        reply.bulk(group.owner(pending));
        reply.integer(idle_ms(pending, now_ms));
        reply.integer(pending.deliveries as i64);
        replied += 1;
    }
    replied
}

/// Milliseconds since the entry was delivered; −1 if it was given back.
pub(super) fn idle_ms(pending: &Pending, now_ms: u64) -> i64 {
    match pending.consumer {
        Some(_) => now_ms.saturating_sub(pending.delivered_ms) as i64,
        None => -1,
    }
}

#[cfg(test)]
mod tests {
    use crate::commands::script::check;

    #[test]
    fn pending_entries_are_summed_up_and_listed() {
        check(
            "XADD s 1-1 f v                 => \"1-1\"
             XADD s 2-1 f v                 => \"2-1\"
             XADD s 3-1 f v                 => \"3-1\"
             XGROUP CREATE s g 0            => OK
             XPENDING s g                   => [0, nil, nil, nil]
             XREADGROUP GROUP g b COUNT 1 STREAMS s > => *
             XREADGROUP GROUP g a COUNT 2 STREAMS s > => *
             XPENDING s g                   => [3, \"1-1\", \"3-1\", [[\"a\", \"2\"], [\"b\", \"1\"]]]
             XCLAIM s g a 0 2-1 IDLE 5000 JUSTID => [\"2-1\"]
             XPENDING s g - + 10            => [[\"1-1\", \"b\", 0, 1], [\"2-1\", \"a\", 5000, 1], [\"3-1\", \"a\", 0, 1]]
             XPENDING s g IDLE 5000 - + 10  => [[\"2-1\", \"a\", 5000, 1]]
             XPENDING s g - + 10 a          => [[\"2-1\", \"a\", 5000, 1], [\"3-1\", \"a\", 0, 1]]
             XPENDING s g (2-1 3 1 a        => [[\"3-1\", \"a\", 0, 1]]
             XPENDING s g - + 10 nobody     => []
             XPENDING s g - + -1            => []
             XPENDING s g + - 10            => []
             XPENDING s nosuch              => NOGROUP No such key 's' or consumer group 'nosuch'
             XPENDING none g - + 10         => NOGROUP No such key 'none' or consumer group 'g'
             XPENDING s g - +               => ERR syntax error
             XPENDING s g IDLE 1 - +        => ERR syntax error
             XPENDING s g - + x             => ERR value is not an integer or out of range",
        );
    }
}
