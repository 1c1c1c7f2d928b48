//! Running servers.

use crate::programs;
use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

/// What a server prints once it listens.
const READY: &str = "Ready to accept connections";
/// How long to wait for what should come soon; long enough for a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);
/// Between asking for a free port and listening on it, somebody else may take it.
const START_ATTEMPTS: u32 = 5;

/// A server of its own for a test: on loopback, with an empty folder and no persistence. Dropping it ends the
/// process and removes the folder.
pub struct Server {
    child: Child,
    folder: PathBuf,
    port: u16,
    log: Arc<Log>,
}

/// The lines a server has printed, and whether more can come.
#[derive(Default)]
struct Log {
    state: Mutex<LogState>,
    changed: Condvar,
}

#[derive(Default)]
struct LogState {
    lines: Vec<String>,
    has_ended: bool,
}

impl Server {
    /// Starts a server with further settings, as in `["--maxclients", "10"]`, and waits until it listens.
    ///
    /// # Panics
    /// When it does not; with what it printed.
    pub fn start(settings: &[&str]) -> Server {
        let attempt = || Server::try_start(settings);
        (1..START_ATTEMPTS).find_map(|_| attempt().ok()).unwrap_or_else(|| {
            attempt().unwrap_or_else(|log| panic!("no server with {settings:?}; it printed:\n{log}"))
        })
    }

    fn try_start(settings: &[&str]) -> Result<Server, String> {
        static STARTED: AtomicU32 = AtomicU32::new(0);
        let number = STARTED.fetch_add(1, Ordering::Relaxed);
        let folder = std::env::temp_dir().join(format!("spinel-tests-{}-{number}", std::process::id()));
        fs::create_dir_all(&folder).expect("the folder for temporary files can be written");
        let port = free_port();
        let mut child = Command::new(programs::server())
            .args(["--port", &port.to_string(), "--bind", "127.0.0.1", "--save", "", "--dir"])
            .arg(&folder)
            .args(settings)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the server's program was just built");
        let log = Arc::new(Log::default());
        log.follow(child.stdout.take().expect("it is piped"), child.stderr.take().expect("it is piped"));
        let server = Server { child, folder, port, log };
        if server.log.wait_for(READY) { Ok(server) } else { Err(server.log()) }
    }

    /// Returns the port it listens on.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Returns the id of its process.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Returns its folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Returns what it has printed.
    pub fn log(&self) -> String {
        self.log.lock().lines.join("\n")
    }

    /// Waits until it has printed a line that contains `text`.
    ///
    /// # Panics
    /// When it ends without, or takes too long.
    pub fn wait_for_log(&self, text: &str) {
        assert!(self.log.wait_for(text), "no line with {text:?}; it printed:\n{}", self.log());
    }

    /// Returns its resident memory in bytes.
    pub fn resident_bytes(&self) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.id())).expect("the process runs");
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("it has memory");
        let kilobytes = line.trim().trim_end_matches(" kB").parse::<u64>().expect("VmRSS is in kB");
        kilobytes * 1024
    }

    /// Sends a signal, as in `"TERM"`.
    pub fn signal(&self, name: &str) {
        // The shell's own kill: the program of that name is a package of its own on small machines.
        let id = self.id().to_string();
        let status = Command::new("sh").args(["-c", r#"kill -s "$0" "$1""#, name, &id]).status();
        assert!(status.expect("every system has a shell").success(), "the process is there");
    }

    /// Waits until the process has ended by itself.
    pub fn wait(&mut self) -> ExitStatus {
        self.log.wait_for_end();
        self.child.wait().expect("a child can be waited for")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // They fail only when the process has ended already, or when the folder is gone.
        drop(self.child.kill());
        drop(self.child.wait());
        drop(fs::remove_dir_all(&self.folder));
    }
}

impl Log {
    /// Reads both outputs until the process ends, so that a full pipe never blocks it.
    fn follow(self: &Arc<Log>, output: impl Read + Send + 'static, errors: impl Read + Send + 'static) {
        let log = Arc::clone(self);
        thread::spawn(move || {
            let other = Arc::clone(&log);
            let second = thread::spawn(move || other.take_lines(errors));
            log.take_lines(output);
            second.join().expect("reading lines doesn't panic");
            log.lock().has_ended = true;
            log.changed.notify_all();
        });
    }

    fn take_lines(&self, source: impl Read) {
        for line in BufReader::new(source).split(b'\n').map_while(Result::ok) {
            self.lock().lines.push(String::from_utf8_lossy(&line).into_owned());
            self.changed.notify_all();
        }
    }

    fn wait_for(&self, text: &str) -> bool {
        let contains = |state: &LogState| state.lines.iter().any(|line| line.contains(text));
        let is_unsettled = |state: &mut LogState| !state.has_ended && !contains(state);
        let waited = self.changed.wait_timeout_while(self.lock(), PATIENCE, is_unsettled);
        contains(&waited.unwrap_or_else(PoisonError::into_inner).0)
    }

    fn wait_for_end(&self) {
        let waited = self.changed.wait_timeout_while(self.lock(), PATIENCE, |state| !state.has_ended);
        let (state, _) = waited.unwrap_or_else(PoisonError::into_inner);
        assert!(state.has_ended, "the server still runs; it printed:\n{}", state.lines.join("\n"));
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, LogState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Asks the system for a port nobody uses.
fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("loopback has a free port");
    listener.local_addr().expect("a bound socket has an address").port()
}
