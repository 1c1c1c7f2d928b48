//! How groups are described by XINFO.

use super::info::field;
use super::{reply_id, reply_known};
use spinel_resp::ReplyWriter;
use spinel_types::stream::{Consumer, Group};
use spinel_types::{Stream, StreamId};

const ALL: std::ops::RangeInclusive<StreamId> = StreamId::MIN..=StreamId::MAX;

/// Replies the groups of a stream with their counters.
pub(super) fn reply_groups(reply: &mut ReplyWriter, stream: &Stream) {
    reply.array(stream.groups().len());
    for (name, group) in stream.groups().iter() {
        reply.map(6);
        field(reply, "name");
        reply.bulk(name);
        field(reply, "consumers");
        reply.integer(group.consumers_len() as i64);
        field(reply, "pending");
        reply.integer(group.pending_len() as i64);
        reply_progress(reply, stream, group);
    }
}

fn reply_progress(reply: &mut ReplyWriter, stream: &Stream, group: &Group) {
    field(reply, "last-delivered-id");
    reply_id(reply, group.last_delivered);
    field(reply, "entries-read");
    reply_known(reply, group.entries_read);
    field(reply, "lag");
    reply_known(reply, stream.lag(group));
}

/// Replies the groups of a stream with their consumers and, of each list, up to `count` pending entries.
pub(super) fn reply_full_groups(reply: &mut ReplyWriter, stream: &Stream, count: usize) {
    reply.array(stream.groups().len());
    for (name, group) in stream.groups().iter() {
        let has_unowned = group.unowned_len() > 0;
        reply.map(7 + usize::from(has_unowned));
        field(reply, "name");
        reply.bulk(name);
        reply_progress(reply, stream, group);
        field(reply, "pel-count");
        reply.integer(group.pending_len() as i64);
        if has_unowned {
            field(reply, "nacked-count");
            reply.integer(group.unowned_len() as i64);
        }
        field(reply, "pending");
        reply_pending(reply, group, count);
        field(reply, "consumers");
        reply.array(group.consumers_len());
        group.consumers().for_each(|consumer| reply_full_consumer(reply, group, consumer, count));
    }
}

fn reply_pending(reply: &mut ReplyWriter, group: &Group, count: usize) {
    reply.array(group.pending_len().min(count));
    for (id, pending) in group.pending_in(ALL).take(count) {
        reply.array(4);
        reply_id(reply, *id);
        reply.bulk(group.owner(pending));
        reply.integer(pending.delivered_ms as i64);
        reply.integer(pending.deliveries as i64);
    }
}

fn reply_full_consumer(reply: &mut ReplyWriter, group: &Group, consumer: &Consumer, count: usize) {
    reply.map(5);
    field(reply, "name");
    reply.bulk(consumer.name());
    field(reply, "seen-time");
    reply.integer(consumer.seen_ms as i64);
    field(reply, "active-time");
    reply.integer(consumer.active_ms.map_or(-1, |active| active as i64));
    field(reply, "pel-count");
    reply.integer(consumer.pending_len() as i64);
    field(reply, "pending");
    reply.array(consumer.pending_len().min(count));
    for id in consumer.pending(ALL).take(count) {
        let pending = group.pending(*id).expect("the group has what a consumer has");
        reply.array(3);
        reply_id(reply, *id);
        reply.integer(pending.delivered_ms as i64);
        reply.integer(pending.deliveries as i64);
    }
}
