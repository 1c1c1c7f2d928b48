//! For how long a variant is used.
//!
//! ```text
//!      stored_at         fresh_until          stale_until            grace_until
//!         ├─── Fresh ────────┼── Stale: served, ────┼── Grace: what ───────┼── Gone
//!         │                  │   one refresh runs   │   is left on failure │
//! ```
//!
//! A deadline belongs to what follows it: at `fresh_until` a variant is stale. Deadlines saturate, and [`NEVER`] stays what
//! it is.

use spinel_types::http_cache::{NEVER, Numbers, Variant};

use crate::rules;

/// What a variant is good for at a moment.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum State {
    /// It answers.
    Fresh,
    /// It answers, and is to be refreshed meanwhile.
    Stale,
    /// It answers if its origin fails.
    Grace,
    /// It answers no more.
    Gone,
}

/// Says what a variant is good for.
///
/// One that must not be served stale is [`State::Gone`] when it is no longer fresh. It may still be there, to be found valid by
/// its origin: whether it can be removed tells [`is_over`]. One whose body is lost answers no more, whatever its deadlines say.
#[inline]
pub fn state(variant: &Variant, now: i64) -> State {
    if variant.body().is_lost() {
        State::Gone
    } else if now < variant.fresh_until {
        State::Fresh
    } else if variant.rules & rules::NEVER_STALE != 0 || is_over(variant, now) {
        State::Gone
    } else if now < variant.stale_until {
        State::Stale
    } else {
        State::Grace
    }
}

/// Whether a variant is of no use any more, not even to be found valid.
#[inline]
pub fn is_over(variant: &Variant, now: i64) -> bool {
    now >= variant.grace_until || variant.body().is_lost()
}

/// How old an answer is, in seconds: the value of `Age`.
#[inline]
pub fn age_s(variant: &Numbers, now: i64) -> u64 {
    let here = now.saturating_sub(variant.stored_at).max(0) as u64 / 1000;
    u64::from(variant.initial_age) + here
}

/// For how many seconds it stays fresh, negative if it has been stale for so long; `None` if it stays so until it is purged.
#[inline]
pub fn ttl_s(variant: &Numbers, now: i64) -> Option<i64> {
    (variant.fresh_until != NEVER).then(|| variant.fresh_until.saturating_sub(now).div_euclid(1000))
}

/// The three deadlines of a variant, as Unix milliseconds, each not before the one above it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Deadlines {
    /// Until when it is fresh.
    pub fresh_until: i64,
    /// Until when it is served stale at once.
    pub stale_until: i64,
    /// Until when it is what is left on failure.
    pub grace_until: i64,
}

impl Deadlines {
    /// Those that follow from what is given when a variant is written, in seconds. Without `ttl` it stays fresh.
    pub fn given(now: i64, ttl: Option<u32>, swr: Option<u32>, grace: Option<u32>) -> Deadlines {
        let fresh_until = ttl.map_or(NEVER, |ttl| after(now, ttl));
        let stale_until = after(fresh_until, swr.unwrap_or(0));
        Deadlines { fresh_until, stale_until, grace_until: after(stale_until, grace.unwrap_or(0)) }
    }

    /// Those of a variant.
    pub fn of(variant: &Numbers) -> Deadlines {
        let Numbers { fresh_until, stale_until, grace_until, .. } = *variant;
        Deadlines { fresh_until, stale_until, grace_until }
    }

    /// Makes them those of a variant.
    pub fn set(self, variant: &mut Numbers) {
        variant.fresh_until = self.fresh_until;
        variant.stale_until = self.stale_until;
        variant.grace_until = self.grace_until;
    }

    /// Those of a variant that ceased to be fresh at `at`, with what follows moved ahead as far; as they are if it had ceased
    /// before. One that was to stay fresh has what was given for the time after.
    pub fn softened(variant: &Numbers, at: i64) -> Deadlines {
        let deadlines = Deadlines::of(variant);
        if deadlines.fresh_until == NEVER {
            return Deadlines::given(at, Some(0), variant.swr, variant.grace);
        }
        let ahead = deadlines.fresh_until.saturating_sub(at).max(0);
        let moved = |deadline: i64| if deadline == NEVER { NEVER } else { deadline.saturating_sub(ahead) };
        Deadlines {
            fresh_until: moved(deadlines.fresh_until),
            stale_until: moved(deadlines.stale_until),
            grace_until: moved(deadlines.grace_until),
        }
    }
}

/// A moment and some seconds.
pub(crate) fn after(moment: i64, seconds: u32) -> i64 {
    moment.saturating_add(i64::from(seconds) * 1000)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::changed;

    fn variant(deadlines: Deadlines) -> Variant {
        changed(Variant::default(), |numbers| {
            (numbers.stored_at, numbers.initial_age) = (1000, 7);
            deadlines.set(numbers);
        })
    }

    #[test]
    fn a_deadline_belongs_to_what_follows() {
        let variant = variant(Deadlines::given(1000, Some(10), Some(20), Some(30)));
        let states = [10_999, 11_000, 30_999, 31_000, 60_999, 61_000].map(|now| state(&variant, now));
        let expected = [State::Fresh, State::Stale, State::Stale, State::Grace, State::Grace, State::Gone];
        assert_eq!(states, expected);
        assert!(!is_over(&variant, 60_999) && is_over(&variant, 61_000));
    }

    #[test]
    fn without_ttl_it_stays_fresh() {
        let variant = variant(Deadlines::given(1000, None, Some(1), None));
        assert_eq!(state(&variant, NEVER - 1), State::Fresh);
        assert_eq!(ttl_s(&variant, 5), None);
    }

    #[test]
    fn deadlines_saturate() {
        let deadlines = Deadlines::given(NEVER - 5, Some(1), Some(u32::MAX), Some(1));
        assert_eq!(deadlines, Deadlines { fresh_until: NEVER, stale_until: NEVER, grace_until: NEVER });
    }

    #[test]
    fn what_must_not_be_stale_is_gone_before_it_is_over() {
        let variant = variant(Deadlines::given(1000, Some(10), Some(20), None));
        let variant = changed(variant, |numbers| numbers.rules = rules::NEVER_STALE);
        assert_eq!(state(&variant, 10_999), State::Fresh);
        assert_eq!(state(&variant, 11_000), State::Gone);
        assert!(!is_over(&variant, 11_000));
    }

    #[test]
    fn age_and_ttl_are_whole_seconds() {
        let variant = variant(Deadlines::given(1000, Some(10), None, None));
        assert_eq!(age_s(&variant, 3999), 9);
        assert_eq!(age_s(&variant, 0), 7, "a clock that was set back makes nothing younger");
        assert_eq!(ttl_s(&variant, 1000), Some(10));
        assert_eq!(ttl_s(&variant, 11_001), Some(-1));
    }

    #[test]
    fn a_soft_purge_ends_freshness_and_moves_the_rest_ahead() {
        let old = variant(Deadlines::given(1000, Some(10), Some(20), Some(30)));
        let soft = variant(Deadlines::softened(&old, 2000));
        assert_eq!(Deadlines::of(&soft), Deadlines::given(2000, Some(0), Some(20), Some(30)));
        assert_eq!(Deadlines::softened(&soft, 5000), Deadlines::of(&soft), "it was stale already");

        let lasting = variant(Deadlines::given(1000, None, None, None));
        let lasting = changed(lasting, |numbers| numbers.grace = Some(5));
        assert_eq!(Deadlines::softened(&lasting, 2000), Deadlines::given(2000, Some(0), None, Some(5)));
    }
}
