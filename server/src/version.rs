//! What the server says about its age.

/// The version of this program.
pub(crate) const SPINEL: &str = env!("CARGO_PKG_VERSION");

/// The Redis release whose behaviour clients may count on; the reasons are in `docs/design/redis-version.md`.
pub(crate) const REDIS: &str = "8.0.0";
