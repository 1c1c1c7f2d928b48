//! A machine with a server on it, of which only the log is there.

use crate::unit::{Random, check, encode, offset_of};
use spinel_persistence::StreamPlace;
use spinel_persistence::log::{
    BaseFormat, Directory, LogNames, ReadOptions, Reader, Recovered, Rewrite, Step, WriteError, Writer,
};
use spinel_persistence::vfs::{SimulatedVfs, Stream, Vfs};
use std::io::{self, Read, Write};
use std::sync::Arc;

pub(crate) struct Machine {
    pub(crate) vfs: SimulatedVfs,
    pub(crate) random: Random,
    writer: Option<Writer>,
    rewrite: Option<(Rewrite, u64)>,
    /// How many units the data set in memory has seen.
    pub(crate) count: u64,
    /// How many units may be on the disk.
    attempted: u64,
    /// How many units were called durable.
    durable: u64,
    /// Whether all that was appended can be found: no sync failed, and no fresh log is waiting for its base.
    is_whole: bool,
    is_fresh: bool,
    /// Whether calls may fail while the power is on.
    pub(crate) is_disturbed: bool,
    /// How often a log said where in a stream its data set stands.
    pub(crate) places_found: u64,
}

/// What a server's life is made of.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Act {
    Append(u64),
    Sync,
    Begin,
    Finish,
    Abandon,
    RemoveHistory,
    Fresh,
    Close,
}

impl Machine {
    pub(crate) fn new(seed: u64) -> Machine {
        Machine {
            vfs: SimulatedVfs::new(seed),
            random: Random::new(seed),
            writer: None,
            rewrite: None,
            count: 0,
            attempted: 0,
            durable: 0,
            is_whole: true,
            is_fresh: false,
            is_disturbed: false,
            places_found: 0,
        }
    }

    /// Takes a step if it is possible now. An error is what the file system was told to give.
    pub(crate) fn take(&mut self, step: Act) -> Result<(), WriteError> {
        let Some(writer) = self.writer.as_mut() else { return Ok(()) };
        match step {
            Act::Append(units) => {
                let mut bytes = Vec::new();
                (self.count..self.count + units).for_each(|number| encode(number, &mut bytes));
                self.attempted = self.attempted.max(self.count + units);
                writer.append(&bytes, Some(self.count / 8))?;
                self.count += units;
            }
            Act::Sync => {
                let synced = writer.sync();
                self.is_whole &= !writer.has_failed();
                assert!(synced? <= writer.offset());
            }
            Act::Begin if self.rewrite.is_none() => {
                let rewrite = writer.begin_rewrite(Some(self.count / 8));
                self.is_whole &= !writer.has_failed();
                assert_eq!(writer.offset(), rewrite.as_ref().map_or(writer.offset(), Rewrite::offset));
                self.rewrite = Some((rewrite?, self.count));
            }
            Act::Finish => self.finish()?,
            Act::Abandon => {
                if let Some((rewrite, _)) = self.rewrite.take() {
                    writer.abandon_rewrite(rewrite);
                }
            }
            Act::RemoveHistory => writer.remove_history()?,
            Act::Fresh if self.rewrite.is_none() => self.begin_fresh()?,
            Act::Close if self.rewrite.is_none() => self.close()?,
            _ => {}
        }
        self.note_durable();
        Ok(())
    }

    /// Writes the base and ends the rewrite.
    fn finish(&mut self) -> Result<(), WriteError> {
        let Some((rewrite, cut)) = self.rewrite.take() else { return Ok(()) };
        let writer = self.writer.as_mut().unwrap();
        if let Err(error) = write_base(&self.vfs, &rewrite, cut) {
            writer.abandon_rewrite(rewrite);
            return Err(error.into());
        }
        let outcome = writer.finish_rewrite(rewrite, BaseFormat::Rdb);
        if outcome.is_ok() {
            assert_eq!((writer.synced(), writer.has_failed()), (writer.offset(), false));
            (self.is_whole, self.is_fresh) = (true, false);
        }
        self.is_whole &= !writer.has_failed();
        outcome
    }

    fn begin_fresh(&mut self) -> Result<(), WriteError> {
        self.writer = None;
        (self.is_fresh, self.is_whole) = (true, false);
        let directory = self.directory().map_err(io::Error::other)?;
        let (writer, rewrite) = Writer::begin_fresh(directory, offset_of(self.count), None)?;
        (self.writer, self.rewrite) = (Some(writer), Some((rewrite, self.count)));
        Ok(())
    }

