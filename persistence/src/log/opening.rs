//! Opening a log for writing, after it was read.

use super::directory::Directory;
use super::error::OpenError;
use super::increment::Increment;
use super::manifest::{FileType, LogFile};
use super::recovery::{Recovered, TailCut};
use super::writer::Writer;
use crate::vfs::Access;
use std::io;

impl Writer {
    /// Opens a log at the end of what was read of it.
    ///
    /// What the reader left out is cut off, what was read is made durable, leftovers of a crash are removed. If the last
    /// increment is ours, it is written on; otherwise another is begun, because in a file without batches damage could not
    /// be told from a torn write.
    pub fn open(directory: Directory, recovered: &Recovered) -> Result<Writer, OpenError> {
        if recovered.stopped_early {
            return Err(OpenError::StoppedEarly);
        }
        let mut directory = directory;
        // It has to count before anything that it replaces is removed.
        directory.settle()?;
        if let Some(cut) = &recovered.cut {
            apply(&directory, cut)?;
        }
        sync_files(&directory)?;
        directory.remove_unfinished()?;
        directory.remove_history()?;
        let offset = recovered.offset;
        let last = directory.manifest().increments.last().cloned();
        let increment = match last.filter(|_| recovered.can_go_on) {
            Some(last) => open_marked(&mut directory, last, offset)?,
            None => next_increment(&mut directory, offset)?,
        };
        Ok(Writer::new(directory, increment, offset))
    }

    /// Writes to the end of an increment that is durable up to `offset`.
    pub(super) fn new(directory: Directory, increment: Increment, offset: u64) -> Writer {
        let next_base = directory.manifest().last_sequence(FileType::Base) + 1;
        let next_increment = increment.file.sequence + 1;
        Writer {
            directory,
            increment,
            is_listed: true,
            offset,
            synced: offset,
            failed_sync: None,
            is_rewriting: false,
            next_base,
            next_increment,
            begun_at: None,
            last_time: None,
            lines: Vec::new(),
        }
    }
}

fn open_marked(directory: &mut Directory, last: LogFile, offset: u64) -> io::Result<Increment> {
    forget_end(directory)?;
    let mut increment = Increment::open(directory, LogFile { end_offset: None, ..last })?;
    increment.mark(offset, offset)?;
    Ok(increment)
}

fn next_increment(directory: &mut Directory, offset: u64) -> io::Result<Increment> {
    let sequence = directory.manifest().last_sequence(FileType::Increment) + 1;
    let increment = Increment::create(directory, sequence, offset, offset)?;
    let mut manifest = directory.manifest().clone();
    manifest.increments.push(increment.file.clone());
    directory.install(manifest)?;
    Ok(increment)
}

/// Cuts off what the reader left out. All files are synced afterwards.
fn apply(directory: &Directory, cut: &TailCut) -> io::Result<()> {
    let mut file = directory.vfs().open(&directory.names().path(&cut.name), Access::Append)?;
    file.truncate(cut.offset)
}

/// Takes back where the last increment ended when a server stopped: it goes on.
fn forget_end(directory: &mut Directory) -> io::Result<()> {
    let mut manifest = directory.manifest().clone();
    let end = manifest.increments.last_mut().and_then(|last| last.end_offset.take());
    end.map_or(Ok(()), |_| directory.install(manifest))
}

/// Makes durable what was read: a process that was killed may have left it to the kernel.
fn sync_files(directory: &Directory) -> io::Result<()> {
    let manifest = directory.manifest();
    for file in manifest.base.iter().chain(&manifest.increments) {
        directory.vfs().open(&directory.path(file), Access::Append)?.sync()?;
    }
    Ok(())
}
