//! Reading the body of a flight, while it comes.

use super::{Flight, Stage};
use crate::cache::inflow::Next;
use hyper::body::Bytes;
use spinel_types::http_cache::Lost;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use tokio::task::{JoinHandle, spawn_blocking};

/// Reads the body of a flight.
pub(in crate::cache) struct Reader {
    flight: Arc<Flight>,
    seat: usize,
    length: Option<u64>,
    /// What another thread reads from the file.
    pub(super) reading: Option<JoinHandle<Result<Bytes, Lost>>>,
}

impl Reader {
    pub(super) fn new(flight: Arc<Flight>, seat: usize, length: Option<u64>) -> Reader {
        Reader { flight, seat, length, reading: None }
    }

    /// The length of the body, if it was known at its beginning.
    pub(in crate::cache) fn length(&self) -> Option<u64> {
        self.length
    }

    /// The next piece; nothing behind the last one, and an error if the end did not come.
    pub(in crate::cache) fn poll_next(
        &mut self,
        context: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Bytes>>> {
        let cut = || Poll::Ready(Some(Err(io::ErrorKind::UnexpectedEof.into())));
        loop {
            if let Some(reading) = &mut self.reading {
                let outcome = ready!(Pin::new(reading).poll(context));
                self.reading = None;
                let Ok(Ok(bytes)) = outcome else { return cut() };
                self.flight.lock().body.advance(self.seat, bytes.len() as u64);
                return Poll::Ready(Some(Ok(bytes)));
            }
            let mut state = self.flight.lock();
            match state.body.next(self.seat) {
                Next::Piece(piece) => return Poll::Ready(Some(Ok(piece))),
                Next::File(file, part) => {
                    self.reading = Some(spawn_blocking(move || {
                        let mut bytes = vec![0; (part.end - part.start) as usize];
                        file.read(part.start, &mut bytes).map(|()| bytes.into())
                    }));
                }
                Next::Nothing => match &state.stage {
                    Stage::Whole(_) => return Poll::Ready(None),
                    Stage::Asking | Stage::Coming(_) => {
                        state.waiting.push(context.waker().clone());
                        return Poll::Pending;
                    }
                    _ => return cut(),
                },
            }
        }
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        self.flight.lock().body.leave(self.seat);
    }
}
