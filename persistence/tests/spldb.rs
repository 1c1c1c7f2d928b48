//! Snapshot files of our own come back as they were, whatever is in them, and are refused when anything is changed.

mod made;

use made::{Random, contents, forms, value};
use spinel_persistence::rdb::{Compression, Encoder, Marks, Usage, Verification};
use spinel_persistence::spldb::{Archive, Assembly, Coding, Note, Part, PartEncoder};
use spinel_persistence::vfs::{Access, File, SimulatedVfs, Vfs};
use spinel_types::{OwnedValue, Str, Value};
use std::collections::BTreeMap;
use std::io::Write;

struct Key {
    database: u16,
    name: Vec<u8>,
    value: OwnedValue,
    marks: Marks,
}

fn text(database: u16, name: &[u8], value: &[u8]) -> Key {
    let value = OwnedValue::of_string(Str::Text(value));
    Key { database, name: name.to_vec(), value, marks: Marks::default() }
}

fn random_keys(random: &mut Random, count: u64) -> Vec<Key> {
    let key = |number: u64| {
        let usage = match random.below(3) {
            0 => None,
            1 => Some(Usage::IdleSeconds(random.below(1 << 20))),
            _ => Some(Usage::Frequency(random.below(256) as u8)),
        };
        let expiry_ms = (random.below(2) == 0).then(|| 1_800_000_000_000 + random.below(1 << 30) as i64);
        let marks = Marks { expiry_ms, usage };
        let database = (number / 40 % 3) as u16 * 7;
        Key { database, name: format!("key:{number}").into_bytes(), value: value(random), marks }
    };
    (0..count).map(key).collect()
}

fn notes() -> Vec<u8> {
    let (mut notes, mut encoder) = (Vec::new(), Encoder::new(Compression::None));
    encoder.aux(b"redis-ver", b"8.0.0", &mut notes);
    encoder.function(b"#!lua name=l\n", &mut notes);
    notes
}

/// A file of keys that several encoders take in turns, as threads would.
fn file(keys: &[Key], coding: Coding) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut assembly = Assembly::begin(coding, &notes(), &mut bytes);
    let mut add = |part: Option<Part>| {
        if let Some(part) = part {
            assembly.add(&part);
            bytes.extend_from_slice(&part.bytes);
        }
    };
    let mut encoders = [PartEncoder::new(coding), PartEncoder::new(coding)];
    for (number, key) in keys.iter().enumerate() {
        let encoder = &mut encoders[number / 64 % 2];
        add(encoder.select(key.database));
        add(encoder.key(&key.name, Value::of_owned(&key.value), key.marks));
    }
    for encoder in &mut encoders {
        add(encoder.finish());
    }
    assembly.end(&mut bytes);
    bytes
}

fn on_disk(bytes: &[u8]) -> Box<dyn File> {
    let vfs = SimulatedVfs::new(1);
    vfs.create("/f".as_ref()).and_then(|mut file| file.write_all(bytes)).expect("there is room");
    vfs.open("/f".as_ref(), Access::Read).expect("it was just made")
}

