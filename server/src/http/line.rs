//! A line: the other end of a connection within the program, on which commands go in and replies come out.

use spinel_resp::{Decoder, Value, encode_words};
use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use tokio::io::{AsyncRead, AsyncWrite, DuplexStream, ReadBuf};

/// What a pipe holds in each direction.
const PIPE_BYTES: usize = 64 * 1024;
/// What is taken from a pipe at once.
const READ_BYTES: usize = 16 * 1024;

/// Commands that go out together.
#[derive(Default)]
pub(super) struct Commands {
    bytes: Vec<u8>,
    count: usize,
}

impl Commands {
    /// Adds a command.
    pub(super) fn add<W: AsRef<[u8]>>(&mut self, words: &[W]) {
        encode_words(words, &mut self.bytes);
        self.count += 1;
    }

    /// One command.
    pub(super) fn one<W: AsRef<[u8]>>(words: &[W]) -> Commands {
        let mut commands = Commands::default();
        commands.add(words);
        commands
    }
}

/// One end of a pipe; a connection serves the other one. Dropping it ends that connection.
pub(super) struct Line {
    pipe: DuplexStream,
    decoder: Decoder,
    received: Vec<u8>,
}

impl Line {
    /// A line, and its other end.
    pub(super) fn new() -> (Line, DuplexStream) {
        let (pipe, other) = tokio::io::duplex(PIPE_BYTES);
        (Line { pipe, decoder: Decoder::new(), received: Vec::new() }, other)
    }

    /// Sends commands and waits for their replies. If this is not waited for to its end, or fails, the line is of no more
    /// use.
    pub(super) async fn ask(&mut self, commands: &Commands) -> io::Result<Vec<Value>> {
        let mut replies = Vec::with_capacity(commands.count);
        let mut sent = 0;
        poll_fn(|context| {
            // Both at once: who only writes may wait for somebody who waits for him to read.
            self.poll_send(context, &commands.bytes, &mut sent)?;
            while replies.len() < commands.count {
                match self.poll_receive(context) {
                    Poll::Ready(Ok(Value::Push(_))) => {}
                    Poll::Ready(reply) => replies.push(reply?),
                    Poll::Pending => return Poll::Pending,
                }
            }
            Poll::Ready(io::Result::Ok(()))
        })
        .await?;
        Ok(replies)
    }

    /// Sends commands; what comes back is for [`poll_receive`](Self::poll_receive).
    pub(super) async fn tell(&mut self, commands: &Commands) -> io::Result<()> {
        let mut sent = 0;
        poll_fn(|context| {
            self.poll_send(context, &commands.bytes, &mut sent)?;
            if sent < commands.bytes.len() { Poll::Pending } else { Poll::Ready(Ok(())) }
        })
        .await
    }

    fn poll_send(&mut self, context: &mut Context<'_>, bytes: &[u8], sent: &mut usize) -> io::Result<()> {
        while *sent < bytes.len() {
            match Pin::new(&mut self.pipe).poll_write(context, &bytes[*sent..]) {
                Poll::Ready(written) => *sent += written?,
                Poll::Pending => break,
            }
        }
        Ok(())
    }

    /// Takes the next reply or message.
    pub(super) fn poll_receive(&mut self, context: &mut Context<'_>) -> Poll<io::Result<Value>> {
        loop {
            let (taken, value) = self.decoder.decode(&self.received).map_err(io::Error::other)?;
            if taken == self.received.len() {
                self.received.clear();
            } else {
                self.received.drain(..taken);
            }
            if let Some(value) = value {
                return Poll::Ready(Ok(value));
            }
            match self.poll_read(context) {
                Poll::Ready(read) => read?,
                Poll::Pending => return Poll::Pending,
            }
        }
    }

    /// Reads what is there; the end is an error.
    fn poll_read(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut piece = [std::mem::MaybeUninit::uninit(); READ_BYTES];
        let mut buffer = ReadBuf::uninit(&mut piece);
        match Pin::new(&mut self.pipe).poll_read(context, &mut buffer) {
            Poll::Ready(Ok(())) if buffer.filled().is_empty() => {
                Poll::Ready(Err(io::ErrorKind::UnexpectedEof.into()))
            }
            Poll::Ready(Ok(())) => {
                self.received.extend_from_slice(buffer.filled());
                Poll::Ready(Ok(()))
            }
            other => other,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    fn run(test: impl Future<Output = ()>) {
        let runtime = tokio::runtime::Builder::new_current_thread().build();
        runtime.expect("a runtime needs no more than memory").block_on(test);
    }

    #[test]
    fn replies_come_back_in_their_order_and_messages_are_left_out() {
        run(async {
            let (mut line, mut other) = Line::new();
            let mut commands = Commands::one(&["GET", "a"]);
            commands.add(&["GET", "b"]);
            let serve = async {
                let mut sent = [0; 40];
                other.read_exact(&mut sent).await.expect("both commands come");
                other.write_all(b"$1\r\nx\r\n>1\r\n$1\r\nm\r\n_\r\n").await.expect("somebody reads");
            };
            let (replies, ()) = tokio::join!(line.ask(&commands), serve);
            assert_eq!(replies.expect("the line is open"), [Value::Bulk(b"x".to_vec()), Value::Null]);
        });
    }

    #[test]
    fn more_than_the_pipe_holds_goes_both_ways() {
        run(async {
            let (mut line, mut other) = Line::new();
            let large = vec![b'v'; 4 * PIPE_BYTES];
            let commands = Commands::one(&[b"ECHO", &large[..]]);
            let serve = async {
                let mut sent = vec![0; commands.bytes.len()];
                other.read_exact(&mut sent).await.expect("all of it comes");
                let reply = &sent[sent.len() - large.len() - "$262144\r\n\r\n".len()..];
                other.write_all(reply).await.expect("somebody reads");
            };
            let (replies, ()) = tokio::join!(line.ask(&commands), serve);
            assert_eq!(replies.expect("the line is open"), [Value::Bulk(large.clone())]);
        });
    }

    #[test]
    fn a_closed_line_says_so() {
        run(async {
            let (mut line, other) = Line::new();
            drop(other);
            assert!(line.ask(&Commands::one(&["PING"])).await.is_err());
        });
    }
}
