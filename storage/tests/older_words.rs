//! Effects are told in words that servers know which know less: replicas of Redis 8.0 follow.

use spinel_persistence::log::UnitScanner;
use spinel_storage::time::ManualClock;
use spinel_storage::{Db, UnixMillis, Value};

const NOW: UnixMillis = UnixMillis(1_000_000);

fn run(db: &Db, calls: &str) {
    for call in calls.split(" | ") {
        let reply = db.execute(call.split(' ')).unwrap_or_else(|error| panic!("{call}: {error}"));
        assert!(!matches!(reply, Value::Error(_)), "{call}: {reply:?}");
    }
}

/// What is recorded of a call, after others; commands that are recorded as one stand in brackets.
fn recorded(before: &str, call: &str) -> String {
    let db = Db::with_clock(ManualClock::new(NOW));
    run(&db, before);
    let mut reader = db.engine().journal().attach();
    run(&db, call);
    let mut bytes = Vec::new();
    reader.read(&mut bytes);
    let (mut scanner, mut rest, mut told) = (UnitScanner::default(), &bytes[..], Vec::new());
    while let Ok(Some(end)) = scanner.scan(rest) {
        let unit = scanner.unit(&rest[..end], 0);
        let lines: Vec<String> = unit
            .commands()
            .map(|command| {
                let words = command.words().map(|word| String::from_utf8_lossy(word).into_owned());
                words.collect::<Vec<_>>().join(" ")
            })
            .collect();
        let lines = lines.join(" | ");
        told.push(if unit.is_transaction() { format!("[{lines}]") } else { lines });
        rest = &rest[end..];
    }
    assert!(rest.is_empty());
    told.retain(|line| line != "SELECT 0");
    told.join(", ")
}

#[test]
fn bits_are_told_as_what_they_came_to() {
    let two = "SET x c | SET y a";
    assert_eq!(recorded(two, "BITOP DIFF d x y"), "SET d \u{2}");
    assert_eq!(recorded(two, "BITOP ONE d x y"), "SET d \u{2}");
    assert_eq!(recorded(two, "BITOP ANDOR d x y"), "SET d a");
    assert_eq!(recorded("SET d x", "BITOP DIFF1 d none other"), "DEL d");
    assert_eq!(recorded(two, "BITOP AND d x y"), "BITOP AND d x y");
}

#[test]
fn counts_are_told_as_members() {
    let two = "ZADD x 5 a 6 b | ZADD y 7 a";
    assert_eq!(recorded(two, "ZUNIONSTORE d 2 x y WEIGHTS 2 1 AGGREGATE COUNT"), "[DEL d | ZADD d 2 b 3 a]");
    assert_eq!(recorded("ZADD d 1 a", "ZINTERSTORE d 2 d none AGGREGATE COUNT"), "DEL d");
    let call = "ZUNIONSTORE d 2 x y AGGREGATE SUM";
    assert_eq!(recorded(two, call), call);
}

/// Two groups that have been given three entries of four; the first has acknowledged one.
const STREAM: &str = "XADD s 1-1 f v | XADD s 2-1 f v | XADD s 3-1 f v | XADD s 4-1 f v | XGROUP CREATE s g 0 | \
                      XGROUP CREATE s h 0 | XREADGROUP GROUP g c COUNT 3 STREAMS s > | \
                      XREADGROUP GROUP h c COUNT 3 STREAMS s > | XACK s g 1-1";

#[test]
fn entries_are_told_as_deleted_and_acknowledged() {
    assert_eq!(recorded(STREAM, "XDELEX s IDS 3 1-1 9-9 2-1"), "XDEL s 1-1 2-1");
    assert_eq!(recorded(STREAM, "XDELEX s ACKED IDS 2 1-1 4-1"), "");
    assert_eq!(
        recorded(STREAM, "XDELEX s DELREF IDS 2 1-1 2-1"),
        "[XACK s h 1-1 | XACK s g 2-1 | XACK s h 2-1 | XDEL s 1-1 2-1]"
    );
    let deleted = format!("{STREAM} | XDEL s 1-1");
    assert_eq!(recorded(&deleted, "XDELEX s DELREF IDS 1 1-1"), "XACK s h 1-1");
    assert_eq!(recorded(STREAM, "XDELEX s DELREF IDS 1 9-9"), "");
    assert_eq!(
        recorded(STREAM, "XACKDEL s g IDS 3 1-1 2-1 3-1"),
        "[XACK s g 2-1 | XACK s g 3-1 | XDEL s 2-1 3-1]"
    );
    assert_eq!(
        recorded(STREAM, "XACKDEL s g DELREF IDS 1 2-1"),
        "[XACK s g 2-1 | XACK s h 2-1 | XDEL s 2-1]"
    );
    assert_eq!(
        recorded(STREAM, "XACKDEL s h ACKED IDS 2 1-1 2-1"),
        "[XACK s h 1-1 | XACK s h 2-1 | XDEL s 1-1]"
    );
}

#[test]
fn trims_are_told_without_references() {
    assert_eq!(
        recorded(STREAM, "XTRIM s MAXLEN 2 DELREF"),
        "[XTRIM s MAXLEN = 2 | XACK s g 2-1 | XACK s h 1-1 2-1]"
    );
    assert_eq!(recorded(STREAM, "XTRIM s MAXLEN 2 KEEPREF"), "XTRIM s MAXLEN = 2");
    assert_eq!(recorded(STREAM, "XTRIM s MINID 3"), "XTRIM s MINID 3");
    assert_eq!(
        recorded(STREAM, "XADD s DELREF MAXLEN 3 5-1 f v"),
        "[XADD s MAXLEN = 3 5-1 f v | XACK s g 2-1 | XACK s h 1-1 2-1]"
    );
    assert_eq!(recorded(STREAM, "XADD s KEEPREF 5-1 f v"), "XADD s 5-1 f v");
    assert_eq!(recorded(STREAM, "XADD s MAXLEN ~ 9 5-1 f v"), "XADD s 5-1 f v");
}
