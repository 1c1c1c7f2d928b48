//! Entries of HTTP caches live as a naive model says, whatever purges, renames and clocks do, and what the journal tells of them
//! makes the same.

mod stage;

use spinel_storage::engine::Executor;
use spinel_storage::entropy::Entropy;
use spinel_storage::{DbIndex, UnixMillis, Value};
use stage::{DATABASES, execute, executor, replay, state};
use std::collections::BTreeMap;
use std::fmt::Write;

const SEEDS: u64 = 8;
const STEPS: u64 = 4_000;
const NEVER: i64 = i64::MAX;
const KEYS: [&str; 5] = ["host/a", "host/b", "host/long/c", "other/a", "other/d"];
const TAGS: [&str; 3] = ["red", "green", "blue"];

/// A variant as the model knows it.
#[derive(Clone)]
struct Variant {
    /// The value of the field `x` that it is for; 0: it is for any request.
    x: u64,
    body: String,
    fresh_until: i64,
    stale_until: i64,
    grace_until: i64,
    given: (i64, i64),
    tags: Vec<&'static str>,
}

impl Variant {
    fn state(&self, now: i64) -> Option<&'static str> {
        match now {
            _ if now < self.fresh_until => Some("hit"),
            _ if now < self.stale_until => Some("stale"),
            _ if now < self.grace_until => Some("grace"),
            _ => None,
        }
    }

    fn soften(&mut self, now: i64) {
        if now >= self.fresh_until {
            return;
        }
        let (swr, grace) = if self.fresh_until == NEVER {
            self.given
        } else {
            (self.stale_until - self.fresh_until, self.grace_until - self.stale_until)
        };
        (self.fresh_until, self.stale_until, self.grace_until) = (now, now + swr, now + swr + grace);
    }
}

/// Whether a purge is meant for a variant of a key.
type Meant = Box<dyn Fn(&str, &Variant) -> bool>;

type Entries = BTreeMap<&'static str, Vec<Variant>>;

/// Two of the same: what is tried, and what it should be.
struct Play {
    executor: Executor,
    entropy: Entropy,
    now: i64,
    model: Vec<Entries>,
    bodies: u64,
}

fn words(call: &str) -> Vec<Vec<u8>> {
    call.split_whitespace().map(|word| word.as_bytes().to_vec()).collect()
}

impl Play {
    fn new(seed: u64) -> Play {
        let model = vec![Entries::new(); usize::from(DATABASES)];
        Play { executor: executor(seed), entropy: Entropy::new(seed), now: 1_000_000, model, bodies: 0 }
    }

    fn below(&mut self, bound: usize) -> usize {
        self.entropy.below(bound as u64) as usize
    }

