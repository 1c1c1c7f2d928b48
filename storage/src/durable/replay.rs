//! Loading what is on disk: a snapshot, or a log, which is replayed and then goes on at its end.

mod crew;
mod lot;

pub(super) use lot::setting;

use super::error::OpenError;
use super::keeper::Keeper;
use super::log::{Log, LogEvent};
use crate::command::table::CommandId;
use crate::engine::{
    Closed, Engine, ExpiredKeys, LoadListener, LoadOptions, Loaded, Outcome, Prepared, PresentKeys, Turn,
};
use crate::{DbIndex, UnixMillis};
use crew::Crew;
use spinel_persistence::StreamPlace;
use spinel_persistence::log::{
    Directory, LogNames, ReadOptions, Reader, Recovered, Step, TailCut, Unit, Writer,
};
use spinel_persistence::rdb::Verification;
use spinel_persistence::vfs::{Access, Vfs};
use spinel_resp::ReplyWriter;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::thread;

/// Units of a log between two reports of progress.
const UNITS_PER_REPORT: u64 = 1 << 12;

/// Takes what is no data while a log is replayed.
pub trait ReplayHost: LoadListener {
    /// Runs a command that is no data command. What it replies does not matter: it has run before.
    fn run(&mut self, call: HostReplay<'_, '_>) -> Result<(), OpenError>;

    /// Hears where in a stream that servers copy the data set stands that was read, if the log says so.
    fn stands_at(&mut self, place: StreamPlace) {
        let _ = place;
    }

    /// Hears how many bytes of the log's files were read, of how many, now and then.
    fn advance(&mut self, read: u64, total: u64) {
        let _ = (read, total);
    }
}

/// A command of a log that its host is to run.
pub struct HostReplay<'c, 't> {
    /// Which command.
    pub id: CommandId,
    /// Its words.
    pub words: &'c [&'c [u8]],
    /// The turn it runs in.
    pub turn: &'c mut Turn<'t>,
    /// For its reply.
    pub reply: &'c mut ReplyWriter,
}

/// Loads a snapshot file; nothing if there is none.
pub fn load_file(
    closed: &Closed,
    (vfs, path): (&dyn Vfs, &Path),
    options: &LoadOptions,
    listener: &mut dyn LoadListener,
) -> Result<Option<Loaded>, OpenError> {
    let file = match vfs.open(path, Access::Read) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    Ok(Some(closed.load_file(&*file, options, listener)?))
}

/// Loads a log that is there into the databases, which should be empty, and changes none of its files. Returns what was
/// left out at its end, too. Of the numbers, the first is the time, and the other a seed for commands that need chance.
pub fn read_log(
    closed: &Closed,
    (vfs, names): (Arc<dyn Vfs>, LogNames),
    options: ReadOptions,
    (verification, now, seed): (Verification, UnixMillis, u64),
    host: &mut dyn ReplayHost,
) -> Result<(Loaded, Option<TailCut>), OpenError> {
    let directory = Directory::read(vfs, names)?;
    let (loaded, recovered) = replay(closed, &directory, options, (verification, now, seed), host)?;
    Ok((loaded, recovered.cut))
}

impl Log {
    /// Loads the log into the databases, which should be empty, and goes on with it: it is on then. None if there is no
    /// log yet. `seed` is for commands that need chance.
    ///
    /// Unless it fails, nobody else can use the files from then on until [`Log::stop`].
    pub fn load(
        self: &Arc<Log>,
        closed: &Closed,
        options: ReadOptions,
        verification: Verification,
        seed: u64,
        host: &mut dyn ReplayHost,
    ) -> Result<Option<Loaded>, OpenError> {
        let loaded = self.load_locked(closed, options, verification, seed, host);
        if loaded.is_err() {
            self.unlock_if_off();
        }
        loaded
    }

    /// Loads the log into the databases, which should be empty, up to where the options say, and leaves it as it is: it
    /// stays off. Returns where the stream of commands stands, or nothing if there is no log.
    ///
    /// A [rewrite](Log::rewrite) that nothing follows makes what was read the log.
    pub fn read(
        self: &Arc<Log>,
        closed: &Closed,
        options: ReadOptions,
        verification: Verification,
        seed: u64,
        host: &mut dyn ReplayHost,
    ) -> Result<Option<u64>, OpenError> {
        let directory = self.open_directory::<OpenError>()?;
        if !directory.has_log() {
            return Ok(None);
        }
        let given = (verification, self.clock.now(), seed);
        let (_, recovered) = replay(closed, &directory, options, given, host)?;
        Ok(Some(recovered.offset))
    }

