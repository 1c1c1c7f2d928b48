//! The row `replication`: what a SET costs with a replica attached, and what it costs a replica.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use super::cpu::{KEY, KEYS, Operation, VALUE, cpu_us, fill, per_contender};
use super::load::{Shape, connect};
use super::report::{Better, Limit, Section};
use super::request::{Batch, Keys, Reply, Word};
use super::server::{Contender, Server, StartOptions};
use super::source::Source;
use super::{Bench, affinity};
use crate::Outcome;
use crate::resp::encode;

const SET: Operation =
    Operation { name: "SET", words: &[Word::Text("SET"), KEY, VALUE], reply: Reply::OK, limit: 0.75 };
const SHAPES: [Shape; 2] =
    [Shape { connections: 50, pipeline: 16, groups: 1 }, Shape { connections: 50, pipeline: 1, groups: 1 }];
/// So many SETs of a stream are sent at a time.
const STREAMED: usize = 500;
/// How often a replica says what it has.
const ACKNOWLEDGED_EVERY: Duration = Duration::from_secs(1);

/// Measures with one replica, which reads all it is sent and keeps nothing.
pub(crate) fn run(bench: &Bench) -> Outcome<Section> {
    let core = bench.cores[0];
    let start = || {
        bench.once(|contender| {
            let server = Server::start(contender, StartOptions::pinned(core))?;
            fill(&server, SET.words, KEYS)?;
            Ok(server)
        })
    };
    let (without, with) = (start()?, start()?);
    let replicas = with.iter().map(|server| Sink::attach(server.port)).collect::<Outcome<Vec<_>>>()?;
    affinity::pin(&[core])?;
    let mut section = Section::default();
    for shape in SHAPES {
        let samples = bench.interleave(|index| {
            let measure = |server: &Server| cpu_us(server, &SET, shape, bench.operations);
            let before = replicas[index].bytes();
            let figures = (measure(&without[index])?, measure(&with[index])?);
            if replicas[index].bytes() == before {
                return Err("the replica is sent nothing".into());
            }
            Ok(figures)
        })?;
        let limit = if shape.pipeline == 1 { None } else { Some(Limit::OfBest(SET.limit)) };
        let name = |what: &str| format!("SET {what}, pipeline {}", shape.pipeline);
        let informs = (Better::Lower, None);
        section.add(name("without a replica"), "µs CPU", informs, per_contender(&samples, |it| it.0));
        let goal = (Better::Lower, limit);
        section.add(name("with one replica"), "µs CPU", goal, per_contender(&samples, |it| it.1));
    }
    drop((replicas, without, with));
    let generator = bench.cores[bench.cores.len() - 1];
    affinity::pin(&[generator])?;
    let mut copies = bench.once(|contender| Copy::start(contender, core))?;
    let samples = bench.interleave(|index| copies[index].per_cpu_second(bench.operations))?;
    let goal = (Better::Higher, Some(Limit::OfBest(1.25)));
    section.add("SETs that a replica runs", "per CPU s", goal, samples);
    affinity::pin(&bench.cores)?;
    section.note(format!(
        "User and system time of the server process per operation. A million random keys of 16 bytes, values of 32. \
         Servers and generator pinned on core {core}; the replica is a thread that reads elsewhere. Where the server is \
         the replica, the primary is a thread on core {generator} that sends the stream as fast as it is read.",
    ));
    Ok(section)
}

/// A server that copies a primary, which sends what is measured.
struct Copy {
    server: Server,
    source: Source,
    keys: Keys,
}

impl Copy {
    /// Starts a server that has all keys from its primary.
    fn start(contender: &Contender, core: usize) -> Outcome<Copy> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let port = listener.local_addr()?.port().to_string();
        let settings = ["--appendonly", "no", "--replicaof", "127.0.0.1", &port];
        let server =
            Server::start(contender, StartOptions { settings: &settings, ..StartOptions::pinned(core) })?;
        let mut copy = Copy { server, source: Source::accept(&listener)?, keys: Keys::from(0) };
        copy.run(KEYS)?;
        copy.keys = Keys::random(1, KEYS);
        Ok(copy)
    }

    /// Has the server run SETs, and waits until it says that it has. Returns how many, which is a little less.
    fn run(&mut self, operations: u64) -> Outcome<u64> {
        let mut batch = Batch::new(SET.words, STREAMED, SET.reply);
        let rounds = operations / STREAMED as u64;
        for _ in 0..rounds {
            self.source.send(batch.fill(&mut self.keys))?;
        }
        self.source.wait()?;
        Ok(rounds * STREAMED as u64)
    }

    /// How many SETs it runs in a second of its processor time.
    fn per_cpu_second(&mut self, operations: u64) -> Outcome<f64> {
        let before = self.server.cpu_ns()?;
        let operations = self.run(operations)?;
        Ok(operations as f64 * 1e9 / (self.server.cpu_ns()? - before) as f64)
    }
}

