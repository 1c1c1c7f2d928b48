//! The 24-bit access clock of a key: when it was last used, or how often.
//!
//! ```text
//! LRU   seconds since the epoch, modulo 2^24 (194 days)
//! LRM   the same of the last change
//! LFU   minutes since the epoch, modulo 2^16 | logarithmic counter, 8 bits
//! ```

use crate::entropy::Entropy;
use crate::time::UnixMillis;
use spinel_persistence::rdb::Usage;

const SECONDS_MASK: u32 = 0x00ff_ffff;
const COUNTER_BITS: u32 = 8;
const COUNTER_MASK: u32 = (1 << COUNTER_BITS) - 1;
const COUNTER_START: u32 = 5;

/// What the access clock of keys means.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum AccessPolicy {
    /// The last use.
    Recency,
    /// The last change.
    Modification,
    /// How often, with a counter that grows ever slower and decays.
    Frequency {
        /// The higher, the more uses a step of the counter takes.
        log_factor: u32,
        /// Minutes per step of decay; 0: no decay.
        decay_minutes: u32,
    },
}

impl AccessPolicy {
    /// The clock of a key that is new.
    pub fn fresh(self, now: UnixMillis) -> u32 {
        match self {
            AccessPolicy::Recency | AccessPolicy::Modification => seconds(now),
            AccessPolicy::Frequency { .. } => minutes(now) << COUNTER_BITS | COUNTER_START,
        }
    }

    /// The clock of a key that comes with its usage; as of a new key where the policy counts otherwise.
    pub fn of_usage(self, usage: Option<Usage>, now: UnixMillis) -> u32 {
        match (self, usage) {
            (AccessPolicy::Recency | AccessPolicy::Modification, Some(Usage::IdleSeconds(idle))) => {
                let idle = u32::try_from(idle).unwrap_or(SECONDS_MASK).min(SECONDS_MASK);
                seconds(now).wrapping_sub(idle) & SECONDS_MASK
            }
            (AccessPolicy::Frequency { .. }, Some(Usage::Frequency(counter))) => {
                minutes(now) << COUNTER_BITS | u32::from(counter)
            }
            _ => self.fresh(now),
        }
    }

    /// What an access clock says of its key, to be kept beside it.
    pub fn usage(self, clock: u32, now: UnixMillis) -> Usage {
        match self {
            AccessPolicy::Recency | AccessPolicy::Modification => {
                Usage::IdleSeconds((AccessPolicy::idle_millis(clock, now) / 1000) as u64)
            }
            AccessPolicy::Frequency { .. } => Usage::Frequency(self.frequency(clock, now) as u8),
        }
    }

    /// The clock of a key after a use.
    #[inline]
    pub fn touched(self, clock: u32, now: UnixMillis, entropy: &mut Entropy) -> u32 {
        match self {
            AccessPolicy::Recency | AccessPolicy::Modification => seconds(now),
            AccessPolicy::Frequency { log_factor, .. } => {
                let counter = self.frequency(clock, now);
                let above_start = u64::from(counter.saturating_sub(COUNTER_START));
                let is_lucky = entropy.below(above_start * u64::from(log_factor) + 1) == 0;
                let counter = (counter + u32::from(is_lucky)).min(COUNTER_MASK);
                minutes(now) << COUNTER_BITS | counter
            }
        }
    }

    /// Milliseconds since the last use, in steps of a second.
    pub fn idle_millis(clock: u32, now: UnixMillis) -> i64 {
        i64::from(seconds(now).wrapping_sub(clock) & SECONDS_MASK) * 1000
    }

    /// Minutes since the last use where uses are counted, modulo 2^16.
    pub fn idle_minutes(clock: u32, now: UnixMillis) -> u16 {
        minutes(now).wrapping_sub(clock >> COUNTER_BITS) as u16
    }

    /// The use counter, decayed by the time since the last use.
    pub fn frequency(self, clock: u32, now: UnixMillis) -> u32 {
        let AccessPolicy::Frequency { decay_minutes, .. } = self else { return 0 };
        let idle = u32::from(AccessPolicy::idle_minutes(clock, now));
        let decay = idle.checked_div(decay_minutes).unwrap_or(0);
        (clock & COUNTER_MASK).saturating_sub(decay)
    }
}

fn seconds(now: UnixMillis) -> u32 {
    (now.0 / 1000) as u32 & SECONDS_MASK
}

fn minutes(now: UnixMillis) -> u32 {
    (now.0 / 60_000) as u32 & 0xffff
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn recency_counts_idle_seconds_across_the_wrap() {
        let clock = AccessPolicy::Recency.fresh(UnixMillis(i64::from(SECONDS_MASK) * 1000));
        let later = UnixMillis((i64::from(SECONDS_MASK) + 5) * 1000);
        assert_eq!(AccessPolicy::idle_millis(clock, later), 5000);
    }

    #[test]
    fn what_was_kept_beside_a_key_makes_the_same_clock() {
        let now = UnixMillis(1_700_000_000_000);
        for (policy, usage) in [
            (AccessPolicy::Recency, Usage::IdleSeconds(0)),
            (AccessPolicy::Recency, Usage::IdleSeconds(9_000_000)),
            (AccessPolicy::Frequency { log_factor: 10, decay_minutes: 1 }, Usage::Frequency(200)),
        ] {
            assert_eq!(policy.usage(policy.of_usage(Some(usage), now), now), usage);
        }
        let long = AccessPolicy::Recency.of_usage(Some(Usage::IdleSeconds(u64::MAX)), now);
        assert_eq!(AccessPolicy::idle_millis(long, now), i64::from(SECONDS_MASK) * 1000);
        assert_eq!(AccessPolicy::Recency.of_usage(Some(Usage::Frequency(1)), now), seconds(now));
    }

    #[test]
    fn frequency_grows_slowly_and_decays() {
        let policy = AccessPolicy::Frequency { log_factor: 10, decay_minutes: 1 };
        let (mut entropy, now) = (Entropy::new(4), UnixMillis(1_700_000_000_000));
        let mut clock = policy.fresh(now);
        (0..1000).for_each(|_| clock = policy.touched(clock, now, &mut entropy));
        let counter = policy.frequency(clock, now);
        assert!((10..40).contains(&counter), "{counter}");
        assert_eq!(policy.frequency(clock, UnixMillis(now.0 + 3 * 60_000)), counter - 3);
    }
}
