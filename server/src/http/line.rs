//! A line: the other end of a connection within the program, on which commands go in and replies come out.
//!
//! The connection has a task of its own, as every connection has. Whoever sends something on the line doesn't wait for the
//! task's turn but runs it at once, so that most replies are there when the call that sent the commands looks for them.

use crate::stream::pipe::{End, pipe};
use spinel_resp::{Decoder, Value, encode_words};
use std::cell::RefCell;
use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker, ready};
use tokio::task::spawn_local;

/// So much memory a line keeps for the next reply.
const KEPT_BYTES_MAX: usize = 4 * 1024;
/// What a word takes in a command beside its bytes, unless it is very long.
const WORD_BYTES: usize = 16;

/// Commands that go out together.
#[derive(Default)]
pub(super) struct Commands {
    bytes: Vec<u8>,
    count: usize,
}

impl Commands {
    /// Adds a command.
    pub(super) fn add<W: AsRef<[u8]>>(&mut self, words: &[W]) {
        self.bytes
            .reserve(words.iter().map(|word| WORD_BYTES + word.as_ref().len()).sum::<usize>() + WORD_BYTES);
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
    pipe: End,
    connection: Rc<Served>,
    decoder: Decoder,
    received: Vec<u8>,
}

impl Line {
    /// A line whose other end is served by what `serve` makes of it.
    pub(super) fn open<S: Future<Output = ()> + 'static>(serve: impl FnOnce(End) -> S) -> Line {
        let (near, far) = pipe();
        let connection = Served::start(serve(far));
        Line { pipe: near, connection, decoder: Decoder::new(), received: Vec::new() }
    }

    /// Whether the connection still takes commands.
    pub(super) fn is_open(&self) -> bool {
        self.pipe.is_open()
    }

    /// Sends commands and waits for their replies. If this is not waited for to its end, or fails, the line is of no more
    /// use.
    pub(super) async fn ask_all(&mut self, commands: &Commands) -> io::Result<Vec<Value>> {
        let mut replies = Vec::with_capacity(commands.count);
        let mut sent = 0;
        poll_fn(|context| {
            // Both at once: who only writes may wait for somebody who waits for him to read.
            self.poll_send(context, &commands.bytes, &mut sent)?;
            while replies.len() < commands.count {
                replies.push(ready!(self.poll_reply(context))?);
            }
            Poll::Ready(io::Result::Ok(()))
        })
        .await?;
        Ok(replies)
    }

    /// As [`ask_all`](Self::ask_all), for one command.
    pub(super) async fn ask(&mut self, command: &Commands) -> io::Result<Value> {
        debug_assert_eq!(command.count, 1);
        let mut sent = 0;
        poll_fn(|context| {
            self.poll_send(context, &command.bytes, &mut sent)?;
            self.poll_reply(context)
        })
        .await
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

    /// Sends what is left of some commands, and takes what comes back meanwhile; nothing when all are sent.
    pub(super) fn poll_exchange(
        &mut self,
        context: &mut Context<'_>,
        commands: Option<&Commands>,
        sent: &mut usize,
    ) -> Poll<io::Result<Option<Value>>> {
        if let Some(commands) = commands {
            self.poll_send(context, &commands.bytes, sent)?;
            if *sent == commands.bytes.len() {
                return Poll::Ready(Ok(None));
            }
        }
        self.poll_receive(context).map_ok(Some)
    }

    /// Sends what the pipe takes, and lets the connection run.
    fn poll_send(&mut self, context: &mut Context<'_>, bytes: &[u8], sent: &mut usize) -> io::Result<()> {
        let before = *sent;
        while *sent < bytes.len() {
            match self.pipe.poll_put(context, &bytes[*sent..]) {
                Poll::Ready(written) => *sent += written?,
                Poll::Pending => break,
            }
        }
        if *sent > before {
            self.connection.run();
        }
        Ok(())
    }

    /// Takes the next reply.
    fn poll_reply(&mut self, context: &mut Context<'_>) -> Poll<io::Result<Value>> {
        loop {
            match ready!(self.poll_receive(context)) {
                Ok(Value::Push(_)) => {}
                reply => return Poll::Ready(reply),
            }
        }
    }

    /// Takes the next reply or message.
    pub(super) fn poll_receive(&mut self, context: &mut Context<'_>) -> Poll<io::Result<Value>> {
        loop {
            let (taken, value) = self.decoder.decode(&self.received).map_err(io::Error::other)?;
            if taken < self.received.len() {
                self.received.drain(..taken);
            } else if self.received.capacity() > KEPT_BYTES_MAX {
                self.received = Vec::new();
            } else {
                self.received.clear();
            }
            if let Some(value) = value {
                return Poll::Ready(Ok(value));
            }
            let before = self.received.len();
            ready!(self.pipe.poll_take(context, &mut self.received));
            if self.received.len() == before {
                return Poll::Ready(Err(io::ErrorKind::UnexpectedEof.into()));
            }
        }
    }
}

/// The connection at the other end of a line: a task, which is run out of turn, too.
struct Served {
    /// Nothing when it has ended.
    connection: RefCell<Option<Pin<Box<dyn Future<Output = ()>>>>>,
    /// Wakes the task. It is the one that waits for whatever the connection waits for, whoever ran it.
    task: RefCell<Option<Waker>>,
}

impl Served {
    fn start(connection: impl Future<Output = ()> + 'static) -> Rc<Served> {
        let connection = RefCell::new(Some(Box::pin(connection) as Pin<Box<dyn Future<Output = ()>>>));
        let served = Rc::new(Served { connection, task: RefCell::default() });
        let own = Rc::clone(&served);
        spawn_local(poll_fn(move |context| {
            own.task.borrow_mut().get_or_insert_with(|| context.waker().clone()).clone_from(context.waker());
            own.poll(context)
        }));
        served
    }

