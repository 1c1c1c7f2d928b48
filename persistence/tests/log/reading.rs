//! What was written is read, from our files and from those of Redis.

use crate::support::{Disk, FIRST, MANIFEST, bytes};
use spinel_persistence::log::{ReadError, ReadOptions, Reader, Step, Until};

#[test]
fn a_log_begins_empty_and_grows() {
    let disk = Disk::new();
    assert!(!disk.directory().unwrap().has_log());
    let mut writer = disk.writer();
    assert_eq!(disk.text(MANIFEST), "file appendonly.aof.1.incr.aof seq 1 type i startoffset 0\n");
    let first = bytes("SET a 1, MULTI, SET b 2, DEL a, EXEC");
    assert_eq!(writer.append(&first, None).unwrap(), first.len() as u64);
    assert_eq!(writer.synced(), 0);
    assert_eq!(writer.sync().unwrap(), first.len() as u64);
    writer.append(&bytes("SET c 3"), None).unwrap();
    assert_eq!(disk.commands(), "SET a 1, [SET b 2, DEL a], SET c 3");

    let mut writer = disk.writer();
    assert_eq!(writer.offset(), (first.len() + bytes("SET c 3").len()) as u64);
    writer.append(&bytes("SET d 4"), None).unwrap();
    assert_eq!(disk.commands(), "SET a 1, [SET b 2, DEL a], SET c 3, SET d 4");
}

#[test]
fn annotations_stand_between_batches() {
    let disk = Disk::new();
    let mut writer = disk.writer();
    let set = bytes("SET a 1");
    for time in [Some(7), Some(7), None, Some(8)] {
        writer.append(&set, time).unwrap();
    }
    writer.sync().unwrap();
    writer.append(&set, Some(8)).unwrap();
    writer.close().unwrap();
    let lines: Vec<String> =
        disk.text(FIRST).lines().filter(|line| line.starts_with('#')).map(str::to_owned).collect();
    let without_sums: Vec<String> = lines.iter().map(|line| without_sum(line)).collect();
    let expected = [
        "#SP:0 0 0",
        "#TS:7",
        "#SP:0 27 0",
        "#SP:27 27 27",
        "#SP:54 27 54",
        "#TS:8",
        "#SP:81 27 81",
        "#SP:108 27 0",
    ];
    assert_eq!(without_sums, [&expected[..], &["#SP:135 0 0"]].concat());
}

/// Leaves the checksum out.
fn without_sum(line: &str) -> String {
    let fields: Vec<&str> = line.split(' ').filter(|field| field.len() != 16).collect();
    fields.join(" ")
}

#[test]
fn large_appends_become_batches_of_whole_units() {
    let disk = Disk::new();
    let mut writer = disk.writer();
    let value = "v".repeat(300_000);
    let one = format!("SET k {value}");
    let group = format!("MULTI, {one}, {one}, {one}, {one}, EXEC");
    let all = [one.as_str(), &one, &one, &one, &group, &one].join(", ");
    writer.append(&bytes(&all), None).unwrap();
    let batches = disk.text(FIRST).lines().filter(|line| line.starts_with("#SP:")).count();
    assert_eq!(batches, 5, "a mark, three, one, the transaction, one");
    let directory = disk.directory().unwrap();
    let mut reader = Reader::new(&directory, ReadOptions::default()).unwrap();
    let (mut units, mut commands, mut end) = (0, 0, 0);
    while let Step::Unit(unit) = reader.step().unwrap() {
        assert_eq!(unit.offset, end);
        (units, commands, end) = (units + 1, commands + unit.commands().count(), unit.end_offset);
    }
    assert_eq!((units, commands, end), (6, 9, writer.offset()));
    assert_eq!(reader.read_bytes(), reader.total_bytes());
}

