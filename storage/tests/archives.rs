//! Snapshots of our own format: what was saved is loaded, whatever happens to the machine meanwhile.

use spinel_persistence::rdb::{Marks, Verification};
use spinel_persistence::spldb::{Assembly, Coding, PartEncoder};
use spinel_persistence::vfs::{Access, Fault, SimulatedVfs, Vfs};
use spinel_storage::durable::{FileOptions, SaveError, SnapshotFormat, save};
use spinel_storage::engine::{ExpiredKeys, LoadError, LoadListener, LoadOptions, Loaded, PresentKeys};
use spinel_storage::{Db, DbIndex, UnixMillis, Value};
use spinel_types::Str;
use std::io::Write;
use std::path::Path;

const PATH: &str = "/dump.spldb";

/// Before all expiries of the files that real servers saved.
const NOW: UnixMillis = UnixMillis(1_700_000_000_000);

#[derive(Default)]
struct Heard {
    functions: Vec<Vec<u8>>,
    fields: Vec<Vec<u8>>,
    reports: usize,
}

impl LoadListener for Heard {
    fn function(&mut self, code: &[u8]) -> Result<(), String> {
        self.functions.push(code.to_vec());
        if code == b"bad" { Err("it is bad".to_owned()) } else { Ok(()) }
    }

    fn field(&mut self, name: &[u8], _text: &[u8]) {
        self.fields.push(name.to_vec());
    }

    fn progress(&mut self, _loaded: &Loaded) {
        self.reports += 1;
    }
}

fn load(vfs: &SimulatedVfs, now: UnixMillis) -> (Db, Heard, Result<Loaded, LoadError>) {
    let (db, mut heard) = (Db::memory(), Heard::default());
    let file = vfs.open(Path::new(PATH), Access::Read).expect("it was saved");
    let options = LoadOptions {
        now,
        expired: ExpiredKeys::Drop,
        verification: Verification::On,
        present: PresentKeys::None,
    };
    let result = db.engine().load_file(&*file, &options, &mut heard);
    (db, heard, result)
}

fn save_to(vfs: &SimulatedVfs, db: &Db, libraries: &[&[u8]]) -> Result<(), SaveError> {
    let options = FileOptions {
        format: SnapshotFormat::Spldb,
        libraries: libraries.iter().map(|code| code.to_vec()).collect(),
        ..FileOptions::new(NOW)
    };
    let snapshot = db.engine().begin_snapshot().expect("no other is running");
    save(&snapshot, &options, vfs, Path::new(PATH))
}

fn digest(db: &Db) -> Value {
    db.execute(["DEBUG", "DIGEST"]).expect("there is one")
}

fn keys(db: &Db) -> usize {
    (0..16).map(|number| db.engine().keyspace().len(DbIndex(number))).sum()
}

/// The data of a real server, which has values of all types and encodings.
fn of_real_server() -> Db {
    let (db, bytes) = (Db::memory(), &include_bytes!("snapshots/redis8.rdb")[..]);
    let options = LoadOptions {
        now: NOW,
        expired: ExpiredKeys::Drop,
        verification: Verification::On,
        present: PresentKeys::None,
    };
    db.engine().load(bytes, &options, &mut Heard::default()).expect("it is sound");
    db.execute(["XADD", "later", "AT", "4102444800000", "*", "not", "yet"]).expect("it is none yet");
    db.execute(["SADD", "members", "a", "b"]).expect("there is room");
    db.execute(["SEXPIRE", "members", "1000000", "MEMBERS", "1", "a"]).expect("it is there");
    db
}

#[test]
fn all_types_and_encodings_come_back() {
    let (db, vfs) = (of_real_server(), SimulatedVfs::new(1));
    save_to(&vfs, &db, &[b"#!lua name=lib\n"]).expect("there is room");
    let (copy, heard, result) = load(&vfs, NOW);
    let loaded = result.expect("it was just saved");
    assert_eq!((loaded.keys, loaded.expired, loaded.empty), (keys(&db) as u64, 0, 0));
    assert_eq!(digest(&copy), digest(&db));
    assert_eq!(heard.functions, [b"#!lua name=lib\n".to_vec()]);
    assert!(heard.fields.contains(&b"redis-ver".to_vec()));
    for call in [
        "OBJECT ENCODING l:large",
        "OBJECT ENCODING t:ints",
        "PEXPIRETIME s:ttl",
        "XINFO STREAM x:large FULL",
    ] {
        let ask = |db: &Db| db.execute(call.split(' '));
        assert_eq!(ask(&copy), ask(&db), "{call}");
    }
}

