//! The rows `collections` and `elements`: what commands on collections cost, and what their elements take.
//!
//! Both are tables, and a new figure is a new line in one of them: [`OPERATIONS`], [`SIZES`].

use super::Bench;
use super::affinity;
use super::cpu::{Operation, cpu_us, fill_answered};
use super::load::{Shape, ask, connect};
use super::report::{Better, Limit, Section};
use super::request::{Reply, Word};
use super::server::{Contender, Server, StartOptions};
use crate::Outcome;

/// A command that is run to make what is measured, and how often.
struct Fill {
    words: &'static [Word],
    /// A multiple of 200.
    count: u64,
}

impl Fill {
    /// What each command is answered by: most by a line, XADD by the id, HPEXPIRE by an array of one digit.
    fn reply(&self) -> Reply {
        match self.words {
            [Word::Text("XADD"), ..] => Reply::Bulk,
            [Word::Text("HPEXPIRE"), ..] => Reply::Fixed { bytes: "*1\r\n:1\r\n".len(), first: b'*' },
            _ => Reply::Line,
        }
    }

    fn run(&self, server: &Server) -> Outcome {
        fill_answered(server, self.words, self.reply(), 0, self.count)
    }
}

/// An operation on collections.
struct Measured {
    operation: Operation,
    /// What the empty server is given before each sample.
    fill: &'static [Fill],
    /// By how much fewer of these operations are run than of short ones.
    cost: u64,
}

/// So many elements touch the code and the buffers that filling needs.
const WARMING_COUNT: u64 = 2000;

/// What elements of a collection take.
struct Size {
    name: &'static str,
    /// What is there before and does not count.
    before: &'static [Fill],
    fill: Fill,
    /// Elements of a request.
    per_request: u64,
    limit: Limit,
}

const SHAPE: Shape = Shape { connections: 50, pipeline: 16, groups: 1 };

pub(super) const VALUE: Word = Word::Value { width: 8 };
pub(super) const LIST: Word = Word::Text("list");
pub(super) const RPUSH: [Word; 3] = [Word::Text("RPUSH"), LIST, VALUE];
const XADD: [Word; 5] =
    [Word::Text("XADD"), Word::Text("stream"), Word::Text("*"), Word::Text("field"), VALUE];
/// So much is pushed or popped by one sample with the default number of operations, and something is left.
const LONG_LIST: Fill = Fill { words: &RPUSH, count: 1_200_000 };
/// Of this one ranges are read.
const LIST_OF_1000: Fill = Fill { words: &RPUSH, count: 1000 };

const POINTS: Word = Word::Text("points");
const LONGITUDE: Word = Word::Degrees { from: 10, spread: 10, axis: 0 };
const LATITUDE: Word = Word::Degrees { from: 40, spread: 10, axis: 1 };
/// A million points on some 870,000 square kilometres: 73 in a circle of 4.5 km.
const MILLION_POINTS: Fill = Fill {
    words: &[Word::Text("GEOADD"), POINTS, LONGITUDE, LATITUDE, Word::Key { prefix: "p", width: 8 }],
    count: 1_000_000,
};
const GEOSEARCH: [Word; 8] = [
    Word::Text("GEOSEARCH"),
    POINTS,
    Word::Text("FROMLONLAT"),
    LONGITUDE,
    LATITUDE,
    Word::Text("BYRADIUS"),
    Word::Text("4.5"),
    Word::Text("km"),
];

const ZSET: Word = Word::Text("zset");
/// Scores that differ, in no order.
const SCORE: Word = Word::Time { from: 100_000_000, spread: 899_999_999 };
pub(super) const ZADD: [Word; 4] = [Word::Text("ZADD"), ZSET, SCORE, VALUE];
const SORTED_SET_OF_1_M: Fill = Fill { words: &ZADD, count: 1_000_000 };
/// Two sorted sets without a common member.
const SORTED_SETS_OF_10_000: [Fill; 2] = [
    Fill { words: &ZADD, count: 10_000 },
    Fill {
        words: &[Word::Text("ZADD"), Word::Text("other"), SCORE, Word::Key { prefix: "o", width: 8 }],
        count: 10_000,
    },
];

