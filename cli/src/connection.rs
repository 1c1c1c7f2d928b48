//! One socket to a server: words out, values in.

use crate::address::{Address, Family};
use crate::tls::{Security, TlsStream};
use spinel_resp::value::{DecodeError, Decoder, Value, encode_request};
use std::fmt;
use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream, ToSocketAddrs};
use std::os::unix::net::UnixStream;
use std::time::Duration;

/// Bytes read at once: enough for a usual reply in one piece, and for a large one in few.
const READ_BYTES: usize = 64 * 1024;

/// How long a handshake may take where no time to connect is given: as long as servers wait for one.
const HANDSHAKE_PATIENCE: Duration = Duration::from_secs(10);

/// A connected socket with the bytes received but not yet decoded.
#[derive(Debug)]
pub struct Connection {
    stream: Stream,
    decoder: Decoder,
    received: Vec<u8>,
    /// How many bytes at the start of `received` the decoder has taken already.
    used: usize,
}

#[derive(Debug)]
enum Stream {
    Tcp(TcpStream),
    Tls(TlsStream),
    Unix(UnixStream),
}

/// Why no further value can be received.
#[derive(Debug)]
#[non_exhaustive]
pub enum ReceiveError {
    /// The server ended the connection.
    Closed,
    /// The operating system reported an error.
    Io(io::Error),
    /// The bytes received are no reply.
    Malformed(DecodeError),
}

impl fmt::Display for ReceiveError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Closed => formatter.write_str("Server closed the connection"),
            Self::Io(error) => formatter.write_str(&system_text(error)),
            Self::Malformed(DecodeError::UnknownType { found }) => {
                write!(formatter, "Protocol error, got \"{}\" as reply type byte", found.escape_ascii())
            }
            Self::Malformed(error) => write!(formatter, "Protocol error, {error}"),
        }
    }
}

impl std::error::Error for ReceiveError {}

impl Connection {
    /// Connects to `address`, trying every address its name resolves to, those of `family` first, each for at most
    /// `timeout`. With `security` the connection is encrypted; sockets of this machine never are.
    pub fn open(
        address: &Address,
        timeout: Option<Duration>,
        family: Option<Family>,
        security: Option<&Security>,
    ) -> io::Result<Self> {
        let stream = match address {
            Address::Tcp { host, port } => {
                let stream = connect_tcp(host, *port, timeout, family)?;
                match security {
                    Some(security) => {
                        let patience = timeout.unwrap_or(HANDSHAKE_PATIENCE);
                        Stream::Tls(security.connect(stream, host, patience).map_err(io::Error::other)?)
                    }
                    None => Stream::Tcp(stream),
                }
            }
            Address::Unix(path) => Stream::Unix(UnixStream::connect(path)?),
        };
        Ok(Self::over(stream))
    }

    fn over(stream: Stream) -> Self {
        Self { stream, decoder: Decoder::new(), received: Vec::new(), used: 0 }
    }

    /// Sends one command.
    pub fn send(&mut self, words: &[Vec<u8>]) -> io::Result<()> {
        let mut request = Vec::new();
        encode_request(words, &mut request);
        self.send_bytes(&request)
    }

    /// Sends bytes that are commands already.
    pub fn send_bytes(&mut self, bytes: &[u8]) -> io::Result<()> {
        match &mut self.stream {
            Stream::Tcp(stream) => stream.write_all(bytes),
            Stream::Tls(stream) => stream.write_all(bytes),
            Stream::Unix(stream) => stream.write_all(bytes),
        }
    }

    /// Sets how long [`Self::receive`] and [`Self::receive_bytes`] wait for the next bytes; for ever if missing.
    pub fn set_patience(&self, patience: Option<Duration>) -> io::Result<()> {
        match &self.stream {
            Stream::Tcp(stream) => stream.set_read_timeout(patience),
            Stream::Tls(stream) => stream.set_patience(patience),
            Stream::Unix(stream) => stream.set_read_timeout(patience),
        }
    }

