//! What a simulated disk holds, what of it is durable, and what a power cut leaves.

use super::random::Random;
use crate::vfs::parent;
use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};

/// What a disk writes at once, in bytes.
const SECTOR: usize = 512;

/// What a name stands for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Entry {
    Directory,
    File(u64),
}

/// A change of names that is not durable yet.
enum Change {
    Add { path: PathBuf, entry: Entry },
    Remove { path: PathBuf },
    Rename { from: PathBuf, to: PathBuf, entry: Entry },
}

impl Change {
    /// The directory whose sync makes the change durable.
    fn directory(&self) -> &Path {
        match self {
            Change::Add { path, .. } | Change::Remove { path } => parent(path),
            Change::Rename { to, .. } => parent(to),
        }
    }

    fn apply(self, names: &mut BTreeMap<PathBuf, Entry>) {
        match self {
            Change::Add { path, entry } => {
                names.insert(path, entry);
            }
            Change::Remove { path } => {
                names.remove(&path);
            }
            Change::Rename { from, to, entry } => {
                if names.get(&from) == Some(&entry) {
                    names.remove(&from);
                }
                names.insert(to, entry);
            }
        }
    }
}

/// A change of a file's content that is not durable yet.
enum Pending {
    Write { at: usize, bytes: Vec<u8> },
    Truncate { length: usize },
}

impl Pending {
    fn apply(&self, content: &mut Vec<u8>) {
        match self {
            Pending::Write { at, bytes } => write(content, *at, bytes),
            Pending::Truncate { length } => content.resize(*length, 0),
        }
    }

    /// Applies the change as far as it got when the power went.
    fn tear(&self, content: &mut Vec<u8>, random: &mut Random) {
        let Pending::Write { at, bytes } = self else {
            return self.apply(content);
        };
        if random.coin() {
            let length = random.below(bytes.len() + 1);
            return write(content, *at, &bytes[..length]);
        }
        let mut from = 0;
        while from < bytes.len() {
            let until = bytes.len().min(from + SECTOR - (at + from) % SECTOR);
            if random.coin() {
                write(content, at + from, &bytes[from..until]);
            }
            from = until;
        }
    }
}

/// Writes bytes at an offset; what was never written before it reads as zeros.
fn write(content: &mut Vec<u8>, at: usize, bytes: &[u8]) {
    if bytes.is_empty() {
        return;
    }
    let end = at + bytes.len();
    if content.len() < end {
        content.resize(end, 0);
    }
    content[at..end].copy_from_slice(bytes);
}

/// A file's content, whatever it is called.
#[derive(Default)]
pub(super) struct Node {
    current: Vec<u8>,
    durable: Vec<u8>,
    pending: Vec<Pending>,
    /// Whether a sync failed: the content that programs see may then never reach the disk.
    was_given_up: bool,
}

impl Node {
    pub(super) fn content(&self) -> &[u8] {
        &self.current
    }

    pub(super) fn truncate(&mut self, length: usize) {
        self.change(Pending::Truncate { length });
    }

    fn change(&mut self, change: Pending) {
        change.apply(&mut self.current);
        self.pending.push(change);
    }

    pub(super) fn sync(&mut self) {
        for change in self.pending.drain(..) {
            change.apply(&mut self.durable);
        }
    }

    /// A sync fails: some changes reached the disk, the others never will.
    pub(super) fn give_up(&mut self, random: &mut Random) {
        for change in self.pending.drain(..) {
            if random.coin() {
                change.apply(&mut self.durable);
            }
        }
        self.was_given_up = true;
    }

    fn lose(&mut self, random: &mut Random) {
        for change in std::mem::take(&mut self.pending) {
            match random.below(3) {
                0 => {}
                1 => change.apply(&mut self.durable),
                _ => change.tear(&mut self.durable, random),
            }
        }
        self.was_given_up = false;
        self.current.clone_from(&self.durable);
    }
}

/// All files.
pub(super) struct Disk {
    nodes: BTreeMap<u64, Node>,
    names: BTreeMap<PathBuf, Entry>,
    durable_names: BTreeMap<PathBuf, Entry>,
    changes: Vec<Change>,
    pub(super) locks: BTreeSet<PathBuf>,
    pub(super) bytes_max: Option<u64>,
}

impl Disk {
    pub(super) fn new() -> Disk {
        let names = BTreeMap::from([(PathBuf::from("/"), Entry::Directory)]);
        Disk {
            nodes: BTreeMap::new(),
            durable_names: names.clone(),
            names,
            changes: Vec::new(),
            locks: BTreeSet::new(),
            bytes_max: None,
        }
    }

    pub(super) fn node(&mut self, node: u64) -> &mut Node {
        self.nodes.entry(node).or_default()
    }

