//! Entries that come later: the options DELAY and AT of XADD, XDELAYED, and XRELEASE, by which the journal says that
//! they have come.

use super::add::Choice;
use super::effects::{decimal, line};
use super::range::parse_count;
use super::{ACCESS_KEY, UPDATE_KEY, ids, reply_id};
use crate::command::args::Args;
use crate::command::call::Call;
use crate::command::flags::Flags;
use crate::command::{Command, Group, Run};
use crate::engine::effect::Effect;
use crate::error::Error;
use crate::keyspace::event::Event;
use crate::time::UnixMillis;
use spinel_types::stream::{Delayed, NodeLimits};
use spinel_types::{Stream, StreamId};

const ROW: Command = Command { group: Group::Stream, since: "8.0.0", ..Command::ROW };

/// The rows of this file.
pub(super) const COMMANDS: &[Command] = &[
    Command {
        name: "xdelayed",
        usage: "key start:string end:string [COUNT count]",
        keys: ACCESS_KEY,
        flags: Flags::READONLY,
        cost: "O(log n + N) with N being the number of entries returned",
        about: "Returns entries that are not due yet, between two ids, those first that are due first.",
        run: Run::Data(xdelayed),
        ..ROW
    },
    Command {
        name: "xrelease",
        usage: "key id...",
        keys: UPDATE_KEY,
        flags: Flags::WRITE.with(Flags::DENYOOM).with(Flags::FAST),
        cost: "O(log n) per id",
        about: "Adds entries that were delayed to the stream, as happens when they are due, and counts them.",
        run: Run::Data(xrelease),
        ..ROW
    },
];

/// When an entry is due.
#[derive(Clone, Copy)]
pub(super) enum Delay {
    /// So many milliseconds from now.
    After(i64),
    /// At this time.
    At(i64),
}

impl Delay {
    /// Takes the option if it comes next.
    pub(super) fn accept(args: &mut Args<'_>) -> Result<Option<Delay>, Error> {
        let is_after = args.accept("DELAY");
        if !is_after && !args.accept("AT") {
            return Ok(None);
        }
        let ms = args.integer();
        args.check()?;
        if ms < 0 {
            return Err(Error::Negative);
        }
        Ok(Some(if is_after { Delay::After(ms) } else { Delay::At(ms) }))
    }

    /// The time, with which the id must begin if one is given.
    pub(super) fn resolve(self, now: UnixMillis, choice: Choice) -> Result<u64, Error> {
        let due = match self {
            Delay::After(ms) => now.0.checked_add(ms).ok_or(Error::ValueOutOfRange)?,
            Delay::At(ms) => ms,
        };
        let due_ms = u64::try_from(due).unwrap_or(0);
        match choice {
            Choice::Next(ms) | Choice::Exact(StreamId { ms, .. }) if ms != due_ms => {
                Err(Error::Text("ERR The ID of a delayed entry must be * or begin with the time it is due"))
            }
            _ => Ok(due_ms),
        }
    }
}

/// Keeps an entry until it is due, and returns the id under which it is kept.
pub(super) fn add_delayed(
    stream: &mut Stream,
    key: &[u8],
    (due_ms, choice): (u64, Choice),
    fields: &[&[u8]],
    limits: NodeLimits,
    effect: &mut Effect,
) -> Result<StreamId, Error> {
    let id = match choice {
        Choice::Exact(id) => Some(id),
        _ => stream.next_delayed_id(due_ms),
    };
    let is_kept = |id: &StreamId| stream.delay(*id, fields, limits);
    let id = id.filter(is_kept).ok_or(Error::Text("ERR The ID of a delayed entry is taken"))?;
    effect.rewrite_line(|| {
        let head: [&[u8]; 5] = [b"XADD", key, b"AT", &decimal(due_ms), &id.text()];
        line(&[&head[..], fields].concat())
    });
    Ok(id)
}

fn xdelayed(call: &mut Call<'_>) -> Result<(), Error> {
    let (key, from, to) = (call.args.word(), call.args.word(), call.args.word());
    let (from, to) = (ids::parse_start(from)?, ids::parse_end(to)?);
    let count = parse_count(&mut call.args)?.unwrap_or(usize::MAX);

    let delayed = call.keys.read_stream(key)?.and_then(Stream::delayed);

    let reply = &mut *call.reply;
    let list = reply.deferred_array();
    let mut replied = 0;
    for (id, words) in delayed.iter().flat_map(|delayed: &&Delayed| delayed.range(from..=to)).take(count) {
        reply.array(2);
        reply_id(reply, id);
        reply.array(words.len());
        for word in words {
            reply.bulk(word);
        }
        replied += 1;
    }
    reply.finish_array(list, replied);
    Ok(())
}

