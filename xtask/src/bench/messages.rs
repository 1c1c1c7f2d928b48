//! The row `messages`: PUBLISH to a hundred subscribers.

use std::io::{Read, Write};
use std::net::TcpStream;

use super::Bench;
use super::affinity;
use super::load::{ask, connect};
use super::report::{Better, Limit, Section};
use super::server::{Server, StartOptions};
use crate::Outcome;
use crate::resp::encode;

const SUBSCRIBERS: usize = 100;
const CHANNEL: &str = "news";
const TEXT_BYTES: usize = 64;
/// Messages that are published before any is read.
const PIPELINES: [usize; 2] = [1, 16];
/// Deliveries per sample at pipeline 16; an eighth of it at pipeline 1.
const DELIVERIES: usize = 400_000;

/// A publisher and those who listen.
struct Audience {
    publisher: TcpStream,
    subscribers: Vec<TcpStream>,
}

/// Measures the CPU time of the server process per delivery, server and clients pinned on one core.
pub(crate) fn run(bench: &Bench) -> Outcome<Section> {
    let core = bench.cores[0];
    let servers = bench.once(|contender| {
        let server = Server::start(contender, StartOptions::pinned(core))?;
        let audience = Audience::gather(server.port)?;
        Ok((server, audience))
    })?;
    let mut servers = servers;
    affinity::pin(&[core])?;
    let mut section = Section::default();
    for pipeline in PIPELINES {
        let samples = bench.interleave(|index| {
            let (server, audience) = &mut servers[index];
            cpu_us(server, audience, pipeline)
        })?;
        let name = format!("PUBLISH to {SUBSCRIBERS} subscribers, pipeline {pipeline}, per delivery");
        // One message at a time, a delivery is a system call and little else.
        let limit = if pipeline == 1 { 1.0 } else { 0.9 };
        section.add(name, "µs CPU", (Better::Lower, Some(Limit::OfBest(limit))), samples);
    }
    affinity::pin(&bench.cores)?;
    section.note(format!(
        "User and system time of the server process per message delivered, by the scheduler's account. Texts of \
         {TEXT_BYTES} bytes; server and clients pinned on core {core}."
    ));
    Ok(section)
}

fn cpu_us(server: &Server, audience: &mut Audience, pipeline: usize) -> Outcome<f64> {
    let rounds = DELIVERIES / SUBSCRIBERS / if pipeline == 1 { 8 } else { pipeline };
    audience.publish(pipeline, rounds / 10 + 1)?;
    let before = server.cpu_ns()?;
    audience.publish(pipeline, rounds)?;
    let deliveries = rounds * pipeline * SUBSCRIBERS;
    Ok((server.cpu_ns()? - before) as f64 / 1000.0 / deliveries as f64)
}

impl Audience {
    fn gather(port: u16) -> Outcome<Audience> {
        let mut subscribers = Vec::with_capacity(SUBSCRIBERS);
        for _ in 0..SUBSCRIBERS {
            let mut link = connect(port)?;
            ask(&mut link, &["SUBSCRIBE", CHANNEL])?;
            subscribers.push(link);
        }
        Ok(Audience { publisher: connect(port)?, subscribers })
    }

    /// Publishes so many messages at once, and reads them all, again and again.
    fn publish(&mut self, pipeline: usize, rounds: usize) -> Outcome {
        let text = "x".repeat(TEXT_BYTES);
        let (mut request, mut message) = (Vec::new(), Vec::new());
        for _ in 0..pipeline {
            encode(&["PUBLISH", CHANNEL, &text], &mut request);
            encode(&["message", CHANNEL, &text], &mut message);
        }
        let mut replies = format!(":{SUBSCRIBERS}\r\n").repeat(pipeline).into_bytes();
        let mut received = vec![0; message.len()];
        for _ in 0..rounds {
            self.publisher.write_all(&request)?;
            self.publisher.read_exact(&mut replies)?;
            for subscriber in &mut self.subscribers {
                subscriber.read_exact(&mut received)?;
            }
        }
        if received == message { Ok(()) } else { Err("a subscriber received something else".into()) }
    }
}
