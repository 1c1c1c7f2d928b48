//! Replies that are held back until enough replicas have what was written.
//!
//! They stand among what is unsent, and so does all that is replied after them. If replicas don't acknowledge in time, each reply to a
//! write becomes an error before it leaves: the write was made, and nobody can tell whether it will stay. Other replies are as true as
//! before.

use super::Connection;
use super::unsent::Unsent;
use crate::clients::{Flag, Traffic};
use crate::replication::{Outcome, Promise};
use crate::worker::{READ_BYTES, Worker};
use std::io;
use std::ops::Range;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

/// What is said of a write of which the replicas have not said in time that they have it.
const NOT_ACKNOWLEDGED: &[u8] =
    b"-NOQUORUM The write was made, but not acknowledged by enough replicas. It may be lost, or not.\r\n";
const CODE: &str = "NOQUORUM";

/// What a connection holds back. One that has held back something keeps it for the next time.
#[derive(Default)]
pub(super) struct Held {
    promise: Arc<Promise>,
    /// Where the replies to writes stand among what is unsent.
    replies: Vec<Range<usize>>,
    /// Whether nothing may leave.
    is_waiting: bool,
}

impl Held {
    /// The reply to a write stands here among what is unsent.
    pub(super) fn note_reply(&mut self, at: Range<usize>) {
        if !at.is_empty() {
            self.replies.push(at);
        }
    }
}

/// The same replies, with an error for each one that says that something was written. How many these are.
fn without_promises(held: &[u8], out: &mut Vec<u8>) -> u64 {
    let (mut rest, mut count) = (held, 0);
    while !rest.is_empty() {
        let length = spinel_resp::encoded_length(rest).unwrap_or(rest.len());
        let (reply, behind) = rest.split_at(length);
        // An error has promised nothing.
        if matches!(reply.first(), Some(b'-' | b'!')) {
            out.extend_from_slice(reply);
        } else {
            out.extend_from_slice(NOT_ACKNOWLEDGED);
            count += 1;
        }
        rest = behind;
    }
    count
}

/// Puts errors in the place of replies to writes; how many.
fn break_promises(unsent: &mut Unsent, replies: &[Range<usize>]) -> u64 {
    let bytes = unsent.take();
    let (mut out, mut from, mut count) = (Vec::with_capacity(bytes.len()), 0, 0);
    for reply in replies {
        out.extend_from_slice(&bytes[from..reply.start]);
        count += without_promises(&bytes[reply.clone()], &mut out);
        from = reply.end;
    }
    out.extend_from_slice(&bytes[from..]);
    unsent.push(out);
    count
}

impl Connection {
    /// Whether nothing may leave before replicas have acknowledged something.
    pub(super) fn waits_for_replicas(&self) -> bool {
        self.held.as_ref().is_some_and(|held| held.is_waiting)
    }

    /// Holds back the replies of a batch, of which the session owes something. They are about to be put behind what is unsent.
    pub(super) fn hold_back(&mut self, era: u64, worker: &Worker) {
        let Some(debt) = self.session.debt_due() else { return };
        let quorum = std::mem::take(&mut debt.quorum);
        let (base, held) = (self.unsent.len(), self.held.get_or_insert_default());
        debt.replies.drain(..).for_each(|reply| held.note_reply(base + reply.start..base + reply.end));
        let (client, shared) = (&self.session.client, &worker.shared);
        held.is_waiting = true;
        match shared.replication.pledge((client, &held.promise), quorum, era, shared) {
            Outcome::Open => worker.pledged.notify_one(),
            Outcome::Kept => held.release(),
            // It is to be told of by whoever sends the replies.
            Outcome::Broken => {}
        }
    }

    /// Lets replies go that wait no more.
    pub(super) fn poll_held(&mut self, worker: &Worker) -> Poll<()> {
        let Some(held) = self.held.as_mut().filter(|held| held.is_waiting) else { return Poll::Ready(()) };
        match held.promise.outcome() {
            Outcome::Open => return Poll::Pending,
            Outcome::Kept => {}
            Outcome::Broken => {
                let count = break_promises(&mut self.unsent, &held.replies);
                let desk = worker.desk.borrow();
                (0..count).for_each(|_| desk.meter.statistics.count_error(CODE));
            }
        }
        held.release();
        Poll::Ready(())
    }

    /// Waits until replies need not be held back any more, and keeps what comes meanwhile. Fails if the client goes.
    pub(super) fn poll_replicas(
        &mut self,
        context: &mut Context<'_>,
        worker: &Worker,
    ) -> Poll<io::Result<()>> {
        if self.session.client.has(Flag::Killed) {
            return Poll::Ready(Err(io::ErrorKind::ConnectionAborted.into()));
        }
        if self.poll_held(worker).is_ready() {
            return Poll::Ready(Ok(()));
        }
        while self.partial.len() < READ_BYTES {
            let read = ready!(self.poll_read(context, worker))?;
            if read == 0 {
                return Poll::Ready(Err(io::ErrorKind::ConnectionAborted.into()));
            }
            self.keep_input(read, worker);
            let input_bytes = read as u64;
            self.session.client.add(Traffic { input_bytes, ..Traffic::default() });
            worker.desk.borrow().meter.statistics.input_bytes.add(input_bytes);
        }
        Poll::Pending
    }
}

impl Held {
    fn release(&mut self) {
        self.is_waiting = false;
        self.replies.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_says_that_something_was_written_becomes_an_error() {
        let mut unsent = Unsent::default();
        unsent.copy(b"$1\r\nx\r\n");
        unsent.push(b"+OK\r\n-WRONGTYPE no\r\n*2\r\n:1\r\n:2\r\n$3\r\nget\r\n:5\r\n_\r\n".to_vec());
        let told = break_promises(&mut unsent, &[7..39, 48..52]);
        assert_eq!(told, 3);
        let mut expected = b"$1\r\nx\r\n".to_vec();
        expected.extend_from_slice(NOT_ACKNOWLEDGED);
        expected.extend_from_slice(b"-WRONGTYPE no\r\n");
        expected.extend_from_slice(NOT_ACKNOWLEDGED);
        expected.extend_from_slice(b"$3\r\nget\r\n");
        expected.extend_from_slice(NOT_ACKNOWLEDGED);
        expected.extend_from_slice(b"_\r\n");
        assert_eq!(String::from_utf8_lossy(unsent.first()), String::from_utf8_lossy(&expected));
        assert_eq!(unsent.len(), expected.len());
    }
}
