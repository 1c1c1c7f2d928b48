//! Values of all types and forms come back from payloads and files as they were.

mod made;

use made::{Random, contents, forms, value};
use spinel_persistence::dump;
use spinel_persistence::rdb::{Checksum, Compression, Encoder, Item, Marks, Reader, Usage, Verification};
use spinel_types::{OwnedValue, Value};

/// How a value is stored.
fn form(value: &OwnedValue) -> String {
    match value {
        OwnedValue::Inline { kind, .. } => kind.encoding_name().to_owned(),
        OwnedValue::Large(large) => format!("large {}", large.value_type().name()),
    }
}

#[test]
fn values_come_back_from_payloads() {
    let mut random = Random(7);
    for compression in [Compression::None, Compression::Lzf] {
        let mut encoder = Encoder::new(compression);
        for _ in 0..600 {
            let value = value(&mut random);
            let (mut payload, mut again) = (Vec::new(), Vec::new());
            dump::encode(&mut encoder, Value::of_owned(&value), &mut payload);
            let restored = dump::decode(&payload, &forms()).expect("it was just made");
            assert_eq!(form(&restored), form(&value));
            assert_eq!(contents(&restored), contents(&value));
            dump::encode(&mut encoder, Value::of_owned(&restored), &mut again);
            assert_eq!(again.len(), payload.len());
        }
    }
}

/// Keys with their values and marks.
type Keys = Vec<(Vec<u8>, OwnedValue, Marks)>;

fn keys(random: &mut Random) -> Keys {
    let key = |number: u64, random: &mut Random| {
        let usage = match random.below(3) {
            0 => None,
            1 => Some(Usage::IdleSeconds(random.below(1 << 20))),
            _ => Some(Usage::Frequency(random.below(256) as u8)),
        };
        let expiry_ms = (random.below(2) == 0).then(|| 1_800_000_000_000 + random.below(1 << 30) as i64);
        (format!("key:{number}").into_bytes(), value(random), Marks { expiry_ms, usage })
    };
    (0..300).map(|number| key(number, random)).collect()
}

/// A file of two databases, the keys of which are encoded in parts, and what the parts' checksums are together.
fn file(keys: &Keys) -> Vec<u8> {
    let mut encoder = Encoder::new(Compression::Lzf);
    let mut parts = vec![Vec::new()];
    Encoder::start(&mut parts[0]);
    encoder.aux(b"redis-ver", b"7.0.0", &mut parts[0]);
    encoder.function(b"#!lua name=l\n", &mut parts[0]);
    for (db, keys) in keys.chunks(keys.len() / 2).enumerate() {
        let mut part = Vec::new();
        Encoder::select_db(db as u16 * 3, &mut part);
        Encoder::sizes(keys.len() as u64, 0, &mut part);
        for (key, value, marks) in keys {
            encoder.key(key, Value::of_owned(value), *marks, &mut part);
        }
        parts.push(part);
    }
    let sum = parts.iter().fold(Checksum::new(), |sum, part| sum.followed_by(Checksum::of(part)));
    let mut file = parts.concat();
    assert_eq!(sum, Checksum::of(&file));
    Encoder::end(Some(sum), &mut file);
    file
}

/// Gives few bytes at a time.
struct Drops<'b>(&'b [u8]);

impl std::io::Read for Drops<'_> {
    fn read(&mut self, room: &mut [u8]) -> std::io::Result<usize> {
        let count = room.len().min(self.0.len()).min(7);
        room[..count].copy_from_slice(&self.0[..count]);
        self.0 = &self.0[count..];
        Ok(count)
    }
}

#[test]
fn keys_come_back_from_files() {
    let keys = keys(&mut Random(3));
    let file = file(&keys);
    let mut reader = Reader::new(Drops(&file), &forms(), Verification::On).expect("it starts well");
    let (mut read, mut dbs, mut others) = (0, Vec::new(), Vec::new());
    while let Some(item) = reader.read().expect("it was just made") {
        match item {
            Item::Key(record) => {
                let (key, value, marks) = &keys[read];
                assert_eq!((record.key, record.marks), (&**key, *marks));
                assert_eq!(contents(&record.value.into_owned()), contents(value));
                read += 1;
            }
            Item::SelectDb(db) => dbs.push(db),
            Item::Sizes { keys, .. } => assert_eq!(keys, 150),
            Item::Aux(name, text) => others.push([name, text].concat()),
            Item::Function(code) => others.push(code.to_vec()),
            Item::ModuleAux(_) | Item::Empty(_) => panic!("there are none"),
        }
    }
    assert_eq!((read, dbs), (keys.len(), vec![0, 3]));
    assert_eq!(others, [&b"redis-ver7.0.0"[..], b"#!lua name=l\n"]);
    assert_eq!((reader.offset(), reader.version()), (file.len() as u64, 10));
    assert!(reader.read().is_ok_and(|item| item.is_none()), "the end stays the end");
}

/// Reads a file to its end.
fn read_all(file: &[u8], verification: Verification) -> Result<usize, String> {
    let mut reader = Reader::new(file, &forms(), verification).map_err(|error| error.to_string())?;
    let mut items = 0;
    while reader.read().map_err(|error| error.to_string())?.is_some() {
        items += 1;
    }
    Ok(items)
}

#[test]
fn cut_and_damaged_files_are_refused() {
    let mut random = Random(5);
    let file = file(&keys(&mut random));
    assert!(read_all(&file, Verification::On).is_ok());
    for _ in 0..100 {
        let cut = random.below(file.len() as u64) as usize;
        assert!(read_all(&file[..cut], Verification::Off).is_err(), "cut at {cut}");
        let mut damaged = file.clone();
        damaged[cut] ^= 1 << random.below(8);
        assert!(read_all(&damaged, Verification::On).is_err(), "damaged at {cut}");
        _ = read_all(&damaged, Verification::Off);
    }
    let mut unsummed = file.clone();
    let end = unsummed.len() - 8;
    unsummed[end..].fill(0);
    assert!(read_all(&unsummed, Verification::On).is_ok(), "a sum of 0 stands for none");
    unsummed[end] = 1;
    assert!(read_all(&unsummed, Verification::On).is_err_and(|error| error.contains("checksum")));
    assert!(read_all(&unsummed, Verification::Off).is_ok());
}

#[test]
fn damaged_payloads_end_in_an_answer() {
    let mut random = Random(11);
    for _ in 0..1000 {
        let mut payload = Vec::new();
        dump::encode(&mut Encoder::new(Compression::Lzf), Value::of_owned(&value(&mut random)), &mut payload);
        payload.truncate(payload.len() - 8);
        for _ in 0..=random.below(3) {
            let at = random.below(payload.len() as u64 - 2) as usize;
            payload[at] = random.below(256) as u8;
        }
        let sum = Checksum::of(&payload).value();
        payload.extend_from_slice(&sum.to_le_bytes());
        if let Ok(restored) = dump::decode(&payload, &forms()) {
            // What was taken is sound: it can be written and read.
            let mut again = Vec::new();
            dump::encode(&mut Encoder::new(Compression::None), Value::of_owned(&restored), &mut again);
            let twice = dump::decode(&again, &forms()).expect("what was taken can be written");
            assert_eq!(contents(&twice), contents(&restored));
        }
    }
}
