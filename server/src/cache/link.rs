//! A connection to an origin, encrypted or not.

use super::origin::{Origin, Unreachable};
use crate::config::table;
use crate::server::Shared;
use crate::tls::Outgoing;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// The bytes of a connection.
pub(super) enum Link {
    Plain(TcpStream),
    Tls(Box<Outgoing>),
}

impl Link {
    /// Connects to one of the addresses that the origin has, and that may be reached. Names, connections and handshakes have
    /// one time together.
    pub(super) async fn connect(origin: &Origin, shared: &Shared) -> Result<Link, Unreachable> {
        let time = Duration::from_millis(shared.config.number(table::CACHE_ORIGIN_CONNECT_TIMEOUT) as u64);
        let connecting = async {
            let tcp = first_of(&origin.addresses(&shared.config).await?).await?;
            // Without it, small words only arrive later.
            let _ = tcp.set_nodelay(true);
            if !origin.address.is_encrypted {
                return Ok(Link::Plain(tcp));
            }
            let rules = shared.cache.trust(&shared.config)?;
            Ok(Link::Tls(Box::new(Outgoing::shake(tcp, &origin.address.host, rules).await?)))
        };
        timeout(time, connecting)
            .await
            .unwrap_or_else(|_| Err(io::Error::from(io::ErrorKind::TimedOut).into()))
    }

    fn tcp(&self) -> &TcpStream {
        match self {
            Link::Plain(tcp) => tcp,
            Link::Tls(tls) => tls.tcp(),
        }
    }
}

/// A connection to the first address that takes one.
async fn first_of(addresses: &[SocketAddr]) -> io::Result<TcpStream> {
    let mut failure = io::Error::from(io::ErrorKind::NotFound);
    for address in addresses {
        match TcpStream::connect(address).await {
            Ok(tcp) => return Ok(tcp),
            Err(error) => failure = error,
        }
    }
    Err(failure)
}

/// Tries until the socket is ready for it.
fn poll<T>(
    tls: &mut Outgoing,
    context: &mut Context<'_>,
    ready_for: fn(&TcpStream, &mut Context<'_>) -> Poll<io::Result<()>>,
    mut attempt: impl FnMut(&mut Outgoing) -> io::Result<T>,
) -> Poll<io::Result<T>> {
    loop {
        match attempt(tls) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => ready!(ready_for(tls.tcp(), context))?,
            outcome => return Poll::Ready(outcome),
        }
    }
}

impl AsyncRead for Link {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match &mut *self {
            Link::Plain(tcp) => Pin::new(tcp).poll_read(context, buffer),
            Link::Tls(tls) => {
                // An end that nobody has signed may be somebody's who cuts answers short.
                let read = |tls: &mut Outgoing| tls.try_read_to_end(buffer.initialize_unfilled());
                let count = ready!(poll(tls, context, TcpStream::poll_read_ready, read))?;
                buffer.advance(count);
                Poll::Ready(Ok(()))
            }
        }
    }
}

impl AsyncWrite for Link {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        match &mut *self {
            Link::Plain(tcp) => Pin::new(tcp).poll_write(context, bytes),
            Link::Tls(tls) => poll(tls, context, TcpStream::poll_write_ready, |tls| tls.try_write(bytes)),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut *self {
            Link::Plain(_) => Poll::Ready(Ok(())),
            Link::Tls(tls) => poll(tls, context, TcpStream::poll_write_ready, Outgoing::try_flush),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        // Its end is the connection's: nobody writes less than a request.
        Poll::Ready(socket2::SockRef::from(self.tcp()).shutdown(std::net::Shutdown::Write))
    }
}
