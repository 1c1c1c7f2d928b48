//! A connection's bytes, over TCP, encrypted or not, or a Unix socket, or from within the program.

pub(crate) mod lent;
pub(crate) mod patience;
pub(crate) mod pipe;

use crate::clients::Peer;
use crate::tls::{Arrival, TlsStream};
use crate::worker::Worker;
use std::io;
use std::net::SocketAddr;
use std::os::fd::AsRawFd;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpStream, UnixStream};

/// A connection on its way from the acceptor to a worker, bound to no runtime.
pub(crate) enum Socket {
    Tcp(std::net::TcpStream),
    Unix(std::os::unix::net::UnixStream),
    Tls(Arrival),
}

/// A connection that a part of the program makes for somebody who speaks another protocol, HTTP.
pub(crate) struct Inside {
    pub(crate) pipe: pipe::End,
    pub(crate) origin: Origin,
}

/// Where somebody comes from who speaks another protocol, and where he arrived.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Origin {
    pub(crate) peer: SocketAddr,
    pub(crate) local: SocketAddr,
    /// The number of his connection's descriptor.
    pub(crate) descriptor: i32,
}

impl Origin {
    /// Whether he is on this machine.
    pub(crate) fn is_local(&self) -> bool {
        self.peer.ip().to_canonical().is_loopback()
    }
}

/// A connection in the runtime of its worker.
pub(crate) enum Stream {
    Tcp(TcpStream),
    Unix(UnixStream),
    /// This and the next on the heap, so that others are no larger for them.
    Inside(Box<Inside>),
    Tls(Box<TlsStream>),
}

impl Stream {
    /// Binds a connection to the runtime of the calling thread, after its handshake if it is encrypted. None if that came to
    /// nothing.
    pub(crate) async fn open(socket: Socket, worker: &Worker) -> Option<Stream> {
        match socket {
            Socket::Tcp(stream) => TcpStream::from_std(stream).ok().map(Stream::Tcp),
            Socket::Unix(stream) => UnixStream::from_std(stream).ok().map(Stream::Unix),
            // On the heap, so that the tasks of others are no larger for it.
            Socket::Tls(arrival) => {
                let accepted = Box::pin(worker.handshakes.accept(arrival, worker)).await;
                accepted.map(|stream| Stream::Tls(Box::new(stream)))
            }
        }
    }

    /// Whether the peer is on this machine.
    pub(crate) fn is_local(&self) -> bool {
        let tcp = match self {
            Stream::Tcp(stream) => stream,
            Stream::Tls(stream) => stream.tcp(),
            Stream::Unix(_) => return true,
            Stream::Inside(inside) => return inside.origin.is_local(),
        };
        tcp.peer_addr().is_ok_and(|peer| peer.ip().to_canonical().is_loopback())
    }

    /// Where the connection comes from and arrives.
    pub(crate) fn peer(&self, worker: usize) -> Peer {
        match self {
            Stream::Tcp(stream) => peer_of(stream, worker),
            Stream::Tls(stream) => peer_of(stream.tcp(), worker),
            Stream::Unix(stream) => {
                let address = stream.local_addr().ok();
                let path = address.as_ref().and_then(|address| address.as_pathname());
                let text: Box<str> = path.map_or_else(String::new, |path| path.display().to_string()).into();
                let text: Box<str> = format!("{text}:0").into();
                Peer { address: text.clone(), local: text, descriptor: stream.as_raw_fd(), worker }
            }
            Stream::Inside(inside) => Peer {
                address: inside.origin.peer.to_string().into(),
                local: inside.origin.local.to_string().into(),
                descriptor: inside.origin.descriptor,
                worker,
            },
        }
    }

    /// Does what is polite before a connection ends.
    pub(crate) fn say_goodbye(&mut self) {
        if let Stream::Tls(stream) = self {
            stream.say_goodbye();
        }
    }

    /// Writes what fits without waiting.
    ///
    /// After it would have had to wait, the next bytes to be written must begin with the same ones.
    #[inline]
    pub(crate) fn try_write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Stream::Tcp(stream) => stream.try_write(bytes),
            Stream::Unix(stream) => stream.try_write(bytes),
            Stream::Tls(stream) => stream.try_write(bytes),
            // Nobody is woken when there is room again: whoever waits for that calls `poll_write`.
            Stream::Inside(inside) => {
                let mut nobody = Context::from_waker(Waker::noop());
                match inside.pipe.poll_write(&mut nobody, bytes) {
                    Poll::Ready(written) => written,
                    Poll::Pending => Err(io::ErrorKind::WouldBlock.into()),
                }
            }
        }
    }

    /// The same, waiting until some are written.
    #[inline]
    pub(crate) fn poll_write(&mut self, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match self {
            Stream::Tcp(stream) => Pin::new(stream).poll_write(context, bytes),
            Stream::Unix(stream) => Pin::new(stream).poll_write(context, bytes),
            Stream::Inside(inside) => inside.pipe.poll_write(context, bytes),
            Stream::Tls(stream) => stream.poll_write(context, bytes),
        }
    }
}

fn peer_of(stream: &TcpStream, worker: usize) -> Peer {
    let text = |address: io::Result<SocketAddr>| {
        address.map_or_else(|_| "?:0".into(), |address| address.to_string().into())
    };
    Peer {
        address: text(stream.peer_addr()),
        local: text(stream.local_addr()),
        descriptor: stream.as_raw_fd(),
        worker,
    }
}

impl AsyncRead for Stream {
    #[inline]
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Stream::Tcp(stream) => Pin::new(stream).poll_read(context, buffer),
            Stream::Unix(stream) => Pin::new(stream).poll_read(context, buffer),
            Stream::Inside(inside) => Pin::new(&mut inside.pipe).poll_read(context, buffer),
            Stream::Tls(stream) => stream.poll_read(context, buffer),
        }
    }
}
