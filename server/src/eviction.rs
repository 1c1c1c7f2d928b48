//! Which keys are worth keeping: what the settings about eviction mean to the engine.

use crate::config::value::Value;
use crate::config::{Config, table};
use spinel_storage::Engine;
use spinel_storage::engine::{EvictionOrder, EvictionPolicy};
use spinel_storage::keyspace::access::AccessPolicy;

/// The name of the policy.
fn name(config: &Config) -> Vec<u8> {
    let number = Value::Number(config.number(table::MAXMEMORY_POLICY));
    table::MAXMEMORY_POLICY.setting().show(&number)
}

/// Makes the engine note when, or how often, keys are used, as the policy asks.
pub(crate) fn apply(config: &Config, engine: &Engine) {
    let name = name(config);
    engine.set_access_policy(if name.ends_with(b"-lfu") {
        AccessPolicy::Frequency {
            log_factor: config.number(table::LFU_LOG_FACTOR) as u32,
            decay_minutes: config.number(table::LFU_DECAY_TIME) as u32,
        }
    } else if name.ends_with(b"-lrm") {
        AccessPolicy::Modification
    } else {
        AccessPolicy::Recency
    });
}

/// Which keys may be removed to make room; `None` if none may.
pub(crate) fn policy(config: &Config) -> Option<EvictionPolicy> {
    let name = name(config);
    let order = match name.rsplit(|byte| *byte == b'-').next() {
        Some(b"lru" | b"lfu" | b"lrm") => EvictionOrder::Coldest,
        Some(b"ttl") => EvictionOrder::SoonestToExpire,
        Some(b"random") => EvictionOrder::Random,
        _ => return None,
    };
    let samples = config.number(table::MAXMEMORY_SAMPLES).max(1) as usize;
    Some(EvictionPolicy { order, only_expiring: name.starts_with(b"volatile-"), samples })
}
