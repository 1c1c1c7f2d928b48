//! Two servers that get the same calls.

use std::io;
use std::path::PathBuf;

use super::allowed::{Allowance, allowance};
use super::events::Ear;
use super::generate::Call;
use super::thresholds;
use crate::Outcome;
use crate::resp::{Connection, Reply, encode};
use crate::server::Server;
use crate::transcript::quote_word;

/// How many calls are sent before their replies are read.
const BATCH: usize = 100;
/// How many when it must be known which call a server failed at: what it still had to send is lost with it.
const SINGLE: usize = 1;
/// What the calls of a sequence are followed by, to see that replies still belong to their calls.
const ECHO: &str = "the replies are in step";

/// One of the two servers.
pub(crate) struct Side {
    /// What to start again when the server ends; `None` for a server somebody else runs.
    program: Option<PathBuf>,
    server: Option<Server>,
    address: String,
    /// What the process before the present one printed last.
    log: String,
}

/// What a server gave back for one call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Answer {
    /// A reply.
    Reply(Reply),
    /// No reply: the connection broke, or what came is not RESP.
    Lost(String),
}

/// A call that the two servers answer differently.
#[derive(Debug, Clone)]
pub(crate) struct Difference {
    /// Its place in the sequence.
    pub(crate) index: usize,
    /// What the reference answered.
    pub(crate) reference: Answer,
    /// What ours answered.
    pub(crate) ours: Answer,
}

/// What playing a sequence showed.
#[derive(Default)]
pub(crate) struct Played {
    /// The differences that are not allowed, in order; after a lost connection nothing more is compared.
    pub(crate) differences: Vec<Difference>,
    /// The allowances that were needed.
    pub(crate) allowed: Vec<&'static Allowance>,
}

/// The reference and the server under test.
pub(crate) struct Duel {
    reference: Side,
    ours: Side,
    protocol: u8,
    /// Whether the events of keyspace notifications are compared, too.
    hears_events: bool,
}

impl Side {
    /// Starts `program`.
    pub(crate) fn start(program: PathBuf) -> Outcome<Self> {
        let server = Server::start(&program, &[])?;
        let address = server.address().to_owned();
        Ok(Self { program: Some(program), server: Some(server), address, log: String::new() })
    }

    /// Uses the running server at `address`.
    pub(crate) fn at(address: &str) -> Self {
        Self { program: None, server: None, address: address.to_owned(), log: String::new() }
    }

    /// Returns a connection speaking `protocol` to an empty dataset, with thresholds at their defaults.
    pub(crate) fn fresh(&mut self, protocol: u8) -> Outcome<Connection> {
        let mut connection = self.connect(protocol)?;
        connection.expect(&["FLUSHALL"])?;
        let defaults = thresholds::defaults();
        let defaults: Vec<&str> = defaults.iter().filter_map(|word| std::str::from_utf8(word).ok()).collect();
        connection.expect(&defaults)?;
        Ok(connection)
    }

    /// Returns a connection speaking `protocol`.
    pub(crate) fn connect(&mut self, protocol: u8) -> Outcome<Connection> {
        let mut connection = match Connection::open(&self.address) {
            Ok(connection) => connection,
            Err(error) => self.restart(&error)?,
        };
        if protocol == 3 {
            connection.expect(&["HELLO", "3"])?;
        }
        Ok(connection)
    }

    fn restart(&mut self, error: &io::Error) -> Outcome<Connection> {
        let program = self.program.clone().ok_or_else(|| error.to_string())?;
        self.give_up();
        *self = Self { log: std::mem::take(&mut self.log), ..Self::start(program)? };
        Ok(Connection::open(&self.address)?)
    }

    /// Ends a server that hangs or has lost its connection, so that the next one starts it anew.
    fn give_up(&mut self) {
        if let Some(server) = self.server.take() {
            self.log = server.last_lines();
        }
    }
}

impl Duel {
    /// Pairs two servers.
    pub(crate) fn new(reference: Side, ours: Side, hears_events: bool) -> Self {
        Self { reference, ours, protocol: 2, hears_events }
    }

    /// Chooses the protocol of the sequences to come.
    pub(crate) fn speak(&mut self, protocol: u8) {
        self.protocol = protocol;
    }

    /// Plays the calls on both servers, each with an empty dataset, and compares their answers.
    ///
    /// # Errors
    /// When a server can't be reached or the reference breaks down.
    pub(crate) fn play(&mut self, calls: &[Call]) -> Outcome<Played> {
        let batch = if self.hears_events { SINGLE } else { BATCH };
        let played = self.play_in(calls, batch)?;
        if !played.is_over() || self.hears_events {
            return Ok(played);
        }
        let slowly = self.play_in(calls, SINGLE)?;
        Ok(if slowly.is_over() { slowly } else { played })
    }

