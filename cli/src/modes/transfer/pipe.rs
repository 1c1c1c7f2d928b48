//! `--pipe`: everything standard input holds goes to the server as it is, while replies are counted.
//!
//! A thread reads replies as long as this one writes: a server that can't get rid of replies stops reading. The end
//! of the replies is known by a last command of ours, `ECHO` of a word that nobody can guess.

use crate::arguments::Arguments;
use crate::connection::{Connection, ReceiveError};
use crate::progress::Progress;
use crate::session::Session;
use crate::shell::RunError;
use spinel_resp::value::{Value, encode_request};
use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::io::{self, Read, Write};
use std::process::ExitCode;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::thread;
use std::time::Duration;

/// Bytes read and sent at once.
const PIECE: usize = 128 * 1024;

/// What the reading thread tells.
enum Heard {
    /// So many more replies, and so many of them errors.
    Replies { replies: u64, errors: u64 },
    /// The reply to our last command.
    End,
    /// There will be no more.
    Broken(ReceiveError),
}

/// Sends standard input. Fails if a reply is an error, or does not come for `timeout` after all is sent.
pub(in crate::modes) fn pipe(
    arguments: &Arguments,
    session: &mut Session,
    timeout: Option<Duration>,
) -> Result<ExitCode, RunError> {
    session.connect_if_need_be()?;
    let Some(mut mouth) = session.take_connection() else { return Ok(ExitCode::FAILURE) };
    let ears = mouth.duplicate()?;
    let magic = magic(arguments);
    let (sender, heard) = mpsc::channel();
    let expected = magic.clone();
    thread::spawn(move || listen(ears, &expected, &sender));

    let mut tally = Tally { replies: 0, errors: 0 };
    match send_all(&mut mouth, &magic) {
        Ok(()) => println!("All data transferred. Waiting for the last reply..."),
        // The server's last words say why it stopped reading.
        Err(PipeError::Server(error)) => eprintln!("Error writing to the server: {error}"),
        Err(PipeError::Input(error)) => {
            return Err(RunError::Refused(format!("Error reading from stdin: {error}")));
        }
    }
    let complete = tally.wait(&heard, timeout);
    println!("errors: {}, replies: {}", tally.errors, tally.replies);
    let failed = tally.errors > 0 || !complete;
    Ok(if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// A word that none of the commands echoes.
fn magic(arguments: &Arguments) -> Vec<u8> {
    let words: Vec<String> = (0..2)
        .map(|part: u8| format!("{:016x}", RandomState::new().hash_one((part, &arguments.command))))
        .collect();
    words.concat().into_bytes()
}

enum PipeError {
    Input(io::Error),
    Server(io::Error),
}

fn send_all(mouth: &mut Connection, magic: &[u8]) -> Result<(), PipeError> {
    let mut input = io::stdin().lock();
    let total =
        std::fs::metadata("/dev/stdin").ok().filter(std::fs::Metadata::is_file).map(|file| file.len());
    let mut progress = Progress::new("bytes", total);
    let mut piece = vec![0; PIECE];
    let mut sent = 0;
    loop {
        let length = match input.read(&mut piece) {
            Ok(0) => break,
            Ok(length) => length,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(PipeError::Input(error)),
        };
        mouth.send_bytes(&piece[..length]).map_err(PipeError::Server)?;
        sent += length as u64;
        progress.show(sent);
    }
    // A last line may lack its end; an empty line means nothing.
    let mut end = b"\r\n".to_vec();
    encode_request([b"ECHO", magic], &mut end);
    mouth.send_bytes(&end).map_err(PipeError::Server)
}

fn listen(mut ears: Connection, magic: &[u8], tell: &Sender<Heard>) {
    loop {
        match hear(&mut ears, magic) {
            Ok((replies, errors, ended)) => {
                let more = tell.send(Heard::Replies { replies, errors }).is_ok();
                if ended {
                    // Nobody waits for it any more when the time is over.
                    let _ = tell.send(Heard::End);
                }
                if ended || !more {
                    return;
                }
            }
            Err(error) => {
                let _ = tell.send(Heard::Broken(error));
                return;
            }
        }
    }
}

/// Waits for replies and takes all that have come: how many, how many of them errors, and whether ours was among them.
fn hear(ears: &mut Connection, magic: &[u8]) -> Result<(u64, u64, bool), ReceiveError> {
    let (mut replies, mut errors) = (0, 0);
    let mut next = Some(ears.receive()?);
    while let Some(value) = next {
        match value {
            Value::Bulk(word) if word == magic => return Ok((replies, errors, true)),
            Value::Error(message) => {
                errors += 1;
                let line = [message.as_slice(), b"\n"].concat();
                // The count tells of it, too.
                let _ = io::stderr().write_all(&line);
                replies += 1;
            }
            Value::Push(_) => {}
            _ => replies += 1,
        }
        next = ears.received()?;
    }
    Ok((replies, errors, false))
}

struct Tally {
    replies: u64,
    errors: u64,
}

impl Tally {
    /// Counts until the last reply. Returns whether it came.
    fn wait(&mut self, heard: &Receiver<Heard>, timeout: Option<Duration>) -> bool {
        let mut progress = Progress::new("replies", None);
        loop {
            let next = match timeout {
                Some(timeout) => heard.recv_timeout(timeout),
                None => heard.recv().map_err(|_| RecvTimeoutError::Disconnected),
            };
            match next {
                Ok(Heard::Replies { replies, errors }) => {
                    self.replies += replies;
                    self.errors += errors;
                    progress.show(self.replies);
                }
                Ok(Heard::End) => {
                    progress.clear();
                    println!("Last reply received from server.");
                    return true;
                }
                Ok(Heard::Broken(error)) => {
                    progress.clear();
                    eprintln!("Error: {error}");
                    return false;
                }
                Err(RecvTimeoutError::Timeout) => {
                    progress.clear();
                    let seconds = timeout.unwrap_or_default().as_secs_f64();
                    eprintln!("No replies for {seconds} seconds: exiting.");
                    self.errors += 1;
                    return false;
                }
                Err(RecvTimeoutError::Disconnected) => return false,
            }
        }
    }
}
