//! The row `door`: hits of the HTTP cache, beside nginx and Varnish.
//!
//! ```text
//! generator ── door of ours, nginx, Varnish ── origin (a thread here, asked once for each path)
//!  core 1                 core 0
//! ```

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use super::report::{Better, Limit, Section};
use super::server::{Contender, Server, Side, StartOptions};
use super::web::{Asked, Link, ask_all, origin};
use super::{Bench, affinity};
use crate::{Outcome, peers, server};

const CONNECTIONS: usize = 16;
/// Bodies, and of how many requests a sample of such a body consists, as a part of those of a small one.
const BODIES: [(usize, u64); 2] = [(1 << 10, 1), (100 << 10, 8)];
/// What of nginx's speed ours has to reach, and of Varnish's.
const SHARES: [(&str, f64); 2] = [("of nginx", 0.8), ("of Varnish", 1.0)];
/// A proxy that takes longer to listen never will.
const PATIENCE: Duration = Duration::from_secs(60);

/// A cache, and where it listens.
struct Cache {
    name: &'static str,
    port: u16,
    process: Process,
}

enum Process {
    #[expect(dead_code, reason = "it is there to end when it is dropped")]
    Ours(Server),
    Proxy(Proxy),
}

/// Measures how many requests a second each answers with what it holds.
pub(crate) fn run(bench: &Bench) -> Outcome<Section> {
    let ours = bench.contenders.iter().position(|contender| contender.side == Side::Ours);
    let ours = ours.ok_or("nobody but ours is measured beside proxies")?;
    let (first, last) = (bench.cores[0], bench.cores[bench.cores.len() - 1]);
    let origin = origin(answer)?;
    let caches = [
        Cache::ours(&bench.contenders[ours], origin, first)?,
        Cache::nginx(origin, first)?,
        Cache::varnish(origin, first)?,
    ];
    affinity::pin(&[last])?;
    let mut section = Section::default();
    for (bytes, part) in BODIES {
        let mut speeds = caches.each_ref().map(|_| Vec::new());
        for _ in 0..bench.rounds {
            for (cache, speeds) in caches.iter().zip(&mut speeds) {
                speeds.push(cache.sample(bytes, bench.operations / 16 / part)?);
            }
        }
        let what = format!("hits of {} KiB", bytes >> 10);
        let mut add = |name: String, unit, limit: Option<Limit>, values: Vec<f64>| {
            let mut samples = vec![Vec::new(); bench.contenders.len()];
            samples[ours] = values;
            section.add(name, unit, (Better::Higher, limit), samples);
        };
        for (cache, speeds) in caches.iter().zip(&speeds) {
            add(format!("{what}, {}", cache.name), "per second", None, speeds.clone());
        }
        for ((unit, least), theirs) in SHARES.into_iter().zip(&speeds[1..]) {
            let shares = speeds[0].iter().zip(theirs).map(|(ours, theirs)| ours / theirs).collect();
            add(format!("{what}, share"), unit, Some(Limit::Absolute(least)), shares);
        }
    }
    affinity::pin(&bench.cores)?;
    section.note(format!(
        "GETs of one URL that is stored, over {CONNECTIONS} connections. The caches are pinned on core {first}, with one thread or process \
         that serves, where that can be chosen; the load generator on core {last}."
    ));
    Ok(section)
}

impl Cache {
    fn ours(contender: &Contender, origin: u16, core: usize) -> Outcome<Cache> {
        let port = server::free_port()?;
        let (text, origin) = (port.to_string(), format!("http://127.0.0.1:{origin}"));
        let settings = [
            "--appendonly",
            "no",
            "--cache-http-port",
            &text,
            "--cache-http-origin",
            &origin,
            "--cache-origin-allow",
            "127.0.0.1",
            "--cache-allow-private",
            "yes",
        ];
        let options = StartOptions { settings: &settings, ..StartOptions::pinned(core) };
        Ok(Cache { name: "spinel", port, process: Process::Ours(Server::start(contender, options)?) })
    }

    fn nginx(origin: u16, core: usize) -> Outcome<Cache> {
        let (port, folder) = (server::free_port()?, server::fresh_folder()?);
        let path = folder.join("nginx.conf");
        fs::write(&path, nginx_settings(&folder, port, origin))?;
        let text = path.display().to_string();
        let words = ["-p".to_owned(), folder.display().to_string(), "-c".to_owned(), text];
        Self::proxy("nginx", &words, folder, port, core)
    }

