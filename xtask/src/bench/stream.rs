//! The row `stream`: a gigabyte through the HTTP cache, and the memory that it takes on its way.
//!
//! ```text
//! reader ── door ── origin (a thread here)
//! ```

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::time::Instant;

use super::Bench;
use super::report::{Better, Limit, Section};
use super::server::{Server, Side, StartOptions};
use super::web::origin;
use crate::{Outcome, server};

const MIB: usize = 1 << 20;
/// The body.
const BODY_BYTES: usize = 1 << 30;
/// The origin sends so much at once.
const PIECE_BYTES: usize = 256 << 10;
/// The longest body that is stored: what has no announced length is kept up to here before it is known to be longer.
const STORED_BYTES_MAX: usize = 8 * MIB;
/// How much of it the server may have in memory at any time.
const HELD_MIB_MAX: f64 = 32.0;
/// How bodies come.
const WAYS: [&str; 2] = ["announced", "chunked"];

/// Measures how far resident memory grows meanwhile, and how fast the body comes.
pub(crate) fn run(bench: &Bench) -> Outcome<Section> {
    let ours = bench.contenders.iter().position(|contender| contender.side == Side::Ours);
    let ours = ours.ok_or("nobody but ours has this door")?;
    let origin = format!("http://127.0.0.1:{}", origin(answer)?);
    let (stored_max, folder) = (STORED_BYTES_MAX.to_string(), server::fresh_folder()?);
    let bodies = folder.join("bodies").display().to_string();
    let mut section = Section::default();
    let places = [("", ["--cache-body-max", &stored_max]), (" with files", ["--cache-disk-dir", &bodies])];
    for ((place, setting), way) in places.into_iter().flat_map(|place| WAYS.map(|way| (place, way))) {
        let port = server::free_port()?;
        let text = port.to_string();
        let settings = [
            ["--cache-http-port", &text],
            ["--cache-http-origin", &origin],
            ["--cache-origin-allow", "127.0.0.1"],
            ["--cache-allow-private", "yes"],
            setting,
        ];
        let options = StartOptions { settings: &settings.concat(), ..StartOptions::pinned(bench.cores[0]) };
        let server = Server::start(&bench.contenders[ours], options)?;
        let (mut grown, mut speeds) = (Vec::new(), Vec::new());
        for _ in 0..bench.rounds.min(3) {
            let passage = pass(&server, port, way)?;
            grown.push(passage.grown_mib);
            speeds.push(passage.mib_per_s);
        }
        let mut add = |name: String, unit, better, values: Vec<f64>| {
            let mut samples = vec![Vec::new(); bench.contenders.len()];
            samples[ours] = values;
            section.add(name, unit, better, samples);
        };
        let limit = Some(Limit::Absolute(HELD_MIB_MAX));
        add(format!("1 GiB {way}{place}, memory at most"), "MiB", (Better::Lower, limit), grown);
        add(format!("1 GiB {way}{place}"), "MiB/s", (Better::Higher, None), speeds);
    }
    section.note(format!(
        "One client reads a body of 1 GiB through the HTTP cache, which stores bodies up to {} MiB, or up to 64 MiB in files. Resident memory is \
         read after each 8 MiB, and compared with what it was before.",
        STORED_BYTES_MAX / MIB
    ));
    fs::remove_dir_all(&folder)?;
    Ok(section)
}

/// What a body took.
struct Passage {
    grown_mib: f64,
    mib_per_s: f64,
}

fn pass(server: &Server, port: u16, way: &str) -> Outcome<Passage> {
    const READ_BYTES: usize = 8 * MIB;
    let before = server.resident_bytes()?;
    let mut stream = TcpStream::connect(("127.0.0.1", port))?;
    let request = format!("GET /{way} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes())?;
    let (mut peak, mut taken, mut piece) = (before, 0, vec![0; READ_BYTES]);
    let started = Instant::now();
    loop {
        let mut filled = 0;
        while filled < READ_BYTES {
            match stream.read(&mut piece[filled..])? {
                0 => break,
                count => filled += count,
            }
        }
        taken += filled;
        peak = peak.max(server.resident_bytes()?);
        if filled < READ_BYTES {
            break;
        }
    }
    if taken < BODY_BYTES {
        return Err(format!("only {taken} bytes came").into());
    }
    let seconds = started.elapsed().as_secs_f64();
    let (grown_mib, mib) = ((peak - before) as f64 / MIB as f64, (taken / MIB) as f64);
    Ok(Passage { grown_mib, mib_per_s: mib / seconds })
}

/// Answers as an origin whose bodies have a length that is announced, or not.
fn answer(mut stream: &TcpStream) -> std::io::Result<()> {
    let mut lines = BufReader::new(stream).lines();
    let mut is_chunked = false;
    while let Some(line) = lines.next().transpose()? {
        is_chunked |= line.contains("/chunked");
        if !line.is_empty() {
            continue;
        }
        let length = if is_chunked {
            "Transfer-Encoding: chunked".to_owned()
        } else {
            format!("Content-Length: {BODY_BYTES}")
        };
        let head = format!("HTTP/1.1 200 OK\r\nCache-Control: max-age=3600\r\n{length}\r\n\r\n");
        stream.write_all(head.as_bytes())?;
        let body = vec![b'x'; PIECE_BYTES];
        let piece = if is_chunked {
            [format!("{PIECE_BYTES:x}\r\n").as_bytes(), &body, b"\r\n"].concat()
        } else {
            body
        };
        for _ in 0..BODY_BYTES / PIECE_BYTES {
            stream.write_all(&piece)?;
        }
        stream.write_all(if is_chunked { b"0\r\n\r\n" } else { b"" })?;
        is_chunked = false;
    }
    Ok(())
}
