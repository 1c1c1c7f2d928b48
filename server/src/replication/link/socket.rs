//! The connection to a primary, encrypted or not.

use super::Address;
use crate::tls::{Outgoing, Terms};
use std::io;
use std::sync::Arc;
use tokio::net::TcpStream;

/// A connection to a primary.
pub(super) enum Socket {
    Plain(TcpStream),
    Tls(Box<Outgoing>),
}

impl Socket {
    /// Connects, with these terms if it is to be encrypted.
    pub(super) async fn connect(
        Address { host, port }: Address,
        terms: Option<Arc<Terms>>,
    ) -> io::Result<Socket> {
        let tcp = TcpStream::connect((host.as_str(), port)).await?;
        // Without it, small words only arrive later.
        let _ = tcp.set_nodelay(true);
        match terms {
            None => Ok(Socket::Plain(tcp)),
            Some(terms) => Ok(Socket::Tls(Box::new(Outgoing::connect(tcp, &host, &terms).await?))),
        }
    }

    /// The connection underneath.
    pub(super) fn tcp(&self) -> &TcpStream {
        match self {
            Socket::Plain(tcp) => tcp,
            Socket::Tls(tls) => tls.tcp(),
        }
    }

    /// Whether it has something to send of which nobody else knows.
    pub(super) fn has_unsent(&self) -> bool {
        match self {
            Socket::Plain(_) => false,
            Socket::Tls(tls) => tls.has_unsent(),
        }
    }

    /// Reads without waiting.
    pub(super) fn try_read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Socket::Plain(tcp) => tcp.try_read(buffer),
            Socket::Tls(tls) => tls.try_read(buffer),
        }
    }

    /// Writes without waiting.
    pub(super) fn try_write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Socket::Plain(tcp) => tcp.try_write(bytes),
            Socket::Tls(tls) => tls.try_write(bytes),
        }
    }

    /// Waits until something can be read. An error is found by reading.
    pub(super) async fn readable(&self) {
        match self {
            Socket::Tls(tls) if tls.has_opened() => {}
            _ => _ = self.tcp().readable().await,
        }
    }

    /// The same for writing.
    pub(super) async fn writable(&self) {
        // An error is found by writing.
        _ = self.tcp().writable().await;
    }
}
