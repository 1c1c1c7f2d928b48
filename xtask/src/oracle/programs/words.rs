//! From templates to calls: the few keys, channels and values that connections share, so that they meet.
//!
//! A template is a command line in which
//!
//! - `a|b|c` is one of these words,
//! - `<name>` is a value by that name, `<name>*` one to three of them, `#<name>*` their number and then they,
//! - `[ … ]` is there or not.

use super::scripts;
use crate::oracle::generate::Call;
use crate::random::Random;

/// The keys, in the order of the kinds of values that they mostly hold.
pub(crate) const KEYS: [&str; 11] = ["l", "m", "z", "y", "s", "t", "k", "n", "w", "e", "f"];
/// How many databases are used.
pub(crate) const DATABASES: usize = 2;

const LISTS: [&str; 3] = ["l", "l", "m"];
const SORTED_SETS: [&str; 3] = ["z", "z", "y"];
const STREAMS: [&str; 3] = ["s", "s", "t"];
const STRINGS: [&str; 4] = ["k", "k", "n", "w"];
const SETS: [&str; 2] = ["e", "f"];
const VALUES: [&str; 6] = ["a", "b", "c", "1", "2", "30"];
const CHANNELS: [&str; 4] = ["c", "d", "news.a", "__redis__:invalidate"];
const SHARD_CHANNELS: [&str; 3] = ["c", "h", "news.a"];
const PATTERNS: [&str; 6] = ["*", "c", "n*", "news.?", "__key*__:*", "[cd]"];
const PREFIXES: [&str; 4] = ["k", "l", "z", "w"];
const IDS: [&str; 8] = ["*", "1-*", "1-*", "2-*", "3-1", "7-7", "0-0", "abc"];
const POSITIONS: [&str; 7] = ["$", "$", "0", "0-0", "1-1", "2", "+"];
const EVENTS: [&str; 8] = ["KEA", "KA", "EA", "Kl$", "Eg", "AKE", "KEnm", "Kxe"];

/// How often a timeout ends while the program runs, in percent; it takes its time.
const SHORT_PERCENT: usize = 3;
/// How often a key is not of the kind that is meant, in percent.
const WRONG_PERCENT: usize = 6;
/// How often what may be left out is there, in percent.
const OPTION_PERCENT: usize = 40;

/// Makes the words of a call from `template`; `connections` are as many as ids may be asked of.
pub(crate) fn call(template: &str, connections: usize, random: &mut Random) -> Call {
    let mut words = Vec::new();
    let mut is_left_out = false;
    for part in template.split(' ') {
        match part {
            "[" => is_left_out = !random.chance(OPTION_PERCENT),
            "]" => is_left_out = false,
            _ if is_left_out => {}
            _ => words.extend(expanded(part, connections, random)),
        }
    }
    words
}

fn expanded(part: &str, connections: usize, random: &mut Random) -> Call {
    let (is_counted, rest) = part.strip_prefix('#').map_or((false, part), |rest| (true, rest));
    let (is_repeated, rest) = rest.strip_suffix('*').map_or((false, rest), |rest| (true, rest));
    let Some(name) = rest.strip_prefix('<').and_then(|rest| rest.strip_suffix('>')) else {
        let choices: Vec<&str> = part.split('|').collect();
        return vec![random.pick(&choices).into()];
    };
    let times = if is_repeated { 1 + random.below(3) } else { 1 };
    let mut words: Call = (0..times).flat_map(|_| values(name, connections, random)).collect();
    if is_counted {
        words.insert(0, words.len().to_string().into());
    }
    words
}

fn values(name: &str, connections: usize, random: &mut Random) -> Call {
    if name == "script" {
        return scripts::call(random);
    }
    let is_wrong = random.chance(WRONG_PERCENT);
    let word = match name {
        "list" | "zset" | "stream" | "string" | "set" if is_wrong => random.pick(&KEYS).into(),
        "list" => random.pick(&LISTS).to_owned(),
        "zset" => random.pick(&SORTED_SETS).to_owned(),
        "stream" => random.pick(&STREAMS).to_owned(),
        "string" => random.pick(&STRINGS).to_owned(),
        "set" => random.pick(&SETS).to_owned(),
        "key" => random.pick(&KEYS).to_owned(),
        "value" => random.pick(&VALUES).to_owned(),
        "channel" => random.pick(&CHANNELS).to_owned(),
        "shard" => random.pick(&SHARD_CHANNELS).to_owned(),
        "pattern" => random.pick(&PATTERNS).to_owned(),
        "prefix" => random.pick(&PREFIXES).to_owned(),
        "newid" => random.pick(&IDS[1..]).to_owned(),
        "position" => random.pick(&POSITIONS).to_owned(),
        "events" => random.pick(&EVENTS).to_owned(),
        "count" => random.between(1, 3).to_string(),
        "integer" => random.between(-3, 5).to_string(),
        "database" => random.below(DATABASES).to_string(),
        "seconds" => timeout(random, "0.005"),
        "milliseconds" => timeout(random, "5"),
        "library" => scripts::LIBRARY.to_owned(),
        "stored" => scripts::STORED.to_owned(),
        "hash" => scripts::STORED_HASH.to_owned(),
        "id" => format!("$id{}", random.below(connections)),
        "address" => format!("$addr{}", random.below(connections)),
        _ => unreachable!("templates name only what is above; a test makes a call of each"),
    };
    vec![word.into()]
}

/// Returns a timeout that never ends here, mostly; `short` is one that does. Some are refused.
fn timeout(random: &mut Random, short: &str) -> String {
    match random.below(100) {
        percent if percent < SHORT_PERCENT => short.to_owned(),
        3 => random.pick(&["-1", "abc", "1e400", "nan", ""]).to_owned(),
        4..30 => "90000".to_owned(),
        _ => "0".to_owned(),
    }
}