/// A replica that forgets what it is sent.
struct Sink {
    bytes: Arc<AtomicU64>,
    is_ending: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Sink {
    /// Connects, and waits until the snapshot is over.
    fn attach(port: u16) -> Outcome<Sink> {
        let mut stream = BufReader::new(connect(port)?);
        say(stream.get_mut(), &["REPLCONF", "listening-port", "1", "capa", "eof", "capa", "psync2"])?;
        line(&mut stream)?;
        say(stream.get_mut(), &["PSYNC", "?", "-1"])?;
        let answer = line(&mut stream)?;
        let offset = answer.rsplit(' ').next().and_then(|offset| offset.parse().ok());
        let offset: u64 = offset.ok_or_else(|| format!("PSYNC was answered {answer}"))?;
        let opening = line(&mut stream)?;
        let marker = opening.strip_prefix("$EOF:").ok_or("the snapshot's end is not marked")?;
        skip_to(&mut stream, marker.as_bytes())?;
        say(stream.get_mut(), &["REPLCONF", "ACK", &offset.to_string()])?;
        let (bytes, is_ending) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicBool::new(false)));
        let (counter, stop) = (Arc::clone(&bytes), Arc::clone(&is_ending));
        let thread = thread::spawn(move || read_on(stream.into_inner(), offset, &counter, &stop));
        Ok(Sink { bytes, is_ending, thread: Some(thread) })
    }

    fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }
}

impl Drop for Sink {
    fn drop(&mut self) {
        self.is_ending.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            // A panic of it was reported when it happened.
            drop(thread.join());
        }
    }
}

/// Reads until it is told to end, or nothing comes any more.
fn read_on(mut stream: TcpStream, offset: u64, bytes: &AtomicU64, stop: &AtomicBool) {
    let mut buffer = vec![0; 1 << 20];
    let mut acknowledged = Instant::now();
    if stream.set_read_timeout(Some(ACKNOWLEDGED_EVERY)).is_err() {
        return;
    }
    while !stop.load(Ordering::Relaxed) {
        match stream.read(&mut buffer) {
            Ok(0) => return,
            Ok(count) => bytes.fetch_add(count as u64, Ordering::Relaxed),
            Err(_) => 0,
        };
        if acknowledged.elapsed() >= ACKNOWLEDGED_EVERY {
            acknowledged = Instant::now();
            let has = (offset + bytes.load(Ordering::Relaxed)).to_string();
            if say(&mut stream, &["REPLCONF", "ACK", &has]).is_err() {
                return;
            }
        }
    }
}

fn say(stream: &mut TcpStream, words: &[&str]) -> Outcome {
    let mut bytes = Vec::new();
    encode(words, &mut bytes);
    Ok(stream.write_all(&bytes)?)
}

/// Reads a line; empty ones are signs of life.
fn line(stream: &mut BufReader<TcpStream>) -> Outcome<String> {
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line)? == 0 {
            return Err("the server has closed the connection".into());
        }
        if !line.trim().is_empty() {
            return Ok(line.trim().to_owned());
        }
    }
}

/// Reads until what was read ends with a marker.
fn skip_to(stream: &mut BufReader<TcpStream>, marker: &[u8]) -> Outcome {
    let mut tail: Vec<u8> = Vec::new();
    loop {
        let read = stream.fill_buf()?;
        if read.is_empty() {
            return Err("the snapshot breaks off".into());
        }
        let count = read.len();
        tail.extend_from_slice(read);
        stream.consume(count);
        if tail.ends_with(marker) {
            return Ok(());
        }
        let kept = tail.len().min(marker.len());
        tail.drain(..tail.len() - kept);
    }
}
