//! The row `residence`: how much memory a server really takes at its `maxmemory`, while sizes of values drift.

use std::io::Write;
use std::net::TcpStream;
use std::time::Instant;

use super::Bench;
use super::load::{ask, connect};
use super::report::{Better, Limit, Section};
use super::server::{Contender, Server, StartOptions};
use crate::Outcome;
use crate::random::Random;
use crate::resp::encode;

/// So often the limit is written altogether, and so often before anything is looked at. Each write counts as some bytes more, so
/// that the time in which small values are written is not all of it.
const WRITTEN_LIMITS: u64 = 24;
const FILLING_LIMITS: u64 = 2;
const WRITE_BYTES: u64 = 500;
/// How often sizes go up and down meanwhile.
const WAVES: f64 = 5.0;
/// The middle of the sizes goes from the one to the other; sizes lie between a quarter of it and four times as much.
const MIDDLES: (f64, f64) = (30.0, 6_000.0);
const SIZES: (f64, f64) = (10.0, 20_000.0);
/// All keys, and those that every other write is to: what they had goes, wherever it lies.
const KEYS: usize = 4_000_000;
const REWRITTEN: usize = 50_000;
/// Bytes that are sent before their replies are read.
const BATCH_BYTES: usize = 64 << 10;
/// Bytes between two looks.
const LOOK_BYTES: u64 = 16 << 20;

/// The policies that keys go by, and limits in MiB.
const CASES: [(&str, u64); 4] =
    [("allkeys-lru", 256), ("allkeys-lru", 512), ("allkeys-lru", 1024), ("allkeys-random", 512)];
/// How many percent of the limit may be resident.
const RESIDENT_PERCENT_MAX: f64 = 103.0;

/// What was seen of a server.
struct Seen {
    /// The most that was resident, as a percentage of the limit.
    worst_percent: f64,
    /// How many keys there were on average, and how many bytes their values had in the end.
    mean_keys: f64,
    kept_percent: f64,
    /// How many bytes were written in a second.
    rate: f64,
}

/// Measures resident memory and keys kept.
pub(crate) fn run(bench: &Bench) -> Outcome<Section> {
    let mut section = Section::default();
    for (policy, limit_mib) in CASES {
        let seen = bench.once(|contender| churn(contender, policy, limit_mib << 20))?;
        let mut add = |what: &str, unit, goal, of: fn(&Seen) -> f64| {
            let column = seen.iter().map(|seen| vec![of(seen)]).collect();
            section.add(format!("{what}, {policy}, {limit_mib} MiB"), unit, goal, column);
        };
        let goal = (Better::Lower, Some(Limit::Absolute(RESIDENT_PERCENT_MAX)));
        add("resident at worst", "% of maxmemory", goal, |it| it.worst_percent);
        add("keys kept on average", "thousands", (Better::Higher, None), |it| it.mean_keys / 1e3);
        add("values kept in the end", "% of maxmemory", (Better::Higher, None), |it| it.kept_percent);
        add("written", "MB/s", (Better::Higher, None), |it| it.rate / 1e6);
    }
    section.note(format!(
        "SETs of about {WRITTEN_LIMITS} times `maxmemory` by one connection. The sizes of values \
         lie between a quarter and four times a size that goes from {} to {} bytes and back {WAVES} times. Half of the writes are to \
         {REWRITTEN} keys, the others to {KEYS}. One sample each.",
        MIDDLES.0, MIDDLES.1,
    ));
    Ok(section)
}

