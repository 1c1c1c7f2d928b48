//! What an origin says before it answers (1xx, such as 103 with links that a browser may fetch meanwhile), and how it gets to the client.
//!
//! ```text
//! origin ─ hyper's client ──→ Hints ──→ relay, beside what makes the answer ──→ Line ─ client
//! ```
//!
//! Hyper's server has no way to send it, so it is written to the connection itself, between what Hyper writes: an answer has not begun
//! before it is there, and what came before is written when Hyper has flushed it. Where that is not so, or the socket is full, hints are
//! dropped: nobody depends on them.

use super::fields;
use crate::stream::lent::Lent;
use crate::stream::patience::Patient;
use http::{HeaderMap, Request, StatusCode, Version};
use hyper::ext::on_informational;
use std::cell::RefCell;
use std::future::poll_fn;
use std::io::{self, IoSlice};
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

/// How many bytes of hints may be sent with one answer.
const BYTES_MAX: usize = 32 * 1024;

/// Takes what an origin says before it answers, for one client.
pub(super) struct Hints(UnboundedSender<Vec<u8>>);

impl Hints {
    /// Has what the origin says before it answers this request handed over, as this server passes it on.
    pub(super) fn listen<B>(&self, request: &mut Request<B>, name: &str) {
        let (hints, name) = (self.0.clone(), name.to_owned());
        on_informational(request, move |hint| {
            // That an origin goes on reading is told by who reads for it.
            let is_for_us = matches!(hint.status(), StatusCode::CONTINUE | StatusCode::SWITCHING_PROTOCOLS);
            if !is_for_us {
                // The client may be gone.
                let _ = hints.send(written(hint.status(), hint.headers(), &name));
            }
        });
    }
}

/// A hint as it is sent.
fn written(status: StatusCode, headers: &HeaderMap, name: &str) -> Vec<u8> {
    let mut headers = fields::forwarded(headers);
    fields::receive(&mut headers, (Version::HTTP_11, status), name);
    let reason = status.canonical_reason().unwrap_or_default();
    let mut text = format!("HTTP/1.1 {} {reason}\r\n", status.as_u16()).into_bytes();
    for (name, value) in &headers {
        text.extend([name.as_str().as_bytes(), b": ", value.as_bytes(), b"\r\n"].concat());
    }
    text.extend_from_slice(b"\r\n");
    text
}

/// Somebody who takes hints, and where they are read.
pub(super) fn pair() -> (Hints, UnboundedReceiver<Vec<u8>>) {
    let (sender, receiver) = unbounded_channel();
    (Hints(sender), receiver)
}

/// Waits for an answer, and sends the hints that come before it.
pub(super) async fn relay<A>(
    line: &Line,
    mut hints: UnboundedReceiver<Vec<u8>>,
    answer: impl Future<Output = A>,
) -> A {
    let mut answer = pin!(answer);
    let mut room = BYTES_MAX;
    poll_fn(|context| {
        while let Poll::Ready(Some(hint)) = hints.poll_recv(context) {
            if hint.len() <= room {
                room -= hint.len();
                line.insert(&hint, context);
            }
        }
        answer.as_mut().poll(context)
    })
    .await
}

/// A connection of a client, which Hyper and hints are written to.
#[derive(Clone)]
pub(super) struct Line(Rc<RefCell<Ends>>);

struct Ends {
    stream: Patient<Lent>,
    /// Whether all that was written was flushed, so that no message is under way.
    is_between: bool,
    /// What of a hint the socket has not taken yet.
    left: Vec<u8>,
}

impl Line {
    pub(super) fn new(stream: Patient<Lent>) -> Line {
        Line(Rc::new(RefCell::new(Ends { stream, is_between: true, left: Vec::new() })))
    }

    /// Writes a hint, if no message is under way.
    fn insert(&self, hint: &[u8], context: &mut Context<'_>) {
        let mut ends = self.0.borrow_mut();
        if ends.is_between {
            ends.left.extend_from_slice(hint);
            // An error comes again when the answer is written.
            let _ = ends.poll_hints(context);
        }
    }
}

impl Ends {
    /// Writes what is left of hints.
    fn poll_hints(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.left.is_empty() {
            let taken = ready!(Pin::new(&mut self.stream).poll_write(context, &self.left))?;
            self.left.drain(..taken);
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncRead for Line {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0.borrow_mut().stream).poll_read(context, buffer)
    }
}

impl AsyncWrite for Line {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.poll_write_vectored(context, &[IoSlice::new(bytes)])
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let mut ends = self.0.borrow_mut();
        ends.is_between = false;
        ready!(ends.poll_hints(context))?;
        Pin::new(&mut ends.stream).poll_write_vectored(context, slices)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    /// Hyper flushes when it has nothing more to write.
    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut ends = self.0.borrow_mut();
        ready!(ends.poll_hints(context))?;
        ready!(Pin::new(&mut ends.stream).poll_flush(context))?;
        ends.is_between = true;
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0.borrow_mut().stream).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::{TcpListener, TcpStream};

    #[tokio::test]
    async fn hints_come_between_messages_only() {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port is free");
        let address = listener.local_addr().expect("it is bound");
        let (peer, accepted) = tokio::join!(TcpStream::connect(address), listener.accept());
        let mut peer = peer.expect("it listens");
        let line = Line::new(Patient::new(Lent(accepted.expect("it connects").0)));
        let insert = |hint: &'static [u8]| {
            let line = line.clone();
            poll_fn(move |context| {
                line.insert(hint, context);
                Poll::Ready(())
            })
        };
        let mut hyper = line.clone();
        insert(b"<1>").await;
        hyper.write_all(b"one").await.expect("there is room");
        insert(b"<within a message>").await;
        hyper.flush().await.expect("there is room");
        insert(b"<2>").await;
        insert(b"<3>").await;
        hyper.write_all(b"two").await.expect("there is room");
        hyper.shutdown().await.expect("it is open");
        let mut got = String::new();
        peer.read_to_string(&mut got).await.expect("it is sent");
        assert_eq!(got, "<1>one<2><3>two");
    }

    #[test]
    fn what_is_for_one_connection_stays_there() {
        let mut headers = HeaderMap::new();
        for (name, value) in [("link", "</a>"), ("connection", "x"), ("x", "1"), ("set-cookie", "a=b")] {
            headers.insert(name, http::HeaderValue::from_static(value));
        }
        let text = written(StatusCode::EARLY_HINTS, &headers, "me");
        let expected = "HTTP/1.1 103 Early Hints\r\nlink: </a>\r\nset-cookie: a=b\r\nvia: 1.1 me\r\n\r\n";
        assert_eq!(String::from_utf8_lossy(&text), expected);
    }
}
