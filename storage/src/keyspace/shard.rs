//! One shard: keys with their values. Stamps are expiry times in Unix milliseconds, clocks access clocks.

use spinel_types::{HashSeed, Values};

/// The keys whose hashes fall into one shard of a database.
pub struct Shard {
    pub(crate) values: Values,
}

impl Shard {
    pub(crate) const fn new(seed: HashSeed) -> Shard {
        Shard { values: Values::new(seed) }
    }
}
