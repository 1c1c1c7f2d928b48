//! Members that expire, whatever the type of their collection: what HEXPIRE, SEXPIRE, ZEXPIRE and their kin have in
//! common.
//!
//! A [`Family`] says what differs: the type of the collection, and what its members are called. Replies are codes:
//!
//! | | to set a time | to ask for it | to clear it |
//! | --- | --- | --- | --- |
//! | no such member | -2 | -2 | -2 |
//! | no expiry | | -1 | -1 |
//! | the condition does not hold | 0 | | |
//! | done | 1 | the time | 1 |
//! | removed, because the time has passed | 2 | | |

pub(super) mod expire;
pub(super) mod time_left;

use super::expiry::TimeForm;
use crate::command::args::Args;
use crate::engine::effect::Effect;
use crate::error::Error;
use crate::keyspace::event::Event;
use crate::keyspace::members::removal_command;
use crate::time::UnixMillis;
use spinel_types::ValueType;

/// The latest time at which a member may expire: 2^46 − 1 milliseconds after the epoch, in the year 4199.
const MOMENT_MAX: i64 = (1 << 46) - 1;

/// What is told of a member that is not there.
const NO_MEMBER: i64 = -2;
/// What is told of a member that does not expire.
const NO_EXPIRY: i64 = -1;

/// The commands about the members of one type of collection.
pub(super) struct Family {
    /// The type.
    pub(super) value_type: ValueType,
    /// The word before the number of members.
    word: &'static str,
    /// The command that the journal hears of when members get an expiry.
    expire_at: &'static [u8],
    /// The error about that word where it is missing.
    missing: &'static str,
    /// The error about a number that is not that of the members.
    mismatch: &'static str,
    /// The errors about a number that is none above 0: of commands that set times, and of all others.
    not_positive: [&'static str; 2],
}

/// Fields of hashes.
pub(super) const FIELDS: Family = Family {
    value_type: ValueType::Hash,
    word: "FIELDS",
    expire_at: b"HPEXPIREAT",
    missing: "ERR Mandatory argument FIELDS is missing or not at the right position",
    mismatch: "ERR The `numfields` parameter must match the number of arguments",
    not_positive: [
        "ERR Parameter `numFields` should be greater than 0",
        "ERR Number of fields must be a positive integer",
    ],
};

/// Members of sets.
pub(super) const SET_MEMBERS: Family =
    Family { value_type: ValueType::Set, expire_at: b"SPEXPIREAT", ..SORTED_SET_MEMBERS };

/// Members of sorted sets.
pub(super) const SORTED_SET_MEMBERS: Family = Family {
    value_type: ValueType::SortedSet,
    word: "MEMBERS",
    expire_at: b"ZPEXPIREAT",
    missing: "ERR Mandatory argument MEMBERS is missing or not at the right position",
    mismatch: "ERR The `nummembers` parameter must match the number of arguments",
    not_positive: [
        "ERR Parameter `numMembers` should be greater than 0",
        "ERR Number of members must be a positive integer",
    ],
};

impl Family {
    /// Reads `FIELDS numfields field…`, or what it is for this family, up to the end.
    pub(super) fn members<'a>(&self, args: &mut Args<'a>) -> Result<&'a [&'a [u8]], Error> {
        self.counted(args, self.not_positive[1])
    }

    /// The same behind a time.
    fn timed_members<'a>(&self, args: &mut Args<'a>) -> Result<&'a [&'a [u8]], Error> {
        self.counted(args, self.not_positive[0])
    }

    fn counted<'a>(&self, args: &mut Args<'a>, not_positive: &'static str) -> Result<&'a [&'a [u8]], Error> {
        if !args.accept(self.word) {
            return Err(Error::Text(self.missing));
        }
        let count = args.positive(Error::Text(not_positive))?;
        let members = args.rest();
        if members.len() == count { Ok(members) } else { Err(Error::Text(self.mismatch)) }
    }

    /// Records that members were removed, for whatever reason, if any was.
    pub(super) fn rewrite_as_removal(&self, effect: &mut Effect, key: &[u8], members: &[&[u8]]) {
        if !members.is_empty() {
            let words = [removal_command(self.value_type), key].into_iter().chain(members.iter().copied());
            effect.rewrite_line(|| words.map(<[u8]>::to_vec).collect());
        }
    }

    /// Records that members expire then, if any does, on a condition if one is named.
    pub(super) fn rewrite_as_expiry(
        &self,
        effect: &mut Effect,
        key: &[u8],
        UnixMillis(at): UnixMillis,
        condition: Option<&str>,
        members: &[&[u8]],
    ) {
        let at = at.to_string();
        let words = [self.expire_at, key, at.as_bytes()];
        let words: Vec<&[u8]> = words.into_iter().chain(condition.map(str::as_bytes)).collect();
        self.rewrite(effect, &words, members);
    }

    /// Records a command about members, if there are any: `words… FIELDS n field…`.
    /// What a key tells of that has lost members.
    pub(super) fn removal_event(&self) -> Event {
        match self.value_type {
            ValueType::Set => Event::set("srem"),
            ValueType::SortedSet => Event::sorted_set("zrem"),
            _ => Event::hash("hdel"),
        }
    }

    pub(super) fn rewrite(&self, effect: &mut Effect, words: &[&[u8]], members: &[&[u8]]) {
        if !members.is_empty() {
            effect.rewrite_line(|| {
                let count = members.len().to_string();
                let announced = [self.word.as_bytes(), count.as_bytes()];
                let line = words.iter().chain(&announced).chain(members);
                line.map(|word| word.to_vec()).collect()
            });
        }
    }
}

