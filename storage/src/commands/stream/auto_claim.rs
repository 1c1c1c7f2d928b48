//! Giving all entries that have been pending for long to another consumer: XAUTOCLAIM.

use super::claim::{Claimer, DELIVERIES_MAX};
use super::effects::Place;
use super::{DELETE_KEY, ids, millis, no_group, reply_id};
use crate::command::args::Args;
use crate::command::call::Call;
use crate::command::flags::Flags;
use crate::command::{Command, Group, Run};
use crate::error::Error;
use crate::keyspace::event::Event;
use spinel_resp::ReplyWriter;
use spinel_types::StreamId;
use spinel_types::stream::Pending;

/// The rows of this file.
pub(super) const COMMANDS: &[Command] = &[Command {
    name: "xautoclaim",
    usage: "key group consumer min-idle-time:string start:string [COUNT count] [JUSTID]",
    keys: DELETE_KEY,
    flags: Flags::WRITE.with(Flags::FAST),
    group: Group::Stream,
    since: "6.2.0",
    cost: "O(COUNT · log N) with N being the number of pending entries",
    about: "Makes a consumer the owner of entries that have been pending for long.",
    tips: &["nondeterministic_output"],
    run: Run::Data(xautoclaim),
    ..Command::ROW
}];

const COUNT_DEFAULT: usize = 100;
/// How many pending entries are looked at for each that may be claimed.
const LOOKED_AT_PER_CLAIM: usize = 10;
/// The greatest count: one id each, of 16 bytes, must be a possible allocation.
const COUNT_MAX: i64 = i64::MAX / 16;

struct AutoClaimOptions {
    idle_min_ms: i64,
    start: StreamId,
    count: usize,
    is_just_id: bool,
}

impl AutoClaimOptions {
    fn parse(args: &mut Args<'_>) -> Result<AutoClaimOptions, Error> {
        let idle_min_ms =
            args.integer_or(Error::Text("ERR Invalid min-idle-time argument for XAUTOCLAIM")).max(0);
        args.check()?;
        let start = ids::parse_start(args.word())?;
        let mut options = AutoClaimOptions { idle_min_ms, start, count: COUNT_DEFAULT, is_just_id: false };
        while args.remaining() > 0 {
            if args.remaining() > 1 && args.accept("COUNT") {
                let out_of_range = Error::Text("ERR COUNT must be > 0");
                let count = args.integer_or(out_of_range.clone());
                args.check()?;
                if !(1..=COUNT_MAX).contains(&count) {
                    return Err(out_of_range);
                }
                options.count = count as usize;
            } else if args.accept("JUSTID") {
                options.is_just_id = true;
            } else {
                return Err(Error::Syntax);
            }
        }
        Ok(options)
    }
}

fn xautoclaim(call: &mut Call<'_>) -> Result<(), Error> {
    let (key, name, consumer) = (call.args.word(), call.args.word(), call.args.word());
    call.keys.write(key).notify_miss();
    let options = AutoClaimOptions::parse(&mut call.args)?;

    let now_ms = millis(call.keys.today());
    let mut guard = call.keys.write(key);
    let stream = guard.existing_stream()?.filter(|stream| stream.groups().find(name).is_some());
    let stream = stream.ok_or_else(|| no_group(key, name))?;
    let place = Place { key, group: name };
    let mut claimer = Claimer::open(stream, place, consumer, now_ms, call.effect);
    let (candidates, next) = candidates(&claimer, &options);

    call.reply.array(3);
    reply_id(call.reply, next);
    let dropped = claim_all(&mut claimer, call.reply, candidates, &options, now_ms);
    call.reply.array(dropped.len());
    for id in dropped {
        reply_id(call.reply, id);
    }
    let (changes, is_consumer_new) = (claimer.changes, claimer.is_consumer_new);
    guard.count_hidden_changes(changes);
    if is_consumer_new {
        guard.notify(Event::stream("xgroup-createconsumer"));
    }
    Ok(())
}

/// The pending entries to claim or, if they are gone, to drop; and where the next call goes on.
fn candidates(claimer: &Claimer<'_>, options: &AutoClaimOptions) -> (Vec<(StreamId, Pending)>, StreamId) {
    let mut pending = claimer.group().pending_in(options.start..=StreamId::MAX);
    let mut candidates = Vec::new();
    let mut looked_at_max = options.count.saturating_mul(LOOKED_AT_PER_CLAIM);
    while looked_at_max > 0 && candidates.len() < options.count {
        let Some((id, pending)) = pending.next() else { return (candidates, StreamId::MIN) };
        looked_at_max -= 1;
        let is_gone = claimer.stream().entry(*id).is_none();
        if is_gone || claimer.is_idle(pending, options.idle_min_ms) {
            candidates.push((*id, *pending));
        }
    }
    (candidates, pending.next().map_or(StreamId::MIN, |(id, _)| *id))
}

/// Claims entries and replies them; returns those that were dropped.
fn claim_all(
    claimer: &mut Claimer<'_>,
    reply: &mut ReplyWriter,
    candidates: Vec<(StreamId, Pending)>,
    options: &AutoClaimOptions,
    now_ms: u64,
) -> Vec<StreamId> {
    let deferred = reply.deferred_array();
    let (mut replied, mut dropped) = (0, Vec::new());
    for (id, before) in candidates {
        if claimer.drop_missing(id) {
            dropped.push(id);
            continue;
        }
        let counted = u64::from(!options.is_just_id);
        let deliveries = (before.deliveries + counted).min(DELIVERIES_MAX);
        claimer.claim(id, Pending { delivered_ms: now_ms, deliveries, consumer: Some(claimer.consumer()) });
        claimer.reply(reply, id, options.is_just_id);
        replied += 1;
    }
    reply.finish_array(deferred, replied);
    dropped
}

#[cfg(test)]
mod tests {
    use crate::commands::script::check;

    #[test]
    fn entries_pending_for_long_change_their_owner() {
        check(
            "XADD s 1-1 f v                 => \"1-1\"
             XADD s 2-1 f v                 => \"2-1\"
             XADD s 3-1 f v                 => \"3-1\"
             XADD s 4-1 f v                 => \"4-1\"
             XGROUP CREATE s g 0            => OK
             XREADGROUP GROUP g a STREAMS s > => *
             XCLAIM s g a 0 1-1 2-1 4-1 IDLE 5000 JUSTID => *
             XDEL s 2-1                     => 1
             XAUTOCLAIM s g b 5000 - COUNT 1 => [\"2-1\", [[\"1-1\", [\"f\", \"v\"]]], []]
             XAUTOCLAIM s g b 5000 2-1 COUNT 1 JUSTID => [\"3-1\", [], [\"2-1\"]]
             XAUTOCLAIM s g b 5000 (2-1 JUSTID => [\"0-0\", [\"4-1\"], []]
             XPENDING s g - + 10            => [[\"1-1\", \"b\", 0, 2], [\"3-1\", \"a\", 0, 1], [\"4-1\", \"b\", 0, 1]]
             XAUTOCLAIM s g c 5000 -        => [\"0-0\", [], []]
             XAUTOCLAIM s g b 0 - COUNT 0   => ERR COUNT must be > 0
             XAUTOCLAIM s g b x -           => ERR Invalid min-idle-time argument for XAUTOCLAIM
             XAUTOCLAIM s g b 0 x           => ERR Invalid stream ID specified as stream command argument
             XAUTOCLAIM s g b 0 - what      => ERR syntax error
             XAUTOCLAIM none g b 0 -        => NOGROUP No such key 'none' or consumer group 'g'",
        );
    }
}
