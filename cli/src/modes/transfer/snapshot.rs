//! `--rdb` and `--functions-rdb`: a snapshot of the server, fetched as a replica fetches it.

use super::synchronization::Synchronization;
use crate::arguments::SnapshotContents;
use crate::connection::system_text;
use crate::progress::Progress;
use crate::session::Session;
use crate::shell::RunError;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// Fetches a snapshot into `path`, or to standard output if that is `-`.
pub(in crate::modes) fn snapshot(
    session: &mut Session,
    path: &Path,
    contents: SnapshotContents,
) -> Result<(), RunError> {
    let mut options = vec![("capa", "eof"), ("rdb-only", "1")];
    if contents == SnapshotContents::Functions {
        options.push(("rdb-filter-only", "functions"));
    }
    let synchronization = Synchronization::begin(session, &options, |text| eprintln!("{text}"))?;
    let size = match synchronization.length() {
        Some(length) => format!("writing {length} bytes"),
        None => "writing bytes of bulk transfer until EOF marker".to_owned(),
    };
    eprintln!("SYNC sent to master, {size} to '{}'", path.display());

    let mut progress = Progress::new("bytes", synchronization.length());
    let bytes = if path == Path::new("-") {
        let mut out = io::stdout().lock();
        let (bytes, _) = synchronization.receive(&mut out, |bytes| progress.show(bytes))?;
        out.flush()?;
        bytes
    } else {
        let mut target = Target::create(path)?;
        let (bytes, _) = synchronization.receive(&mut target.file, |bytes| progress.show(bytes))?;
        target.finish().map_err(|error| cannot("write", path, &error))?;
        bytes
    };
    drop(progress);
    eprintln!("Transfer finished with success after {bytes} bytes");
    Ok(())
}

/// A file that appears under its name when it is complete.
struct Target {
    file: File,
    path: PathBuf,
    /// Where it is until then; nothing if the name is no regular file's, a pipe for instance.
    temporary: Option<PathBuf>,
}

impl Target {
    fn create(path: &Path) -> Result<Self, RunError> {
        let special = fs::metadata(path).is_ok_and(|found| !found.is_file());
        let temporary = (!special).then(|| {
            let mut name = path.as_os_str().to_owned();
            name.push(format!(".{}.part", std::process::id()));
            PathBuf::from(name)
        });
        let opened = match &temporary {
            Some(temporary) => File::create(temporary),
            None => File::options().write(true).open(path),
        };
        let file = opened.map_err(|error| cannot("open", path, &error))?;
        Ok(Self { file, path: path.to_owned(), temporary })
    }

    /// Makes sure that the file is there after a power cut, under its name.
    fn finish(mut self) -> io::Result<()> {
        let Some(temporary) = self.temporary.clone() else { return self.file.flush() };
        self.file.sync_all()?;
        fs::rename(&temporary, &self.path)?;
        self.temporary = None;
        let folder = self.path.parent().filter(|folder| !folder.as_os_str().is_empty());
        File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
    }
}

impl Drop for Target {
    fn drop(&mut self) {
        if let Some(temporary) = &self.temporary {
            // A part of a snapshot is of no use. If it can't be removed there is nothing else to try.
            let _ = fs::remove_file(temporary);
        }
    }
}

fn cannot(verb: &str, path: &Path, error: &io::Error) -> RunError {
    let doing = if verb == "open" { "opening" } else { "writing" };
    RunError::Refused(format!("Error {doing} '{}': {}", path.display(), system_text(error)))
}
