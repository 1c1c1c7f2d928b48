//! The values generated for arguments: few, so that they meet; and odd, so that every check is reached.

use super::grammar::{Argument, Kind};
use crate::random::Random;

/// The keys that calls use: plain, sharing a tag, empty, binary.
pub(crate) const KEYS: [&[u8]; 12] = [
    b"a",
    b"b",
    b"c",
    b"d",
    b"key:1",
    b"key:2",
    b"{t}x",
    b"{t}y",
    b"",
    b"\x00\xff",
    b"*?[",
    b"a longer name of a key",
];

/// How many databases the calls fill and the state comparison reads.
pub(crate) const DATABASES: i64 = 3;

/// Words at the edges of what a 64-bit integer parser accepts.
const ODD_INTEGERS: [&str; 29] = [
    "9223372036854775807",
    "-9223372036854775808",
    "9223372036854775808",
    "-9223372036854775809",
    "18446744073709551615",
    "18446744073709551616",
    "9223372036854775806",
    "-9223372036854775807",
    "4294967296",
    "-4294967296",
    "2147483647",
    "-2147483648",
    "+1",
    "01",
    "-0",
    " 1",
    "1 ",
    "1e3",
    "0x10",
    "3.0",
    "",
    "abc",
    "-",
    "--1",
    "1\x00",
    "nan",
    "inf",
    "99999999999999999999999999999999",
    "1_0",
];

/// Words at the edges of what a floating-point parser accepts.
const ODD_DOUBLES: [&str; 26] = [
    "inf",
    "-inf",
    "+inf",
    "Infinity",
    "nan",
    "NaN",
    "-nan",
    "1e400",
    "-1e400",
    "1e-400",
    "5e-324",
    "-0.0",
    "-0",
    "0x1p3",
    " 1",
    "1 ",
    "1.",
    ".5",
    "1e",
    "",
    "abc",
    "1.7976931348623157e308",
    "179769313486231570000000000",
    "0.1000000000000000055511151231257827",
    "3.141592653589793238462643383279",
    "+2.5",
];

const PLAIN_DOUBLES: [&str; 14] =
    ["0", "1", "-1", "0.5", "1.5", "-2.25", "0.1", "0.2", "3.0", "100", "1e2", "5.0e3", "-1e-3", "12345.678"];

const PATTERNS: [&str; 20] = [
    "*", "a*", "?", "key:*", "k[a-z]y*", "[ab]", "[^a]", "[", "[a", "\\*", "\\", "*a*a*", "{t}?", "",
    "*\\?*", "[z-a]", "*:[0-9]", "**", "a[", "[]]",
];

const BITFIELD_TYPES: [&str; 17] = [
    "u1", "u8", "i8", "u4", "i5", "u16", "i32", "u63", "i64", "u64", "i65", "i0", "u0", "i1", "x8", "u",
    "i-1",
];

const TEXTS: [&str; 22] = [
    "",
    "x",
    "y",
    "hello",
    "Hello World",
    "foobar",
    "ohmytext",
    "mynewtext",
    "a b",
    "1",
    "0",
    "10",
    "-5",
    "3.14",
    "9223372036854775807",
    "-9223372036854775808",
    "12345678901234567890",
    "01",
    "+1",
    "1e5",
    "\r\n",
    "nan",
];

/// Texts that are sketches, or nearly.
const SKETCHES: [&[u8]; 8] = [
    b"HYLL\x01\0\0\0\0\0\0\0\0\0\0\0\x7f\xff",
    b"HYLL\x01\0\0\0\x07\0\0\0\0\0\0\0\x7f\xff",
    b"HYLL\x01\0\0\0\x07\0\0\0\0\0\0\x80\x80\x84\x84\x84\x7f\xfb",
    b"HYLL\x01\0\0\0\0\0\0\0\0\0\0\x80\x7f\xff\x7f\xff",
    b"HYLL\x01\0\0\0\0\0\0\0\0\0\0\x80\x7f\xf0",
    b"HYLL\x01\0\0\0\0\0\0\0\0\0\0\x80",
    b"HYLL\x02\0\0\0\0\0\0\0\0\0\0\x80\x7f\xff",
    b"HYLL\0\0\0\0\0\0\0\0\0\0\0\x80\x7f\xff",
];

const SKETCH_COMMANDS: [&str; 5] = ["decode", "ENCODING", "todense", "getreg", "nosuch"];

/// Lengths around those at which nodes of lists are full, halves of them, and texts that get a node alone.
const NODE_BYTES: [usize; 8] = [900, 2000, 4070, 4080, 4088, 8170, 8186, 8193];