    fn play_in(&mut self, calls: &[Call], batch: usize) -> Outcome<Played> {
        let mut reference = self.reference.fresh(self.protocol)?;
        let mut ours = self.ours.fresh(self.protocol)?;
        let mut ears = if self.hears_events {
            Some((Ear::open(self.reference.connect(2)?)?, Ear::open(self.ours.connect(2)?)?))
        } else {
            None
        };
        let mut played = Played::default();
        for (number, sent) in calls.chunks(batch).enumerate() {
            let bytes = encoded(sent);
            reference.send(&bytes)?;
            // A server that is gone is noticed when its replies are read.
            ours.send(&bytes).unwrap_or_default();
            for (offset, call) in sent.iter().enumerate() {
                let pair = (Answer::Reply(reference_reply(&mut reference, call)?), receive(&mut ours));
                played.compare(number * batch + offset, call, pair);
                if played.is_over() {
                    self.ours.give_up();
                    return Ok(played);
                }
                if let Some((reference, ours)) = &mut ears {
                    played.compare_events(number * batch + offset, reference.hear()?, ours.hear()?);
                }
            }
        }
        Ok(played)
    }

    /// Plays the calls on our server alone; returns the difference if it loses the connection or falls out of step.
    pub(crate) fn survive(&mut self, calls: &[Call]) -> Outcome<Option<Difference>> {
        match self.survive_in(calls, BATCH)? {
            None => Ok(None),
            Some(lost) => Ok(Some(self.survive_in(calls, SINGLE)?.unwrap_or(lost))),
        }
    }

    fn survive_in(&mut self, calls: &[Call], batch: usize) -> Outcome<Option<Difference>> {
        let mut ours = self.ours.fresh(self.protocol)?;
        for (number, sent) in calls.chunks(batch).enumerate() {
            ours.send(&encoded(sent)).unwrap_or_default();
            for offset in 0..sent.len() {
                if let lost @ Answer::Lost(_) = receive(&mut ours) {
                    self.ours.give_up();
                    return Ok(Some(Difference {
                        index: number * batch + offset,
                        reference: in_step(),
                        ours: lost,
                    }));
                }
            }
        }
        ours.send(&encoded(&[vec![b"ECHO".to_vec(), ECHO.into()]])).unwrap_or_default();
        let answer = receive(&mut ours);
        let is_wrong = answer != in_step();
        Ok(is_wrong.then(|| Difference { index: calls.len() - 1, reference: in_step(), ours: answer }))
    }

    /// Returns the last lines our server printed before it last failed.
    pub(crate) fn our_log(&self) -> &str {
        &self.ours.log
    }
}

impl Played {
    fn compare(&mut self, index: usize, call: &Call, (reference, ours): (Answer, Answer)) {
        if reference == ours {
            return;
        }
        if let (Answer::Reply(one), Answer::Reply(other)) = (&reference, &ours)
            && let Some(allowance) = allowance(call, one, other)
        {
            self.allowed.push(allowance);
            return;
        }
        self.differences.push(Difference { index, reference, ours });
    }

    /// Compares the events of a call whose replies agree.
    fn compare_events(&mut self, index: usize, reference: Reply, ours: Reply) {
        let is_seen = self.differences.last().is_some_and(|difference| difference.index == index);
        if reference != ours && !is_seen {
            let (reference, ours) = (Answer::Reply(reference), Answer::Reply(ours));
            self.differences.push(Difference { index, reference, ours });
        }
    }

    fn is_over(&self) -> bool {
        matches!(self.differences.last(), Some(Difference { ours: Answer::Lost(_), .. }))
    }
}

/// Waits for the reply of the reference, which is taken to survive everything that is generated.
fn reference_reply(connection: &mut Connection, call: &Call) -> Outcome<Reply> {
    connection.receive().map_err(|error| {
        let words: Vec<String> = call.iter().map(|word| quote_word(word)).collect();
        format!("the reference gave no reply to {}: {error}", words.join(" ")).into()
    })
}

/// Returns what a server answers that has sent one reply per call.
fn in_step() -> Answer {
    Answer::Reply(Reply::Blob { marker: b'$', bytes: ECHO.into() })
}

fn receive(connection: &mut Connection) -> Answer {
    connection.receive().map_or_else(|error| Answer::Lost(error.to_string()), Answer::Reply)
}

fn encoded(calls: &[Call]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for call in calls {
        encode(call, &mut bytes);
    }
    bytes
}
