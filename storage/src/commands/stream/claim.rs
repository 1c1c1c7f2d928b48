//! Giving pending entries to another consumer: XCLAIM.

use super::effects::{self, Place};
use super::{UPDATE_KEY, ids, millis, no_group, reply_entry, reply_id};
use crate::command::args::Args;
use crate::command::call::Call;
use crate::command::flags::Flags;
use crate::command::{Command, Group, Run};
use crate::engine::effect::Effect;
use crate::error::Error;
use crate::keyspace::event::Event;
use spinel_resp::ReplyWriter;
use spinel_types::stream::{ConsumerIndex, Pending};
use spinel_types::{Stream, StreamId};

/// The rows of this file.
pub(super) const COMMANDS: &[Command] = &[Command {
    name: "xclaim",
    usage: "key group consumer min-idle-time:string id... [IDLE ms:integer] \
            [TIME unix-time-milliseconds] [RETRYCOUNT count] [FORCE] [JUSTID] [LASTID lastid]",
    keys: UPDATE_KEY,
    flags: Flags::WRITE.with(Flags::FAST),
    group: Group::Stream,
    since: "5.0.0",
    cost: "O(log N) per id with N being the number of pending entries",
    about: "Makes a consumer the owner of pending entries.",
    tips: &["nondeterministic_output"],
    run: Run::Data(xclaim),
    ..Command::ROW
}];

/// The most deliveries that are counted.
pub(super) const DELIVERIES_MAX: u64 = i64::MAX as u64;

struct ClaimOptions {
    idle_min_ms: i64,
    ids: Vec<StreamId>,
    delivered_ms: Option<i64>,
    deliveries: Option<u64>,
    is_forced: bool,
    is_just_id: bool,
    last_id: StreamId,
}

impl ClaimOptions {
    fn parse(args: &mut Args<'_>, now_ms: i64) -> Result<ClaimOptions, Error> {
        let idle_min_ms = parse_number(args, "ERR Invalid min-idle-time argument for XCLAIM")?;
        let mut options = ClaimOptions {
            idle_min_ms: idle_min_ms.max(0),
            ids: Vec::new(),
            delivered_ms: None,
            deliveries: None,
            is_forced: false,
            is_just_id: false,
            last_id: StreamId::MIN,
        };
        // The first word that is no id starts the options.
        while let Some(id) = args.peek().and_then(|word| ids::parse(word).ok()) {
            args.word();
            options.ids.push(id);
        }
        while args.remaining() > 0 {
            options.accept(args, now_ms)?;
        }
        Ok(options)
    }

    fn accept(&mut self, args: &mut Args<'_>, now_ms: i64) -> Result<(), Error> {
        let has_value = args.remaining() > 1;
        if args.accept("FORCE") {
            self.is_forced = true;
        } else if args.accept("JUSTID") {
            self.is_just_id = true;
        } else if has_value && args.accept("IDLE") {
            let idle = parse_number(args, "ERR Invalid IDLE option argument for XCLAIM")?;
            self.delivered_ms = Some(now_ms.wrapping_sub(idle));
        } else if has_value && args.accept("TIME") {
            self.delivered_ms = Some(parse_number(args, "ERR Invalid TIME option argument for XCLAIM")?);
        } else if has_value && args.accept("RETRYCOUNT") {
            let count = parse_number(args, "ERR Invalid RETRYCOUNT option argument for XCLAIM")?;
            self.deliveries = u64::try_from(count).ok();
        } else if has_value && args.accept("LASTID") {
            self.last_id = ids::parse(args.word())?;
        } else {
            return Err(Error::quoting(&[b"ERR Unrecognized XCLAIM option '", args.word(), b"'"]));
        }
        Ok(())
    }

    /// When the entries count as delivered: now, unless an earlier time was given that makes sense.
    fn delivered_ms(&self, now_ms: i64) -> u64 {
        let given = self.delivered_ms.filter(|given| (0..=now_ms).contains(given));
        given.unwrap_or(now_ms) as u64
    }
}

fn parse_number(args: &mut Args<'_>, error: &'static str) -> Result<i64, Error> {
    let number = args.integer_or(Error::Text(error));
    args.check()?;
    Ok(number)
}

