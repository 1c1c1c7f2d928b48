//! What a copy of a data set shows of members that have expired: what its primary shows, though it removes nothing.

mod stage;

use spinel_storage::engine::Executor;
use spinel_storage::engine::journal::Reader;
use spinel_storage::{DbIndex, UnixMillis, Value};
use stage::{execute, executor, replay, state};

/// Before anything has expired, and when what was to expire has.
const EARLY: UnixMillis = UnixMillis(1_000_000);
const LATE: UnixMillis = UnixMillis(2_000_000);
/// When members expire: between these.
const BETWEEN: &str = "1500000";

/// As many that one bucket more or less of a table makes no difference, and that a sort of them is left for later.
const MANY: usize = 20_000;

/// A data set and a copy of it that has all its writes.
struct Pair {
    primary: Executor,
    copy: Executor,
    reader: Reader,
}

impl Pair {
    fn new() -> Pair {
        let (primary, copy) = (executor(7), executor(7));
        let reader = primary.engine().journal().attach();
        copy.engine().keyspace().set_copy(true);
        Pair { primary, copy, reader }
    }

    /// Writes to the primary.
    fn write(&mut self, call: &str) {
        let reply = ask(&mut self.primary, EARLY, call);
        assert!(!matches!(reply, Value::Error(_)), "{call}: {reply:?}");
    }

    /// Brings to the copy what was written.
    fn catch_up(&mut self) {
        let mut effects = Vec::new();
        self.reader.read(&mut effects);
        replay(&mut self.copy, &effects);
    }

    /// A collection of each type and form, of whose members every second one expires, except that all of `gone-*` do.
    fn with_members_that_expire() -> Pair {
        let mut pair = Pair::new();
        let long = "x".repeat(100);
        pair.write("HSET small a 1 b 2 c 3 d 4");
        pair.write(&format!("HPEXPIREAT small {BETWEEN} FIELDS 2 b d"));
        pair.write(&format!("HSET large a 1 b 2 c {long} d {long}"));
        pair.write(&format!("HPEXPIREAT large {BETWEEN} FIELDS 2 b d"));
        pair.write("SADD set a b c d 1 2");
        pair.write(&format!("SPEXPIREAT set {BETWEEN} MEMBERS 3 b d 2"));
        pair.write("ZADD scores 1 a 2 b 3 c 4 d 5 1 6 2");
        pair.write(&format!("ZPEXPIREAT scores {BETWEEN} MEMBERS 3 b d 2"));
        for key in ["gone-small", "gone-large"] {
            pair.write(&format!("HSET {key} a 1 b {}", if key == "gone-small" { "2" } else { &long }));
            pair.write(&format!("HPEXPIREAT {key} {BETWEEN} FIELDS 2 a b"));
        }
        pair.write("SADD gone-set a");
        pair.write(&format!("SPEXPIREAT gone-set {BETWEEN} MEMBERS 1 a"));
        pair.write("ZADD gone-scores 1 a");
        pair.write(&format!("ZPEXPIREAT gone-scores {BETWEEN} MEMBERS 1 a"));
        pair.with_many()
    }

    fn with_many(mut self) -> Pair {
        let names = |step: usize| (0..MANY).step_by(step).map(|number| format!("m{number}"));
        let joined = |words: &mut dyn Iterator<Item = String>| words.collect::<Vec<_>>().join(" ");
        let (all, half) = (joined(&mut names(1)), joined(&mut names(2)));
        let count = MANY / 2;
        self.write(&format!("HSET many {}", joined(&mut names(1).map(|name| format!("{name} v")))));
        self.write(&format!("HPEXPIREAT many {BETWEEN} FIELDS {count} {half}"));
        self.write(&format!("SADD many-set {all}"));
        self.write(&format!("SPEXPIREAT many-set {BETWEEN} MEMBERS {count} {half}"));
        let scored = names(1).enumerate().map(|(number, name)| format!("{number} {name}"));
        self.write(&format!("ZADD many-scores {}", joined(&mut { scored })));
        self.write(&format!("ZPEXPIREAT many-scores {BETWEEN} MEMBERS {count} {half}"));
        self.catch_up();
        self
    }

    /// Has both answer, the copy first.
    fn ask(&mut self, now: UnixMillis, call: &str) -> (Value, Value) {
        (ask(&mut self.copy, now, call), ask(&mut self.primary, now, call))
    }
}

fn ask(executor: &mut Executor, now: UnixMillis, call: &str) -> Value {
    let words: Vec<Vec<u8>> = call.split(' ').map(|word| word.as_bytes().to_vec()).collect();
    execute(executor, DbIndex(0), now, &words).1
}

/// Calls whose replies have an order, as one line per key.
const IN_ORDER: &[&str] = &[
    "ZRANGE $ 0 -1 WITHSCORES, ZRANGE $ 1 1, ZRANGE $ -1 -1, ZRANGE $ 2 5 BYSCORE, ZRANGE $ 2 +inf BYSCORE LIMIT 1 2, ZREVRANGE $ 0 1",
    "ZCARD $, ZCOUNT $ 2 4, ZRANK $ c, ZREVRANK $ a, ZRANK $ b, ZRANK $ m3, ZSCORE $ b, ZSCORE $ c, ZMSCORE $ a b c d m2 m3",
    "ZUNION 2 $ set WITHSCORES, ZINTER 2 $ set WITHSCORES, ZDIFF 2 $ set, ZINTERCARD 2 $ set, ZTTL $ MEMBERS 3 a b none",
    "SORT $ BY nosort, SORT $ ALPHA, SORT $ ALPHA DESC LIMIT 0 5, GEOPOS $ a b, GEODIST $ a b, GEODIST $ a c",
    "DUMP none, PTTL $ a, PTTL $ b, PTTL $ m2",
];

