//! The row `deleting`: what one command waits for while a huge collection is deleted.

use super::Bench;
use super::cpu::fill;
use super::growth::{Pause, watch};
use super::report::{Better, Limit, Section};
use super::request::Word;
use super::server::{Contender, Server, StartOptions};
use crate::Outcome;

const MEMBERS: u64 = 10_000_000;

/// Deletions of each kind, of which the median counts: a virtual machine may stop a processor for 20 ms to take back
/// memory that anybody has freed, our own last deletion or the program that ran before.
const DELETIONS: u32 = 3;

const MEMBER: Word = Word::Key { prefix: "m", width: 8 };

/// A kind of collection and the command that adds a member to it.
pub(super) struct Kind {
    pub(super) name: &'static str,
    pub(super) add: &'static [Word],
}

pub(super) const KINDS: [Kind; 4] = [
    Kind { name: "set", add: &[Word::Text("SADD"), Word::Text("c"), MEMBER] },
    Kind { name: "hash", add: &[Word::Text("HSET"), Word::Text("c"), MEMBER, Word::Text("v")] },
    Kind { name: "sorted set", add: &[Word::Text("ZADD"), Word::Text("c"), Word::Text("1"), MEMBER] },
    Kind { name: "list", add: &[Word::Text("RPUSH"), Word::Text("c"), MEMBER] },
];

/// Nobody may wait longer for a DEL.
const LIMIT: (Better, Option<Limit>) = (Better::Lower, Some(Limit::Absolute(5.0)));
const INFORMS: (Better, Option<Limit>) = (Better::Lower, None);

/// Measures the longest GET while a collection of ten million members is deleted.
pub(crate) fn run(bench: &Bench) -> Outcome<Section> {
    let mut section = Section::default();
    for kind in KINDS {
        let pauses = bench.once(|contender| delete(contender, &kind))?;
        let column = |of: fn(&Pause) -> f64| pauses.iter().map(|all| all.iter().map(of).collect()).collect();
        let (during, before) = (column(|pause| pause.during_ms), column(|pause| pause.before_ms));
        section.add(format!("GET during DEL of a {} of 10 M, longest", kind.name), "ms", LIMIT, during);
        section.add("GET before that, longest", "ms", INFORMS, before);
    }
    section.note("Wall time of a lone connection, noise of the machine included.");
    Ok(section)
}

fn delete(contender: &Contender, kind: &Kind) -> Outcome<Vec<Pause>> {
    let server = Server::start(contender, StartOptions::roaming(1))?;
    let deletion = |_| {
        fill(&server, kind.add, MEMBERS)?;
        watch(&server, &["DEL", "c"])
    };
    (0..DELETIONS).map(deletion).collect()
}
