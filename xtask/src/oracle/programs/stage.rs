//! One of the two servers, with the connections of a program and one more that controls it.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::thread;
use std::time::{Duration, Instant};

use super::actor::Actor;
use super::program::{Action, Program, Step};
use crate::Outcome;
use crate::oracle::generate::Call;
use crate::resp::{Connection, Reply, encode};
use crate::server::Server;

/// How long a server may take to notice that connections were closed.
const NOTICE_TIMEOUT: Duration = Duration::from_secs(10);
/// What programs need that servers don't allow by themselves; and one thread for all connections, because with more of them
/// a client that was woken may go on before the next one is served.
const SETTINGS: [&str; 4] = ["--enable-debug-command", "yes", "--io-threads", "1"];

/// What is put back before each program; a server that lacks a command has nothing to put back.
const PREPARATION: [&[&str]; 3] = [
    &["FLUSHALL", "ASYNC"],
    &["CONFIG", "SET", "notify-keyspace-events", ""],
    // Otherwise the moment when an expired key goes away would be up to the server.
    &["DEBUG", "SET-ACTIVE-EXPIRE", "0"],
];

/// What is put back after programs that run scripts; it takes longer than the rest.
const PREPARATION_OF_SCRIPTS: [&[&str]; 2] = [&["SCRIPT", "FLUSH"], &["FUNCTION", "DELETE", "mine"]];
/// What begins the names of commands about scripts.
const SCRIPTING: [&[u8]; 4] = [b"EVAL", b"SCRIPT", b"FUNCTION", b"FCALL"];

/// A server that plays programs.
pub(crate) struct Stage {
    program: PathBuf,
    server: Server,
    control: Connection,
    /// The commands it has.
    pub(crate) commands: BTreeSet<String>,
    /// The connections of the program that is played.
    pub(crate) actors: Vec<Actor>,
    /// The ids of all connections that the program has had, in the order in which they were opened.
    pub(crate) ids: Vec<String>,
    /// Their protocols.
    protocols: Vec<u8>,
    /// Whether the program runs scripts.
    is_scripted: bool,
}

impl Stage {
    /// Starts `program`.
    ///
    /// # Errors
    /// When it doesn't start or doesn't list its commands.
    pub(crate) fn start(program: PathBuf) -> Outcome<Self> {
        let server = Server::start(&program, &SETTINGS.map(str::to_owned))?;
        let mut control = Connection::open(server.address())?;
        let listed = control.expect(&["COMMAND", "LIST"])?;
        let mut commands: BTreeSet<String> =
            listed.items().iter().map(|name| name.text().to_lowercase()).collect();
        let info = control.expect(&["COMMAND", "INFO"])?;
        commands.extend(info.items().iter().flat_map(subcommands));
        let (actors, ids, protocols) = (Vec::new(), Vec::new(), Vec::new());
        Ok(Self { program, server, control, commands, actors, ids, protocols, is_scripted: false })
    }

    /// Ends a server that no longer answers, and starts another; returns the last lines that the old one printed.
    ///
    /// # Errors
    /// As [`Stage::start`].
    pub(crate) fn restart(&mut self) -> Outcome<String> {
        let lines = self.server.last_lines();
        *self = Self::start(self.program.clone())?;
        Ok(lines)
    }

    /// Returns the last lines that the server printed.
    pub(crate) fn last_lines(&self) -> String {
        self.server.last_lines()
    }

    /// Empties the server and opens the connections of `program`.
    ///
    /// # Errors
    /// When the server doesn't answer.
    pub(crate) fn prepare(&mut self, program: &Program) -> Outcome {
        self.actors.clear();
        self.wait_for_clients(1)?;
        let mut calls = PREPARATION.to_vec();
        if std::mem::replace(&mut self.is_scripted, is_scripted(program)) {
            calls.extend(PREPARATION_OF_SCRIPTS);
        }
        let call = |words: &&[&str]| words.iter().map(|word| word.as_bytes().to_vec()).collect();
        self.inspect(&calls.iter().map(call).collect::<Vec<Call>>())?;
        self.protocols.clone_from(&program.protocols);
        let open = |protocol: &u8| Actor::open(self.server.address(), *protocol);
        self.actors = self.protocols.iter().map(open).collect::<Outcome<_>>()?;
        self.ids = self.actors.iter().map(|actor| actor.id.clone()).collect();
        Ok(())
    }

