//! Dates of HTTP (RFC 9110, section 5.6.7).
//!
//! Three forms are read, in any case of letters (RFC 9111, section 4.2), and the first is written:
//!
//! ```text
//! Sun, 06 Nov 1994 08:49:37 GMT        IMF-fixdate
//! Sunday, 06-Nov-94 08:49:37 GMT       RFC 850
//! Sun Nov  6 08:49:37 1994             asctime
//! ```

const DAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];

const LONG_DAYS: [&str; 7] = ["Thursday", "Friday", "Saturday", "Sunday", "Monday", "Tuesday", "Wednesday"];

const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

const DAY_S: i64 = 86_400;

/// Reads a date, as Unix milliseconds; `None` if it is none. `now` decides about years of two digits.
///
/// The name of the day must be one, but need not be that day's.
pub fn parse(text: &[u8], now: i64) -> Option<i64> {
    let text = text.trim_ascii();
    let seconds = fixdate(text).or_else(|| rfc850(text, now)).or_else(|| asctime(text))?;
    Some(seconds * 1000)
}

/// Writes a moment's date. Years stop at 9999, the last that has a date.
pub fn format(moment: i64) -> [u8; 29] {
    const FIRST: i64 = -62_135_596_800;
    const LAST: i64 = 253_402_300_799;
    let seconds = moment.div_euclid(1000).clamp(FIRST, LAST);
    let (days, time) = (seconds.div_euclid(DAY_S), seconds.rem_euclid(DAY_S));
    let (year, month, day) = civil(days);
    let mut text = *b"Thu, 00 Jan 0000 00:00:00 GMT";
    text[..3].copy_from_slice(DAYS[days.rem_euclid(7) as usize].as_bytes());
    put(&mut text[5..7], day);
    text[8..11].copy_from_slice(MONTHS[month as usize - 1].as_bytes());
    put(&mut text[12..16], year);
    put(&mut text[17..19], time / 3600);
    put(&mut text[20..22], time / 60 % 60);
    put(&mut text[23..25], time % 60);
    text
}

fn put(digits: &mut [u8], mut number: i64) {
    for digit in digits.iter_mut().rev() {
        *digit = b'0' + (number % 10) as u8;
        number /= 10;
    }
}

fn fixdate(text: &[u8]) -> Option<i64> {
    let mut rest = Rest(text);
    rest.one_of(&DAYS)?;
    rest.literal(b", ")?;
    let day = rest.number(2)?;
    rest.literal(b" ")?;
    let month = rest.one_of(&MONTHS)?;
    rest.literal(b" ")?;
    let year = rest.number(4)?;
    rest.literal(b" ")?;
    let time = rest.time()?;
    rest.literal(b" GMT")?;
    rest.end_of(year, month, day, time)
}

fn rfc850(text: &[u8], now: i64) -> Option<i64> {
    let mut rest = Rest(text);
    rest.one_of(&LONG_DAYS)?;
    rest.literal(b", ")?;
    let day = rest.number(2)?;
    rest.literal(b"-")?;
    let month = rest.one_of(&MONTHS)?;
    rest.literal(b"-")?;
    let of_century = rest.number(2)?;
    rest.literal(b" ")?;
    let time = rest.time()?;
    rest.literal(b" GMT")?;
    // What seems to be more than fifty years ahead is the last year that ended so.
    let (this_year, ..) = civil(now.div_euclid(1000 * DAY_S));
    let year = this_year - this_year.rem_euclid(100) + of_century;
    let year = if year > this_year + 50 { year - 100 } else { year };
    rest.end_of(year, month, day, time)
}

fn asctime(text: &[u8]) -> Option<i64> {
    let mut rest = Rest(text);
    rest.one_of(&DAYS)?;
    rest.literal(b" ")?;
    let month = rest.one_of(&MONTHS)?;
    rest.literal(b" ")?;
    let day = if rest.literal(b" ").is_some() { rest.number(1)? } else { rest.number(2)? };
    rest.literal(b" ")?;
    let time = rest.time()?;
    rest.literal(b" ")?;
    let year = rest.number(4)?;
    rest.end_of(year, month, day, time)
}

/// What is left to be read.
struct Rest<'a>(&'a [u8]);

impl Rest<'_> {
    fn literal(&mut self, expected: &[u8]) -> Option<()> {
        let (start, rest) = self.0.split_at_checked(expected.len())?;
        self.0 = if start.eq_ignore_ascii_case(expected) { rest } else { return None };
        Some(())
    }

    fn one_of(&mut self, names: &[&str]) -> Option<i64> {
        let index = names.iter().position(|name| self.literal(name.as_bytes()).is_some())?;
        Some(index as i64)
    }

    fn number(&mut self, digits: usize) -> Option<i64> {
        let (number, rest) = self.0.split_at_checked(digits)?;
        self.0 = rest;
        number
            .iter()
            .try_fold(0, |sum, digit| digit.is_ascii_digit().then(|| sum * 10 + i64::from(digit - b'0')))
    }

    /// Seconds of the day; the sixtieth second is one that a clock inserts now and then.
    fn time(&mut self) -> Option<i64> {
        let hour = self.number(2)?;
        self.literal(b":")?;
        let minute = self.number(2)?;
        self.literal(b":")?;
        let second = self.number(2)?;
        (hour < 24 && minute < 60 && second <= 60).then_some(hour * 3600 + minute * 60 + second)
    }

    /// Unix seconds, if nothing is left and there is such a day; `month` counts from 0.
    fn end_of(&self, year: i64, month: i64, day: i64, time: i64) -> Option<i64> {
        let first = days(year, month + 1, 1);
        let next = if month == 11 { days(year + 1, 1, 1) } else { days(year, month + 2, 1) };
        let exists = (1..=next - first).contains(&day);
        (self.0.is_empty() && exists).then_some((first + day - 1) * DAY_S + time)
    }
}

