//! Giving fields values with an expiry, if the fields are there or are not: HSETEX.

use super::CHANGE_KEY;
use crate::command::args::Args;
use crate::command::call::Call;
use crate::command::flags::Flags;
use crate::command::{Command, Group, Run};
use crate::commands::expiry::TimeForm;
use crate::commands::members::{FIELDS, moment};
use crate::engine::effect::Effect;
use crate::error::Error;
use crate::keyspace::event::Event;
use crate::time::UnixMillis;
use spinel_types::{Fate, FieldExpiry, HashMut, HashRef};

/// The rows of this file.
pub(super) const COMMANDS: &[Command] = &[Command {
    name: "hsetex",
    event: "hset",
    usage: "key condition=[FNX|FXX] expiration=[EX seconds|PX milliseconds|EXAT unix-time-seconds\
            |PXAT unix-time-milliseconds|KEEPTTL] FIELDS fields=(numfields:integer data=(field value)...)",
    keys: CHANGE_KEY,
    flags: Flags::WRITE.with(Flags::DENYOOM).with(Flags::FAST),
    group: Group::Hash,
    since: "8.0.0",
    cost: "O(N) where N is the number of fields being set",
    about: "Gives fields of a hash values and sets when they expire.",
    run: Run::Data(hsetex),
    ..Command::ROW
}];

/// On which fields that are there the others are set.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Condition {
    /// `FNX`: none of them.
    NoneThere,
    /// `FXX`: all of them.
    AllThere,
}

impl Condition {
    fn holds(self, hash: HashRef<'_>, pairs: &[&[u8]]) -> bool {
        let mut fields = pairs.iter().step_by(2);
        match self {
            Condition::NoneThere => !fields.any(|field| hash.contains(field)),
            Condition::AllThere => fields.all(|field| hash.contains(field)),
        }
    }
}

/// What is to happen to the expiry of the fields.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Expiry {
    Keep,
    At(UnixMillis),
}

/// What a command wants.
struct Wish<'a> {
    condition: Option<Condition>,
    expiry: Option<Expiry>,
    pairs: &'a [&'a [u8]],
}

const ARITY: Error = Error::WrongArity("hsetex");

impl<'a> Wish<'a> {
    /// Reads options in any order, up to the fields, which stand last. All options together are fewer words than
    /// a call must have, so that none of them is the last word.
    fn parse(args: &mut Args<'a>, now: UnixMillis) -> Result<Wish<'a>, Error> {
        let mut wish = Wish { condition: None, expiry: None, pairs: &[] };
        loop {
            if args.accept("FIELDS") {
                wish.pairs = pairs(args)?;
                return Ok(wish);
            } else if let Some(form) = TimeForm::accept(args) {
                wish.exclude_expiry()?;
                wish.expiry = Some(Expiry::At(moment(form, args.word(), now, "hsetex")?));
            } else if args.accept("KEEPTTL") {
                wish.exclude_expiry()?;
                wish.expiry = Some(Expiry::Keep);
            } else if args.accept("FNX") {
                wish.condition_is(Condition::NoneThere)?;
            } else if args.accept("FXX") {
                wish.condition_is(Condition::AllThere)?;
            } else {
                return Err(Error::quoting(&[b"ERR unknown argument: ", args.word()]));
            }
        }
    }

    fn condition_is(&mut self, condition: Condition) -> Result<(), Error> {
        match self.condition.replace(condition) {
            None => Ok(()),
            Some(_) => Err(Error::Text("ERR Only one of FXX or FNX arguments can be specified")),
        }
    }

    fn exclude_expiry(&self) -> Result<(), Error> {
        const TWICE: &str = "ERR Only one of EX, PX, EXAT, PXAT or KEEPTTL arguments can be specified";
        if self.expiry.is_some() { Err(Error::Text(TWICE)) } else { Ok(()) }
    }
}

/// Reads the number of fields and as many fields with their values, up to the end.
fn pairs<'a>(args: &mut Args<'a>) -> Result<&'a [&'a [u8]], Error> {
    const NOT_A_NUMBER: Error = Error::Text("ERR invalid number of fields");
    if args.remaining() < 3 {
        return Err(ARITY);
    }
    let count = args.integer_or(NOT_A_NUMBER);
    args.check()?;
    let count = i32::try_from(count).ok().filter(|count| *count > 0).ok_or(NOT_A_NUMBER)?;
    let pairs = args.rest();
    if pairs.len() as u64 == 2 * u64::from(count.unsigned_abs()) { Ok(pairs) } else { Err(ARITY) }
}

