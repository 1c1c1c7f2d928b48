//! The servers under measurement: starting one, and reading what the kernel knows about it.

use std::collections::HashMap;
use std::fs;
use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread;
use std::time::{Duration, Instant};

use crate::{Outcome, command};

/// What a server prints once it listens.
const READY: &str = "Ready to accept connections";

/// Long enough for a server under callgrind on a busy machine.
const START_LIMIT: Duration = Duration::from_secs(60);

/// The same for its end.
const END_LIMIT: Duration = Duration::from_secs(60);

/// One of the programs that are compared.
#[derive(Clone)]
pub(crate) struct Contender {
    /// The word that names it in tables.
    pub(crate) name: String,
    /// What its `--version` says.
    pub(crate) version: String,
    /// The program or script that starts it.
    pub(crate) program: PathBuf,
    /// Whether it is ours or one that we compare with.
    pub(crate) side: Side,
}

/// Which side of the comparison a contender stands on.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    Ours,
    Peer,
}

/// How to start a server.
#[derive(Clone, Copy)]
pub(crate) struct StartOptions<'a> {
    /// Threads that serve connections.
    pub(crate) threads: usize,
    /// The processor core it must stay on, or none to let it roam.
    pub(crate) core: Option<usize>,
    /// Words in front of the program, as `["valgrind", …]`.
    pub(crate) under: &'a [String],
}

impl StartOptions<'_> {
    /// One thread that stays on `core`: the shape of every single-core comparison.
    pub(crate) fn pinned(core: usize) -> Self {
        Self { threads: 1, core: Some(core), under: &[] }
    }

    /// `threads` threads on whichever cores the kernel chooses.
    pub(crate) fn roaming(threads: usize) -> Self {
        Self { threads, core: None, under: &[] }
    }
}

/// A server that runs until this is dropped, on a free loopback port with an empty folder of its own.
pub(crate) struct Server {
    child: Child,
    /// The loopback port it listens on.
    pub(crate) port: u16,
    folder: PathBuf,
}

impl Server {
    /// Starts `contender` and waits until it says that it listens.
    ///
    /// # Errors
    /// When it ends, or stays silent for [`START_LIMIT`], before it listens.
    pub(crate) fn start(contender: &Contender, options: StartOptions) -> Outcome<Self> {
        let port = free_port()?;
        let folder = std::env::temp_dir().join(format!("spinel-bench-{}-{port}", std::process::id()));
        fs::create_dir_all(&folder)?;
        let mut words: Vec<String> = Vec::new();
        if let Some(core) = options.core {
            words.extend(["taskset".to_owned(), "-c".to_owned(), core.to_string()]);
        }
        words.extend(options.under.iter().cloned());
        words.push(contender.program.display().to_string());
        let mut child = Command::new(&words[0])
            .args(&words[1..])
            .args(["--port", &port.to_string(), "--save", "", "--appendonly", "no"])
            .args(["--dir", &folder.display().to_string()])
            .args(["--io-threads", &options.threads.to_string(), "--maxclients", "11000"])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .map_err(|error| format!("{}: {error}", words.join(" ")))?;
        let stdout = child.stdout.take().expect("stdout is piped");
        let server = Self { child, port, folder };
        wait_until_ready(stdout).map_err(|error| format!("{}: {error}", words.join(" ")))?;
        Ok(server)
    }

    /// Returns the user and system time of all its threads so far, in nanoseconds.
    ///
    /// The scheduler's own account, exact to the last switch away from each thread; where the kernel keeps none,
    /// the process's ticks of 10 ms.
    pub(crate) fn cpu_ns(&self) -> Outcome<u64> {
        match self.thread_cpu_ns() {
            Ok(threads) => Ok(threads.values().sum()),
            Err(_) => self.cpu_ticks_ns(),
        }
    }

