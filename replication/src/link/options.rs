//! What a link says of its replica, and what it bears.

use crate::ReplicationId;

/// How a link introduces itself, and what it bears.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LinkOptions {
    /// What the primary is told of who asks, if it wants to know.
    pub credentials: Option<Credentials>,
    /// Where the replica listens.
    pub listening_port: u16,
    /// At which address others find the replica, if it isn't the one it connects from.
    pub announced_address: Option<String>,
    /// The name of the primary, if it is not to be connected to at all.
    pub poisoned_primary: Option<String>,
    /// Streams that are not to be followed.
    pub poisoned_streams: Vec<ReplicationId>,
    /// How long a primary may be silent.
    pub timeout_ms: u64,
    /// How long a command or a transaction of the stream may be. So much memory, and at most the double, may be taken by
    /// what is not whole, besides the places of its words, which take no more than four times as much as the words.
    pub unit_bytes_max: usize,
}

impl Default for LinkOptions {
    fn default() -> LinkOptions {
        LinkOptions {
            credentials: None,
            listening_port: 6379,
            announced_address: None,
            poisoned_primary: None,
            poisoned_streams: Vec::new(),
            timeout_ms: 60_000,
            unit_bytes_max: 4 << 30,
        }
    }
}

/// A password, and maybe a user.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    /// Who; the default user if it is nobody.
    pub user: Option<Vec<u8>>,
    /// His password.
    pub password: Vec<u8>,
}

impl std::fmt::Debug for Credentials {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Credentials").field("user", &self.user).finish_non_exhaustive()
    }
}
