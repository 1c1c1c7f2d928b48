//! The row `overload`: what others wait for, and how much memory is taken, while thousands of connections open at once and clients
//! don't read what they asked for.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::Command;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use super::Bench;
use super::affinity;
use super::cpu::{KEY, VALUE, fill};
use super::load::{ask, connect};
use super::probe::{Probe, quantile_ms, steady_quantile_ms};
use super::report::{Better, Limit, Section};
use super::request::{Batch, Keys, Reply, Word};
use super::server::{Contender, Server, StartOptions};
use crate::resp::encode;
use crate::{Outcome, command};

/// Connections that open at once, by so many threads.
const CONNECTIONS: usize = 10_000;
const THREADS: usize = 4;
/// Open files that either end needs, with room for everything else.
const FILES: usize = CONNECTIONS + 2_000;
const KEYS: u64 = 100_000;
/// The value that slow readers and the one that never reads ask for, again and again.
const LARGE_BYTES: usize = 1 << 20;
/// Readers that ask for this many large values and take them in small portions.
const SLOW_READERS: usize = 100;
const SLOW_REQUESTS: usize = 20;
const PORTION_BYTES: usize = 16 << 10;
/// How much the one that never reads asks for: thirty times what a machine of this size has.
const NEVER_READ_REQUESTS: usize = 200_000;
/// How long it is looked at.
const WATCHED: Duration = Duration::from_secs(10);
/// Memory beyond which the run is ended, because the server would take all there is.
const GIVEN_UP_BYTES: u64 = 6 << 30;

/// How many packets may wait for each core, by the system's setting.
const PACKETS: &str = "/proc/sys/net/core/netdev_max_backlog";
/// With the usual 1,000 loopback loses some thousand of those that the crowd sends, and others' among them come again after 100 ms: on
/// the way between two machines other rules hold.
const PACKETS_MAX: &str = "100000";

/// A setting of the system that has another value as long as this is there.
struct Setting {
    path: &'static str,
    former: String,
}

impl Setting {
    fn change(path: &'static str, value: &str) -> Outcome<Setting> {
        let former = fs::read_to_string(path)?;
        fs::write(path, value)?;
        Ok(Setting { path, former })
    }
}

impl Drop for Setting {
    fn drop(&mut self) {
        // Who could change it can change it back.
        let _ = fs::write(self.path, &self.former);
    }
}

/// What was seen of a server.
struct Seen {
    most_ms: f64,
    longest_ms: f64,
    grown_bytes: f64,
}

/// Measures GETs of two connections and the memory of the server while others overload it.
pub(crate) fn run(bench: &Bench) -> Outcome<Section> {
    let own = std::process::id().to_string();
    // The servers inherit it.
    command::run(Command::new("prlimit").args(["--pid", &own, &format!("--nofile={FILES}:")]))?;
    let packets = Setting::change(PACKETS, PACKETS_MAX)?;
    let seen = bench.once(overload)?;
    drop(packets);
    let mut section = Section::default();
    let column = |of: fn(&Seen) -> f64| seen.iter().map(|seen| vec![of(seen)]).collect();
    let goal = (Better::Lower, Some(Limit::Absolute(5.0)));
    section.add("GET of others, coming steadily, p99", "ms", goal, column(|it| it.most_ms));
    section.add("GET of others, longest", "ms", (Better::Lower, None), column(|it| it.longest_ms));
    let goal = (Better::Lower, Some(Limit::Absolute(512.0)));
    section.add("growth of resident memory", "MB", goal, column(|it| it.grown_bytes / 1e6));
    section.note(format!(
        "{CONNECTIONS} connections open at once and send a PING each, {SLOW_READERS} clients take {SLOW_REQUESTS} values of 1 MiB in \
         portions of 16 KiB, and one asks for {NEVER_READ_REQUESTS} of them and reads nothing. Wall time of two other connections for up to {} s, \
         noise of the machine included. Those who overload it have the lowest priority and the two the highest, as if they had other machines: \
         what the two wait for is the server. Meanwhile loopback keeps up to {PACKETS_MAX} packets for each core. A server that takes \
         more than {} GiB is watched no longer.",
        WATCHED.as_secs(),
        GIVEN_UP_BYTES >> 30
    ));
    Ok(section)
}

