//! The servers under measurement: starting one, and reading what the kernel knows about it.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};
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
    /// Further settings: what is kept on disk.
    pub(crate) settings: &'a [&'a str],
}

/// Nothing is kept on disk unless somebody asks for it.
const NO_LOG: &[&str] = &["--appendonly", "no"];

impl StartOptions<'_> {
    /// One thread that stays on `core`: the shape of every single-core comparison.
    pub(crate) fn pinned(core: usize) -> Self {
        Self { threads: 1, core: Some(core), under: &[], settings: NO_LOG }
    }

    /// `threads` threads on whichever cores the kernel chooses.
    pub(crate) fn roaming(threads: usize) -> Self {
        Self { threads, core: None, under: &[], settings: NO_LOG }
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
        let settings = settings(options.threads, options.settings);
        Ok(Self::of(server::Server::start_under(&front, &contender.program, &settings)?))
    }

    /// As [`Server::start`] with one thread that roams, in a folder that stays, with what is in it.
    pub(crate) fn start_in(folder: &Path, contender: &Contender, further: &[&str]) -> Outcome<Self> {
        Ok(Self::of(server::Server::start_in(folder, &contender.program, &settings(1, further))?))
    }

    fn of(process: server::Server) -> Self {
        Self { port: process.port(), process }
    }

    /// Returns the folder that its files are in, if it is its own.
    pub(crate) fn folder(&self) -> Outcome<&Path> {
        self.process.folder().ok_or_else(|| "the server's folder is somebody else's".into())
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

    /// Returns the same in ticks of 10 ms, with the time of threads that have ended.
    pub(crate) fn cpu_ticks_ns(&self) -> Outcome<u64> {
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

    /// Returns the memory that only it and its children have, each page counted once, in bytes.
    pub(crate) fn family_bytes(&self) -> Outcome<u64> {
        let own = self.process.id();
        let children = children(own)?;
        // A child may have ended since; the server itself is there.
        let of_children = children.into_iter().filter_map(|child| proportional_bytes(child).ok());
        Ok(proportional_bytes(own)? + of_children.sum::<u64>())
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

/// Returns the settings of every server, and further ones, as words of its command line.
fn settings(threads: usize, further: &[&str]) -> Vec<String> {
    let threads = threads.to_string();
    let own = ["--io-threads", &threads, "--maxclients", "11000"];
    further.iter().chain(&own).map(|&word| word.to_owned()).collect()
}

/// Returns the processes that this one has started and that are still there.
fn children(parent: u32) -> Outcome<Vec<u32>> {
    let parent = parent.to_string();
    let mut children = Vec::new();
    for entry in fs::read_dir("/proc")? {
        let Ok(id) = entry?.file_name().to_string_lossy().parse::<u32>() else { continue };
        // One that has ended meanwhile is nobody's child.
        let text = fs::read_to_string(format!("/proc/{id}/stat")).unwrap_or_default();
        let fields = text.rsplit_once(')').map_or("", |(_, fields)| fields);
        if fields.split_whitespace().nth(1) == Some(&parent) {
            children.push(id);
        }
    }
    Ok(children)
}

/// Returns the resident memory of a process, in which a page that several have counts in parts, in bytes.
fn proportional_bytes(id: u32) -> Outcome<u64> {
    let text = fs::read_to_string(format!("/proc/{id}/smaps_rollup"))?;
    let line = text.lines().find_map(|line| line.strip_prefix("Pss:")).ok_or("no Pss line")?;
    Ok(line.trim().trim_end_matches(" kB").parse::<u64>()? * 1024)
}

/// Returns whether `program` can be started at all, asked with `--version`.
pub(crate) fn is_installed(program: &str) -> bool {
    let mut command = Command::new(program);
    command.arg("--version").stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn children_are_found_and_have_memory() {
        let own = std::process::id();
        let mut child = Command::new("sleep").arg("60").spawn().unwrap();
        let is_found = children(own).unwrap().contains(&child.id());
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(is_found && !children(own).unwrap().contains(&child.id()));
        assert!(proportional_bytes(own).unwrap() > 100_000);
    }
}