    fn load_locked(
        self: &Arc<Log>,
        closed: &Closed,
        options: ReadOptions,
        verification: Verification,
        seed: u64,
        host: &mut dyn ReplayHost,
    ) -> Result<Option<Loaded>, OpenError> {
        let directory = self.open_directory::<OpenError>()?;
        if directory.was_upgraded() {
            self.tell(LogEvent::Upgraded(directory.names()));
        }
        if !directory.has_log() {
            return Ok(None);
        }
        let given = (verification, self.clock.now(), seed);
        let (loaded, recovered) = replay(closed, &directory, options, given, host)?;
        if let Some(cut) = &recovered.cut {
            self.tell(LogEvent::Cut(cut));
        }
        if let Some(place) = recovered.place {
            host.stands_at(place);
        }
        let writer = Writer::open(directory, &recovered)?;
        let reader = self.engine.journal().attach();
        self.turn_on(reader.offset());
        self.start(Keeper::new(writer, reader, self)).map_err(OpenError::Begin)?;
        Ok(Some(loaded))
    }
}

/// Reads a log, runs what it holds, and says what its base was and where it ends.
fn replay(
    closed: &Closed,
    directory: &Directory,
    options: ReadOptions,
    (verification, now, seed): (Verification, UnixMillis, u64),
    host: &mut dyn ReplayHost,
) -> Result<(Loaded, Recovered), OpenError> {
    let mut reader = Reader::new(directory, options)?;
    let base = LoadOptions { now, expired: ExpiredKeys::Keep, verification, present: PresentKeys::None };
    let (engine, total_bytes) = (closed.engine(), reader.total_bytes());
    let (mut loaded, mut units) = (Loaded::default(), 0_u64);
    thread::scope(|scope| {
        let crew = Crew::new(scope, closed, (now, seed));
        let mut replay = Replay { engine, host, db: DbIndex(0), crew };
        loop {
            match reader.step()? {
                Step::End => {
                    replay.crew.settle();
                    return Ok((loaded, reader.finish()));
                }
                Step::Snapshot(file) => {
                    replay.crew.settle();
                    replay.host.advance(0, total_bytes);
                    loaded = closed.load_file(file, &base, &mut *replay.host)?;
                    reader.snapshot_ends(loaded.bytes);
                }
                Step::Unit(unit) => {
                    replay.unit(unit)?;
                    units += 1;
                    let delay = &engine.delays().load;
                    if delay.is_set() || units.is_multiple_of(UNITS_PER_REPORT) {
                        replay.host.advance(reader.read_bytes(), total_bytes);
                        delay.wait(|| false);
                    }
                }
            }
        }
    })
}

/// Words of a command that need no memory of their own.
const FEW_WORDS: usize = 8;

/// Runs the commands of a log.
struct Replay<'r, 'scope, 'env> {
    engine: &'r Engine,
    host: &'r mut dyn ReplayHost,
    db: DbIndex,
    crew: Crew<'scope, 'env>,
}

impl Replay<'_, '_, '_> {
    /// Runs a command, or those of a transaction: nobody sees what they do before the end.
    fn unit(&mut self, unit: Unit<'_>) -> Result<(), OpenError> {
        unit.commands().try_for_each(|command| {
            let words = command.words();
            let mut few: [&[u8]; FEW_WORDS] = [&[]; FEW_WORDS];
            if words.len() > FEW_WORDS {
                return self.command(&words.collect::<Vec<_>>());
            }
            let count = words.len();
            few.iter_mut().zip(words).for_each(|(place, word)| *place = word);
            self.command(&few[..count])
        })
    }

    /// Runs a command. What it replies, also an error, is what it replied when it was logged.
    fn command(&mut self, words: &[&[u8]]) -> Result<(), OpenError> {
        let familiar = &mut self.crew.familiar;
        if let Some(hash) = self.engine.hash_again(words, familiar)
            && let Some(prepared) = familiar.prepared()
        {
            self.crew.put(self.db, (prepared, hash), words);
            return Ok(());
        }
        if words[0].eq_ignore_ascii_case(b"SELECT") {
            return self.select(words.get(1).copied().unwrap_or_default());
        }
        let Ok(prepared) = self.engine.prepare_anew(words, familiar) else {
            // What the engine writes by itself has own names, also of commands that a setting has renamed or removed.
            let unknown = || OpenError::UnknownCommand(String::from_utf8_lossy(words[0]).into_owned());
            let prepared = self.engine.prepare_by_own_name(words).ok_or_else(unknown)?;
            return self.run(&prepared, words);
        };
        if let Some(hash) = prepared.key_hash() {
            self.crew.put(self.db, (prepared, hash), words);
            return Ok(());
        }
        self.run(&prepared, words)
    }

    /// Runs a command after all that stands before it.
    fn run(&mut self, prepared: &Prepared, words: &[&[u8]]) -> Result<(), OpenError> {
        self.crew.settle();
        let (mut turn, reply) = self.crew.runner.begin();
        match turn.execute(prepared, lot::setting(self.db), words, reply) {
            Outcome::ForHost => self.host.run(HostReplay { id: prepared.id, words, turn: &mut turn, reply }),
            _ => Ok(()),
        }
    }

    fn select(&mut self, number: &[u8]) -> Result<(), OpenError> {
        let number = spinel_resp::parse_integer(number).unwrap_or(-1);
        let keyspace = self.engine.keyspace();
        let no_such = OpenError::NoSuchDatabase { number, databases: keyspace.databases() };
        self.db = keyspace.db(number).ok_or(no_such)?;
        Ok(())
    }
}
