//! CL.THROTTLE: how often something may be done.
//!
//! ```text
//!  now          arrival         new arrival
//!   │── ahead ─────│── increment ────│
//!   │───────────────── tolerance ──────────────────│      allowed while the new arrival lies within the tolerance
//! ```
//!
//! This is the generic cell rate algorithm. The key holds the theoretical arrival time: the time at which everything
//! that was allowed so far would be done at an even rate. An action moves it on by one interval. It may be ahead of the
//! clock by the tolerance, which is one interval more than the burst. Nothing has to drip in the background.
//!
//! All of it is arithmetic of whole nanoseconds. The interval is the period divided by the count and rounded down, so
//! it is short by less than a nanosecond. The clock of the engine counts milliseconds. Replies are whole seconds,
//! rounded up: who comes back then is not too early.

use super::{UPDATE_KEY, rewrite_as_set};
use crate::command::args::Args;
use crate::command::call::Call;
use crate::command::flags::Flags;
use crate::command::{Command, Group, Run};
use crate::error::Error;
use crate::keyspace::guard::Expiry;
use crate::time::UnixMillis;
use spinel_types::Str;

/// The rows of this file.
pub(super) const COMMANDS: &[Command] = &[Command {
    name: "cl.throttle",
    event: "set",
    usage: "key max-burst:integer count-per-period:integer period:integer [quantity:integer]",
    keys: UPDATE_KEY,
    flags: Flags::WRITE.with(Flags::DENYOOM).with(Flags::FAST),
    group: Group::String,
    since: "4.0.0",
    about: "Tells whether an action may be done now, so that there are only so many in a period, and counts it.",
    run: Run::Data(throttle),
    ..Command::ROW
}];

/// Nanoseconds, of which products stay far from the limits of the type or at them.
type Nanos = i128;

const PER_SECOND: Nanos = 1_000_000_000;
const PER_MILLISECOND: Nanos = 1_000_000;

/// What is allowed, and what is asked for.
struct Limit {
    /// How many actions may come at once.
    actions: Nanos,
    /// The time between two actions at an even rate.
    interval: Nanos,
    /// How far the arrival may be ahead of the clock: the time of so many actions.
    tolerance: Nanos,
    quantity: Nanos,
}

impl Limit {
    fn parse(args: &mut Args<'_>) -> Result<Limit, Error> {
        let burst = args.integer();
        let (count, period) = (args.integer(), args.integer());
        let quantity = if args.remaining() > 0 { args.integer() } else { 1 };
        args.finish()?;
        if burst < 0 || quantity < 0 {
            return Err(Error::Negative);
        }
        if count <= 0 || period <= 0 {
            return Err(Error::Text("ERR count and period must be greater than 0"));
        }
        let interval = Nanos::from(period) * PER_SECOND / Nanos::from(count);
        if interval == 0 {
            return Err(Error::Text("ERR more than one action per nanosecond can't be counted"));
        }
        let actions = Nanos::from(burst) + 1;
        let tolerance = interval.checked_mul(actions).ok_or(Error::ValueOutOfRange)?;
        Ok(Limit { actions, interval, tolerance, quantity: quantity.into() })
    }

    /// What is to be done at a time, if all that was allowed before would be done at `arrival`.
    fn decide(&self, now: Nanos, arrival: Option<Nanos>) -> Decision {
        let increment = self.interval.saturating_mul(self.quantity);
        let ahead = arrival.map_or(0, |arrival| (arrival - now).max(0));
        let new_ahead = ahead.saturating_add(increment);
        let is_allowed = new_ahead <= self.tolerance;
        let reset_after = if is_allowed { new_ahead } else { ahead };
        let is_ever_allowed = increment <= self.tolerance;
        Decision {
            is_allowed,
            arrival: now.saturating_add(new_ahead),
            remaining: ((self.tolerance - reset_after) / self.interval).max(0),
            retry_after: (!is_allowed && is_ever_allowed).then(|| new_ahead - self.tolerance),
            reset_after,
        }
    }
}

struct Decision {
    is_allowed: bool,
    /// When all that was allowed would be done, this included.
    arrival: Nanos,
    /// How many more actions may come at once.
    remaining: Nanos,
    /// After which time it would be allowed; none if it is, or never will be.
    retry_after: Option<Nanos>,
    /// After which time everything is as if nothing had been done.
    reset_after: Nanos,
}