const FIELDS: [&str; 9] = ["f", "g", "field", "1", "-5", "01", "", "fields", "a long field"];
/// Longitudes and latitudes whose points are near each other, at the edges of the world, or nowhere.
const LONGITUDES: [&str; 16] = [
    "0",
    "0",
    "13.361389",
    "13.361389",
    "15.087269",
    "13.5",
    "0.00001",
    "2.35",
    "179.999",
    "-179.999",
    "180",
    "-180",
    "-0.5",
    "-122.4",
    "180.00001",
    "90",
];
const LATITUDES: [&str; 16] = [
    "0",
    "0",
    "38.115556",
    "38.115556",
    "37.502669",
    "38.2",
    "0.00001",
    "48.85",
    "85.05112878",
    "-85.05112878",
    "84.9",
    "-67",
    "-0.5",
    "37.77",
    "85.06",
    "66.5",
];

const TYPES: [&str; 8] = ["string", "list", "hash", "set", "zset", "stream", "STRING", "nosuch"];

/// Groups and consumers of streams: so few that they meet.
const GROUPS: [&str; 8] = ["g", "g", "g", "g", "h", "h", "", "nosuch"];
const CONSUMERS: [&str; 8] = ["alice", "alice", "bob", "bob", "carol", "\x00", "", "a longer name"];

/// Ids of entries that say more than an id, or that are none.
const ODD_IDS: [&str; 24] = [
    "-",
    "+",
    "$",
    ">",
    "*",
    "0",
    "0-0",
    "0-1",
    "60-*",
    "18446744073709551615-18446744073709551615",
    "(18446744073709551615-18446744073709551615",
    "18446744073709551615-18446744073709551614",
    "18446744073709551616-0",
    "(0-0",
    "(-",
    "(",
    "5-",
    "-5",
    "5--1",
    "5--01",
    " 5-+1",
    "007-01",
    "5-1 ",
    "5-1\x00x",
];

/// Milliseconds that no run lasts, or that have always passed.
const IDLE_TIMES: [&str; 6] = ["0", "0", "0", "5000000", "90000000", "-1"];

const PARAMETERS: [&str; 10] = [
    "maxmemory",
    "*max-*-entries",
    "save",
    "MAXMEMORY-POLICY",
    "nosuch",
    "",
    "hash-max-listpack-*",
    "port",
    "*",
    "[",
];

const COMMANDS: [&str; 12] = [
    "get",
    "SET",
    "mset",
    "bitop",
    "eval",
    "config|get",
    "CONFIG",
    "client|nosuch",
    "nosuch",
    "",
    "object|encoding",
    "msetnx",
];

/// Returns a key of the pool; the first few come up most.
pub(crate) fn key(random: &mut Random) -> Vec<u8> {
    let range = if random.chance(60) { 4 } else { KEYS.len() };
    KEYS[random.below(range)].to_vec()
}

/// Returns any value at all, for a word that was put in the wrong place.
pub(crate) fn anything(random: &mut Random) -> Vec<u8> {
    match random.below(5) {
        0 => key(random),
        1 => text(random),
        2 => random.pick(&ODD_DOUBLES).into(),
        _ => integer(random),
    }
}

