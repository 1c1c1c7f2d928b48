//! Fields that expire: nobody sees them any more, the journal hears of them, and their hash goes with the last.

use spinel_storage::time::ManualClock;
use spinel_storage::{Db, DbIndex, UnixMillis, Value};
use std::sync::Arc;

const NOW: i64 = 1_000_000;

struct Stage {
    db: Db,
    clock: Arc<ManualClock>,
}

impl Stage {
    fn new() -> Stage {
        let clock = Arc::new(ManualClock::new(UnixMillis(NOW)));
        Stage { db: Db::with_clock(Arc::clone(&clock)), clock }
    }

    fn run(&self, line: &str) -> Value {
        let words: Vec<&str> = line.split_whitespace().collect();
        self.db.execute(&words).unwrap_or_else(|error| panic!("{line}: {error}"))
    }

    fn pass(&self, millis: i64) {
        self.clock.set(UnixMillis(NOW + millis));
    }

    /// Lets the upkeep do its work and returns how much it was.
    fn keep_up(&self, millis: i64) -> usize {
        self.db.engine().expire_round(UnixMillis(NOW + millis), usize::MAX)
    }

    fn statistics(&self) -> (usize, usize) {
        let statistics = self.db.engine().keyspace().statistics(DbIndex(0));
        (statistics.keys, statistics.expiring_in_part)
    }
}

/// A small hash and one that is a table, each with a field that never expires, one that does after 10 ms and one
/// that does after 20 ms.
fn two_hashes(stage: &Stage) {
    let long = "x".repeat(65);
    stage.run("HSET small keep 1 ten 2 twenty 3");
    stage.run(&format!("HSET large keep {long} ten 2 twenty 3"));
    for key in ["small", "large"] {
        stage.run(&format!("HPEXPIRE {key} 10 FIELDS 1 ten"));
        stage.run(&format!("HPEXPIRE {key} 20 FIELDS 1 twenty"));
    }
    assert_eq!(stage.statistics(), (2, 2));
}

/// The commands of a journal, one per line.
fn lines(bytes: &[u8]) -> Vec<String> {
    let mut lines = Vec::new();
    let mut rest = bytes;
    while let Some((value, length)) = spinel_resp::decode(rest).expect("the journal is RESP") {
        rest = &rest[length..];
        let Value::Array(words) = value else { panic!("no request: {value:?}") };
        let word = |word: &Value| match word {
            Value::Bulk(word) => String::from_utf8_lossy(word).into_owned(),
            other => panic!("no word: {other:?}"),
        };
        lines.push(words.iter().map(word).collect::<Vec<_>>().join(" "));
    }
    lines
}

#[test]
fn expired_fields_are_invisible_at_once() {
    let stage = Stage::new();
    two_hashes(&stage);
    stage.pass(10);
    for key in ["small", "large"] {
        assert_eq!(stage.run(&format!("HLEN {key}")), Value::Integer(2));
        assert_eq!(stage.run(&format!("HGET {key} ten")), Value::Null);
        assert_eq!(stage.run(&format!("HSETNX {key} ten 4")), Value::Integer(1));
    }
    stage.pass(20);
    for key in ["small", "large"] {
        assert_eq!(stage.run(&format!("HEXISTS {key} twenty")), Value::Integer(0));
        assert_eq!(stage.run(&format!("HDEL {key} twenty keep ten")), Value::Integer(2));
        assert_eq!(stage.run(&format!("EXISTS {key}")), Value::Integer(0));
    }
    assert_eq!(stage.statistics(), (0, 0));
}

#[test]
fn a_hash_goes_with_its_last_field() {
    let stage = Stage::new();
    two_hashes(&stage);
    for key in ["small", "large"] {
        stage.run(&format!("HPEXPIREAT {key} 1000015 FIELDS 1 keep"));
    }
    stage.pass(20);
    assert_eq!(stage.run("EXISTS small"), Value::Integer(0));
    assert_eq!(stage.run("TYPE large"), Value::Simple(b"none".to_vec()));
    assert_eq!(stage.statistics(), (0, 0));
}

