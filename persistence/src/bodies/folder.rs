//! The folder of all bodies.

use super::layout::{FOOTER_BYTES, Head, file_bytes, is_sound};
use crate::rdb::Checksum;
use crate::vfs::{Access, File, Lock, Vfs, append_all};
use std::collections::HashSet;
use std::ffi::OsStr;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

/// How a name ends that is the last one of a file.
const WHOLE: &str = "body";
/// How the name ends of what is being written.
const PART: &str = "part";
/// So much is read at once where a body is only summed up.
const PIECE_BYTES: usize = 256 << 10;

/// How far a file is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Form {
    /// It is finished.
    Whole,
    /// It was begun.
    Part,
}

/// A folder with bodies, which nobody else uses.
pub struct Folder {
    vfs: Arc<dyn Vfs>,
    path: PathBuf,
    /// Folders in it that are there, durably.
    made: Mutex<HashSet<PathBuf>>,
    _lock: Box<dyn Lock>,
}

impl Folder {
    /// Opens a folder, which is made if it isn't there, and locks it against other processes.
    pub fn open(vfs: Arc<dyn Vfs>, path: &Path) -> io::Result<Folder> {
        vfs.create_directory(path)?;
        vfs.sync_directory(crate::vfs::parent(path))?;
        let lock = vfs.lock(&path.join("lock"))?;
        Ok(Folder { vfs, path: path.to_owned(), made: Mutex::default(), _lock: lock })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Writes a body, which is durable when this returns. If that fails, nothing is left of it, as far as the disk still does
    /// what it is told.
    pub fn write(&self, head: &Head, key: &[u8], body: &[u8]) -> io::Result<()> {
        let written = self.begin(head.id).and_then(|draft| draft.append(body));
        if written.is_err() {
            self.abandon(head.id);
        }
        written.and_then(|()| self.finish(head, key))
    }

    /// Begins to write a body that comes piece by piece. Until it is [finished](Folder::finish) it can only be read by whoever has it.
    pub fn begin(&self, id: u128) -> io::Result<Draft> {
        self.make(&self.folder_of(id))?;
        Ok(Draft { file: self.vfs.create(&self.file(id, PART))? })
    }

    /// Makes a body a stored one, all of which was written, and durable. If that fails, it is as for [`write`](Folder::write).
    pub fn finish(&self, head: &Head, key: &[u8]) -> io::Result<()> {
        let (temporary, path) = (self.file(head.id, PART), self.file(head.id, WHOLE));
        let closed = self.close(&temporary, head, key);
        let named = closed.and_then(|()| self.vfs.rename(&temporary, &path));
        named.and_then(|()| self.vfs.sync_directory(&self.folder_of(head.id))).inspect_err(|_| {
            self.abandon(head.id);
            let _ = self.vfs.remove(&path);
        })
    }

    fn close(&self, path: &Path, head: &Head, key: &[u8]) -> io::Result<()> {
        let mut file = self.vfs.open(path, Access::Append)?;
        if file.len()? != head.length {
            return Err(io::ErrorKind::InvalidData.into());
        }
        append_all(&*file, key)?;
        append_all(&*file, &head.bytes(key))?;
        file.sync()
    }

    /// Removes what was written of a body that is not going to be finished.
    fn abandon(&self, id: u128) {
        // What matters is told; what is left will be found at the next start.
        let _ = self.vfs.remove(&self.file(id, PART));
    }

    /// Opens a body that is to be as its label says: that the file says the same is checked, and that all of it is there.
    pub fn read(&self, id: u128, length: u64, checksum: u64) -> io::Result<StoredBody> {
        let file = self.vfs.open(&self.file(id, WHOLE), Access::Read)?;
        let wrong = || io::Error::from(io::ErrorKind::InvalidData);
        let bytes = file.len()?;
        let mut footer = [0; FOOTER_BYTES];
        read_exact(&*file, bytes.checked_sub(FOOTER_BYTES as u64).ok_or_else(wrong)?, &mut footer)?;
        let (head, key_bytes) = Head::parse(&footer).ok_or_else(wrong)?;
        if (head.id, head.length, head.checksum) != (id, length, checksum)
            || bytes != file_bytes(length, key_bytes as usize)
        {
            return Err(wrong());
        }
        let mut key = vec![0; key_bytes as usize];
        read_exact(&*file, length, &mut key)?;
        if is_sound(&footer, &key) { Ok(StoredBody { file, head, key }) } else { Err(wrong()) }
    }

    /// Removes a body, finished or not. That is not durable: what comes back after a power cut is found at the next start.
    pub fn remove(&self, id: u128) -> io::Result<()> {
        match self.vfs.remove(&self.file(id, WHOLE)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => self.vfs.remove(&self.file(id, PART)),
            removed => removed,
        }
    }

    /// Goes over all bodies, removes those that `stays` doesn't want, and returns how many went.
    pub fn clean(&self, mut stays: impl FnMut(u128, Form) -> bool) -> io::Result<u64> {
        let mut removed = 0;
        for folder in self.folders(&self.path)? {
            for folder in self.folders(&folder)? {
                removed += self.clean_one(&folder, &mut stays)?;
            }
        }
        Ok(removed)
    }

    fn clean_one(&self, folder: &Path, stays: &mut impl FnMut(u128, Form) -> bool) -> io::Result<u64> {
        let mut removed = 0;
        for name in self.vfs.list(folder)? {
            let path = folder.join(name);
            let goes = match (number(&path), path.extension().and_then(OsStr::to_str)) {
                (Some(id), Some(WHOLE)) => !stays(id, Form::Whole),
                (Some(id), Some(PART)) => !stays(id, Form::Part),
                // It is somebody else's.
                _ => false,
            };
            if goes {
                self.vfs.remove(&path)?;
                removed += 1;
            }
        }
        Ok(removed)
    }

    /// The folders of two digits in a folder.
    fn folders(&self, path: &Path) -> io::Result<Vec<PathBuf>> {
        let is_one =
            |name: &OsStr| name.len() == 2 && name.as_encoded_bytes().iter().all(u8::is_ascii_hexdigit);
        Ok(self.vfs.list(path)?.iter().filter(|name| is_one(name)).map(|name| path.join(name)).collect())
    }

    fn folder_of(&self, id: u128) -> PathBuf {
        let digits = digits(id);
        self.path.join(&digits[..2]).join(&digits[2..4])
    }

    fn file(&self, id: u128, ending: &str) -> PathBuf {
        self.folder_of(id).join(format!("{}.{ending}", digits(id)))
    }

    /// Makes the two folders that a body lies in, unless they are there.
    fn make(&self, folder: &Path) -> io::Result<()> {
        let mut made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        if made.contains(folder) {
            return Ok(());
        }
        let outer = crate::vfs::parent(folder);
        for (path, holder) in [(outer, &*self.path), (folder, outer)] {
            self.vfs.create_directory(path)?;
            self.vfs.sync_directory(holder)?;
        }
        made.insert(folder.to_owned());
        Ok(())
    }
}

fn digits(id: u128) -> String {
    format!("{id:032x}")
}

/// The number in the name of a file.
fn number(path: &Path) -> Option<u128> {
    let digits = path.file_stem()?.to_str().filter(|digits| digits.len() == 32)?;
    u128::from_str_radix(digits, 16).ok()
}

/// A body that is being written. What of it is there can be read meanwhile.
pub struct Draft {
    file: Box<dyn File>,
}

impl Draft {
    /// Writes a piece behind what is there. Only one at a time may do that.
    pub fn append(&self, bytes: &[u8]) -> io::Result<()> {
        append_all(&*self.file, bytes)
    }

