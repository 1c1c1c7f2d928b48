//! Tasks that measure: the server, the way to it, or this machine.

mod cache_test;
mod intrinsic;
mod latency;
mod spectrum;
mod statistics;

pub(super) use cache_test::cache_test;
pub(super) use intrinsic::intrinsic;
pub(super) use latency::latency;
pub(super) use statistics::statistics;

use std::time::Duration;

/// The interval of the arguments, or `default` if there is none.
fn interval_or(interval: Duration, default: Duration) -> Duration {
    if interval.is_zero() { default } else { interval }
}
