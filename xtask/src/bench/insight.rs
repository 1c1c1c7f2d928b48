//! The row `insight`: what it costs that a server counts, times and can be scraped.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use super::Bench;
use super::affinity;
use super::cpu::{KEY, KEYS, Operation, VALUE, cpu_us, fill};
use super::load::Shape;
use super::report::{Better, Limit, Section};
use super::request::{Reply, Word};
use super::server::{Contender, Server, Side, StartOptions};
use crate::Outcome;

const SET: &[Word] = &[Word::Text("SET"), KEY, VALUE];
const SHAPE: Shape = Shape { connections: 50, pipeline: 16, groups: 1 };

/// Nothing is kept that a setting can switch off, and nobody asks.
const OFF: &[&str] = &[
    "--appendonly",
    "no",
    "--latency-tracking",
    "no",
    "--commandlog-execution-slower-than",
    "-1",
    "--commandlog-request-larger-than",
    "-1",
    "--commandlog-reply-larger-than",
    "-1",
];

/// Between two scrapes; fifteen times as often as Prometheus asks by default.
const SCRAPES: Duration = Duration::from_secs(1);
/// Samples of each server per round, in turns: the machine changes more within a second than what is looked for.
const TURNS: usize = 6;

/// Measures our server twice, with all of it off and with all of it on.
pub(crate) fn run(bench: &Bench) -> Outcome<Section> {
    let mut section = Section::default();
    let Some(ours) = bench.contenders.iter().position(|contender| contender.side == Side::Ours) else {
        section.note("Not measured: it compares our server with itself.");
        return Ok(section);
    };
    let outcome = measure(bench, ours, &mut section);
    affinity::pin(&bench.cores)?;
    outcome?;
    section.note(format!(
        "Pipeline 16, a million random keys. Off: no latency histograms, no command log, no metrics. On: those, a latency \
         monitor, and a scrape of `/metrics` each second, whose cost counts. Both servers and the generator pinned on core \
         {}; {TURNS} samples of each per round, in turns.",
        bench.cores[0],
    ));
    Ok(section)
}

fn measure(bench: &Bench, ours: usize, section: &mut Section) -> Outcome {
    let (contender, core) = (&bench.contenders[ours], bench.cores[0]);
    let http_port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
    let port = http_port.to_string();
    let settings = ["--appendonly", "no", "--latency-monitor-threshold", "10", "--http-port", &port];
    let (off, on) = (start(contender, core, OFF)?, start(contender, core, &settings)?);
    affinity::pin(&[core])?;
    let scraper = Scraper::default();
    thread::scope(|scope| {
        let scraping =
            scope.spawn(|| scraper.scrape_until_told(http_port).map_err(|error| error.to_string()));
        let outcome = measure_turns(bench, ours, &off, &on, section);
        scraper.stop();
        scraping.join().map_err(|_| "the scraper panicked")??;
        outcome
    })?;
    match scraper.scrapes.into_inner() {
        0 => Err("nothing was scraped".into()),
        scrapes => {
            section.note(format!("{scrapes} scrapes."));
            Ok(())
        }
    }
}

fn start(contender: &Contender, core: usize, settings: &[&str]) -> Outcome<Server> {
    let server = Server::start(contender, StartOptions { settings, ..StartOptions::pinned(core) })?;
    fill(&server, SET, KEYS)?;
    Ok(server)
}

fn measure_turns(bench: &Bench, ours: usize, off: &Server, on: &Server, section: &mut Section) -> Outcome {
    let get = Operation { name: "GET", words: &[Word::Text("GET"), KEY], reply: Reply::bulk(32), limit: 1.0 };
    let set = Operation { name: "SET", words: SET, reply: Reply::OK, limit: 1.0 };
    for operation in [get, set] {
        let mut samples: Vec<Vec<f64>> = bench.contenders.iter().map(|_| Vec::new()).collect();
        for _ in 0..bench.rounds {
            let (mut without, mut with) = (0.0, 0.0);
            for _ in 0..TURNS {
                without += cpu_us(off, &operation, SHAPE, bench.operations)?;
                with += cpu_us(on, &operation, SHAPE, bench.operations)?;
            }
            samples[ours].push(with / without);
        }
        let goal = (Better::Lower, Some(Limit::Absolute(1.03)));
        section.add(format!("{}, all on", operation.name), "× all off", goal, samples);
    }
    Ok(())
}

/// Asks for the metrics again and again.
#[derive(Default)]
struct Scraper {
    is_told: AtomicBool,
    scrapes: AtomicU64,
}

impl Scraper {
    fn stop(&self) {
        self.is_told.store(true, Ordering::Relaxed);
    }

    fn scrape_until_told(&self, port: u16) -> Outcome {
        let mut next = Instant::now();
        while !self.is_told.load(Ordering::Relaxed) {
            thread::sleep(next.saturating_duration_since(Instant::now()).min(Duration::from_millis(50)));
            if Instant::now() >= next {
                scrape(port)?;
                self.scrapes.fetch_add(1, Ordering::Relaxed);
                next += SCRAPES;
            }
        }
        Ok(())
    }
}

fn scrape(port: u16) -> Outcome {
    let mut stream = TcpStream::connect(("127.0.0.1", port))?;
    stream.write_all(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer)?;
    if !answer.starts_with(b"HTTP/1.1 200") {
        return Err(
            format!("the metrics: {}", String::from_utf8_lossy(&answer[..answer.len().min(80)])).into()
        );
    }
    Ok(())
}
