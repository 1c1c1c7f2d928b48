//! Logs that end in the middle of something, and logs that were damaged.

use crate::support::{Disk, FIRST, MANIFEST, bytes};
use spinel_persistence::log::{ReadError, ReadOptions, Recovered};

const SECOND: &str = "appendonly.aof.2.incr.aof";

const REFUSE: ReadOptions = ReadOptions {
    load_truncated: false,
    corrupt_tail_bytes_max: 0,
    verify_checksums: true,
    until: spinel_persistence::log::Until::End,
};

fn cut(recovered: &Recovered) -> Option<(u64, u64)> {
    recovered.cut.as_ref().map(|cut| (cut.offset, cut.bytes))
}

/// A log that was written in three batches, with a sync after the second and none after the third.
fn three_batches() -> (Disk, Vec<usize>) {
    let disk = Disk::new();
    let mut writer = disk.writer();
    // It begins with a mark.
    let mut ends = vec![0, writer.increment_bytes() as usize];
    for commands in ["SET a 1", "MULTI, SET b 2, SET c 3, EXEC", "SET d 4, SET e 5"] {
        writer.append(&bytes(commands), None).unwrap();
        ends.push(writer.increment_bytes() as usize);
        if ends.len() == 4 {
            writer.sync().unwrap();
        }
    }
    (disk, ends)
}

#[test]
fn whatever_is_cut_off_a_file_of_redis_its_whole_commands_are_there() {
    let (first, group) = (bytes("SET a 1"), bytes("MULTI, SET b 2, EXEC"));
    let all = [&first[..], &group].concat();
    for length in 0..all.len() {
        let disk = Disk::with_increment(&all[..length]);
        let (commands, recovered) = disk.read(ReadOptions::default()).unwrap();
        let whole = if length < first.len() { 0 } else { first.len() };
        assert_eq!(commands, if whole == 0 { "" } else { "SET a 1" }, "{length}");
        let expected = (length > whole).then_some((whole as u64, (length - whole) as u64));
        assert_eq!(cut(&recovered), expected, "{length}");
        assert_eq!(disk.read(REFUSE).is_err(), length > whole, "{length}");
        disk.writer();
        assert_eq!(disk.get(FIRST).len(), whole, "{length}");
        assert!(disk.text(SECOND).starts_with("#SP:"), "what follows is told from what Redis wrote");
    }
}

#[test]
fn whatever_is_cut_off_ours_its_whole_batches_are_there() {
    let (disk, ends) = three_batches();
    let (all, manifest) = (disk.get(FIRST), disk.get(MANIFEST));
    for length in 0..all.len() {
        let disk = Disk::with(&[(FIRST, &all[..length]), (MANIFEST, &manifest)]);
        let (commands, _) = disk.read(ReadOptions::default()).unwrap();
        let batches = ends[2..].iter().filter(|&&end| end <= length).count();
        let expected = ["", "SET a 1", "SET a 1, [SET b 2, SET c 3]"][batches];
        assert_eq!(commands, expected, "{length}");
        let mut writer = disk.writer();
        writer.append(&bytes("SET z 9"), None).unwrap();
        let separator = if batches == 0 { "" } else { ", " };
        assert_eq!(disk.commands(), format!("{expected}{separator}SET z 9"), "{length}");
    }
}

/// Any changed byte is found. Before the last sync it is refused, behind it the rest is left out.
#[test]
fn a_changed_byte_is_found_wherever_it_stands() {
    let (disk, ends) = three_batches();
    let all = disk.get(FIRST);
    for at in 0..all.len() {
        for change in [1, 0x80] {
            let mut changed = all.clone();
            changed[at] ^= change;
            disk.put(FIRST, &changed);
            let is_marker = |start: usize| (1..4).contains(&(at.wrapping_sub(start)));
            let batch = ends.iter().rposition(|&end| end <= at).unwrap();
            match disk.read(ReadOptions::default()) {
                // A marker that is no marker any more makes a comment of the line; the commands are what they were.
                Ok((commands, _)) if (change == 1 || batch == 0) && is_marker(ends[batch]) => {
                    assert_eq!(commands, "SET a 1, [SET b 2, SET c 3], SET d 4, SET e 5", "{at}");
                }
                Ok((commands, recovered)) => {
                    assert_eq!((batch, commands.as_str()), (3, "SET a 1, [SET b 2, SET c 3]"), "{at}");
                    assert_eq!(cut(&recovered), Some((ends[3] as u64, (all.len() - ends[3]) as u64)));
                    assert!(matches!(disk.read(REFUSE), Err(ReadError::UnexpectedEnd { .. })), "{at}");
                }
                Err(ReadError::BadFormat { offset, .. }) => {
                    assert!(batch < 3, "{at}");
                    assert_eq!(offset, ends[batch] as u64, "{at}");
                }
                Err(error) => panic!("{at}: {error}"),
            }
        }
    }
}

#[test]
fn damage_to_a_log_that_was_closed_is_never_taken_for_a_torn_write() {
    let disk = Disk::new();
    let mut writer = disk.writer();
    writer.append(&bytes("SET a 1, SET b 2"), None).unwrap();
    writer.close().unwrap();
    let mut damaged = disk.get(FIRST);
    damaged[80] ^= 1;
    disk.put(FIRST, &damaged);
    let error = disk.read(ReadOptions::default()).unwrap_err();
    assert_eq!(
        error.to_string(),
        "Bad file format reading the append only file appendonly.aof.1.incr.aof: make a backup of your AOF file, \
         then use ./redis-check-aof --fix <filename.manifest>"
    );
}

