//! The sizes at which collections change their form: some sequences run with small ones, so that they are met.

use super::generate::Call;
use crate::random::Random;

/// The settings, each with its default and with values that a few calls reach.
const SETTINGS: [(&str, &str, [&str; 4]); 12] = [
    ("hash-max-listpack-entries", "512", ["0", "1", "3", "8"]),
    ("hash-max-listpack-value", "64", ["0", "1", "5", "12"]),
    ("list-compress-depth", "0", ["0", "1", "1", "3"]),
    ("list-max-listpack-size", "-2", ["1", "3", "8", "-1"]),
    ("set-max-intset-entries", "512", ["0", "1", "3", "8"]),
    ("set-max-listpack-entries", "128", ["0", "1", "3", "8"]),
    ("set-max-listpack-value", "64", ["0", "1", "5", "12"]),
    ("zset-max-listpack-entries", "128", ["0", "1", "3", "8"]),
    ("zset-max-listpack-value", "64", ["0", "1", "5", "12"]),
    ("stream-node-max-bytes", "4096", ["0", "100", "300", "1000"]),
    ("stream-node-max-entries", "100", ["0", "1", "3", "8"]),
    ("hll-sparse-max-bytes", "3000", ["0", "20", "40", "100"]),
];

/// Returns the call that sets all to their defaults.
pub(crate) fn defaults() -> Call {
    config_set(|default, _| default)
}

/// Returns a call that sets all to small values.
pub(crate) fn small(random: &mut Random) -> Call {
    config_set(|_, small| random.pick(small))
}

fn config_set(mut choose: impl FnMut(&'static str, &'static [&'static str]) -> &'static str) -> Call {
    let pairs = SETTINGS.iter().flat_map(|(name, default, small)| [*name, choose(default, small)]);
    ["CONFIG", "SET"].into_iter().chain(pairs).map(Into::into).collect()
}
