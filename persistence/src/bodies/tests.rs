use super::*;
use crate::rdb::Checksum;
use crate::vfs::{Fault, SimulatedVfs, Vfs, append_all};
use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use std::sync::Arc;

const FOLDER: &str = "/bodies";

fn head(id: u128, body: &[u8]) -> Head {
    Head { id, length: body.len() as u64, checksum: Checksum::of(body).value(), database: 3 }
}

fn open(vfs: &SimulatedVfs) -> Folder {
    Folder::open(Arc::new(vfs.clone()), Path::new(FOLDER)).expect("the disk works")
}

fn write(folder: &Folder, id: u128, body: &[u8]) -> io::Result<()> {
    folder.write(&head(id, body), b"key", body)
}

fn read(folder: &Folder, id: u128, body: &[u8]) -> io::Result<Vec<u8>> {
    let head = head(id, body);
    let stored = folder.read(id, head.length, head.checksum)?;
    assert_eq!((stored.key(), stored.head()), (&b"key"[..], &head));
    let mut bytes = vec![0; body.len()];
    stored.read(0, &mut bytes)?;
    if stored.is_sound()? { Ok(bytes) } else { Err(io::ErrorKind::InvalidData.into()) }
}

#[test]
fn bodies_come_back_whole_and_in_parts() {
    let vfs = SimulatedVfs::new(1);
    let folder = open(&vfs);
    let large = vec![7; 700_000];
    for (id, body) in [(1, &b""[..]), (2, b"body"), (u128::MAX, &large)] {
        write(&folder, id, body).expect("there is room");
        assert!(read(&folder, id, body).expect("it is there") == body);
    }
    let stored = folder.read(2, 4, Checksum::of(b"body").value()).expect("it is there");
    let mut two = [0; 2];
    stored.read(1, &mut two).expect("they are in it");
    assert_eq!(&two, b"od");
    assert!(stored.read(3, &mut two).is_err() && stored.read(u64::MAX, &mut two).is_err());
    // What is open can be read to its end.
    folder.remove(2).expect("it is there");
    assert!(folder.read(2, 4, Checksum::of(b"body").value()).is_err());
    stored.read(2, &mut two).expect("it is open");
    assert_eq!(&two, b"dy");
}

#[test]
fn what_is_being_written_can_be_read() {
    let vfs = SimulatedVfs::new(1);
    let folder = open(&vfs);
    let draft = folder.begin(3).expect("there is room");
    draft.append(b"some ").expect("there is room");
    let mut two = [0; 2];
    draft.read(3, &mut two).expect("they are there");
    assert_eq!(&two, b"e ");
    assert!(draft.read(4, &mut two).is_err(), "the second is not there");
    assert!(folder.finish(&head(3, b"some bytes"), b"key").is_err(), "there are less");
    let draft = folder.begin(3).expect("there is room");
    draft.append(b"some bytes").expect("there is room");
    assert!(read(&folder, 3, b"some bytes").is_err(), "it is not finished");
    folder.finish(&head(3, b"some bytes"), b"key").expect("there is room");
    assert_eq!(read(&folder, 3, b"some bytes").expect("it is there"), b"some bytes");
    // Whoever has it reads it to its end.
    folder.remove(3).expect("it is there");
    draft.read(8, &mut two).expect("it is open");
    assert_eq!(&two, b"es");
    folder.begin(4).expect("there is room");
    folder.remove(4).expect("it was begun");
    assert!(folder.remove(4).is_err());
}

#[test]
fn others_are_locked_out() {
    let vfs = SimulatedVfs::new(1);
    let folder = open(&vfs);
    let second = Folder::open(Arc::new(vfs.clone()), Path::new(FOLDER));
    assert_eq!(second.err().map(|error| error.kind()), Some(io::ErrorKind::WouldBlock));
    drop(folder);
    open(&vfs);
}

#[test]
fn what_is_not_wanted_or_not_finished_goes() {
    let vfs = SimulatedVfs::new(1);
    let folder = open(&vfs);
    for id in 0..20 {
        write(&folder, id << 120 | id, b"body").expect("there is room");
    }
    let part = format!("{FOLDER}/00/00/{:032x}.part", 0);
    vfs.create(Path::new(&part)).expect("there is room");
    let foreign = format!("{FOLDER}/00/00/notes.txt");
    vfs.create(Path::new(&foreign)).expect("there is room");
    assert_eq!(folder.clean(|id, form| form == Form::Whole && id & 1 == 0).expect("the disk works"), 11);
    assert_eq!(folder.clean(|id, form| form == Form::Whole && id & 1 == 0).expect("the disk works"), 0);
    for id in 0..20 {
        assert_eq!(read(&folder, id << 120 | id, b"body").is_ok(), id & 1 == 0);
    }
    assert!(vfs.is_file(Path::new(&foreign)).expect("the disk works"), "it is somebody else's");
}

#[test]
fn what_is_damaged_is_found() {
    let vfs = SimulatedVfs::new(1);
    let folder = open(&vfs);
    let body = b"some bytes";
    write(&folder, 5, body).expect("there is room");
    let path = format!("{FOLDER}/00/00/{:032x}.body", 5);
    let whole = crate::vfs::read_all(&vfs, Path::new(&path)).expect("it is there");
    let put = |bytes: &[u8]| {
        append_all(&*vfs.create(Path::new(&path)).expect("there is room"), bytes).expect("there is room");
    };
    for at in 0..whole.len() {
        let mut damaged = whole.clone();
        damaged[at] ^= 1;
        put(&damaged);
        assert!(read(&folder, 5, body).is_err(), "byte {at}");
    }
    for length in 0..whole.len() {
        put(&whole[..length]);
        assert!(read(&folder, 5, body).is_err(), "{length} bytes");
    }
    put(&[&*whole, b"x"].concat());
    assert!(read(&folder, 5, body).is_err());
    put(&whole);
    assert!(read(&folder, 5, body).is_ok());
    assert!(read(&folder, 5, b"other body").is_err(), "it is not the one that is wanted");
}

/// Whatever fails and wherever the power goes off: what was written is there after the restart, whole, and nothing is left of the
/// rest once the folder was cleaned.
#[test]
fn what_is_written_survives_a_power_cut() {
    for seed in 0..300 {
        let vfs = SimulatedVfs::new(seed);
        let folder = open(&vfs);
        let mut written = BTreeMap::new();
        let fault = match seed % 3 {
            0 => Fault::PowerCut,
            1 => Fault::Error(28),
            _ => Fault::Error(5),
        };
        vfs.fail_call(seed % 61, fault);
        for id in 0..8_u128 {
            let body = vec![id as u8; 600 * id as usize];
            // Some come in pieces.
            let is_written = if id & 1 == 0 {
                write(&folder, id, &body)
            } else {
                folder
                    .begin(id)
                    .and_then(|draft| body.chunks(500).try_for_each(|piece| draft.append(piece)))
                    .and_then(|()| folder.finish(&head(id, &body), b"key"))
            };
            if is_written.is_ok() {
                written.insert(id, body);
            }
        }
        vfs.cut_power();
        vfs.restart();
        vfs.forget_faults();
        drop(folder);
        let folder = open(&vfs);
        folder.clean(|id, form| form == Form::Whole && written.contains_key(&id)).expect("the disk works");
        for (id, body) in &written {
            assert!(read(&folder, *id, body).expect("it was durable") == *body, "seed {seed}, body {id}");
        }
        let mut seen = 0;
        folder
            .clean(|_, _| {
                seen += 1;
                true
            })
            .expect("the disk works");
        assert_eq!(seen, written.len(), "seed {seed}");
    }
}
