//! Which keys are worth keeping: what the settings about eviction mean to the engine.

use crate::config::value::Value;
use crate::config::{Config, table};
use spinel_storage::Engine;
use spinel_storage::keyspace::access::AccessPolicy;

/// Makes the engine note when, or how often, keys are used, as the policy asks.
pub(crate) fn apply(config: &Config, engine: &Engine) {
    let number = Value::Number(config.number(table::MAXMEMORY_POLICY));
    let name = table::MAXMEMORY_POLICY.setting().show(&number);
    engine.set_access_policy(if name.ends_with(b"-lfu") {
        AccessPolicy::Frequency {
            log_factor: config.number(table::LFU_LOG_FACTOR) as u32,
            decay_minutes: config.number(table::LFU_DECAY_TIME) as u32,
        }
    } else {
        AccessPolicy::Recency
    });
}
