//! What commands about the expiry of fields take: fields with their number, and times.

use super::expiry::TimeForm;
use crate::command::args::Args;
use crate::error::Error;
use crate::time::UnixMillis;

/// The latest time at which a field may expire: 2^46 − 1 milliseconds after the epoch, in the year 4199.
const MOMENT_MAX: i64 = (1 << 46) - 1;

/// The error about a number of fields that is none.
pub(super) const NOT_A_NUMBER_OF_FIELDS: Error =
    Error::Text("ERR Number of fields must be a positive integer");

/// Reads `FIELDS numfields field…` up to the end, with the error to report of a number that is not positive.
pub(super) fn fields<'a>(args: &mut Args<'a>, not_positive: Error) -> Result<&'a [&'a [u8]], Error> {
    if !args.accept("FIELDS") {
        return Err(Error::Text("ERR Mandatory argument FIELDS is missing or not at the right position"));
    }
    let count = args.integer_or(not_positive.clone());
    args.check()?;
    let count = u64::try_from(count).ok().filter(|count| *count > 0).ok_or(not_positive)?;
    let fields = args.rest();
    if fields.len() as u64 != count {
        return Err(Error::Text("ERR The `numfields` parameter must match the number of arguments"));
    }
    Ok(fields)
}

/// The moment at which `word` lets a field expire, in the words of `command`. It may have passed.
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
        fields(&mut Args::new(&words, 0), NOT_A_NUMBER_OF_FIELDS).map(<[_]>::len)
    }

    #[test]
    fn the_number_of_fields_must_be_right() {
        assert_eq!(read("FIELDS 2 a b"), Ok(2));
        assert_eq!(read("fields 1 1"), Ok(1));
        for line in ["FIELDS 0", "FIELDS -1 a", "FIELDS x a", "FIELDS 9223372036854775808 a"] {
            assert_eq!(read(line), Err(NOT_A_NUMBER_OF_FIELDS), "{line}");
        }
        for line in ["FIELDS 1", "FIELDS 1 a b", "FIELDS 9223372036854775807 a", "FIELD 1 a", ""] {
            assert!(matches!(read(line), Err(Error::Text(_))), "{line}");
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
