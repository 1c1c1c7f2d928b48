//! The row `http`: keys over HTTP, beside a program that does nothing but HTTP.
//!
//! No peer speaks HTTP, so ours is measured against `server/examples/bare_http.rs`: the same libraries with the same settings,
//! in front of a map.

use std::path::PathBuf;
use std::time::Instant;

use super::affinity;
use super::report::{Better, Limit, Section};
use super::server::{Contender, Server, Side, StartOptions};
use super::web::{Asked, Link, ask_all};
use super::{Bench, build};
use crate::{Outcome, server};

const CONNECTIONS: usize = 16;
const VALUE_BYTES: usize = 100;
/// What of a bare handler's speed ours has to reach.
const SHARE: f64 = 0.8;

/// A server, and where it speaks HTTP.
struct Site {
    server: Server,
    port: u16,
}

/// What was measured of one site in one round.
struct Sample {
    cpu_us: f64,
    per_second: f64,
}

/// What is compared.
struct Figure {
    unit: &'static str,
    better: Better,
    /// What the share of it is called.
    share: &'static str,
    of: fn(&Sample) -> f64,
}

const FIGURES: [Figure; 2] = [
    Figure {
        unit: "µs CPU",
        better: Better::Lower,
        share: "a key, requests per CPU time",
        of: |sample| sample.cpu_us,
    },
    Figure {
        unit: "per second",
        better: Better::Higher,
        share: "a key, requests per second",
        of: |sample| sample.per_second,
    },
];

/// Measures requests of keys: the CPU time of each, and how many a second there can be.
pub(crate) fn run(bench: &Bench) -> Outcome<Section> {
    let ours = bench.contenders.iter().position(|contender| contender.side == Side::Ours);
    let ours = ours.ok_or("nobody but ours speaks HTTP")?;
    let (first, last) = (bench.cores[0], bench.cores[bench.cores.len() - 1]);
    let sites = [Site::ours(&bench.contenders[ours], first)?, Site::bare(first)?];
    affinity::pin(&[last])?;
    let mut section = Section::default();
    for method in ["PUT", "GET"] {
        let (mut own, mut bare) = (Vec::new(), Vec::new());
        for _ in 0..bench.rounds {
            own.push(sites[0].sample(method, bench.operations / 16)?);
            bare.push(sites[1].sample(method, bench.operations / 16)?);
        }
        for figure in FIGURES {
            let values = |samples: &[Sample]| samples.iter().map(figure.of).collect::<Vec<f64>>();
            let (own, bare) = (values(&own), values(&bare));
            let shares = own.iter().zip(&bare).map(|(own, bare)| match figure.better {
                Better::Lower => bare / own,
                Better::Higher => own / bare,
            });
            let shares = shares.collect();
            let least = Some(Limit::Absolute(SHARE));
            for (what, unit, goal, values) in [
                ("a key", figure.unit, (figure.better, None), own),
                ("a key, bare handler", figure.unit, (figure.better, None), bare),
                (figure.share, "of bare", (Better::Higher, least), shares),
            ] {
                let mut samples = vec![Vec::new(); bench.contenders.len()];
                samples[ours] = values;
                section.add(format!("{method} of {what}"), unit, goal, samples);
            }
        }
    }
    affinity::pin(&bench.cores)?;
    section.note(format!(
        "User and system time of the server process per request of a value of {VALUE_BYTES} bytes, by the scheduler's account, \
         over {CONNECTIONS} connections. The bare handler is server/examples/bare_http.rs. Servers are pinned on core \
         {first}, the load generator on core {last}."
    ));
    Ok(section)
}

impl Site {
    fn ours(contender: &Contender, core: usize) -> Outcome<Site> {
        let port = server::free_port()?;
        let text = port.to_string();
        let settings = ["--appendonly", "no", "--http-port", &text];
        let options = StartOptions { settings: &settings, ..StartOptions::pinned(core) };
        Ok(Site { server: Server::start(contender, options)?, port })
    }

    fn bare(core: usize) -> Outcome<Site> {
        let program: PathBuf =
            build(&["--package", "spinel-server", "--example", "bare_http"], "examples/bare_http")?;
        let contender =
            Contender { name: "bare".to_owned(), version: String::new(), program, side: Side::Peer };
        let server = Server::start(&contender, StartOptions::pinned(core))?;
        let port = server.port;
        Ok(Site { server, port })
    }

    fn sample(&self, method: &str, requests: u64) -> Outcome<Sample> {
        let mut links =
            (0..CONNECTIONS).map(|number| connect(self.port, method, number)).collect::<Outcome<Vec<_>>>()?;
        let rounds = requests / CONNECTIONS as u64 + 1;
        ask_all(&mut links, rounds / 10 + 1)?;
        let (before, started) = (self.server.cpu_ns()?, Instant::now());
        ask_all(&mut links, rounds)?;
        let requests = (rounds * CONNECTIONS as u64) as f64;
        Ok(Sample {
            per_second: requests / started.elapsed().as_secs_f64(),
            cpu_us: (self.server.cpu_ns()? - before) as f64 / 1000.0 / requests,
        })
    }
}

/// Connects, sets the key of this number, and asks for it if that is the method.
fn connect(port: u16, method: &str, number: usize) -> Outcome<Link> {
    let path = format!("/v1/db/0/keys/key:{number}");
    let value = "x".repeat(VALUE_BYTES);
    let put =
        format!("PUT {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {VALUE_BYTES}\r\n\r\n{value}");
    let get = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n");
    let set = Asked { request: put.into_bytes(), start: b"HTTP/1.1 204 ", body_bytes: 0 };
    let mut link = Link::connect(port, set)?;
    if method == "GET" {
        let get = Asked { request: get.into_bytes(), start: b"HTTP/1.1 200 ", body_bytes: VALUE_BYTES };
        link.change(get)?;
    }
    Ok(link)
}
