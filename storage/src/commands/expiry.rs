//! Times to live as commands take them: units, limits and the options that say when a key expires.

use crate::command::args::Args;
use crate::error::Error;
use crate::keyspace::guard::Expiry;
use crate::time::UnixMillis;

/// How a word gives a time: its unit, and what it is counted from.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum TimeForm {
    /// `EX`: seconds from now.
    Seconds,
    /// `PX`: milliseconds from now.
    Milliseconds,
    /// `EXAT`: seconds since the epoch.
    UnixSeconds,
    /// `PXAT`: milliseconds since the epoch.
    UnixMilliseconds,
}

const MILLIS_PER_SECOND: i64 = 1000;

impl TimeForm {
    const OPTIONS: [(&'static str, TimeForm); 4] = [
        ("EX", TimeForm::Seconds),
        ("PX", TimeForm::Milliseconds),
        ("EXAT", TimeForm::UnixSeconds),
        ("PXAT", TimeForm::UnixMilliseconds),
    ];

    /// Takes one of `EX`, `PX`, `EXAT`, `PXAT`, if it is next.
    pub(super) fn accept(args: &mut Args<'_>) -> Option<TimeForm> {
        TimeForm::OPTIONS.into_iter().find(|(name, _)| args.accept(name)).map(|(_, form)| form)
    }

    /// The moment that `amount` means, which may be past or negative; `None` if it is out of range.
    pub(super) fn moment(self, amount: i64, now: UnixMillis) -> Option<UnixMillis> {
        let millis = match self {
            TimeForm::Seconds | TimeForm::UnixSeconds => amount.checked_mul(MILLIS_PER_SECOND)?,
            TimeForm::Milliseconds | TimeForm::UnixMilliseconds => amount,
        };
        match self {
            TimeForm::Seconds | TimeForm::Milliseconds => millis.checked_add(now.0).map(UnixMillis),
            TimeForm::UnixSeconds | TimeForm::UnixMilliseconds => Some(UnixMillis(millis)),
        }
    }

    /// The moment that `word` means where only positive amounts make sense, in the words of `command`.
    pub(super) fn positive_moment(
        self,
        word: &[u8],
        now: UnixMillis,
        command: &'static str,
    ) -> Result<UnixMillis, Error> {
        let amount = spinel_resp::parse_integer(word).ok_or(Error::NotAnInteger)?;
        let moment = if amount > 0 { self.moment(amount, now) } else { None };
        moment.ok_or(Error::InvalidExpire(command))
    }
}

/// What the options of a command say about expiry.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) enum ExpiryOption<'a> {
    /// Nothing.
    #[default]
    Unsaid,
    /// `KEEPTTL`: stay as it is.
    Keep,
    /// `PERSIST`: never expire.
    Persist,
    /// Expire at this time, not yet checked.
    Time(TimeForm, &'a [u8]),
}

impl<'a> ExpiryOption<'a> {
    /// Takes one of `EX`, `PX`, `EXAT`, `PXAT` with its time; whether there was one.
    pub(super) fn accept_time(&mut self, args: &mut Args<'a>) -> bool {
        let Some(form) = TimeForm::accept(args) else { return false };
        match *self {
            ExpiryOption::Unsaid => {}
            ExpiryOption::Time(earlier, _) if earlier == form => {}
            _ => args.fail(Error::Syntax),
        }
        *self = ExpiryOption::Time(form, args.word());
        true
    }

    /// Takes `KEEPTTL`; whether it was there.
    pub(super) fn accept_keep(&mut self, args: &mut Args<'_>) -> bool {
        args.accept("KEEPTTL") && self.choose(ExpiryOption::Keep, args)
    }

    /// Takes `PERSIST`; whether it was there.
    pub(super) fn accept_persist(&mut self, args: &mut Args<'_>) -> bool {
        args.accept("PERSIST") && self.choose(ExpiryOption::Persist, args)
    }

    /// Settles on an option that excludes all others, but may be repeated.
    fn choose(&mut self, chosen: ExpiryOption<'a>, args: &mut Args<'_>) -> bool {
        if *self != ExpiryOption::Unsaid && *self != chosen {
            args.fail(Error::Syntax);
        }
        *self = chosen;
        true
    }

    /// The expiry of a value written with this option; without any, it never expires.
    ///
    /// Fails if the time is no positive integer or out of range, in the words of `command`.
    pub(super) fn of_written(self, now: UnixMillis, command: &'static str) -> Result<Expiry, Error> {
        Ok(match self {
            ExpiryOption::Unsaid | ExpiryOption::Persist => Expiry::Never,
            ExpiryOption::Keep => Expiry::Keep,
            ExpiryOption::Time(form, word) => Expiry::At(form.positive_moment(word, now, command)?),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: UnixMillis = UnixMillis(1_000);

    #[test]
    fn moments_are_counted_from_now_or_from_the_epoch() {
        for (form, amount, expected) in [
            (TimeForm::Seconds, 2, Some(3_000)),
            (TimeForm::Milliseconds, 2, Some(1_002)),
            (TimeForm::UnixSeconds, 2, Some(2_000)),
            (TimeForm::UnixMilliseconds, 2, Some(2)),
            (TimeForm::Seconds, -1, Some(0)),
            (TimeForm::Seconds, i64::MAX / 1000, None),
            (TimeForm::UnixSeconds, i64::MAX / 1000, Some(i64::MAX / 1000 * 1000)),
            (TimeForm::UnixSeconds, i64::MAX / 1000 + 1, None),
            (TimeForm::UnixSeconds, i64::MIN / 1000 - 1, None),
            (TimeForm::Milliseconds, i64::MAX - 1_000, Some(i64::MAX)),
            (TimeForm::Milliseconds, i64::MAX - 999, None),
            (TimeForm::UnixMilliseconds, i64::MAX, Some(i64::MAX)),
        ] {
            assert_eq!(form.moment(amount, NOW), expected.map(UnixMillis), "{form:?} {amount}");
        }
    }

    fn written(line: &str) -> Result<Expiry, Error> {
        let words: Vec<&[u8]> = line.split_whitespace().map(str::as_bytes).collect();
        let (mut args, mut option) = (Args::new(&words, 0), ExpiryOption::default());
        while args.remaining() > 0
            && (option.accept_time(&mut args)
                || option.accept_keep(&mut args)
                || option.accept_persist(&mut args))
        {}
        args.finish()?;
        option.of_written(NOW, "set")
    }

    #[test]
    fn options_exclude_each_other_but_may_be_repeated() {
        assert_eq!(written(""), Ok(Expiry::Never));
        assert_eq!(written("persist"), Ok(Expiry::Never));
        assert_eq!(written("keepttl KEEPTTL"), Ok(Expiry::Keep));
        assert_eq!(written("ex 10 EX 20"), Ok(Expiry::At(UnixMillis(21_000))));
        assert_eq!(written("pxat 7"), Ok(Expiry::At(UnixMillis(7))));
        for line in ["ex", "ex 1 px 1", "ex 1 keepttl", "keepttl ex 1", "persist keepttl", "exat 1 ex 1"] {
            assert_eq!(written(line), Err(Error::Syntax), "{line}");
        }
        for line in ["ex 0", "px -1", "exat 0", "ex 9223372036854775807", "px 9223372036854775807"] {
            assert_eq!(written(line), Err(Error::InvalidExpire("set")), "{line}");
        }
        assert_eq!(written("ex 1.5"), Err(Error::NotAnInteger));
    }
}
