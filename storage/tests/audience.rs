//! What a program hears of the writes of its engine.

use spinel_storage::engine::{Audience, Author};
use spinel_storage::keyspace::news::{Item, News, Observed};
use spinel_storage::time::ManualClock;
use spinel_storage::{Db, UnixMillis};
use std::sync::{Arc, Mutex};

/// Keeps what it hears as text.
#[derive(Default)]
struct Ear(Mutex<Vec<String>>);

impl Audience for Ear {
    fn hear_reads(&self, _: &[Box<[u8]>], _: Author) {}

    fn hear(&self, news: &News, Author { client, .. }: Author) {
        let mut heard = self.0.lock().expect("no test panics while it listens");
        let text = |key: &[u8]| String::from_utf8_lossy(key).into_owned();
        heard.extend(news.iter().map(|item| match item {
            Item::Changed(db, key) => format!("{client} changed {} {}", db.0, text(key)),
            Item::Lapsed(db, key) => format!("{client} lapsed {} {}", db.0, text(key)),
            Item::Event(db, key, event) => format!("{client} {} {} {}", event.name, db.0, text(key)),
            Item::Parts(db, key, event, parts) => {
                let parts: Vec<String> = parts.iter().map(text).collect();
                format!("{client} {} {} {} of {}", event.name, db.0, text(key), parts.join(","))
            }
            Item::Emptied(db) => format!("{client} emptied {}", db.0),
        }));
    }
}

impl Ear {
    fn take(&self) -> Vec<String> {
        std::mem::take(&mut *self.0.lock().expect("no test panics while it listens"))
    }
}

fn stage(observed: &[Observed]) -> (Db, Arc<ManualClock>, Arc<Ear>) {
    let clock = Arc::new(ManualClock::new(UnixMillis(1000)));
    let (db, ear) = (Db::with_clock(Arc::clone(&clock)), Arc::<Ear>::default());
    db.engine().set_audience(ear.clone());
    for what in observed {
        db.engine().observe(*what, true);
    }
    (db, clock, ear)
}

fn run(db: &Db, line: &str) {
    db.execute(line.split(' ')).expect("a command that succeeds");
}

#[test]
fn changed_keys_are_told() {
    let (db, clock, ear) = stage(&[Observed::KEYS]);
    run(&db, "MSET a 1 b 2");
    run(&db, "GET a");
    run(&db, "RPUSH l x");
    run(&db, "LPOP l");
    run(&db, "PEXPIRE a 10");
    assert_eq!(
        ear.take(),
        ["0 changed 0 a", "0 changed 0 b", "0 changed 0 l", "0 changed 0 l", "0 changed 0 a"]
    );
    clock.set(UnixMillis(2000));
    run(&db, "GET a");
    run(&db, "FLUSHDB");
    run(&db, "SWAPDB 1 2");
    assert_eq!(ear.take(), ["0 lapsed 0 a", "0 emptied 0"]);
    db.engine().observe(Observed::KEYS, false);
    run(&db, "SET a 1");
    assert_eq!(ear.take(), [""; 0]);
}

#[test]
fn what_happens_to_keys_is_told() {
    let (db, clock, ear) = stage(&[Observed::EVENTS, Observed::MISSES]);
    run(&db, "SADD s x");
    run(&db, "SREM s x");
    run(&db, "GET none");
    run(&db, "SET a 1 PX 10");
    run(&db, "SET b 1 PX 10");
    clock.set(UnixMillis(2000));
    run(&db, "GET a");
    db.tick();
    let (mut heard, expected) = (ear.take(), ["new 0 s", "del 0 s", "keymiss 0 none", "new 0 a", "new 0 b"]);
    heard.retain(|line| ["new", "del", "keymiss", "expired"].iter().any(|name| line.contains(name)));
    let numbered = |line: &&str| format!("0 {line}");
    assert_eq!(heard[..5], expected.iter().map(numbered).collect::<Vec<_>>());
    assert_eq!(heard[5..], ["0 expired 0 a", "0 keymiss 0 a", "0 expired 0 b"]);
}

#[test]
fn what_stores_nothing_removes_what_has_expired_itself() {
    for command in ["ZRANGESTORE d none 0 -1", "SUNIONSTORE d none", "SORT none STORE d", "BITOP NOT d none"]
    {
        let (db, clock, ear) = stage(&[Observed::KEYS, Observed::EVENTS]);
        run(&db, "SET d 1 PX 10");
        run(&db, "SET other 1 PX 10");
        clock.set(UnixMillis(2000));
        let mut journal = db.engine().journal().attach();
        ear.take();
        run(&db, command);
        assert_eq!(ear.take(), ["0 changed 0 d", "0 del 0 d"], "{command}");
        assert_eq!((db.len(), db.tick()), (1, 1), "{command}: only the other one is left");
        let mut recorded = Vec::new();
        journal.read(&mut recorded);
        assert!(recorded.starts_with(b"*2\r\n$6\r\nSELECT"), "{command}");
        let name = command.split(' ').next().expect("a name");
        assert!(
            String::from_utf8_lossy(&recorded).contains(name),
            "{command} is recorded as it was received"
        );
    }
}