fn xclaim(call: &mut Call<'_>) -> Result<(), Error> {
    let (key, name, consumer) = (call.args.word(), call.args.word(), call.args.word());
    let now_ms = millis(call.keys.today());
    let mut guard = call.keys.write(key);
    guard.notify_miss();
    let stream = guard.existing_stream()?.filter(|stream| stream.groups().find(name).is_some());
    let stream = stream.ok_or_else(|| no_group(key, name))?;
    let options = ClaimOptions::parse(&mut call.args, now_ms as i64)?;

    let place = Place { key, group: name };
    let mut claimer = Claimer::open(stream, place, consumer, now_ms, call.effect);
    let is_advanced = claimer.advance(options.last_id);
    let deferred = call.reply.deferred_array();
    let (mut replied, mut recorded) = (0, 0);
    for id in &options.ids {
        let Some(pending) = claimer.claimed(*id, &options) else {
            recorded += usize::from(claimer.drop_missing(*id));
            continue;
        };
        claimer.claim(*id, pending);
        claimer.reply(call.reply, *id, options.is_just_id);
        replied += 1;
    }
    if is_advanced && replied + recorded == 0 {
        claimer.record_group_id();
    }
    let (changes, is_consumer_new) = (claimer.changes, claimer.is_consumer_new);
    call.reply.finish_array(deferred, replied);
    guard.count_hidden_changes(changes);
    if is_consumer_new {
        guard.notify(Event::stream("xgroup-createconsumer"));
    }
    Ok(())
}

/// Makes a consumer the owner of entries of one group.
pub(super) struct Claimer<'a> {
    stream: &'a mut Stream,
    place: Place<'a>,
    consumer: ConsumerIndex,
    now_ms: u64,
    effect: &'a mut Effect,
    pub(super) changes: u64,
    pub(super) is_consumer_new: bool,
}

