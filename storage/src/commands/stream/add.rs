//! Adding entries: XADD.

use super::delay::{Delay, add_delayed};
use super::effects::{id_word, line};
use super::ids::{self, INVALID_ID};
use super::trim::{Trim, TrimOptions};
use super::{UPDATE_KEY, millis, reply_id};
use crate::command::args::Args;
use crate::command::call::Call;
use crate::command::flags::Flags;
use crate::command::{Command, Group, Run};
use crate::engine::effect::{Effect, Line};
use crate::error::Error;
use crate::keyspace::event::Event;
use spinel_types::sha1::sha1;
use spinel_types::stream::{ENTRY_BYTES_MAX, NodeLimits};
use spinel_types::{Stream, StreamId};
use std::borrow::Cow;

/// The rows of this file.
pub(super) const COMMANDS: &[Command] = &[Command {
    name: "xadd",
    event: "xadd",
    usage: "key [NOMKSTREAM] condition=[KEEPREF|DELREF|ACKED] \
            idempotence=[IDMPAUTO producer-id|IDMP (producer-id idempotent-id)] \
            due=[DELAY milliseconds|AT unix-time-milliseconds] \
            trim=[(strategy=<MAXLEN|MINID> operator=[equal==|approximately=~] threshold [LIMIT count])] \
            id-selector=<auto-id=*|id> data=(field value)...",
    keys: UPDATE_KEY,
    flags: Flags::WRITE.with(Flags::DENYOOM).with(Flags::FAST),
    group: Group::Stream,
    since: "5.0.0",
    cost: "O(1) when adding an entry, O(N) when trimming with N being the number of removed entries",
    about: "Adds an entry to a stream, which is created if need be.",
    tips: &["nondeterministic_output"],
    run: Run::Data(xadd),
    ..Command::ROW
}];

/// The id of the new entry as the command names it.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Choice {
    /// By the clock.
    #[default]
    Auto,
    /// The next one with these milliseconds.
    Next(u64),
    /// This one.
    Exact(StreamId),
}

/// Who sends the message, and how it is known again.
#[derive(Clone, Copy)]
struct Origin<'a> {
    producer: &'a [u8],
    /// `None`: by its contents.
    message: Option<&'a [u8]>,
}

#[derive(Default)]
struct AddOptions<'a> {
    /// Nothing is added to a stream that doesn't exist.
    is_for_existing: bool,
    origin: Option<Origin<'a>>,
    delay: Option<Delay>,
    trim: TrimOptions,
    choice: Choice,
}

