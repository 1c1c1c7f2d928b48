//! The row `memory`: resident growth per key.

use super::Bench;
use super::cpu::fill_range;
use super::report::{Better, Limit, Section};
use super::request::Word;
use super::server::{Contender, Server, StartOptions};
use crate::Outcome;

/// Counts at which the growth is read; the last one carries the limits.
const COUNTS: [u64; 4] = [1_000_000, 3_000_000, 4_000_000, 5_000_000];

/// A size of keys and values.
struct Size {
    key: usize,
    value: usize,
    /// Bytes per key at the last count.
    limit: f64,
}

const SIZES: [Size; 2] = [Size { key: 8, value: 8, limit: 42.0 }, Size { key: 16, value: 32, limit: 70.0 }];

/// The most that the worst count may be above the best one.
const CLIFF_LIMIT: f64 = 1.15;

/// The most that an expiry may cost per key.
const EXPIRY_LIMIT: f64 = 9.0;

/// Measures both sizes, at every count, without and with an expiry on every key.
pub(crate) fn run(bench: &Bench) -> Outcome<Section> {
    let mut section = Section::default();
    for size in SIZES {
        measure_size(bench, &size, &mut section)?;
    }
    section.note(
        "Growth of the resident memory divided by the number of keys, read once it has stopped changing. Text \
         values; one measurement each, because it does not vary. “Worst count” is the highest of the figures per \
         key divided by the lowest: a table that doubles shows here.",
    );
    Ok(section)
}

fn measure_size(bench: &Bench, size: &Size, section: &mut Section) -> Outcome {
    let name = format!("strings, key {}, value {}", size.key, size.value);
    let plain = bench.once(|contender| bytes_per_key(contender, &set_words(size, None), &COUNTS))?;
    for (index, count) in COUNTS.iter().enumerate() {
        let samples = plain.iter().map(|figures| vec![figures[index]]).collect();
        let limit = (index == COUNTS.len() - 1).then_some(Limit::Absolute(size.limit));
        section.add(format!("{} M {name}", count / 1_000_000), "bytes", (Better::Lower, limit), samples);
    }
    let cliffs = plain.iter().map(|figures| {
        let highest = figures.iter().copied().fold(f64::MIN, f64::max);
        vec![highest / figures.iter().copied().fold(f64::MAX, f64::min)]
    });
    let cliff_goal = (Better::Lower, Some(Limit::Absolute(CLIFF_LIMIT)));
    section.add(format!("{name}: worst count"), "× best", cliff_goal, cliffs.collect());

    let last = COUNTS.len() - 1;
    // A year away and spread over eleven days, so that nothing expires meanwhile.
    let expiry = Word::Time { from: 31_000_000, spread: 999_999 };
    let words = set_words(size, Some(expiry));
    let expiring = bench.once(|contender| bytes_per_key(contender, &words, &COUNTS[last..]))?;
    let extra = expiring.iter().zip(&plain).map(|(with, without)| vec![with[0] - without[last]]);
    let expiry_goal = (Better::Lower, Some(Limit::Absolute(EXPIRY_LIMIT)));
    section.add(format!("5 M {name}: an expiry costs"), "bytes", expiry_goal, extra.collect());
    Ok(())
}

fn set_words(size: &Size, expiry: Option<Word>) -> Vec<Word> {
    let key = Word::Key { prefix: "k", width: size.key };
    let mut words = vec![Word::Text("SET"), key, Word::Value { width: size.value }];
    if let Some(seconds) = expiry {
        words.extend([Word::Text("EX"), seconds]);
    }
    words
}

/// Fills a fresh server up to each of `counts` and returns the growth per key there, in bytes.
fn bytes_per_key(contender: &Contender, words: &[Word], counts: &[u64]) -> Outcome<Vec<f64>> {
    let server = Server::start(contender, StartOptions::roaming(1))?;
    let empty = server.settled_bytes()?;
    let mut filled = 0;
    let mut figures = Vec::new();
    for &count in counts {
        fill_range(&server, words, filled, count - filled)?;
        filled = count;
        figures.push((server.settled_bytes()? - empty) as f64 / count as f64);
    }
    Ok(figures)
}
