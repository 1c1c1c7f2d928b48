//! The log on the operating system's file system.

use crate::support::{bytes, read, write_file};
use spinel_persistence::log::{BaseFormat, Directory, LogNames, ReadOptions, Writer};
use spinel_persistence::vfs::RealVfs;
use std::path::PathBuf;
use std::sync::Arc;

/// An empty directory, which is removed in the end.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Folder {
        let folder = std::env::temp_dir().join(format!("spinel-log-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&folder);
        std::fs::create_dir(&folder).unwrap();
        Folder(folder)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

#[test]
fn a_log_lives_in_real_files() {
    let folder = Folder::new();
    let open = || Directory::open(Arc::new(RealVfs), LogNames::new(&folder.0)).unwrap();
    for round in 0..3 {
        let directory = open();
        let (_, recovered) = read(&directory, ReadOptions::default()).unwrap();
        let mut writer = Writer::open(directory, &recovered).unwrap();
        writer.append(&bytes(&format!("SET a {round}, MULTI, INCR n, INCR m, EXEC")), Some(round)).unwrap();
        if round == 1 {
            let rewrite = writer.begin_rewrite(Some(1)).unwrap();
            write_file(&RealVfs, rewrite.path(), &bytes("SET a 1, SET n 2, SET m 2"));
            writer.finish_rewrite(rewrite, BaseFormat::Commands).unwrap();
            writer.remove_history().unwrap();
        }
        writer.close().unwrap();
    }
    let (commands, recovered) = read(&open(), ReadOptions::default()).unwrap();
    assert_eq!(commands, "SET a 1, SET n 2, SET m 2, SET a 2, [INCR n, INCR m]");
    assert_eq!(recovered.cut, None);
}