/// Returns a value for `argument`, chosen by its name where the name says more than the type.
pub(crate) fn value(argument: &Argument, random: &mut Random) -> Vec<u8> {
    match (argument.name.as_str(), &argument.kind) {
        (_, Kind::Key) => key(random),
        ("id" | "last-id" | "lastid" | "max-deleted-id" | "end" | "stream-id", Kind::Text) => {
            entry_id(random)
        }
        ("start", Kind::Text) if random.chance(60) => entry_id(random),
        ("threshold", Kind::Text) => threshold(random),
        ("group", Kind::Text) => random.pick(&GROUPS).into(),
        ("consumer", Kind::Text) => random.pick(&CONSUMERS).into(),
        ("min-idle-time" | "ms", _) => idle_time(random),
        ("entriesread" | "entries-added", _) if random.chance(80) => {
            random.between(-1, 40).to_string().into()
        }
        ("seconds", _) => duration(random, 1),
        ("milliseconds", _) => duration(random, 1000),
        ("unix-time-milliseconds", _) => moment(random, 1000),
        ("element" | "pivot", Kind::Text) => element(random),
        ("member" | "member1" | "member2", Kind::Text) if random.chance(70) => member(random),
        ("start" | "stop" | "min" | "max", Kind::Text) if random.chance(85) => bound(random),
        ("min" | "max", Kind::Double) if random.chance(70) => score_bound(random),
        ("score" | "weight" | "increment", _) if random.chance(60) => score(random),
        // Few fields, so that most calls are about some that are there.
        ("field", Kind::Text) if random.chance(85) => random.pick(&FIELDS).into(),
        ("longitude", _) => coordinate(&LONGITUDES, 180, random),
        ("latitude", _) => coordinate(&LATITUDES, 85, random),
        ("radius" | "width" | "height", _) => length(random),
        // SELECT takes one of a database, LINDEX and LSET one of an element.
        ("index", _) if random.chance(50) => random.between(-12, 2).to_string().into(),
        ("index" | "index1" | "index2" | "db" | "destination-db", _) => database(random),
        ("subcommand", _) => random.pick(&SKETCH_COMMANDS).into(),
        ("encoding", Kind::Text) => random.pick(&BITFIELD_TYPES).into(),
        ("type", Kind::Text) => random.pick(&TYPES).into(),
        ("parameter", Kind::Text) => random.pick(&PARAMETERS).into(),
        ("command-name" | "command" | "module-name", Kind::Text) => random.pick(&COMMANDS).into(),
        ("offset", Kind::Integer) => offset(random),
        ("bit", _) if random.chance(90) => random.pick(&["0", "1"]).into(),
        ("cursor", _) if random.chance(80) => b"0".to_vec(),
        ("count", _) if random.chance(40) => b"1000".to_vec(),
        ("protover", _) => random.pick(&["2", "3", "3", "1", "4", "abc"]).into(),
        ("unix-time-seconds", _) | (_, Kind::UnixTime) => moment(random, 1),
        (_, Kind::Integer) => integer(random),
        (_, Kind::Double) => double(random),
        (_, Kind::Pattern) => random.pick(&PATTERNS).into(),
        _ => text(random),
    }
}

fn integer(random: &mut Random) -> Vec<u8> {
    match random.below(20) {
        0..3 => random.pick(&ODD_INTEGERS).into(),
        3 => random.between(-100_000, 100_000).to_string().into(),
        4..8 => random.between(-20, 100).to_string().into(),
        _ => random.between(-3, 12).to_string().into(),
    }
}

/// Returns an id that an entry of a stream may have: most entries come to the time 60, where ids are made.
fn entry_id(random: &mut Random) -> Vec<u8> {
    match random.below(20) {
        0..2 => random.pick(&ODD_IDS).into(),
        2 => format!("({}-{}", random.between(1, 60), random.below(3)).into(),
        3..5 => random.between(0, 61).to_string().into(),
        5..12 => format!("60-{}", random.below(16)).into(),
        12..14 => b">".to_vec(),
        _ => format!("{}-{}", random.between(0, 60), random.below(4)).into(),
    }
}

/// Returns what a stream is trimmed to: a length or an id.
fn threshold(random: &mut Random) -> Vec<u8> {
    if random.chance(60) { random.between(0, 30).to_string().into() } else { entry_id(random) }
}

fn idle_time(random: &mut Random) -> Vec<u8> {
    if random.chance(4) {
        random.pick(&["", "abc", "9223372036854775807", "1.5"]).into()
    } else {
        random.pick(&IDLE_TIMES).into()
    }
}

fn double(random: &mut Random) -> Vec<u8> {
    match random.below(10) {
        0 => random.pick(&ODD_DOUBLES).into(),
        1..4 => format!("{}.{}", random.between(-50, 50), random.below(10_000)).into(),
        _ => random.pick(&PLAIN_DOUBLES).into(),
    }
}

/// Returns degrees: mostly of one of a few places or next to it.
fn coordinate(known: &'static [&'static str], max: i64, random: &mut Random) -> Vec<u8> {
    match random.below(20) {
        0 => double(random),
        1..4 => format!("{}.{:06}", random.between(1 - max, max - 1), random.below(1_000_000)).into(),
        4..8 => format!("{}{:04}", random.pick(&["0.", "13.", "38.", "-0.0"]), random.below(10_000)).into(),
        _ => random.pick(known).into(),
    }
}

/// Returns a length of any magnitude that means something on the earth.
fn length(random: &mut Random) -> Vec<u8> {
    match random.below(12) {
        0 => double(random),
        1 => random.pick(&["0", "inf", "-1", "20037726.37", "1e300"]).into(),
        _ => format!("{}e{}", random.between(1, 99), random.between(-2, 6)).into(),
    }
}

