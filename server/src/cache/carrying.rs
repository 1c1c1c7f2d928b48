//! Bringing the body of an answer that is stored, to all who want it and to where it stays.

use super::download::Download;
use super::flight::{Head, Pilot};
use super::journey::put;
use super::stock::Stock;
use super::store;
use super::visit::Visit;
use crate::config::table;
use crate::server::now;
use hyper::body::{Body, Bytes, Frame};
use spinel_storage::bodies::{DiskBodies, Draft};
use spinel_types::blob::Blob;
use spinel_types::http_cache::{self, Opened};
use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use tokio::task::spawn_blocking;

/// So much is written to a file at once.
const BATCH_BYTES: usize = 128 << 10;
/// A body is compressed at once if that takes no longer than to answer some other requests: 16 KiB at 200 MB a second.
const COMPRESSED_AT_ONCE_BYTES: usize = 16 << 10;

/// An answer whose body is on its way.
pub(super) struct Carrying {
    visit: Rc<Visit>,
    pilot: Pilot,
    stock: Stock,
    head: Arc<Head>,
    hold: Hold,
    limits: Limits,
    /// How many bytes have come.
    bytes: u64,
    /// And how many of them since something was written.
    unwritten_bytes: usize,
}

/// Where a body is kept that comes.
enum Hold {
    Memory,
    File(Draft),
    /// It is stored, or is not going to be.
    Nowhere,
}

/// What a body may have.
struct Limits {
    /// The longest body that is stored.
    body: u64,
    /// Memory of all bodies that are under way.
    transit: u64,
    /// Bodies at least this long are for files, if there are any.
    disk: u64,
}

impl Carrying {
    /// Makes ready for a body, of which so many bytes are stored at most.
    pub(super) fn new(
        (visit, stock): (Rc<Visit>, Stock),
        (pilot, head): (Pilot, Arc<Head>),
        bytes_max: u64,
    ) -> Carrying {
        let config = &visit.worker().shared.config;
        let disk = store::file_bytes_min(visit.worker());
        let transit = config.number(table::CACHE_TRANSIT_MAX) as u64;
        let limits = Limits { body: bytes_max, transit, disk };
        let mut carrying =
            Carrying { visit, pilot, stock, head, hold: Hold::Memory, limits, bytes: 0, unwritten_bytes: 0 };
        carrying.expect_length();
        carrying
    }

    /// Who brings it.
    pub(super) fn pilot(&self) -> &Pilot {
        &self.pilot
    }

    /// The head of the answer.
    pub(super) fn head(&self) -> &Arc<Head> {
        &self.head
    }

    /// Decides by the length, if that is known: whether there is memory for all of it, or room in files at all.
    fn expect_length(&mut self) {
        let Some(length) = self.head.length else { return };
        let is_expected = match self.bodies() {
            Some(bodies) if length >= self.limits.disk => bodies.fits(length, self.visit.place().1),
            _ => self.pilot.claim(length, self.limits.transit),
        };
        if !is_expected {
            self.give_up();
        }
    }

    fn bodies(&self) -> Option<&Arc<DiskBodies>> {
        self.visit.worker().shared.engine.keyspace().bodies()
    }

    /// Brings the body, and stores the answer when its last piece is there, before anybody has it: who asks again then finds it.
    pub(super) async fn carry(mut self, mut body: Download) {
        while self.pilot.room().await {
            let piece = match next(&mut body).await {
                Some(Ok(frame)) => frame.into_data().unwrap_or_default(),
                Some(Err(_)) => return self.pilot.end_body(false),
                None => {
                    self.store(&Bytes::new()).await;
                    return self.pilot.end_body(true);
                }
            };
            self.expect(&piece).await;
            if body.is_end_stream() {
                self.store(&piece).await;
            }
            self.unwritten_bytes += piece.len();
            self.pilot.add(piece);
            if self.unwritten_bytes >= BATCH_BYTES {
                self.write(Vec::new()).await;
            }
        }
    }