    /// Waits for bytes that are no replies and takes up to `most` of them.
    pub fn receive_bytes(&mut self, most: usize) -> Result<Vec<u8>, ReceiveError> {
        if self.used == self.received.len() {
            self.read_more()?;
        }
        let end = self.received.len().min(self.used.saturating_add(most));
        let bytes = self.received[self.used..end].to_vec();
        self.used = end;
        Ok(bytes)
    }

    /// Takes back bytes of [`Self::receive_bytes`], to be received again.
    pub fn give_back(&mut self, bytes: &[u8]) {
        self.received.splice(..self.used, bytes.iter().copied());
        self.used = 0;
    }

    /// Takes a value that has come already, if there is one.
    pub fn received(&mut self) -> Result<Option<Value>, ReceiveError> {
        let (used, value) =
            self.decoder.decode(&self.received[self.used..]).map_err(ReceiveError::Malformed)?;
        self.used += used;
        Ok(value)
    }

    /// Waits for one value, whether a reply or a push. Linear in its size, however it comes in pieces.
    pub fn receive(&mut self) -> Result<Value, ReceiveError> {
        loop {
            match self.received()? {
                Some(value) => return Ok(value),
                None => self.read_more()?,
            }
        }
    }

    fn read_more(&mut self) -> Result<(), ReceiveError> {
        self.received.drain(..self.used);
        self.used = 0;
        let start = self.received.len();
        self.received.resize(start + READ_BYTES, 0);
        let outcome = self.stream.read(&mut self.received[start..]);
        self.received.truncate(start + outcome.as_ref().copied().unwrap_or(0));
        match outcome {
            Ok(0) => Err(ReceiveError::Closed),
            Err(error) if error.kind() != io::ErrorKind::Interrupted => Err(ReceiveError::Io(error)),
            _ => Ok(()),
        }
    }

    /// A second handle to the same socket, so that one thread can send while another waits in [`Self::receive`].
    pub fn duplicate(&self) -> io::Result<Self> {
        let stream = match &self.stream {
            Stream::Tcp(stream) => Stream::Tcp(stream.try_clone()?),
            Stream::Tls(stream) => Stream::Tls(stream.duplicate()),
            Stream::Unix(stream) => Stream::Unix(stream.try_clone()?),
        };
        Ok(Self::over(stream))
    }

    /// Ends the connection in both directions, which also wakes whoever waits in [`Self::receive`].
    pub fn shut_down(&self) {
        // A socket that cannot be shut down is closed already, which is what was asked for.
        let _ = match &self.stream {
            Stream::Tcp(stream) => stream.shutdown(Shutdown::Both),
            Stream::Tls(stream) => stream.shut_down(),
            Stream::Unix(stream) => stream.shutdown(Shutdown::Both),
        };
    }
}

impl Read for Stream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Tcp(stream) => stream.read(buffer),
            Self::Tls(stream) => stream.read(buffer),
            Self::Unix(stream) => stream.read(buffer),
        }
    }
}

fn connect_tcp(
    host: &str,
    port: u16,
    timeout: Option<Duration>,
    family: Option<Family>,
) -> io::Result<TcpStream> {
    let mut outcome = Err(io::Error::new(io::ErrorKind::NotFound, "Name or service not known"));
    let mut addresses: Vec<SocketAddr> = (host, port).to_socket_addrs()?.collect();
    if let Some(family) = family {
        // A stable sort: within a family the order stays the resolver's.
        addresses.sort_by_key(|address| address.is_ipv4() != (family == Family::Ipv4));
    }
    for address in addresses {
        outcome = match timeout {
            Some(timeout) => TcpStream::connect_timeout(&address, timeout),
            None => TcpStream::connect(address),
        };
        if outcome.is_ok() {
            break;
        }
    }
    let stream = outcome?;
    // Each command goes out in one write, so waiting to fill a packet only delays it.
    stream.set_nodelay(true)?;
    Ok(stream)
}

/// The operating system's own words for `error`, without the ones the standard library puts around them.
pub(crate) fn system_text(error: &io::Error) -> String {
    let text = error.to_string();
    let text = text.strip_prefix("failed to lookup address information: ").unwrap_or(&text);
    match text.rsplit_once(" (os error ") {
        Some((text, _)) => text.to_owned(),
        None => text.to_owned(),
    }
}
