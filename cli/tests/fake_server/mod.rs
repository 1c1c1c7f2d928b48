//! A server that answers with fixed bytes, and the program run against it.

use spinel_resp::value::{Value, decode};
use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Command, Output, Stdio};
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread;

/// What the server does with a command.
pub(crate) enum Act {
    /// Sends these bytes.
    Say(&'static str),
    /// Sends these bytes and closes the connection.
    Leave(&'static str),
}

/// A listening server and what it was told.
pub(crate) struct FakeServer {
    pub(crate) port: u16,
    commands: Receiver<String>,
}

impl FakeServer {
    /// Starts a server that answers the n-th command, whichever connection it comes from, with the n-th of `acts`,
    /// and hangs up when they are used up.
    pub(crate) fn start(acts: impl IntoIterator<Item = Act, IntoIter: Send + 'static>) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("loopback has a free port");
        let port = listener.local_addr().expect("a bound socket has an address").port();
        let (sender, commands) = mpsc::channel();
        let mut acts = acts.into_iter();
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                // A client that goes away in the middle is part of some tests.
                let _ = serve(stream, &mut acts, &sender);
            }
        });
        Self { port, commands }
    }

    /// Starts a server that answers each command with the next of `replies`.
    pub(crate) fn saying(replies: &[&'static str]) -> Self {
        Self::start(replies.iter().map(|reply| Act::Say(reply)).collect::<Vec<_>>())
    }

    /// The commands received until now, their words separated by `|`.
    pub(crate) fn commands(&self) -> Vec<String> {
        self.commands.try_iter().collect()
    }

    /// Runs the program against this server, with `options` separated by white space.
    pub(crate) fn run(&self, options: &str) -> Run {
        self.run_with_input(options, "")
    }

    /// Runs the program with a text on standard input.
    pub(crate) fn run_with_input(&self, options: &str, input: &str) -> Run {
        run(&format!("-p {} {options}", self.port), input)
    }
}

/// Reads commands from one connection and acts.
fn serve(
    mut stream: TcpStream,
    acts: &mut impl Iterator<Item = Act>,
    commands: &Sender<String>,
) -> io::Result<()> {
    let mut received = Vec::new();
    loop {
        while let Some((command, used)) = decode(&received).expect("the program sends well-formed commands") {
            received.drain(..used);
            // The test may have looked and gone already.
            let _ = commands.send(joined(&command));
            match acts.next() {
                Some(Act::Say(reply)) => stream.write_all(reply.as_bytes())?,
                Some(Act::Leave(reply)) => return stream.write_all(reply.as_bytes()),
                None => return Ok(()),
            }
        }
        let mut piece = [0; 4096];
        match stream.read(&mut piece)? {
            0 => return Ok(()),
            length => received.extend_from_slice(&piece[..length]),
        }
    }
}

fn joined(command: &Value) -> String {
    let Value::Array(words) = command else { panic!("not a command: {command:?}") };
    let words = words.iter().map(|word| match word {
        Value::Bulk(word) => String::from_utf8_lossy(word).into_owned(),
        other => panic!("not a word: {other:?}"),
    });
    words.collect::<Vec<_>>().join("|")
}

/// How a run of the program ended.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Run {
    pub(crate) status: i32,
    pub(crate) output: String,
    pub(crate) errors: String,
}

impl Run {
    /// A run that succeeded and printed `output`.
    pub(crate) fn printed(output: &str) -> Self {
        Self { status: 0, output: output.to_owned(), errors: String::new() }
    }
}

/// Runs the program with `options`, separated by white space, and `input`.
pub(crate) fn run(options: &str, input: &str) -> Run {
    let mut command = Command::new(env!("CARGO_BIN_EXE_spinel-cli"));
    command.args(options.split_whitespace()).env_remove("REDISCLI_AUTH");
    finish(command, input)
}

/// Runs a prepared command to its end.
pub(crate) fn finish(mut command: Command, input: &str) -> Run {
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program was built with this test");
    // Inputs here are far smaller than a pipe's buffer. A program that reads none of it may be gone already.
    let _ = child.stdin.take().expect("it was piped").write_all(input.as_bytes());
    let Output { status, stdout, stderr } = child.wait_with_output().expect("a child can be waited for");
    Run {
        status: status.code().expect("the program ends by itself"),
        output: String::from_utf8_lossy(&stdout).into_owned(),
        errors: String::from_utf8_lossy(&stderr).into_owned(),
    }
}
