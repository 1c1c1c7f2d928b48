//! The primary as a client: runs what is no data command in its stream.

use crate::clients::{Flag, Peer};
use crate::server::{Shared, now};
use crate::session::{Output, Session};
use crate::statistics::Meter;
use spinel_storage::durable::{FollowHost, HostReplay};
use spinel_storage::engine::Claim;
use spinel_storage::{DbIndex, Error};
use std::future::poll_fn;
use std::sync::Arc;
use std::task::Poll;

/// A client whom nothing is refused.
pub(super) struct PrimaryClient {
    shared: Arc<Shared>,
    session: Session,
    meter: Meter,
}

impl PrimaryClient {
    /// Of a primary at `address`, connected from `local`.
    pub(super) fn new(shared: &Arc<Shared>, (address, local): (String, String)) -> PrimaryClient {
        let peer = Peer { address: address.into(), local: local.into(), descriptor: -1, worker: 0 };
        let client = shared.clients.enter(peer, shared.acl.server(), now());
        client.set(Flag::Primary, true);
        PrimaryClient {
            shared: Arc::clone(shared),
            session: Session::new(client, true, shared),
            meter: Meter::new(Arc::clone(shared.link_statistics()), Arc::default()),
        }
    }

    /// Whether somebody has ended it.
    pub(super) fn is_killed(&self) -> bool {
        self.session.client.has(Flag::Killed)
    }

    /// Waits until somebody has.
    pub(super) async fn killed(&self) {
        poll_fn(|context| {
            self.session.client.register(context.waker());
            if self.is_killed() { Poll::Ready(()) } else { Poll::Pending }
        })
        .await;
    }
}

impl FollowHost for PrimaryClient {
    fn run<'t>(&mut self, call: HostReplay<'_, 't>, claim: Option<&mut Claim<'t>>) -> Option<Error> {
        let HostReplay { id, words, turn, reply } = call;
        let output = Output { reply, meter: &mut self.meter };
        self.session.execute_host(id, words, (turn, claim), &self.shared, output)
    }

    fn ran(&mut self, bytes: &[u8], db: DbIndex) {
        self.shared.replication.relay(bytes, db);
    }
}

impl Drop for PrimaryClient {
    fn drop(&mut self) {
        self.shared.clients.leave(&self.session.client, &self.shared.engine);
    }
}
