//! The row `beside`: what others wait for while one connection runs a command that takes long.

use std::net::TcpStream;
use std::thread;
use std::time::{Duration, Instant};

use super::Bench;
use super::cpu::{KEY, VALUE, fill};
use super::load::{ask, connect};
use super::probe::{Probe, quantile_ms};
use super::report::{Better, Limit, Section};
use super::request::{Batch, Keys, Reply, Word};
use super::server::{Contender, Server, StartOptions};
use crate::Outcome;

const KEYS: u64 = 5_000_000;
const ELEMENTS: u64 = 1_000_000;
const ELEMENT: &[Word] = &[Word::Text("RPUSH"), Word::Text("list"), Word::Key { prefix: "", width: 8 }];

/// How long GETs are watched before.
const WATCHED: Duration = Duration::from_millis(200);

/// A script that calls a command as often as it is told. It can't be told a time, which stands still in scripts.
const SCRIPT: &str = "for _ = 1, tonumber(ARGV[1]) do redis.call('PING') end";
const SCRIPT_TIME: Duration = Duration::from_millis(100);
/// How often it calls to see how long that takes.
const TRIED_CALLS: u32 = 100_000;

/// A command that takes long, and how long others may wait for it.
struct Long {
    name: &'static str,
    /// Its words; the number of calls follows those of a script.
    command: &'static [&'static str],
    is_script: bool,
    /// Of 1000 GETs, 999 may take so many milliseconds.
    most_ms: Option<f64>,
    /// And the longest.
    longest_ms: Option<f64>,
}

const LONG: [Long; 3] = [
    // Who comes in its first moment waits to its end.
    Long {
        name: "a script of about 100 ms",
        command: &["EVAL", SCRIPT, "0"],
        is_script: true,
        most_ms: None,
        longest_ms: Some(150.0),
    },
    Long {
        name: "KEYS of 5 M keys",
        command: &["KEYS", "none*"],
        is_script: false,
        most_ms: Some(5.0),
        longest_ms: None,
    },
    Long {
        name: "SORT of 1 M elements",
        command: &["SORT", "list", "LIMIT", "0", "1"],
        is_script: false,
        most_ms: Some(5.0),
        longest_ms: None,
    },
];

/// What one connection waited for.
struct Waits {
    most_ms: f64,
    longest_ms: f64,
}

/// Measures GETs of two connections, one of each thread, while a third runs each of the long commands.
pub(crate) fn run(bench: &Bench) -> Outcome<Section> {
    let waits = bench.once(|contender| {
        let server = start_filled(contender)?;
        let waits = LONG.iter().map(|long| wait_beside(&server, long)).collect::<Outcome<Vec<_>>>()?;
        Ok((waits, counted_ms(&server)?))
    })?;
    let mut section = Section::default();
    for (place, long) in LONG.iter().enumerate() {
        let figures = |figure: fn(&Waits) -> f64| {
            waits.iter().map(|(waits, _)| vec![figure(&waits[place])]).collect::<Vec<_>>()
        };
        let goal = |limit: Option<f64>| (Better::Lower, limit.map(Limit::Absolute));
        section.add(
            format!("GET beside {}, p99.9", long.name),
            "ms",
            goal(long.most_ms),
            figures(|it| it.most_ms),
        );
        let longest = figures(|it| it.longest_ms);
        section.add(format!("GET beside {}, longest", long.name), "ms", goal(long.longest_ms), longest);
    }
    for (contender, (_, counted)) in bench.contenders.iter().zip(&waits) {
        if let Some(counted_ms) = counted {
            section.note(format!("{} has counted {counted_ms:.1} ms of waiting in INFO.", contender.name));
        }
    }
    section.note(
        "Wall time of two connections, noise of the machine included; one measurement each. The servers have two \
         threads; where commands run on several, one of the connections is served by the thread that runs the long one.",
    );
    Ok(section)
}

fn start_filled(contender: &Contender) -> Outcome<Server> {
    let server = Server::start(contender, StartOptions::roaming(2))?;
    fill(&server, &[Word::Text("SET"), KEY, VALUE], KEYS)?;
    fill(&server, ELEMENT, ELEMENTS)?;
    Ok(server)
}

fn wait_beside(server: &Server, long: &Long) -> Outcome<Waits> {
    // New connections go to the thread that has the fewest.
    let mut link = connect(server.port)?;
    let calls = if long.is_script { calls_in_time(&mut link)?.to_string() } else { String::new() };
    let words: Vec<&str> =
        long.command.iter().copied().chain(long.is_script.then_some(calls.as_str())).collect();
    let get =
        || Batch::new(&[Word::Text("GET"), Word::Text("none")], 1, Reply::Fixed { bytes: 5, first: b'$' });
    let probes = [get(), get()].map(|get| Probe::start(server.port, get, Keys::from(0)));
    let probes = probes.into_iter().collect::<Outcome<Vec<_>>>()?;
    thread::sleep(WATCHED);
    let start = Instant::now();
    ask(&mut link, &words)?;
    let end = Instant::now();
    let samples: Vec<_> = probes.into_iter().map(Probe::finish).collect::<Outcome<Vec<_>>>()?.concat();
    let beside = || samples.iter().filter(|sample| sample.at + sample.took >= start && sample.at <= end);
    Ok(Waits { most_ms: quantile_ms(beside(), 0.999), longest_ms: quantile_ms(beside(), 1.0) })
}

/// How many calls of the script take the time that it is to take.
fn calls_in_time(link: &mut TcpStream) -> Outcome<u64> {
    let start = Instant::now();
    ask(link, &["EVAL", SCRIPT, "0", &TRIED_CALLS.to_string()])?;
    let share = SCRIPT_TIME.as_secs_f64() / start.elapsed().as_secs_f64();
    Ok((f64::from(TRIED_CALLS) * share) as u64)
}

/// What a server has counted of the time for which its threads waited for those who had everything for themselves.
fn counted_ms(server: &Server) -> Outcome<Option<f64>> {
    let info = ask(&mut connect(server.port)?, &["INFO", "stats"])?;
    let line = info.lines().find_map(|line| line.strip_prefix("total_exclusive_wait_usec:"));
    Ok(line.map(str::parse::<f64>).transpose()?.map(|microseconds| microseconds / 1000.0))
}
