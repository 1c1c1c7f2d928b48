//! Reading fields and changing when they expire: HGETEX.

use super::{UPDATE_KEY, reply_value};
use crate::command::args::Args;
use crate::command::call::Call;
use crate::command::flags::Flags;
use crate::command::{Command, Group, Run};
use crate::commands::expiry::TimeForm;
use crate::commands::members::{FIELDS, moment};
use crate::error::Error;
use crate::keyspace::event::Event;
use crate::time::UnixMillis;
use spinel_types::Fate;

/// The rows of this file.
pub(super) const COMMANDS: &[Command] = &[Command {
    name: "hgetex",
    usage: "key expiration=[EX seconds|PX milliseconds|EXAT unix-time-seconds|PXAT unix-time-milliseconds\
            |PERSIST] FIELDS fields=(numfields:integer field...)",
    keys: UPDATE_KEY,
    flags: Flags::WRITE.with(Flags::FAST),
    group: Group::Hash,
    since: "8.0.0",
    cost: "O(N) where N is the number of fields",
    about: "Returns the values of fields of a hash and sets or clears when they expire.",
    run: Run::Data(hgetex),
    ..Command::ROW
}];

/// What is to happen to the expiry of the fields.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Wish {
    Keep,
    Persist,
    ExpireAt(UnixMillis),
}

impl Wish {
    fn parse(args: &mut Args<'_>, now: UnixMillis) -> Result<Wish, Error> {
        if args.accept("PERSIST") {
            return Ok(Wish::Persist);
        }
        let Some(form) = TimeForm::accept(args) else { return Ok(Wish::Keep) };
        Ok(Wish::ExpireAt(moment(form, args.word(), now, "hgetex")?))
    }

    /// What becomes of a field with this expiry.
    fn fate(self, before: Option<i64>, now: UnixMillis) -> Fate {
        match self {
            Wish::ExpireAt(at) if at <= now => Fate::Goes,
            Wish::ExpireAt(at) => Fate::Expires(at.0),
            Wish::Persist if before.is_some() => Fate::Persists,
            Wish::Persist | Wish::Keep => Fate::Stays,
        }
    }
}

fn parse<'a>(args: &mut Args<'a>, now: UnixMillis) -> Result<(Wish, &'a [&'a [u8]]), Error> {
    let wish = Wish::parse(args, now)?;
    if args.remaining() < 2 {
        return Err(Error::WrongArity("hgetex"));
    }
    Ok((wish, FIELDS.members(args)?))
}

fn hgetex(call: &mut Call<'_>) -> Result<(), Error> {
    let (key, now) = (call.args.word(), call.now);
    let request = parse(&mut call.args, now);

    let mut guard = call.keys.write(key);
    let mut hash = guard.existing_hash()?;
    let (wish, fields) = request?;
    if let (Some(hash), Wish::Persist | Wish::ExpireAt(_)) = (&mut hash, wish) {
        hash.admit_expiries();
    }
    let mut changed = Vec::new();
    call.reply.array(fields.len());
    for field in fields {
        reply_value(call.reply, hash.as_ref().and_then(|hash| hash.view().value(field)));
        let fate = hash.as_mut().and_then(|hash| hash.decide(field, |before| wish.fate(before, now)));
        if fate.is_some_and(|fate| fate != Fate::Stays) {
            changed.push(*field);
        }
    }
    match wish {
        Wish::Keep => {}
        Wish::Persist => guard.notify_of(Event::hash("hpersist"), &changed),
        Wish::ExpireAt(at) if at <= now => guard.notify_of(Event::hash("hdel"), &changed),
        Wish::ExpireAt(_) => guard.notify_of(Event::hash("hexpire"), &changed),
    }
    match wish {
        Wish::Keep => {}
        Wish::Persist => FIELDS.rewrite(call.effect, &[b"HPERSIST", key], &changed),
        Wish::ExpireAt(at) if at <= now => FIELDS.rewrite_as_removal(call.effect, key, &changed),
        Wish::ExpireAt(at) => FIELDS.rewrite_as_expiry(call.effect, key, at, None, &changed),
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::commands::script::check;

    #[test]
    fn fields_are_read_and_their_expiry_changes() {
        check(
            "HSET h a 1 b 2                => 2
             HGETEX h FIELDS 2 a none      => [\"1\", nil]
             @encoding h                   => listpack
             HGETEX h EX 10 FIELDS 2 a none => [\"1\", nil]
             HGETEX h PX 2500 FIELDS 1 b   => [\"2\"]
             HPTTL h FIELDS 2 a b          => [10000, 2500]
             HGETEX h EXAT 1030 FIELDS 1 a => [\"1\"]
             HGETEX h PERSIST FIELDS 1 b   => [\"2\"]
             HTTL h FIELDS 2 a b           => [30, -1]
             HGETEX h EX 0 FIELDS 2 a a    => [\"1\", nil]
             HGETEX h PXAT 1 FIELDS 1 b    => [\"2\"]
             EXISTS h                      => 0
             HGETEX none EX 10 FIELDS 2 a b => [nil, nil]",
        );
    }

    #[test]
    fn wrong_words_are_refused() {
        check(
            "HGETEX none EX x FIELDS 1 a   => ERR value is not an integer or out of range
             HGETEX none EX -1 FIELDS 1 a  => ERR invalid expire time, must be >= 0
             HGETEX none EX 10 FIELDS      => ERR wrong number of arguments for 'hgetex' command
             HGETEX none PERSIST FIELDS 1  => ERR The `numfields` parameter must match the number of arguments
             HGETEX none FIELDS 0 a        => ERR Number of fields must be a positive integer
             HGETEX none EX 1 PX 1 FIELDS 1 a => ERR Mandatory argument FIELDS is missing or not at the right position
             SET s v                       => OK
             HGETEX s EX x FIELDS 1 a      => WRONGTYPE Operation against a key holding the wrong kind of value",
        );
    }
}