impl<'a> Claimer<'a> {
    /// Finds or adds the consumer in a group that is there, and notes that it was seen.
    pub(super) fn open(
        stream: &'a mut Stream,
        place: Place<'a>,
        consumer: &[u8],
        now_ms: u64,
        effect: &'a mut Effect,
    ) -> Claimer<'a> {
        let mut group = stream.groups_mut().find_mut(place.group).expect("the caller looked for the group");
        let (index, is_new) = group.consumer_or_add(consumer, now_ms);
        group.mark_seen(index, now_ms);
        drop(group);
        if is_new {
            effect.rewrite_line(|| effects::create_consumer(place, consumer));
        }
        Claimer {
            stream,
            place,
            consumer: index,
            now_ms,
            effect,
            changes: is_new.into(),
            is_consumer_new: is_new,
        }
    }

    /// The stream the entries are in.
    pub(super) fn stream(&self) -> &Stream {
        self.stream
    }

    /// The group the entries are pending in.
    pub(super) fn group(&self) -> &spinel_types::stream::Group {
        self.stream.groups().find(self.place.group).expect("the caller looked for the group")
    }

    /// The consumer.
    pub(super) fn consumer(&self) -> ConsumerIndex {
        self.consumer
    }

    /// Lets the group go on after `last_id`, if that is further than it has read.
    fn advance(&mut self, last_id: StreamId) -> bool {
        let mut group = self.stream.groups_mut().find_mut(self.place.group).expect("it was there");
        let is_further = last_id > group.last_delivered;
        if is_further {
            group.last_delivered = last_id;
            self.changes += 1;
        }
        is_further
    }

    /// What the entry becomes, if it is there and may be claimed.
    fn claimed(&self, id: StreamId, options: &ClaimOptions) -> Option<Pending> {
        self.stream.entry(id)?;
        let pending = self.group().pending(id);
        let is_idle = pending.is_none_or(|pending| self.is_idle(pending, options.idle_min_ms));
        if !is_idle || pending.is_none() && !options.is_forced {
            return None;
        }
        // An entry that becomes pending counts as delivered once before.
        let before = pending.map_or(1, |pending| pending.deliveries);
        let counted = if options.is_just_id { before } else { (before + 1).min(DELIVERIES_MAX) };
        Some(Pending {
            delivered_ms: options.delivered_ms(self.now_ms as i64),
            deliveries: options.deliveries.unwrap_or(counted),
            consumer: Some(self.consumer),
        })
    }

    /// Whether the entry was delivered at least so many milliseconds ago, or has no owner.
    pub(super) fn is_idle(&self, pending: &Pending, idle_min_ms: i64) -> bool {
        pending.consumer.is_none() || self.now_ms as i64 - pending.delivered_ms as i64 >= idle_min_ms
    }

    /// Makes the entry the consumer's.
    pub(super) fn claim(&mut self, id: StreamId, pending: Pending) {
        let mut group = self.stream.groups_mut().find_mut(self.place.group).expect("it was there");
        group.set_pending(id, pending);
        group.mark_active(self.consumer, self.now_ms);
        self.effect.rewrite_line(|| effects::claim(self.place, &group, id, &pending));
        self.changes += 1;
    }

    /// Drops a pending entry that the stream has no more; whether there was one.
    pub(super) fn drop_missing(&mut self, id: StreamId) -> bool {
        if self.stream.entry(id).is_some() {
            return false;
        }
        let mut group = self.stream.groups_mut().find_mut(self.place.group).expect("it was there");
        if group.acknowledge(id).is_none() {
            return false;
        }
        self.effect.rewrite_line(|| effects::acknowledge(self.place, id));
        self.changes += 1;
        true
    }

    /// Records how far the group has read.
    fn record_group_id(&mut self) {
        let group = self.stream.groups().find(self.place.group).expect("it was there");
        self.effect.rewrite_line(|| effects::set_group_id(self.place, group));
    }

    /// Replies an entry that was claimed.
    pub(super) fn reply(&self, reply: &mut ReplyWriter, id: StreamId, is_just_id: bool) {
        match self.stream.entry(id) {
            Some(entry) if !is_just_id => reply_entry(reply, entry),
            _ => reply_id(reply, id),
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::commands::script::check;

    const READ: &str = "XADD s 1-1 f v => \"1-1\"
         XADD s 2-1 f v => \"2-1\"
         XADD s 3-1 f v => \"3-1\"
         XGROUP CREATE s g 0 => OK
         XREADGROUP GROUP g a COUNT 2 STREAMS s > => *";

    #[test]
    fn owners_change() {
        check(&format!(
            "{READ}
             XCLAIM s g b 0 1-1 3-1         => [[\"1-1\", [\"f\", \"v\"]]]
             XCLAIM s g b 0 3-1 FORCE JUSTID RETRYCOUNT 9 => [\"3-1\"]
             XCLAIM s g b 1 2-1             => []
             XCLAIM s g b 0 2-1 TIME 999000 => [[\"2-1\", [\"f\", \"v\"]]]
             XPENDING s g - + 10            => [[\"1-1\", \"b\", 0, 2], [\"2-1\", \"b\", 1000, 2], [\"3-1\", \"b\", 0, 9]]
             XCLAIM s g c 500 1-1 2-1 IDLE 7 JUSTID => [\"2-1\"]
             XPENDING s g - + 10 c          => [[\"2-1\", \"c\", 7, 2]]
             XCLAIM s g c 0 9-9 FORCE       => []
             XCLAIM s g d 0 9-9             => []
             XINFO CONSUMERS s g            => *
             XCLAIM s g c 0 1-1 LASTID 3-1 JUSTID => [\"1-1\"]
             XCLAIM s g c 0 9-1 LASTID 5-1  => []
             XREADGROUP GROUP g c STREAMS s > => nil"
        ));
    }

    #[test]
    fn entries_that_are_gone_are_dropped() {
        check(&format!(
            "{READ}
             XDEL s 1-1                     => 1
             XCLAIM s g b 0 1-1 2-1 JUSTID  => [\"2-1\"]
             XPENDING s g - + 10            => [[\"2-1\", \"b\", 0, 1]]"
        ));
    }

    #[test]
    fn what_makes_no_sense() {
        check(&format!(
            "{READ}
             XCLAIM none g b x 1-1          => NOGROUP No such key 'none' or consumer group 'g'
             XCLAIM s none b x 1-1          => NOGROUP No such key 's' or consumer group 'none'
             XCLAIM s g b x 1-1             => ERR Invalid min-idle-time argument for XCLAIM
             XCLAIM s g b 0 1-1 IDLE x      => ERR Invalid IDLE option argument for XCLAIM
             XCLAIM s g b 0 1-1 TIME x      => ERR Invalid TIME option argument for XCLAIM
             XCLAIM s g b 0 1-1 RETRYCOUNT x => ERR Invalid RETRYCOUNT option argument for XCLAIM
             XCLAIM s g b 0 1-1 LASTID x    => ERR Invalid stream ID specified as stream command argument
             XCLAIM s g b 0 1-1 what        => ERR Unrecognized XCLAIM option 'what'
             XCLAIM s g b 0 1-1 IDLE        => ERR Unrecognized XCLAIM option 'IDLE'"
        ));
    }
}
