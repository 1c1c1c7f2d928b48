//! A primary of which a server is the replica: it has no data, and sends what it is given.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};

use crate::resp::encode;
use crate::{Outcome, server};

/// A file of no keys; a checksum of 0 is not looked at.
const SNAPSHOT: &[u8] = b"REDIS0011\xff\0\0\0\0\0\0\0\0";
const ID: &str = "8a1c3c0d5f7d2b9e4a6f01b2c3d4e5f60718293a";

/// A connection to a replica.
pub(crate) struct Source {
    stream: BufReader<TcpStream>,
    /// Bytes that were sent of the stream.
    sent: u64,
}

impl Source {
    /// Waits for a replica, and gives it what it asks for until it is one.
    ///
    /// # Errors
    /// When it goes, asks for something else, or takes too long.
    pub(crate) fn accept(listener: &TcpListener) -> Outcome<Self> {
        let (stream, _) = listener.accept()?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(server::TIMEOUT))?;
        stream.set_write_timeout(Some(server::TIMEOUT))?;
        let mut source = Self { stream: BufReader::new(stream), sent: 0 };
        loop {
            let words = source.hear()?;
            match words[0].to_ascii_uppercase().as_str() {
                "PING" => source.say(b"+PONG\r\n")?,
                "REPLCONF" => source.say(b"+OK\r\n")?,
                "PSYNC" => break,
                _ => return Err(format!("a replica says {}", words.join(" ")).into()),
            }
        }
        source.say(format!("+FULLRESYNC {ID} 0\r\n${}\r\n", SNAPSHOT.len()).as_bytes())?;
        source.say(SNAPSHOT)?;
        Ok(source)
    }

    /// Sends a part of the stream.
    ///
    /// # Errors
    /// When the replica goes, or doesn't read.
    pub(crate) fn send(&mut self, bytes: &[u8]) -> Outcome {
        self.sent += bytes.len() as u64;
        self.say(bytes)
    }

    /// Waits until the replica says that it has all that was sent.
    ///
    /// # Errors
    /// As above.
    pub(crate) fn wait(&mut self) -> Outcome {
        let wanted = self.sent;
        let mut question = Vec::new();
        encode(&["REPLCONF", "GETACK", "*"], &mut question);
        self.send(&question)?;
        loop {
            let words = self.hear()?;
            let offset = words.iter().position(|word| word == "ACK").and_then(|at| words.get(at + 1));
            if offset.and_then(|offset| offset.parse::<u64>().ok()).is_some_and(|offset| offset >= wanted) {
                return Ok(());
            }
        }
    }

    fn say(&mut self, bytes: &[u8]) -> Outcome {
        Ok(self.stream.get_mut().write_all(bytes)?)
    }

    /// Reads a request; empty lines are signs of life.
    fn hear(&mut self) -> Outcome<Vec<String>> {
        let mut line = self.line()?;
        while line.is_empty() {
            line = self.line()?;
        }
        let count = line.strip_prefix('*').and_then(|count| count.parse::<usize>().ok());
        let word = |_| {
            let length = self.line()?.strip_prefix('$').ok_or("no length of a word")?.parse::<usize>()?;
            let mut word = vec![0; length + 2];
            self.stream.read_exact(&mut word)?;
            Ok(String::from_utf8_lossy(&word[..length]).into_owned())
        };
        let words: Vec<String> =
            (0..count.ok_or("a replica says no request")?).map(word).collect::<Outcome<_>>()?;
        if words.is_empty() { Err("an empty request".into()) } else { Ok(words) }
    }

    fn line(&mut self) -> Outcome<String> {
        let mut line = String::new();
        if self.stream.read_line(&mut line)? == 0 {
            return Err("the replica has closed the connection".into());
        }
        Ok(line.trim_end().to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::thread;
    use std::time::Duration;

    #[test]
    fn a_replica_is_sent_a_snapshot_and_the_stream_until_it_has_it() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let replica = thread::spawn(move || {
            let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
            stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
            let mut say = |words: &[&str], answer: &[u8]| {
                let mut bytes = b"\r\n".to_vec();
                encode(words, &mut bytes);
                stream.write_all(&bytes).unwrap();
                let mut read = vec![0; answer.len()];
                stream.read_exact(&mut read).unwrap();
                assert_eq!(String::from_utf8_lossy(&read), String::from_utf8_lossy(answer));
            };
            say(&["PING"], b"+PONG\r\n");
            say(&["REPLCONF", "capa", "eof"], b"+OK\r\n");
            let start = format!("+FULLRESYNC {ID} 0\r\n$18\r\n");
            say(&["PSYNC", "?", "-1"], &[start.as_bytes(), SNAPSHOT, b"stream"].concat());
            let mut question = Vec::new();
            encode(&["REPLCONF", "GETACK", "*"], &mut question);
            say(&["REPLCONF", "ACK", "5"], &question);
            say(&["REPLCONF", "ACK", "6"], b"");
        });
        let mut source = Source::accept(&listener).unwrap();
        source.send(b"stream").unwrap();
        source.wait().unwrap();
        replica.join().unwrap();
    }
}
