//! A primary and its replicas, each in a folder of its own.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use super::Stop;
use crate::resp::{Connection, info_field};
use crate::server::{self, Server, TIMEOUT};
use crate::{Outcome, command};

/// How long to wait before looking again.
const LOOK_EVERY: Duration = Duration::from_millis(2);

/// A server and its folder, which goes with it.
struct Member {
    /// None only while it is started again.
    server: Option<Server>,
    folder: PathBuf,
}

impl Member {
    fn start(program: &Path, settings: &[String]) -> Outcome<Self> {
        let folder = server::fresh_folder()?;
        let server = Some(Server::start_in(&folder, program, settings)?);
        Ok(Self { server, folder })
    }

    fn server(&self) -> Outcome<&Server> {
        self.server.as_ref().ok_or_else(|| "it was killed".into())
    }

    fn connect(&self) -> Outcome<Connection> {
        Ok(Connection::open(self.server()?.address())?)
    }

    /// Kills it, and starts another one with what is on its disk.
    fn restart(&mut self, program: &Path, settings: &[String]) -> Outcome {
        self.server.take().ok_or("it was killed")?.kill()?;
        self.server = Some(Server::start_in(&self.folder, program, settings)?);
        Ok(())
    }
}

impl Drop for Member {
    fn drop(&mut self) {
        drop(self.server.take());
        // What can't be removed is in the way of nobody.
        drop(fs::remove_dir_all(&self.folder));
    }
}

/// A primary, until it is killed, and those that copy it.
pub(super) struct Group<'a> {
    program: &'a Path,
    settings: Vec<String>,
    /// Whether what counts is what replicas have on disk.
    is_on_disk: bool,
    size: usize,
    primary: Member,
    replicas: Vec<Member>,
}

impl<'a> Group<'a> {
    /// Starts a primary and `size` replicas, and waits until these have all.
    ///
    /// # Errors
    /// When one does not start or does not follow.
    pub(super) fn start(
        program: &'a Path,
        settings: Vec<String>,
        size: usize,
        is_on_disk: bool,
    ) -> Outcome<Self> {
        let primary = Member::start(program, &settings)?;
        let mut group = Self { program, settings, is_on_disk, size, primary, replicas: Vec::new() };
        group.complete()?;
        Ok(group)
    }

    /// Returns where the primary listens.
    pub(super) fn address(&self) -> &str {
        self.primary.server.as_ref().map_or("", Server::address)
    }

    /// Returns the processes that stand still.
    pub(super) fn processes(&self, stop: Stop) -> Vec<u32> {
        let members = match stop {
            Stop::Nobody => &[],
            Stop::Primary => std::slice::from_ref(&self.primary),
            Stop::Replica => &self.replicas[..1],
            Stop::Replicas => &self.replicas[..],
        };
        members.iter().filter_map(|member| member.server.as_ref()).map(Server::id).collect()
    }

    /// Returns the primary, to be killed.
    pub(super) fn take_primary(&mut self) -> Outcome<Server> {
        self.primary.server.take().ok_or_else(|| "it was killed".into())
    }

    /// Lets the replica that is furthest take the primary's place, once `judge` has looked at it; the others follow it.
    ///
    /// # Errors
    /// When what it holds is not what it should.
    pub(super) fn take_over<T>(&mut self, judge: impl Fn(&mut Connection) -> Outcome<T>) -> Outcome<T> {
        let mut offsets = Vec::new();
        for replica in &self.replicas {
            // What the primary has sent is read to its end before the link is down.
            await_fields(replica, &[("master_link_status", "down")])?;
            offsets.push(field(replica, "slave_repl_offset")?.parse::<u64>()?);
        }
        let (place, verdict) = if self.is_on_disk {
            for replica in &mut self.replicas {
                replica.restart(self.program, &self.settings)?;
            }
            self.first_that_holds(&judge)?
        } else {
            let furthest = (0..offsets.len()).max_by_key(|place| offsets[*place]).unwrap_or_default();
            let mut connection = self.replicas[furthest].connect()?;
            connection.expect(&["REPLICAOF", "NO", "ONE"])?;
            (furthest, judge(&mut connection)?)
        };
        self.primary = self.replicas.swap_remove(place);
        let port = self.primary.server()?.port().to_string();
        for replica in &self.replicas {
            replica.connect()?.expect(&["REPLICAOF", "127.0.0.1", &port])?;
        }
        Ok(verdict)
    }

    /// Finds one that holds what it should: what some have on disk, others may have had in memory only.
    fn first_that_holds<T>(&self, judge: &impl Fn(&mut Connection) -> Outcome<T>) -> Outcome<(usize, T)> {
        let mut reasons = Vec::new();
        for (place, replica) in self.replicas.iter().enumerate() {
            match judge(&mut replica.connect()?) {
                Ok(verdict) => return Ok((place, verdict)),
                Err(error) => reasons.push(error.to_string()),
            }
        }
        Err(format!("no replica has on disk what it should: {}", reasons.join("; ")).into())
    }

    /// Starts replicas until there are as many as there should be, and waits until all have all: before that, the primary is
    /// the only one that has what was promised in former lives.
    ///
    /// # Errors
    /// When one does not.
    pub(super) fn complete(&mut self) -> Outcome {
        let port = self.primary.server()?.port().to_string();
        let copy = ["--replicaof".to_owned(), "127.0.0.1".to_owned(), port];
        while self.replicas.len() < self.size {
            self.replicas.push(Member::start(self.program, &[&self.settings[..], &copy].concat())?);
        }
        let count = self.size.to_string();
        let logs = if self.is_on_disk { count.as_str() } else { "0" };
        // Who has just got a snapshot counts among those with a log when that is on disk.
        let expected = [("write_quorum_good_replicas", count.as_str()), ("write_quorum_good_logs", logs)];
        await_fields(&self.primary, &expected)
    }
}

/// Waits until INFO says so.
fn await_fields(member: &Member, fields: &[(&str, &str)]) -> Outcome {
    let begun = Instant::now();
    loop {
        let found = fields.iter().map(|(name, _)| field(member, name)).collect::<Outcome<Vec<_>>>()?;
        if fields.iter().zip(&found).all(|((_, expected), found)| expected == found) {
            return Ok(());
        }
        if begun.elapsed() > TIMEOUT {
            let log = member.server()?.last_lines();
            return Err(format!("{fields:?} is awaited, and it is {found:?}:\n{log}").into());
        }
        thread::sleep(LOOK_EVERY);
    }
}

/// What INFO says of something.
fn field(member: &Member, name: &str) -> Outcome<String> {
    let told = member.connect()?.expect(&["INFO", "replication"])?.text();
    Ok(info_field(&told, name).unwrap_or_default().to_owned())
}

/// Sends a signal to a process.
pub(super) fn signal(name: &str, process: u32) -> Outcome {
    command::run(Command::new("kill").args([format!("-{name}"), process.to_string()]))
}
