//! What the server says about its age.

/// The version of this program.
pub(crate) const SPINEL: &str = env!("CARGO_PKG_VERSION");

/// The Redis release whose behaviour clients may count on; the reasons are in `docs/design/redis-version.md`.
pub(crate) const REDIS: &str = "8.0.0";

/// The same, with a byte for each part.
pub(crate) const REDIS_NUMBER: u32 = 0x0008_0000;
