//! Opening a log for writing, after it was read.

use super::directory::Directory;
use super::error::OpenError;
use super::increment::Increment;
use super::manifest::FileType;
use super::reader::{Recovered, TailCut};
use super::writer::Writer;
use crate::vfs::Access;
use std::io;

impl Writer {
    /// Opens a log at the end of what was read of it.
    ///
    /// What the reader left out is cut off, what was read is made durable, leftovers of a crash are removed. The last
    /// increment is written on; a log without one gets its first.
    pub fn open(directory: Directory, recovered: &Recovered) -> Result<Writer, OpenError> {
        if recovered.stopped_early {
            return Err(OpenError::StoppedEarly);
        }
        let mut directory = directory;
        directory.make_folder()?;
        // The manifest that was read may be new, and known to the kernel only. It has to count before anything that it
        // replaces is removed.
        directory.sync_folder()?;
        if let Some(cut) = &recovered.cut {
            apply(&directory, cut)?;
        }
        sync_files(&directory)?;
        directory.remove_unfinished()?;
        directory.remove_history()?;
        forget_end(&mut directory)?;
        let increment = match directory.manifest().increments.last().cloned() {
            Some(last) => Increment::open(&directory, last)?,
            None => first_increment(&mut directory, recovered.offset)?,
        };
        Ok(Writer::new(directory, increment, recovered.offset))
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
            buffer: Vec::new(),
        }
    }
}

fn first_increment(directory: &mut Directory, offset: u64) -> io::Result<Increment> {
    let sequence = directory.manifest().last_sequence(FileType::Increment) + 1;
    let increment = Increment::create(directory, sequence, offset)?;
    let mut manifest = directory.manifest().clone();
    manifest.increments.push(increment.file.clone());
    directory.install(manifest)?;
    Ok(increment)
}

/// Cuts off what the reader left out.
fn apply(directory: &Directory, cut: &TailCut) -> io::Result<()> {
    let mut file = directory.vfs().open(&directory.names().path(&cut.name), Access::Append)?;
    file.truncate(cut.offset)?;
    file.sync()
}

/// Takes back where the last increment ended when a server stopped: it goes on.
fn forget_end(directory: &mut Directory) -> io::Result<()> {
    let mut manifest = directory.manifest().clone();
    let end = manifest.increments.last_mut().and_then(|last| last.end_offset.take());
    if end.is_some() { directory.install(manifest) } else { Ok(()) }
}

/// Makes durable what was read: a process that was killed may have left it to the kernel.
fn sync_files(directory: &Directory) -> io::Result<()> {
    let manifest = directory.manifest();
    for file in manifest.base.iter().chain(&manifest.increments) {
        directory.vfs().open(&directory.path(file), Access::Append)?.sync()?;
    }
    Ok(())
}