fn hsetex(call: &mut Call<'_>) -> Result<(), Error> {
    let (key, now) = (call.args.word(), call.now);
    let Wish { condition, expiry, pairs } = Wish::parse(&mut call.args, now)?;

    let mut guard = call.keys.write(key);
    let holds = match (guard.existing_hash()?, condition) {
        (_, None) => true,
        (Some(hash), Some(condition)) => condition.holds(hash.view(), pairs),
        (None, Some(condition)) => condition == Condition::NoneThere,
    };
    if holds {
        let fields: Vec<&[u8]> = pairs.iter().step_by(2).copied().collect();
        let mut hash = guard.hash()?;
        match expiry {
            None => drop(hash.set_all(pairs, FieldExpiry::Clear)),
            Some(Expiry::Keep) => drop(hash.set_all(pairs, FieldExpiry::Keep)),
            Some(Expiry::At(at)) => {
                set_until(&mut hash, pairs, if at <= now { Fate::Goes } else { Fate::Expires(at.0) });
                rewrite(call.effect, key, pairs, at, now);
            }
        }
        guard.notify_of(Event::hash("hset"), &fields);
        if let Some(Expiry::At(at)) = expiry {
            guard.notify_of(Event::hash(if at <= now { "hdel" } else { "hexpire" }), &fields);
        }
    }

    call.reply.integer(holds.into());
    Ok(())
}

/// Sets fields that expire, or have expired already.
fn set_until(hash: &mut HashMut<'_>, pairs: &[&[u8]], fate: Fate) {
    hash.admit(pairs.len() / 2, pairs);
    hash.admit_expiries();
    for pair in pairs.chunks_exact(2) {
        hash.set(pair[0], pair[1], FieldExpiry::Keep);
        hash.decide(pair[0], |_| fate);
    }
}

fn rewrite(effect: &mut Effect, key: &[u8], pairs: &[&[u8]], at: UnixMillis, now: UnixMillis) {
    if at <= now {
        let fields: Vec<&[u8]> = pairs.iter().step_by(2).copied().collect();
        FIELDS.rewrite_as_removal(effect, key, &fields);
        return;
    }
    effect.rewrite_line(|| {
        let (at, count) = (at.0.to_string(), (pairs.len() / 2).to_string());
        let words = [b"HSETEX", key, b"PXAT", at.as_bytes(), b"FIELDS", count.as_bytes()];
        words.iter().chain(pairs).map(|word| word.to_vec()).collect()
    });
}

#[cfg(test)]
mod tests {
    use crate::commands::script::check;

    #[test]
    fn fields_are_set_with_an_expiry() {
        check(
            "HSETEX h FIELDS 2 a 1 b 2          => 1
             @encoding h                        => listpack
             HSETEX h EX 10 FIELDS 2 b 3 c 4    => 1
             HSETEX h PX 2000 FIELDS 1 c 5      => 1
             HGETALL h                          => {\"c\": \"5\", \"b\": \"3\", \"a\": \"1\"}
             HTTL h FIELDS 3 a b c              => [-1, 10, 2]
             HSETEX h KEEPTTL FIELDS 1 b 6      => 1
             HSETEX h FIELDS 1 c 6              => 1
             HTTL h FIELDS 2 b c                => [10, -1]
             HSETEX h FNX FIELDS 2 x 1 a 1      => 0
             HSETEX h FXX FIELDS 2 x 1 a 1      => 0
             HSETEX h EXAT 1020 FXX FIELDS 2 b 1 a 9 => 1
             HTTL h FIELDS 3 a b c              => [20, 20, -1]
             HSETEX h PXAT 1 FIELDS 4 a 1 b 2 c 3 new 4 => 1
             EXISTS h                           => 0
             HSETEX h FXX FIELDS 1 a 1          => 0
             HSETEX h EX 0 FNX FIELDS 1 a 1     => 1
             EXISTS h                           => 0",
        );
    }

    #[test]
    fn wrong_words_are_refused() {
        check(
            "HSETEX h FIELDS 1 a                => ERR wrong number of arguments for 'hsetex' command
             HSETEX h FIELDS 2 a 1 b            => ERR wrong number of arguments for 'hsetex' command
             HSETEX h FIELDS 0 a 1              => ERR invalid number of fields
             HSETEX h FIELDS 2147483648 a 1     => ERR invalid number of fields
             HSETEX h EX 1 FIELDS 1 a           => ERR wrong number of arguments for 'hsetex' command
             HSETEX h nosuch FIELDS 1 a 1       => ERR unknown argument: nosuch
             HSETEX h FNX FXX FIELDS 1 a 1      => ERR Only one of FXX or FNX arguments can be specified
             HSETEX h EX 1 KEEPTTL FIELDS 1 a 1 => ERR Only one of EX, PX, EXAT, PXAT or KEEPTTL arguments can be specified
             HSETEX h EX -1 FIELDS 1 a 1        => ERR invalid expire time, must be >= 0
             HSETEX h EX EX EX EX EX            => ERR value is not an integer or out of range
             HSETEX h EX 1 FNX FNX EX           => ERR Only one of FXX or FNX arguments can be specified
             SET s v                            => OK
             HSETEX s FIELDS 1 a 1              => WRONGTYPE Operation against a key holding the wrong kind of value
             HSETEX s nosuch FIELDS 1 a 1       => ERR unknown argument: nosuch",
        );
    }
}
