//! An encrypted connection, used like any other: bytes in, bytes out.
//!
//! ```text
//! socket ─→ worker's buffer ─ records, opened in order ─→ the reader's buffer
//! socket ←─ worker's buffer ←─ records, sealed ────────── replies
//! ```
//!
//! Records are read and written in buffers that all connections of a worker share. A connection owns memory only for the
//! start of a record that has not arrived whole, and for records that the socket did not take.

use super::terms::Terms;
use rustls::server::UnbufferedServerConnection;
use rustls::unbuffered::{ConnectionState, EncodeError, EncodeTlsData, InsufficientSizeError};
use std::cell::RefCell;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead, ReadBuf};
use tokio::net::TcpStream;

/// Bytes one read takes at most.
const READ_BYTES: usize = 64 * 1024;
/// Room behind the start of a record, or of a message of a handshake, which is of at most 64 KiB and some headers.
const INCOMING_BYTES: usize = READ_BYTES + 80 * 1024;
/// A record holds at most so much. A smaller reader's buffer is no reason to read less.
const RECORD_BYTES: usize = 16 * 1024;
/// Plain bytes that are sealed before the socket is asked to take them: four records.
const SEALED_BYTES: usize = 4 * RECORD_BYTES;
/// The same as records: each has up to 5 bytes of head, 8 of nonce, 17 of tag and kind; and a change of keys may go first.
const OUTGOING_BYTES: usize = SEALED_BYTES + 1024;

/// What the encrypted connections of one worker share. Nobody keeps a borrow while waiting.
#[derive(Default)]
pub(super) struct Buffers {
    incoming: Vec<u8>,
    outgoing: Vec<u8>,
}

impl Buffers {
    /// There are none before the first encrypted connection.
    pub(super) fn shared() -> Rc<RefCell<Buffers>> {
        Rc::default()
    }

    fn make(&mut self) {
        self.incoming.resize(INCOMING_BYTES, 0);
        self.outgoing.resize(OUTGOING_BYTES, 0);
    }
}

/// A connection whose bytes are encrypted.
pub(crate) struct TlsStream {
    tcp: TcpStream,
    tls: UnbufferedServerConnection,
    buffers: Rc<RefCell<Buffers>>,
    /// The start of a record that has not arrived whole.
    partial: Vec<u8>,
    /// What was opened beyond what the reader had room for.
    opened: Vec<u8>,
    /// Records that the socket did not take, and how much of them it did since.
    unsent: Vec<u8>,
    sent: usize,
    /// How many plain bytes are in these, of which the writer has not been told that they are written.
    owed: usize,
    /// Whether nothing more will come.
    has_ended: bool,
}

fn refused(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, error)
}

impl TlsStream {
    /// Starts a handshake.
    pub(super) fn new(tcp: TcpStream, terms: &Terms, buffers: Rc<RefCell<Buffers>>) -> io::Result<TlsStream> {
        let tls = UnbufferedServerConnection::new(Arc::clone(&terms.rules)).map_err(refused)?;
        buffers.borrow_mut().make();
        Ok(TlsStream {
            tcp,
            tls,
            buffers,
            partial: Vec::new(),
            opened: Vec::new(),
            unsent: Vec::new(),
            sent: 0,
            owed: 0,
            has_ended: false,
        })
    }

    /// The connection underneath, for its addresses.
    pub(crate) fn tcp(&self) -> &TcpStream {
        &self.tcp
    }

    /// The certificate that the peer has proved to own, in DER.
    pub(super) fn peer_certificate(&self) -> Option<&[u8]> {
        self.tls.peer_certificates().and_then(|chain| chain.first()).map(|first| &**first)
    }

    pub(super) fn is_handshaking(&self) -> bool {
        self.tls.is_handshaking()
    }

