//! Several threads on one data set: nothing is lost, nothing deadlocks, scans keep their promise.

use spinel_storage::{Db, Error, SetOptions, Value};
use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

const THREADS: usize = 4;

fn number(db: &Db, key: &str) -> i64 {
    let text = db.get(key).expect("a string").unwrap_or_else(|| b"0".to_vec());
    std::str::from_utf8(&text).expect("digits").parse().expect("an integer")
}

#[test]
fn increments_add_up() {
    const ROUNDS: usize = 3_000;
    let db = Db::memory();
    thread::scope(|scope| {
        for thread in 0..THREADS {
            let db = db.clone();
            scope.spawn(move || {
                for round in 0..ROUNDS {
                    db.increment("shared", 1).expect("an integer");
                    db.increment(format!("counter:{}", (thread + round) % 10), 2).expect("an integer");
                }
            });
        }
    });
    let rounds = (THREADS * ROUNDS) as i64;
    assert_eq!(number(&db, "shared"), rounds);
    assert_eq!((0..10).map(|key| number(&db, &format!("counter:{key}"))).sum::<i64>(), 2 * rounds);
}

/// Commands over several keys and over everything, whose locks cross each other.
fn mixed_call(thread: usize, round: usize) -> Vec<String> {
    let key = |step: usize| format!("k{}", (thread * 7 + round * 3 + step) % 20);
    match round % 12 {
        0 => vec!["RENAME".into(), key(0), key(1)],
        1 => vec!["MSET".into(), key(2), "1".into(), key(1), "2".into(), key(0), "3".into()],
        2 => vec!["COPY".into(), key(0), key(1), "DB".into(), "1".into(), "REPLACE".into()],
        3 => vec!["DEL".into(), key(3), key(1)],
        4 => vec!["MGET".into(), key(5), key(4), key(3), key(0)],
        5 if round.is_multiple_of(7) => vec!["SWAPDB".into(), "0".into(), "1".into()],
        6 if round.is_multiple_of(13) => vec!["FLUSHALL".into(), "ASYNC".into()],
        7 => vec!["MOVE".into(), key(0), "1".into()],
        8 => vec!["RENAMENX".into(), key(9), key(0)],
        9 => vec!["SCAN".into(), "0".into(), "COUNT".into(), "100".into()],
        10 => vec!["DBSIZE".into()],
        11 => vec!["COPY".into(), key(0), key(4), "REPLACE".into()],
        _ => vec!["SET".into(), key(1), "v".into()],
    }
}

#[test]
fn crossing_locks_do_not_deadlock() {
    const ROUNDS: usize = 2_000;
    let db = Db::memory();
    let mut journal = db.engine().journal().attach();
    thread::scope(|scope| {
        for thread in 0..THREADS {
            let db = db.clone();
            scope.spawn(move || {
                for round in 0..ROUNDS {
                    match db.execute(mixed_call(thread, round)) {
                        Ok(_) | Err(Error::NoSuchKey) => {}
                        Err(error) => panic!("{:?}: {error}", mixed_call(thread, round)),
                    }
                }
            });
        }
    });
    let mut effects = Vec::new();
    journal.read(&mut effects);
    let digest = |db: &Db| db.execute(["DEBUG", "DIGEST"]).expect("a digest");
    let copy = Db::memory();
    replay(&copy, &effects);
    assert_eq!(digest(&copy), digest(&db), "the journal is in the order in which things happened");
}

fn replay(db: &Db, mut journal: &[u8]) {
    let mut selected = db.clone();
    while let Some((line, length)) = spinel_resp::decode(journal).expect("the journal is well formed") {
        journal = &journal[length..];
        let Value::Array(words) = line else { panic!("no request: {line:?}") };
        let word = |value| if let Value::Bulk(word) = value { word } else { panic!("no word: {value:?}") };
        let words: Vec<Vec<u8>> = words.into_iter().map(word).collect();
        if words[0] == b"SELECT" {
            let number = std::str::from_utf8(&words[1]).expect("digits").parse().expect("a number");
            selected = db.select(number).expect("a database");
        } else {
            selected.execute(&words).unwrap_or_else(|error| panic!("{words:?}: {error}"));
        }
    }
}

/// Adds or removes enough keys for the tables to change their sizes.
fn grow_or_shrink(db: &Db, thread: usize, round: usize) {
    for key in 0..5_000 {
        let key = format!("passing:{thread}:{key}");
        if round.is_multiple_of(2) {
            db.set(key, "v", &SetOptions::default()).expect("no condition");
        } else {
            db.delete(key).expect("any key may be removed");
        }
    }
}

#[test]
fn scans_return_what_is_there_throughout() {
    const LASTING: usize = 2_000;
    const SCANS: usize = 50;
    let db = Db::memory();
    for key in 0..LASTING {
        db.set(format!("lasting:{key}"), "v", &SetOptions::default()).expect("no condition");
    }
    let is_over = AtomicBool::new(false);
    thread::scope(|scope| {
        for thread in 0..THREADS - 1 {
            let (db, is_over) = (db.clone(), &is_over);
            scope.spawn(move || {
                for round in (0..).take_while(|_| !is_over.load(Ordering::Relaxed)) {
                    grow_or_shrink(&db, thread, round);
                }
            });
        }
        let scan = || db.scan("lasting:*").collect::<HashSet<_>>().len();
        let seen: Vec<usize> = (0..SCANS).map(|_| scan()).collect();
        // The writers end before anything is asserted, or a failure would leave them running.
        is_over.store(true, Ordering::Relaxed);
        assert_eq!(seen, [LASTING; SCANS]);
    });
}