const SET: Word = Word::Text("set");
pub(super) const SADD: [Word; 3] = [Word::Text("SADD"), SET, VALUE];
const SET_OF_1_M: Fill = Fill { words: &SADD, count: 1_000_000 };
/// One of a hundred members at a time, so often that none is left out.
const SET_OF_100: Fill =
    Fill { words: &[Word::Text("SADD"), SET, Word::Time { from: 10_000_000, spread: 99 }], count: 2000 };
/// Two sets of the same members.
const SETS_OF_10_000: [Fill; 2] = [
    Fill { words: &SADD, count: 10_000 },
    Fill { words: &[Word::Text("SADD"), Word::Text("other"), VALUE], count: 10_000 },
];

pub(super) const HASH: Word = Word::Text("hash");
pub(super) const FIELD: Word = Word::Key { prefix: "f", width: 8 };
pub(super) const HSET: [Word; 4] = [Word::Text("HSET"), HASH, FIELD, VALUE];
/// Times far from now and from each other.
const HPEXPIRE: [Word; 6] = [
    Word::Text("HPEXPIRE"),
    HASH,
    Word::Time { from: 100_000_000, spread: 899_999_999 },
    Word::Text("FIELDS"),
    Word::Text("1"),
    FIELD,
];
const HASH_OF_1_M: Fill = Fill { words: &HSET, count: 1_000_000 };
/// One of a hundred fields at a time, so often that none is left out.
const HASH_OF_100: Fill = Fill {
    words: &[Word::Text("HSET"), HASH, Word::Time { from: 10_000_000, spread: 99 }, VALUE],
    count: 2000,
};
const SMALL_HASHES: Fill = Fill {
    words: &[
        Word::Text("HSET"),
        Word::Key { prefix: "h", width: 8 },
        Word::Text("f1"),
        VALUE,
        Word::Text("f2"),
        VALUE,
        Word::Text("f3"),
        VALUE,
        Word::Text("f4"),
        VALUE,
        Word::Text("f5"),
        VALUE,
    ],
    count: 1_000_000,
};

/// The reply of an array of `count` elements of 8 bytes; `count` has three digits.
const fn array_of_three_digits(count: usize) -> Reply {
    assert!(100 <= count && count < 1000);
    Reply::Fixed { bytes: "*100\r\n".len() + count * "$8\r\n12345678\r\n".len(), first: b'*' }
}