    fn close(&mut self) -> Result<(), WriteError> {
        let place = StreamPlace { id: [b'a'; 40], offset: self.count, db: 0 };
        let outcome = self.writer.take().unwrap().close_at(Some(place));
        self.is_whole &= outcome.is_ok();
        outcome
    }

    fn note_durable(&mut self) {
        // Before its base is there, a fresh log holds nothing.
        if let Some(writer) = self.writer.as_ref().filter(|_| !self.is_fresh) {
            while self.durable < self.count && offset_of(self.durable + 1) <= writer.synced() {
                self.durable += 1;
            }
        }
    }

    /// Whether the server can go on: a fresh log without a rewrite would never count.
    pub(crate) fn can_go_on(&self) -> bool {
        self.writer.is_some() && !self.vfs.is_off() && (!self.is_fresh || self.rewrite.is_some())
    }

    /// Ends the process, or the machine if its power is off, and starts it again.
    ///
    /// False when it could not start.
    pub(crate) fn restart(&mut self) -> bool {
        let must_be_whole = self.is_whole && !self.vfs.is_off();
        (self.writer, self.rewrite) = (None, None);
        self.vfs.restart();
        let Some((directory, recovered, found)) = self.recover() else { return false };
        let least = if must_be_whole { self.count } else { self.durable };
        assert!(found >= least, "{found} units found, {least} must be there");
        assert!(found <= self.attempted, "{found} units found, {} were ever written", self.attempted);
        assert_eq!(recovered.offset, offset_of(found), "the offset of {found} units");
        // What the log says of a stream that is copied must be so, however it came to its end.
        if let Some(place) = recovered.place {
            assert_eq!(place.offset, found, "the place after {found} units");
            self.places_found += 1;
        }
        (self.count, self.attempted) = (found, found);
        (self.is_whole, self.is_fresh) = (false, false);
        match Writer::open(directory, &recovered) {
            Ok(writer) => {
                self.durable = found;
                self.is_whole = true;
                self.writer = Some(writer);
                true
            }
            Err(error) => {
                assert!(self.vfs.is_off() || self.is_disturbed, "{error}");
                false
            }
        }
    }

    fn directory(&self) -> Result<Directory, spinel_persistence::log::OpenError> {
        Directory::open(Arc::new(self.vfs.clone()), LogNames::new("/"))
    }

    /// Reads the log: how many units it holds. `None` when it could not be read.
    fn recover(&self) -> Option<(Directory, Recovered, u64)> {
        let directory = match self.directory() {
            Ok(directory) => directory,
            Err(error) => {
                assert!(self.vfs.is_off() || self.is_disturbed, "{error}");
                return None;
            }
        };
        match read(&directory) {
            Ok((recovered, found)) => Some((directory, recovered, found)),
            Err(error) => {
                assert!(self.vfs.is_off() || self.is_disturbed, "{error}: {}", directory.manifest());
                None
            }
        }
    }
}

fn write_base(vfs: &SimulatedVfs, rewrite: &Rewrite, count: u64) -> io::Result<()> {
    let mut file = vfs.create(rewrite.path())?;
    file.write_all(format!("REDIS {count}\n").as_bytes())?;
    file.sync()
}

/// Reads a log and checks that it holds all units up to a number, which is returned.
pub(crate) fn read(directory: &Directory) -> Result<(Recovered, u64), String> {
    let text = |error: spinel_persistence::log::ReadError| format!("{error} ({error:?})");
    let mut reader = Reader::new(directory, ReadOptions::default()).map_err(text)?;
    let mut count = 0;
    loop {
        let end = match reader.step().map_err(text)? {
            Step::Unit(unit) => {
                check(unit, count)?;
                count += 1;
                continue;
            }
            Step::Snapshot(file) => {
                let mut base = String::new();
                Stream::new(file, 0).read_to_string(&mut base).map_err(|error| error.to_string())?;
                let number = base.strip_prefix("REDIS ").and_then(|rest| rest.strip_suffix('\n'));
                count = number.and_then(|number| number.parse().ok()).ok_or(format!("base {base:?}"))?;
                base.len() as u64
            }
            Step::End => return Ok((reader.finish(), count)),
        };
        reader.snapshot_ends(end);
    }
}
