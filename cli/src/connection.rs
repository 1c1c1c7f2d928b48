//! One socket to a server: words out, values in.

use crate::address::Address;
use spinel_resp::value::{DecodeError, Decoder, Value, encode_request};
use std::fmt;
use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpStream, ToSocketAddrs};
use std::os::unix::net::UnixStream;
use std::time::Duration;

/// Bytes read at once: enough for a usual reply in one piece, and for a large one in few.
const READ_BYTES: usize = 64 * 1024;

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
    /// Connects to `address`, trying every address its name resolves to, each for at most `timeout`.
    pub fn open(address: &Address, timeout: Option<Duration>) -> io::Result<Self> {
        let stream = match address {
            Address::Tcp { host, port } => Stream::Tcp(connect_tcp(host, *port, timeout)?),
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
        match &mut self.stream {
            Stream::Tcp(stream) => stream.write_all(&request),
            Stream::Unix(stream) => stream.write_all(&request),
        }
    }

    /// Waits for one value, whether a reply or a push. Linear in its size, however it comes in pieces.
    pub fn receive(&mut self) -> Result<Value, ReceiveError> {
        loop {
            let (used, value) =
                self.decoder.decode(&self.received[self.used..]).map_err(ReceiveError::Malformed)?;
            self.used += used;
            match value {
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
            Stream::Unix(stream) => Stream::Unix(stream.try_clone()?),
        };
        Ok(Self::over(stream))
    }

    /// Ends the connection in both directions, which also wakes whoever waits in [`Self::receive`].
    pub fn shut_down(&self) {
        // A socket that cannot be shut down is closed already, which is what was asked for.
        let _ = match &self.stream {
            Stream::Tcp(stream) => stream.shutdown(Shutdown::Both),
            Stream::Unix(stream) => stream.shutdown(Shutdown::Both),
        };
    }
}

impl Read for Stream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Tcp(stream) => stream.read(buffer),
            Self::Unix(stream) => stream.read(buffer),
        }
    }
}

fn connect_tcp(host: &str, port: u16, timeout: Option<Duration>) -> io::Result<TcpStream> {
    let mut outcome = Err(io::Error::new(io::ErrorKind::NotFound, "Name or service not known"));
    for address in (host, port).to_socket_addrs()? {
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
