//! Telling how long members live, and letting them live for ever.

use super::{Family, NO_EXPIRY, NO_MEMBER};
use crate::command::call::Call;
use crate::error::Error;
use spinel_types::Fate;

/// Replies what `shown` makes of each member's expiry and the time, both in milliseconds since the epoch.
fn reply_times(call: &mut Call<'_>, family: &Family, shown: fn(i64, i64) -> i64) -> Result<(), Error> {
    let key = call.args.word();
    let members = family.members(&mut call.args);

    let now = call.now.0;
    let value = call.keys.read_value_as_is(key);
    if value.is_some_and(|value| value.value_type() != family.value_type) {
        return Err(Error::WrongType);
    }
    let members = members?;
    call.reply.array(members.len());
    for member in members {
        let time = match value.and_then(|value| value.member_expiry(member, now)) {
            None => NO_MEMBER,
            Some(expiry) => expiry.map_or(NO_EXPIRY, |at| shown(at, now)),
        };
        call.reply.integer(time);
    }
    Ok(())
}

/// Replies in how many seconds members expire.
pub(in crate::commands) fn seconds_left(call: &mut Call<'_>, family: &Family) -> Result<(), Error> {
    reply_times(call, family, |at, now| seconds(at.saturating_sub(now)))
}

/// Replies in how many milliseconds members expire.
pub(in crate::commands) fn milliseconds_left(call: &mut Call<'_>, family: &Family) -> Result<(), Error> {
    reply_times(call, family, i64::saturating_sub)
}

/// Replies the Unix times in seconds at which members expire.
pub(in crate::commands) fn unix_seconds(call: &mut Call<'_>, family: &Family) -> Result<(), Error> {
    reply_times(call, family, |at, _| seconds(at))
}

/// Replies the Unix times in milliseconds at which members expire.
pub(in crate::commands) fn unix_milliseconds(call: &mut Call<'_>, family: &Family) -> Result<(), Error> {
    reply_times(call, family, |at, _| at)
}

/// Rounds milliseconds, which are not negative, up to whole seconds.
fn seconds(millis: i64) -> i64 {
    millis / 1000 + i64::from(millis % 1000 > 0)
}

/// Lets members live for ever.
pub(in crate::commands) fn persist(call: &mut Call<'_>, family: &Family) -> Result<(), Error> {
    let key = call.args.word();
    let members = family.members(&mut call.args);

    let mut guard = call.keys.write(key);
    let mut collection = guard.existing_members(family.value_type)?;
    let members = members?;
    let mut persisted = Vec::new();
    call.reply.array(members.len());
    for member in members {
        let persist = |before: Option<i64>| if before.is_some() { Fate::Persists } else { Fate::Stays };
        let code = match collection.as_mut().and_then(|collection| collection.decide(member, persist)) {
            None => NO_MEMBER,
            Some(Fate::Persists) => {
                persisted.push(*member);
                1
            }
            Some(_) => NO_EXPIRY,
        };
        call.reply.integer(code);
    }
    guard.name_parts(persisted);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_are_rounded_up() {
        for (millis, expected) in [(0, 0), (1, 1), (999, 1), (1000, 1), (1001, 2)] {
            assert_eq!(seconds(millis), expected, "{millis}");
        }
    }
}