    fn one_of<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[self.below(choices.len())]
    }

    fn run(&mut self, db: usize, call: &str) -> Value {
        execute(&mut self.executor, DbIndex(db as u16), UnixMillis(self.now), &words(call)).1
    }

    fn seconds(&mut self, option: &str, call: &mut String) -> Option<i64> {
        let seconds = (self.below(3) > 0).then(|| self.below(6) as i64);
        if let Some(seconds) = seconds {
            write!(call, " {option} {seconds}").expect("memory takes any text");
        }
        seconds.map(|seconds| seconds * 1_000)
    }

    fn set(&mut self, db: usize, key: &'static str) {
        self.bodies += 1;
        let (body, x) = (self.bodies.to_string(), self.below(3) as u64);
        let mut call = format!("CACHE.SET {key} {body}");
        let ttl = self.seconds("TTL", &mut call);
        let swr = self.seconds("SWR", &mut call).unwrap_or(0);
        let grace = self.seconds("GRACE", &mut call).unwrap_or(0);
        if x > 0 {
            write!(call, " VARY 1 X {x}").expect("memory takes any text");
        }
        let tags: Vec<_> = TAGS.into_iter().filter(|_| self.below(3) == 0).collect();
        write!(call, " TAGS {} {}", tags.len(), tags.join(" ")).expect("memory takes any text");
        assert_eq!(self.run(db, &call), Value::Simple("OK".into()), "{call}");

        let fresh_until = ttl.map_or(NEVER, |ttl| self.now + ttl);
        let stale_until = fresh_until.saturating_add(swr);
        let grace_until = stale_until.saturating_add(grace);
        let variant = Variant { x, body, fresh_until, stale_until, grace_until, given: (swr, grace), tags };
        let entry = self.model[db].entry(key).or_default();
        entry.retain(|other| other.x != x);
        entry.push(variant);
    }

    /// What should answer a request.
    fn expected(&self, db: usize, key: &str, x: u64) -> (&'static str, Option<String>) {
        let variants = self.model[db].get(key).into_iter().flatten().rev();
        let mut answers = variants.filter(|variant| variant.x == 0 || variant.x == x);
        let answer = answers.find_map(|variant| Some((variant.state(self.now)?, variant.body.clone())));
        answer.map_or(("miss", None), |(state, body)| (state, Some(body)))
    }

    fn get(&mut self, db: usize, key: &str) {
        for x in 0..3 {
            let reply = self.run(db, &format!("CACHE.GET {key} VARY 1 x {x}"));
            assert_eq!(told(&reply), self.expected(db, key, x), "{key} of database {db} with {x}");
        }
    }

    fn purge(&mut self, db: usize) {
        let (tag, key) = (self.one_of(&TAGS), self.one_of(&KEYS));
        let (call, is_meant, is_soft): (String, Meant, bool) = match self.below(6) {
            0 => (format!("PURGETAG {tag}"), Box::new(move |_, variant| variant.tags.contains(&tag)), false),
            1 => {
                (format!("SOFTPURGETAG {tag}"), Box::new(move |_, variant| variant.tags.contains(&tag)), true)
            }
            2 => ("PURGEPREFIX host/".into(), Box::new(|key, _| key.starts_with("host/")), false),
            3 => ("PURGE */a".into(), Box::new(|key, _| key.ends_with("/a")), false),
            4 => ("SOFTPURGE o*".into(), Box::new(|key, _| key.starts_with('o')), true),
            _ => (format!("PURGE {key}"), Box::new(move |other, _| other == key), false),
        };
        assert_eq!(self.run(db, &format!("CACHE.{call}")), Value::Integer(1));
        let now = self.now;
        for (key, variants) in &mut self.model[db] {
            if is_soft {
                variants.iter_mut().filter(|variant| is_meant(key, variant)).for_each(|it| it.soften(now));
            } else {
                variants.retain(|variant| !is_meant(key, variant));
            }
        }
    }

    /// Whether a key is there: some variant is not gone.
    fn has(&self, db: usize, key: &str) -> bool {
        let variants = self.model[db].get(key);
        variants.is_some_and(|variants| variants.iter().any(|variant| variant.grace_until > self.now))
    }

    fn relocate(&mut self, db: usize) {
        let (from, to) = (self.one_of(&KEYS), self.one_of(&KEYS));
        let is_copy = self.below(2) == 0;
        if from == to || !self.has(db, from) {
            return;
        }
        self.run(
            db,
            &if is_copy { format!("COPY {from} {to} REPLACE") } else { format!("RENAME {from} {to}") },
        );
        let variants = self.model[db][from].clone();
        self.model[db].insert(to, variants);
        if !is_copy {
            self.model[db].remove(from);
        }
    }

    fn step(&mut self) {
        let (db, key) = (self.below(usize::from(DATABASES)), self.one_of(&KEYS));
        match self.below(100) {
            0..30 => self.set(db, key),
            30..70 => self.get(db, key),
            70..80 => self.purge(db),
            80..88 => self.relocate(db),
            88..96 => self.now += self.below(3_000) as i64,
            96 => {
                let other = self.below(usize::from(DATABASES));
                self.run(db, &format!("SWAPDB {db} {other}"));
                self.model.swap(db, other);
            }
            97 => {
                assert_eq!(self.run(db, &format!("EXISTS {key}")), Value::Integer(self.has(db, key).into()));
            }
            98 => _ = self.executor.engine().sweep_purges(),
            _ => _ = self.executor.engine().expire_round(UnixMillis(self.now), 100),
        }
    }
}

impl Play {
    /// Compares what is answered for all keys.
    fn get_all(&mut self) {
        for db in 0..usize::from(DATABASES) {
            for key in KEYS {
                self.get(db, key);
            }
        }
    }
}

/// The state and the body that CACHE GET tells.
fn told(reply: &Value) -> (&'static str, Option<String>) {
    let Value::Map(pairs) = reply else { panic!("{reply:?} is no map") };
    let text = |value: &Value| match value {
        Value::Bulk(text) => Some(String::from_utf8_lossy(text).into_owned()),
        _ => None,
    };
    let state = text(&pairs[0].1).expect("a state is a text");
    let state = ["hit", "stale", "grace", "miss"].into_iter().find(|name| *name == state);
    (state.expect("one of these"), text(&pairs[3].1))
}

#[test]
fn entries_live_as_the_model_says() {
    for seed in 1..=SEEDS {
        let mut play = Play::new(seed);
        let mut reader = play.executor.engine().journal().attach();
        for _ in 0..STEPS {
            play.step();
        }
        let mut journal = Vec::new();
        reader.read(&mut journal);
        let mut copy = executor(!seed);
        replay(&mut copy, &journal);
        let now = UnixMillis(play.now);
        assert_eq!(state(&mut copy, now), state(&mut play.executor, now), "seed {seed}");
        // The copy answers the same, also from now on.
        play.executor = copy;
        for later in 0..5 {
            play.now += later * 1_000;
            play.get_all();
        }
    }
}
