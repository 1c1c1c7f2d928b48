//! The commands that clients send: those that lock several keys, databases or everything, in any order.

use std::collections::BTreeSet;

use crate::random::Random;

/// One command as its words.
pub(crate) type Call = Vec<Vec<u8>>;

/// How many keys of each type there are; more than a thread's window, fewer than shards.
const KEYS: usize = 40;
/// How many databases are used.
const DATABASES: usize = 4;
/// How long blocking commands wait, in seconds and milliseconds.
const BLOCKED: [&str; 2] = ["0.02", "20"];
/// Reads and writes keys of any type.
const SCRIPT: &str = "\
redis.call('SET', KEYS[1], ARGV[1]) redis.call('LPUSH', KEYS[2], ARGV[1]) \
return redis.call('EXISTS', KEYS[1], KEYS[2])";

/// Templates of what locks, with their weights: `k`, `l`, `z`, `e`, `x` stand for keys of a type, `v` for a value,
/// `d` for a database, `t` and `T` for the time a command blocks.
const TEMPLATES: [(usize, &str); 44] = [
    (6, "SET k v"),
    (4, "GET k"),
    (3, "MGET k k k k k"),
    (4, "MSET k v k v k v k v"),
    (2, "MSETNX k v k v"),
    (3, "DEL k l z e x"),
    (2, "UNLINK k k l"),
    (3, "RENAME k k"),
    (2, "RENAME l l"),
    (2, "RENAMENX z z"),
    (3, "COPY k k DB d REPLACE"),
    (2, "COPY l l REPLACE"),
    (3, "MOVE k d"),
    (2, "MOVE l d"),
    (2, "SWAPDB d d"),
    (4, "SELECT d"),
    (4, "RPUSH l v v"),
    (2, "LPOP l 10"),
    (4, "LMOVE l l LEFT RIGHT"),
    (4, "BLPOP l l l t"),
    (3, "BLMOVE l l LEFT RIGHT t"),
    (2, "BLMPOP t 2 l l LEFT"),
    (2, "BZPOPMIN z z t"),
    (2, "BZMPOP t 2 z z MAX"),
    (2, "XREAD BLOCK T STREAMS x x $ $"),
    (3, "ZADD z 1 v 2 v"),
    (2, "ZPOPMIN z 10"),
    (3, "ZUNIONSTORE z 2 z z"),
    (2, "ZRANGESTORE z z 0 -1"),
    (3, "SADD e v v"),
    (2, "SMOVE e e v"),
    (2, "SUNIONSTORE e e e"),
    (2, "SINTERSTORE e e e"),
    (1, "SORT e ALPHA STORE l"),
    (3, "XADD x MAXLEN 10 * f v"),
    (1, "BITOP OR k k k"),
    (1, "PFMERGE k k"),
    (2, "PEXPIRE k 5"),
    (1, "FLUSHDB"),
    (1, "FLUSHALL ASYNC"),
    (1, "DBSIZE"),
    (1, "SCAN 0 COUNT 100"),
    (1, "KEYS *"),
    (1, "RANDOMKEY"),
];

/// The commands that the server has.
pub(crate) struct Commands {
    names: BTreeSet<String>,
    /// The templates of those, each as often as its weight says.
    templates: Vec<&'static str>,
}

impl Commands {
    /// Chooses what a server with commands of these names can do.
    pub(crate) fn new(names: BTreeSet<String>) -> Self {
        let is_known = |template: &str| {
            template.split(' ').next().is_some_and(|name| names.contains(&name.to_lowercase()))
        };
        let known = TEMPLATES.iter().filter(|(_, template)| is_known(template));
        let templates = known.flat_map(|(weight, template)| vec![*template; *weight]).collect();
        Self { names, templates }
    }

    /// Returns a call, a script, or a whole transaction.
    pub(crate) fn some(&self, random: &mut Random) -> Vec<Call> {
        match random.below(12) {
            0 if self.names.contains("multi") => self.transaction(random),
            1 if self.names.contains("eval") => vec![script(random)],
            _ => vec![self.call(random)],
        }
    }

    fn transaction(&self, random: &mut Random) -> Vec<Call> {
        let mut calls = Vec::new();
        if random.chance(30) {
            calls.push(vec![b"WATCH".to_vec(), key("k", random), key("l", random)]);
        }
        calls.push(vec![b"MULTI".to_vec()]);
        calls.extend((0..=random.below(4)).map(|_| self.call(random)));
        let end: &str = if random.chance(90) { "EXEC" } else { "DISCARD" };
        calls.push(vec![end.into()]);
        calls
    }

    fn call(&self, random: &mut Random) -> Call {
        let template = self.templates[random.below(self.templates.len())];
        template.split(' ').map(|word| filled(word, random)).collect()
    }
}

fn script(random: &mut Random) -> Call {
    let words = ["EVAL", SCRIPT, "2"].map(|word| word.as_bytes().to_vec());
    let keys = [key("k", random), key("l", random), value(random)];
    words.into_iter().chain(keys).collect()
}

fn filled(word: &str, random: &mut Random) -> Vec<u8> {
    match word {
        "k" | "l" | "z" | "e" | "x" => key(word, random),
        "v" => value(random),
        "d" => random.below(DATABASES).to_string().into(),
        "t" => BLOCKED[0].into(),
        "T" => BLOCKED[1].into(),
        _ => word.into(),
    }
}

fn key(kind: &str, random: &mut Random) -> Vec<u8> {
    format!("{kind}{}", random.below(KEYS)).into()
}

fn value(random: &mut Random) -> Vec<u8> {
    random.below(100).to_string().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_that_a_server_lacks_are_left_out() {
        let commands = Commands::new(["mset", "multi"].map(str::to_owned).into());
        let mut random = Random::new(1);
        let calls: Vec<Call> = (0..200).flat_map(|_| commands.some(&mut random)).collect();
        let names: BTreeSet<&[u8]> = calls.iter().map(|call| &*call[0]).collect();
        assert_eq!(names, BTreeSet::from([&b"MSET"[..], b"MULTI", b"EXEC", b"DISCARD", b"WATCH"]));
        assert!(calls.iter().filter(|call| call[0] == b"MSET").all(|call| call.len() == 9));
    }
}
