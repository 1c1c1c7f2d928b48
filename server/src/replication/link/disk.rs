//! How much of what was copied is on disk here, for a primary that waits for that.

use crate::server::Shared;
use spinel_persistence::log::SyncedTo;
use spinel_replication::{Link, LinkStatus, Position};
use spinel_storage::durable::Log;
use spinel_storage::engine::journal::Offset;
use std::future::pending;

/// What the primary has asked to be on disk.
#[derive(Default)]
pub(super) struct Syncing {
    /// Up to which offset of the stream, and when it is there.
    wait: Option<(u64, SyncedTo)>,
    /// Whether it has asked again since.
    is_asked_again: bool,
    /// Without being asked: an offset of the stream, and one of the journal before which the effects stand of what is before it.
    awaited: Option<(u64, Offset)>,
}

impl Syncing {
    /// Notes how much is on disk, as far as that is known without waiting for anything. All that was handed out has run.
    pub(super) fn look(&mut self, link: &mut Link, shared: &Shared) {
        if link.status() != LinkStatus::Connected || self.wait.is_some() {
            return;
        }
        let log = &shared.persistence.log;
        let Some(Position { offset, .. }) = link.position().filter(|_| log.is_on()) else {
            self.awaited = None;
            link.set_synced(None);
            return;
        };
        let (commit, end) = (log.commit(), shared.engine.journal().end());
        if commit.is_durable_to(end) {
            self.awaited = None;
            link.set_synced(Some(offset));
            return;
        }
        if let Some((offset, _)) = self.awaited.take_if(|(_, end)| commit.is_durable_to(*end)) {
            link.set_synced(Some(offset));
        }
        self.awaited.get_or_insert((offset, end));
    }

    /// Brings to disk what has run, whatever the policy, and tells the primary.
    pub(super) fn begin(&mut self, link: &mut Link, log: &Log) {
        if self.wait.is_some() {
            self.is_asked_again = true;
            return;
        }
        let Some(position) = link.position().filter(|_| log.is_on()) else { return };
        match log.undurable() {
            None => link.tell_synced(position.offset),
            Some(wait) => {
                log.want_sync();
                log.wake();
                self.wait = Some((position.offset, wait));
            }
        }
    }

    /// Waits until it is on disk, and returns up to where; nothing if the log has failed.
    pub(super) async fn ended(&mut self) -> Option<u64> {
        match &mut self.wait {
            Some((offset, wait)) => wait.await.is_ok().then_some(*offset),
            None => pending().await,
        }
    }

    /// Tells the primary what has come to be on disk.
    pub(super) fn end(&mut self, offset: Option<u64>, link: &mut Link, log: &Log) {
        self.wait = None;
        if let Some(offset) = offset.filter(|_| log.is_on()) {
            link.tell_synced(offset);
        }
        if std::mem::take(&mut self.is_asked_again) {
            self.begin(link, log);
        }
    }
}
