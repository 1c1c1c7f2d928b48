//! A client that sends any bytes and sees every byte of the replies.

use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, StreamOwned};
use spinel_resp::{Decoder, Value, encode_request};
use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::Arc;
use std::time::Duration;

/// How long a reply may take before the test fails.
const PATIENCE: Duration = Duration::from_secs(60);

/// A connection to a server.
pub struct Client {
    stream: Stream,
    decoder: Decoder,
    /// Bytes that have arrived: of the reply that is being decoded, and behind it.
    received: Vec<u8>,
    /// How many of them the decoder has seen.
    decoded: usize,
}

/// What came from the server.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Received {
    /// A reply and its bytes.
    Reply(Value, Vec<u8>),
    /// The server has closed the connection.
    Closed,
}

impl Client {
    /// Connects to a port of this machine.
    pub fn connect(port: u16) -> Client {
        Client::over(Stream::Plain(connect(port)))
    }

    /// Connects to a port of this machine by TLS, as `localhost`. The error is that of the handshake.
    pub fn connect_tls(port: u16, config: &Arc<ClientConfig>) -> io::Result<Client> {
        let name = ServerName::try_from("localhost").expect("it is a name");
        let tls = ClientConnection::new(Arc::clone(config), name).map_err(io::Error::other)?;
        let mut stream = StreamOwned::new(tls, connect(port));
        while stream.conn.is_handshaking() {
            stream.conn.complete_io(&mut stream.sock)?;
        }
        Ok(Client::over(Stream::Tls(Box::new(stream))))
    }

    fn over(stream: Stream) -> Client {
        Client { stream, decoder: Decoder::new(), received: Vec::new(), decoded: 0 }
    }

    /// The state of the encryption.
    ///
    /// # Panics
    /// When the connection is not encrypted.
    pub fn tls(&mut self) -> &mut ClientConnection {
        match &mut self.stream {
            Stream::Tls(stream) => &mut stream.conn,
            Stream::Plain(_) => panic!("a plain connection"),
        }
    }

    /// Connects and switches to RESP3.
    pub fn connect_resp3(port: u16) -> Client {
        let mut client = Client::connect(port);
        assert!(matches!(client.call(["HELLO", "3"]), Value::Map(_)), "the server speaks RESP3");
        client
    }

    /// Sends bytes as they are. A server that has closed the connection shows in what is received.
    pub fn send_bytes(&mut self, bytes: &[u8]) {
        match self.stream.send(bytes) {
            Ok(()) => {}
            Err(error) if is_closure(error.kind()) => {}
            Err(error) => panic!("can't send: {error}"),
        }
    }

    /// Sends bytes past the encryption.
    pub fn send_raw(&mut self, bytes: &[u8]) {
        let mut tcp = self.stream.tcp();
        tcp.write_all(bytes).expect("the connection is open");
    }

    /// Sends bytes until the server takes no more of them for a moment, or closes the connection.
    pub fn send_what_is_taken(&mut self, bytes: &[u8]) {
        let moment = Duration::from_millis(300);
        self.stream.tcp().set_write_timeout(Some(moment)).expect("it is a time");
        let outcome = self.stream.send(bytes);
        self.stream.tcp().set_write_timeout(Some(PATIENCE)).expect("it is a time");
        if let Err(error) = outcome {
            let kind = error.kind();
            assert!(kind == ErrorKind::WouldBlock || is_closure(kind), "can't send: {error}");
        }
    }

    /// Sends a command without waiting for its reply.
    pub fn send<W: AsRef<[u8]>>(&mut self, words: impl IntoIterator<Item = W>) {
        let mut bytes = Vec::new();
        encode_request(words, &mut bytes);
        self.send_bytes(&bytes);
    }

    /// Says that nothing more will be sent.
    pub fn finish_sending(&mut self) {
        match &mut self.stream {
            Stream::Plain(stream) => stream.shutdown(Shutdown::Write).expect("the connection is open"),
            Stream::Tls(stream) => {
                stream.conn.send_close_notify();
                stream.flush().expect("the connection is open");
            }
        }
    }

    /// Waits for a reply or the end of the connection.
    ///
    /// # Panics
    /// When what comes is no reply, or nothing comes in a minute.
    pub fn receive(&mut self) -> Received {
        loop {
            let (seen, value) =
                self.decoder.decode(&self.received[self.decoded..]).expect("the server sends replies");
            self.decoded += seen;
            if let Some(value) = value {
                let behind = self.received.split_off(self.decoded);
                self.decoded = 0;
                return Received::Reply(value, std::mem::replace(&mut self.received, behind));
            }
            if self.read_more() == 0 {
                let rest = self.received.escape_ascii();
                assert!(self.received.is_empty(), "the connection ended in the middle of a reply: {rest}");
                return Received::Closed;
            }
        }
    }

