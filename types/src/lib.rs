//! The data types of SpinelDB: packed entries, the slab arena and the hash table they live in.
