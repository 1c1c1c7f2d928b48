//! Starting with a log: replaying it, and going on at its end.

use super::keeper::Keeper;
use super::names;
use crate::clients::Peer;
use crate::config::table;
use crate::log;
use crate::persistence::load::load_rdb;
use crate::server::{Shared, now};
use crate::session::{Output, Session};
use crate::statistics::{Meter, Statistics};
use spinel_persistence::log::{Command, Directory, ReadOptions, Reader, Step, TailCut, Unit, Writer};
use spinel_persistence::vfs::{RealVfs, Stream};
use spinel_resp::{Protocol, ReplyWriter};
use spinel_storage::engine::{ExpiredKeys, Loaded, Outcome, Setting, Turn};
use spinel_storage::system::random_word;
use spinel_storage::{DbIndex, Executor, UnixMillis};
use std::sync::Arc;
use std::time::Instant;

/// While a log is replayed nothing has expired: what did so at its time is removed by a command of the log.
const BEFORE_EVERYTHING: UnixMillis = UnixMillis(0);

/// Loads the log and goes on with it; none if there is no log yet.
pub(in crate::persistence) fn load(shared: &Arc<Shared>) -> Result<Option<Loaded>, String> {
    let names = names(&shared.config);
    let directory = Directory::open(Arc::new(RealVfs), names).map_err(|error| error.to_string())?;
    if directory.was_upgraded() {
        let (file, folder) = (&directory.names().file, &directory.names().folder);
        log::notice(&format!(
            "Successfully migrated an old-style AOF file ({file}) into the AOF directory ({folder})."
        ));
    }
    if !directory.has_log() {
        return Ok(None);
    }
    let started = Instant::now();
    let config = &shared.config;
    let options = ReadOptions {
        load_truncated: config.is_on(table::AOF_LOAD_TRUNCATED),
        corrupt_tail_bytes_max: config.number(table::AOF_LOAD_CORRUPT_TAIL_MAX_SIZE).unsigned_abs(),
        ..ReadOptions::default()
    };
    let mut reader = Reader::new(&directory, options).map_err(|error| error.to_string())?;
    let loaded = replay(shared, &mut reader)?;
    let recovered = reader.finish();
    for note in recovered.cut.iter().flat_map(TailCut::notes) {
        log::warning(&note);
    }
    let writer = Writer::open(directory, &recovered).map_err(|error| error.to_string())?;
    let (log, reader) = (&shared.persistence.append_only, shared.engine.journal().attach());
    let commit = log.turn_on(reader.offset());
    log.start(Keeper::new(writer, reader, commit, shared), shared).map_err(|error| error.to_string())?;
    log::notice(&format!("DB loaded from append only file: {:.3} seconds", started.elapsed().as_secs_f64()));
    Ok(Some(loaded))
}

fn replay(shared: &Arc<Shared>, reader: &mut Reader<'_>) -> Result<Loaded, String> {
    let mut executor = Executor::new(Arc::clone(&shared.engine), random_word());
    let mut replay = Replay::new(shared);
    let mut loaded = Loaded::default();
    let outcome = loop {
        match reader.step() {
            Err(error) => break Err(error.to_string()),
            Ok(Step::End) => break Ok(loaded),
            Ok(Step::Rdb(file)) => match load_rdb(shared, Stream::new(file, 0), ExpiredKeys::Keep) {
                Err(error) => break Err(error),
                Ok(base) => {
                    loaded = base;
                    reader.rdb_ends(base.bytes);
                }
            },
            Ok(Step::Unit(unit)) => {
                if let Err(error) = replay.unit(unit, &mut executor.begin(BEFORE_EVERYTHING)) {
                    break Err(error);
                }
            }
        }
    };
    shared.clients.leave(&replay.session.client);
    outcome
}

/// Runs the commands of a log.
struct Replay<'s> {
    shared: &'s Shared,
    session: Session,
    db: DbIndex,
    reply: ReplyWriter,
    meter: Meter,
}

impl<'s> Replay<'s> {
    fn new(shared: &'s Shared) -> Replay<'s> {
        let peer = Peer { address: Box::default(), local: Box::default(), descriptor: -1, worker: 0 };
        Replay {
            session: Session::new(shared.clients.enter(peer, now()), true, &shared.config),
            db: DbIndex(0),
            reply: ReplyWriter::new(Protocol::Resp2),
            meter: Meter::new(Arc::new(Statistics::new(shared.engine.table()))),
            shared,
        }
    }

    fn unit(&mut self, unit: Unit<'_>, turn: &mut Turn<'_>) -> Result<(), String> {
        unit.commands().try_for_each(|command| self.command(command, turn))
    }

    /// Runs a command. What it replies, also an error, is what it replied when it was logged.
    fn command(&mut self, command: Command<'_>, turn: &mut Turn<'_>) -> Result<(), String> {
        let words: Vec<&[u8]> = command.words().collect();
        if words[0].eq_ignore_ascii_case(b"SELECT") {
            return self.select(words.get(1).copied().unwrap_or_default());
        }
        let prepared = self.shared.engine.prepare(&words).map_err(|_| {
            let name = String::from_utf8_lossy(words[0]);
            format!("Unknown command '{name}' reading the append only file")
        })?;
        let setting =
            Setting { db: self.db, is_untouching: true, allows_guarded: true, ..Setting::default() };
        self.reply.clear();
        if let Outcome::ForHost = turn.execute(&prepared, setting, &words, &mut self.reply) {
            let output = Output { reply: &mut self.reply, meter: &mut self.meter };
            self.session.execute_host(prepared.id, &words, (turn, None), self.shared, output);
        }
        Ok(())
    }

    fn select(&mut self, number: &[u8]) -> Result<(), String> {
        let number = spinel_resp::parse_integer(number).unwrap_or(-1);
        self.db = self.shared.engine.keyspace().db(number).ok_or_else(|| {
            format!(
                "The log selects database {number}, and there are {}",
                self.shared.engine.keyspace().databases()
            )
        })?;
        Ok(())
    }
}
