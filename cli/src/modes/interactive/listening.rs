//! Messages and typing at once: the prompt while SUBSCRIBE or MONITOR goes on.
//!
//! A thread owns the receiving side of the connection and shows what comes above the line being typed. Lines typed
//! meanwhile are sent through a second handle to the same socket. The thread ends when the last subscription does and
//! gives the connection back; Ctrl-C ends a connection that has no such end.

use super::editor::{Announce, LineEditor, Typed};
use super::place;
use crate::connection::Connection;
use crate::format::{Printer, text};
use crate::shell::Shell;
use spinel_resp::request::split_line;
use spinel_resp::value::Value;
use std::io;
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread::{self, JoinHandle};
use std::time::Duration;

/// How long the prompt waits for the reply to a command, so that the reply stands above it. A later reply is shown as
/// messages are.
const REPLY_WAIT: Duration = Duration::from_millis(500);

/// How listening ended.
pub(super) enum Ending {
    /// Lines are commands again.
    Resume,
    /// The program is to end.
    Quit,
}

/// Shows what comes and sends what is typed, until the last subscription ends or the user wants it to.
///
/// `first` is the value that began it. An error means that standard output or the terminal is gone.
pub(super) fn listen(first: &Value, shell: &mut Shell, editor: &mut LineEditor) -> io::Result<Ending> {
    let Some(connection) = shell.session.take_connection() else { return Ok(Ending::Resume) };
    let mut ears = Ears::open(connection, first, shell.printer.clone(), editor.announcer())?;
    let mode = if ears.monitors { "" } else { "(subscribed mode)" };
    let prompt = format!("{}{mode}> ", place(&shell.session));
    println!("Reading messages... (press Ctrl-C to stop, or type a command)");
    loop {
        let typed = editor.read(&prompt);
        if ears.thread.is_finished() {
            shell.session.put_back(ears.close());
            return match typed {
                Typed::Line(line) => super::obey(&line, shell, editor),
                Typed::Interrupt | Typed::End => Ok(Ending::Quit),
            };
        }
        let Typed::Line(line) = typed else {
            ears.hang_up();
            return Ok(reconnect(shell));
        };
        match ears.say(&line) {
            Said::Quit => {
                ears.hang_up();
                return Ok(Ending::Quit);
            }
            Said::Ended => {
                shell.session.put_back(ears.close());
                return Ok(Ending::Resume);
            }
            Said::Continue => {}
        }
    }
}

fn reconnect(shell: &mut Shell) -> Ending {
    if let Err(error) = shell.session.connect() {
        eprintln!("{error}");
    }
    Ending::Resume
}

/// What came of a line typed while listening.
enum Said {
    Continue,
    Quit,
    Ended,
}

/// A connection that is being listened to.
struct Ears {
    /// Ends with the connection, if that still is one.
    thread: JoinHandle<Option<Connection>>,
    /// For sending.
    mouth: Connection,
    /// Told of everything that is no message.
    replies: Receiver<Heard>,
    monitors: bool,
}

/// Something that is no message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Heard {
    /// An answer, with subscriptions left or none to end.
    Reply,
    /// The answer that ended the last subscription, or the end of the connection.
    End,
}

impl Ears {
    fn open(connection: Connection, first: &Value, printer: Printer, announce: Announce) -> io::Result<Self> {
        let mouth = connection.duplicate()?;
        let (sender, replies) = mpsc::channel();
        let mut subscriptions = Subscriptions::default();
        let monitors = subscriptions.observe(first).is_none();
        let thread = thread::spawn(move || show_all(connection, subscriptions, &printer, announce, &sender));
        Ok(Self { thread, mouth, replies, monitors })
    }

    /// Sends a line, unless it is one that ends the listening.
    fn say(&mut self, line: &str) -> Said {
        let Some(words) = split_line(line.as_bytes()) else {
            println!("Invalid argument(s)");
            return Said::Continue;
        };
        let Some(name) = words.first().map(|word| word.to_ascii_lowercase()) else { return Said::Continue };
        if name == b"quit" || name == b"exit" {
            return Said::Quit;
        }
        if self.monitors {
            println!("Press Ctrl-C to stop the monitor first.");
            return Said::Continue;
        }
        // Answers to earlier lines that came late are not the answer to this one.
        while self.replies.try_recv().is_ok() {}
        if self.mouth.send(&words).is_err() {
            return Said::Ended;
        }
        match self.replies.recv_timeout(REPLY_WAIT) {
            Ok(Heard::End) => Said::Ended,
            Ok(Heard::Reply) | Err(_) => Said::Continue,
        }
    }

    /// Waits for the thread to end, which it has or is about to.
    fn close(self) -> Option<Connection> {
        self.thread.join().ok().flatten()
    }

    /// Ends the connection and with it the thread.
    fn hang_up(self) {
        drop(self.replies);
        self.mouth.shut_down();
        // The connection, if there still is one, is of no use any more.
        let _ = self.thread.join();
    }
}

/// Shows every value until the last subscription ends, and returns the connection then.
fn show_all(
    mut connection: Connection,
    mut subscriptions: Subscriptions,
    printer: &Printer,
    mut announce: Announce,
    heard: &Sender<Heard>,
) -> Option<Connection> {
    let tell = |what| {
        // Nobody listens any more when the program is about to end.
        let _ = heard.send(what);
    };
    loop {
        match connection.receive() {
            Ok(value) => {
                announce(String::from_utf8_lossy(&printer.reply(&[], &value)).into_owned());
                match subscriptions.observe(&value) {
                    Some(0) => {
                        tell(Heard::End);
                        return Some(connection);
                    }
                    None if is_message(&value) => {}
                    _ => tell(Heard::Reply),
                }
            }
            Err(error) => {
                // An end that nobody waits for was asked for.
                if heard.send(Heard::End).is_ok() {
                    announce(format!("Error: {error}\n"));
                }
                return None;
            }
        }
    }
}

