//! Reading streams as a member of a group: XREADGROUP.

use super::claim::DELIVERIES_MAX;
use super::effects::{self, Place};
use super::pending::idle_ms;
use super::read::{ReadOptions, Reader, Served, keys_after_streams, newest};
use super::{ids, millis, reply_fields, reply_id};
use crate::command::call::Call;
use crate::command::flags::Flags;
use crate::command::{Command, Group, Run};
use crate::engine::effect::Effect;
use crate::error::Error;
use crate::keyspace::event::Event;
use spinel_types::stream::{self, ConsumerIndex, Entry, GroupMut, Pending};
use spinel_types::{Stream, StreamId};

/// The rows of this file.
pub(super) const COMMANDS: &[Command] = &[Command {
    name: "xreadgroup",
    usage: "GROUP group-block=(group consumer) [COUNT count] [MAXCOUNT maxcount:integer] \
            [MAXSIZE maxsize:integer] [BLOCK milliseconds] [CLAIM min-idle-time:integer] [NOACK] \
            STREAMS streams=(key... id...)",
    keys: &[keys_after_streams(4)],
    flags: Flags::WRITE.with(Flags::BLOCKING),
    group: Group::Stream,
    since: "5.0.0",
    cost: "O(log n + N) per stream with N being the number of entries returned",
    about: "Delivers entries of streams to a consumer of a group, or returns those it has not acknowledged.",
    run: Run::Data(xreadgroup),
    ..Command::ROW
}];

/// What a member wants of a stream.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Want {
    /// What no member has got yet.
    New,
    /// What this one has got after an id and not acknowledged.
    Own(StreamId),
}

fn xreadgroup(call: &mut Call<'_>) -> Result<(), Error> {
    let options = ReadOptions::parse(&mut call.args, Reader::Group, call.now)?;
    let (group, consumer) = options.member.expect("a group reads");
    let mut wants = Vec::with_capacity(options.keys.len());
    for (key, id) in options.keys.iter().zip(options.ids) {
        let stream: Option<&Stream> = call.keys.read_stream(key)?;
        if stream.and_then(|stream| stream.groups().find(group)).is_none() {
            let words: [&[u8]; 5] = [
                b"NOGROUP No such key '",
                key,
                b"' or consumer group '",
                group,
                b"' in XREADGROUP with GROUP option",
            ];
            return Err(Error::quoting(&words));
        }
        wants.push(parse_want(id)?);
    }

    let mut served = Served::new(call.reply, &options);
    for (key, want) in options.keys.iter().zip(wants) {
        let today = call.keys.today();
        let mut guard = call.keys.write(key);
        let stream = guard.existing_stream()?.expect("its group was found");
        let place = Place { key, group };
        let mut delivery = Delivery::open(stream, place, consumer, millis(today), call.effect);
        match want {
            Want::New => delivery.serve_new(&mut served, &options),
            Want::Own(after) => delivery.serve_own(&mut served, after, options.count),
        }
        let (changes, is_consumer_new) = (delivery.changes, delivery.is_consumer_new);
        guard.count_hidden_changes(changes);
        if is_consumer_new {
            guard.notify(Event::stream("xgroup-createconsumer"));
        }
    }
    call.wait = served.finish(options.wait(Reader::Group, None));
    Ok(())
}

fn parse_want(word: &[u8]) -> Result<Want, Error> {
    match word {
        b">" => Ok(Want::New),
        b"$" => Err(Error::Text(
            "ERR The $ ID is meaningless in the context of XREADGROUP: you want to read the history of this consumer by \
             specifying a proper ID, or use the > ID to get new messages. The $ ID would just return an empty \
             result set.",
        )),
        b"+" => Err(Error::Text(
            "ERR The + ID is meaningless in the context of XREADGROUP: you want to read the history of this consumer by \
             specifying a proper ID, or use the > ID to get new messages. The + ID would just return an empty \
             result set.",
        )),
        // Nothing comes after the greatest id, so it says the same as `>`.
        word => Ok(ids::parse(word)?).map(|id| if id == StreamId::MAX { Want::New } else { Want::Own(id) }),
    }
}

/// Delivers entries of one stream to one consumer.
struct Delivery<'a> {
    stream: &'a mut Stream,
    place: Place<'a>,
    consumer: ConsumerIndex,
    now_ms: u64,
    effect: &'a mut Effect,
    changes: u64,
    is_consumer_new: bool,
}

