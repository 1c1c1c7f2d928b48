//! INCREX: a counter with bounds and an expiry, integer or floating point.

use super::counter::{float_value, integer_value};
use super::expiry::ExpiryOption;
use super::{UPDATE_KEY, rewrite_as_set};
use crate::command::args::Args;
use crate::command::call::Call;
use crate::command::flags::Flags;
use crate::command::{Command, Group, Run};
use crate::error::Error;
use crate::extended::Extended;
use crate::keyspace::guard::Expiry;
use spinel_resp::{Protocol, ReplyWriter};
use spinel_types::{Str, StringEncoding};

/// The rows of this file.
pub(super) const COMMANDS: &[Command] = &[Command {
    name: "increx",
    event: "set",
    usage: "key increment=[BYFLOAT float:double|BYINT integer] [SATURATE] [LBOUND lowerbound] \
            [UBOUND upperbound] expiration=[EX seconds|PX milliseconds|EXAT unix-time-seconds\
            |PXAT unix-time-milliseconds|PERSIST] [ENX]",
    keys: UPDATE_KEY,
    flags: Flags::WRITE.with(Flags::DENYOOM).with(Flags::FAST),
    group: Group::String,
    since: "8.8.0",
    about: "Adds to the number in a key within bounds, and sets or clears when it expires.",
    run: Run::Data(increx),
    ..Command::ROW
}];

/// What is added.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
enum Increment<'a> {
    /// One, as nothing was said.
    #[default]
    One,
    Integer(&'a [u8]),
    Float(&'a [u8]),
}

#[derive(Default)]
struct IncrexOptions<'a> {
    increment: Increment<'a>,
    lower: Option<&'a [u8]>,
    upper: Option<&'a [u8]>,
    /// Stop at a bound instead of doing nothing.
    is_saturating: bool,
    expiry: ExpiryOption<'a>,
    /// Leave an expiry that is there already.
    is_only_first_expiry: bool,
}

impl<'a> IncrexOptions<'a> {
    fn parse(args: &mut Args<'a>) -> Result<IncrexOptions<'a>, Error> {
        let mut options = IncrexOptions::default();
        while args.remaining() > 0 {
            options.accept(args);
            args.check()?;
        }
        if options.is_only_first_expiry && !matches!(options.expiry, ExpiryOption::Time(..)) {
            return Err(Error::Syntax);
        }
        Ok(options)
    }

    fn accept(&mut self, args: &mut Args<'a>) {
        if args.accept("BYINT") {
            let increment = Increment::Integer(args.word());
            self.choose(increment, args);
        } else if args.accept("BYFLOAT") {
            let increment = Increment::Float(args.word());
            self.choose(increment, args);
        } else if args.accept("LBOUND") {
            self.lower = Some(args.word());
        } else if args.accept("UBOUND") {
            self.upper = Some(args.word());
        } else if args.accept("SATURATE") {
            self.is_saturating = true;
        } else if args.accept("ENX") {
            self.is_only_first_expiry = true;
        } else if !(self.expiry.accept_time(args) || self.expiry.accept_persist(args)) {
            args.fail(Error::Syntax);
        }
    }

    fn choose(&mut self, increment: Increment<'a>, args: &mut Args<'_>) {
        if self.increment != Increment::One {
            args.fail(Error::Syntax);
        }
        self.increment = increment;
    }
}

/// The two kinds of numbers that can be counted.
trait Number: Copy + PartialOrd {
    /// Nothing.
    const ZERO: Self;
    /// The least and the greatest number.
    const LIMITS: (Self, Self);

    /// Reads an argument.
    fn parse(word: &[u8]) -> Result<Self, Error>;
    /// Reads a value; a missing one is 0.
    fn of_value(value: Option<Str<'_>>) -> Result<Self, Error>;
    /// The sum, if it is a number.
    fn plus(self, other: Self) -> Option<Self>;
    /// The difference, or the nearest number.
    fn minus(self, other: Self) -> Self;
    /// The number as a value.
    fn text(self) -> String;
    /// Replies the number.
    fn reply(self, reply: &mut ReplyWriter);
}

impl Number for i64 {
    const ZERO: i64 = 0;
    const LIMITS: (i64, i64) = (i64::MIN, i64::MAX);

