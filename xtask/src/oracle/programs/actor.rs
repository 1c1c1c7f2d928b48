//! One connection of a program: it takes what has arrived and never waits.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};

use crate::Outcome;
use crate::resp::{Connection, Reply, decode};

/// How much is read at once.
const CHUNK: usize = 16 << 10;

/// A connection to one of the servers.
pub(crate) struct Actor {
    stream: TcpStream,
    /// What arrived and is no whole reply yet.
    buffer: Vec<u8>,
    /// The id that its server gave it.
    pub(crate) id: String,
    /// Its own address.
    pub(crate) address: String,
    /// Whether it waits in a blocking command, as its server says.
    pub(crate) is_blocked: bool,
    /// Whether the server closed it.
    pub(crate) is_closed: bool,
    /// What arrived since the step began.
    pub(crate) frames: Vec<Reply>,
}

impl Actor {
    /// Connects to the server at `address`.
    ///
    /// # Errors
    /// When that fails, or the server doesn't tell the connection's id.
    pub(crate) fn open(address: &str, protocol: u8) -> Outcome<Self> {
        let mut connection = Connection::open(address)?;
        if protocol == 3 {
            connection.expect(&["HELLO", "3"])?;
        }
        let id = connection.expect(&["CLIENT", "ID"])?.text();
        let stream = connection.into_stream();
        stream.set_nonblocking(true)?;
        let address = stream.local_addr()?.to_string();
        let buffer = Vec::new();
        Ok(Self { stream, buffer, id, address, is_blocked: false, is_closed: false, frames: Vec::new() })
    }

    /// Sends bytes, few enough for the socket to take them; a connection that is gone shows when it is read.
    pub(crate) fn send(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).unwrap_or_default();
    }

    /// Closes the socket.
    pub(crate) fn close(&mut self) {
        // The server may have closed it before.
        self.stream.shutdown(Shutdown::Both).unwrap_or_default();
        self.is_closed = true;
        self.is_blocked = false;
    }

    /// Takes all replies that have arrived.
    ///
    /// # Errors
    /// When what arrived is no RESP.
    pub(crate) fn gather(&mut self) -> io::Result<()> {
        while !self.is_closed && self.read() {}
        while let Some((reply, used)) = decode(&self.buffer)? {
            self.buffer.drain(..used);
            self.frames.push(reply);
            self.is_blocked = false;
        }
        Ok(())
    }

    /// Reads once; tells whether there may be more.
    fn read(&mut self) -> bool {
        let start = self.buffer.len();
        self.buffer.resize(start + CHUNK, 0);
        let read = self.stream.read(&mut self.buffer[start..]);
        self.buffer.truncate(start + read.as_ref().unwrap_or(&0));
        match read {
            Ok(count) if count > 0 => count == CHUNK,
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => false,
            Ok(_) | Err(_) => {
                self.is_closed = true;
                self.is_blocked = false;
                false
            }
        }
    }
}