#[test]
fn a_damaged_tail_may_be_left_out_up_to_a_size() {
    let good = bytes("SET a 1");
    let disk = Disk::with_increment(&[&good[..], &[0; 100]].concat());
    let allowing = |bytes| ReadOptions { corrupt_tail_bytes_max: bytes, ..REFUSE };
    assert!(matches!(disk.read(allowing(99)), Err(ReadError::BadFormat { offset: 27, .. })));
    let (commands, recovered) = disk.read(allowing(100)).unwrap();
    assert_eq!((commands.as_str(), cut(&recovered)), ("SET a 1", Some((27, 100))));
}

#[test]
fn only_the_last_file_may_end_torn() {
    let manifest = format!("file {FIRST} seq 1 type i\nfile second seq 2 type i\n");
    let torn = b"*1\r\n$4\r\nPI";
    let disk = Disk::with(&[(MANIFEST, manifest.as_bytes()), (FIRST, torn), ("second", &bytes("SET a 1"))]);
    let error = disk.read(ReadOptions::default()).unwrap_err();
    assert_eq!(error.to_string(), "Fatal error: the truncated file is not the last file");
    // As when a rewrite had just begun.
    disk.put("second", b"");
    assert_eq!(cut(&disk.read(ReadOptions::default()).unwrap().1), Some((0, 10)));
    disk.writer().append(&bytes("SET a 1"), None).unwrap();
    assert_eq!(disk.commands(), "SET a 1");
    assert_eq!(disk.get(FIRST), b"");
    // As when a rewrite of ours had just begun.
    let disk = Disk::new();
    disk.writer();
    let mark = disk.get(FIRST);
    let disk = Disk::with(&[(MANIFEST, manifest.as_bytes()), (FIRST, torn), ("second", &mark)]);
    assert_eq!(cut(&disk.read(ReadOptions::default()).unwrap().1), Some((0, 10)));
}

#[test]
fn batches_that_are_missing_or_doubled_are_found() {
    let disk = Disk::new();
    let mut writer = disk.writer();
    for commands in ["SET a 1", "SET b 2", "SET c 3"] {
        writer.append(&bytes(commands), None).unwrap();
        writer.sync().unwrap();
    }
    writer.close().unwrap();
    let all = disk.get(FIRST);
    let starts: Vec<usize> = (0..all.len()).filter(|&at| all[at] == b'#').collect();
    disk.put(FIRST, &[&all[..starts[1]], &all[starts[2]..]].concat());
    assert!(matches!(disk.read(ReadOptions::default()), Err(ReadError::BadFormat { .. })));
    disk.put(FIRST, &[&all[..starts[2]], &all[starts[1]..]].concat());
    assert!(matches!(disk.read(ReadOptions::default()), Err(ReadError::BadFormat { .. })));
}

/// Redis cuts a torn log at a command and writes on there, in the middle of what was a batch of ours.
#[test]
fn checksums_can_be_left_out_of_account() {
    let (disk, ends) = three_batches();
    let all = disk.get(FIRST);
    let cut_by_redis = all.len() - bytes("SET e 5").len();
    disk.put(FIRST, &[&all[..cut_by_redis], &bytes("SET f 6, SET g 7")].concat());
    assert!(ends[3] < cut_by_redis);
    assert_eq!(disk.commands(), "SET a 1, [SET b 2, SET c 3]");
    let options = ReadOptions { verify_checksums: false, ..REFUSE };
    assert_eq!(disk.read(options).unwrap().0, "SET a 1, [SET b 2, SET c 3], SET d 4, SET f 6, SET g 7");
}

/// A value may look like a batch that claims more than can be; the log that it was copied from went further.
#[test]
fn values_claim_nothing_that_cannot_be() {
    let far = Disk::new();
    let mut writer = far.writer();
    writer.append(&bytes(&format!("SET a {}", "v".repeat(5000))), None).unwrap();
    writer.sync().unwrap();
    let before = writer.increment_bytes() as usize;
    writer.append(&bytes("SET b 2"), None).unwrap();
    let claim = far.get(FIRST)[before..].to_vec();

    let disk = Disk::new();
    let mut writer = disk.writer();
    writer.append(&bytes("SET a 1"), None).unwrap();
    let end = writer.increment_bytes() as usize;
    let mut command = Vec::new();
    spinel_resp::encode_request([&b"SET"[..], b"b", &claim], &mut command);
    writer.append(&command, None).unwrap();
    let mut torn = disk.get(FIRST);
    torn[end] = 0;
    disk.put(FIRST, &torn);
    assert_eq!(disk.commands(), "SET a 1");
}

/// A power cut leaves the first byte of a line, then zeros up to the line of the next batch.
#[test]
fn a_comment_hides_no_batch() {
    let (disk, ends) = three_batches();
    let mut all = disk.get(FIRST);
    for kept in 0..ends[2] - ends[1] {
        all[ends[1] + kept..ends[2]].fill(0);
        // The last batch claims more than that; without it, the rest is what was not durable.
        disk.put(FIRST, &all);
        assert!(matches!(disk.read(ReadOptions::default()), Err(ReadError::BadFormat { .. })), "{kept}");
        disk.put(FIRST, &all[..ends[3]]);
        assert_eq!(disk.commands(), "", "{kept}");
        all.copy_from_slice(&three_batches().0.get(FIRST));
    }
}

#[test]
fn announced_lengths_take_no_memory() {
    for content in
        ["*2147483647\r\n$1\r\na\r\n", "*1\r\n$18446744073709551615\r\n", "#SP:0 9223372036854775807 "]
    {
        let disk = Disk::with_increment(content.as_bytes());
        assert_eq!(disk.commands(), "");
    }
    let head = format!("#SP:0 {} {:016x} 0\r\n", u64::MAX, 0);
    assert_eq!(Disk::with_increment(head.as_bytes()).commands(), "");
}
