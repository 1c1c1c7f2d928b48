//! The row `expiry`: a million keys that expire in the same millisecond.

use std::net::TcpStream;
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use super::Bench;
use super::cpu::{KEY, VALUE, fill};
use super::load;
use super::probe::{self, Probe};
use super::report::{Better, Limit, Section};
use super::request::{Batch, Keys, Reply, Word};
use super::server::{Contender, Server, StartOptions};
use crate::Outcome;

const EXPIRING_KEYS: u64 = 1_000_000;
const LASTING_KEYS: u64 = 10_000;

/// Filling must be over before the keys expire.
const AHEAD: Duration = Duration::from_secs(8);

/// Where the wait for the memory ends, for servers that give it back only slowly.
const PATIENCE: Duration = Duration::from_secs(30);

/// What a contender showed, in milliseconds.
struct Expired {
    back: f64,
    get_p99: f64,
    get_longest: f64,
}

/// Measures how soon the memory is back, and what GETs of other keys wait meanwhile.
pub(crate) fn run(bench: &Bench) -> Outcome<Section> {
    let mut section = Section::default();
    let expired = bench.once(expire)?;
    let column = |pick: fn(&Expired) -> f64| expired.iter().map(|it| vec![pick(it)]).collect();
    let at_most = |limit| (Better::Lower, Some(Limit::Absolute(limit)));
    section.add("99 % of the memory is back after", "ms", at_most(1000.0), column(|it| it.back));
    section.add("GET of a lasting key meanwhile, p99", "ms", at_most(2.0), column(|it| it.get_p99));
    section.add("the same, longest", "ms", (Better::Lower, None), column(|it| it.get_longest));
    section.note(format!(
        "The keys expire in one millisecond; the time runs from there until `used_memory` has lost 99 % of what \
         they added, {} s at most. One connection asks for lasting keys all the while, another polls INFO every \
         5 ms.",
        PATIENCE.as_secs(),
    ));
    Ok(section)
}

fn expire(contender: &Contender) -> Outcome<Expired> {
    let server = Server::start(contender, StartOptions::roaming(1))?;
    let lasting = Word::Key { prefix: "lasting:", width: 16 };
    fill(&server, &[Word::Text("SET"), lasting, VALUE], LASTING_KEYS)?;
    let mut link = load::connect(server.port)?;
    let empty = used_memory(&mut link)?;
    let now = SystemTime::now().duration_since(UNIX_EPOCH)?;
    let deadline = Instant::now() + AHEAD;
    let at = Word::Time { from: (now + AHEAD).as_millis() as u64, spread: 0 };
    fill(&server, &[Word::Text("SET"), KEY, VALUE, Word::Text("PXAT"), at], EXPIRING_KEYS)?;
    let full = used_memory(&mut link)?;
    if Instant::now() >= deadline {
        return Err("the keys expired before all were there: the machine is too busy".into());
    }
    let target = empty + (full - empty) / 100;

    let get = Batch::new(&[Word::Text("GET"), lasting], 1, Reply::bulk(32));
    thread::sleep(deadline.saturating_duration_since(Instant::now()));
    let probe = Probe::start(server.port, get, Keys::random(3, LASTING_KEYS))?;
    while used_memory(&mut link)? > target && deadline.elapsed() < PATIENCE {
        thread::sleep(Duration::from_millis(5));
    }
    let back = deadline.elapsed();
    let samples = probe.finish()?;
    Ok(Expired {
        back: back.as_secs_f64() * 1000.0,
        get_p99: probe::quantile_ms(samples.iter(), 0.99),
        get_longest: probe::quantile_ms(samples.iter(), 1.0),
    })
}

/// Asks INFO for the memory in use, in bytes.
fn used_memory(link: &mut TcpStream) -> Outcome<u64> {
    let info = load::ask(link, &["INFO", "memory"])?;
    let used = info.lines().find_map(|line| line.strip_prefix("used_memory:"));
    Ok(used.ok_or("INFO memory has no used_memory line")?.trim().parse()?)
}