/// Days since 1970 of a day of the Gregorian calendar.
///
/// The year is taken to begin in March, so that the leap day is its last; 400 years have 146,097 days, and 719,468 days lie
/// between 1 March 0000 and 1 January 1970.
fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let (era, of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

/// The year, month and day of a number of days since 1970.
fn civil(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let (era, of_era) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let shifted = (5 * of_year + 2) / 153;
    let day = of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    (era * 400 + year + i64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 6 November 1994, 08:49:37.
    const EXAMPLE: i64 = 784_111_777_000;

    fn read(text: &str) -> Option<i64> {
        parse(text.as_bytes(), EXAMPLE)
    }

    #[test]
    fn three_forms_are_read_in_any_case() {
        let texts =
            ["Sun, 06 Nov 1994 08:49:37 GMT", "Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 1994"];
        for text in texts {
            assert_eq!(read(text), Some(EXAMPLE), "{text}");
            assert_eq!(read(&text.to_uppercase()), Some(EXAMPLE), "{text}");
            assert_eq!(read(&text.to_lowercase()), Some(EXAMPLE), "{text}");
        }
        assert_eq!(read("Wed Nov 16 00:00:00 1994"), Some(784_944_000_000));
    }

    #[test]
    fn what_is_no_date_is_refused() {
        let texts = [
            "",
            "0",
            "-1",
            "784111777",
            "Sun, 06 Nov 1994 08:49:37",
            "Sun, 06 Nov 1994 08:49:37 UTC",
            "Sun, 06 Nov 1994 08:49:37 CET",
            "Sun, 06 Nov 1994 08:49:37 +0000",
            "Sun, 06 Nov 1994 08:49:37 GMT+1",
            "Sun, 06 Nov 1994 08:49:37 GMT, x",
            "Sun, 6 Nov 1994 08:49:37 GMT",
            "Sun, 06 Nov 94 08:49:37 GMT",
            "Sun, 06-Nov-1994 08:49:37 GMT",
            "Sunday, 06 Nov 1994 08:49:37 GMT",
            "Sun  06 Nov 1994 08:49:37 GMT",
            "Sun, 06  Nov 1994 08:49:37 GMT",
            "06 Nov 1994 08:49:37 GMT",
            "Sun, 06 Nov 1994 8:49:37 GMT",
            "Sun, 06 Nov 1994 08:49 GMT",
            "Sun, 06 Nov 1994 24:00:00 GMT",
            "Sun, 06 Nov 1994 08:60:00 GMT",
            "Sun, 06 Nov 1994 08:49:61 GMT",
            "Sun, 00 Nov 1994 08:49:37 GMT",
            "Sun, 31 Nov 1994 08:49:37 GMT",
            "Sun, 29 Feb 1994 08:49:37 GMT",
            "Sun, 06 Nom 1994 08:49:37 GMT",
            "Sun Nov 6 08:49:37 1994",
        ];
        for text in texts {
            assert_eq!(read(text), None, "{text}");
        }
    }

    #[test]
    fn years_of_two_digits_are_at_most_fifty_ahead() {
        let year = |text: &str, now: &str| {
            let now = read(now).unwrap();
            String::from_utf8(format(parse(text.as_bytes(), now).unwrap())[12..16].to_vec()).unwrap()
        };
        let today = "Mon, 01 Jan 2024 00:00:00 GMT";
        assert_eq!(year("Sunday, 06-Nov-74 08:49:37 GMT", today), "2074");
        assert_eq!(year("Sunday, 06-Nov-75 08:49:37 GMT", today), "1975");
        assert_eq!(year("Sunday, 06-Nov-99 08:49:37 GMT", today), "1999");
    }

    #[test]
    fn every_day_is_written_and_read() {
        let mut moment = read("Sat, 01 Jan 1600 12:34:56 GMT").unwrap();
        let mut before = days(1599, 12, 31);
        let last = read("Sun, 01 Jan 2400 00:00:00 GMT").unwrap();
        while moment < last {
            let text = format(moment);
            assert_eq!(parse(&text, 0), Some(moment), "{}", String::from_utf8_lossy(&text));
            let today = moment.div_euclid(1000 * DAY_S);
            assert_eq!(today, before + 1);
            before = today;
            moment += 1000 * DAY_S;
        }
        assert_eq!(&format(EXAMPLE + 999), b"Sun, 06 Nov 1994 08:49:37 GMT");
        assert_eq!(&format(i64::MAX), b"Fri, 31 Dec 9999 23:59:59 GMT");
        assert_eq!(&format(i64::MIN), b"Mon, 01 Jan 0001 00:00:00 GMT");
    }
}
