//! What happened between two samples.

use super::sample::Sample;
use crate::info::Info;

/// Two samples of the same run of a server, the earlier one first.
#[derive(Clone, Copy)]
pub(super) struct Change<'top> {
    before: &'top Sample,
    now: &'top Sample,
}

impl<'top> Change<'top> {
    /// Nothing if the server was started again meanwhile, or its counters were set back.
    pub(super) fn between(before: Option<&'top Sample>, now: &'top Sample) -> Option<Self> {
        let before = before?;
        let total = |sample: &Sample| sample.info.number("total_commands_processed");
        let is_same_run = before.info.text("run_id") == now.info.text("run_id");
        (is_same_run && total(before) <= total(now) && now.at > before.at).then_some(Self { before, now })
    }

    pub(super) fn before(&self) -> &'top Sample {
        self.before
    }

    pub(super) fn now(&self) -> &'top Sample {
        self.now
    }

    pub(super) fn seconds(&self) -> f64 {
        (self.now.at - self.before.at).as_secs_f64()
    }

    /// How much a counter grew; nothing if the server does not have it.
    pub(super) fn growth(&self, field: &str) -> Option<f64> {
        Some((decimal(&self.now.info, field)? - decimal(&self.before.info, field).unwrap_or(0.0)).max(0.0))
    }

    /// How much a counter grew each second.
    pub(super) fn per_second(&self, field: &str) -> Option<f64> {
        Some(self.growth(field)? / self.seconds())
    }

    /// The time of processors used, in hundredths of one.
    pub(super) fn cpu_percent(&self) -> Option<f64> {
        let used = self.per_second("used_cpu_sys")? + self.per_second("used_cpu_user")?;
        Some(used * 100.0)
    }

    /// How many of the reads found a key, in hundredths; nothing if there were none.
    pub(super) fn hit_percent(&self) -> Option<f64> {
        let (hits, misses) = (self.growth("keyspace_hits")?, self.growth("keyspace_misses")?);
        (hits + misses > 0.0).then(|| 100.0 * hits / (hits + misses))
    }
}

/// A field that is a number, with or without a fraction.
pub(super) fn decimal(info: &Info, field: &str) -> Option<f64> {
    info.text(field).parse().ok()
}
