//! How long an answer is fresh, and how old it was when it came (RFC 9111, section 4.2).

use http::header::{AGE, EXPIRES, LAST_MODIFIED};

use crate::date;
use crate::directives::{Directives, SECONDS_MAX, delta_seconds};
use crate::headers::Headers;
use crate::list;
use crate::message::Times;
use crate::storing::Options;

/// For how many seconds an answer is fresh, counted from when its origin made it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Lifetime {
    /// Its origin says so.
    Given(u32),
    /// It was guessed from when it was last modified.
    Guessed(u32),
    /// Nobody knows, so it is not fresh.
    Unknown,
}

impl Lifetime {
    pub(crate) fn seconds(self) -> u32 {
        match self {
            Lifetime::Given(seconds) | Lifetime::Guessed(seconds) => seconds,
            Lifetime::Unknown => 0,
        }
    }
}

/// Says how long an answer is fresh: by `s-maxage`, or else `max-age`, or else `Expires`, or else a guess.
///
/// `date` is when its origin made it. What cannot be read is taken as the past.
pub(crate) fn lifetime(
    answer: Headers<'_>,
    status: u16,
    directives: &Directives,
    date: i64,
    options: &Options,
) -> Lifetime {
    if directives.has(Directives::NO_CACHE) {
        return Lifetime::Given(0);
    }
    if let Some(seconds) = directives.s_maxage.or(directives.max_age) {
        return Lifetime::Given(seconds);
    }
    let expires = if directives.has(Directives::TARGETED) { None } else { answer.first(&EXPIRES) };
    if let Some(expires) = expires {
        let expires = date::parse(expires, date).unwrap_or(date);
        return Lifetime::Given(seconds_between(date, expires));
    }
    let modified = answer.first(&LAST_MODIFIED).and_then(|modified| date::parse(modified, date));
    match modified {
        Some(modified) if directives.has(Directives::PUBLIC) || is_guessable(status) => {
            let guess = u64::from(seconds_between(modified, date)) * u64::from(options.guess_percent) / 100;
            let guess = guess.min(u64::from(options.guess_max_s)) as u32;
            if guess == 0 { Lifetime::Unknown } else { Lifetime::Guessed(guess) }
        }
        _ => Lifetime::Unknown,
    }
}

/// Whether how long it is fresh may be guessed without the origin's leave: the statuses that RFC 9110, section 15.1, and RFC 7725
/// call cacheable by themselves.
pub(crate) fn is_guessable(status: u16) -> bool {
    matches!(status, 200 | 203 | 204 | 206 | 300 | 301 | 308 | 404 | 405 | 410 | 414 | 451 | 501)
}

/// How old an answer was when it came, in seconds: what caches before us and the way took, or what the clocks say, whichever
/// is more.
pub(crate) fn initial_age(answer: Headers<'_>, date: i64, times: Times) -> u32 {
    let apparent = times.came.div_euclid(1000) - date.div_euclid(1000);
    let delay = times.came.saturating_sub(times.asked) / 1000;
    let corrected = age(answer).saturating_add(delay.clamp(0, i64::from(SECONDS_MAX)) as u32);
    corrected.max(apparent.clamp(0, i64::from(SECONDS_MAX)) as u32)
}

/// The value of `Age`. Of several the first counts, and one that is none does not (RFC 9111, section 5.1).
fn age(answer: Headers<'_>) -> u32 {
    let first = answer.first(&AGE).and_then(|line| list::elements(line).next());
    first.and_then(delta_seconds).unwrap_or(0)
}

