//! An encrypted connection, of which one thread may read while another writes.
//!
//! Who reads the socket holds `incoming`, who writes to it holds `outgoing`, and both wait for the socket without the
//! keys: these (`state`) are held only while records are opened or sealed. So a reader goes on while a writer waits for a
//! server that does not read, which in turn waits for this reader. Who holds `outgoing` may take `state`, never the
//! other way round.

use super::trouble;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection};
use std::fmt;
use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError};
use std::time::Duration;

/// Bytes that are read, and plain bytes that are sealed, at once: four records.
const PIECE_BYTES: usize = 64 * 1024;

/// A handle to an encrypted connection. The connection ends when its last handle is dropped.
pub(crate) struct TlsStream(Arc<Shared>);

struct Shared {
    socket: TcpStream,
    state: Mutex<ClientConnection>,
    incoming: Mutex<Incoming>,
    /// Room for records that are on their way.
    outgoing: Mutex<Vec<u8>>,
    /// Whether there was a certificate to show, on which a refusal depends.
    has_certificate: bool,
}

/// Records that have come, of which some are opened already.
struct Incoming {
    bytes: Vec<u8>,
    used: usize,
    length: usize,
}

impl TlsStream {
    /// Does the handshake, waiting so long for each of the server's answers.
    pub(super) fn connect(
        mut socket: TcpStream,
        config: Arc<ClientConfig>,
        name: ServerName<'static>,
        patience: Duration,
    ) -> io::Result<Self> {
        let has_certificate = config.client_auth_cert_resolver.has_certs();
        let mut state = ClientConnection::new(config, name).map_err(io::Error::other)?;
        state.set_buffer_limit(None);
        socket.set_read_timeout(Some(patience))?;
        socket.set_write_timeout(Some(patience))?;
        while state.is_handshaking() {
            state.complete_io(&mut socket)?;
        }
        socket.set_read_timeout(None)?;
        socket.set_write_timeout(None)?;
        Ok(Self(Arc::new(Shared {
            socket,
            state: Mutex::new(state),
            incoming: Mutex::new(Incoming { bytes: vec![0; PIECE_BYTES], used: 0, length: 0 }),
            outgoing: Mutex::default(),
            has_certificate,
        })))
    }

    /// Another handle to the same connection.
    pub(crate) fn duplicate(&self) -> Self {
        Self(Arc::clone(&self.0))
    }

    /// Sets how long [`Self::read`] waits for something to come; for ever if missing.
    pub(crate) fn set_patience(&self, patience: Option<Duration>) -> io::Result<()> {
        self.0.socket.set_read_timeout(patience)
    }

    /// Waits for bytes; none are the end of the connection.
    pub(crate) fn read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut incoming = lock(&self.0.incoming);
        loop {
            let opened = self.0.open(&mut incoming, buffer);
            // An answer to a change of keys, or why this connection ends. It fails only where nothing can be said.
            let _ = self.0.send_pending();
            if let Some(count) = opened? {
                return Ok(count);
            }
            let Incoming { bytes, used, length } = &mut *incoming;
            (*used, *length) = (0, 0);
            *length = (&self.0.socket).read(bytes)?;
            if *length == 0 {
                // Replies say how long they are, so that one that was cut off is not taken for a whole one.
                return Ok(0);
            }
        }
    }

    /// Sends all bytes.
    pub(crate) fn write_all(&self, bytes: &[u8]) -> io::Result<()> {
        let mut outgoing = lock(&self.0.outgoing);
        for piece in bytes.chunks(PIECE_BYTES) {
            {
                let mut state = lock(&self.0.state);
                state.writer().write_all(piece)?;
                seal(&mut state, &mut outgoing)?;
            }
            if let Err(error) = (&self.0.socket).write_all(&outgoing) {
                drop(outgoing);
                return Err(self.0.last_words().unwrap_or(error));
            }
        }
        Ok(())
    }

    /// Ends the connection in both directions, which also wakes whoever reads.
    pub(crate) fn shut_down(&self) -> io::Result<()> {
        lock(&self.0.state).send_close_notify();
        // A server that does not read is not told.
        let _ = self.0.send_pending();
        self.0.socket.shutdown(Shutdown::Both)
    }
}

impl Shared {
    /// Opens records until there are plain bytes, and takes as many as there is room for; nothing if more must come.
    fn open(&self, incoming: &mut Incoming, buffer: &mut [u8]) -> io::Result<Option<usize>> {
        let mut state = lock(&self.state);
        loop {
            match state.reader().read(buffer) {
                Ok(count) => return Ok(Some(count)),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Err(error),
            }
            let mut rest = &incoming.bytes[incoming.used..incoming.length];
            if rest.is_empty() {
                return Ok(None);
            }
            incoming.used += state.read_tls(&mut rest)?;
            state.process_new_packets().map_err(|error| {
                io::Error::new(
                    io::ErrorKind::InvalidData,
                    trouble::explain(&error, "none", self.has_certificate),
                )
            })?;
        }
    }

    /// Sends what is to be said besides bytes of whoever writes, unless somebody is writing, who says it then.
    fn send_pending(&self) -> io::Result<()> {
        let mut outgoing = match self.outgoing.try_lock() {
            Ok(outgoing) => outgoing,
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            Err(TryLockError::WouldBlock) => return Ok(()),
        };
        seal(&mut lock(&self.state), &mut outgoing)?;
        if outgoing.is_empty() { Ok(()) } else { (&self.socket).write_all(&outgoing) }
    }

    /// Why the server ended a connection on which nothing can be sent any more, if it said so.
    fn last_words(&self) -> Option<io::Error> {
        let mut incoming = self.incoming.try_lock().ok()?;
        let Incoming { bytes, used, length } = &mut *incoming;
        if used == length {
            // It is at its end: this doesn't wait.
            (*used, *length) = (0, (&self.socket).read(bytes).ok()?);
        }
        self.open(&mut incoming, &mut [0; 1]).err()
    }
}

/// Takes the records that are ready to be sent.
fn seal(state: &mut ClientConnection, outgoing: &mut Vec<u8>) -> io::Result<()> {
    outgoing.clear();
    while state.wants_write() {
        state.write_tls(outgoing)?;
    }
    Ok(())
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Drop for Shared {
    fn drop(&mut self) {
        let state = self.state.get_mut().unwrap_or_else(PoisonError::into_inner);
        state.send_close_notify();
        let mut farewell = Vec::new();
        // A server that does not read is not told, and nobody waits for it.
        if seal(state, &mut farewell).is_ok() && self.socket.set_nonblocking(true).is_ok() {
            let _ = (&self.socket).write(&farewell);
        }
    }
}

impl fmt::Debug for TlsStream {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_tuple("TlsStream").field(&self.0.socket).finish()
    }
}