/// The operations, family by family.
const OPERATIONS: &[Measured] = &[
    Measured {
        operation: Operation {
            name: "LPUSH",
            words: &[Word::Text("LPUSH"), LIST, VALUE],
            reply: Reply::Line,
            limit: 0.8,
        },
        fill: &[],
        cost: 1,
    },
    Measured {
        operation: Operation { name: "RPUSH", words: &RPUSH, reply: Reply::Line, limit: 0.8 },
        fill: &[],
        cost: 1,
    },
    Measured {
        operation: Operation {
            name: "RPOP",
            words: &[Word::Text("RPOP"), LIST],
            reply: Reply::Fixed { bytes: 14, first: b'$' },
            limit: 0.8,
        },
        fill: &[LONG_LIST],
        cost: 1,
    },
    Measured {
        operation: Operation {
            name: "LRANGE of 100",
            words: &[Word::Text("LRANGE"), LIST, Word::Text("0"), Word::Text("99")],
            reply: array_of_three_digits(100),
            limit: 0.75,
        },
        fill: &[LIST_OF_1000],
        cost: 10,
    },
    Measured {
        operation: Operation {
            name: "LRANGE of 600",
            words: &[Word::Text("LRANGE"), LIST, Word::Text("0"), Word::Text("599")],
            reply: array_of_three_digits(600),
            limit: 0.75,
        },
        fill: &[LIST_OF_1000],
        cost: 40,
    },
    Measured {
        operation: Operation {
            name: "SORT of a list of 10,000",
            words: &[Word::Text("SORT"), LIST],
            reply: Reply::Bulks,
            limit: 0.8,
        },
        fill: &[Fill { words: &[Word::Text("RPUSH"), LIST, SCORE], count: 10_000 }],
        cost: 2000,
    },
    Measured {
        operation: Operation { name: "HSET of new fields", words: &HSET, reply: Reply::Line, limit: 0.8 },
        fill: &[],
        cost: 1,
    },
    Measured {
        operation: Operation {
            name: "HGET among 1 M",
            words: &[Word::Text("HGET"), HASH, FIELD],
            reply: Reply::Fixed { bytes: 14, first: b'$' },
            limit: 0.8,
        },
        fill: &[HASH_OF_1_M],
        cost: 1,
    },
    Measured {
        operation: Operation {
            name: "HGETALL of 100",
            words: &[Word::Text("HGETALL"), HASH],
            reply: array_of_three_digits(200),
            limit: 0.75,
        },
        fill: &[HASH_OF_100],
        cost: 10,
    },
    Measured {
        operation: Operation {
            name: "GEOSEARCH among 1 M points",
            words: &GEOSEARCH,
            reply: Reply::Bulks,
            limit: 0.8,
        },
        fill: &[MILLION_POINTS],
        cost: 40,
    },
    Measured {
        operation: Operation { name: "SADD of new members", words: &SADD, reply: Reply::Line, limit: 0.8 },
        fill: &[],
        cost: 1,
    },
    Measured {
        operation: Operation {
            name: "SISMEMBER among 1 M",
            words: &[Word::Text("SISMEMBER"), SET, VALUE],
            reply: Reply::Line,
            limit: 0.8,
        },
        fill: &[SET_OF_1_M],
        cost: 1,
    },
    Measured {
        operation: Operation {
            name: "SMEMBERS of 100 integers",
            words: &[Word::Text("SMEMBERS"), SET],
            reply: array_of_three_digits(100),
            limit: 0.75,
        },
        fill: &[SET_OF_100],
        cost: 10,
    },
    Measured {
        operation: Operation {
            name: "SINTER of two of 10,000",
            words: &[Word::Text("SINTER"), SET, Word::Text("other")],
            reply: Reply::Bulks,
            limit: 0.8,
        },
        fill: &SETS_OF_10_000,
        cost: 1000,
    },
    Measured {
        operation: Operation {
            name: "PFADD",
            words: &[Word::Text("PFADD"), Word::Text("sketch"), VALUE],
            reply: Reply::Line,
            limit: 0.8,
        },
        fill: &[],
        cost: 1,
    },
    Measured {
        operation: Operation { name: "XADD", words: &XADD, reply: Reply::Bulk, limit: 0.8 },
        fill: &[],
        cost: 1,
    },
    Measured {
        operation: Operation { name: "ZADD of new members", words: &ZADD, reply: Reply::Line, limit: 0.8 },
        fill: &[],
        cost: 1,
    },
    Measured {
        operation: Operation {
            name: "ZRANK among 1 M",
            words: &[Word::Text("ZRANK"), ZSET, VALUE],
            reply: Reply::Line,
            limit: 0.8,
        },
        fill: &[SORTED_SET_OF_1_M],
        cost: 1,
    },
    Measured {
        operation: Operation {
            name: "ZRANGE of 100 among 1 M",
            words: &[Word::Text("ZRANGE"), ZSET, Word::Text("500000"), Word::Text("500099")],
            reply: array_of_three_digits(100),
            limit: 0.8,
        },
        fill: &[SORTED_SET_OF_1_M],
        cost: 10,
    },
    Measured {
        operation: Operation {
            name: "ZUNIONSTORE of two of 10,000",
            words: &[
                Word::Text("ZUNIONSTORE"),
                Word::Text("union"),
                Word::Text("2"),
                ZSET,
                Word::Text("other"),
            ],
            reply: Reply::Line,
            limit: 0.8,
        },
        fill: &SORTED_SETS_OF_10_000,
        cost: 1000,
    },
];