impl<'a> AddOptions<'a> {
    /// Takes options and the id.
    fn parse(args: &mut Args<'a>) -> Result<AddOptions<'a>, Error> {
        let mut options = AddOptions::default();
        loop {
            match args.peek() {
                None => return Ok(options),
                Some(b"*") => {
                    args.word();
                    return Ok(options);
                }
                Some(_) if options.accept(args)? => {}
                Some(_) => {
                    options.choice = parse_choice(args.word())?;
                    return Ok(options);
                }
            }
        }
    }

    fn accept(&mut self, args: &mut Args<'a>) -> Result<bool, Error> {
        if args.accept("NOMKSTREAM") {
            self.is_for_existing = true;
            return Ok(true);
        }
        if self.delay.is_none() && args.remaining() > 1 && self.accept_delay(args)? {
            return Ok(true);
        }
        let is_named = args.remaining() > 2 && args.accept("IDMP");
        if !(is_named || args.remaining() > 1 && args.accept("IDMPAUTO")) {
            return self.trim.accept(args);
        }
        if self.origin.is_some() {
            return Err(Error::Text("ERR IDMP/IDMPAUTO specified multiple times"));
        }
        let (producer, message) = (args.word(), is_named.then(|| args.word()));
        if producer.is_empty() {
            return Err(Error::Text("ERR IDMP/IDMPAUTO requires a non-empty producer ID"));
        }
        if message.is_some_and(<[u8]>::is_empty) {
            return Err(Error::Text("ERR IDMP requires a non-empty idempotent ID"));
        }
        self.origin = Some(Origin { producer, message });
        Ok(true)
    }

    fn accept_delay(&mut self, args: &mut Args<'a>) -> Result<bool, Error> {
        self.delay = Delay::accept(args)?;
        Ok(self.delay.is_some())
    }

    /// Whether it says more of the stream than which entry it gets.
    fn has_conditions(&self) -> bool {
        self.origin.is_some() || self.trim.is_given()
    }
}

fn parse_choice(word: &[u8]) -> Result<Choice, Error> {
    match StreamId::parse_open(word) {
        Some(ms) => Ok(Choice::Next(ms)),
        None => ids::parse(word).map(Choice::Exact).map_err(|_| INVALID_ID),
    }
}

const TOO_SMALL: Error =
    Error::Text("ERR The ID specified in XADD is equal or smaller than the target stream top item");

impl Choice {
    /// The id of the entry that follows `last`.
    fn resolve(self, last: StreamId, now_ms: u64) -> Result<StreamId, Error> {
        let id = match self {
            Choice::Auto if now_ms > last.ms => StreamId::new(now_ms, 0),
            Choice::Auto => last.next().ok_or(TOO_SMALL)?,
            Choice::Next(ms) if ms == last.ms => {
                StreamId::new(ms, last.sequence.checked_add(1).ok_or(TOO_SMALL)?)
            }
            Choice::Next(ms) => StreamId::new(ms, 0),
            Choice::Exact(id) => id,
        };
        if id > last { Ok(id) } else { Err(TOO_SMALL) }
    }
}

fn xadd(call: &mut Call<'_>) -> Result<(), Error> {
    let key = call.args.word();
    let options = AddOptions::parse(&mut call.args)?;
    let trim = options.trim.finish(None, call.now)?;
    let fields = call.args.rest();
    if fields.is_empty() || !fields.len().is_multiple_of(2) {
        return Err(Error::WrongArity("xadd"));
    }
    if options.choice == Choice::Exact(StreamId::MIN) {
        return Err(Error::Text("ERR The ID specified in XADD must be greater than 0-0"));
    }
    if options.origin.is_some() && options.choice != Choice::Auto {
        return Err(Error::Text("ERR IDMP/IDMPAUTO can be used only with auto-generated IDs"));
    }
    if fields.iter().map(|word| word.len()).sum::<usize>() > ENTRY_BYTES_MAX {
        return Err(Error::Text("ERR Elements are too large to be stored"));
    }
    let due_ms = options.delay.map(|delay| delay.resolve(call.now, options.choice)).transpose()?;
    if due_ms.is_some() && options.has_conditions() {
        return Err(Error::Text("ERR DELAY and AT can't be combined with IDMP, IDMPAUTO or trimming"));
    }

    let today = call.keys.today();
    let mut guard = call.keys.write(key);
    let limits = guard.thresholds().stream_node();
    let stream = if options.is_for_existing { guard.existing_stream()? } else { Some(guard.stream()?) };
    let Some(stream) = stream else {
        call.reply.null();
        return Ok(());
    };
    if let Some(due_ms) = due_ms.filter(|due_ms| *due_ms > millis(call.now) || options.choice != Choice::Auto)
    {
        let id = add_delayed(stream, key, (due_ms, options.choice), fields, limits, call.effect)?;
        // Nobody sees it yet.
        guard.count_hidden_changes(1);
        guard.keep_quiet();
        reply_id(call.reply, id);
        return Ok(());
    }
    let (choice, is_wordy) = (options.choice, options.trim.is_idle());
    let addition = Addition { key, fields, trim, limits, choice, now_ms: millis(today), is_wordy };
    let (id, is_new, removed) = match options.origin {
        None => addition.apply(stream, call.effect)?,
        Some(origin) => addition.apply_once(stream, origin, call.effect)?,
    };
    guard.count_changes(is_new.into());
    if is_new {
        guard.rouse_waiters();
        guard.notify(Event::stream("xadd"));
    }
    if removed > 0 {
        guard.notify(Event::stream("xtrim"));
    }

    reply_id(call.reply, id);
    Ok(())
}

/// An entry to be added.
struct Addition<'a> {
    key: &'a [u8],
    fields: &'a [&'a [u8]],
    trim: Option<Trim>,
    limits: NodeLimits,
    choice: Choice,
    now_ms: u64,
    /// Whether the command says something that does nothing, and that not everybody understands.
    is_wordy: bool,
}