    /// Takes the next step of a handshake with what has come: this is what costs time. Whether anything had.
    pub(super) fn advance(&mut self) -> io::Result<bool> {
        let buffers = Rc::clone(&self.buffers);
        let incoming = &mut buffers.borrow_mut().incoming;
        let held = self.take_partial(incoming);
        let count = match self.tcp.try_read(&mut incoming[held..held + READ_BYTES]) {
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(count) => count,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                self.partial = incoming[..held].to_vec();
                return Ok(false);
            }
            Err(error) => return Err(error),
        };
        let outcome = self.open(&mut incoming[..held + count], &mut ReadBuf::new(&mut []));
        if outcome.is_ok() && self.has_ended && self.is_handshaking() {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        outcome.map(|()| true)
    }

    /// Moves the start of a record to the front of a buffer; its length.
    fn take_partial(&mut self, incoming: &mut [u8]) -> usize {
        let held = std::mem::take(&mut self.partial);
        incoming[..held.len()].copy_from_slice(&held);
        held.len()
    }

    /// Reads at most as much as the buffer has room for, or a record.
    pub(crate) fn poll_read(
        &mut self,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        // What is not for the reader must leave, too: tickets, answers to a change of keys.
        if let Poll::Ready(Err(error)) = self.poll_send(context) {
            return Poll::Ready(Err(error));
        }
        if !self.opened.is_empty() {
            let count = self.opened.len().min(buffer.remaining());
            buffer.put_slice(&self.opened[..count]);
            self.opened.drain(..count);
            return Poll::Ready(Ok(()));
        }
        let before = buffer.filled().len();
        let buffers = Rc::clone(&self.buffers);
        while !self.has_ended && buffer.filled().len() == before {
            let incoming = &mut buffers.borrow_mut().incoming;
            let held = self.partial.len();
            let room = buffer.remaining().clamp(RECORD_BYTES, READ_BYTES);
            let mut read = ReadBuf::new(&mut incoming[held..held + room]);
            ready!(Pin::new(&mut self.tcp).poll_read(context, &mut read))?;
            let count = read.filled().len();
            if count == 0 {
                // Requests say how long they are, so that one that was cut off is not taken for a whole one.
                self.has_ended = true;
                break;
            }
            self.take_partial(incoming);
            self.open(&mut incoming[..held + count], buffer)?;
        }
        Poll::Ready(Ok(()))
    }

    /// Opens all whole records, and keeps what is behind them.
    fn open(&mut self, mut records: &mut [u8], buffer: &mut ReadBuf<'_>) -> io::Result<()> {
        loop {
            let status = self.tls.process_tls_records(records);
            let mut discard = status.discard;
            match status.state {
                Ok(ConnectionState::ReadTraffic(mut traffic)) => {
                    while let Some(record) = traffic.next_record() {
                        let record = record.map_err(refused)?;
                        let (now, later) =
                            record.payload.split_at(record.payload.len().min(buffer.remaining()));
                        buffer.put_slice(now);
                        self.opened.extend_from_slice(later);
                        discard += record.discard;
                    }
                }
                Ok(ConnectionState::EncodeTlsData(message)) => encode(message, &mut self.unsent)?,
                Ok(ConnectionState::TransmitTlsData(message)) => message.done(),
                Ok(ConnectionState::WriteTraffic(_) | ConnectionState::BlockedHandshake) => {
                    let rest = &records[discard..];
                    if rest.len() > INCOMING_BYTES - READ_BYTES {
                        return Err(refused("a message of the handshake is too long"));
                    }
                    self.partial.extend_from_slice(rest);
                    return self.send_now();
                }
                Ok(ConnectionState::PeerClosed | ConnectionState::Closed) => {
                    self.has_ended = true;
                    return Ok(());
                }
                Ok(_) => return Err(refused("data before the handshake was never allowed")),
                Err(error) => {
                    self.alert();
                    return Err(refused(error));
                }
            }
            records = &mut records[discard..];
        }
    }

    /// Tells the peer what is wrong, as far as that goes without waiting.
    fn alert(&mut self) {
        if let Ok(ConnectionState::EncodeTlsData(message)) = self.tls.process_tls_records(&mut []).state
            && encode(message, &mut self.unsent).is_ok()
        {
            // The connection ends anyway.
            let _ = self.send_now();
        }
    }

