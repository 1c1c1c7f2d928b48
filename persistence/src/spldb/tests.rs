//! Files whose checksums are right and whose content is not.

use super::archive::{ColumnEntry, PartEntry};
use super::block::Press;
use super::layout::{Footer, HEADER_BYTES, Kind, header};
use super::{Archive, Coding};
use crate::rdb::{Forms, Verification, length};
use crate::vfs::{Access, SimulatedVfs, Vfs};
use spinel_types::{HashLimits, HashSeed, ListLimits, SetLimits, SortedSetLimits};
use std::io::Write;

fn forms() -> Forms {
    Forms {
        seed: HashSeed::new(3, 4),
        hash: HashLimits { entries_max: 16, value_bytes_max: 64 },
        list: ListLimits { listpack_max: 12, compress_depth: 0, plain_min: 0 },
        set: SetLimits { integers_max: 20, entries_max: 16, value_bytes_max: 64 },
        sorted_set: SortedSetLimits { entries_max: 16, member_bytes_max: 64 },
        string_bytes_max: 100,
    }
}

/// A file to be, of one part.
#[derive(Clone)]
struct Forged {
    table: Vec<u8>,
    values: Vec<u8>,
    keys: u64,
    expiring: u64,
    all_keys: u64,
    /// The database of the root, and that of the blocks.
    databases: (u16, u16),
    /// What is added to the bytes of the values that the root tells.
    stretch: i64,
    notes: Vec<u8>,
}

impl Forged {
    /// Two strings, one of which expires.
    fn sound() -> Forged {
        let mut table = vec![252];
        table.extend_from_slice(&5_i64.to_le_bytes());
        table.extend_from_slice(b"\0\x01a\x02\0\x01b\x03");
        let (values, notes) = (b"\x01v\x02vw".to_vec(), b"\xfa\x01n\x01t".to_vec());
        Forged { table, values, keys: 2, expiring: 1, all_keys: 2, databases: (3, 3), stretch: 0, notes }
    }

    fn bytes(&self) -> Vec<u8> {
        let (mut bytes, mut press, mut root) = (header().to_vec(), Press::new(Coding::Stored), Vec::new());
        let mut column = |kind, content: &[u8], bytes: &mut Vec<u8>| {
            let start = bytes.len();
            let checksum = press.column(kind, content, bytes).value();
            ColumnEntry { bytes: (bytes.len() - start) as u64, checksum }
        };
        column((Kind::Notes, 0), &self.notes, &mut bytes).write(&mut root);
        let table = column((Kind::Table, self.databases.1), &self.table, &mut bytes);
        let mut values = column((Kind::Values, self.databases.1), &self.values, &mut bytes);
        values.bytes = values.bytes.wrapping_add_signed(self.stretch);
        let (keys, expiring, database) = (self.keys, self.expiring, self.databases.0);
        PartEntry { database, keys, expiring, table, values }.write(&mut root);
        let root_offset = bytes.len() as u64;
        let root_checksum = column((Kind::Root, 0), &root, &mut bytes).checksum;
        bytes.extend_from_slice(&Footer { root_offset, keys: self.all_keys, root_checksum }.bytes());
        bytes
    }

    fn read(&self) -> Result<usize, String> {
        read(&self.bytes())
    }
}

fn read(bytes: &[u8]) -> Result<usize, String> {
    let vfs = SimulatedVfs::new(1);
    vfs.create("/f".as_ref()).and_then(|mut file| file.write_all(bytes)).expect("there is room");
    let disk = vfs.open("/f".as_ref(), Access::Read).expect("it was just made");
    let archive = Archive::open(&*disk, &forms(), Verification::On).map_err(|error| error.to_string())?;
    archive.notes().map_err(|error| error.to_string())?;
    let (mut reader, mut keys) = (archive.reader(), 0);
    for part in 0..archive.parts().len() {
        reader.select(part).map_err(|error| error.to_string())?;
        while reader.read().map_err(|error| error.to_string())?.is_some() {
            keys += 1;
        }
    }
    Ok(keys)
}

#[test]
fn what_is_sound_is_read() {
    assert_eq!(Forged::sound().read(), Ok(2));
}

#[test]
fn a_part_that_contradicts_itself_is_refused() {
    let with = |change: &dyn Fn(&mut Forged)| {
        let mut forged = Forged::sound();
        change(&mut forged);
        forged.read().expect_err("it is wrong")
    };
    for (keys, why) in [(1, "more than the root says"), (3, "end too early"), (0, "number of keys")] {
        let error = with(&|file| (file.keys, file.all_keys, file.expiring) = (keys, keys, 1.min(keys)));
        assert!(error.contains(why), "{error}");
    }
    assert!(with(&|file| file.all_keys = 3).contains("doesn't tell of all"));
    assert!(with(&|file| file.expiring = 0).contains("more keys expire"));
    assert!(with(&|file| file.expiring = 2).contains("more than the root says"));
    assert!(with(&|file| file.expiring = 3).contains("number of keys"));
    assert!(with(&|file| file.databases.1 = 2).contains("another block"));
    assert!(with(&|file| *file.table.last_mut().unwrap() = 2).contains("another size"));
    assert!(with(&|file| *file.table.last_mut().unwrap() = 4).contains("another size"));
    assert!(with(&|file| file.values.push(0)).contains("more than the root says"));
    assert!(with(&|file| file.table.push(0)).contains("more than the root says"));
    assert!(with(&|file| file.table[0] = 254).contains("type 254"));
    assert!(with(&|file| file.notes[0] = 254).contains("type 254"));
    assert!(with(&|file| file.stretch = 1).contains("outside of the file"));
    assert!(with(&|file| file.stretch = -1).contains("doesn't tell of all"));
    assert!(with(&|file| file.stretch = i64::MIN).contains("outside of the file"));
}

#[test]
fn values_that_can_not_be_are_refused() {
    let with = |value_type: u8, value: &[u8]| {
        let mut table = vec![value_type, 1, b'k'];
        length(value.len() as u64, &mut table);
        let values = value.to_vec();
        Forged { table, values, keys: 1, all_keys: 1, expiring: 0, ..Forged::sound() }.read()
    };
    assert_eq!(with(1, b"\x01\x01e"), Ok(1), "a list");
    assert!(with(1, b"\0").expect_err("it is empty").contains("a collection is empty"));
    assert!(with(1, b"\x01\x01e\0").expect_err("a byte too much").contains("a field was expected"));
    let unknown = b"\x01\x01e\xfa\x04name\x01t";
    assert!(with(1, unknown).expect_err("a field").contains("what is not known"));
    assert!(with(0, &[0x40, 101]).expect_err("too long").contains("longer than strings may be"));
    assert!(with(7, b"\0\0").expect_err("of a module").contains("module"));
}

#[test]
fn a_root_outside_of_the_file_is_refused() {
    let bytes = Forged::sound().bytes();
    let footer_at = bytes.len() - 40;
    for root_offset in [0, HEADER_BYTES as u64 - 1, footer_at as u64, u64::MAX] {
        let mut bytes = bytes.clone();
        bytes.truncate(footer_at);
        bytes.extend_from_slice(&Footer { root_offset, keys: 2, root_checksum: 0 }.bytes());
        assert!(read(&bytes).expect_err("there is none").contains("outside of the file"));
    }
}
