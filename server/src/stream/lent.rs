//! A connection whose peer gets large blobs without a copy: the system sends the pages in which they lie.

use rustix::fs::sendfile;
use rustix::net::{SendAncillaryBuffer, SendFlags, sendmsg};
use spinel_types::blob::memory_file;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead, AsyncWrite, Interest, ReadBuf};
use tokio::net::TcpStream;

/// So much of a blob is sent at once before others have their turn.
const SENT_AT_ONCE: usize = 1 << 20;

/// A connection that looks where what it is to write lies.
pub(crate) struct Lent(pub(crate) TcpStream);

impl AsyncRead for Lent {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(context, buffer)
    }
}

impl AsyncWrite for Lent {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.poll_write_vectored(context, &[IoSlice::new(bytes)])
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let Some(lent) =
            slices.iter().position(|slice| !slice.is_empty() && memory_file::place_of(slice).is_some())
        else {
            return Pin::new(&mut self.0).poll_write_vectored(context, slices);
        };
        let (before, lent) = (&slices[..lent], &slices[lent]);
        let bytes_before: usize = before.iter().map(|slice| slice.len()).sum();
        loop {
            ready!(self.0.poll_write_ready(context))?;
            let sent = self.0.try_io(Interest::WRITABLE, || send(&self.0, before, bytes_before, lent));
            match sent {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                sent => return Poll::Ready(sent),
            }
        }
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(context)
    }
}

/// Sends what lies elsewhere, and then from the memory file, as much as the socket takes now.
fn send(socket: &TcpStream, before: &[IoSlice<'_>], bytes_before: usize, lent: &[u8]) -> io::Result<usize> {
    let mut sent = 0;
    if bytes_before > 0 {
        // The system keeps the end of it, to send it with what comes next.
        let flags = SendFlags::MORE | SendFlags::NOSIGNAL;
        sent = sendmsg(socket, before, &mut SendAncillaryBuffer::default(), flags)?;
        if sent < bytes_before {
            return Ok(sent);
        }
    }
    let Some((file, place)) = memory_file::place_of(lent) else { return Ok(sent) };
    match sendfile(socket, file, Some(&mut { place }), lent.len().min(SENT_AT_ONCE)) {
        Ok(bytes) => Ok(sent + bytes),
        // The next call tells.
        Err(_) if sent > 0 => Ok(sent),
        Err(error) => Err(error.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use spinel_types::blob::Blob;
    use std::future::poll_fn;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    /// What a peer gets, who begins to read when the socket takes no more.
    async fn sent(pieces: &[&[u8]]) -> Vec<u8> {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port is free");
        let address = listener.local_addr().expect("it is bound");
        let (peer, accepted) = tokio::join!(TcpStream::connect(address), listener.accept());
        let (mut peer, mut lent) = (peer.expect("it listens"), Lent(accepted.expect("it connects").0));
        let send = async {
            let mut pieces: Vec<&[u8]> = pieces.to_vec();
            while !pieces.is_empty() {
                let slices: Vec<_> = pieces.iter().map(|piece| IoSlice::new(piece)).collect();
                let mut count = poll_fn(|context| Pin::new(&mut lent).poll_write_vectored(context, &slices))
                    .await
                    .expect("it takes it");
                while pieces.first().is_some_and(|piece| piece.len() <= count) {
                    count -= pieces.remove(0).len();
                }
                if let Some(first) = pieces.first_mut() {
                    *first = &first[count..];
                }
            }
            lent.shutdown().await.expect("it is open");
        };
        let mut got = Vec::new();
        let ((), read) = tokio::join!(send, peer.read_to_end(&mut got));
        read.expect("it is sent");
        got
    }

    #[tokio::test]
    async fn what_is_sent_is_the_same_wherever_it_lies() {
        let large: Vec<u8> = (0..9_000_001_u32).map(|at| (at % 251) as u8).collect();
        let (blob, other) = (Blob::from(&large[..]), Blob::from(&large[..100_003]));
        for pieces in [
            &[&b"head"[..], &blob[..]][..],
            &[&blob[..], &b"between"[..], &other[..]],
            &[&b"one"[..], &b"two"[..], &other[5..99_001], &b""[..], &blob[4096..5_000_000]],
            &[&other[..]],
            &[&b"nothing is lent"[..]],
        ] {
            assert!(
                sent(pieces).await == pieces.concat(),
                "{:?}",
                pieces.iter().map(|piece| piece.len()).collect::<Vec<_>>()
            );
        }
    }

    #[tokio::test]
    async fn what_is_gone_meanwhile_arrives_as_it_was() {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port is free");
        let address = listener.local_addr().expect("it is bound");
        let (peer, accepted) = tokio::join!(TcpStream::connect(address), listener.accept());
        let (mut peer, mut lent) = (peer.expect("it listens"), Lent(accepted.expect("it connects").0));
        let old = Blob::from(vec![1; 128 << 10]);
        let sent = lent.write(&old).await.expect("there is room");
        drop(old);
        // These take the place of what is gone.
        let new: Vec<Blob> = (0..8).map(|_| Blob::from(vec![2; 128 << 10])).collect();
        let mut got = vec![0; sent];
        peer.read_exact(&mut got).await.expect("it was sent");
        assert!(
            got.iter().all(|byte| *byte == 1) && new.iter().all(|blob| blob.iter().all(|byte| *byte == 2))
        );
    }
}