    fn parse(word: &[u8]) -> Result<i64, Error> {
        spinel_resp::parse_integer(word).ok_or(Error::NotAnInteger)
    }

    fn of_value(value: Option<Str<'_>>) -> Result<i64, Error> {
        integer_value(value)
    }

    fn plus(self, other: i64) -> Option<i64> {
        self.checked_add(other)
    }

    fn minus(self, other: i64) -> i64 {
        self.saturating_sub(other)
    }

    fn text(self) -> String {
        self.to_string()
    }

    fn reply(self, reply: &mut ReplyWriter) {
        reply.integer(self);
    }
}

impl Number for Extended {
    const ZERO: Extended = Extended::ZERO;
    const LIMITS: (Extended, Extended) = (Extended::LEAST, Extended::GREATEST);

    fn parse(word: &[u8]) -> Result<Extended, Error> {
        Extended::parse(word).ok_or(Error::NotAFloat)
    }

    fn of_value(value: Option<Str<'_>>) -> Result<Extended, Error> {
        float_value(value)
    }

    fn plus(self, other: Extended) -> Option<Extended> {
        Some(Extended::plus(self, other)).filter(|sum| sum.is_finite())
    }

    fn minus(self, other: Extended) -> Extended {
        Extended::plus(self, other.negated())
    }

    fn text(self) -> String {
        Extended::text(self)
    }

    /// Replies all digits, where a double in RESP3 would lose some.
    fn reply(self, reply: &mut ReplyWriter) {
        let text = Extended::text(self);
        match reply.protocol() {
            Protocol::Resp2 => reply.bulk(text.as_bytes()),
            Protocol::Resp3 => reply.raw(format!(",{text}\r\n").as_bytes()),
        }
    }
}

/// What a counter may become.
struct Bounds<N> {
    lower: N,
    upper: N,
    is_saturating: bool,
}

impl<N: Number> Bounds<N> {
    fn parse(options: &IncrexOptions<'_>) -> Result<Bounds<N>, Error> {
        let lower = options.lower.map_or(Ok(N::LIMITS.0), N::parse)?;
        let upper = options.upper.map_or(Ok(N::LIMITS.1), N::parse)?;
        if lower > upper {
            return Err(Error::Text("ERR LBOUND can't be greater than UBOUND"));
        }
        Ok(Bounds { lower, upper, is_saturating: options.is_saturating })
    }