/// The moment at which `word` lets a member expire, in the words of `command`. It may have passed.
pub(super) fn moment(
    form: TimeForm,
    word: &[u8],
    now: UnixMillis,
    command: &'static str,
) -> Result<UnixMillis, Error> {
    let amount = spinel_resp::parse_integer(word).ok_or(Error::NotAnInteger)?;
    if amount < 0 {
        return Err(Error::Text("ERR invalid expire time, must be >= 0"));
    }
    let moment = form.moment(amount, now).filter(|at| at.0 <= MOMENT_MAX);
    moment.ok_or(Error::InvalidExpire(command))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(line: &str) -> Result<usize, Error> {
        let words: Vec<&[u8]> = line.split_whitespace().map(str::as_bytes).collect();
        FIELDS.members(&mut Args::new(&words, 0)).map(<[_]>::len)
    }

    #[test]
    fn the_number_of_fields_must_be_right() {
        assert_eq!(read("FIELDS 2 a b"), Ok(2));
        assert_eq!(read("fields 1 1"), Ok(1));
        for line in ["FIELDS 0", "FIELDS -1 a", "FIELDS x a", "FIELDS 9223372036854775808 a"] {
            assert_eq!(read(line), Err(Error::Text(FIELDS.not_positive[1])), "{line}");
        }
        for line in ["FIELDS 1", "FIELDS 1 a b", "FIELDS 9223372036854775807 a"] {
            assert_eq!(read(line), Err(Error::Text(FIELDS.mismatch)), "{line}");
        }
        for line in ["FIELD 1 a", "MEMBERS 1 a", ""] {
            assert_eq!(read(line), Err(Error::Text(FIELDS.missing)), "{line}");
        }
    }

    #[test]
    fn moments_end_before_2_to_the_46() {
        let of = |form, word: &str| moment(form, word.as_bytes(), UnixMillis(1000), "hexpire");
        assert_eq!(of(TimeForm::UnixMilliseconds, "70368744177663"), Ok(UnixMillis(MOMENT_MAX)));
        assert_eq!(of(TimeForm::Seconds, "0"), Ok(UnixMillis(1000)));
        for (form, word) in [
            (TimeForm::UnixMilliseconds, "70368744177664"),
            (TimeForm::UnixSeconds, "70368744178"),
            (TimeForm::Seconds, "70368744177"),
            (TimeForm::Milliseconds, "70368744176664"),
            (TimeForm::Seconds, "9223372036854775807"),
        ] {
            assert_eq!(of(form, word), Err(Error::InvalidExpire("hexpire")), "{word}");
        }
        assert_eq!(of(TimeForm::Seconds, "1.5"), Err(Error::NotAnInteger));
        assert!(matches!(of(TimeForm::Seconds, "-1"), Err(Error::Text(_))));
    }
}