    /// Decides where a body is kept of which there will be one more piece.
    async fn expect(&mut self, piece: &Bytes) {
        self.bytes += piece.len() as u64;
        if matches!(self.hold, Hold::Nowhere) {
            return;
        }
        if self.bytes > self.limits.body {
            return self.give_up();
        }
        if matches!(self.hold, Hold::File(_)) {
            return;
        }
        if self.head.length.unwrap_or(self.bytes) >= self.limits.disk {
            self.begin_file().await;
        } else if !self.pilot.claim_more(piece.len(), self.limits.transit) {
            self.give_up();
        }
    }

    /// It is not going to be stored.
    fn give_up(&mut self) {
        self.hold = Hold::Nowhere;
        self.pilot.give_up_storing();
    }

    /// Lets it go to a file from now on.
    async fn begin_file(&mut self) {
        let Some(bodies) = self.bodies().map(Arc::clone) else { return };
        let key_bytes = self.visit.place().1.len();
        match spawn_blocking(move || bodies.begin_draft(key_bytes)).await {
            Ok(Ok(draft)) => {
                self.pilot.write_to(draft.opened());
                self.hold = Hold::File(draft);
                self.write(Vec::new()).await;
            }
            _ => self.give_up(),
        }
    }

    /// Writes what has come, and these pieces, which nobody has yet, if it goes to a file. No more comes meanwhile.
    async fn write(&mut self, last: Vec<Bytes>) {
        self.unwritten_bytes = 0;
        let mut draft = match std::mem::replace(&mut self.hold, Hold::Nowhere) {
            Hold::File(draft) => draft,
            other => {
                self.hold = other;
                return;
            }
        };
        let pieces = self.pilot.unwritten();
        let count = pieces.len();
        let written = spawn_blocking(move || {
            pieces.iter().chain(&last).try_for_each(|piece| draft.append(piece)).map(|()| draft)
        });
        match written.await {
            Ok(Ok(draft)) => {
                self.pilot.note_written(count);
                self.hold = Hold::File(draft);
            }
            _ => self.give_up(),
        }
    }

    /// Stores the answer, of which this is the last piece.
    async fn store(&mut self, last: &Bytes) {
        if matches!(self.hold, Hold::File(_)) {
            self.write(vec![last.clone()]).await;
        }
        let body = match std::mem::replace(&mut self.hold, Hold::Nowhere) {
            Hold::Nowhere => return,
            Hold::Memory => http_cache::Body::Plain(self.pilot.body(last)),
            Hold::File(draft) => {
                // Whoever reads the journal gets them, and they must not be read from the file while the entry is locked.
                let is_told = self.visit.worker().shared.engine.journal().has_readers();
                let bytes = if is_told { read(draft.opened(), draft.len()).await } else { None };
                draft.finish(self.visit.place(), bytes, now().0)
            }
        };
        let mut parts = http_cache::Parts { body, ..self.head.variant.to_parts() };
        let (length, is_filed) = (parts.body.as_ref().len(), parts.body.as_ref().filed().is_some());
        let is_for_disk = &mut parts.numbers.is_for_disk;
        *is_for_disk |= is_filed;
        let is_for_file = store::is_for_file(self.visit.worker(), *is_for_disk, length);
        if self.visit.keeping().compresses && !is_filed && !is_for_file {
            parts.body = compressed(parts.body).await;
        }
        put(&self.visit, (&self.pilot, &self.stock), parts.into());
    }
}

/// The same body, compressed if that is worth it. One that takes long is not compressed by this thread, which serves others meanwhile.
async fn compressed(body: http_cache::Body) -> http_cache::Body {
    if body.as_ref().len() <= COMPRESSED_AT_ONCE_BYTES {
        return body.compressed();
    }
    let plain = body.clone();
    spawn_blocking(move || body.compressed()).await.unwrap_or(plain)
}

/// All of a file.
async fn read(file: Arc<dyn Opened>, length: u64) -> Option<Blob> {
    let read = spawn_blocking(move || {
        let mut bytes = vec![0; length as usize];
        file.read(0, &mut bytes).map(|()| Blob::from(bytes))
    });
    read.await.ok()?.ok()
}

async fn next(body: &mut Download) -> Option<io::Result<Frame<Bytes>>> {
    poll_fn(|context| Pin::new(&mut *body).poll_frame(context)).await
}