    /// Does what a step says; what comes of it is yet to be gathered.
    ///
    /// # Errors
    /// When a connection can't be opened again.
    pub(crate) fn act(&mut self, step: &Step) -> Outcome {
        self.actors.iter_mut().for_each(|actor| actor.frames.clear());
        let number = step.connection;
        if step.action == Action::Reconnect || self.actors[number].is_closed {
            self.reconnect(number)?;
        }
        if let Action::Call(call) = &step.action {
            let mut bytes = Vec::new();
            encode(&self.substituted(call), &mut bytes);
            self.actors[number].send(&bytes);
        }
        Ok(())
    }

    fn reconnect(&mut self, number: usize) -> Outcome {
        let open =
            self.actors.iter().enumerate().filter(|(other, actor)| *other != number && !actor.is_closed);
        let count = open.count();
        // Opening the new one closes the old one only afterwards; but nothing may overlap here.
        self.actors[number].close();
        self.wait_for_clients(count + 1)?;
        self.actors[number] = Actor::open(self.server.address(), self.protocols[number])?;
        self.ids.push(self.actors[number].id.clone());
        Ok(())
    }

    /// Puts ids and addresses of this server's connections into words.
    fn substituted(&self, call: &Call) -> Call {
        let value = |word: &Vec<u8>| {
            let text = std::str::from_utf8(word).ok()?;
            let named = |prefix: &str| {
                text.strip_prefix(prefix).and_then(|digits| self.actors.get(digits.parse::<usize>().ok()?))
            };
            let id = named("$id").map(|actor| actor.id.clone());
            id.or_else(|| named("$addr").map(|actor| actor.address.clone())).map(String::into_bytes)
        };
        call.iter().map(|word| value(word).unwrap_or_else(|| word.clone())).collect()
    }

    /// Sends the first half of a round trip.
    ///
    /// # Errors
    /// When the connection broke.
    pub(crate) fn ask(&mut self) -> Outcome {
        let mut bytes = Vec::new();
        encode(&["PING"], &mut bytes);
        Ok(self.control.send(&bytes)?)
    }

    /// Waits for the second half.
    ///
    /// # Errors
    /// When the connection broke.
    pub(crate) fn hear(&mut self) -> Outcome {
        self.control.receive()?;
        Ok(())
    }

    /// Takes what has arrived, and asks whether the connection of the step is blocked if it got nothing.
    ///
    /// # Errors
    /// When a server sends what is no RESP, or doesn't answer.
    pub(crate) fn gather(&mut self, number: usize) -> Outcome {
        for actor in &mut self.actors {
            actor.gather()?;
        }
        let actor = &mut self.actors[number];
        if actor.frames.is_empty() && !actor.is_closed && !actor.is_blocked {
            let line = self.control.expect(&["CLIENT", "LIST", "ID", &actor.id])?.text();
            actor.is_blocked = field(&line, "flags").is_some_and(|flags| flags.contains('b'));
        }
        Ok(())
    }

    /// Sends calls on the controlling connection and returns the replies.
    ///
    /// # Errors
    /// When the server doesn't answer.
    pub(crate) fn inspect(&mut self, calls: &[Call]) -> Outcome<Vec<Reply>> {
        let mut bytes = Vec::new();
        for call in calls {
            encode(call, &mut bytes);
        }
        self.control.send(&bytes)?;
        calls.iter().map(|_| Ok(self.control.receive()?)).collect()
    }

    /// Waits until as many connections are left; the others have been closed.
    fn wait_for_clients(&mut self, count: usize) -> Outcome {
        let started = Instant::now();
        loop {
            let list = self.control.expect(&["CLIENT", "LIST"])?.text();
            if list.lines().filter(|line| !line.is_empty()).count() <= count {
                return Ok(());
            }
            if started.elapsed() > NOTICE_TIMEOUT {
                return Err(format!("more than {count} clients are left:\n{list}").into());
            }
            thread::sleep(Duration::from_micros(50));
        }
    }
}

fn is_scripted(program: &Program) -> bool {
    let begins = |step: &Step| {
        step.words().first().is_some_and(|name| SCRIPTING.iter().any(|start| name.starts_with(start)))
    };
    program.steps.iter().any(begins)
}

/// Returns the value of a field of a line of CLIENT LIST.
pub(crate) fn field<'a>(line: &'a str, name: &str) -> Option<&'a str> {
    line.split_whitespace().find_map(|word| word.strip_prefix(name)?.strip_prefix('='))
}

/// Returns the names of the subcommands in an entry of COMMAND INFO.
fn subcommands(entry: &Reply) -> Vec<String> {
    let listed = entry.items().get(9).map(Reply::items).unwrap_or_default();
    listed.iter().filter_map(|entry| entry.items().first()).map(|name| name.text().to_lowercase()).collect()
}