    /// Sends records that the socket did not take before; what it doesn't take now, either, stays.
    fn send_now(&mut self) -> io::Result<()> {
        while self.sent < self.unsent.len() {
            match self.tcp.try_write(&self.unsent[self.sent..]) {
                Ok(count) => self.sent += count,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error),
            }
        }
        (self.unsent, self.sent) = (Vec::new(), 0);
        Ok(())
    }

    /// Waits until the socket has taken all records.
    pub(super) fn poll_send(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        loop {
            self.send_now()?;
            if self.unsent.is_empty() {
                return Poll::Ready(Ok(()));
            }
            ready!(self.tcp.poll_write_ready(context))?;
        }
    }

    /// Seals and writes some of the bytes, without waiting. Bytes count as written once the socket has taken their
    /// records, so that what a client doesn't read is kept, counted and limited where plain replies are.
    ///
    /// After an error that says that it would have to wait, the next call must be with the same bytes, and perhaps more behind
    /// them: the records of some are made.
    pub(crate) fn try_write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.send_now()?;
        if !self.unsent.is_empty() {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        if self.owed > 0 || bytes.is_empty() {
            let written = self.owed.min(bytes.len());
            self.owed -= written;
            return Ok(written);
        }
        let bytes = &bytes[..bytes.len().min(SEALED_BYTES)];
        let buffers = Rc::clone(&self.buffers);
        let outgoing = &mut buffers.borrow_mut().outgoing;
        let sealed = self.seal(bytes, outgoing)?;
        if !self.unsent.is_empty() {
            // Something had to be said first.
            self.unsent.extend_from_slice(&outgoing[..sealed]);
            self.owed = bytes.len();
            return self.try_write(bytes);
        }
        let mut sent = 0;
        while sent < sealed {
            match self.tcp.try_write(&outgoing[sent..sealed]) {
                Ok(count) => sent += count,
                Err(error) => {
                    self.unsent.extend_from_slice(&outgoing[sent..sealed]);
                    self.owed = bytes.len();
                    return Err(error);
                }
            }
        }
        Ok(bytes.len())
    }

    /// Makes records of bytes; how long they are. What has to go before them is appended to `unsent`.
    fn seal(&mut self, bytes: &[u8], outgoing: &mut [u8]) -> io::Result<usize> {
        loop {
            match self.tls.process_tls_records(&mut []).state.map_err(refused)? {
                ConnectionState::WriteTraffic(mut traffic) => {
                    return traffic.encrypt(bytes, outgoing).map_err(refused);
                }
                ConnectionState::EncodeTlsData(message) => encode(message, &mut self.unsent)?,
                ConnectionState::TransmitTlsData(message) => message.done(),
                _ => return Err(io::ErrorKind::NotConnected.into()),
            }
        }
    }

    /// As [`try_write`](Self::try_write), waiting until some bytes are written.
    pub(crate) fn poll_write(&mut self, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        loop {
            match self.try_write(bytes) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    ready!(self.tcp.poll_write_ready(context))?;
                }
                outcome => return Poll::Ready(outcome),
            }
        }
    }

    /// Says that nothing more will be sent, as far as that goes without waiting. In the middle of a record nothing can be said.
    pub(crate) fn say_goodbye(&mut self) {
        let buffers = Rc::clone(&self.buffers);
        let outgoing = &mut buffers.borrow_mut().outgoing;
        if self.send_now().is_ok()
            && self.unsent.is_empty()
            && let Ok(ConnectionState::WriteTraffic(mut traffic)) =
                self.tls.process_tls_records(&mut []).state
            && let Ok(length) = traffic.queue_close_notify(outgoing)
        {
            // The peer may have gone.
            let _ = self.tcp.try_write(&outgoing[..length]);
        }
    }
}

/// Appends a message of rustls's.
fn encode<Data>(mut message: EncodeTlsData<'_, Data>, unsent: &mut Vec<u8>) -> io::Result<()> {
    let start = unsent.len();
    // It says how long it is.
    if let Err(EncodeError::InsufficientSize(InsufficientSizeError { required_size })) =
        message.encode(&mut [])
    {
        unsent.resize(start + required_size, 0);
        let written = message.encode(&mut unsent[start..]).map_err(refused)?;
        unsent.truncate(start + written);
    }
    Ok(())
}
