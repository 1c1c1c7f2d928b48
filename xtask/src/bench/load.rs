//! The load generator: blocking sockets, whole batches, no parsing.
//!
//! Each connection always has one batch on its way. The connections are cut into groups: a group's replies are
//! read, then its next batches are sent, while the server works on the other groups. Within a group the
//! connection that was sent last is read first; when its replies are there the others' usually are too, so that
//! generator and server change places once per group instead of once per connection.

use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use super::request::{Batch, Keys, Reply};
use crate::Outcome;

/// A reply that takes longer means that the server hangs.
const REPLY_LIMIT: Duration = Duration::from_secs(60);

/// How many connections with how many requests on their way in each.
#[derive(Clone, Copy)]
pub(crate) struct Shape {
    pub(crate) connections: usize,
    pub(crate) pipeline: usize,
    /// Groups of connections: 1 where generator and server share a core, several where each has its own.
    pub(crate) groups: usize,
}

/// Connections to one server.
pub(crate) struct Load {
    links: Vec<TcpStream>,
    per_group: usize,
    buffer: Vec<u8>,
}

/// What a run of the generator did.
pub(crate) struct Run {
    /// Requests answered.
    pub(crate) operations: u64,
    /// From the first byte sent to the last reply.
    pub(crate) elapsed: Duration,
}

impl Load {
    /// Opens the connections.
    pub(crate) fn connect(port: u16, shape: Shape) -> Outcome<Self> {
        let links = (0..shape.connections).map(|_| connect(port)).collect::<Outcome<Vec<_>>>()?;
        let per_group = shape.connections.div_ceil(shape.groups);
        Ok(Self { links, per_group, buffer: vec![0; 256 * 1024] })
    }

    /// Sends `operations` requests, rounded down to whole batches on all connections but at least one each.
    ///
    /// # Errors
    /// When a connection breaks, a reply isn't the expected one or stays out for [`REPLY_LIMIT`].
    pub(crate) fn run(&mut self, batch: &mut Batch, keys: &mut Keys, operations: u64) -> Outcome<Run> {
        let per_round = (self.links.len() * batch.pipeline) as u64;
        let rounds = (operations / per_round).max(1);
        let started = Instant::now();
        send(&mut self.links, batch, keys)?;
        for _ in 1..rounds {
            for group in self.links.chunks_mut(self.per_group) {
                receive(group, batch, &mut self.buffer)?;
                send(group, batch, keys)?;
            }
        }
        for group in self.links.chunks_mut(self.per_group) {
            receive(group, batch, &mut self.buffer)?;
        }
        Ok(Run { operations: rounds * per_round, elapsed: started.elapsed() })
    }
}

/// Opens one connection to a server on this machine.
pub(crate) fn connect(port: u16) -> Outcome<TcpStream> {
    let link = TcpStream::connect(("127.0.0.1", port))?;
    link.set_nodelay(true)?;
    link.set_read_timeout(Some(REPLY_LIMIT))?;
    Ok(link)
}

/// Sends one command and returns its reply, which must come in one piece: OK, a number, a short text.
pub(crate) fn ask(link: &mut TcpStream, words: &[&str]) -> Outcome<String> {
    let mut request = format!("*{}\r\n", words.len());
    for word in words {
        let _ = write!(request, "${}\r\n{word}\r\n", word.len());
    }
    link.write_all(request.as_bytes())?;
    let mut reply = vec![0; 64 * 1024];
    let length = link.read(&mut reply)?;
    reply.truncate(length);
    let reply = String::from_utf8_lossy(&reply).into_owned();
    if reply.starts_with('-') {
        Err(format!("{}: {}", words.join(" "), reply.trim_end()).into())
    } else {
        Ok(reply)
    }
}

fn send(links: &mut [TcpStream], batch: &mut Batch, keys: &mut Keys) -> Outcome {
    for link in links {
        link.write_all(batch.fill(keys))?;
    }
    Ok(())
}

fn receive(links: &mut [TcpStream], batch: &Batch, buffer: &mut [u8]) -> Outcome {
    for link in links.iter_mut().rev() {
        match batch.reply {
            Reply::Fixed { bytes, first } => {
                let replies = &mut buffer[..bytes * batch.pipeline];
                link.read_exact(replies)?;
                if let Some(wrong) = replies.chunks_exact(bytes).find(|reply| reply[0] != first) {
                    return Err(unexpected(wrong));
                }
            }
            Reply::Line => receive_lines(link, batch.pipeline, buffer)?,
            Reply::Bulk => receive_lines(link, batch.pipeline * 2, buffer)?,
            Reply::Lines(lines) => receive_lines(link, batch.pipeline * lines, buffer)?,
            Reply::Bulks => receive_bulks(link, batch.pipeline)?,
        }
    }
    Ok(())
}

