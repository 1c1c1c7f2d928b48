//! Entries after an id, of several streams at once: XREAD; and what XREADGROUP shares with it.

use super::{ids, reply_entry};
use crate::command::args::Args;
use crate::command::call::Call;
use crate::command::flags::Flags;
use crate::command::keys::{Begin, Find, KeySpec, KeyUse};
use crate::command::{Command, Group, Run};
use crate::engine::wait::Wait;
use crate::error::Error;
use crate::time::UnixMillis;
use spinel_resp::ReplyWriter;
use spinel_resp::reply::{Deferred, Protocol};
use spinel_types::{Stream, StreamId, ValueType};
use std::time::Duration;

/// The options that come before STREAMS, with how many words follow each.
const OPTIONS: &[(&str, usize)] =
    &[("BLOCK", 1), ("COUNT", 1), ("GROUP", 2), ("NOACK", 0), ("CLAIM", 1), ("MAXCOUNT", 1), ("MAXSIZE", 1)];

/// The keys: the first half of the words after STREAMS, which is looked for from a position.
pub(super) const fn keys_after_streams(from: i32) -> KeySpec {
    KeySpec {
        begin: Begin::Option { word: "STREAMS", from, others: OPTIONS },
        find: Find::Range { last: -1, step: 1, limit: 2 },
        usage: KeyUse::READ_ONLY.with(KeyUse::ACCESS),
        varies: None,
    }
}

/// The rows of this file.
pub(super) const COMMANDS: &[Command] = &[Command {
    name: "xread",
    usage: "[COUNT count] [MAXCOUNT maxcount:integer] [MAXSIZE maxsize:integer] \
            [BLOCK milliseconds] STREAMS streams=(key... id...)",
    keys: &[keys_after_streams(1)],
    flags: Flags::READONLY.with(Flags::BLOCKING),
    group: Group::Stream,
    since: "5.0.0",
    cost: "O(log n + N) per stream with N being the number of entries returned",
    about: "Returns the entries of streams that come after given ids.",
    run: Run::Data(xread),
    ..Command::ROW
}];

/// Which of the two commands reads.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Reader {
    /// XREAD.
    Anyone,
    /// XREADGROUP.
    Group,
}

/// How streams are read.
#[derive(Default)]
pub(super) struct ReadOptions<'a> {
    /// The most entries of each stream.
    pub(super) count: Option<usize>,
    entries_max: Option<usize>,
    bytes_max: Option<usize>,
    /// Group and consumer.
    pub(super) member: Option<(&'a [u8], &'a [u8])>,
    /// Entries that are delivered don't become pending.
    pub(super) is_acknowledged: bool,
    /// Entries that have been pending for so many milliseconds are delivered, too.
    pub(super) claim_idle_ms: Option<u64>,
    /// Waits for so many milliseconds if there is nothing; 0: for ever.
    block_ms: Option<u64>,
    pub(super) keys: &'a [&'a [u8]],
    pub(super) ids: &'a [&'a [u8]],
}