    fn read_more(&mut self) -> usize {
        let mut piece = [0; 16 * 1024];
        match self.stream.read(&mut piece) {
            Ok(length) => {
                self.received.extend_from_slice(&piece[..length]);
                length
            }
            Err(error) if is_closure(error.kind()) => 0,
            Err(error) => panic!("no reply: {error}"),
        }
    }

    /// Waits for a reply.
    pub fn reply(&mut self) -> Value {
        match self.receive() {
            Received::Reply(value, _) => value,
            Received::Closed => panic!("the server has closed the connection"),
        }
    }

    /// Sends a command and waits for its reply.
    pub fn call<W: AsRef<[u8]>>(&mut self, words: impl IntoIterator<Item = W>) -> Value {
        self.send(words);
        self.reply()
    }

    /// As [`call`](Client::call), for replies that are texts: simple strings, bulks, errors (after `-`), integers.
    pub fn text<W: AsRef<[u8]>>(&mut self, words: impl IntoIterator<Item = W>) -> String {
        text(&self.call(words))
    }

    /// As [`call`](Client::call), for integers.
    pub fn integer<W: AsRef<[u8]>>(&mut self, words: impl IntoIterator<Item = W>) -> i64 {
        match self.call(words) {
            Value::Integer(value) => value,
            other => panic!("not an integer: {other:?}"),
        }
    }

    /// Sends bytes and returns all that comes until the server closes the connection.
    pub fn last_words(&mut self, bytes: &[u8]) -> String {
        self.send_bytes(bytes);
        while self.read_more() > 0 {}
        String::from_utf8_lossy(&std::mem::take(&mut self.received)).into_owned()
    }

    /// Sends bytes and returns the bytes of the next reply.
    pub fn answer(&mut self, bytes: &[u8]) -> String {
        self.send_bytes(bytes);
        match self.receive() {
            Received::Reply(_, bytes) => String::from_utf8_lossy(&bytes).into_owned(),
            Received::Closed => "(closed)".to_owned(),
        }
    }

    /// Tells whether the server has said that it sends no more, before it closed an encrypted connection.
    ///
    /// # Panics
    /// When the connection is not encrypted.
    pub fn has_said_goodbye(&mut self) -> bool {
        self.stream.read(&mut [0]).is_ok_and(|count| count == 0)
    }

    /// Tells whether the server closes the connection without another word.
    pub fn is_closed(&mut self) -> bool {
        self.receive() == Received::Closed
    }
}

/// The bytes of a connection, encrypted or not.
enum Stream {
    Plain(TcpStream),
    Tls(Box<StreamOwned<ClientConnection, TcpStream>>),
}

impl Stream {
    fn tcp(&self) -> &TcpStream {
        match self {
            Stream::Plain(stream) => stream,
            Stream::Tls(stream) => &stream.sock,
        }
    }

    fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        match self {
            Stream::Plain(stream) => stream.write_all(bytes),
            Stream::Tls(stream) => stream.write_all(bytes).and_then(|()| stream.flush()),
        }
    }

    fn read(&mut self, piece: &mut [u8]) -> io::Result<usize> {
        match self {
            Stream::Plain(stream) => stream.read(piece),
            Stream::Tls(stream) => stream.read(piece),
        }
    }
}

fn connect(port: u16) -> TcpStream {
    let stream = TcpStream::connect(("127.0.0.1", port)).expect("the server listens");
    stream.set_read_timeout(Some(PATIENCE)).expect("it is a time");
    stream.set_write_timeout(Some(PATIENCE)).expect("it is a time");
    stream.set_nodelay(true).expect("it is a TCP connection");
    stream
}

/// The text of a value as a person would write it.
fn text(value: &Value) -> String {
    match value {
        Value::Simple(bytes) | Value::Bulk(bytes) | Value::Verbatim { text: bytes, .. } => {
            String::from_utf8_lossy(bytes).into_owned()
        }
        Value::Error(bytes) => format!("-{}", String::from_utf8_lossy(bytes)),
        Value::Integer(value) => value.to_string(),
        Value::Null => "(nil)".to_owned(),
        other => panic!("not a text: {other:?}"),
    }
}

fn is_closure(kind: ErrorKind) -> bool {
    // The last two are what rustls says of a connection that was cut off or refused.
    matches!(
        kind,
        ErrorKind::ConnectionReset
            | ErrorKind::BrokenPipe
            | ErrorKind::ConnectionAborted
            | ErrorKind::UnexpectedEof
            | ErrorKind::InvalidData
    )
}