/// Calls `seen` with every key of a file, and its database.
fn read_all(
    bytes: &[u8],
    verification: Verification,
    mut seen: impl FnMut(u16, spinel_persistence::rdb::Record<'_>),
) -> Result<Vec<Note>, String> {
    let disk = on_disk(bytes);
    let archive = Archive::open(&*disk, &forms(), verification).map_err(|error| error.to_string())?;
    let (mut reader, mut keys) = (archive.reader(), 0);
    for (index, part) in archive.parts().enumerate() {
        reader.select(index).map_err(|error| error.to_string())?;
        while let Some(record) = reader.read().map_err(|error| error.to_string())? {
            keys += 1;
            seen(part.database, record);
        }
    }
    assert_eq!(keys, archive.keys());
    archive.notes().map_err(|error| error.to_string())
}

fn check(keys: &[Key], bytes: &[u8]) {
    let mut left: BTreeMap<(u16, Vec<u8>), &Key> =
        keys.iter().map(|key| ((key.database, key.name.clone()), key)).collect();
    let notes = read_all(bytes, Verification::On, |database, record| {
        let key =
            left.remove(&(database, record.key.to_vec())).expect("each key comes once, in its database");
        assert_eq!(record.marks, key.marks);
        assert_eq!(contents(&record.value.into_owned()), contents(&key.value));
    });
    let field = Note::Field(b"redis-ver".to_vec(), b"8.0.0".to_vec());
    assert_eq!(notes.expect("it was just made"), [field, Note::Function(b"#!lua name=l\n".to_vec())]);
    assert!(left.is_empty(), "{} keys are missing", left.len());
}

#[test]
fn keys_of_all_types_come_back() {
    let mut random = Random(3);
    for coding in [Coding::Stored, Coding::Lz4] {
        let keys = random_keys(&mut random, 500);
        check(&keys, &file(&keys, coding));
    }
}

#[test]
fn many_small_keys_come_back_from_less_than_they_are() {
    let keys: Vec<Key> = (0..1 << 17)
        .map(|number| text(0, format!("key:{number}").as_bytes(), format!("value:{number}").as_bytes()))
        .collect();
    let (stored, compressed) = (file(&keys, Coding::Stored), file(&keys, Coding::Lz4));
    check(&keys, &compressed);
    assert!(compressed.len() * 2 < stored.len(), "{} of {}", compressed.len(), stored.len());
    let disk = on_disk(&compressed);
    let archive = Archive::open(&*disk, &forms(), Verification::On).expect("it was just made");
    assert!(archive.parts().len() > 20, "threads have something to share");
}

#[test]
fn an_empty_data_set_comes_back() {
    check(&[], &file(&[], Coding::Lz4));
    let mut bytes = Vec::new();
    Assembly::begin(Coding::Lz4, b"", &mut bytes).end(&mut bytes);
    assert_eq!(read_all(&bytes, Verification::On, |_, _| ()), Ok(Vec::new()));
}

#[test]
fn values_longer_than_a_block_come_back() {
    let mut random = Random(9);
    let noise: Vec<u8> = (0..900_000).map(|_| random.below(256) as u8).collect();
    let list = {
        let (mut list, mut changes) = (spinel_types::ListMut::fresh(), 0);
        let place = spinel_types::Place::owned(&mut list, forms().seed, &mut changes);
        let elements: Vec<Str<'_>> = noise.chunks(300).cycle().take(9000).map(Str::Text).collect();
        spinel_types::ListMut::new(place, forms().list).push(spinel_types::list::End::Tail, &elements);
        Key { database: 0, name: b"list".to_vec(), value: list, marks: Marks::default() }
    };
    let keys = [text(0, b"before", b"1"), list, text(0, &noise, b"long name"), text(0, b"noise", &noise)];
    for coding in [Coding::Stored, Coding::Lz4] {
        check(&keys, &file(&keys, coding));
    }
}

#[test]
fn a_cut_or_changed_byte_is_found_wherever_it_is() {
    let mut random = Random(5);
    let mut keys = random_keys(&mut random, 300);
    keys.retain(|key| contents(&key.value).concat().len() < 60);
    for coding in [Coding::Stored, Coding::Lz4] {
        let whole = file(&keys[..40], coding);
        let refused = |bytes: &[u8]| read_all(bytes, Verification::On, |_, _| ()).is_err();
        for at in 0..whole.len() {
            assert!(refused(&whole[..at]), "cut at {at}");
            let mut damaged = whole.clone();
            damaged[at] ^= 1 << random.below(8);
            assert!(refused(&damaged), "changed at {at}");
            // Without checksums it may pass, but it ends in an answer.
            _ = read_all(&damaged, Verification::Off, |_, _| ());
        }
        assert!(refused(&[&*whole, b"x"].concat()), "a byte too much");
        assert!(refused(&[&*whole, &*whole].concat()), "two files");
    }
}

#[test]
fn parts_that_were_exchanged_are_found() {
    let keys: Vec<Key> =
        (10..20).map(|number| text(number / 15, &number.to_string().into_bytes(), b"v")).collect();
    let (zeros, ones) = keys.split_at(5);
    let (mut bytes, mut parts) = (Vec::new(), Vec::new());
    let mut assembly = Assembly::begin(Coding::Stored, b"", &mut bytes);
    let start = bytes.len();
    for keys in [zeros, ones] {
        let mut encoder = PartEncoder::new(Coding::Stored);
        for key in keys {
            assert!(encoder.select(key.database).is_none());
            assert!(encoder.key(&key.name, Value::of_owned(&key.value), key.marks).is_none());
        }
        let part = encoder.finish().expect("there are keys");
        assembly.add(&part);
        bytes.extend_from_slice(&part.bytes);
        parts.push(part.bytes);
    }
    assembly.end(&mut bytes);
    assert!(read_all(&bytes, Verification::On, |_, _| ()).is_ok());
    assert_eq!(parts[0].len(), parts[1].len());
    let middle = start + parts[0].len();
    // One in place of the other, as a disk does that writes to the wrong place.
    for verification in [Verification::On, Verification::Off] {
        let mut twice = bytes.clone();
        twice.copy_within(start..middle, middle);
        assert!(read_all(&twice, verification, |_, _| ()).is_err());
    }
}