#[test]
fn files_of_redis_are_read() {
    let manifest = "file a.base.rdb seq 1 type b\n\
                    file b seq 1 type i startoffset 100\n\
                    file c seq 2 type i endoffset 180\n";
    let disk = Disk::with(&[
        (MANIFEST, manifest.as_bytes()),
        ("a.base.rdb", b"REDIS state\n"),
        ("b", &[b"#TS:5\r\n", &bytes("SELECT 0, SET a 1")[..], b"#TS:6\r\n", &bytes("SET b 2")].concat()),
        ("c", &bytes("MULTI, INCR c, INCR d, EXEC")),
    ]);
    let (commands, recovered) = disk.read(ReadOptions::default()).unwrap();
    assert_eq!(commands, "REDIS state, SELECT 0, SET a 1, SET b 2, [INCR c, INCR d]");
    let length = bytes("SELECT 0, SET a 1, SET b 2, MULTI, INCR c, INCR d, EXEC").len() as u64;
    assert_eq!(recovered.offset, 100 + length);
    assert_eq!((recovered.cut, recovered.stopped_early), (None, false));
    disk.writer().append(&bytes("SET e 5"), None).unwrap();
    assert!(disk.commands().ends_with("[INCR c, INCR d], SET e 5"));
    let ours = format!("file appendonly.aof.3.incr.aof seq 3 type i startoffset {}\n", 100 + length);
    assert_eq!(disk.text(MANIFEST), format!("{manifest}{ours}"));
    disk.put(MANIFEST, format!("{manifest}{}", ours.replace('\n', " endoffset 900\n")).as_bytes());
    disk.writer().append(&bytes("SET f 6"), None).unwrap();
    assert!(disk.commands().ends_with("SET e 5, SET f 6"));
    assert_eq!(disk.text(MANIFEST), format!("{manifest}{ours}"), "it goes on");
    let disk =
        Disk::with(&[(MANIFEST, b"file a.base.rdb seq 1 type b\n"), ("a.base.rdb", b"VALKEY state\n")]);
    assert_eq!(disk.commands(), "VALKEY state");
}

#[test]
fn files_that_are_missing_are_refused() {
    let disk = Disk::with(&[(MANIFEST, b"file base seq 1 type b\nfile incr seq 1 type i\n"), ("incr", b"")]);
    let error = disk.read(ReadOptions::default()).unwrap_err();
    assert!(matches!(&error, ReadError::Missing { name, .. } if name == "base"), "{error}");
    let stray = Disk::with(&[(FIRST, &bytes("SET a 1"))]);
    assert!(stray.directory().is_err(), "a log whose manifest is missing");
    let fresh = Disk::with(&[(FIRST, b""), ("notes.txt", b"mine")]);
    assert!(fresh.directory().is_ok(), "a crash before the first manifest");
}

#[test]
fn reading_stops_at_an_offset() {
    let disk = Disk::new();
    let mut writer = disk.writer();
    let one = bytes("SET a 1").len() as u64;
    writer.append(&bytes("SET a 1, SET a 2, MULTI, SET a 3, EXEC"), None).unwrap();
    let until = |offset| ReadOptions { until: Until::Offset(offset), ..ReadOptions::default() };
    for (offset, commands) in
        [(0, ""), (one, "SET a 1"), (2 * one - 1, "SET a 1"), (2 * one + 5, "SET a 1, SET a 2")]
    {
        let (seen, recovered) = disk.read(until(offset)).unwrap();
        assert_eq!((seen.as_str(), recovered.stopped_early), (commands, true), "{offset}");
    }
    let (_, recovered) = disk.read(until(writer.offset())).unwrap();
    assert!(!recovered.stopped_early);
}

#[test]
fn reading_stops_at_a_time() {
    let disk = Disk::new();
    let mut writer = disk.writer();
    for (time, commands) in [(10, "SET a 1"), (10, "SET a 2"), (12, "SET a 3")] {
        writer.append(&bytes(commands), Some(time)).unwrap();
    }
    let until = |time| ReadOptions { until: Until::Time(time), ..ReadOptions::default() };
    assert_eq!(disk.read(until(10)).unwrap().0, "SET a 1, SET a 2");
    assert_eq!(disk.read(until(11)).unwrap().0, "SET a 1, SET a 2");
    assert_eq!(disk.read(until(12)).unwrap().0, "SET a 1, SET a 2, SET a 3");
    assert!(matches!(disk.read(until(9)), Err(ReadError::BeforeStart)));
}
