//! When values change their form: what the settings about encodings mean to the engine.

use crate::config::Config;
use crate::config::table::Key;
use spinel_storage::Engine;
use spinel_storage::keyspace::thresholds::Threshold;

/// Makes values change their form at the sizes in force.
pub(crate) fn apply(config: &Config, engine: &Engine) {
    for (threshold, name, _) in Threshold::all() {
        let key = Key::by_name(name.as_bytes()).expect("every threshold has a setting");
        engine.keyspace().thresholds().set(threshold, config.number(key));
    }
}

/// Whether a setting is one of these.
pub(crate) fn concerns(key: Key) -> bool {
    Threshold::all().any(|(_, name, _)| key.setting().name == name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::value::Value;

    #[test]
    fn settings_and_engine_agree_on_the_defaults() {
        for (_, name, default) in Threshold::all() {
            let key = Key::by_name(name.as_bytes()).expect("every threshold has a setting");
            assert_eq!(key.setting().default_value(), Value::Number(default), "{name}");
        }
    }
}