impl<'a> ReadOptions<'a> {
    pub(super) fn parse(
        args: &mut Args<'a>,
        reader: Reader,
        now: UnixMillis,
    ) -> Result<ReadOptions<'a>, Error> {
        let mut options = ReadOptions::default();
        while options.keys.is_empty() {
            options.accept(args, reader, now)?;
        }
        if reader == Reader::Group && options.member.is_none() {
            return Err(Error::Text("ERR Missing GROUP option for XREADGROUP"));
        }
        if options.entries_max.is_some_and(|max| options.count.is_some_and(|count| count > max)) {
            return Err(Error::Text("ERR MAXCOUNT must be greater than or equal to COUNT"));
        }
        Ok(options)
    }

    /// What to wait for if there is nothing, if that is wanted.
    pub(super) fn wait(&self, reader: Reader, words: Option<Vec<Vec<u8>>>) -> Option<Wait<'a>> {
        let timeout = self.block_ms.map(Duration::from_millis)?;
        let timeout = Some(timeout).filter(|timeout| !timeout.is_zero());
        Some(Wait {
            // A member must hear that its group is gone.
            until_gone: reader == Reader::Group,
            words,
            ..Wait::until(ValueType::Stream, self.keys, timeout)
        })
    }

    fn accept(&mut self, args: &mut Args<'a>, reader: Reader, now: UnixMillis) -> Result<(), Error> {
        let values = args.remaining().saturating_sub(1);
        if values > 0 && args.accept("BLOCK") {
            self.block_ms = Some(args.timeout_ms(now)?);
        } else if values > 0 && args.accept("COUNT") {
            self.count = Some(ids::parse_count(args)?).filter(|count| *count > 0);
        } else if values > 0 && args.accept("MAXCOUNT") {
            self.entries_max = Some(args.positive(Error::Text("ERR MAXCOUNT must be a positive integer"))?);
        } else if values > 0 && args.accept("MAXSIZE") {
            self.bytes_max = Some(args.positive(Error::Text("ERR MAXSIZE must be a positive integer"))?);
        } else if values > 0 && args.accept("STREAMS") {
            [self.keys, self.ids] = parse_streams(args, reader)?;
        } else if values > 1 && args.accept("GROUP") {
            only_for_groups(reader, "GROUP")?;
            self.member = Some((args.word(), args.word()));
        } else if args.accept("NOACK") {
            only_for_groups(reader, "NOACK")?;
            self.is_acknowledged = true;
        } else if values > 0 && args.accept("CLAIM") {
            only_for_groups(reader, "CLAIM")?;
            let idle = args.integer_or(Error::Text("ERR min-idle-time is not an integer"));
            args.check()?;
            let idle = u64::try_from(idle);
            self.claim_idle_ms =
                Some(idle.map_err(|_| Error::Text("ERR min-idle-time must be a positive integer"))?);
        } else {
            return Err(Error::Syntax);
        }
        Ok(())
    }
}

/// The words after STREAMS: keys, then as many ids.
fn parse_streams<'a>(args: &mut Args<'a>, reader: Reader) -> Result<[&'a [&'a [u8]]; 2], Error> {
    let words = args.rest();
    if !words.len().is_multiple_of(2) {
        return Err(Error::Text(match reader {
            Reader::Anyone => {
                "ERR Unbalanced 'xread' list of streams: for each stream key an ID, '+', or '$' must be specified."
            }
            Reader::Group => {
                "ERR Unbalanced 'xreadgroup' list of streams: for each stream key an ID or '>' must be specified."
            }
        }));
    }
    let (keys, ids) = words.split_at(words.len() / 2);
    Ok([keys, ids])
}

fn only_for_groups(reader: Reader, option: &str) -> Result<(), Error> {
    match reader {
        Reader::Group => Ok(()),
        Reader::Anyone => Err(Error::Made(format!(
            "ERR The {option} option is only supported by XREADGROUP. You called XREAD instead."
        ))),
    }
}

/// The reply of a reading command: streams with their entries, or nothing.
pub(super) struct Served<'r> {
    pub(super) reply: &'r mut ReplyWriter,
    streams: usize,
    list: Option<Deferred>,
    start: usize,
    entries: usize,
    entries_max: usize,
    bytes_max: usize,
}

