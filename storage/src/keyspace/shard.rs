//! One shard: a table of keys. Its stamps are expiry times in Unix milliseconds, its clocks access clocks.

use spinel_types::{HashSeed, Table};

/// The keys whose hashes fall into one shard of a database.
pub struct Shard {
    pub(crate) table: Table,
}

impl Shard {
    pub(crate) const fn new(seed: HashSeed) -> Shard {
        Shard { table: Table::new(seed) }
    }
}
