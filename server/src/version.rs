//! What the server says about its age.

/// The version of this program.
pub(crate) const SPINEL: &str = env!("CARGO_PKG_VERSION");

/// The Redis release whose behaviour clients may count on.
pub(crate) const REDIS: &str = spinel_storage::REDIS_VERSION;

/// The same, with a byte for each part.
pub(crate) const REDIS_NUMBER: u32 = 0x0008_0000;