/// An entry that was pending for long, to be written before it is claimed.
struct Claimed {
    id: StreamId,
    before: Pending,
}

impl<'a> Delivery<'a> {
    /// Finds or adds the consumer and notes that it was seen.
    fn open(
        stream: &'a mut Stream,
        place: Place<'a>,
        consumer: &[u8],
        now_ms: u64,
        effect: &'a mut Effect,
    ) -> Delivery<'a> {
        let mut group = stream.groups_mut().find_mut(place.group).expect("its group was found");
        let (index, is_new) = group.consumer_or_add(consumer, now_ms);
        group.mark_seen(index, now_ms);
        drop(group);
        if is_new {
            effect.rewrite_line(|| effects::create_consumer(place, consumer));
        }
        Delivery {
            stream,
            place,
            consumer: index,
            now_ms,
            effect,
            changes: is_new.into(),
            is_consumer_new: is_new,
        }
    }

    fn group(&self) -> &stream::Group {
        self.stream.groups().find(self.place.group).expect("its group was found")
    }

    fn group_mut(&mut self) -> GroupMut<'_> {
        self.stream.groups_mut().find_mut(self.place.group).expect("its group was found")
    }

    /// Delivers entries that have been pending for long, if they are asked for, and then new ones.
    fn serve_new(&mut self, served: &mut Served<'_>, options: &ReadOptions<'_>) {
        let count = options.count.unwrap_or(usize::MAX);
        let claimed = self.claimable(options.claim_idle_ms, count);
        let has_new = newest(self.stream).is_some_and(|newest| newest > self.group().last_delivered);
        if served.is_full() || claimed.is_empty() && !has_new {
            return;
        }
        let before = served.reply.position();
        let list = served.begin_stream(self.place.key);
        let mut replied = 0;
        for claimed in claimed {
            if !self.serve_claimed(served, &claimed) {
                break;
            }
            replied += 1;
        }
        if has_new {
            replied += self.serve_undelivered(served, count - replied, options);
        }
        if replied == 0 {
            return served.abandon_stream(list, before);
        }
        served.reply.finish_array(list, replied);
    }

    /// The entries pending for at least so many milliseconds. Those that the stream has no more are dropped.
    fn claimable(&mut self, idle_min_ms: Option<u64>, count: usize) -> Vec<Claimed> {
        let Some(moment) = idle_min_ms.and_then(|idle| self.now_ms.checked_sub(idle)) else {
            return Vec::new();
        };
        let mut claimable = Vec::new();
        loop {
            let wanted = count - claimable.len();
            let ids = self.group_mut().delivered_until(moment, wanted.saturating_add(claimable.len()));
            let missing: Vec<StreamId> =
                ids.iter().copied().filter(|id| self.stream.entry(*id).is_none()).collect();
            if missing.is_empty() {
                let pending = |id: &StreamId| *self.group().pending(*id).expect("it was just listed");
                claimable.extend(ids.iter().map(|id| Claimed { id: *id, before: pending(id) }));
                return claimable;
            }
            for id in missing {
                self.drop_missing(id);
            }
        }
    }

    fn drop_missing(&mut self, id: StreamId) {
        self.group_mut().acknowledge(id);
        self.effect.rewrite_line(|| effects::acknowledge(self.place, id));
        self.changes += 1;
    }

    /// Makes an entry the consumer's that was pending for long; false if the reply has no room.
    fn serve_claimed(&mut self, served: &mut Served<'_>, claimed: &Claimed) -> bool {
        let (id, before) = (claimed.id, claimed.before);
        let entry = self.stream.entry(id).expect("it was just looked for");
        let marks = [idle_ms(&before, self.now_ms), before.deliveries as i64];
        if !served.entry(|reply| reply_delivered(reply, entry, Some(marks))) {
            return false;
        }
        let deliveries = (before.deliveries + 1).min(DELIVERIES_MAX);
        self.set_pending(id, deliveries);
        true
    }

    /// Delivers up to `count` entries that no member has got; returns how many.
    fn serve_undelivered(
        &mut self,
        served: &mut Served<'_>,
        count: usize,
        options: &ReadOptions<'_>,
    ) -> usize {
        let Some(mut from) = self.group().last_delivered.next() else { return 0 };
        let marks = options.claim_idle_ms.map(|_| [0, 0]);
        let mut replied = 0;
        while replied < count {
            let Some(entry) = self.stream.range(from, StreamId::MAX).next() else { break };
            let id = entry.id;
            if !served.entry(|reply| reply_delivered(reply, entry, marks)) {
                break;
            }
            self.stream.advance(self.place.group, id);
            if !options.is_acknowledged {
                self.set_pending(id, 1);
            }
            replied += 1;
            let Some(next) = id.next() else { break };
            from = next;
        }
        if replied > 0 {
            let group = self.stream.groups().find(self.place.group).expect("its group was found");
            self.effect.rewrite_line(|| effects::set_group_id(self.place, group));
            self.changes += 1;
        }
        replied
    }

    fn set_pending(&mut self, id: StreamId, deliveries: u64) {
        let pending = Pending { delivered_ms: self.now_ms, deliveries, consumer: Some(self.consumer) };
        let mut group = self.stream.groups_mut().find_mut(self.place.group).expect("its group was found");
        group.set_pending(id, pending);
        group.mark_active(self.consumer, self.now_ms);
        self.effect.rewrite_line(|| effects::claim(self.place, &group, id, &pending));
        self.changes += 1;
    }

    /// Delivers entries once more that the consumer has not acknowledged.
    fn serve_own(&mut self, served: &mut Served<'_>, after: StreamId, count: Option<usize>) {
        if served.is_full() {
            return;
        }
        let own = after.next().map_or(Vec::new(), |from| {
            let pending = self.group().consumer(self.consumer).pending(from..=StreamId::MAX);
            pending.take(count.unwrap_or(usize::MAX)).copied().collect()
        });
        let list = served.begin_stream(self.place.key);
        let mut replied = 0;
        for id in own {
            let entry = self.stream.entry(id);
            let is_there = entry.is_some();
            let has_room = served.entry(|reply| {
                if let Some(entry) = entry {
                    return reply_delivered(reply, entry, None);
                }
                reply.array(2);
                reply_id(reply, id);
                reply.null_array();
            });
            if !has_room {
                break;
            }
            if is_there {
                self.deliver_again(id);
            }
            replied += 1;
        }
        served.reply.finish_array(list, replied);
    }

    fn deliver_again(&mut self, id: StreamId) {
        let before = self.group().pending(id).expect("its consumer has it");
        let deliveries = (before.deliveries + 1).min(DELIVERIES_MAX);
        let pending = Pending { delivered_ms: self.now_ms, deliveries, consumer: Some(self.consumer) };
        let mut group = self.stream.groups_mut().find_mut(self.place.group).expect("its group was found");
        group.set_pending(id, pending);
        self.effect.rewrite_line(|| effects::claim(self.place, &group, id, &pending));
        self.changes += 1;
    }
}