/// How many subscriptions there are, which the server counts in two sums.
#[derive(Debug, Default)]
struct Subscriptions {
    /// To channels and patterns.
    channels: i64,
    /// To sharded channels.
    shard_channels: i64,
}

impl Subscriptions {
    /// How many subscriptions there are after `value`; nothing if it does not confirm one or the end of one.
    fn observe(&mut self, value: &Value) -> Option<i64> {
        let (Value::Array(elements) | Value::Push(elements)) = value else { return None };
        let [kind, _, Value::Integer(count)] = elements.as_slice() else { return None };
        match text(kind)? {
            b"subscribe" | b"psubscribe" | b"unsubscribe" | b"punsubscribe" => self.channels = *count,
            b"ssubscribe" | b"sunsubscribe" => self.shard_channels = *count,
            _ => return None,
        }
        Some(self.channels + self.shard_channels)
    }
}

/// Whether a value comes from a publisher or is a line of a monitor.
fn is_message(value: &Value) -> bool {
    match value {
        Value::Array(elements) | Value::Push(elements) => elements
            .first()
            .and_then(text)
            .is_some_and(|kind| matches!(kind, b"message" | b"pmessage" | b"smessage" | b"invalidate")),
        Value::Simple(line) => line.first().is_some_and(u8::is_ascii_digit),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::address::Address;
    use crate::format::{Delimiters, OutputFormat};
    use std::io::Write;
    use std::net::TcpListener;

    /// What is shown of `sent`, what is told of it, and whether the connection is given back.
    fn hear(sent: &str, subscriptions: Subscriptions) -> (String, Vec<Heard>, bool) {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let connection =
            Connection::open(&Address::Tcp { host: "127.0.0.1".into(), port }, None, None, None).unwrap();
        listener.accept().unwrap().0.write_all(sent.as_bytes()).unwrap();

        let (shown, texts) = mpsc::channel();
        let announce: Announce = Box::new(move |text| shown.send(text).unwrap());
        let (heard, replies) = mpsc::channel();
        let printer = Printer { format: OutputFormat::Csv, delimiters: Delimiters::default() };
        let kept = show_all(connection, subscriptions, &printer, announce, &heard).is_some();
        drop(heard);
        (texts.iter().collect(), replies.iter().collect(), kept)
    }

    #[test]
    fn listening_ends_with_the_last_subscription_and_keeps_the_connection() {
        let sent = concat!(
            "*3\r\n+message\r\n+a\r\n+x\r\n",
            "*2\r\n+pong\r\n+\r\n",
            "*3\r\n+unsubscribe\r\n+a\r\n:1\r\n",
            "*3\r\n+unsubscribe\r\n+b\r\n:0\r\n",
            "+not ours\r\n"
        );
        let (shown, told, kept) = hear(sent, Subscriptions { channels: 2, shard_channels: 0 });

        let lines: Vec<&str> = shown.lines().collect();
        let messages = [
            "\"message\",\"a\",\"x\"",
            "\"pong\",\"\"",
            "\"unsubscribe\",\"a\",1",
            "\"unsubscribe\",\"b\",0",
        ];
        assert_eq!(lines, messages);
        assert_eq!(told, [Heard::Reply, Heard::Reply, Heard::End]);
        assert!(kept);
    }

    #[test]
    fn listening_ends_with_the_connection() {
        let (shown, told, kept) = hear("+1 [0 x] \"ping\"\r\n", Subscriptions::default());

        assert_eq!(shown, "\"1 [0 x] \\\"ping\\\"\"\nError: Server closed the connection\n");
        assert_eq!(told, [Heard::End]);
        assert!(!kept);
    }

    fn confirmation(kind: &str, count: i64) -> Value {
        Value::Array(vec![Value::Bulk(kind.into()), Value::Bulk(b"c".to_vec()), Value::Integer(count)])
    }

    #[test]
    fn subscriptions_are_counted_in_two_sums() {
        let mut subscriptions = Subscriptions::default();

        assert_eq!(subscriptions.observe(&confirmation("subscribe", 1)), Some(1));
        assert_eq!(subscriptions.observe(&confirmation("psubscribe", 2)), Some(2));
        assert_eq!(subscriptions.observe(&confirmation("ssubscribe", 1)), Some(3));
        assert_eq!(subscriptions.observe(&confirmation("message", 9)), None);
        assert_eq!(subscriptions.observe(&Value::Simple(b"OK".to_vec())), None);
        assert_eq!(subscriptions.observe(&confirmation("punsubscribe", 0)), Some(1));
        assert_eq!(subscriptions.observe(&confirmation("sunsubscribe", 0)), Some(0));
    }

    #[test]
    fn messages_are_told_from_replies() {
        let of_kind = |kind: &str| Value::Push(vec![Value::Bulk(kind.into()), Value::Null]);

        assert!(is_message(&of_kind("message")));
        assert!(is_message(&Value::Simple(b"1700000000.1 [0 ...]".to_vec())));
        assert!(!is_message(&of_kind("pong")));
        assert!(!is_message(&Value::Integer(1)));
    }
}
