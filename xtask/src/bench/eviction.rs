//! The row `eviction`: how often what is asked for is still there, when not all of it fits.

use std::io::{Read, Write};
use std::net::TcpStream;

use super::Bench;
use super::load::{ask, connect};
use super::report::{Better, Limit, Section};
use super::server::{Contender, Server, StartOptions};
use crate::Outcome;
use crate::random::Random;
use crate::resp::{decode, encode};

const LIMIT_BYTES: u64 = 30 << 20;
const POLICIES: [&str; 2] = ["allkeys-lru", "allkeys-lfu"];
/// Requests per sample.
const REQUESTS: usize = 400_000;
/// Requests that are sent at once.
const PIPELINE: usize = 64;
/// Keys of traces that prefer some: values of 50 to 450 bytes of so many need three times the limit.
const KEYS: usize = 300_000;
/// Keys of a loop: half of them again fit.
const LOOP: u64 = 150_000;
/// Into so many parts chance divides what it chooses from.
const RESOLUTION: usize = 1 << 32;
/// Keys from here on are asked for once.
const ONCE: u64 = 1_000_000;

/// Who asks for which keys.
struct Trace {
    name: &'static str,
    keys: fn(&mut Random) -> Vec<u64>,
}

const TRACES: [Trace; 4] = [
    Trace { name: "Zipf, exponent 0.8", keys: |chance| Zipf::new(0.8).draw(chance, REQUESTS) },
    Trace { name: "a loop", keys: |_| (0..REQUESTS as u64).map(|request| request % LOOP).collect() },
    Trace { name: "Zipf, exponent 0.99, beside a scan", keys: beside_a_scan },
    Trace { name: "Zipf, exponent 0.99, of keys that drift", keys: drifting },
];

/// The n-th most wanted key is wanted as often as `n` to a negative power says.
struct Zipf(Vec<f64>);

impl Zipf {
    fn new(exponent: f64) -> Self {
        let weights = (1..=KEYS).scan(0.0, |sum, rank| {
            *sum += (rank as f64).powf(-exponent);
            Some(*sum)
        });
        Self(weights.collect())
    }

    fn draw(&self, chance: &mut Random, requests: usize) -> Vec<u64> {
        let sum = self.0.last().copied().unwrap_or(0.0);
        let mut rank = || {
            let drawn = chance.below(RESOLUTION) as f64 / RESOLUTION as f64 * sum;
            self.0.partition_point(|weight| *weight < drawn) as u64
        };
        (0..requests).map(|_| rank()).collect()
    }
}

/// Every other request is for a key that nobody asks for again.
fn beside_a_scan(chance: &mut Random) -> Vec<u64> {
    let wanted = Zipf::new(0.99).draw(chance, REQUESTS / 2);
    (ONCE..).zip(wanted).flat_map(|(once, wanted)| [wanted, once]).collect()
}

/// What is wanted most moves on through the keys, as news do.
fn drifting(chance: &mut Random) -> Vec<u64> {
    let ranks = Zipf::new(0.99).draw(chance, REQUESTS);
    (0..).zip(ranks).map(|(request, rank)| (rank + request / 4) % ONCE).collect()
}

/// Measures the share of reads that find their key, where keys that are not found are stored.
pub(crate) fn run(bench: &Bench) -> Outcome<Section> {
    let mut section = Section::default();
    for trace in TRACES {
        let keys = (trace.keys)(&mut Random::new(7));
        for policy in POLICIES {
            let samples = bench.once(|contender| Ok(vec![hits(contender, policy, &keys)?]))?;
            let goal = (Better::Higher, Some(Limit::OfBest(1.0)));
            section.add(format!("{}, {policy}", trace.name), "% hits", goal, samples);
        }
    }
    section.note(format!(
        "{REQUESTS} GETs of a new server with `maxmemory` {} MiB; what is not found is stored, with a value of 50 to 449 \
         bytes. One sample each.",
        LIMIT_BYTES >> 20
    ));
    Ok(section)
}

fn hits(contender: &Contender, policy: &str, keys: &[u64]) -> Outcome<f64> {
    let server = Server::start(contender, StartOptions::roaming(1))?;
    let mut link = connect(server.port)?;
    ask(&mut link, &["CONFIG", "SET", "maxmemory-policy", policy, "maxmemory", &LIMIT_BYTES.to_string()])?;
    let (mut found, mut buffer) = (0_usize, Vec::new());
    for keys in keys.chunks(PIPELINE) {
        let (mut requests, mut missing) = (Vec::new(), Vec::new());
        for key in keys {
            encode(&["GET", &name(*key)], &mut requests);
        }
        link.write_all(&requests)?;
        requests.clear();
        for key in keys {
            if is_there(&mut link, &mut buffer)? {
                found += 1;
            } else {
                missing.push(*key);
            }
        }
        missing.sort_unstable();
        missing.dedup();
        for key in &missing {
            encode(&["SET", &name(*key), &value(*key)], &mut requests);
        }
        link.write_all(&requests)?;
        for _ in missing {
            is_there(&mut link, &mut buffer)?;
        }
    }
    Ok(found as f64 * 100.0 / keys.len() as f64)
}

fn name(key: u64) -> String {
    format!("key:{key}")
}

fn value(key: u64) -> String {
    "x".repeat(50 + (key * 7919 % 400) as usize)
}

/// Takes the next reply; whether it is a value.
fn is_there(link: &mut TcpStream, buffer: &mut Vec<u8>) -> Outcome<bool> {
    let mut bytes = [0; 16 << 10];
    loop {
        if let Some((reply, length)) = decode(buffer)? {
            let is_there = reply.bytes().is_some();
            if buffer.starts_with(b"-") {
                return Err(String::from_utf8_lossy(buffer).into_owned().into());
            }
            buffer.drain(..length);
            return Ok(is_there);
        }
        match link.read(&mut bytes)? {
            0 => return Err("the server has closed the connection".into()),
            length => buffer.extend_from_slice(&bytes[..length]),
        }
    }
}