fn xrelease(call: &mut Call<'_>) -> Result<(), Error> {
    let (key, ids) = (call.args.word(), ids::parse_all(call.args.rest())?);

    let mut guard = call.keys.write(key);
    let mut released = 0;
    if let Some(stream) = guard.existing_stream()? {
        released = ids.into_iter().filter_map(|id| stream.release(id)).count();
    }
    guard.count_changes(released as u64);
    if released > 0 {
        guard.notify(Event::stream("xadd"));
    }

    call.reply.integer(released as i64);
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::commands::script::check;
    use crate::time::ManualClock;
    use crate::{Db, UnixMillis, Value};
    use std::sync::Arc;

    #[test]
    fn entries_are_kept_until_they_are_due() {
        check(
            "XADD s DELAY 5000 * f v        => \"1005000-0\"
             XADD s AT 1005000 * f w        => \"1005000-1\"
             XADD s AT 1009000 1009000-7 f x => \"1009000-7\"
             XADD s at 1009000 1009000-* f y => \"1009000-8\"
             XADD s * f now                 => \"1000000-0\"
             XLEN s                         => 1
             XRANGE s - +                   => [[\"1000000-0\", [\"f\", \"now\"]]]
             XDELAYED s - + COUNT 2         => [[\"1005000-0\", [\"f\", \"v\"]], [\"1005000-1\", [\"f\", \"w\"]]]
             XDELAYED s 1009000 1009000-7   => [[\"1009000-7\", [\"f\", \"x\"]]]
             XDELAYED s + -                 => []
             XDELAYED none - +              => []
             XDEL s 1005000-0 1005000-0     => 1
             XINFO STREAM s                 => {\"length\": 1, \"radix-tree-keys\": 1, \"radix-tree-nodes\": 2, \"last-generated-id\": \"1000000-0\", \"max-deleted-entry-id\": \"0-0\", \"entries-added\": 1, \"recorded-first-entry-id\": \"1000000-0\", \"delayed\": 3, \"first-delayed-id\": \"1005000-1\", \"groups\": 0, \"first-entry\": [\"1000000-0\", [\"f\", \"now\"]], \"last-entry\": [\"1000000-0\", [\"f\", \"now\"]]}
             XADD s DELAY 0 * f v           => \"1000000-1\"
             COPY s t                       => 1
             XRELEASE s 1005000-1 7-7       => 1
             XADD s * f v                   => \"1005000-2\"
             XDELAYED t - + COUNT 1         => [[\"1005000-1\", [\"f\", \"w\"]]]",
        );
    }

    #[test]
    fn what_is_due_already_comes_at_once() {
        check(
            "XADD s AT 5 * f v              => \"1000000-0\"
             XADD s AT 1000000 1000000-5 f v => \"1000000-5\"
             XADD s AT 7 7-0 f old          => \"7-0\"
             XRANGE s - +                   => [[\"1000000-0\", [\"f\", \"v\"]], [\"1000000-5\", [\"f\", \"v\"]], [\"1000000-6\", [\"f\", \"old\"]]]",
        );
    }

    #[test]
    fn what_makes_no_sense() {
        check(
            "XADD s DELAY -1 * f v          => ERR value is out of range, must be positive
             XADD s DELAY x * f v           => ERR value is not an integer or out of range
             XADD s DELAY 9223372036854775807 * f v => ERR value is out of range
             XADD s DELAY 5 AT 5 * f v      => ERR Invalid stream ID specified as stream command argument
             XADD s DELAY 5 1-1 f v         => ERR The ID of a delayed entry must be * or begin with the time it is due
             XADD s AT 5 6-* f v            => ERR The ID of a delayed entry must be * or begin with the time it is due
             XADD s DELAY 5 MAXLEN 1 * f v  => ERR DELAY and AT can't be combined with IDMP, IDMPAUTO or trimming
             XADD s IDMPAUTO p DELAY 5 * f v => ERR DELAY and AT can't be combined with IDMP, IDMPAUTO or trimming
             XADD s NOMKSTREAM DELAY 5 * f v => nil
             XADD s DELAY 5 *               => ERR wrong number of arguments for 'xadd' command
             EXISTS s                       => 0
             XADD s AT 1000009 1000009-3 f v => \"1000009-3\"
             XADD s AT 1000009 1000009-3 f v => ERR The ID of a delayed entry is taken
             XRELEASE s x                   => ERR Invalid stream ID specified as stream command argument
             XRELEASE none 1-1              => 0
             SET k v                        => OK
             XDELAYED k - +                 => WRONGTYPE Operation against a key holding the wrong kind of value
             XRELEASE k 1-1                 => WRONGTYPE Operation against a key holding the wrong kind of value",
        );
    }

    #[test]
    fn the_clock_brings_them() {
        let clock = Arc::new(ManualClock::new(UnixMillis(1_000)));
        let db = Db::with_clock(Arc::clone(&clock));
        let mut reader = db.engine().journal().attach();
        let run = |line: &str| {
            let words: Vec<&str> = line.split(' ').collect();
            db.execute_now(&words).expect("the command is right")
        };
        run("XADD s DELAY 50 * f a");
        run("XADD s DELAY 50 * f b");
        run("XADD s DELAY 90 * f c");
        clock.set(UnixMillis(1_049));
        assert_eq!(run("XLEN s"), Value::Integer(0));
        clock.set(UnixMillis(1_050));
        assert_eq!(run("XLEN s"), Value::Integer(2), "whoever looks at the stream releases them");
        db.engine().expire_round(UnixMillis(1_100), 100);
        assert_eq!(run("XLEN s"), Value::Integer(3), "so does upkeep, whose clock is ahead here");

        let mut journal = Vec::new();
        reader.read(&mut journal);
        let journal = String::from_utf8_lossy(&journal).replace("\r\n", " ");
        assert!(journal.contains("$4 XADD $1 s $2 AT $4 1050 $6 1050-1 $1 f $1 b "), "{journal}");
        assert!(
            journal.contains("*4 $8 XRELEASE $1 s $6 1050-0 $6 1050-1 *3 $8 XRELEASE $1 s $6 1090-0 "),
            "{journal}"
        );
    }
}