impl<'r> Served<'r> {
    pub(super) fn new(reply: &'r mut ReplyWriter, options: &ReadOptions<'_>) -> Served<'r> {
        Served {
            streams: 0,
            list: None,
            start: reply.position(),
            entries: 0,
            entries_max: options.entries_max.unwrap_or(usize::MAX),
            bytes_max: options.bytes_max.unwrap_or(usize::MAX),
            reply,
        }
    }

    /// Whether no further entry fits.
    pub(super) fn is_full(&self) -> bool {
        let bytes = self.reply.position() - self.start;
        self.entries >= self.entries_max || self.entries > 0 && bytes >= self.bytes_max
    }

    /// Starts the list of a stream's entries.
    pub(super) fn begin_stream(&mut self, key: &[u8]) -> Deferred {
        let is_map = self.reply.protocol() == Protocol::Resp3;
        if self.list.is_none() {
            self.list = Some(if is_map { self.reply.deferred_map() } else { self.reply.deferred_array() });
        }
        if !is_map {
            self.reply.array(2);
        }
        self.reply.bulk(key);
        self.streams += 1;
        self.reply.deferred_array()
    }

    /// Writes an entry; takes it back if the reply would be too long with it, and says so by `false`.
    pub(super) fn entry(&mut self, write: impl FnOnce(&mut ReplyWriter)) -> bool {
        if self.is_full() {
            return false;
        }
        let before = self.reply.position();
        write(self.reply);
        if self.entries > 0 && self.reply.position() - self.start > self.bytes_max {
            self.reply.truncate(before);
            return false;
        }
        self.entries += 1;
        true
    }

    /// Takes a stream back whose entries didn't fit.
    pub(super) fn abandon_stream(&mut self, list: Deferred, before: usize) {
        drop(list);
        self.reply.truncate(before);
        self.streams -= 1;
    }

    /// Ends the reply. If there is nothing in it, the reader waits if it wants to.
    pub(super) fn finish(self, wait: Option<Wait<'_>>) -> Option<Wait<'_>> {
        match self.list {
            None if wait.is_some() => return wait,
            None => self.reply.null_array(),
            Some(list) if self.reply.protocol() == Protocol::Resp3 => {
                self.reply.finish_map(list, self.streams);
            }
            Some(list) => self.reply.finish_array(list, self.streams),
        }
        None
    }
}

fn xread(call: &mut Call<'_>) -> Result<(), Error> {
    let options = ReadOptions::parse(&mut call.args, Reader::Anyone, call.now)?;
    let mut after = Vec::with_capacity(options.keys.len());
    for (key, id) in options.keys.iter().zip(options.ids) {
        after.push(parse_after(id, call.keys.read_stream(key)?)?);
    }

    let words = options.block_ms.map(|_| with_ids(call.args.words(), &after));
    let mut served = Served::new(call.reply, &options);
    for (key, after) in options.keys.iter().zip(after) {
        let Some(stream) = call.keys.read_stream(key)? else { continue };
        let Some(from) = after.next().filter(|from| newest(stream).is_some_and(|newest| newest >= *from))
        else {
            continue;
        };
        serve(&mut served, key, stream, from, options.count);
    }
    call.wait = served.finish(options.wait(Reader::Anyone, words));
    Ok(())
}

/// The words with what `$` means now instead of it; `+` is the newest entry whenever it comes.
fn with_ids(words: &[&[u8]], after: &[StreamId]) -> Vec<Vec<u8>> {
    let (others, given) = words.split_at(words.len() - after.len());
    let fixed =
        |(word, id): (&&[u8], &StreamId)| if *word == b"+" { word.to_vec() } else { id.text().to_vec() };
    let ids = given.iter().zip(after).map(fixed);
    others.iter().map(|word| word.to_vec()).chain(ids).collect()
}

/// The id of the newest entry.
pub(super) fn newest(stream: &Stream) -> Option<StreamId> {
    stream.range_reversed(StreamId::MIN, StreamId::MAX).next().map(|entry| entry.id)
}

/// Reads after which id a stream is wanted: `$` is its last one, `+` the one before its newest entry.
fn parse_after(word: &[u8], stream: Option<&Stream>) -> Result<StreamId, Error> {
    match word {
        b"$" => Ok(stream.map_or(StreamId::MIN, Stream::last_id)),
        b"+" => Ok(stream.and_then(newest).and_then(StreamId::previous).unwrap_or(StreamId::MIN)),
        b">" => Err(Error::Text(
            "ERR The > ID can be specified only when calling XREADGROUP using the GROUP <group> <consumer> option.",
        )),
        word => ids::parse(word),
    }
}

