//! Tasks that move many bytes: commands to the server, snapshots and streams of writes from it.

mod pipe;
mod replica;
mod snapshot;
mod synchronization;

pub(super) use pipe::pipe;
pub(super) use replica::replica;
pub(super) use snapshot::snapshot;