impl Addition<'_> {
    /// Adds the entry, trims the stream, and says what was done: the id, whether it was added, how many were
    /// removed.
    fn apply(&self, stream: &mut Stream, effect: &mut Effect) -> Result<(StreamId, bool, u64), Error> {
        let id = self.add(stream)?;
        let (removed, released) = self.cut(stream, effect);
        // Also a trim that removes nothing may be told in words that others don't know.
        let is_repeatable = !self.is_wordy && self.trim.is_none_or(Trim::is_repeatable);
        if !(is_repeatable && matches!(self.choice, Choice::Exact(_))) {
            effect.rewrite_line(|| {
                let trim = self.trim.filter(|_| removed > 0).map_or(Line::new(), |trim| trim.words(stream));
                self.line(trim, id)
            });
        }
        effect.add_lines(released);
        Ok((id, true, removed))
    }

    /// As [`apply`](Self::apply), unless the message has been added before.
    fn apply_once(
        &self,
        stream: &mut Stream,
        origin: Origin<'_>,
        effect: &mut Effect,
    ) -> Result<(StreamId, bool, u64), Error> {
        let message = origin.message.map_or_else(|| Cow::Owned(digest(self.fields)), Cow::Borrowed);
        let known = stream.idempotence().and_then(|known| known.find(origin.producer, &message, self.now_ms));
        if let Some(id) = known {
            stream.idempotence_mut().count_duplicate();
            return Ok((id, false, 0));
        }
        let id = self.add(stream)?;
        stream.idempotence_mut().remember(origin.producer, &message, id, self.now_ms);
        effect.rewrite_line(|| self.line(Line::new(), id));
        effect.rewrite_line(|| line(&[b"XIDMPRECORD", self.key, origin.producer, &message, &id.text()]));
        let (removed, released) = self.cut(stream, effect);
        if let Some(trim) = self.trim.filter(|_| removed > 0) {
            effect.rewrite_line(|| [line(&[b"XTRIM", self.key]), trim.words(stream)].concat());
        }
        effect.add_lines(released);
        Ok((id, true, removed))
    }

    /// Trims the stream if that is wanted.
    fn cut(&self, stream: &mut Stream, effect: &Effect) -> (u64, Vec<Line>) {
        self.trim.map_or((0, Vec::new()), |trim| trim.apply_for((self.key, stream), self.limits, effect))
    }

    fn add(&self, stream: &mut Stream) -> Result<StreamId, Error> {
        if stream.last_id() == StreamId::MAX {
            return Err(Error::Text(
                "ERR The stream has exhausted the last possible ID, unable to add more items",
            ));
        }
        let id = self.choice.resolve(stream.last_id(), self.now_ms)?;
        stream.add(id, self.fields, self.limits).expect("the id is greater and the size was checked");
        Ok(id)
    }

    /// The command that adds this entry with this id.
    fn line(&self, trim: Line, id: StreamId) -> Line {
        let head = [vec![b"XADD".to_vec(), self.key.to_vec()], trim, vec![id_word(id)]];
        head.concat().into_iter().chain(line(self.fields)).collect()
    }
}

/// What a message without a name is known by: equal fields and values, equal digests.
fn digest(fields: &[&[u8]]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for word in fields {
        bytes.extend_from_slice(&(word.len() as u64).to_le_bytes());
        bytes.extend_from_slice(word);
    }
    sha1(&bytes).to_vec()
}

#[cfg(test)]
mod tests {
    use crate::commands::script::check;

