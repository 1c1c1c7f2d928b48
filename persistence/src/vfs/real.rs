//! The operating system's files.

use super::{Access, File, Lock, Vfs};
use rustix::fs::{FlockOperation, flock, statvfs};
use std::ffi::OsString;
use std::fs::{self, OpenOptions};
use std::io::{self, IoSlice, Write};
use std::os::unix::fs::FileExt;
use std::path::Path;

/// The file system of the operating system.
#[derive(Clone, Copy, Default, Debug)]
pub struct RealVfs;

impl Vfs for RealVfs {
    fn create(&self, path: &Path) -> io::Result<Box<dyn File>> {
        // Append mode and truncation exclude each other when a file is opened.
        let file = OpenOptions::new().read(true).append(true).create(true).open(path)?;
        file.set_len(0)?;
        Ok(Box::new(RealFile(file)))
    }

    fn open(&self, path: &Path, access: Access) -> io::Result<Box<dyn File>> {
        let file = OpenOptions::new().read(true).append(access == Access::Append).open(path)?;
        Ok(Box::new(RealFile(file)))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        fs::remove_file(path)
    }

    fn create_directory(&self, path: &Path) -> io::Result<()> {
        match fs::create_dir(path) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists && path.is_dir() => Ok(()),
            outcome => outcome,
        }
    }

    fn list(&self, directory: &Path) -> io::Result<Vec<OsString>> {
        fs::read_dir(directory)?.map(|entry| Ok(entry?.file_name())).collect()
    }

    fn is_file(&self, path: &Path) -> io::Result<bool> {
        match fs::metadata(path) {
            Ok(metadata) => Ok(metadata.is_file()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(error),
        }
    }

    fn sync_directory(&self, directory: &Path) -> io::Result<()> {
        fs::File::open(directory)?.sync_all()
    }

    fn lock(&self, path: &Path) -> io::Result<Box<dyn Lock>> {
        let file = OpenOptions::new().write(true).create(true).truncate(false).open(path)?;
        flock(&file, FlockOperation::NonBlockingLockExclusive)?;
        Ok(Box::new(RealLock { _file: file }))
    }

    fn free_bytes(&self, path: &Path) -> io::Result<u64> {
        let statistics = statvfs(path)?;
        Ok(statistics.f_bavail.saturating_mul(statistics.f_frsize))
    }
}

struct RealFile(fs::File);

impl File for RealFile {
    fn len(&self) -> io::Result<u64> {
        Ok(self.0.metadata()?.len())
    }

    fn read_at(&self, offset: u64, bytes: &mut [u8]) -> io::Result<usize> {
        loop {
            match self.0.read_at(bytes, offset) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                outcome => return outcome,
            }
        }
    }

    fn append(&self, bytes: &[u8]) -> io::Result<usize> {
        (&self.0).write(bytes)
    }

    fn append_vectored(&mut self, parts: &[IoSlice<'_>]) -> io::Result<usize> {
        self.0.write_vectored(parts)
    }

    fn truncate(&mut self, length: u64) -> io::Result<()> {
        self.0.set_len(length)
    }

    fn sync(&mut self) -> io::Result<()> {
        self.0.sync_all()
    }

    fn sync_data(&mut self) -> io::Result<()> {
        self.0.sync_data()
    }
}

/// The lock belongs to the open file and ends with it.
struct RealLock {
    _file: fs::File,
}

impl Lock for RealLock {}

#[cfg(test)]
mod tests {
    use super::super::{Stream, replace};
    use super::*;
    use std::io::Read;

    fn folder(name: &str) -> std::path::PathBuf {
        let folder = std::env::temp_dir().join(format!("spinel-vfs-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&folder);
        RealVfs.create_directory(&folder).unwrap();
        RealVfs.create_directory(&folder).unwrap();
        folder
    }

    #[test]
    fn files_are_written_at_the_end_read_anywhere_and_cut() {
        let folder = folder("files");
        let path = folder.join("a");
        let mut file = RealVfs.create(&path).unwrap();
        file.write_all(b"hello world").unwrap();
        file.truncate(5).unwrap();
        file.write_all(b"!").unwrap();
        file.sync().unwrap();
        file.sync_data().unwrap();
        RealVfs.rename(&path, &folder.join("b")).unwrap();
        RealVfs.sync_directory(&folder).unwrap();
        assert!(!RealVfs.is_file(&path).unwrap());
        assert!(!RealVfs.is_file(&folder).unwrap());

        let mut file = RealVfs.open(&folder.join("b"), Access::Append).unwrap();
        file.write_all(b"?").unwrap();
        let mut text = String::new();
        Stream::new(&*file, 1).read_to_string(&mut text).unwrap();
        assert_eq!((text.as_str(), file.len().unwrap()), ("ello!?", 7));
        let file = RealVfs.open(&folder.join("b"), Access::Read).unwrap();
        assert!(file.append(b"x").is_err(), "opened for reading");
        assert_eq!(RealVfs.list(&folder).unwrap(), ["b"]);
        assert!(RealVfs.free_bytes(&folder).unwrap() > 0);
        replace(&RealVfs, &folder.join("b"), &folder.join("temp"), b"new").unwrap();
        assert_eq!(fs::read(folder.join("b")).unwrap(), b"new");
        RealVfs.create(&folder.join("b")).unwrap();
        assert_eq!(fs::read(folder.join("b")).unwrap(), b"");
        RealVfs.remove(&folder.join("b")).unwrap();
        assert_eq!(RealVfs.list(&folder).unwrap(), [""; 0]);
        fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn one_lock_at_a_time() {
        let folder = folder("lock");
        let path = folder.join("lock");
        let lock = RealVfs.lock(&path).unwrap();
        let kind = RealVfs.lock(&path).err().map(|error| error.kind());
        assert_eq!(kind, Some(io::ErrorKind::WouldBlock));
        drop(lock);
        assert!(RealVfs.lock(&path).is_ok());
        fs::remove_dir_all(&folder).unwrap();
    }
}