fn seconds_between(from: i64, to: i64) -> u32 {
    (to.saturating_sub(from) / 1000).clamp(0, i64::from(SECONDS_MAX)) as u32
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{AT_ONCE, NOW, date, map};

    fn lifetime_of(status: u16, fields: &[(&str, &str)]) -> Lifetime {
        let map = map(fields);
        let answer = Headers::Map(&map);
        lifetime(answer, status, &Directives::of_answer(answer), NOW, &Options::default())
    }

    fn age_of(fields: &[(&str, &str)]) -> u32 {
        initial_age(Headers::Map(&map(fields)), NOW, AT_ONCE)
    }

    #[test]
    fn the_most_specific_number_counts() {
        let later = date(100);
        let fields =
            [("cache-control", "max-age=2"), ("expires", later.as_str()), ("cache-control", "s-maxage=1")];
        assert_eq!(lifetime_of(200, &fields), Lifetime::Given(1));
        assert_eq!(lifetime_of(200, &fields[..2]), Lifetime::Given(2));
        assert_eq!(lifetime_of(200, &fields[1..2]), Lifetime::Given(100));
        assert_eq!(lifetime_of(599, &fields), Lifetime::Given(1));
    }

    #[test]
    fn a_number_that_is_none_does_not_give_way_to_expires() {
        let later = date(100);
        assert_eq!(
            lifetime_of(200, &[("cache-control", "max-age=x"), ("expires", &later)]),
            Lifetime::Given(0)
        );
        let lines = [("cache-control", "s-maxage=-1, max-age=9"), ("expires", &later)];
        assert_eq!(lifetime_of(200, &lines), Lifetime::Given(0));
    }

    #[test]
    fn no_cache_is_never_fresh() {
        assert_eq!(lifetime_of(200, &[("cache-control", "max-age=5, no-cache")]), Lifetime::Given(0));
        assert_eq!(lifetime_of(200, &[("cache-control", "max-age=5, no-cache=\"x\"")]), Lifetime::Given(5));
    }

    #[test]
    fn a_date_that_is_none_is_past() {
        for expires in ["0", "-1", "", "tomorrow", "Sun, 06 Nov 2094 08:49:37 UTC"] {
            assert_eq!(lifetime_of(200, &[("expires", expires)]), Lifetime::Given(0), "{expires}");
        }
        assert_eq!(lifetime_of(200, &[("expires", &date(-5))]), Lifetime::Given(0));
        assert_eq!(lifetime_of(200, &[("expires", &date(5)), ("expires", &date(9))]), Lifetime::Given(5));
        let both = format!("{}, {}", date(5), date(9));
        assert_eq!(lifetime_of(200, &[("expires", &both)]), Lifetime::Given(0));
        let far = [("expires", "Fri, 31 Dec 9999 23:59:59 GMT")];
        assert_eq!(lifetime_of(200, &far), Lifetime::Given(SECONDS_MAX));
    }

    #[test]
    fn what_is_targeted_makes_expires_and_cache_control_mute() {
        let later = date(100);
        let fields = [("cdn-cache-control", "max-age=7"), ("cache-control", "no-cache"), ("expires", &later)];
        assert_eq!(lifetime_of(200, &fields), Lifetime::Given(7));
        assert_eq!(lifetime_of(200, &[("cdn-cache-control", "public"), fields[2]]), Lifetime::Unknown);
        assert_eq!(lifetime_of(200, &[("cdn-cache-control", "max-age=7,"), fields[2]]), Lifetime::Given(100));
    }

    #[test]
    fn a_tenth_of_its_age_is_guessed_if_that_is_allowed() {
        let modified = date(-1000);
        let fields = [("last-modified", modified.as_str()), ("cache-control", "public")];
        assert_eq!(lifetime_of(200, &fields[..1]), Lifetime::Guessed(100));
        assert_eq!(lifetime_of(404, &fields[..1]), Lifetime::Guessed(100));
        assert_eq!(lifetime_of(201, &fields[..1]), Lifetime::Unknown);
        assert_eq!(lifetime_of(201, &fields), Lifetime::Guessed(100));
        assert_eq!(lifetime_of(200, &[("last-modified", &date(-100_000_000))]), Lifetime::Guessed(86_400));
        for modified in [date(5), date(-5), "once".to_owned()] {
            assert_eq!(lifetime_of(200, &[("last-modified", &modified)]), Lifetime::Unknown, "{modified}");
        }
    }

    #[test]
    fn which_statuses_may_be_guessed() {
        let statuses: Vec<_> = (100..1000).filter(|status| is_guessable(*status)).collect();
        assert_eq!(statuses, [200, 203, 204, 206, 300, 301, 308, 404, 405, 410, 414, 451, 501]);
    }

    #[test]
    fn the_first_age_counts_if_it_is_one() {
        let table = [("7200", 7200), ("7200, 5", 7200), (" 3 ", 3), ("99999999999999", SECONDS_MAX)];
        for (age, expected) in table {
            assert_eq!(age_of(&[("age", age)]), expected, "{age}");
        }
        for age in ["", "-5", "7200.0", "abc", "5;x", "5 6", ",5", "\"5\""] {
            assert_eq!(age_of(&[("age", age)]), 0, "{age}");
        }
        assert_eq!(age_of(&[("age", "0"), ("age", "7200")]), 0);
    }

    #[test]
    fn age_is_what_clocks_or_caches_say_whichever_is_more() {
        let fields = map(&[("age", "10")]);
        let initial = |date: i64, asked: i64, came: i64| {
            let times = Times { asked: NOW + asked * 1000, came: NOW + came * 1000 };
            initial_age(Headers::Map(&fields), NOW + date * 1000, times)
        };
        assert_eq!(initial(0, 0, 0), 10);
        assert_eq!(initial(0, 0, 4), 14, "the way may have taken as long as the answer did");
        assert_eq!(initial(-60, 0, 0), 60);
        assert_eq!(initial(60, 0, 0), 10, "an origin whose clock is fast");
        assert_eq!(initial(0, 5, 0), 10, "a clock that was set back");
    }
}
