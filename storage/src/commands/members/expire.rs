//! Setting when members expire.
//!
//! The effect on the journal gives the time in milliseconds since the epoch, which means the same whenever it runs,
//! for those members that changed; where the time has passed already it is the removal that the command comes to.

use super::{Family, NO_MEMBER, moment};
use crate::command::args::Args;
use crate::command::call::Call;
use crate::commands::expiry::TimeForm;
use crate::error::Error;
use crate::time::UnixMillis;
use spinel_types::Fate;

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

/// What a command wants: which members are to expire when, and on which condition.
struct Wish<'a> {
    at: UnixMillis,
    condition: Condition,
    members: &'a [&'a [u8]],
}

impl<'a> Wish<'a> {
    fn parse(
        family: &Family,
        args: &mut Args<'a>,
        form: TimeForm,
        now: UnixMillis,
        command: &'static str,
    ) -> Result<Wish<'a>, Error> {
        let at = moment(form, args.word(), now, command)?;
        let condition = Condition::parse(args);
        Ok(Wish { at, condition, members: family.timed_members(args)? })
    }

    /// What becomes of a member with this expiry.
    fn fate(&self, before: Option<i64>, now: UnixMillis) -> Fate {
        match self.condition.allows(before, self.at.0) {
            false => Fate::Stays,
            true if self.at <= now => Fate::Goes,
            true => Fate::Expires(self.at.0),
        }
    }
}

/// How the reply says what became of a member.
fn code(fate: Option<Fate>) -> i64 {
    match fate {
        None => NO_MEMBER,
        Some(Fate::Stays | Fate::Persists) => 0,
        Some(Fate::Expires(_)) => 1,
        Some(Fate::Goes) => 2,
    }
}

/// Reads the rest of a call: `key time [NX|XX|GT|LT] FIELDS numfields field…`, and lets those members expire.
pub(in crate::commands) fn expire(
    call: &mut Call<'_>,
    family: &Family,
    form: TimeForm,
    command: &'static str,
) -> Result<(), Error> {
    let (key, now) = (call.args.word(), call.now);
    let wish = Wish::parse(family, &mut call.args, form, now, command);

    let mut guard = call.keys.write(key);
    let mut collection = guard.existing_members(family.value_type)?;
    let wish = wish?;
    if let Some(collection) = &mut collection {
        collection.admit_expiries();
    }
    let mut changed = Vec::new();
    call.reply.array(wish.members.len());
    for member in wish.members {
        let decide = |before| wish.fate(before, now);
        let fate = collection.as_mut().and_then(|collection| collection.decide(member, decide));
        if matches!(fate, Some(Fate::Expires(_) | Fate::Goes)) {
            changed.push(*member);
        }
        call.reply.integer(code(fate));
    }
    guard.name_parts(changed.iter().copied());
    if !changed.is_empty() && wish.at <= now {
        guard.notify(family.removal_event());
    }
    if wish.at <= now {
        family.rewrite_as_removal(call.effect, key, &changed);
    } else {
        family.rewrite_as_expiry(call.effect, key, wish.at, wish.condition.name(), &changed);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

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
}
