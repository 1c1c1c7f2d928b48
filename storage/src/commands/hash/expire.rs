//! Setting when fields expire: HEXPIRE, HPEXPIRE, HEXPIREAT, HPEXPIREAT.
//!
//! The effect of all four on the journal is a HPEXPIREAT, which means the same whenever it runs, for those fields
//! that changed; where the time has passed already it is the HDEL that the command comes to.

use super::expiry::TimeForm;
use super::fields::{fields, moment};
use super::{CHANGE_KEY, NO_FIELD, rewrite_as_removal, rewrite_with_fields};
use crate::command::args::Args;
use crate::command::call::Call;
use crate::command::flags::Flags;
use crate::command::{Command, Group, Run};
use crate::error::Error;
use crate::time::UnixMillis;
use spinel_types::Fate;

const ROW: Command = Command {
    keys: CHANGE_KEY,
    flags: Flags::WRITE.with(Flags::FAST),
    group: Group::Hash,
    since: "7.4.0",
    cost: "O(N) where N is the number of fields",
    ..Command::ROW
};

/// The rows of this file.
pub(super) const COMMANDS: &[Command] = &[
    Command {
        name: "hexpire",
        usage: "key seconds condition=[NX|XX|GT|LT] FIELDS fields=(numfields:integer field...)",
        about: "Lets fields of a hash expire after some seconds.",
        run: Run::Data(|call| expire(call, TimeForm::Seconds, "hexpire")),
        ..ROW
    },
    Command {
        name: "hpexpire",
        usage: "key milliseconds condition=[NX|XX|GT|LT] FIELDS fields=(numfields:integer field...)",
        about: "Lets fields of a hash expire after some milliseconds.",
        run: Run::Data(|call| expire(call, TimeForm::Milliseconds, "hpexpire")),
        ..ROW
    },
    Command {
        name: "hexpireat",
        usage: "key unix-time-seconds condition=[NX|XX|GT|LT] FIELDS fields=(numfields:integer field...)",
        about: "Lets fields of a hash expire at a Unix time in seconds.",
        run: Run::Data(|call| expire(call, TimeForm::UnixSeconds, "hexpireat")),
        ..ROW
    },
    Command {
        name: "hpexpireat",
        usage: "key unix-time-milliseconds condition=[NX|XX|GT|LT] FIELDS fields=(numfields:integer field...)",
        about: "Lets fields of a hash expire at a Unix time in milliseconds.",
        run: Run::Data(|call| expire(call, TimeForm::UnixMilliseconds, "hpexpireat")),
        ..ROW
    },
];

/// On which present expiry a new one may replace it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Condition {
    Always,
    /// `NX`: there is no expiry.
    Absent,
    /// `XX`: there is one.
    Present,
    /// `GT`: there is an earlier one.
    Later,
    /// `LT`: there is a later one or none.
    Earlier,
}

impl Condition {
    const OPTIONS: [(&'static str, Condition); 4] = [
        ("NX", Condition::Absent),
        ("XX", Condition::Present),
        ("GT", Condition::Later),
        ("LT", Condition::Earlier),
    ];

    fn parse(args: &mut Args<'_>) -> Condition {
        let given = Condition::OPTIONS.into_iter().find(|(name, _)| args.accept(name));
        given.map_or(Condition::Always, |(_, condition)| condition)
    }

    fn name(self) -> Option<&'static str> {
        Condition::OPTIONS.into_iter().find(|(_, condition)| *condition == self).map(|(name, _)| name)
    }

    fn allows(self, before: Option<i64>, after: i64) -> bool {
        match self {
            Condition::Always => true,
            Condition::Absent => before.is_none(),
            Condition::Present => before.is_some(),
            Condition::Later => before.is_some_and(|before| after > before),
            Condition::Earlier => before.is_none_or(|before| after < before),
        }
    }
}

/// What a command wants: which fields are to expire when, and on which condition.
struct Wish<'a> {
    at: UnixMillis,
    condition: Condition,
    fields: &'a [&'a [u8]],
}

impl<'a> Wish<'a> {
    fn parse(
        args: &mut Args<'a>,
        form: TimeForm,
        now: UnixMillis,
        command: &'static str,
    ) -> Result<Wish<'a>, Error> {
        let at = moment(form, args.word(), now, command)?;
        let condition = Condition::parse(args);
        let not_positive = Error::Text("ERR Parameter `numFields` should be greater than 0");
        Ok(Wish { at, condition, fields: fields(args, not_positive)? })
    }

    /// What becomes of a field with this expiry.
    fn fate(&self, before: Option<i64>, now: UnixMillis) -> Fate {
        match self.condition.allows(before, self.at.0) {
            false => Fate::Stays,
            true if self.at <= now => Fate::Goes,
            true => Fate::Expires(self.at.0),
        }
    }
}

