//! Snapshot files that real servers saved, and what we save of them.
//!
//! The servers held values of all types and encodings (`tests/snapshots/README.md` says which); the digest is that of
//! Redis 8.

use spinel_persistence::rdb::{Checksum, Compression, Encoder, Marks, Verification};
use spinel_storage::engine::{ExpiredKeys, LoadError, LoadListener, LoadOptions, Loaded, PresentKeys};
use spinel_storage::{Db, DbIndex, UnixMillis, Value};

struct File {
    bytes: &'static [u8],
    name: &'static str,
    /// Redis 7.0 writes scores otherwise for its digest, and Valkey leaves expiries of fields out.
    digest: Option<&'static str>,
    keys: u64,
}

const FILES: [File; 3] = [
    File { bytes: include_bytes!("snapshots/redis7.rdb"), name: "redis7", digest: None, keys: KEYS },
    File {
        bytes: include_bytes!("snapshots/redis8.rdb"),
        name: "redis8",
        digest: Some("3758ad79a26d93e066d219397ea148ed7392782f"),
        keys: KEYS + 2,
    },
    File { bytes: include_bytes!("snapshots/valkey9.rdb"), name: "valkey9", digest: None, keys: KEYS + 2 },
];

/// How many keys all files have; two more have fields that expire.
const KEYS: u64 = 36;

/// Before all expiries of the files.
const NOW: UnixMillis = UnixMillis(1_700_000_000_000);

#[derive(Default)]
struct Functions(Vec<Vec<u8>>);

impl LoadListener for Functions {
    fn function(&mut self, code: &[u8]) -> Result<(), String> {
        self.0.push(code.to_vec());
        Ok(())
    }
}

fn load(bytes: &[u8], verification: Verification) -> (Db, Functions, Result<Loaded, LoadError>) {
    let (db, mut functions) = (Db::memory(), Functions::default());
    let options =
        LoadOptions { now: NOW, expired: ExpiredKeys::Drop, verification, present: PresentKeys::None };
    let result = db.engine().load(bytes, &options, &mut functions);
    (db, functions, result)
}

fn digest(db: &Db) -> String {
    match db.execute(["DEBUG", "DIGEST"]) {
        Ok(Value::Simple(digest)) => String::from_utf8_lossy(&digest).into_owned(),
        other => panic!("no digest: {other:?}"),
    }
}

#[test]
fn files_of_real_servers_are_loaded() {
    for file in &FILES {
        let (db, functions, result) = load(file.bytes, Verification::On);
        let loaded = result.expect("it is sound");
        assert_eq!(loaded, Loaded { keys: file.keys, expired: 0, empty: 0, bytes: file.bytes.len() as u64 });
        assert!(file.digest.is_none_or(|expected| digest(&db) == expected), "{}", file.name);
        assert!(functions.0.len() == 1 && functions.0[0].starts_with(b"#!lua name=lib"));
        for (call, expected) in [
            ("OBJECT ENCODING l:large", Value::Bulk(b"quicklist".to_vec())),
            ("OBJECT ENCODING t:ints", Value::Bulk(b"intset".to_vec())),
            ("OBJECT ENCODING h:small", Value::Bulk(b"listpack".to_vec())),
            ("OBJECT ENCODING z:large", Value::Bulk(b"skiplist".to_vec())),
            ("PEXPIRETIME s:ttl", Value::Integer(4_102_444_800_000)),
            ("XLEN x:large", Value::Integer(120)),
        ] {
            assert_eq!(db.execute(call.split(' ')), Ok(expected), "{call}");
        }
        let pending = db.execute(["XPENDING", "x:large", "g", "-", "+", "100"]).expect("there is a group");
        assert!(
            matches!(pending, Value::Array(pending) if pending.len() == 14),
            "15 were read, 1 acknowledged"
        );
    }
}

#[test]
fn what_was_loaded_can_be_saved() {
    for file in &FILES {
        let (db, ..) = load(file.bytes, Verification::On);
        let (mut saved, mut encoder) = (Vec::new(), Encoder::new(Compression::Lzf));
        Encoder::start(&mut saved);
        for number in [0, 5] {
            Encoder::select_db(number, &mut saved);
            db.engine().keyspace().for_each(DbIndex(number), NOW, |entry, values| {
                let marks = Marks { expiry_ms: entry.stamp(), usage: None };
                encoder.key(entry.key(), spinel_types::Value::of(entry, values), marks, &mut saved);
            });
        }
        Encoder::end(Some(Checksum::of(&saved)), &mut saved);
        let (copy, _, result) = load(&saved, Verification::On);
        assert_eq!(result.expect("it was just made").keys, file.keys);
        assert_eq!(digest(&copy), digest(&db), "{}", file.name);
    }
}

#[test]
fn damaged_files_leave_nothing() {
    for file in &FILES {
        for at in (0..file.bytes.len()).step_by(401) {
            let (db, _, result) = load(&file.bytes[..at], Verification::Off);
            assert!(result.is_err(), "cut at {at}");
            assert!((0..16).all(|number| db.engine().keyspace().len(DbIndex(number)) == 0));
            let mut damaged = file.bytes.to_vec();
            damaged[at] ^= 0x41;
            assert!(load(&damaged, Verification::On).2.is_err(), "damaged at {at}");
            // Without the checksum it may pass, but not panic.
            drop(load(&damaged, Verification::Off));
        }
    }
}
