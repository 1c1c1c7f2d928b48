//! An origin that a test plays: it sees each request, and says what comes back and when.

use std::io::{BufRead, BufReader, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, TryRecvError, channel};
use std::thread;
use std::time::Duration;

/// How long a request may take to come before the test fails.
const PATIENCE: Duration = Duration::from_secs(60);

/// An origin on loopback.
pub(super) struct Origin {
    port: u16,
    asked: Receiver<Asked>,
}

/// A request that has come, and waits for its answer.
pub(super) struct Asked {
    /// The head, with lines as they came.
    pub(super) head: String,
    pub(super) body: Vec<u8>,
    answer: Sender<Step>,
    /// Whether the connection is about to be closed.
    is_closed: Arc<AtomicBool>,
}

/// What an origin does next.
enum Step {
    Send(Vec<u8>),
    Close,
}

impl Origin {
    /// Listens on a free port.
    pub(super) fn start() -> Origin {
        let listener = TcpListener::bind("127.0.0.1:0").expect("loopback has a free port");
        let port = listener.local_addr().expect("it is bound").port();
        let (tell, asked) = channel();
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let tell = tell.clone();
                thread::spawn(move || serve(&stream, &tell));
            }
        });
        Origin { port, asked }
    }

    /// What the setting says of it.
    pub(super) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Waits for the next request.
    pub(super) fn next(&self) -> Asked {
        self.asked.recv_timeout(PATIENCE).expect("the origin is asked")
    }

    /// Whether nobody has asked since.
    pub(super) fn is_idle(&self) -> bool {
        matches!(self.asked.try_recv(), Err(TryRecvError::Empty))
    }

    /// Waits for a request and answers it.
    pub(super) fn answer(&self, status: &str, headers: &[&str], body: &str) -> Asked {
        let asked = self.next();
        asked.answer(status, headers, body);
        asked
    }
}

impl Asked {
    /// The request's first line.
    pub(super) fn line(&self) -> &str {
        self.head.lines().next().expect("there is one")
    }

    /// A field of the request.
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        let mut lines = self.head.lines().skip(1).filter_map(|line| line.split_once(": "));
        lines.find(|(found, _)| found.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }

    /// Answers with all of a body.
    pub(super) fn answer(&self, status: &str, headers: &[&str], body: &str) {
        let length = format!("Content-Length: {}", body.len());
        let has_length = headers.iter().any(|line| line.starts_with("Content-Length"));
        let own = [length.as_str()];
        let length = if has_length || status.starts_with("304") { &own[..0] } else { &own[..] };
        self.begin(status, &[headers, length].concat());
        self.send(body.as_bytes());
    }

    /// Sends the head of an answer.
    pub(super) fn begin(&self, status: &str, headers: &[&str]) {
        self.send(format!("HTTP/1.1 {status}\r\n{}\r\n\r\n", headers.join("\r\n")).as_bytes());
    }

    /// Sends bytes, whatever they are.
    pub(super) fn send(&self, bytes: &[u8]) {
        // The connection may have been given up.
        let _ = self.answer.send(Step::Send(bytes.to_vec()));
    }

    /// Closes the connection.
    pub(super) fn close(self) {
        self.is_closed.store(true, Ordering::SeqCst);
        // As above.
        let _ = self.answer.send(Step::Close);
    }
}

/// Reads requests from a connection until either end closes it. What the test says is sent meanwhile.
fn serve(stream: &TcpStream, tell: &Sender<Asked>) {
    let own = || stream.try_clone().expect("it is open");
    let (mut reader, is_closed) = (BufReader::new(own()), Arc::<AtomicBool>::default());
    while let Some((head, body)) = request(&mut reader) {
        // One that came after all was over comes again, on another connection.
        if is_closed.load(Ordering::SeqCst) {
            return;
        }
        let (answer, steps) = channel();
        if tell.send(Asked { head, body, answer, is_closed: Arc::clone(&is_closed) }).is_err() {
            return;
        }
        let stream = own();
        thread::spawn(move || follow(stream, &steps));
    }
}

/// Does what the test says of an answer, until it says no more.
fn follow(mut stream: TcpStream, steps: &Receiver<Step>) {
    for step in steps {
        let done = match step {
            Step::Send(bytes) => stream.write_all(&bytes),
            Step::Close => stream.shutdown(Shutdown::Both),
        };
        if done.is_err() {
            return;
        }
    }
}

fn request(reader: &mut impl BufRead) -> Option<(String, Vec<u8>)> {
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if reader.read_line(&mut head).ok()? == 0 {
            return None;
        }
    }
    let field = |name: &str| {
        let mut lines = head.lines().filter_map(|line| line.split_once(": "));
        lines.find(|(found, _)| found.eq_ignore_ascii_case(name)).map(|(_, value)| value.to_owned())
    };
    let mut body = Vec::new();
    if field("transfer-encoding").is_some() {
        loop {
            let size = usize::from_str_radix(line(reader)?.trim(), 16).ok()?;
            let mut piece = vec![0; size];
            reader.read_exact(&mut piece).ok()?;
            line(reader)?;
            body.append(&mut piece);
            if size == 0 {
                break;
            }
        }
    } else if let Some(length) = field("content-length") {
        body.resize(length.parse().ok()?, 0);
        reader.read_exact(&mut body).ok()?;
    }
    Some((head, body))
}

fn line(reader: &mut impl BufRead) -> Option<String> {
    let mut line = String::new();
    (reader.read_line(&mut line).ok()? > 0).then_some(line)
}