fn overload(contender: &Contender) -> Outcome<Seen> {
    let server = Server::start(contender, StartOptions::roaming(2))?;
    fill(&server, &[Word::Text("SET"), KEY, VALUE], KEYS)?;
    let mut link = connect(server.port)?;
    ask(&mut link, &["SETRANGE", "large", &(LARGE_BYTES - 1).to_string(), "x"])?;
    let before = server.settled_bytes()?;
    let get =
        || Batch::new(&[Word::Text("GET"), Word::Text("none")], 1, Reply::Fixed { bytes: 5, first: b'$' });
    let probes = [get(), get()].map(|get| Probe::start_urgent(server.port, get, Keys::from(0)));
    let probes = probes.into_iter().collect::<Outcome<Vec<_>>>()?;
    let start = Instant::now();
    let port = server.port;
    let never = nice_thread(move || never_read(port));
    let slow = nice_thread(move || read_slowly(port, start));
    let crowds: Vec<_> = (0..THREADS).map(|_| nice_thread(move || crowd(port, start))).collect();
    let mut most_bytes = before;
    while start.elapsed() < WATCHED && most_bytes < before + GIVEN_UP_BYTES {
        most_bytes = most_bytes.max(server.resident_bytes()?);
        thread::sleep(Duration::from_millis(20));
    }
    let mut samples = probes.into_iter().map(Probe::finish).collect::<Outcome<Vec<_>>>()?;
    // Then all connections end at once, which is another matter.
    for samples in &mut samples {
        samples.retain(|sample| sample.at < start + WATCHED);
    }
    drop(server);
    for thread in crowds {
        thread.join().map_err(|_| "a crowd panicked")??;
    }
    // The server has gone: what they see of that is no failure.
    let _ = (never.join(), slow.join());
    Ok(Seen {
        most_ms: samples.iter().map(|samples| steady_quantile_ms(samples.iter(), 0.99)).fold(0.0, f64::max),
        longest_ms: quantile_ms(samples.iter().flatten(), 1.0),
        grown_bytes: most_bytes.saturating_sub(before) as f64,
    })
}

/// Starts one of those who overload the server, on a thread that is nicer than others.
fn nice_thread(load: impl FnOnce() -> Outcome + Send + 'static) -> JoinHandle<Result<(), String>> {
    // The error is text, because a boxed error can't leave its thread.
    thread::spawn(|| affinity::be_nice().and_then(|()| load()).map_err(|error| error.to_string()))
}

/// Opens a part of the connections, one after the other as fast as that goes, and keeps them.
fn crowd(port: u16, start: Instant) -> Outcome {
    let mut links = Vec::new();
    for _ in 0..CONNECTIONS / THREADS {
        // One that is refused is no failure of this benchmark: the figures tell.
        let Ok(mut link) = connect(port) else { continue };
        let _ = link.write_all(b"*1\r\n$4\r\nPING\r\n");
        links.push(link);
    }
    for link in &mut links {
        let _ = link
            .set_read_timeout(Some(WATCHED.saturating_sub(start.elapsed()).max(Duration::from_millis(1))));
        let _ = link.read(&mut [0; 16]);
    }
    thread::sleep(WATCHED.saturating_sub(start.elapsed()));
    Ok(())
}

fn requests(count: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    (0..count).for_each(|_| encode(&["GET", "large"], &mut bytes));
    bytes
}

/// Asks and never reads, until the server takes no more requests or is gone.
fn never_read(port: u16) -> Outcome {
    let mut link = connect(port)?;
    link.set_write_timeout(Some(WATCHED))?;
    link.write_all(&requests(NEVER_READ_REQUESTS))?;
    thread::sleep(WATCHED);
    Ok(())
}

/// Asks for values and takes a small portion of each client's now and then.
fn read_slowly(port: u16, start: Instant) -> Outcome {
    let mut links: Vec<TcpStream> = (0..SLOW_READERS).map(|_| connect(port)).collect::<Outcome<_>>()?;
    let asked = requests(SLOW_REQUESTS);
    for link in &mut links {
        link.write_all(&asked)?;
    }
    let mut portion = vec![0; PORTION_BYTES];
    while start.elapsed() < WATCHED {
        for link in &mut links {
            link.read_exact(&mut portion)?;
        }
        thread::sleep(Duration::from_millis(50));
    }
    Ok(())
}