    /// Fills a buffer with the bytes from an offset on, all of which must have been written.
    pub fn read(&self, offset: u64, bytes: &mut [u8]) -> io::Result<()> {
        read_exact(&*self.file, offset, bytes)
    }
}

/// A body that is open. It can be read to its end, also when it is removed meanwhile.
pub struct StoredBody {
    file: Box<dyn File>,
    head: Head,
    key: Vec<u8>,
}

impl StoredBody {
    /// What its file says of it.
    pub fn head(&self) -> &Head {
        &self.head
    }

    /// The key under which it was stored first.
    pub fn key(&self) -> &[u8] {
        &self.key
    }

    /// Fills a buffer with the bytes of the body from an offset on, all of which must be in it.
    pub fn read(&self, offset: u64, bytes: &mut [u8]) -> io::Result<()> {
        let end = offset.checked_add(bytes.len() as u64);
        if end.is_none_or(|end| end > self.head.length) {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        read_exact(&*self.file, offset, bytes)
    }

    /// Whether the bytes are those that were written. O(length).
    pub fn is_sound(&self) -> io::Result<bool> {
        let (mut checksum, mut offset) = (Checksum::new(), 0);
        let mut piece = vec![0; PIECE_BYTES.min(self.head.length as usize)];
        while offset < self.head.length {
            let count = (self.head.length - offset).min(piece.len() as u64) as usize;
            self.read(offset, &mut piece[..count])?;
            checksum.update(&piece[..count]);
            offset += count as u64;
        }
        Ok(checksum.value() == self.head.checksum)
    }
}

fn read_exact(file: &dyn File, mut offset: u64, mut bytes: &mut [u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        match file.read_at(offset, bytes)? {
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            count => {
                offset += count as u64;
                bytes = &mut bytes[count..];
            }
        }
    }
    Ok(())
}