/// Replies an entry; `marks` are the milliseconds and the number of deliveries before this one.
fn reply_delivered(reply: &mut spinel_resp::ReplyWriter, entry: Entry<'_>, marks: Option<[i64; 2]>) {
    reply.array(if marks.is_some() { 4 } else { 2 });
    reply_id(reply, entry.id);
    reply_fields(reply, entry.fields);
    marks.into_iter().flatten().for_each(|mark| reply.bulk_integer(mark));
}

#[cfg(test)]
mod tests {
    use crate::commands::script::check;

    const THREE: &str = "XADD s 1-1 f v => \"1-1\"
         XADD s 2-1 f v => \"2-1\"
         XADD s 3-1 f v => \"3-1\"
         XGROUP CREATE s g 0 => OK";

    #[test]
    fn members_share_the_entries() {
        check(&format!(
            "{THREE}
             XREADGROUP GROUP g a COUNT 1 STREAMS s > => {{\"s\": [[\"1-1\", [\"f\", \"v\"]]]}}
             XREADGROUP GROUP g b STREAMS s > => {{\"s\": [[\"2-1\", [\"f\", \"v\"]], [\"3-1\", [\"f\", \"v\"]]]}}
             XREADGROUP GROUP g a BLOCK 5 STREAMS s > => nil
             XREADGROUP GROUP g a STREAMS s 0 => {{\"s\": [[\"1-1\", [\"f\", \"v\"]]]}}
             XDEL s 2-1                     => 1
             XREADGROUP GROUP g b COUNT 1 STREAMS s 0 => {{\"s\": [[\"2-1\", nil]]}}
             XREADGROUP GROUP g b STREAMS s 3-1 => {{\"s\": []}}
             XPENDING s g - + 10            => [[\"1-1\", \"a\", 0, 2], [\"2-1\", \"b\", 0, 1], [\"3-1\", \"b\", 0, 1]]
             XREADGROUP GROUP g c STREAMS s 18446744073709551615-18446744073709551615 => nil"
        ));
    }

    #[test]
    fn entries_may_be_acknowledged_at_once() {
        check(&format!(
            "{THREE}
             XREADGROUP GROUP g a NOACK COUNT 2 STREAMS s > => *
             XPENDING s g                   => [0, nil, nil, nil]
             XINFO GROUPS s                 => [{{\"name\": \"g\", \"consumers\": 1, \"pending\": 0, \"last-delivered-id\": \"2-1\", \"entries-read\": 2, \"lag\": 1}}]"
        ));
    }

    #[test]
    fn entries_pending_for_long_come_first() {
        check(&format!(
            "{THREE}
             XREADGROUP GROUP g a COUNT 2 STREAMS s > => *
             XCLAIM s g a 0 1-1 IDLE 700 JUSTID => *
             XCLAIM s g a 0 2-1 IDLE 900 JUSTID => *
             XREADGROUP GROUP g b COUNT 2 CLAIM 800 STREAMS s > => {{\"s\": [[\"2-1\", [\"f\", \"v\"], \"900\", \"1\"], [\"3-1\", [\"f\", \"v\"], \"0\", \"0\"]]}}
             XDEL s 1-1                     => 1
             XREADGROUP GROUP g b CLAIM 500 STREAMS s > => nil
             XPENDING s g - + 10            => [[\"2-1\", \"b\", 0, 2], [\"3-1\", \"b\", 0, 1]]
             XREADGROUP GROUP g b CLAIM -1 STREAMS s > => ERR min-idle-time must be a positive integer
             XREADGROUP GROUP g b CLAIM x STREAMS s > => ERR min-idle-time is not an integer"
        ));
    }

    #[test]
    fn a_full_reply_delivers_no_more() {
        check(&format!(
            "{THREE}
             XREADGROUP GROUP g a MAXSIZE 1 STREAMS s > => {{\"s\": [[\"1-1\", [\"f\", \"v\"]]]}}
             XREADGROUP GROUP g a MAXCOUNT 1 STREAMS s > => {{\"s\": [[\"2-1\", [\"f\", \"v\"]]]}}
             XPENDING s g                   => [2, \"1-1\", \"2-1\", [[\"a\", \"2\"]]]"
        ));
    }

    #[test]
    fn names_of_options_may_be_names() {
        check(
            "XADD STREAMS 1-1 f v           => \"1-1\"
             XGROUP CREATE STREAMS STREAMS 0 => OK
             XREADGROUP COUNT 5 GROUP STREAMS STREAMS STREAMS STREAMS > => {\"STREAMS\": [[\"1-1\", [\"f\", \"v\"]]]}",
        );
    }

    #[test]
    fn what_makes_no_sense() {
        check(&format!(
            "{THREE}
             XREADGROUP GROUP none a STREAMS s > => NOGROUP No such key 's' or consumer group 'none' in XREADGROUP with GROUP option
             XREADGROUP GROUP g a STREAMS none > => NOGROUP No such key 'none' or consumer group 'g' in XREADGROUP with GROUP option
             XREADGROUP GROUP g a STREAMS s $ => ERR The $ ID is meaningless in the context of XREADGROUP: you want to read the history of this consumer by specifying a proper ID, or use the > ID to get new messages. The $ ID would just return an empty result set.
             XREADGROUP GROUP g a STREAMS s x => ERR Invalid stream ID specified as stream command argument
             XREADGROUP COUNT 1 COUNT 1 STREAMS s > => ERR Missing GROUP option for XREADGROUP
             XREADGROUP GROUP g a STREAMS s s > => ERR Unbalanced 'xreadgroup' list of streams: for each stream key an ID or '>' must be specified."
        ));
    }
}