    /// Returns the same for each of its threads, by the thread's id.
    ///
    /// # Errors
    /// Where the kernel keeps no account of threads.
    pub(crate) fn thread_cpu_ns(&self) -> Outcome<HashMap<String, u64>> {
        let mut threads = HashMap::new();
        for task in fs::read_dir(format!("/proc/{}/task", self.child.id()))? {
            let task = task?;
            let text = fs::read_to_string(task.path().join("schedstat"))?;
            let spent = text.split(' ').next().unwrap_or_default().parse()?;
            threads.insert(task.file_name().to_string_lossy().into_owned(), spent);
        }
        Ok(threads)
    }

    fn cpu_ticks_ns(&self) -> Outcome<u64> {
        let text = fs::read_to_string(format!("/proc/{}/stat", self.child.id()))?;
        // The name in parentheses may hold spaces; user and system ticks are the 12th and 13th field after it.
        let (_, fields) = text.rsplit_once(')').ok_or("no name in /proc/PID/stat")?;
        let ticks = fields.split_whitespace().skip(11).take(2).map(str::parse::<u64>);
        Ok(ticks.sum::<Result<u64, _>>()? * 10_000_000)
    }

    /// Returns its resident memory in bytes.
    pub(crate) fn resident_bytes(&self) -> Outcome<u64> {
        let text = fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:")).ok_or("no VmRSS line")?;
        Ok(line.trim().trim_end_matches(" kB").parse::<u64>()? * 1024)
    }

    /// Returns its resident memory once it has stopped changing (at most 5 s later), in bytes.
    pub(crate) fn settled_bytes(&self) -> Outcome<u64> {
        let mut before = self.resident_bytes()?;
        for _ in 0..10 {
            thread::sleep(Duration::from_millis(500));
            let now = self.resident_bytes()?;
            if now.abs_diff(before) < 64 * 1024 {
                return Ok(now);
            }
            before = now;
        }
        Ok(before)
    }

    /// Asks it to end and waits until it has, so that what it writes at its end is there.
    ///
    /// # Errors
    /// When it is still there after [`END_LIMIT`].
    pub(crate) fn terminate(mut self) -> Outcome {
        command::run(Command::new("kill").args(["-TERM", &self.child.id().to_string()]))?;
        let asked = Instant::now();
        while self.child.try_wait()?.is_none() {
            if asked.elapsed() > END_LIMIT {
                return Err(format!("still running {END_LIMIT:?} after SIGTERM").into());
            }
            thread::sleep(Duration::from_millis(20));
        }
        Ok(())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended by itself, which is as good; and a folder in /tmp that stays does no harm.
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// Returns a loopback port that nobody listens on.
fn free_port() -> Outcome<u16> {
    Ok(TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port())
}

/// Reads the server's output up to the line that says that it listens; a thread reads the rest, so that the
/// server never waits for a reader.
fn wait_until_ready(stdout: ChildStdout) -> Outcome {
    let (ready, listener) = mpsc::channel();
    thread::spawn(move || read_log(stdout, &ready));
    match listener.recv_timeout(START_LIMIT) {
        Ok(None) => Ok(()),
        Ok(Some(log)) => Err(format!("ended before it listened:\n{log}").into()),
        Err(RecvTimeoutError::Timeout) => Err(format!("not listening after {START_LIMIT:?}").into()),
        Err(RecvTimeoutError::Disconnected) => Err("its output can't be read".into()),
    }
}

/// Sends `None` when the ready line comes, or all that was printed when the output ends without it.
fn read_log(stdout: ChildStdout, ready: &Sender<Option<String>>) {
    let mut log = String::new();
    let mut waiting = true;
    for line in BufReader::new(stdout).lines().map_while(Result::ok) {
        if waiting && line.contains(READY) {
            waiting = false;
            // Nobody listens any more once the limit has passed.
            let _ = ready.send(None);
        } else if waiting {
            log.push_str(&line);
            log.push('\n');
        }
    }
    if waiting {
        let _ = ready.send(Some(log));
    }
}

/// Returns whether `program` can be started at all, asked with `--version`.
pub(crate) fn is_installed(program: &str) -> bool {
    let mut command = Command::new(program);
    command.arg("--version").stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}
