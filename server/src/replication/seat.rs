//! A replica as a client, and what it has said of itself.

use super::{Address, Transfer};
use crate::clients::Client;
use std::sync::Arc;

/// What a connection has said of itself with `REPLCONF`.
#[derive(Clone, Debug, Default)]
pub(crate) struct Introduction {
    /// The port it serves on.
    pub(crate) port: u16,
    /// The address it is to be known by, if not the one it comes from.
    pub(crate) address: Option<Box<[u8]>>,
    /// It finds the end of a snapshot of which no length was told.
    pub(crate) finds_end: bool,
    /// It takes another name of the stream with the answer to `PSYNC`.
    pub(crate) takes_name: bool,
    /// It wants a snapshot, and nothing of the stream.
    pub(crate) only_snapshot: bool,
    /// Of what it wants the function libraries only, or nothing at all.
    pub(crate) filter: Filter,
}

/// Which parts of a snapshot somebody wants.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) enum Filter {
    /// All.
    #[default]
    All,
    /// The function libraries.
    Functions,
    /// Only what every file has.
    Nothing,
}

/// A replica and its connection.
pub(super) struct Seat {
    pub(super) client: Arc<Client>,
    pub(super) introduction: Introduction,
    /// It said `SYNC`, says nothing afterwards, and is told nothing but the snapshot and the stream.
    pub(super) is_silent: bool,
    /// What it is to be sent, once that has begun.
    pub(super) transfer: Option<Arc<Transfer>>,
}

impl Seat {
    /// How operators know a replica: by its host and the port it serves on.
    pub(super) fn name(&self) -> String {
        format!("{}:{}", String::from_utf8_lossy(&self.address()), self.introduction.port)
    }

    /// Where it serves.
    pub(super) fn place(&self) -> Address {
        let host = String::from_utf8_lossy(&self.address()).into_owned();
        Address { host, port: self.introduction.port }
    }

    pub(super) fn address(&self) -> Vec<u8> {
        match &self.introduction.address {
            Some(address) => address.to_vec(),
            None => self.client.peer.host().as_bytes().to_vec(),
        }
    }
}
