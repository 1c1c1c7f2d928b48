//! Compressed bodies on their way to clients.
//!
//! A frame is only to be unpacked from its beginning. So whoever wants what lies far behind has to pass over all before it, which
//! takes a second for half a gigabyte: other threads do that, in steps, so that few of them serve many clients in turn, and one who
//! leaves ends it. Whatever is wanted, in memory are one piece of it and what the decoder looks back at.

use hyper::body::Bytes;
use spinel_types::http_cache::{Lost, Packed, Unpacker};
use std::future::Future;
use std::num::NonZero;
use std::ops::Range;
use std::pin::Pin;
use std::sync::{Arc, LazyLock};
use std::task::{Context, Poll, ready};
use std::thread;
use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;

/// So much is unpacked where it is wanted: it takes less time than to wait for another thread.
const AT_ONCE_BYTES: u64 = 32 << 10;
/// So much is passed over in a step, in some milliseconds.
const STEP_BYTES: u64 = 4 << 20;
/// So much of what is passed over is in memory at once.
const PASSED_BYTES: u64 = 64 << 10;

/// How many threads unpack at the same time: so many that half of the cores are left to those who serve clients.
static SEATS: LazyLock<Semaphore> =
    LazyLock::new(|| Semaphore::new(thread::available_parallelism().map_or(1, NonZero::get).div_ceil(2)));

/// How far a body is unpacked.
struct Progress {
    unpacker: Unpacker,
    at: u64,
}

/// The bytes that are wanted, if they are reached.
type Step = Result<(Progress, Option<Bytes>), Lost>;

/// A body that is unpacked, piece by piece.
pub(super) struct Unpacking {
    body: Arc<Packed>,
    /// Nothing while it is at its beginning, or another thread has it.
    progress: Option<Progress>,
    step: Option<Pin<Box<dyn Future<Output = Step>>>>,
}

impl Unpacking {
    pub(super) fn new(body: &Arc<Packed>) -> Unpacking {
        Unpacking { body: Arc::clone(body), progress: None, step: None }
    }

    /// Reads bytes, all that are asked for: from where it is, or from the beginning if it has gone past them. Whoever is told to
    /// wait asks for the same again.
    pub(super) fn poll_read(
        &mut self,
        part: &Range<u64>,
        context: &mut Context<'_>,
    ) -> Poll<Result<Bytes, Lost>> {
        loop {
            let (progress, bytes) = if let Some(step) = &mut self.step {
                let outcome = ready!(step.as_mut().poll(context));
                self.step = None;
                outcome?
            } else {
                let progress = Progress::towards(part, self.progress.take())?;
                if part.end - progress.at > AT_ONCE_BYTES {
                    self.step = Some(Box::pin(elsewhere(Arc::clone(&self.body), progress, part.clone())));
                    continue;
                }
                progress.step(&self.body, part)?
            };
            self.progress = Some(progress);
            if let Some(bytes) = bytes {
                return Poll::Ready(Ok(bytes));
            }
        }
    }
}

/// Does a step on another thread, when one may.
async fn elsewhere(body: Arc<Packed>, progress: Progress, part: Range<u64>) -> Step {
    // Nobody closes the semaphore.
    let _seat = SEATS.acquire().await.map_err(|_| Lost)?;
    spawn_blocking(move || progress.step(&body, &part)).await.unwrap_or(Err(Lost))
}

impl Progress {
    /// From where a part is to be reached.
    fn towards(part: &Range<u64>, progress: Option<Progress>) -> Result<Progress, Lost> {
        match progress.filter(|progress| progress.at <= part.start) {
            Some(progress) => Ok(progress),
            None => Ok(Progress { unpacker: Unpacker::new()?, at: 0 }),
        }
    }

    /// Goes on towards a part, and unpacks it when it is reached.
    fn step(mut self, body: &Packed, part: &Range<u64>) -> Step {
        let end = part.start.min(self.at + STEP_BYTES);
        let mut passed = vec![0; (end - self.at).min(PASSED_BYTES) as usize];
        while self.at < end {
            let count = (end - self.at).min(PASSED_BYTES) as usize;
            self.fill(body, &mut passed[..count])?;
        }
        if self.at < part.start {
            return Ok((self, None));
        }
        let mut bytes = vec![0; (part.end - part.start) as usize];
        self.fill(body, &mut bytes)?;
        Ok((self, Some(bytes.into())))
    }

    fn fill(&mut self, body: &Packed, bytes: &mut [u8]) -> Result<(), Lost> {
        self.at += bytes.len() as u64;
        if self.unpacker.next(body, bytes)? == bytes.len() { Ok(()) } else { Err(Lost) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use spinel_types::http_cache::Body;
    use std::future::poll_fn;
    use std::task::Waker;
    use tokio::runtime::Builder;

    const BYTES: u64 = 3 * STEP_BYTES;

    /// Which byte stands at a place.
    fn byte(at: u64) -> u8 {
        (at >> 10) as u8
    }

    fn unpacking() -> Unpacking {
        let bytes: Vec<u8> = (0..BYTES).map(byte).collect();
        match Body::packed(&bytes) {
            Body::Packed(packed) => Unpacking::new(&packed),
            _ => panic!("it is worth it"),
        }
    }

    #[test]
    fn parts_are_unpacked_in_any_order() {
        let runtime = Builder::new_current_thread().build().expect("there are threads");
        runtime.block_on(async {
            let mut unpacking = unpacking();
            for start in [0, 1, BYTES - 10, 100, 2 * STEP_BYTES - 3, 2 * STEP_BYTES + 7, STEP_BYTES, 50] {
                let part = start..start + 10;
                let bytes = poll_fn(|context| unpacking.poll_read(&part, context)).await;
                assert_eq!(bytes, Ok(part.map(byte).collect::<Vec<u8>>().into()), "{start}");
            }
        });
    }

    #[test]
    fn what_takes_long_is_done_by_others() {
        let runtime = Builder::new_current_thread().build().expect("there are threads");
        let _inside = runtime.enter();
        let mut unpacking = unpacking();
        let mut waits = |part: Range<u64>| {
            let mut context = Context::from_waker(Waker::noop());
            unpacking.poll_read(&part, &mut context).is_pending()
        };
        assert!(!waits(0..AT_ONCE_BYTES));
        assert!(!waits(AT_ONCE_BYTES..2 * AT_ONCE_BYTES), "it goes on where it is");
        assert!(waits(BYTES - 1..BYTES));
        assert!(unpacking.progress.is_none() && unpacking.step.is_some());
    }

    #[test]
    fn what_breaks_off_is_lost() {
        let runtime = Builder::new_current_thread().build().expect("there are threads");
        let mut unpacking = unpacking();
        let behind = BYTES - 1..BYTES + 1;
        let bytes = runtime.block_on(poll_fn(|context| unpacking.poll_read(&behind, context)));
        assert_eq!(bytes, Err(Lost));
    }
}