    pub(super) fn find(&self, path: &Path) -> io::Result<u64> {
        match self.names.get(path) {
            Some(Entry::File(node)) => Ok(*node),
            Some(Entry::Directory) => Err(io::ErrorKind::IsADirectory.into()),
            None => Err(io::ErrorKind::NotFound.into()),
        }
    }

    pub(super) fn create(&mut self, path: &Path) -> io::Result<u64> {
        if let Ok(node) = self.find(path) {
            self.node(node).truncate(0);
            return Ok(node);
        }
        let node = self.nodes.len() as u64;
        self.add(path, Entry::File(node))?;
        self.nodes.insert(node, Node::default());
        Ok(node)
    }

    pub(super) fn create_directory(&mut self, path: &Path) -> io::Result<()> {
        match self.names.get(path) {
            Some(Entry::Directory) => Ok(()),
            Some(Entry::File(_)) => Err(io::ErrorKind::AlreadyExists.into()),
            None => self.add(path, Entry::Directory),
        }
    }

    fn add(&mut self, path: &Path, entry: Entry) -> io::Result<()> {
        self.check_directory(parent(path))?;
        self.change(Change::Add { path: path.to_owned(), entry });
        Ok(())
    }

    pub(super) fn rename(&mut self, from: &Path, to: &Path) -> io::Result<()> {
        let entry = Entry::File(self.find(from)?);
        self.check_directory(parent(to))?;
        self.change(Change::Rename { from: from.to_owned(), to: to.to_owned(), entry });
        Ok(())
    }

    pub(super) fn remove(&mut self, path: &Path) -> io::Result<()> {
        self.find(path)?;
        self.change(Change::Remove { path: path.to_owned() });
        Ok(())
    }

    fn change(&mut self, change: Change) {
        let again = match &change {
            Change::Add { path, entry } => Change::Add { path: path.clone(), entry: *entry },
            Change::Remove { path } => Change::Remove { path: path.clone() },
            Change::Rename { from, to, entry } => {
                Change::Rename { from: from.clone(), to: to.clone(), entry: *entry }
            }
        };
        again.apply(&mut self.names);
        self.changes.push(change);
    }

    fn check_directory(&self, path: &Path) -> io::Result<()> {
        match self.names.get(path) {
            Some(Entry::Directory) => Ok(()),
            _ => Err(io::ErrorKind::NotFound.into()),
        }
    }

    pub(super) fn list(&self, directory: &Path) -> io::Result<Vec<OsString>> {
        self.check_directory(directory)?;
        let inside = self.names.keys().filter(|path| path.parent() == Some(directory));
        Ok(inside.filter_map(|path| path.file_name()).map(ToOwned::to_owned).collect())
    }

    pub(super) fn sync_directory(&mut self, directory: &Path) -> io::Result<()> {
        self.check_directory(directory)?;
        for change in std::mem::take(&mut self.changes) {
            if change.directory() == directory {
                change.apply(&mut self.durable_names);
            } else {
                self.changes.push(change);
            }
        }
        Ok(())
    }

    pub(super) fn append(&mut self, node: u64, bytes: &[u8]) -> io::Result<usize> {
        let count = usize::try_from(self.free_bytes()).map_or(bytes.len(), |free| free.min(bytes.len()));
        if count == 0 && !bytes.is_empty() {
            return Err(io::ErrorKind::StorageFull.into());
        }
        let node = self.node(node);
        let at = node.current.len();
        node.change(Pending::Write { at, bytes: bytes[..count].to_vec() });
        Ok(count)
    }

    pub(super) fn free_bytes(&self) -> u64 {
        let Some(bytes_max) = self.bytes_max else {
            return u64::MAX;
        };
        let named = self.names.values().filter_map(|entry| match entry {
            Entry::File(node) => self.nodes.get(node),
            Entry::Directory => None,
        });
        bytes_max.saturating_sub(named.map(|node| node.current.len() as u64).sum())
    }

    /// Leaves what a power cut leaves.
    pub(super) fn lose_what_is_not_durable(&mut self, random: &mut Random) {
        for change in std::mem::take(&mut self.changes) {
            if random.coin() {
                change.apply(&mut self.durable_names);
            }
        }
        let durable = &mut self.durable_names;
        let has_lost = |path: &Path, names: &BTreeMap<PathBuf, Entry>| {
            path.ancestors().skip(1).any(|above| names.get(above) != Some(&Entry::Directory))
        };
        let lost: Vec<_> = durable.keys().filter(|path| has_lost(path, durable)).cloned().collect();
        for path in lost {
            durable.remove(&path);
        }
        self.names.clone_from(durable);
        for node in self.nodes.values_mut() {
            node.lose(random);
        }
    }

    /// Drops from memory what failed syncs gave up: the next to read the file reads the disk.
    pub(super) fn forget_given_up(&mut self) {
        for node in self.nodes.values_mut().filter(|node| node.was_given_up) {
            node.was_given_up = false;
            node.sync();
            node.current.clone_from(&node.durable);
        }
    }
}
