//! The reader of logs on any bytes: it ends, hands out only what is there, and what it recovers can be written on.

#![no_main]

use libfuzzer_sys::fuzz_target;
use spinel_persistence::log::{
    Directory, LogNames, ReadError, ReadOptions, Reader, Recovered, Step, Until, Writer,
};
use spinel_persistence::vfs::{SimulatedVfs, Vfs, replace};
use std::path::Path;
use std::sync::Arc;

const MANIFEST: &str =
    "file base seq 1 type b\nfile first seq 1 type i startoffset 0\nfile second seq 2 type i\n";
const COMMAND: &[u8] = b"*1\r\n$4\r\nPING\r\n";

fuzz_target!(|data: &[u8]| {
    let Some((&choice, content)) = data.split_first() else {
        return;
    };
    let vfs = SimulatedVfs::new(1);
    let folder = LogNames::new("/").folder();
    vfs.create_directory(&folder).expect("an empty disk");
    let put = |name: &str, content: &[u8]| {
        replace(&vfs, &folder.join(name), Path::new("/temp"), content).expect("a disk without faults");
    };
    put("appendonly.aof.manifest", MANIFEST.as_bytes());
    for (name, place) in [("base", 0), ("first", 1), ("second", 2)] {
        put(name, if choice % 3 == place { content } else { b"" });
    }
    let options = ReadOptions {
        load_truncated: choice & 16 == 0,
        corrupt_tail_bytes_max: u64::from(choice >> 6) * 40,
        verify_checksums: choice & 32 == 0,
        until: Until::End,
    };
    let Ok((units, recovered)) = read(&vfs, options) else {
        return;
    };
    let directory = open(&vfs);
    let mut writer = Writer::open(directory, &recovered).expect("a disk without faults");
    writer.append(COMMAND, Some(1)).expect("a disk without faults");
    writer.close().expect("a disk without faults");
    let (again, _) = read(&vfs, ReadOptions { load_truncated: false, ..options }).expect("its tail was cut");
    assert_eq!(again, units + 1);
});

fn open(vfs: &SimulatedVfs) -> Directory {
    Directory::open(Arc::new(vfs.clone()), LogNames::new("/")).expect("the manifest is good")
}

/// Counts the units of a log.
fn read(vfs: &SimulatedVfs, options: ReadOptions) -> Result<(usize, Recovered), ReadError> {
    let directory = open(vfs);
    let mut reader = Reader::new(&directory, options)?;
    let mut units = 0;
    loop {
        let end = match reader.step()? {
            Step::Unit(unit) => {
                let words: usize = unit.commands().flat_map(|command| command.words()).map(<[u8]>::len).sum();
                assert!(words as u64 <= reader.total_bytes());
                units += 1;
                continue;
            }
            Step::Snapshot(file) => file.len().expect("a disk without faults").min(10),
            Step::End => return Ok((units, reader.finish())),
        };
        reader.snapshot_ends(end);
    }
}
