//! How a log is to be read, what is found in it, and how it ended.

use super::unit::Unit;
use crate::StreamPlace;
use crate::vfs::File;

/// Where to stop.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Until {
    /// At the end.
    End,
    /// Before what was written after this Unix time in seconds, as far as times were noted.
    Time(u64),
    /// At this offset of the stream of commands: units that end after it are left out.
    Offset(u64),
}

/// What to do with a log that is not whole.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ReadOptions {
    /// Whether to leave out the end of the last file if it was not written whole (`aof-load-truncated`).
    pub load_truncated: bool,
    /// How many bytes at the end of the last file may be left out if they are damaged otherwise
    /// (`aof-load-corrupt-tail-max-size`).
    pub corrupt_tail_bytes_max: u64,
    /// Whether to compare batches with their checksums.
    ///
    /// Another program that cut a batch and wrote on behind it leaves one that is damaged for us only.
    pub verify_checksums: bool,
    /// Where to stop.
    pub until: Until,
}

impl Default for ReadOptions {
    /// What Redis does by default.
    fn default() -> ReadOptions {
        ReadOptions {
            load_truncated: true,
            corrupt_tail_bytes_max: 0,
            verify_checksums: true,
            until: Until::End,
        }
    }
}

/// What comes next in a log.
pub enum Step<'r> {
    /// An RDB file, or the part of a file that is one, from its first byte on; or a `.spldb` file.
    ///
    /// The caller decodes it and calls [`Reader::snapshot_ends`](super::Reader::snapshot_ends); until then it comes again.
    Snapshot(&'r dyn File),
    /// Commands to replay as a whole.
    Unit(Unit<'r>),
    /// The end, or where to stop.
    End,
}

/// What was left out at the end of a log.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TailCut {
    /// The file.
    pub name: String,
    /// Where what is left out begins in the file.
    pub offset: u64,
    /// How many bytes are left out.
    pub bytes: u64,
    /// Whether a transaction lacks its end.
    pub in_transaction: bool,
}

/// What was read, and how it ended.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Recovered {
    /// Where the stream of commands goes on.
    pub offset: u64,
    /// What was left out at the end.
    pub cut: Option<TailCut>,
    /// Whether [`Until`] stopped the reader before the end.
    pub stopped_early: bool,
    /// Where in a stream that servers copy the data set stands that was read, if whoever closed the log last knew and nothing is
    /// left out of what it says.
    pub place: Option<StreamPlace>,
    /// Whether the last file is ours and stands where the stream does, so that it can be written on.
    pub(super) can_go_on: bool,
}

impl TailCut {
    /// Returns what Redis logs, line by line.
    pub fn notes(&self) -> Vec<String> {
        let TailCut { name, offset, bytes, in_transaction } = self;
        let mut notes = Vec::new();
        if *in_transaction {
            notes.push(format!("Revert incomplete MULTI/EXEC transaction in AOF file {name}"));
        }
        notes.push(format!("!!! Warning: short read while loading the AOF file {name}!!!"));
        notes.push(format!(
            "!!! Truncating the AOF {name} at offset {offset} ({bytes} bytes are left out) !!!"
        ));
        notes.push(format!("AOF {name} loaded anyway because aof-load-truncated is enabled"));
        notes
    }
}
