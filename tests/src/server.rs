//! Running servers.

use crate::programs;
use std::fs;
use std::hash::{BuildHasher, RandomState};
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
/// What it prints before it loads its data set.
const LOADING: &str = "Server initialized";
/// How long to wait for what should come soon; long enough for a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);
/// Between asking for a free port and listening on it, somebody else may take it.
const START_ATTEMPTS: u32 = 5;

/// A server of its own for a test: on loopback, with an empty folder and no persistence. Dropping it ends the
/// process and removes the folder.
pub struct Server {
    child: Child,
    folder: Arc<Folder>,
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
        Server::start_in(Folder::new(), settings)
    }

    /// As [`start`](Server::start), with a process that may not make files of more than so many kilobytes.
    ///
    /// # Panics
    /// When it does not start; with what it printed.
    pub fn start_limited(settings: &[&str], file_kilobytes: u32) -> Server {
        Server::launch(Folder::new(), settings, READY, || {
            // Shells count in blocks of half a kilobyte.
            let script = format!("ulimit -S -f {} && exec \"$0\" \"$@\"", 2 * file_kilobytes);
            let mut command = Command::new("sh");
            command.args(["-c", &script]).arg(programs::server());
            command
        })
    }

    /// Starts a server in a folder that another one, which has ended, has left.
    ///
    /// # Panics
    /// When it does not start; with what it printed.
    pub fn start_in(folder: Folder, settings: &[&str]) -> Server {
        Server::launch(folder, settings, READY, program)
    }

    /// As [`start_in`](Server::start_in), with a file of settings that is in the folder, which `CONFIG REWRITE` changes.
    ///
    /// # Panics
    /// When it does not start; with what it printed.
    pub fn start_configured(folder: Folder, file: &str) -> Server {
        let file = folder.path().join(file);
        Server::launch(folder, &[], READY, || {
            let mut command = program();
            command.arg(&file);
            command
        })
    }

    /// As [`start_in`](Server::start_in), but does not wait until the server has loaded what is there.
    ///
    /// # Panics
    /// When it does not start; with what it printed.
    pub fn start_loading(folder: Folder, settings: &[&str]) -> Server {
        Server::launch(folder, settings, LOADING, program)
    }

    fn launch(folder: Folder, settings: &[&str], sign: &str, program: impl Fn() -> Command) -> Server {
        let folder = Arc::new(folder);
        let attempt = || Server::try_start(&folder, settings, sign, program());
        (1..START_ATTEMPTS).find_map(|_| attempt().ok()).unwrap_or_else(|| {
            attempt().unwrap_or_else(|log| panic!("no server with {settings:?}; it printed:\n{log}"))
        })
    }

    /// Tries to start a server that should not, and returns what it printed.
    ///
    /// # Panics
    /// When it starts.
    pub fn fail_in(folder: Folder, settings: &[&str]) -> String {
        let started = Server::try_start(&Arc::new(folder), settings, READY, program());
        started.err().unwrap_or_else(|| panic!("it started with {settings:?}"))
    }

    /// Ends the process as if the machine had lost its power, and returns the folder.
    pub fn kill(mut self) -> Folder {
        // It fails only when the process has ended already.
        drop(self.child.kill());
        self.wait();
        self.leave()
    }

    /// Returns the folder of a server that has ended by itself.
    pub fn leave(mut self) -> Folder {
        let folder = std::mem::replace(&mut self.folder, Arc::new(Folder(None)));
        drop(self);
        Arc::into_inner(folder).expect("only the attempt to start it had it, too")
    }

    /// The server, once it has printed a sign; or what it printed.
    fn try_start(
        folder: &Arc<Folder>,
        settings: &[&str],
        sign: &str,
        mut program: Command,
    ) -> Result<Server, String> {
        let folder = Arc::clone(folder);
        let port = free_port();
        let mut child = program
            .args(["--port", &port.to_string(), "--bind", "127.0.0.1", "--save", "", "--dir"])
            .arg(folder.path())
            .args(settings)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the server's program was just built");
        let log = Arc::new(Log::default());
        log.follow(child.stdout.take().expect("it is piped"), child.stderr.take().expect("it is piped"));
        let server = Server { child, folder, port, log };
        if server.log.wait_for(sign) { Ok(server) } else { Err(server.log()) }
    }

    /// Returns the port it listens on.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Asks the system for a port nobody uses, for a server to listen on, too.
    pub fn another_port() -> u16 {
        free_port()
    }

    /// Returns the id of its process.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Returns its folder.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Returns what it has printed.
    pub fn log(&self) -> String {
        self.log.lock().lines.join("\n")
    }

    /// Waits until it has loaded its data set.
    ///
    /// # Panics
    /// When it ends without, or takes too long.
    pub fn wait_until_ready(&self) {
        self.wait_for_log(READY);
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
        // They fail only when the process has ended already.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// A folder of its own, which is removed with this.
pub struct Folder(Option<PathBuf>);

impl Folder {
    /// Makes an empty one.
    ///
    /// # Panics
    /// When files can't be written.
    #[expect(clippy::new_without_default, reason = "it is made on disk")]
    pub fn new() -> Folder {
        static MADE: AtomicU32 = AtomicU32::new(0);
        let number = MADE.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("spinel-tests-{}-{number}", std::process::id()));
        fs::create_dir_all(&path).expect("the folder for temporary files can be written");
        Folder(Some(path))
    }

    /// Where it is.
    ///
    /// # Panics
    /// Never: only a server that has left its folder has none.
    pub fn path(&self) -> &Path {
        self.0.as_deref().expect("it is there until it is dropped")
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if let Some(path) = &self.0 {
            // Somebody may have removed it.
            drop(fs::remove_dir_all(path));
        }
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

fn program() -> Command {
    Command::new(programs::server())
}

/// Finds a port nobody uses.
///
/// # Panics
/// When there is none.
pub fn free_port() -> u16 {
    // Those above are given to connections, any of which may take one before it is used.
    const FIRST: u64 = 10_000;
    const COUNT: u64 = 20_000;
    let random = || FIRST + RandomState::new().hash_one(()) % COUNT;
    let ports = std::iter::repeat_with(|| random() as u16).take(1_000);
    let is_free = |port: &u16| TcpListener::bind(("127.0.0.1", *port)).is_ok();
    ports.into_iter().find(is_free).expect("loopback has a free port")
}
