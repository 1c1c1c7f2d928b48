//! Scripts of commands and their replies: how the families are tested.
//!
//! ```text
//! SET k "a b\x00"     => OK
//! GET k               => "a b\x00"
//! GET none            => nil
//! MGET k none         => ["a b\x00", nil]
//! INCR k              => ERR value is not an integer or out of range
//! LRANGE list 0 -1    => *
//! @encoding k         => embstr
//! @expiry k           => 1000
//! ```
//!
//! A `*` stands for any array or map. Every script also tests that its effects, applied to an empty data set, make an equal one. The clock
//! stands still at [`NOW`].

use crate::commands::debug::digest::Digest;
use crate::keyspace::DbIndex;
use crate::time::ManualClock;
use crate::{Db, UnixMillis, Value};
use spinel_types::stream::Group;
use spinel_types::{Entry, Kind, Stream, StreamId};
use std::collections::BTreeMap;

/// The time in scripts: 1,000 seconds after the epoch.
pub(super) const NOW: UnixMillis = UnixMillis(1_000_000);

const FIRST_DB: DbIndex = DbIndex(0);

/// Runs a script on an empty data set.
#[track_caller]
pub(super) fn check(script: &str) {
    let db = Db::with_clock(ManualClock::new(NOW));
    let mut reader = db.engine().journal().attach();
    for line in script.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let (command, expected) = line.rsplit_once("=>").expect("a command => a reply");
        let (reply, expected) = (run(&db, &words(command)), expected.trim());
        assert!(reply == expected || expected == "*" && reply.starts_with(['[', '{']), "{command}=> {reply}");
    }
    let mut effects = Vec::new();
    reader.read(&mut effects);
    let replayed = replayed(&effects);
    // What was purged and nobody has looked at since is still there, in one of them or both.
    for db in [&db, &replayed] {
        db.engine().finish_purges();
    }
    assert_eq!(contents(&replayed), contents(&db), "{}", effects.escape_ascii());
}

fn run(db: &Db, words: &[Vec<u8>]) -> String {
    let inspected = |entry: Entry<'_>| match &*words[0] {
        b"@encoding" => Kind::of(entry).encoding_name().to_owned(),
        b"@expiry" => entry.stamp().map_or("never".to_owned(), |at| at.to_string()),
        name => panic!("no such question: {}", name.escape_ascii()),
    };
    if words[0].starts_with(b"@") {
        let mut answer = "nil".to_owned();
        db.engine().keyspace().for_each(FIRST_DB, NOW, |entry, _| {
            if entry.key() == words[1] {
                answer = inspected(entry);
            }
        });
        return answer;
    }
    db.execute_now(words).map_or_else(|error| error.text().into_owned(), |value| shown(&value))
}

fn shown(value: &Value) -> String {
    let list = |values: &[Value]| values.iter().map(shown).collect::<Vec<_>>().join(", ");
    match value {
        Value::Simple(text) => text.escape_ascii().to_string(),
        Value::Integer(integer) => integer.to_string(),
        Value::Bulk(text) => format!("\"{}\"", text.escape_ascii()),
        Value::Null => "nil".to_owned(),
        Value::Array(values) | Value::Set(values) => format!("[{}]", list(values)),
        Value::Map(pairs) => {
            let pairs = pairs.iter().map(|(name, value)| format!("{}: {}", shown(name), shown(value)));
            format!("{{{}}}", pairs.collect::<Vec<_>>().join(", "))
        }
        Value::Double(double) => format!(",{}", double.text()),
        other => panic!("no notation for {other:?}"),
    }
}

/// Splits a line at spaces; `"…"` with `\xHH`, `\"`, `\\`, `\r` and `\n` quotes, and `"…"*N` repeats.
fn words(line: &str) -> Vec<Vec<u8>> {
    let mut words = Vec::new();
    let mut rest = line.trim_start();
    while !rest.is_empty() {
        let word;
        (word, rest) = match rest.strip_prefix('"') {
            None => rest.split_once(' ').map_or((rest.into(), ""), |(word, rest)| (word.into(), rest)),
            Some(quoted) => quoted_word(quoted),
        };
        words.push(word);
        rest = rest.trim_start();
    }
    words
}

fn quoted_word(text: &str) -> (Vec<u8>, &str) {
    let (mut word, mut bytes) = (Vec::new(), text.bytes());
    loop {
        let byte = bytes.next().expect("a closing quote");
        match byte {
            b'"' => break,
            b'\\' => word.push(match bytes.next().expect("an escaped character") {
                b'n' => b'\n',
                b'r' => b'\r',
                b'x' => {
                    let mut digit = || char::from(bytes.next().expect("a digit")).to_digit(16).expect("hex");
                    (digit() << 4 | digit()) as u8
                }
                other => other,
            }),
            plain => word.push(plain),
        }
    }
    let rest = &text[text.len() - bytes.len()..];
    match rest.strip_prefix('*') {
        None => (word, rest),
        Some(count) => {
            let (count, rest) = count.split_once(' ').unwrap_or((count, ""));
            (word.repeat(count.parse().expect("a number of repetitions")), rest)
        }
    }
}

/// A data set made from a journal's bytes.
fn replayed(mut effects: &[u8]) -> Db {
    let db = Db::with_clock(ManualClock::new(NOW));
    while let Some((value, length)) = spinel_resp::decode(effects).expect("the journal is RESP") {
        effects = &effects[length..];
        let Value::Array(words) = value else { panic!("no request: {value:?}") };
        let words: Vec<_> = words
            .into_iter()
            .map(|word| match word {
                Value::Bulk(word) => word,
                other => panic!("no word: {other:?}"),
            })
            .collect();
        if !matches!(&*words[0], b"SELECT" | b"MULTI" | b"EXEC") {
            db.execute(&words).unwrap_or_else(|error| panic!("{words:?}: {error}"));
        }
    }
    db
}

/// All keys with the digests of their values, with what digests leave out, and with their expiries.
fn contents(db: &Db) -> BTreeMap<Vec<u8>, (String, Option<i64>)> {
    let mut contents = BTreeMap::new();
    db.engine().keyspace().for_each(FIRST_DB, NOW, |entry, values| {
        let value = spinel_types::Value::of(entry, values);
        let mut content = Digest::of_value(entry, value).to_string();
        if let spinel_types::Value::Stream(stream) = value {
            content.push_str(&readers(stream));
        }
        contents.insert(entry.key().to_vec(), (content, entry.stamp()));
    });
    contents
}

/// The counters of a stream, and its groups with their consumers and pending entries.
fn readers(stream: &Stream) -> String {
    let describe = |(name, group): (&[u8], &Group)| {
        let consumers: Vec<_> = group.consumers().map(|consumer| consumer.name().to_vec()).collect();
        let pending = group.pending_in(StreamId::MIN..=StreamId::MAX);
        let pending: Vec<_> = pending
            .map(|(id, known)| (*id, group.owner(known), known.delivered_ms, known.deliveries))
            .collect();
        format!("{name:?} {} {:?} {consumers:?} {pending:?}", group.last_delivered, group.entries_read)
    };
    let groups: Vec<_> = stream.groups().iter().map(describe).collect();
    let (last, deleted, added) = (stream.last_id(), stream.max_deleted_id(), stream.entries_added());
    format!(" last {last} deleted {deleted} added {added} groups {groups:?}")
}
