//! Somebody who writes all the time.

use std::sync::atomic::{AtomicBool, Ordering};

use crate::Outcome;
use crate::oracle::generate::{Call, Generator};
use crate::oracle::grammar::Command;
use crate::random::Random;
use crate::resp::Connection;

/// Databases that are written to.
pub(super) const DATABASES: usize = 4;

/// A script that writes what it is told, more than once.
const SCRIPT: &str = "redis.call('SET', KEYS[1], ARGV[1]); redis.call('APPEND', KEYS[1], redis.call('TIME')[2]); \
                      return redis.call('RPUSH', KEYS[2], ARGV[1], math.random())";

/// Calls commands by chance until it is told to stop.
pub(super) fn write(address: &str, commands: &[Command], seed: u64, stop: &AtomicBool) -> Outcome {
    let chosen: Vec<&Command> = commands.iter().collect();
    let mut generator = Generator::new(&chosen, seed);
    let mut random = Random::new(seed ^ 0x5151);
    let mut connection = Connection::open(address)?;
    while !stop.load(Ordering::Relaxed) {
        for call in calls(&mut generator, &mut random) {
            // What is refused changes nothing, and is no matter here.
            connection.call(&call)?;
        }
    }
    Ok(())
}

/// Commands that replicas may not know, and what these are about.
const NEWER: [&str; 14] = [
    "SETBIT bits# # 1",
    "BITOP DIFF bits# bits# bits#",
    "BITOP DIFF1 bits# bits# bits#",
    "BITOP ANDOR bits# bits# bits#",
    "BITOP ONE bits# bits# bits#",
    "ZADD scores# # member#",
    "ZUNIONSTORE scores# 2 scores# scores# AGGREGATE COUNT",
    "XADD entries# DELREF MAXLEN 20 #-* f v",
    "XGROUP CREATE entries# group# 0 MKSTREAM",
    "XREADGROUP GROUP group# consumer# COUNT 3 STREAMS entries# >",
    "XADD entries# KEEPREF #-* f v",
    "XTRIM entries# MAXLEN 3 DELREF",
    "XDELEX entries# DELREF IDS 2 2-# 3-#",
    "XACKDEL entries# group# DELREF IDS 2 2-# 3-#",
];

/// One of them; each `#` is a small number.
fn newer(random: &mut Random) -> Call {
    let words = random.pick(&NEWER).split(' ');
    words.map(|word| word.replace('#', &random.below(4).to_string()).into_bytes()).collect()
}

/// What is called next.
fn calls(generator: &mut Generator<'_>, random: &mut Random) -> Vec<Call> {
    let words = |words: &[&str]| words.iter().map(|word| word.as_bytes().to_vec()).collect::<Call>();
    match random.below(400) {
        0..20 => vec![words(&["SELECT", &random.below(DATABASES).to_string()])],
        20..30 => {
            let count = 1 + random.below(5);
            let mut group = vec![words(&["MULTI"])];
            group.extend((0..count).map(|_| generator.call()));
            group.push(words(&["EXEC"]));
            group
        }
        30..40 => {
            let (one, two) = (format!("script{}", random.below(5)), format!("scripts{}", random.below(5)));
            vec![words(&["EVAL", SCRIPT, "2", &one, &two, &random.bits().to_string()])]
        }
        40..50 => {
            let key = format!("brief{}", random.below(20));
            vec![words(&["SET", &key, "v", "PX", &(1 + random.below(300)).to_string()])]
        }
        50 => vec![words(&[
            "SWAPDB",
            &random.below(DATABASES).to_string(),
            &random.below(DATABASES).to_string(),
        ])],
        51 => {
            vec![words(&[random.pick(&["FLUSHDB", "FLUSHDB", "FLUSHALL"]), random.pick(&["SYNC", "ASYNC"])])]
        }
        52..62 => vec![newer(random)],
        _ => vec![generator.call()],
    }
}