/// How the reply says what became of a field.
fn code(fate: Option<Fate>) -> i64 {
    match fate {
        None => NO_FIELD,
        Some(Fate::Stays | Fate::Persists) => 0,
        Some(Fate::Expires(_)) => 1,
        Some(Fate::Goes) => 2,
    }
}

fn expire(call: &mut Call<'_>, form: TimeForm, command: &'static str) -> Result<(), Error> {
    let (key, now) = (call.args.word(), call.now);
    let wish = Wish::parse(&mut call.args, form, now, command);

    let mut guard = call.keys.write(key);
    let mut hash = guard.existing_hash()?;
    let wish = wish?;
    if let Some(hash) = &mut hash {
        hash.admit_expiries();
    }
    let mut changed = Vec::new();
    call.reply.array(wish.fields.len());
    for field in wish.fields {
        let fate = hash.as_mut().and_then(|hash| hash.decide(field, |before| wish.fate(before, now)));
        if matches!(fate, Some(Fate::Expires(_) | Fate::Goes)) {
            changed.push(*field);
        }
        call.reply.integer(code(fate));
    }
    if wish.at <= now {
        rewrite_as_removal(call.effect, key, &changed);
    } else {
        let at = wish.at.0.to_string();
        let mut words = vec![b"HPEXPIREAT", key, at.as_bytes()];
        words.extend(wish.condition.name().map(str::as_bytes));
        rewrite_with_fields(call.effect, &words, &changed);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::script::check;

    #[test]
    fn conditions_compare_with_the_present_expiry() {
        for (word, on_none, on_early, on_same, on_late) in [
            ("FIELDS", true, true, true, true),
            ("nx", true, false, false, false),
            ("XX", false, true, true, true),
            ("GT", false, true, false, false),
            ("LT", true, false, false, true),
        ] {
            let condition = Condition::parse(&mut Args::new(&[word.as_bytes()], 0));
            let allowed = [None, Some(1), Some(2), Some(3)].map(|before| condition.allows(before, 2));
            assert_eq!(allowed, [on_none, on_early, on_same, on_late], "{word}");
        }
    }

    #[test]
    fn fields_expire() {
        check(
            "HSET h a 1 b 2 c 3              => 3
             HEXPIRE h 100 FIELDS 2 b none   => [1, -2]
             HPEXPIRE h 50000 FIELDS 1 c     => [1]
             HGETALL h                       => {\"c\": \"3\", \"b\": \"2\", \"a\": \"1\"}
             HPTTL h FIELDS 3 a b c          => [-1, 100000, 50000]
             HEXPIREAT h 1050 NX FIELDS 2 a c => [1, 0]
             HPEXPIREAT h 1040000 LT FIELDS 3 a b c => [1, 1, 1]
             HEXPIRE h 1 GT FIELDS 1 a       => [0]
             HEXPIRE h 0 GT FIELDS 1 a       => [0]
             HEXPIRE h 0 FIELDS 2 a a        => [2, -2]
             HPEXPIREAT h 1 FIELDS 2 b c     => [2, 2]
             EXISTS h                        => 0
             HEXPIRE none 10 FIELDS 2 a b    => [-2, -2]
             HSET h a 1                      => 1
             HEXPIRE h 10 XX FIELDS 1 a      => [0]
             @encoding h                     => listpackex",
        );
    }

    #[test]
    fn wrong_words_are_refused() {
        check(
            "SET s v                          => OK
             HEXPIRE s x FIELDS 1 a           => WRONGTYPE Operation against a key holding the wrong kind of value
             HEXPIRE h x FIELDS 1 a           => ERR value is not an integer or out of range
             HEXPIRE h -1 FIELDS 1 a          => ERR invalid expire time, must be >= 0
             HPEXPIRE h 70368744177663 FIELDS 1 a => ERR invalid expire time in 'hpexpire' command
             HEXPIRE h 1 NX XX FIELDS 1 a     => ERR Mandatory argument FIELDS is missing or not at the right position
             HEXPIRE h 1 FIELDS 0 a           => ERR Parameter `numFields` should be greater than 0
             HEXPIRE h 1 FIELDS 2 a           => ERR The `numfields` parameter must match the number of arguments",
        );
    }
}