    #[test]
    fn ids_are_given_or_made() {
        check(
            "XADD s * f v                   => \"1000000-0\"
             XADD s * f v                   => \"1000000-1\"
             XADD s 1000000-* f v           => \"1000000-2\"
             XADD s 1000001-* f v           => \"1000001-0\"
             XADD s * f v                   => \"1000001-1\"
             XADD s 1000005 f v             => \"1000005-0\"
             XADD s 5-* f v                 => ERR The ID specified in XADD is equal or smaller than the target stream top item
             XADD s 1000005-0 f v           => ERR The ID specified in XADD is equal or smaller than the target stream top item
             XADD s 0-0 f v                 => ERR The ID specified in XADD must be greater than 0-0
             XADD t 0-* f v                 => \"0-1\"
             XADD t 18446744073709551615-18446744073709551615 f v => \"18446744073709551615-18446744073709551615\"
             XADD t * f v                   => ERR The stream has exhausted the last possible ID, unable to add more items
             XADD u 5-18446744073709551615 f v => \"5-18446744073709551615\"
             XADD u 5-* f v                 => ERR The ID specified in XADD is equal or smaller than the target stream top item
             XLEN s                         => 6
             @encoding s                    => stream",
        );
    }

    #[test]
    fn what_others_record_of_a_limit_is_replayed() {
        let db = crate::Db::with_clock(crate::time::ManualClock::new(crate::UnixMillis::BEFORE_EVERYTHING));
        db.execute(["XADD", "s", "1-1", "f", "v"]).unwrap();
        // Redis and Valkey write so down what they were told with ~ and LIMIT.
        db.execute(["XADD", "s", "MAXLEN", "=", "1", "LIMIT", "5", "2-1", "f", "v"]).unwrap();
        assert_eq!(db.execute(["XLEN", "s"]).unwrap(), crate::Value::Integer(1));
    }

    #[test]
    fn adding_and_trimming_at_once() {
        check(
            "XADD s NOMKSTREAM * f v        => nil
             EXISTS s                       => 0
             XADD s 1-1 f v g w             => \"1-1\"
             XADD s MAXLEN 1 2-1 f v        => \"2-1\"
             XADD s NOMKSTREAM MAXLEN ~ 0 LIMIT 0 3-1 f v => \"3-1\"
             XLEN s                         => 0
             XADD s MINID = 9 4-1 f v       => \"4-1\"
             XADD s MINID 4 KEEPREF 5-1 f v => \"5-1\"
             XRANGE s - +                   => [[\"5-1\", [\"f\", \"v\"]]]",
        );
    }

    #[test]
    fn what_makes_no_sense() {
        check(
            "XADD s x f v                   => ERR Invalid stream ID specified as stream command argument
             XADD s 1-1 f                   => ERR wrong number of arguments for 'xadd' command
             XADD s 1-1 f v g               => ERR wrong number of arguments for 'xadd' command
             XADD s MAXLEN 1 LIMIT 5 1-1    => ERR syntax error, LIMIT cannot be used without the special ~ option
             XADD s MAXLEN 1 MAXLEN 1 1-1 f v => ERR syntax error, MAXLEN and MINID options at the same time are not compatible
             EXISTS s                       => 0
             SET k v                        => OK
             XADD k * f v                   => WRONGTYPE Operation against a key holding the wrong kind of value",
        );
    }

    #[test]
    fn a_message_is_added_once() {
        check(
            "XADD s IDMP p a * f v          => \"1000000-0\"
             XADD s IDMP p a * f other      => \"1000000-0\"
             XADD s IDMP q a * f v          => \"1000000-1\"
             XADD s IDMPAUTO p * f v        => \"1000000-2\"
             XADD s IDMPAUTO p * f v        => \"1000000-2\"
             XADD s IDMPAUTO p MAXLEN 2 * f w => \"1000000-3\"
             XLEN s                         => 2
             XADD s IDMP p a 5-5 f v        => ERR IDMP/IDMPAUTO can be used only with auto-generated IDs
             XADD s IDMP p a IDMPAUTO p * f v => ERR IDMP/IDMPAUTO specified multiple times
             XCFGSET s IDMP-MAXSIZE 1       => OK
             XADD s IDMP p a * f v          => \"1000000-4\"
             XADD s IDMP p b * f v          => \"1000000-5\"
             XADD s IDMP p a * f v          => \"1000000-6\"",
        );
    }
}
