//! Server processes that a verb starts for itself: on loopback, on a free port, in a folder that goes with them.

use std::collections::VecDeque;
use std::fs;
use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use crate::{Outcome, command};

/// What every server prints once it listens.
const READY: &str = "Ready to accept connections";
/// How long a server may take to print it, and to end: long enough under callgrind on a busy machine.
pub(crate) const TIMEOUT: Duration = Duration::from_secs(60);
/// How often a start is tried.
const START_ATTEMPTS: u32 = 3;
/// How many of its last lines are kept to explain an early end.
const LOG_LINES_MAX: usize = 30;

/// A running server; dropping it ends the process and removes its folder, unless that was there before.
pub(crate) struct Server {
    child: Child,
    /// Its own folder, which goes with it.
    folder: Option<PathBuf>,
    port: u16,
    address: String,
    log: Arc<Mutex<VecDeque<String>>>,
}

impl Server {
    /// Starts `program` with an empty dataset, no persistence and further `settings` (`--name`, `value`, …), and
    /// waits until it accepts connections.
    ///
    /// # Errors
    /// When it can't be started, ends, or does not get ready in time; with the last lines it printed.
    pub(crate) fn start(program: &Path, settings: &[String]) -> Outcome<Self> {
        Self::start_under(&[], program, settings)
    }

    /// As [`Server::start`], with words in front of the program, as `["valgrind", …]`.
    pub(crate) fn start_under(front: &[String], program: &Path, settings: &[String]) -> Outcome<Self> {
        // Between asking for a free port and listening on it, somebody else may take it.
        let attempt = || Self::try_start(front, program, settings);
        (1..START_ATTEMPTS).find_map(|_| attempt().ok()).map_or_else(attempt, Ok)
    }

    /// As [`Server::start`], in a folder that stays, with what is in it. Another start is tried only if the port was
    /// taken, so that nothing is mended on the quiet.
    pub(crate) fn start_in(folder: &Path, program: &Path, settings: &[String]) -> Outcome<Self> {
        loop {
            let (child, port) = spawn(&[], program, folder, settings)?;
            let outcome = Self::ready(child, port, None, program);
            if !outcome.as_ref().is_err_and(|error| error.to_string().contains("Address already in use")) {
                return outcome;
            }
        }
    }

    fn try_start(front: &[String], program: &Path, settings: &[String]) -> Outcome<Self> {
        let folder = fresh_folder()?;
        let (child, port) = spawn(front, program, &folder, settings)?;
        Self::ready(child, port, Some(folder), program)
    }

    fn ready(child: Child, port: u16, folder: Option<PathBuf>, program: &Path) -> Outcome<Self> {
        let log = Arc::default();
        let mut server = Self { child, folder, port, address: format!("127.0.0.1:{port}"), log };
        server.wait_until_ready(program)?;
        Ok(server)
    }

    /// Returns the id of the process.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Returns the folder that was made for it and goes with it.
    pub(crate) fn folder(&self) -> Option<&Path> {
        self.folder.as_deref()
    }

    /// Returns the loopback port it listens on.
    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// Asks it to end and waits until it has, so that what it writes at its end is there.
    ///
    /// # Errors
    /// When it is still there after [`TIMEOUT`].
    pub(crate) fn terminate(mut self) -> Outcome {
        command::run(Command::new("kill").args(["-TERM", &self.id().to_string()]))?;
        let asked = Instant::now();
        while self.child.try_wait()?.is_none() {
            if asked.elapsed() > TIMEOUT {
                return Err(format!("still running {TIMEOUT:?} after SIGTERM").into());
            }
            thread::sleep(Duration::from_millis(20));
        }
        Ok(())
    }

    /// Ends the process at once, as `kill -9` does.
    ///
    /// # Errors
    /// When it has ended by itself.
    pub(crate) fn kill(mut self) -> Outcome {
        if let Some(status) = self.child.try_wait()? {
            return Err(format!("ended by itself, with {status}:\n{}", self.last_lines()).into());
        }
        self.child.kill()?;
        self.child.wait()?;
        Ok(())
    }

    /// Returns host:port.
    pub(crate) fn address(&self) -> &str {
        &self.address
    }

    /// Returns the last lines the server printed.
    pub(crate) fn last_lines(&self) -> String {
        let lines = self.log.lock().unwrap_or_else(PoisonError::into_inner);
        lines.iter().flat_map(|line| ["    ", line, "\n"]).collect()
    }

    fn wait_until_ready(&mut self, program: &Path) -> Outcome {
        let output = self.child.stdout.take().expect("standard output is a pipe");
        let log = Arc::clone(&self.log);
        let (sender, receiver) = mpsc::channel();
        // The thread reads until the process ends, so that a full pipe never blocks the server.
        thread::spawn(move || {
            for line in BufReader::new(output).lines().map_while(Result::ok) {
                if line.contains(READY) {
                    // Nobody listens any more after the first such line.
                    sender.send(()).unwrap_or_default();
                }
                let mut lines = log.lock().unwrap_or_else(PoisonError::into_inner);
                if lines.len() == LOG_LINES_MAX {
                    lines.pop_front();
                }
                lines.push_back(line);
            }
        });

        let what = match receiver.recv_timeout(TIMEOUT) {
            Ok(()) => return Ok(()),
            Err(RecvTimeoutError::Timeout) => "does not get ready",
            Err(RecvTimeoutError::Disconnected) => "ended before it was ready",
        };
        Err(format!("{} {what}:\n{}", program.display(), self.last_lines()).into())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Both fail only when the process has already ended, which is what they are for.
        drop(self.child.kill());
        drop(self.child.wait());
        if let Some(folder) = &self.folder {
            drop(fs::remove_dir_all(folder));
        }
    }
}

/// Starts `program` with an empty list of save points on a free port, which is returned, and doesn't wait for it.
///
/// # Errors
/// When it can't be started.
pub(crate) fn spawn(
    front: &[String],
    program: &Path,
    folder: &Path,
    settings: &[String],
) -> Outcome<(Child, u16)> {
    let port = free_port()?;
    let mut words = front.iter().map(String::as_str).chain(program.to_str());
    let child = Command::new(words.next().ok_or("the program's path is no text")?)
        .args(words)
        .args(["--port", &port.to_string(), "--bind", "127.0.0.1", "--save", "", "--dir"])
        .arg(folder)
        .args(settings)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::inherit())
        .spawn()
        .map_err(|error| format!("{}: {error}", program.display()))?;
    Ok((child, port))
}

/// Makes an empty folder that nobody else uses.
pub(crate) fn fresh_folder() -> Outcome<PathBuf> {
    static MADE: AtomicU32 = AtomicU32::new(0);
    let number = MADE.fetch_add(1, Ordering::Relaxed);
    let folder = std::env::temp_dir().join(format!("spinel-xtask-{}-{number}", std::process::id()));
    fs::create_dir_all(&folder)?;
    Ok(folder)
}

/// Asks the system for a port nobody uses.
pub(crate) fn free_port() -> Outcome<u16> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}