fn throttle(call: &mut Call<'_>) -> Result<(), Error> {
    let key = call.args.word();
    let limit = Limit::parse(&mut call.args)?;
    let now = Nanos::from(call.now.0) * PER_MILLISECOND;

    let mut guard = call.keys.write(key);
    let decision = limit.decide(now, guard.string()?.map(arrival).transpose()?);
    if decision.is_allowed && limit.quantity > 0 {
        let arrival = i64::try_from(decision.arrival).map_err(|_| Error::ValueOutOfRange)?;
        let expiry_ms = rounded_up(decision.arrival, PER_MILLISECOND);
        let expiry = Expiry::At(UnixMillis(expiry_ms));
        guard.set_integer(arrival, expiry);
        rewrite_as_set(call.effect, key, arrival.to_string().as_bytes(), expiry);
    }

    call.reply.array(5);
    call.reply.integer(i64::from(!decision.is_allowed));
    call.reply.integer(saturated(limit.actions));
    call.reply.integer(saturated(decision.remaining));
    call.reply.integer(decision.retry_after.map_or(-1, |time| rounded_up(time, PER_SECOND)));
    call.reply.integer(rounded_up(decision.reset_after, PER_SECOND));
    Ok(())
}

/// Reads the time that a key holds.
fn arrival(value: Str<'_>) -> Result<Nanos, Error> {
    match value {
        Str::Integer(integer) => Ok(integer.into()),
        Str::Text(_) => Err(Error::NotAnInteger),
    }
}

/// A time that is not negative in whole units, rounded up.
fn rounded_up(time: Nanos, unit: Nanos) -> i64 {
    saturated(time / unit + Nanos::from(time % unit > 0))
}

fn saturated(number: Nanos) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::{Limit, PER_SECOND};
    use crate::commands::script::check;

    #[test]
    fn actions_are_counted() {
        check(
            "CL.THROTTLE k 2 30 60          => [0, 3, 2, -1, 2]
             GET k                          => \"1002000000000\"
             @expiry k                      => 1002000
             CL.THROTTLE k 2 30 60 0        => [0, 3, 2, -1, 2]
             CL.THROTTLE k 2 30 60 2        => [0, 3, 0, -1, 6]
             CL.THROTTLE k 2 30 60          => [1, 3, 0, 2, 6]
             CL.THROTTLE k 2 30 60 3        => [1, 3, 0, 6, 6]
             CL.THROTTLE k 2 30 60 4        => [1, 3, 0, -1, 6]
             CL.THROTTLE k 9 30 60          => [0, 10, 6, -1, 8]
             @expiry k                      => 1008000
             CL.THROTTLE none 0 7 1 0       => [0, 1, 1, -1, 0]
             EXISTS none                    => 0
             CL.THROTTLE r 0 7 1            => [0, 1, 0, -1, 1]
             GET r                          => \"1000142857142\"
             @expiry r                      => 1000143
             SET past 5                     => OK
             CL.THROTTLE past 0 1 1         => [0, 1, 0, -1, 1]",
        );
    }

    #[test]
    fn what_makes_no_sense() {
        check(
            "CL.THROTTLE k x 1 1            => ERR value is not an integer or out of range
             CL.THROTTLE k -1 1 1           => ERR value is out of range, must be positive
             CL.THROTTLE k 1 0 1            => ERR count and period must be greater than 0
             CL.THROTTLE k 1 1 0            => ERR count and period must be greater than 0
             CL.THROTTLE k 1 1 1 -1         => ERR value is out of range, must be positive
             CL.THROTTLE k 1 9223372036854775807 1 => ERR more than one action per nanosecond can't be counted
             CL.THROTTLE k 1 1 9223372036854775807 => ERR value is out of range
             CL.THROTTLE k 9223372036854775807 1 9223372036854775807 => ERR value is out of range
             CL.THROTTLE k 9223372036854775807 1 1 9223372036854775807 => ERR value is out of range
             CL.THROTTLE k 9223372036854775807 1 1 0 => [0, 9223372036854775807, 9223372036854775807, -1, 0]
             CL.THROTTLE k 1 1 1 1 1        => ERR syntax error
             EXISTS k                       => 0
             SET k v                        => OK
             CL.THROTTLE k 1 1 1            => ERR value is not an integer or out of range
             RPUSH l v                      => 1
             CL.THROTTLE l 1 1 1            => WRONGTYPE Operation against a key holding the wrong kind of value",
        );
    }

    /// However the calls come, no window of time has more actions than the burst and the rate allow.
    #[test]
    fn no_window_has_too_many_actions() {
        let interval = PER_SECOND / 7;
        let limit = Limit { actions: 5, interval, tolerance: interval * 5, quantity: 1 };
        let (mut arrival, mut allowed) = (None, Vec::new());
        let mut word = 1_u64;
        let mut now = 0;
        for _ in 0..20_000 {
            word = word.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            now += i128::from(word >> 40) * 10;
            let decision = limit.decide(now, arrival);
            if decision.is_allowed {
                arrival = Some(decision.arrival);
                allowed.push(now);
            }
        }
        assert!(allowed.len() > 5_000);
        for (first, start) in allowed.iter().enumerate().step_by(97) {
            for (count, end) in allowed[first..].iter().enumerate() {
                assert!(count as i128 <= limit.actions - 1 + (end - start) / limit.interval + 1);
            }
        }
    }
}