/// The sizes, family by family.
const SIZES: &[Size] = &[
    Size {
        name: "list of 1 M elements of 8 bytes",
        before: &[],
        fill: Fill { words: &RPUSH, count: 1_000_000 },
        per_request: 1,
        limit: Limit::Absolute(10.4),
    },
    Size {
        name: "stream of 1 M entries with a value of 8 bytes",
        before: &[],
        fill: Fill { words: &XADD, count: 1_000_000 },
        per_request: 1,
        limit: Limit::OfBest(1.0),
    },
    Size {
        name: "1 M hashes of 5 small fields",
        before: &[],
        fill: SMALL_HASHES,
        per_request: 1,
        limit: Limit::Absolute(115.0),
    },
    Size {
        name: "hash of 1 M fields of 8 and 8 bytes",
        before: &[],
        fill: HASH_OF_1_M,
        per_request: 1,
        limit: Limit::OfBest(0.75),
    },
    Size {
        name: "an expiry on each of 1 M fields",
        before: &[HASH_OF_1_M],
        fill: Fill { words: &HPEXPIRE, count: 1_000_000 },
        per_request: 1,
        limit: Limit::Absolute(12.0),
    },
    Size {
        name: "sorted set of 1 M members of 8 bytes",
        before: &[],
        fill: SORTED_SET_OF_1_M,
        per_request: 1,
        limit: Limit::Absolute(50.0),
    },
    Size {
        name: "set of 1 M random 32-bit integers",
        before: &[],
        fill: Fill {
            words: &[Word::Text("SADD"), SET, Word::Time { from: 1_000_000_000, spread: 1_147_483_647 }],
            count: 1_000_000,
        },
        per_request: 1,
        limit: Limit::Absolute(20.0),
    },
    Size {
        name: "set of 1 M strings of 16 bytes",
        before: &[],
        fill: Fill { words: &[Word::Text("SADD"), SET, Word::Value { width: 16 }], count: 1_000_000 },
        per_request: 1,
        limit: Limit::OfBest(0.7),
    },
];

/// Measures the CPU time of the server process per operation, server and generator pinned on one core.
pub(crate) fn run(bench: &Bench) -> Outcome<Section> {
    let core = bench.cores[0];
    let servers = bench.once(|contender| Server::start(contender, StartOptions::pinned(core)))?;
    affinity::pin(&[core])?;
    let mut section = Section::default();
    for measured in OPERATIONS {
        let samples = bench.interleave(|index| {
            fill_anew(&servers[index], measured.fill)?;
            cpu_us(&servers[index], &measured.operation, SHAPE, bench.operations / measured.cost)
        })?;
        let goal = (Better::Lower, Some(Limit::OfBest(measured.operation.limit)));
        section.add(measured.operation.name, "µs CPU", goal, samples);
    }
    affinity::pin(&bench.cores)?;
    section.note(format!(
        "User and system time of the server process per operation at pipeline 16 with 50 connections, server and \
         load generator pinned on core {core}. Elements of 8 bytes; one collection.",
    ));
    Ok(section)
}

fn fill_anew(server: &Server, fills: &[Fill]) -> Outcome {
    ask(&mut connect(server.port)?, &["FLUSHALL", "SYNC"])?;
    fills.iter().try_for_each(|fill| fill.run(server))
}

/// Measures the growth of the resident memory per element.
pub(crate) fn run_memory(bench: &Bench) -> Outcome<Section> {
    let mut section = Section::default();
    for size in SIZES {
        let samples = bench.once(|contender| Ok(vec![bytes_per_element(contender, size)?]))?;
        section.add(size.name, "bytes", (Better::Lower, Some(size.limit)), samples);
    }
    section.note(
        "Growth of the resident memory divided by the number of elements, read once it has stopped changing, in a \
         server that has had such elements before; one measurement each.",
    );
    Ok(section)
}

fn bytes_per_element(contender: &Contender, size: &Size) -> Outcome<f64> {
    let server = Server::start(contender, StartOptions::roaming(1))?;
    // Code and buffers that are used for the first time are no cost of elements.
    fill_anew(&server, size.before)?;
    Fill { count: WARMING_COUNT, ..size.fill }.run(&server)?;
    fill_anew(&server, size.before)?;
    let empty = server.settled_bytes()?;
    size.fill.run(&server)?;
    let elements = size.fill.count * size.per_request;
    Ok((server.settled_bytes()? - empty) as f64 / elements as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fills_are_whole_batches() {
        let fills = OPERATIONS
            .iter()
            .flat_map(|measured| measured.fill)
            .chain(SIZES.iter().flat_map(|size| size.before.iter().chain([&size.fill])));
        assert!(fills.into_iter().all(|fill| fill.count > 0 && fill.count % 200 == 0));
    }

    #[test]
    fn an_array_of_bulk_strings_is_as_long_as_that() {
        let Reply::Fixed { bytes, first: b'*' } = array_of_three_digits(100) else { panic!("an array") };
        assert_eq!(bytes, format!("*100\r\n{}", "$8\r\nabcdefgh\r\n".repeat(100)).len());
    }
}