fn serve(served: &mut Served<'_>, key: &[u8], stream: &Stream, from: StreamId, count: Option<usize>) {
    if served.is_full() {
        return;
    }
    let before = served.reply.position();
    let list = served.begin_stream(key);
    let mut replied = 0;
    for entry in stream.range(from, StreamId::MAX).take(count.unwrap_or(usize::MAX)) {
        if !served.entry(|reply| reply_entry(reply, entry)) {
            break;
        }
        replied += 1;
    }
    if replied == 0 {
        return served.abandon_stream(list, before);
    }
    served.reply.finish_array(list, replied);
}

#[cfg(test)]
mod tests {
    use crate::commands::script::check;

    const TWO_STREAMS: &str = "XADD s 1-1 f v => \"1-1\"
         XADD s 2-1 f v => \"2-1\"
         XADD t 1-1 g w => \"1-1\"";

    #[test]
    fn entries_after_ids() {
        check(&format!(
            "{TWO_STREAMS}
             XREAD STREAMS s t none 1-1 0 0 => {{\"s\": [[\"2-1\", [\"f\", \"v\"]]], \"t\": [[\"1-1\", [\"g\", \"w\"]]]}}
             XREAD COUNT 1 STREAMS s 0      => {{\"s\": [[\"1-1\", [\"f\", \"v\"]]]}}
             XREAD COUNT 0 BLOCK 5 STREAMS s 1 => {{\"s\": [[\"1-1\", [\"f\", \"v\"]], [\"2-1\", [\"f\", \"v\"]]]}}
             XREAD STREAMS s $              => nil
             XREAD BLOCK 0 STREAMS s 2-1    => nil
             XREAD STREAMS s none + +       => {{\"s\": [[\"2-1\", [\"f\", \"v\"]]]}}
             XREAD COUNT STREAMS STREAMS s 0 => ERR value is not an integer or out of range
             XREAD STREAMS STREAMS 0        => nil"
        ));
    }

    #[test]
    fn the_whole_reply_has_limits() {
        check(&format!(
            "{TWO_STREAMS}
             XREAD MAXCOUNT 2 STREAMS s t 0 0 => {{\"s\": [[\"1-1\", [\"f\", \"v\"]], [\"2-1\", [\"f\", \"v\"]]]}}
             XREAD COUNT 1 MAXCOUNT 2 STREAMS s t 0 0 => {{\"s\": [[\"1-1\", [\"f\", \"v\"]]], \"t\": [[\"1-1\", [\"g\", \"w\"]]]}}
             XREAD MAXSIZE 1 STREAMS s t 0 0 => {{\"s\": [[\"1-1\", [\"f\", \"v\"]]]}}
             XREAD MAXSIZE 80 STREAMS s t 0 0 => {{\"s\": [[\"1-1\", [\"f\", \"v\"]], [\"2-1\", [\"f\", \"v\"]]]}}
             XREAD MAXSIZE 1000 STREAMS s t 1 0 => *
             XREAD MAXCOUNT 0 STREAMS s 0   => ERR MAXCOUNT must be a positive integer
             XREAD COUNT 2 MAXCOUNT 1 STREAMS s 0 => ERR MAXCOUNT must be greater than or equal to COUNT"
        ));
    }

    #[test]
    fn what_makes_no_sense() {
        check(
            "SET k v                        => OK
             XREAD STREAMS k 0              => WRONGTYPE Operation against a key holding the wrong kind of value
             XREAD STREAMS s t 0            => ERR Unbalanced 'xread' list of streams: for each stream key an ID, '+', or '$' must be specified.
             XREAD STREAMS s >              => ERR The > ID can be specified only when calling XREADGROUP using the GROUP <group> <consumer> option.
             XREAD GROUP g c STREAMS s 0    => ERR The GROUP option is only supported by XREADGROUP. You called XREAD instead.
             XREAD NOACK STREAMS s 0        => ERR The NOACK option is only supported by XREADGROUP. You called XREAD instead.
             XREAD BLOCK -1 STREAMS s 0     => ERR timeout is negative
             XREAD BLOCK 1.5 STREAMS s 0    => ERR timeout is not an integer or out of range
             XREAD COUNT 1 WHAT s 0         => ERR syntax error
             XREAD STREAMS s x              => ERR Invalid stream ID specified as stream command argument",
        );
    }
}
