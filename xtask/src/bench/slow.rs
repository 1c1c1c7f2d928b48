//! The row `slow`: what GETs wait for while hundreds of connections wait for an origin that takes its time.
//!
//! ```text
//! probe ─ GET of a key ─────────────┐
//! 80 × GET /… of HTTP ──────────────┤
//! 80 × CACHE.FETCH, 80 × CACHE.PROXY┴ ours ── origin (threads here, each takes 2 s for an answer)
//! ```

use std::io::{self, BufRead, BufReader, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use super::Bench;
use super::load::{ask, connect};
use super::probe::{Probe, quantile_ms};
use super::report::{Better, Limit, Section};
use super::request::{Batch, Keys, Reply, Word};
use super::server::{Server, Side, StartOptions};
use super::web::{Asked, Link, origin};
use crate::{Outcome, server};

/// How long an origin takes.
const DELAY: Duration = Duration::from_secs(2);
/// Connections that ask in each of three ways. All are with the origin at once: it may have 256 by default.
const CONNECTIONS: usize = 80;
/// How long GETs are watched, with and without them.
const WATCHED: Duration = Duration::from_secs(5);
/// In this time all connections have asked.
const BEFORE: Duration = Duration::from_millis(500);
const BODY_BYTES: usize = 1 << 10;
/// So many milliseconds more may 99 of 100 GETs take.
const RISE_MAX_MS: f64 = 1.0;
/// The quantiles that are shown, and whether they have the limit.
const QUANTILES: [(&str, f64, bool); 3] = [("p50", 0.5, false), ("p99", 0.99, true), ("p99.9", 0.999, false)];

/// How keys are asked for that are not there.
#[derive(Clone, Copy)]
enum Way {
    Door,
    Fetch,
    Proxy,
}

/// Measures GETs of one connection, alone and beside those who wait.
pub(crate) fn run(bench: &Bench) -> Outcome<Section> {
    let ours = bench.contenders.iter().position(|contender| contender.side == Side::Ours);
    let ours = ours.ok_or("nobody but ours has this cache")?;
    let (door, origin) = (server::free_port()?, origin(answer)?);
    let (text, url) = (door.to_string(), format!("http://127.0.0.1:{origin}"));
    let settings = [
        ["--cache-http-port", &text],
        ["--cache-http-origin", &url],
        ["--cache-origin-allow", "127.0.0.1"],
        ["--cache-allow-private", "yes"],
    ];
    let options = StartOptions { settings: &settings.concat(), ..StartOptions::roaming(2) };
    let server = Server::start(&bench.contenders[ours], options)?;
    let mut link = connect(server.port)?;
    ask(&mut link, &["SET", "known", "value"])?;
    ask(&mut link, &["CACHE.POLICY", "SET", "slow", "PATTERN", "p:*", "URL", &format!("{url}/{{1}}")])?;
    let places = Places { resp: server.port, door, url };
    let (mut alone, mut beside, mut answered) = (Vec::new(), Vec::new(), 0);
    for _ in 0..bench.rounds {
        alone.push(watch(server.port)?);
        let crowd = Crowd::start(&places);
        thread::sleep(BEFORE);
        beside.push(watch(server.port)?);
        answered += crowd.finish()?;
    }
    let mut section = Section::default();
    let mut add = |name: String, limit: Option<Limit>, values: Vec<f64>| {
        let mut samples = vec![Vec::new(); bench.contenders.len()];
        samples[ours] = values;
        section.add(name, "ms", (Better::Lower, limit), samples);
    };
    for (place, (name, _, is_limited)) in QUANTILES.into_iter().enumerate() {
        let of = |samples: &[[f64; 3]]| samples.iter().map(|sample| sample[place]).collect::<Vec<_>>();
        let rises = alone.iter().zip(&beside).map(|(alone, beside)| beside[place] - alone[place]).collect();
        add(format!("GET alone, {name}"), None, of(&alone));
        add(format!("GET beside a slow origin, {name}"), None, of(&beside));
        add(format!("rise of {name}"), is_limited.then_some(Limit::Absolute(RISE_MAX_MS)), rises);
    }
    section.note(format!(
        "One connection asks for one key again and again, for {} s without and with {} connections that ask for keys that are not there, \
         of which the origin had {answered} answers in all. The server has two threads; noise of the machine included.",
        WATCHED.as_secs(),
        3 * CONNECTIONS,
    ));
    Ok(section)
}

/// How long GETs take.
fn watch(port: u16) -> Outcome<[f64; 3]> {
    let get =
        Batch::new(&[Word::Text("GET"), Word::Text("known")], 1, Reply::Fixed { bytes: 11, first: b'$' });
    let probe = Probe::start(port, get, Keys::from(0))?;
    thread::sleep(WATCHED);
    let samples = probe.finish()?;
    Ok(QUANTILES.map(|(_, share, _)| quantile_ms(samples.iter(), share)))
}

/// Where is asked.
struct Places {
    resp: u16,
    door: u16,
    url: String,
}

/// Those who wait for the origin.
struct Crowd {
    stop: Arc<AtomicBool>,
    // The error is text, because a boxed error can't leave its thread.
    threads: Vec<JoinHandle<Result<u64, String>>>,
}

impl Crowd {
    fn start(places: &Places) -> Crowd {
        let stop = Arc::new(AtomicBool::new(false));
        let ways = [Way::Door, Way::Fetch, Way::Proxy].into_iter().cycle().take(3 * CONNECTIONS);
        let threads = ways.map(|way| {
            let (stop, url) = (Arc::clone(&stop), places.url.clone());
            let port = if matches!(way, Way::Door) { places.door } else { places.resp };
            thread::spawn(move || wait(way, port, &url, &stop).map_err(|error| error.to_string()))
        });
        let threads = threads.collect();
        Crowd { stop, threads }
    }

    /// Ends it, and returns how many answers came.
    fn finish(self) -> Outcome<u64> {
        self.stop.store(true, Ordering::Relaxed);
        let mut sum = 0;
        for thread in self.threads {
            sum += thread.join().map_err(|_| "one who waited panicked")??;
        }
        Ok(sum)
    }
}

/// Asks for one key after the other that nobody has asked for, and returns how many.
fn wait(way: Way, port: u16, url: &str, stop: &AtomicBool) -> Outcome<u64> {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let (mut answered, mut resp, mut http) = (0, None, None::<Link>);
    while !stop.load(Ordering::Relaxed) {
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        if matches!(way, Way::Door) {
            let request = format!("GET /{number} HTTP/1.1\r\nHost: localhost\r\n\r\n").into_bytes();
            let asked = Asked { request, start: b"HTTP/1.1 200 ", body_bytes: BODY_BYTES };
            match &mut http {
                Some(link) => link.change(asked)?,
                None => http = Some(Link::connect(port, asked)?),
            }
        } else {
            let link = match &mut resp {
                Some(link) => link,
                None => resp.insert(connect(port)?),
            };
            let reply = match way {
                Way::Fetch => {
                    ask(link, &["CACHE.FETCH", &format!("f:{number}"), &format!("{url}/{number}")])?
                }
                _ => ask(link, &["CACHE.PROXY", &format!("p:{number}")])?,
            };
            if !reply.contains("miss") || !reply.contains("xx") {
                return Err(format!("unexpected reply {reply:?}").into());
            }
        }
        answered += 1;
    }
    Ok(answered)
}

/// Answers as an origin that takes its time.
fn answer(mut stream: &TcpStream) -> io::Result<()> {
    let mut lines = BufReader::new(stream).lines();
    while let Some(line) = lines.next().transpose()? {
        if !line.is_empty() {
            continue;
        }
        thread::sleep(DELAY);
        let head =
            format!("HTTP/1.1 200 OK\r\nCache-Control: max-age=3600\r\nContent-Length: {BODY_BYTES}\r\n\r\n");
        stream.write_all(&[head.into_bytes(), vec![b'x'; BODY_BYTES]].concat())?;
    }
    Ok(())
}