const OF_SETS: &[&str] = &[
    "SMEMBERS $, SCARD $, SISMEMBER $ a, SISMEMBER $ b, SISMEMBER $ 2, SMISMEMBER $ a b c d 1 2 m2 m3, SRANDMEMBER $ 100000",
    "SSCAN $ 0 COUNT 100000, SINTER $ set, SUNION $ set, SDIFF $ set, SDIFF set $, SINTERCARD 2 $ set, SORT $ ALPHA",
    "STTL $ MEMBERS 3 a b none, PTTL $ b",
];

const OF_HASHES: &[&str] = &[
    "HGETALL $, HKEYS $, HVALS $, HLEN $, HGET $ a, HGET $ b, HMGET $ a b c d m2 m3, HEXISTS $ a, HEXISTS $ b, HSTRLEN $ b",
    "HSTRLEN $ c, HRANDFIELD $ 100000, HRANDFIELD $ 100000 WITHVALUES, HSCAN $ 0 COUNT 100000, HSCAN $ 0 COUNT 100000 NOVALUES",
    "HTTL $ FIELDS 3 a b none, HPEXPIRETIME $ FIELDS 2 b d, PTTL $ b, SORT set BY $->b, SORT set BY nosort GET $->b GET $->a",
];

const ALSO_OF_SCORES: &[&str] = &["ZSCAN $ 0 COUNT 100000, ZRANDMEMBER $ 100000"];

/// All calls, and whether the order of what they reply matters.
fn calls() -> impl Iterator<Item = (String, bool)> {
    let groups: [(&[&str], &[&str], bool); 4] = [
        (IN_ORDER, &["scores", "gone-scores", "many-scores", "none"], true),
        (ALSO_OF_SCORES, &["scores", "gone-scores", "many-scores"], false),
        (OF_SETS, &["set", "gone-set", "many-set", "none"], false),
        (OF_HASHES, &["small", "large", "gone-small", "gone-large", "many", "none"], false),
    ];
    groups.into_iter().flat_map(|(lines, keys, is_ordered)| {
        let of_key = move |key: &'static str| {
            lines
                .iter()
                .flat_map(|line| line.split(", "))
                .map(move |call| (call.replace('$', key), is_ordered))
        };
        keys.iter().copied().flat_map(of_key)
    })
}

/// The same reply without its order.
fn unordered(value: Value) -> Value {
    match value {
        Value::Array(values) | Value::Set(values) => {
            let mut values: Vec<Value> = values.into_iter().map(unordered).collect();
            values.sort_by_cached_key(|value| format!("{value:?}"));
            Value::Array(values)
        }
        Value::Map(mut pairs) => {
            pairs.sort_by_cached_key(|pair| format!("{pair:?}"));
            Value::Map(pairs)
        }
        other => other,
    }
}

#[track_caller]
fn compare(pair: &mut Pair, now: UnixMillis) {
    for (call, is_ordered) in calls() {
        let (copied, original) = pair.ask(now, &call);
        if is_ordered {
            assert_eq!(copied, original, "{call}");
        } else {
            assert_eq!(unordered(copied), unordered(original), "{call}");
        }
    }
}

#[test]
fn a_copy_shows_what_its_primary_shows_and_keeps_what_that_has_not_removed() {
    let mut pair = Pair::with_members_that_expire();
    compare(&mut pair, EARLY);
    let before = state(&mut pair.copy, LATE);
    let mut nothing = pair.copy.engine().journal().attach();
    // What is to be told by the primary's removals stays in its journal until the copy has been asked everything.
    compare(&mut pair, LATE);
    assert_eq!(state(&mut pair.copy, LATE), before, "reading changes nothing");
    let mut effects = Vec::new();
    nothing.read(&mut effects);
    assert!(effects.is_empty(), "{}", effects.escape_ascii());

    let engine = std::sync::Arc::clone(pair.primary.engine());
    while engine.expire_round(LATE, usize::MAX) > 0 {}
    pair.catch_up();
    assert_eq!(state(&mut pair.copy, LATE), state(&mut pair.primary, LATE));
    compare(&mut pair, LATE);
}

#[test]
fn who_may_write_to_a_copy_finds_nothing_that_has_expired() {
    let mut pair = Pair::with_members_that_expire();
    let copy = &mut pair.copy;
    assert_eq!(ask(copy, LATE, "HINCRBY small b 1"), Value::Integer(1));
    assert_eq!(ask(copy, LATE, "HSETNX large b 7"), Value::Integer(1));
    assert_eq!(ask(copy, LATE, "SADD set b"), Value::Integer(1));
    assert_eq!(ask(copy, LATE, "SREM many-set m2 m3"), Value::Integer(1));
    assert_eq!(ask(copy, LATE, "ZADD scores 9 b"), Value::Integer(1));
    assert_eq!(ask(copy, LATE, "HSET gone-small new 1"), Value::Integer(1));
    assert_eq!(ask(copy, LATE, "HLEN gone-small"), Value::Integer(1));
    assert_eq!(ask(copy, LATE, "COPY many other"), Value::Integer(1));
    assert_eq!(ask(copy, EARLY, "HLEN other"), Value::Integer(MANY as i64 / 2));
    assert_eq!(ask(copy, EARLY, "HLEN many"), Value::Integer(MANY as i64), "the source was only read");
}
