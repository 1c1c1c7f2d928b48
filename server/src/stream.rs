//! A connection's bytes, over TCP or a Unix socket, or from within the program.

use crate::clients::Peer;
use std::io::{self, IoSlice};
use std::net::SocketAddr;
use std::os::fd::AsRawFd;
use std::pin::Pin;
use std::task::{Context, Poll};
use tokio::io::{AsyncRead, AsyncWrite, DuplexStream, ReadBuf};
use tokio::net::{TcpStream, UnixStream};

/// A connection on its way from the acceptor to a worker, bound to no runtime.
pub(crate) enum Socket {
    Tcp(std::net::TcpStream),
    Unix(std::os::unix::net::UnixStream),
    Inside(Inside),
}

/// A connection that a part of the program makes for somebody who speaks another protocol, HTTP.
pub(crate) struct Inside {
    pub(crate) pipe: DuplexStream,
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
    Inside(Inside),
}

impl Stream {
    /// Binds a connection to the runtime of the calling thread.
    pub(crate) fn new(socket: Socket) -> io::Result<Stream> {
        match socket {
            Socket::Tcp(stream) => TcpStream::from_std(stream).map(Stream::Tcp),
            Socket::Unix(stream) => UnixStream::from_std(stream).map(Stream::Unix),
            Socket::Inside(inside) => Ok(Stream::Inside(inside)),
        }
    }

    /// Whether the peer is on this machine.
    pub(crate) fn is_local(&self) -> bool {
        match self {
            Stream::Tcp(stream) => {
                stream.peer_addr().is_ok_and(|peer| peer.ip().to_canonical().is_loopback())
            }
            Stream::Unix(_) => true,
            Stream::Inside(inside) => inside.origin.is_local(),
        }
    }

    /// Where the connection comes from and arrives.
    pub(crate) fn peer(&self, worker: usize) -> Peer {
        match self {
            Stream::Tcp(stream) => {
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
            Stream::Unix(stream) => {
                let address = stream.local_addr().ok();
                let path = address.as_ref().and_then(|address| address.as_pathname());
                let text: Box<str> = path.map_or_else(String::new, |path| path.display().to_string()).into();
                let text: Box<str> = format!("{text}:0").into();
                Peer { address: text.clone(), local: text, descriptor: stream.as_raw_fd(), worker }
            }
            Stream::Inside(Inside { origin, .. }) => Peer {
                address: origin.peer.to_string().into(),
                local: origin.local.to_string().into(),
                descriptor: origin.descriptor,
                worker,
            },
        }
    }

    /// Writes what fits without waiting.
    #[inline]
    pub(crate) fn try_write(&self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Stream::Tcp(stream) => stream.try_write(bytes),
            Stream::Unix(stream) => stream.try_write(bytes),
            // A pipe is written to while its task is polled only.
            Stream::Inside(_) => Err(io::ErrorKind::WouldBlock.into()),
        }
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
        }
    }
}

impl AsyncWrite for Stream {
    #[inline]
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Stream::Tcp(stream) => Pin::new(stream).poll_write(context, bytes),
            Stream::Unix(stream) => Pin::new(stream).poll_write(context, bytes),
            Stream::Inside(inside) => Pin::new(&mut inside.pipe).poll_write(context, bytes),
        }
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Stream::Tcp(stream) => Pin::new(stream).poll_write_vectored(context, slices),
            Stream::Unix(stream) => Pin::new(stream).poll_write_vectored(context, slices),
            Stream::Inside(inside) => Pin::new(&mut inside.pipe).poll_write_vectored(context, slices),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Stream::Tcp(stream) => Pin::new(stream).poll_shutdown(context),
            Stream::Unix(stream) => Pin::new(stream).poll_shutdown(context),
            Stream::Inside(inside) => Pin::new(&mut inside.pipe).poll_shutdown(context),
        }
    }
}