    /// Runs the connection as far as it goes now. One that has not begun will be begun by its task.
    fn run(&self) {
        if let Some(task) = &*self.task.borrow()
            && self.poll(&mut Context::from_waker(task)).is_ready()
        {
            task.wake_by_ref();
        }
    }

    fn poll(&self, context: &mut Context<'_>) -> Poll<()> {
        let mut connection = self.connection.borrow_mut();
        if let Some(running) = &mut *connection {
            ready!(running.as_mut().poll(context));
            *connection = None;
        }
        Poll::Ready(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stream::pipe::PIPE_BYTES;
    use tokio::io::AsyncReadExt;
    use tokio::task::{LocalSet, yield_now};

    fn run(test: impl Future<Output = ()>) {
        let runtime = tokio::runtime::Builder::new_current_thread().build();
        LocalSet::new().block_on(&runtime.expect("a runtime needs no more than memory"), test);
    }

    async fn read(end: &mut End, count: usize) -> Vec<u8> {
        let mut bytes = vec![0; count];
        end.read_exact(&mut bytes).await.expect("all of it comes");
        bytes
    }

    async fn write(end: &End, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            let written = poll_fn(|context| end.poll_write(context, bytes)).await;
            bytes = &bytes[written.expect("somebody reads")..];
        }
    }

    #[test]
    fn replies_come_back_in_their_order_and_messages_are_left_out() {
        run(async {
            let mut line = Line::open(|mut end| async move {
                read(&mut end, 40).await;
                write(&end, b"$1\r\nx\r\n>1\r\n$1\r\nm\r\n_\r\n").await;
                read(&mut end, 20).await;
                write(&end, b":1\r\n").await;
            });
            let mut commands = Commands::one(&["GET", "a"]);
            commands.add(&["GET", "b"]);
            let replies = line.ask_all(&commands).await.expect("the line is open");
            assert_eq!(replies, [Value::Bulk(b"x".to_vec()), Value::Null]);
            let reply = line.ask(&Commands::one(&["DEL", "a"])).await.expect("the line is open");
            assert_eq!(reply, Value::Integer(1));
        });
    }

    #[test]
    fn more_than_the_pipe_holds_goes_both_ways() {
        run(async {
            let large = vec![b'v'; 4 * PIPE_BYTES];
            let command = Commands::one(&[b"ECHO", &large[..]]);
            let count = command.bytes.len();
            let reply_bytes = large.len() + "$262144\r\n\r\n".len();
            let mut line = Line::open(move |mut end| async move {
                let sent = read(&mut end, count).await;
                write(&end, &sent[count - reply_bytes..]).await;
            });
            assert_eq!(line.ask(&command).await.expect("the line is open"), Value::Bulk(large.clone()));
        });
    }

    #[test]
    fn who_sends_commands_runs_the_connection_at_once() {
        run(async {
            let mut line = Line::open(|mut end| async move {
                read(&mut end, 14).await;
                write(&end, b"+PONG\r\n").await;
            });
            // The task has to have begun.
            yield_now().await;
            let command = Commands::one(&["PING"]);
            let mut asked = Box::pin(line.ask(&command));
            let reply = poll_fn(|context| Poll::Ready(asked.as_mut().poll(context))).await;
            assert!(matches!(reply, Poll::Ready(Ok(Value::Simple(_)))), "{reply:?}");
            drop(asked);
            assert!(!line.is_open(), "it has ended, although its task had no turn since");
        });
    }

    #[test]
    fn a_closed_line_says_so() {
        run(async {
            let mut line = Line::open(|end| async move { drop(end) });
            assert!(line.ask(&Commands::one(&["PING"])).await.is_err());
            assert!(!line.is_open());
        });
    }

    #[test]
    fn who_drops_a_line_ends_its_connection() {
        run(async {
            let (told, heard) = tokio::sync::oneshot::channel();
            let line = Line::open(|mut end| async move {
                let mut nothing = Vec::new();
                end.read_to_end(&mut nothing).await.expect("it ends");
                told.send(nothing).expect("somebody listens");
            });
            yield_now().await;
            drop(line);
            assert_eq!(heard.await, Ok(Vec::new()));
        });
    }
}
