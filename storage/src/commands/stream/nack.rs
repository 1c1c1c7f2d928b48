//! Giving entries back to the group: XNACK.

use super::effects::{self, Place};
use super::{UPDATE_KEY, ids, no_group};
use crate::command::args::Args;
use crate::command::call::Call;
use crate::command::flags::Flags;
use crate::command::{Command, Group, Run};
use crate::error::Error;
use spinel_types::stream::Pending;
use spinel_types::{Stream, StreamId};

/// The rows of this file.
pub(super) const COMMANDS: &[Command] = &[Command {
    name: "xnack",
    usage: "key group mode=<SILENT|FAIL|FATAL> IDS ids=(numids:integer id...) \
            [RETRYCOUNT count] [FORCE]",
    keys: UPDATE_KEY,
    flags: Flags::WRITE.with(Flags::FAST),
    group: Group::Stream,
    since: "8.8.0",
    cost: "O(log n) per id",
    about: "Gives pending entries back to the group, so that other consumers get them.",
    run: Run::Data(xnack),
    ..Command::ROW
}];

/// What happens to the count of deliveries.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Mode {
    /// The last delivery doesn't count.
    Silent,
    /// It stays.
    Fail,
    /// No consumer can process the entry: the count becomes the greatest.
    Fatal,
}

/// The count of deliveries of an entry that nobody should try again.
const FATAL_DELIVERIES: u64 = i64::MAX as u64;

struct NackOptions {
    mode: Mode,
    ids: Vec<StreamId>,
    deliveries: Option<u64>,
    /// Entries that are not pending become so.
    is_forced: bool,
}

impl NackOptions {
    fn parse(args: &mut Args<'_>) -> Result<NackOptions, Error> {
        let modes = [("SILENT", Mode::Silent), ("FAIL", Mode::Fail), ("FATAL", Mode::Fatal)];
        let mode = modes.into_iter().find(|(word, _)| args.accept(word)).map(|(_, mode)| mode);
        let mode = mode.ok_or(Error::Text("ERR mode must be SILENT, FAIL, or FATAL"))?;
        if !args.accept("IDS") {
            return Err(Error::Syntax);
        }
        let mut options = NackOptions { mode, ids: parse_ids(args)?, deliveries: None, is_forced: false };
        while args.remaining() > 0 {
            if args.accept("FORCE") {
                options.is_forced = true;
            } else if args.remaining() > 1 && args.accept("RETRYCOUNT") {
                let deliveries = args.integer();
                args.check()?;
                let deliveries = u64::try_from(deliveries);
                options.deliveries =
                    Some(deliveries.map_err(|_| Error::Text("ERR Invalid RETRYCOUNT value, must be >= 0"))?);
            } else {
                return Err(Error::Syntax);
            }
        }
        Ok(options)
    }

    /// What becomes of an entry, which is pending or exists in the stream; `None` if nothing does.
    fn released(&self, stream: &Stream, id: StreamId, pending: Option<&Pending>) -> Option<Pending> {
        let before = match pending {
            Some(pending) => pending.deliveries,
            None if self.is_forced && stream.entry(id).is_some() => 0,
            None => return None,
        };
        let deliveries = self.deliveries.unwrap_or(match self.mode {
            Mode::Silent => before.saturating_sub(1),
            Mode::Fail => before,
            Mode::Fatal => FATAL_DELIVERIES,
        });
        Some(Pending { delivered_ms: 0, deliveries, consumer: None })
    }
}

fn parse_ids(args: &mut Args<'_>) -> Result<Vec<StreamId>, Error> {
    let not_positive = Error::Text("ERR numids must be a positive integer");
    let count = args.integer_or(not_positive.clone());
    args.check()?;
    let count = usize::try_from(count).ok().filter(|count| *count > 0).ok_or(not_positive)?;
    let words = args.take(count).map_err(|_| Error::Text("ERR number of IDs doesn't match numids"))?;
    ids::parse_all(words)
}

fn xnack(call: &mut Call<'_>) -> Result<(), Error> {
    let (key, name) = (call.args.word(), call.args.word());
    let options = NackOptions::parse(&mut call.args)?;

    let place = Place { key, group: name };
    let mut guard = call.keys.write(key);
    let stream = guard.existing_stream()?.filter(|stream| stream.groups().find(name).is_some());
    let stream = stream.ok_or_else(|| no_group(key, name))?;
    let mut released = 0;
    for id in &options.ids {
        let group = stream.groups().find(name).expect("just found");
        let Some(pending) = options.released(stream, *id, group.pending(*id)) else { continue };
        let mut group = stream.groups_mut().find_mut(name).expect("just found");
        group.set_pending(*id, pending);
        call.effect.rewrite_line(|| effects::claim(place, &group, *id, &pending));
        released += 1;
    }
    guard.count_hidden_changes(released);

    call.reply.integer(released as i64);
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::commands::script::check;

    #[test]
    fn entries_return_to_the_group() {
        check(
            "XADD s 1-1 f v                 => \"1-1\"
             XADD s 2-1 f v                 => \"2-1\"
             XADD s 3-1 f v                 => \"3-1\"
             XADD s 4-1 f v                 => \"4-1\"
             XGROUP CREATE s g 0            => OK
             XREADGROUP GROUP g c COUNT 3 STREAMS s > => *
             XNACK s g SILENT IDS 1 1-1     => 1
             XNACK s g FAIL IDS 2 2-1 9-9   => 1
             XNACK s g FATAL IDS 1 3-1      => 1
             XPENDING s g - + 10            => [[\"1-1\", \"\", -1, 0], [\"2-1\", \"\", -1, 1], [\"3-1\", \"\", -1, 9223372036854775807]]
             XPENDING s g                   => [3, \"1-1\", \"3-1\", []]
             XPENDING s g - + 10 c          => []
             XNACK s g FAIL IDS 1 4-1       => 0
             XNACK s g FAIL IDS 1 4-1 FORCE => 1
             XNACK s g FAIL IDS 1 4-1 RETRYCOUNT 7 => 1
             XREADGROUP GROUP g d COUNT 1 CLAIM 5000 STREAMS s > => {\"s\": [[\"1-1\", [\"f\", \"v\"], \"-1\", \"0\"]]}
             XCLAIM s g d 5000 3-1 4-1 JUSTID => [\"3-1\", \"4-1\"]
             XPENDING s g - + 10            => [[\"1-1\", \"d\", 0, 1], [\"2-1\", \"\", -1, 1], [\"3-1\", \"d\", 0, 9223372036854775807], [\"4-1\", \"d\", 0, 7]]",
        );
    }

    #[test]
    fn what_makes_no_sense() {
        check(
            "XNACK s g FAIL IDS 1 1-1       => NOGROUP No such key 's' or consumer group 'g'
             XNACK s g MAYBE IDS 1 1-1      => ERR mode must be SILENT, FAIL, or FATAL
             XNACK s g FAIL IDS 0 1-1       => ERR numids must be a positive integer
             XNACK s g FAIL IDS 2 1-1       => ERR number of IDs doesn't match numids
             XNACK s g FAIL IDS 1 x         => ERR Invalid stream ID specified as stream command argument
             XNACK s g FAIL IDS 1 1 RETRYCOUNT -1 => ERR Invalid RETRYCOUNT value, must be >= 0
             XNACK s g FAIL IDS 1 1 2       => ERR syntax error",
        );
    }
}