    fn varnish(origin: u16, core: usize) -> Outcome<Cache> {
        let (port, folder) = (server::free_port()?, server::fresh_folder()?);
        let words = [
            "-F",
            "-a",
            &format!("127.0.0.1:{port}"),
            "-b",
            &format!("127.0.0.1:{origin}"),
            "-n",
            &folder.join("varnish").display().to_string(),
            "-s",
            "malloc,256m",
        ]
        .map(str::to_owned);
        Self::proxy("varnish", &words, folder, port, core)
    }

    fn proxy(
        name: &'static str,
        words: &[String],
        folder: PathBuf,
        port: u16,
        core: usize,
    ) -> Outcome<Cache> {
        let proxy = Proxy::start(&peers::find(name, "proxy")?, words, folder, port, core)?;
        Ok(Cache { name, port, process: Process::Proxy(proxy) })
    }

    /// How many requests a second are answered with a body of so many bytes.
    fn sample(&self, bytes: usize, requests: u64) -> Outcome<f64> {
        let request = format!("GET /{bytes} HTTP/1.1\r\nHost: localhost\r\n\r\n");
        let asked = Asked { request: request.into_bytes(), start: b"HTTP/1.1 200 ", body_bytes: bytes };
        let mut links = (0..CONNECTIONS)
            .map(|_| Link::connect(self.port, asked.clone()))
            .collect::<Outcome<Vec<_>>>()
            .map_err(|error| format!("{}: {error}{}", self.name, self.last_lines()))?;
        let rounds = requests / CONNECTIONS as u64 + 1;
        ask_all(&mut links, rounds / 10 + 1)?;
        let started = Instant::now();
        ask_all(&mut links, rounds)?;
        Ok((rounds * CONNECTIONS as u64) as f64 / started.elapsed().as_secs_f64())
    }

    fn last_lines(&self) -> String {
        match &self.process {
            Process::Ours(_) => String::new(),
            Process::Proxy(proxy) => fs::read_to_string(proxy.folder.join("log")).unwrap_or_default(),
        }
    }
}

/// A cache of others; dropping it ends its processes and removes its folder.
struct Proxy {
    child: Child,
    folder: PathBuf,
}

impl Proxy {
    fn start(program: &Path, words: &[String], folder: PathBuf, port: u16, core: usize) -> Outcome<Proxy> {
        let log = fs::File::create(folder.join("log"))?;
        let child = Command::new("taskset")
            .args(["-c", &core.to_string()])
            .arg(program)
            .args(words)
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()?;
        let proxy = Proxy { child, folder };
        let started = Instant::now();
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            if started.elapsed() > PATIENCE {
                let log = fs::read_to_string(proxy.folder.join("log"))?;
                return Err(format!("{} does not listen:\n{log}", program.display()).into());
            }
            thread::sleep(Duration::from_millis(20));
        }
        Ok(proxy)
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        // Asked politely, both end their children. They fail only when the process has already ended.
        drop(Command::new("kill").args(["-TERM", &self.child.id().to_string()]).status());
        drop(self.child.wait());
        drop(fs::remove_dir_all(&self.folder));
    }
}

/// A cache in memory as far as nginx has one: files, which the system keeps there.
fn nginx_settings(folder: &Path, port: u16, origin: u16) -> String {
    let folder = folder.display();
    format!(
        "daemon off; worker_processes 1; pid {folder}/pid; error_log stderr; user root;
         events {{ worker_connections 1024; }}
         http {{
           access_log off; sendfile on; keepalive_requests 100000000; open_file_cache max=100;
           client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fastcgi;
           uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
           proxy_cache_path {folder}/cache keys_zone=door:10m;
           server {{
             listen 127.0.0.1:{port};
             location / {{ proxy_pass http://127.0.0.1:{origin}; proxy_cache door; add_header Cache-Status $upstream_cache_status; }}
           }}
         }}
"
    )
}

/// Answers as an origin whose answers may be kept for an hour, with bodies as long as paths say.
fn answer(stream: &TcpStream) -> std::io::Result<()> {
    let (mut lines, mut path) = (BufReader::new(stream).lines(), 0);
    while let Some(line) = lines.next().transpose()? {
        if let Some(rest) = line.strip_prefix("GET /") {
            path = rest.split(' ').next().and_then(|number| number.parse().ok()).unwrap_or(0);
        }
        if line.is_empty() {
            let head =
                format!("HTTP/1.1 200 OK\r\nCache-Control: max-age=3600\r\nContent-Length: {path}\r\n\r\n");
            let mut stream = stream;
            stream.write_all(&[head.as_bytes(), &vec![b'x'; path]].concat())?;
        }
    }
    Ok(())
}