/// Returns a value for strings: mostly short and numeric enough for arithmetic, sometimes long or binary.
fn text(random: &mut Random) -> Vec<u8> {
    match random.below(20) {
        0..8 => random.pick(&TEXTS).into(),
        8..12 => random.between(-20, 120).to_string().into(),
        12 => random.pick(&ODD_INTEGERS).into(),
        13 => random.pick(&ODD_DOUBLES).into(),
        14 | 15 => double(random),
        16 => (0..random.below(12)).map(|_| random.bits() as u8).collect(),
        // Around 44 bytes, where Redis changes the encoding of a string, and beyond.
        17 => b"x".repeat(random.between(42, 47) as usize),
        18 if random.chance(30) => SKETCHES[random.below(SKETCHES.len())].to_vec(),
        18 => (0..random.below(200)).map(|_| b'a' + random.below(4) as u8).collect(),
        _ => b"abcdefgh"[..random.below(9)].to_vec(),
    }
}

/// Returns an element of a list: mostly one of a few, so that searches find some, and at times one that is near
/// the size of a node.
fn element(random: &mut Random) -> Vec<u8> {
    match random.below(20) {
        0..6 => random.between(-1, 6).to_string().into(),
        6..12 => random.pick(&["a", "b", "c", "one", "two", "three"]).into(),
        12..16 => b"abcdefghijklmnopqrstuvwxyz"[..random.below(27)].to_vec(),
        16 => b"l".repeat(NODE_BYTES[random.below(NODE_BYTES.len())]),
        _ => text(random),
    }
}

/// Returns a member of a sorted set or a set: one of a few, so that it is met again.
fn member(random: &mut Random) -> Vec<u8> {
    match random.below(8) {
        0 => random.between(-3, 12).to_string().into(),
        1 => b"m".repeat(random.below(15)),
        _ => b"abcdefghij"[random.below(10)..].iter().take(1 + random.below(2)).copied().collect(),
    }
}

/// Returns a score that others have, too, or one of the extremes.
fn score(random: &mut Random) -> Vec<u8> {
    match random.below(12) {
        0 => random.pick(&["inf", "-inf", "-0", "1e300", "-1e-300", "0.1", "17179869184.5"]).into(),
        1 => format!("{}.5", random.between(-3, 3)).into(),
        _ => random.between(-2, 4).to_string().into(),
    }
}

/// Returns an end of a range of scores.
fn score_bound(random: &mut Random) -> Vec<u8> {
    match random.below(10) {
        0 => random.pick(&["-inf", "+inf", "(-inf", "(inf", "", "(", " 1", "1e999"]).into(),
        1..3 => b"-inf".to_vec(),
        3..5 => b"+inf".to_vec(),
        5..7 => [b"(", &*score(random)].concat(),
        _ => score(random),
    }
}

/// Returns an end of a range of ranks, scores or members.
fn bound(random: &mut Random) -> Vec<u8> {
    match random.below(10) {
        0..3 => random.between(-6, 6).to_string().into(),
        3..5 => score_bound(random),
        5 => random.pick(&["-", "+"]).into(),
        6 => [b"(", &*member(random)].concat(),
        _ => [b"[", &*member(random)].concat(),
    }
}

/// Returns a time to live in units of 1/`per_second` s: far enough not to end during the run, past, or out of range.
fn duration(random: &mut Random, per_second: i64) -> Vec<u8> {
    match random.below(10) {
        0 => random.pick(&["0", "-1", "-100", "-9223372036854775808", "-9223372036854775"]).into(),
        1 => random
            .pick(&["9223372036854775807", "9223372036854775", "9223372036854776", "10000000000000"])
            .into(),
        2 => random.pick(&ODD_INTEGERS).into(),
        _ => (random.between(1000, 100_000) * per_second).to_string().into(),
    }
}

/// Returns a point in time in units of 1/`per_second` s: long ago, in the far future, or out of range.
fn moment(random: &mut Random, per_second: i64) -> Vec<u8> {
    match random.below(10) {
        0 => random.pick(&["0", "1", "-1", "1000000000", "-9223372036854775808"]).into(),
        1 => random.pick(&["9223372036854775807", "9223372036854775", "9223372036854776"]).into(),
        2 => random.pick(&ODD_INTEGERS).into(),
        // From 2100 on.
        _ => ((4_102_444_800 + random.between(0, 3)) * per_second).to_string().into(),
    }
}

fn database(random: &mut Random) -> Vec<u8> {
    if random.chance(90) {
        return random.between(0, DATABASES - 1).to_string().into();
    }
    random.pick(&["15", "16", "-1", "abc", "", "99999999999999999999", "01"]).into()
}

fn offset(random: &mut Random) -> Vec<u8> {
    match random.below(20) {
        0 => random.pick(&ODD_INTEGERS).into(),
        1 => random.pick(&["-1", "4294967296", "9000", "150000", "8589934592"]).into(),
        2..5 => format!("#{}", random.between(-1, 40)).into(),
        _ => random.between(0, 150).to_string().into(),
    }
}