#[test]
fn many_keys_are_loaded_by_several_threads() {
    let (db, vfs) = (Db::memory(), SimulatedVfs::new(1));
    let many = (1 << 17).to_string();
    db.execute(["DEBUG", "POPULATE", &many]).expect("there is room");
    save_to(&vfs, &db, &[]).expect("there is room");
    let (copy, heard, result) = load(&vfs, NOW);
    assert_eq!(result.expect("it was just saved").keys, 1 << 17);
    assert_eq!(digest(&copy), digest(&db));
    assert!(heard.reports > 0);
}

#[test]
fn expired_keys_are_left_out() {
    let (db, vfs) = (Db::memory(), SimulatedVfs::new(1));
    db.execute(["SET", "stays", "v"]).expect("there is room");
    db.execute(["SET", "goes", "v", "PXAT", "4102444800000"]).expect("there is room");
    save_to(&vfs, &db, &[]).expect("there is room");
    let loaded = load(&vfs, UnixMillis(4_102_444_800_000)).2.expect("it was just saved");
    assert_eq!((loaded.keys, loaded.expired), (1, 1));
}

#[test]
fn nothing_is_left_of_a_load_that_failed() {
    let (db, vfs) = (of_real_server(), SimulatedVfs::new(1));
    save_to(&vfs, &db, &[b"bad"]).expect("there is room");
    let (copy, _, result) = load(&vfs, NOW);
    assert!(matches!(result, Err(LoadError::Function(_))));
    assert_eq!(keys(&copy), 0);

    // A key that stands in two parts, and one of a database that there is not.
    let refusal = |databases: [u16; 2]| {
        let (vfs, mut bytes) = (SimulatedVfs::new(1), Vec::new());
        let mut assembly = Assembly::begin(Coding::Lz4, b"", &mut bytes);
        for database in databases {
            let mut encoder = PartEncoder::new(Coding::Lz4);
            assert!(encoder.select(database).is_none());
            let value = spinel_types::Value::String(Str::Text(b"v"));
            assert!(encoder.key(b"k", value, Marks::default()).is_none());
            let part = encoder.finish().expect("there is a key");
            assembly.add(&part);
            bytes.extend_from_slice(&part.bytes);
        }
        assembly.end(&mut bytes);
        vfs.create(Path::new(PATH)).and_then(|mut file| file.write_all(&bytes)).expect("there is room");
        let (copy, _, result) = load(&vfs, NOW);
        assert_eq!(keys(&copy), 0);
        result.expect_err("it can't be loaded").to_string()
    };
    assert_eq!(refusal([0, 0]), "the key 'k' stands twice");
    assert!(refusal([0, 16]).contains("database 16"));
}

/// Saves over an older file on a disk on which something happens at one call; whether the save got that far.
fn save_disturbed(call: u64, fault: Fault, seed: u64) -> bool {
    let (db, vfs) = (Db::memory(), SimulatedVfs::new(seed));
    db.execute(["DEBUG", "POPULATE", "20000"]).expect("there is room");
    save_to(&vfs, &db, &[]).expect("there is room");
    let old = digest(&db);
    db.execute(["SET", "new", "v"]).expect("there is room");
    let new = digest(&db);

    let before = vfs.calls();
    vfs.fail_call(call, fault);
    let outcome = save_to(&vfs, &db, &[]);
    let was_disturbed = vfs.calls() - before > call;
    vfs.forget_faults();
    vfs.cut_power();
    vfs.restart();
    let (copy, _, result) = load(&vfs, NOW);
    result.expect("one of the two is there, and whole");
    let found = digest(&copy);
    assert!(found == new || found == old && outcome.is_err(), "{fault:?} at call {call}: {outcome:?}");
    was_disturbed
}

#[test]
fn a_disturbed_save_leaves_the_old_file_or_the_new() {
    for fault in [Fault::PowerCut, Fault::Error(5), Fault::Short] {
        let mut call = 0;
        while save_disturbed(call, fault, call + 1) {
            call += 1;
        }
        assert!(call > 5, "a file is made, written, synced and renamed");
    }
}
