//! The replicas of a run: who copies whom, and what has happened to them.

use std::path::{Path, PathBuf};

use crate::Outcome;
use crate::resp::{Connection, info_field};
use crate::server::Server;

/// All replicas, in an order in which nobody stands before who he copies.
pub(super) struct Fleet<'a> {
    primary: &'a Server,
    pub(super) replicas: Vec<Replica>,
    /// Links that were cut.
    cuts: u64,
    /// Replicas that were killed.
    kills: u64,
    /// Synchronizations that had to be full: of those that had nothing, or copied somebody who was killed.
    excused: u64,
    /// What those who were killed had told.
    before: Synchronizations,
}

/// A server that copies another one.
pub(super) struct Replica {
    pub(super) name: String,
    pub(super) server: Server,
    program: PathBuf,
    /// Whom it copies; none: the primary.
    source: Option<usize>,
}

/// How many began how.
#[derive(Clone, Copy, Default)]
struct Synchronizations {
    full: u64,
    partial: u64,
}

impl Replica {
    fn start(name: &str, program: PathBuf, (source, port): (Option<usize>, u16)) -> Outcome<Replica> {
        let server = start(name, &program, port)?;
        Ok(Replica { name: name.to_owned(), server, program, source })
    }
}

/// Starts a server that copies the one at `port`.
fn start(name: &str, program: &Path, port: u16) -> Outcome<Server> {
    let port = port.to_string();
    let mut settings = vec!["--enable-debug-command", "yes", "--replicaof", "127.0.0.1", &port];
    if name != "spinel" {
        // It would wait for others before it begins a snapshot.
        settings.extend(["--repl-diskless-sync-delay", "0"]);
    }
    // A replica may be away for a second.
    settings.extend(["--repl-backlog-size", "256mb"]);
    Server::start(program, &settings.into_iter().map(str::to_owned).collect::<Vec<_>>())
}

impl<'a> Fleet<'a> {
    /// Starts what is listed: by comma, with `/` between who is copied and who copies it.
    pub(super) fn start(
        primary: &'a Server,
        list: &str,
        find: impl Fn(&str) -> Outcome<PathBuf>,
    ) -> Outcome<Fleet<'a>> {
        let mut replicas: Vec<Replica> = Vec::new();
        for chain in list.split(',') {
            let mut source = None;
            for name in chain.split('/') {
                let port = source.map_or(primary, |source: usize| &replicas[source].server).port();
                replicas.push(Replica::start(name, find(name)?, (source, port))?);
                source = Some(replicas.len() - 1);
            }
        }
        let excused = replicas.len() as u64;
        Ok(Fleet { primary, replicas, cuts: 0, kills: 0, excused, before: Synchronizations::default() })
    }

    /// The names of the replicas.
    pub(super) fn names(&self) -> Vec<&str> {
        self.replicas.iter().map(|replica| replica.name.as_str()).collect()
    }

    /// Those that copy the primary itself.
    pub(super) fn of_primary(&self) -> impl Iterator<Item = &Replica> {
        self.replicas.iter().filter(|replica| replica.source.is_none())
    }

    /// How many copy this one, at once or by others between them.
    fn copies_of(&self, number: usize) -> u64 {
        let direct = self.replicas.iter().enumerate().filter(|(_, other)| other.source == Some(number));
        direct.map(|(other, _)| 1 + self.copies_of(other)).sum()
    }

    /// Kills a replica and starts another one in its place, which has nothing.
    pub(super) fn replace(&mut self, number: usize) -> Outcome {
        let replica = &self.replicas[number];
        let told = synchronizations(&replica.server)?;
        self.before.full += told.full;
        self.before.partial += told.partial;
        self.kills += 1;
        self.excused += 1 + self.copies_of(number);
        let source = replica.source.map_or(self.primary, |source| &self.replicas[source].server).port();
        let replacement = start(&replica.name, &replica.program, source)?;
        let port = replacement.port().to_string();
        std::mem::replace(&mut self.replicas[number].server, replacement).kill()?;
        for other in self.replicas.iter().filter(|other| other.source == Some(number)) {
            let mut connection = Connection::open(other.server.address())?;
            connection.expect(&["REPLICAOF", "127.0.0.1", &port])?;
        }
        Ok(())
    }

    /// Cuts all links, if all are up: who is cut off in the middle of a snapshot begins with another one.
    pub(super) fn cut(&mut self) -> Outcome {
        let sources = [self.primary].into_iter().chain(self.replicas.iter().map(|replica| &replica.server));
        let mut connections =
            sources.map(|server| Connection::open(server.address())).collect::<Result<Vec<_>, _>>()?;
        let mut online = 0;
        for connection in &mut connections {
            let told = connection.expect(&["INFO", "replication"])?.text();
            online += told.lines().filter(|line| line.contains(",state=online")).count();
        }
        if online < self.replicas.len() {
            return Ok(());
        }
        for connection in &mut connections {
            let killed = connection.expect(&["CLIENT", "KILL", "TYPE", "replica"])?.integer().unwrap_or(0);
            self.cuts += killed.unsigned_abs();
        }
        Ok(())
    }

    /// Prints how replicas began, and looks whether those whose links were cut went on where they were.
    pub(super) fn judge(&self) -> Outcome {
        let mut all = self.before;
        for server in [self.primary].into_iter().chain(self.replicas.iter().map(|replica| &replica.server)) {
            let told = synchronizations(server)?;
            all.full += told.full;
            all.partial += told.partial;
        }
        let Synchronizations { full, partial } = all;
        println!(
            "{} cuts of links, {} kills; {full} full and {partial} partial synchronizations",
            self.cuts, self.kills
        );
        let needless = full.saturating_sub(self.excused);
        let all = partial + needless;
        // Of a few cuts, one that comes before a replica has the whole snapshot says nothing.
        if needless > 1 && needless * 10 > all {
            return Err(format!("{needless} of {all} cuts did not end in a partial synchronization").into());
        }
        Ok(())
    }
}

fn synchronizations(server: &Server) -> Outcome<Synchronizations> {
    let told = Connection::open(server.address())?.expect(&["INFO", "stats"])?.text();
    let count = |name: &str| info_field(&told, name).and_then(|count| count.parse().ok()).unwrap_or(0);
    Ok(Synchronizations { full: count("sync_full"), partial: count("sync_partial_ok") })
}
