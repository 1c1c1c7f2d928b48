//! The scripts that programs run: each with how many keys and arguments it takes.

use crate::oracle::generate::Call;
use crate::random::Random;

/// A script, the keys it gets, and its other arguments.
type Script = (&'static str, &'static [&'static str], &'static [&'static str]);

const SCRIPTS: [Script; 16] = [
    ("return redis.call('RPUSH', KEYS[1], ARGV[1])", &["l"], &["a"]),
    ("return redis.call('LPUSH', KEYS[1], ARGV[1], ARGV[2])", &["m"], &["a", "b"]),
    ("return redis.call('ZADD', KEYS[1], 1, ARGV[1])", &["z"], &["a"]),
    ("return redis.call('XADD', KEYS[1], '5-*', 'f', ARGV[1])", &["s"], &["v"]),
    ("redis.call('SET', KEYS[1], ARGV[1]) return redis.call('GET', KEYS[1])", &["k"], &["1"]),
    ("redis.call('RPUSH', KEYS[1], 'x') redis.call('LPOP', KEYS[1]) return 1", &["l"], &[]),
    ("redis.call('RPUSH', KEYS[1], 'x') return redis.call('RENAME', KEYS[1], KEYS[2])", &["m", "l"], &[]),
    ("return redis.call('BLPOP', KEYS[1], 0)", &["l"], &[]),
    ("return redis.call('PUBLISH', ARGV[1], ARGV[2])", &[], &["c", "hello"]),
    ("return redis.call('INCR', KEYS[1])", &["n"], &[]),
    ("return redis.pcall('INCR', KEYS[1])", &["l"], &[]),
    ("return {1, 'two', false, {3}, redis.status_reply('FINE')}", &[], &[]),
    ("return redis.error_reply('MINE it is')", &[], &[]),
    ("error('broken')", &[], &[]),
    (
        "redis.call('DEL', KEYS[1]) redis.call('SET', KEYS[1], 1) return redis.call('DEL', KEYS[1])",
        &["k"],
        &[],
    ),
    ("return redis.call('MULTI')", &[], &[]),
];

/// A library of two functions, one of which only reads.
pub(crate) const LIBRARY: &str = "#!lua name=mine\n\
    redis.register_function('push', function(keys, args) return redis.call('RPUSH', keys[1], args[1]) end)\n\
    redis.register_function{function_name='look', flags={'no-writes'}, \
    callback=function(keys, args) return redis.call('EXISTS', keys[1]) end}";
/// A script, and the name by which EVALSHA knows it.
pub(crate) const STORED: &str = "return redis.call('LPUSH',KEYS[1],ARGV[1])";
pub(crate) const STORED_HASH: &str = "a8d04b3ec3276ffccf39ee21595d9f1b085dd186";

/// Returns the words that follow EVAL.
pub(crate) fn call(random: &mut Random) -> Call {
    let (script, keys, arguments) = SCRIPTS[random.below(SCRIPTS.len())];
    let mut words: Call = vec![script.into(), keys.len().to_string().into()];
    words.extend(keys.iter().chain(arguments).map(|word| word.as_bytes().to_vec()));
    words
}