#[test]
fn the_upkeep_removes_fields_that_nobody_asks_for() {
    let stage = Stage::new();
    two_hashes(&stage);
    let mut reader = stage.db.engine().journal().attach();
    assert_eq!(stage.keep_up(9), 0);
    assert_eq!(stage.keep_up(10), 2);
    assert_eq!(stage.statistics(), (2, 2));
    assert_eq!(stage.keep_up(20), 2);
    assert_eq!(stage.statistics(), (2, 0));

    let mut bytes = Vec::new();
    reader.read(&mut bytes);
    let mut lines = lines(&bytes);
    lines.retain(|line| !line.starts_with("SELECT"));
    lines.sort();
    assert_eq!(lines, ["HDEL large ten", "HDEL large twenty", "HDEL small ten", "HDEL small twenty"]);
}

#[test]
fn the_journal_hears_of_a_field_before_the_command_that_missed_it() {
    let stage = Stage::new();
    two_hashes(&stage);
    let mut reader = stage.db.engine().journal().attach();
    stage.pass(10);
    stage.run("HINCRBY small ten 1");
    stage.pass(20);
    stage.run("HGET large keep");

    let mut bytes = Vec::new();
    reader.read(&mut bytes);
    let mut lines = lines(&bytes);
    lines.retain(|line| !line.starts_with("SELECT"));
    assert_eq!(&lines[..2], ["HDEL small ten", "HINCRBY small ten 1"]);
    assert!(lines[2..].concat().starts_with("HDEL large t") && lines.len() == 3, "{lines:?}");
}

#[test]
fn what_is_copied_renamed_or_replaced_expires_as_it_should() {
    let stage = Stage::new();
    two_hashes(&stage);
    stage.run("COPY small copy");
    stage.run("RENAME large renamed");
    stage.run("SET small v");
    assert_eq!(stage.statistics(), (3, 2));
    assert_eq!(stage.keep_up(20), 4);
    assert_eq!(stage.run("HLEN copy"), Value::Integer(1));
    assert_eq!(stage.run("HLEN renamed"), Value::Integer(1));
    assert_eq!(stage.statistics(), (3, 0));
    stage.run("FLUSHALL");
    assert_eq!(stage.statistics(), (0, 0));
}

#[test]
fn many_fields_expire_in_bounded_portions() {
    const FIELDS: usize = 100_000;
    let stage = Stage::new();
    for first in (0..FIELDS).step_by(1000) {
        let pairs: Vec<String> = (first..first + 1000).map(|field| format!("f{field} v")).collect();
        stage.run(&format!("HSETEX h PX 10 FIELDS 1000 {}", pairs.join(" ")));
    }
    stage.run("HSET h keep v");
    let mut reader = stage.db.engine().journal().attach();
    assert_eq!(stage.keep_up(10), FIELDS);

    let mut bytes = Vec::new();
    reader.read(&mut bytes);
    let portions: Vec<usize> = lines(&bytes).iter().map(|line| line.split(' ').count()).collect();
    // A hold of the lock removes the fields of the segments that it began: at most some 1,300 more than 128.
    assert!(portions.iter().all(|portion| *portion < 1600), "{portions:?}");
    assert!(portions.len() > FIELDS / 1600);
    assert_eq!((stage.run("HLEN h"), stage.statistics()), (Value::Integer(1), (1, 0)));
}

#[test]
fn members_of_sets_and_sorted_sets_expire_alike() {
    let stage = Stage::new();
    stage.run("SADD s a b 7");
    stage.run("ZADD z 1 a 2 b 3 7");
    for key in ["s", "z"] {
        for member in ["a", "7"] {
            stage.run(&format!("EXPIREMEMBER {key} {member} 10 ms"));
        }
    }
    assert_eq!(stage.statistics(), (2, 2));
    let mut reader = stage.db.engine().journal().attach();
    stage.pass(10);
    assert_eq!(stage.run("SMEMBERS s"), Value::Set(vec![Value::Bulk(b"b".to_vec())]));
    assert_eq!(stage.run("ZCARD z"), Value::Integer(1));
    assert_eq!(stage.run("ZRANK z b"), Value::Integer(0));
    stage.run("EXPIREMEMBER s b 20 ms");
    stage.run("EXPIREMEMBER z b 20 ms");
    assert_eq!(stage.keep_up(40), 2);
    assert_eq!(stage.statistics(), (0, 0));

    let mut bytes = Vec::new();
    reader.read(&mut bytes);
    let lines = lines(&bytes);
    let of = |name: &str| lines.iter().filter(|line| line.starts_with(name)).count();
    assert_eq!((of("SREM s a"), of("ZREM z a"), of("PEXPIREMEMBERAT"), of("DEL")), (1, 1, 2, 2), "{lines:?}");
}
