//! The row `scaling`: what commands of O(log n) cost in collections of 10,000, ten and a hundred times as many members.

use super::Bench;
use super::affinity;
use super::cpu::per_contender;
use super::load::{Load, Shape, ask, connect};
use super::report::{Better, Section};
use super::request::{Batch, Keys, Reply, Word};
use super::server::{Server, StartOptions};
use crate::Outcome;

const SIZES: [(&str, u64); 3] = [("10 k", 10_000), ("100 k", 100_000), ("1 M", 1_000_000)];
const SHAPE: Shape = Shape { connections: 10, pipeline: 16, groups: 1 };
/// One connection, because ids of a stream must rise.
const FILLING: Shape = Shape { connections: 1, pipeline: 100, groups: 1 };

const KEY: Word = Word::Text("c");
const MEMBER: Word = Word::Value { width: 8 };
const SCORE: Word = Word::Time { from: 100_000_000, spread: 899_999_999 };
const OTHER_SCORE: Word = Word::Time { from: 200_000_000, spread: 699_999_999 };
const ID: Word = Word::Key { prefix: "1-1", width: 11 };
const LONGITUDE: Word = Word::Degrees { from: 10, spread: 10, axis: 0 };
const LATITUDE: Word = Word::Degrees { from: 40, spread: 10, axis: 1 };
const POINT: Word = Word::Key { prefix: "p", width: 8 };

const ZADD: &[Word] = &[Word::Text("ZADD"), KEY, SCORE, MEMBER];
const XADD: &[Word] = &[Word::Text("XADD"), KEY, ID, Word::Text("field"), MEMBER];
const GEOADD: &[Word] = &[Word::Text("GEOADD"), KEY, LONGITUDE, LATITUDE, POINT];

/// A command whose cost should hardly grow.
struct Scaled {
    name: &'static str,
    /// What makes the collection, one member at a time.
    fill: &'static [Word],
    /// What is measured, for each size.
    words: [&'static [Word]; 3],
    reply: Reply,
    /// Whether each operation takes a member away.
    removes: bool,
}

impl Scaled {
    const fn of_members(name: &'static str, words: &'static [Word]) -> Scaled {
        Scaled { name, fill: ZADD, words: [words; 3], reply: Reply::Line, removes: false }
    }
}

/// An array of one entry of a stream, whose field has a value of 8 bytes.
const ONE_ENTRY: Reply = Reply::Fixed {
    bytes: "*1\r\n*2\r\n$11\r\n1-100000000\r\n*2\r\n$5\r\nfield\r\n$8\r\n12345678\r\n".len(),
    first: b'*',
};

const COMMANDS: [Scaled; 9] = [
    Scaled::of_members("ZADD of another score", &[Word::Text("ZADD"), KEY, OTHER_SCORE, MEMBER]),
    Scaled::of_members("ZRANK", &[Word::Text("ZRANK"), KEY, MEMBER]),
    Scaled { reply: Reply::Bulk, ..Scaled::of_members("ZSCORE", &[Word::Text("ZSCORE"), KEY, MEMBER]) },
    Scaled {
        words: [
            &[Word::Text("ZRANGE"), KEY, Word::Text("5000"), Word::Text("5009")],
            &[Word::Text("ZRANGE"), KEY, Word::Text("50000"), Word::Text("50009")],
            &[Word::Text("ZRANGE"), KEY, Word::Text("500000"), Word::Text("500009")],
        ],
        reply: Reply::Bulks,
        ..Scaled::of_members("ZRANGE of 10 in the middle", &[])
    },
    Scaled {
        removes: true,
        ..Scaled::of_members(
            "ZREMRANGEBYRANK of 1",
            &[Word::Text("ZREMRANGEBYRANK"), KEY, Word::Text("1000"), Word::Text("1000")],
        )
    },
    Scaled {
        name: "XADD",
        fill: XADD,
        words: [&[Word::Text("XADD"), KEY, Word::Text("*"), Word::Text("field"), MEMBER]; 3],
        reply: Reply::Bulk,
        removes: false,
    },
    Scaled {
        name: "XRANGE of 1 by id",
        fill: XADD,
        words: [&[Word::Text("XRANGE"), KEY, ID, Word::Text("+"), Word::Text("COUNT"), Word::Text("1")]; 3],
        reply: ONE_ENTRY,
        removes: false,
    },
    Scaled {
        name: "GEOADD of known points",
        fill: GEOADD,
        words: [GEOADD; 3],
        reply: Reply::Line,
        removes: false,
    },
    Scaled {
        name: "GEODIST",
        fill: GEOADD,
        words: [&[Word::Text("GEODIST"), KEY, POINT, POINT]; 3],
        reply: Reply::Bulk,
        removes: false,
    },
];

/// Measures the CPU time of the server process per operation at each size, and by how much it grows.
pub(crate) fn run(bench: &Bench) -> Outcome<Section> {
    let core = bench.cores[0];
    let servers = bench.once(|contender| Server::start(contender, StartOptions::pinned(core)))?;
    affinity::pin(&[core])?;
    let mut section = Section::default();
    for command in COMMANDS {
        let samples = bench.interleave(|index| costs_us(&servers[index], &command, bench.operations / 8))?;
        for (at, (size, _)) in SIZES.iter().enumerate() {
            let costs = per_contender(&samples, |costs| costs[at]);
            section.add(format!("{}, {size} members", command.name), "µs CPU", (Better::Lower, None), costs);
        }
        let growth = per_contender(&samples, |costs| costs[2] / costs[0]);
        section.add(format!("{}, growth", command.name), "×", (Better::Lower, None), growth);
    }
    affinity::pin(&bench.cores)?;
    section.note(format!(
        "User and system time of the server process per operation at pipeline 16, server and load generator pinned on \
         core {core}; any members, each as often. Growth is from 10 k to 1 M members.",
    ));
    Ok(section)
}

fn costs_us(server: &Server, command: &Scaled, operations: u64) -> Outcome<[f64; 3]> {
    let mut costs = [0.0; 3];
    for (at, (_, size)) in SIZES.into_iter().enumerate() {
        ask(&mut connect(server.port)?, &["FLUSHALL", "SYNC"])?;
        let reply = if matches!(command.fill, [Word::Text("XADD"), ..]) { Reply::Bulk } else { Reply::Line };
        let mut batch = Batch::new(command.fill, FILLING.pipeline, reply);
        Load::connect(server.port, FILLING)?.run(&mut batch, &mut Keys::from(0), size)?;
        let operations = if command.removes { operations.min(size / 10) } else { operations };
        costs[at] = cost_us(server, command, at, operations)?;
    }
    Ok(costs)
}

fn cost_us(server: &Server, command: &Scaled, at: usize, operations: u64) -> Outcome<f64> {
    let mut load = Load::connect(server.port, SHAPE)?;
    let mut batch = Batch::new(command.words[at], SHAPE.pipeline, command.reply);
    let mut keys = Keys::random(1, SIZES[at].1);
    load.run(&mut batch, &mut keys, 1)?;
    let before = server.cpu_ns()?;
    let run = load.run(&mut batch, &mut keys, operations)?;
    Ok((server.cpu_ns()? - before) as f64 / 1000.0 / run.operations as f64)
}