fn receive_lines(link: &mut TcpStream, mut lines: usize, buffer: &mut [u8]) -> Outcome {
    while lines > 0 {
        let length = link.read(buffer)?;
        let part = &buffer[..length];
        let holds_error = part.first() == Some(&b'-') || part.windows(2).any(|pair| pair == b"\n-");
        if length == 0 || holds_error {
            return Err(unexpected(part));
        }
        lines = lines.saturating_sub(part.split(|&byte| byte == b'\n').count() - 1);
    }
    Ok(())
}

/// Reads arrays of bulk strings: a line that tells the number of elements, and two lines for each of them.
fn receive_bulks(link: &mut TcpStream, arrays: usize) -> Outcome {
    let mut lines = BufReader::new(link);
    let mut line = Vec::new();
    for _ in 0..arrays {
        read_line(&mut lines, &mut line)?;
        let elements = line.strip_prefix(b"*").map(String::from_utf8_lossy);
        let elements: usize =
            elements.and_then(|digits| digits.parse().ok()).ok_or_else(|| unexpected(&line))?;
        for _ in 0..2 * elements {
            read_line(&mut lines, &mut line)?;
        }
    }
    // Each connection has one batch on its way, so that nothing follows.
    assert!(lines.buffer().is_empty(), "a reply to no request");
    Ok(())
}

fn read_line(lines: &mut impl BufRead, line: &mut Vec<u8>) -> Outcome {
    line.clear();
    lines.read_until(b'\n', line)?;
    let length = line.strip_suffix(b"\r\n").ok_or_else(|| unexpected(line))?.len();
    line.truncate(length);
    Ok(())
}

fn unexpected(reply: &[u8]) -> Box<dyn std::error::Error> {
    format!("unexpected reply {:?}", String::from_utf8_lossy(reply)).into()
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;
    use std::thread;

    use super::super::request::Word;
    use super::*;

    /// Answers the first `requests` PINGs of one connection with `reply` and returns how many bytes came.
    fn serve(listener: &TcpListener, bytes: usize, reply: &[u8]) -> Vec<u8> {
        let (mut link, _) = listener.accept().unwrap();
        let mut request = vec![0; bytes];
        link.read_exact(&mut request).unwrap();
        link.write_all(reply).unwrap();
        request
    }

    fn run_against(reply: &'static [u8], expected: Reply) -> (Outcome<Run>, Vec<u8>) {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let server = thread::spawn(move || serve(&listener, 2 * 14, reply));
        let mut load = Load::connect(port, Shape { connections: 1, pipeline: 2, groups: 1 }).unwrap();
        let mut batch = Batch::new(&[Word::Text("PING")], 2, expected);
        let outcome = load.run(&mut batch, &mut Keys::from(0), 2);
        (outcome, server.join().unwrap())
    }

    #[test]
    fn a_run_sends_whole_batches_and_counts_the_replies() {
        let (outcome, sent) = run_against(b"+PONG\r\n+PONG\r\n", Reply::Fixed { bytes: 7, first: b'+' });
        assert_eq!(outcome.unwrap().operations, 2);
        assert_eq!(sent, b"*1\r\n$4\r\nPING\r\n".repeat(2));
    }

    #[test]
    fn replies_of_varying_length_are_counted_by_lines() {
        for (replies, reply) in
            [(&b":1\r\n:10000\r\n"[..], Reply::Line), (b"$1\r\na\r\n$2\r\nbc\r\n", Reply::Bulk)]
        {
            let (outcome, _) = run_against(replies, reply);
            assert_eq!(outcome.unwrap().operations, 2);
        }
    }

    #[test]
    fn arrays_of_bulk_strings_are_read_whole() {
        let (outcome, _) = run_against(b"*2\r\n$1\r\na\r\n$2\r\nbb\r\n*0\r\n", Reply::Bulks);
        assert_eq!(outcome.unwrap().operations, 2);
        let (outcome, _) = run_against(b"*0\r\n-ERR no\r\n", Reply::Bulks);
        assert!(outcome.err().unwrap().to_string().contains("-ERR no"));
    }

    #[test]
    fn an_error_reply_ends_the_run() {
        let (outcome, _) = run_against(b"-ERR no\r\n+PONG\r\n", Reply::Line);
        assert!(outcome.err().unwrap().to_string().contains("-ERR no"));
        let (outcome, _) = run_against(b"+PONG\r\n-NOPE\r\n", Reply::Fixed { bytes: 7, first: b'+' });
        assert!(outcome.err().unwrap().to_string().contains("-NOPE"));
    }
}
