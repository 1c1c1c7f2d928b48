//! The servers under measurement: starting one, and reading what the kernel knows about it.

use std::collections::HashMap;
use std::fs;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

use crate::{Outcome, server};

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

/// A running server with what the kernel keeps about its process.
pub(crate) struct Server {
    process: server::Server,
    /// The loopback port it listens on.
    pub(crate) port: u16,
}

impl Server {
    /// Starts `contender` and waits until it says that it listens.
    ///
    /// # Errors
    /// When it ends, or stays silent for a minute, before it listens.
    pub(crate) fn start(contender: &Contender, options: StartOptions) -> Outcome<Self> {
        let mut front: Vec<String> = Vec::new();
        if let Some(core) = options.core {
            front.extend(["taskset".to_owned(), "-c".to_owned(), core.to_string()]);
        }
        front.extend(options.under.iter().cloned());
        let threads = options.threads.to_string();
        let settings = ["--appendonly", "no", "--io-threads", &threads, "--maxclients", "11000"];
        let settings = settings.map(str::to_owned);
        let process = server::Server::start_under(&front, &contender.program, &settings)?;
        let port = process.port();
        Ok(Self { process, port })
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
        for task in fs::read_dir(format!("/proc/{}/task", self.process.id()))? {
            let task = task?;
            let thread = task.file_name().to_string_lossy().into_owned();
            let spent_ns = self.cpu_ns_of(&thread)?;
            threads.insert(thread, spent_ns);
        }
        Ok(threads)
    }

    /// Returns the user and system time of one thread so far, in nanoseconds.
    ///
    /// # Errors
    /// When the thread has ended, or where the kernel keeps no account of threads.
    pub(crate) fn cpu_ns_of(&self, thread: &str) -> Outcome<u64> {
        let text = fs::read_to_string(format!("/proc/{}/task/{thread}/schedstat", self.process.id()))?;
        Ok(text.split(' ').next().unwrap_or_default().parse()?)
    }

    fn cpu_ticks_ns(&self) -> Outcome<u64> {
        let text = fs::read_to_string(format!("/proc/{}/stat", self.process.id()))?;
        // The name in parentheses may hold spaces; user and system ticks are the 12th and 13th field after it.
        let (_, fields) = text.rsplit_once(')').ok_or("no name in /proc/PID/stat")?;
        let ticks = fields.split_whitespace().skip(11).take(2).map(str::parse::<u64>);
        Ok(ticks.sum::<Result<u64, _>>()? * 10_000_000)
    }

    /// Returns its resident memory in bytes.
    pub(crate) fn resident_bytes(&self) -> Outcome<u64> {
        let text = fs::read_to_string(format!("/proc/{}/status", self.process.id()))?;
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
    /// When it doesn't end.
    pub(crate) fn terminate(self) -> Outcome {
        self.process.terminate()
    }
}

/// Returns whether `program` can be started at all, asked with `--version`.
pub(crate) fn is_installed(program: &str) -> bool {
    let mut command = Command::new(program);
    command.arg("--version").stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}
