//! A log on a simulated disk, and what tests say about it.

use spinel_persistence::log::{
    Directory, LogNames, OpenError, ReadError, ReadOptions, Reader, Recovered, Step, Unit, Writer,
};
use spinel_persistence::vfs::{Access, SimulatedVfs, Vfs, replace};
use spinel_resp::encode_request;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

pub(crate) const FIRST: &str = "appendonly.aof.1.incr.aof";
pub(crate) const MANIFEST: &str = "appendonly.aof.manifest";

/// Encodes commands, given with commas between.
pub(crate) fn bytes(commands: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    for command in commands.split(", ") {
        encode_request(command.split(' '), &mut bytes);
    }
    bytes
}

/// A disk with at most one log on it.
pub(crate) struct Disk {
    pub(crate) vfs: SimulatedVfs,
}

impl Disk {
    pub(crate) fn new() -> Disk {
        Disk { vfs: SimulatedVfs::new(1) }
    }

    /// A disk with a log of some files, given by name.
    pub(crate) fn with(files: &[(&str, &[u8])]) -> Disk {
        let disk = Disk::new();
        disk.vfs.create_directory(&LogNames::new("/").folder()).unwrap();
        for (name, content) in files {
            disk.put(name, content);
        }
        disk
    }

    /// A disk with a log of one increment.
    pub(crate) fn with_increment(content: &[u8]) -> Disk {
        Disk::with(&[(FIRST, content), (MANIFEST, b"file appendonly.aof.1.incr.aof seq 1 type i\n")])
    }

    pub(crate) fn put(&self, name: &str, content: &[u8]) {
        let path = path(name);
        replace(&self.vfs, &path, &path.with_extension("new"), content).unwrap();
    }

    pub(crate) fn get(&self, name: &str) -> Vec<u8> {
        let mut content = Vec::new();
        let file = self.vfs.open(&path(name), Access::Read).unwrap();
        spinel_persistence::vfs::Stream::new(&*file, 0).read_to_end(&mut content).unwrap();
        content
    }

    pub(crate) fn text(&self, name: &str) -> String {
        String::from_utf8_lossy(&self.get(name)).into_owned()
    }

    /// The names in the log's directory, in order.
    pub(crate) fn names(&self) -> Vec<String> {
        let names = self.vfs.list(&LogNames::new("/").folder()).unwrap();
        let mut names: Vec<_> = names.iter().map(|name| name.to_string_lossy().into_owned()).collect();
        names.sort();
        names
    }

    pub(crate) fn directory(&self) -> Result<Directory, OpenError> {
        Directory::open(Arc::new(self.vfs.clone()), LogNames::new("/"))
    }

    /// Reads the log: the commands as one line, and how it ended.
    pub(crate) fn read(&self, options: ReadOptions) -> Result<(String, Recovered), ReadError> {
        read(&self.directory().unwrap(), options)
    }

    pub(crate) fn commands(&self) -> String {
        self.read(ReadOptions::default()).unwrap().0
    }

    /// Reads the log and opens it for writing.
    pub(crate) fn writer(&self) -> Writer {
        let directory = self.directory().unwrap();
        let (_, recovered) = read(&directory, ReadOptions::default()).unwrap();
        Writer::open(directory, &recovered).unwrap()
    }
}

pub(crate) fn path(name: &str) -> PathBuf {
    LogNames::new("/").path(name)
}

/// Reads a log whose bases in RDB format are `REDIS` and a line.
pub(crate) fn read(directory: &Directory, options: ReadOptions) -> Result<(String, Recovered), ReadError> {
    let mut reader = Reader::new(directory, options)?;
    let mut seen = Vec::new();
    loop {
        let end = match reader.step()? {
            Step::Unit(unit) => {
                seen.push(text(unit));
                continue;
            }
            Step::Snapshot(file) => {
                let mut rdb = vec![0; file.len().unwrap() as usize];
                file.read_at(0, &mut rdb).unwrap();
                let end = rdb.iter().position(|&byte| byte == b'\n').unwrap() + 1;
                seen.push(String::from_utf8_lossy(&rdb[..end - 1]).into_owned());
                end
            }
            Step::End => return Ok((seen.join(", "), reader.finish())),
        };
        reader.snapshot_ends(end as u64);
    }
}

/// A unit's commands; those of a transaction in brackets.
fn text(unit: Unit<'_>) -> String {
    let commands = unit.commands().map(|command| {
        let words: Vec<_> = command.words().map(String::from_utf8_lossy).collect();
        words.join(" ")
    });
    let commands = commands.collect::<Vec<_>>().join(", ");
    if unit.is_transaction() { format!("[{commands}]") } else { commands }
}

/// Writes a file as a caller of the log does.
pub(crate) fn write_file(vfs: &dyn Vfs, path: &Path, content: &[u8]) {
    let mut file = vfs.create(path).unwrap();
    file.write_all(content).unwrap();
    file.sync().unwrap();
}