    /// The counter after adding; `None` if it must not change.
    fn add(&self, before: N, increment: N) -> Option<N> {
        let bound = match before.plus(increment) {
            Some(sum) if sum > self.upper => self.upper,
            Some(sum) if sum < self.lower => self.lower,
            Some(sum) => return Some(sum),
            None if increment > N::ZERO => self.upper,
            None => self.lower,
        };
        self.is_saturating.then_some(bound)
    }
}

fn increx(call: &mut Call<'_>) -> Result<(), Error> {
    let key = call.args.word();
    let options = IncrexOptions::parse(&mut call.args)?;

    match options.increment {
        Increment::One => count(call, key, 1_i64, &options),
        Increment::Integer(word) => count(call, key, i64::parse(word)?, &options),
        Increment::Float(word) => count(call, key, <Extended as Number>::parse(word)?, &options),
    }
}

fn count<N: Number>(
    call: &mut Call<'_>,
    key: &[u8],
    increment: N,
    options: &IncrexOptions<'_>,
) -> Result<(), Error> {
    let bounds = Bounds::parse(options)?;
    let written = options.expiry.of_written(call.now, "increx")?;

    let mut guard = call.keys.write(key);
    let before = N::of_value(guard.string()?)?;
    let after = bounds.add(before, increment);
    if let Some(after) = after {
        let keeps = options.is_only_first_expiry && guard.expiry().is_some();
        let expiry = if keeps || options.expiry == ExpiryOption::Unsaid { Expiry::Keep } else { written };
        let text = after.text();
        match spinel_resp::parse_integer(text.as_bytes()) {
            Some(integer) if matches!(options.increment, Increment::One | Increment::Integer(_)) => {
                guard.set_integer(integer, expiry);
            }
            _ => guard.set_verbatim(text.as_bytes(), StringEncoding::of_text(text.len()), expiry),
        }
        rewrite_as_set(call.effect, key, text.as_bytes(), expiry);
    }

    let applied = match after {
        None => N::ZERO,
        Some(after) if before.plus(increment) == Some(after) => increment,
        Some(after) => after.minus(before),
    };
    call.reply.array(2);
    after.unwrap_or(before).reply(call.reply);
    applied.reply(call.reply);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::super::script::check;

    #[test]
    fn integers_are_counted_within_bounds() {
        check(
            "INCREX k                        => [1, 1]
             @encoding k                     => int
             INCREX k BYINT 5                => [6, 5]
             INCREX k byint -10              => [-4, -10]
             INCREX k BYINT 9 UBOUND 4       => [-4, 0]
             INCREX k BYINT 9 UBOUND 4 SATURATE => [4, 8]
             INCREX k BYINT 9 UBOUND 4 SATURATE => [4, 0]
             INCREX k BYINT -500 LBOUND -7 SATURATE => [-7, -11]
             INCREX k BYINT 0                => [-7, 0]
             SET k 9223372036854775800       => OK
             INCREX k BYINT 100              => [9223372036854775800, 0]
             INCREX k BYINT 100 SATURATE     => [9223372036854775807, 7]
             INCREX none BYINT 5 UBOUND 4    => [0, 0]
             GET none                        => nil
             INCREX none BYINT 9 UBOUND 4 SATURATE EX 10 => [4, 4]
             @expiry none                    => 1010000",
        );
    }

    #[test]
    fn floating_point_numbers_are_counted_within_bounds() {
        check(
            r#"INCREX k BYFLOAT 1.5          => [,1.5, ,1.5]
               INCREX k BYFLOAT 0.25         => [,1.75, ,0.25]
               INCREX k BYFLOAT 10 UBOUND 2.5 => [,1.75, ,0]
               INCREX k BYFLOAT 10 UBOUND 2.5 SATURATE => [,2.5, ,0.75]
               INCREX k BYFLOAT -2.5         => [,0, ,-2.5]
               GET k                         => "0"
               @encoding k                   => embstr
               INCREX k BYFLOAT inf          => [,0, ,0]"#,
        );
    }

    #[test]
    fn expiries_are_set_kept_and_cleared() {
        check(
            "INCREX k EX 100                 => [1, 1]
             @expiry k                       => 1100000
             INCREX k                        => [2, 1]
             @expiry k                       => 1100000
             INCREX k PX 7 ENX               => [3, 1]
             @expiry k                       => 1100000
             INCREX k UBOUND 3 PX 7          => [3, 0]
             @expiry k                       => 1100000
             INCREX k PX 7                   => [4, 1]
             @expiry k                       => 1000007
             INCREX k PERSIST                => [5, 1]
             @expiry k                       => never
             INCREX k ENX EXAT 2000          => [6, 1]
             @expiry k                       => 2000000
             INCREX k PXAT 2000001           => [7, 1]
             @expiry k                       => 2000001",
        );
    }

    #[test]
    fn options_that_are_refused() {
        check(
            r#"SET k 1.5                     => OK
               INCREX k                      => ERR value is not an integer or out of range
               SET k abc                     => OK
               INCREX k BYFLOAT 1            => ERR value is not a valid float
               INCREX k nosuch               => ERR syntax error
               INCREX k BYINT                => ERR syntax error
               INCREX k BYINT 1 BYFLOAT 1    => ERR syntax error
               INCREX k BYINT 1.5            => ERR value is not an integer or out of range
               INCREX k BYFLOAT nan          => ERR value is not a valid float
               INCREX k UBOUND 1.5           => ERR value is not an integer or out of range
               INCREX k LBOUND 2 UBOUND 1    => ERR LBOUND can't be greater than UBOUND
               INCREX k ENX                  => ERR syntax error
               INCREX k ENX PERSIST          => ERR syntax error
               INCREX k EX 1 PX 1            => ERR syntax error
               INCREX k EX 0                 => ERR invalid expire time in 'increx' command
               GET k                         => "abc""#,
        );
    }
}