fn churn(contender: &Contender, policy: &str, limit_bytes: u64) -> Outcome<Seen> {
    let server = Server::start(contender, StartOptions::roaming(1))?;
    let mut link = connect(server.port)?;
    ask(&mut link, &["CONFIG", "SET", "maxmemory-policy", policy, "maxmemory", &limit_bytes.to_string()])?;
    let (all, mut random) = (WRITTEN_LIMITS * limit_bytes, Random::new(11));
    let letters: Vec<u8> = (0..64 << 10).map(|_| b'a' + random.below(26) as u8).collect();
    let (mut written, mut looked, mut worst, mut counts) = (0_u64, 0_u64, 0_u64, Vec::new());
    let (mut requests, started) = (Vec::new(), Instant::now());
    while written < all {
        requests.clear();
        let mut sent = 0;
        while requests.len() < BATCH_BYTES {
            let len = size(written as f64 / all as f64, &mut random);
            let from = random.below(letters.len() - len);
            let keys = if random.chance(50) { REWRITTEN } else { KEYS };
            let key = format!("key:{}", random.below(keys));
            encode(&[&b"SET"[..], key.as_bytes(), &letters[from..from + len]], &mut requests);
            sent += 1;
        }
        link.write_all(&requests)?;
        expect_ok(&mut link, sent)?;
        written += requests.len() as u64 + WRITE_BYTES * sent as u64;
        if written >= FILLING_LIMITS * limit_bytes && written >= looked + LOOK_BYTES {
            looked = written;
            worst = worst.max(server.resident_bytes()?);
            counts.push(keys_of(&mut link)?);
        }
    }
    let rate = written as f64 / started.elapsed().as_secs_f64();
    let mean_keys = counts.iter().sum::<f64>() / counts.len().max(1) as f64;
    let percent = |bytes: f64| bytes * 100.0 / limit_bytes as f64;
    let kept_percent = percent(counts.last().copied().unwrap_or(0.0) * mean_size(&mut link)?);
    Ok(Seen { worst_percent: percent(worst as f64), mean_keys, kept_percent, rate })
}

/// The size of a value that is written when such a part of all is.
fn size(part: f64, random: &mut Random) -> usize {
    let wave = (part * WAVES).fract();
    let height = if wave < 0.5 { wave * 2.0 } else { 2.0 - wave * 2.0 };
    let middle = MIDDLES.0 * (MIDDLES.1 / MIDDLES.0).powf(height);
    let spread = 4_f64.powf(random.below(2001) as f64 / 1000.0 - 1.0);
    (middle * spread).clamp(SIZES.0, SIZES.1) as usize
}

fn keys_of(link: &mut TcpStream) -> Outcome<f64> {
    number(&ask(link, &["DBSIZE"])?)
}

/// The mean size of some values that chance chooses.
fn mean_size(link: &mut TcpStream) -> Outcome<f64> {
    const CHOSEN: usize = 2_000;
    let mut sum = 0.0;
    for _ in 0..CHOSEN {
        let reply = ask(link, &["RANDOMKEY"])?;
        let key = reply.lines().nth(1).unwrap_or_default();
        sum += number(&ask(link, &["STRLEN", key])?)?;
    }
    Ok(sum / CHOSEN as f64)
}

fn number(reply: &str) -> Outcome<f64> {
    Ok(reply.trim_start_matches(':').trim_end().parse()?)
}

/// Takes so many replies, which are all OK.
fn expect_ok(link: &mut TcpStream, replies: usize) -> Outcome {
    let mut bytes = vec![0; replies * b"+OK\r\n".len()];
    std::io::Read::read_exact(link, &mut bytes)?;
    match bytes.chunks_exact(5).find(|reply| reply != b"+OK\r\n") {
        None => Ok(()),
        Some(reply) => Err(format!("unexpected reply {:?}", String::from_utf8_lossy(reply)).into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_go_up_and_down_within_bounds() {
        let mut random = Random::new(1);
        let mut mean = |part| (0..1000).map(|_| size(part, &mut random)).sum::<usize>() / 1000;
        let (small, large, again) = (mean(0.0), mean(0.1), mean(0.2));
        assert!(small < 100 && large > 5_000 && again < 100, "{small}, {large}, {again}");
        let mut random = Random::new(2);
        let all: Vec<usize> = (0..10_000).map(|part| size(f64::from(part) / 1e4, &mut random)).collect();
        assert!(all.iter().all(|size| (10..=20_000).contains(size)));
    }
}
