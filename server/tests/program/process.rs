//! A real server process and a connection to it.

use spinel_resp::{Value, decode, encode_request};
use std::fs;
use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::net::TcpStream;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

/// How long a test waits for what must come at once.
const PATIENCE: Duration = Duration::from_secs(20);

/// A folder of its own, removed with its content when dropped.
pub(crate) struct Folder(PathBuf);

impl Folder {
    pub(crate) fn new() -> Folder {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("spinel-program-{}-{number}", std::process::id()));
        fs::create_dir_all(&path).expect("a new folder");
        Folder(path.canonicalize().expect("it exists"))
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    /// Writes a file and returns its path.
    pub(crate) fn file(&self, name: &str, text: &str) -> String {
        let path = self.0.join(name);
        fs::write(&path, text).expect("the folder is ours");
        path.to_str().expect("plain names").to_owned()
    }

    pub(crate) fn read(&self, name: &str) -> String {
        fs::read_to_string(self.0.join(name)).expect("the file is there")
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// A server that was started, and the log lines read from it so far.
pub(crate) struct Server {
    child: Child,
    output: BufReader<ChildStdout>,
    pub(crate) log: Vec<String>,
    pub(crate) port: u16,
}

impl Server {
    /// Starts a server in a folder on a free port of this machine and waits until it is ready.
    pub(crate) fn start(folder: &Folder, words: &[&str]) -> Server {
        let port = free_port().to_string();
        Server::start_with(
            folder,
            &[words, &["--port", &port, "--bind", "127.0.0.1"]].concat(),
            port.parse().expect("a port"),
        )
    }

    /// Starts a server with these words alone.
    pub(crate) fn start_with(folder: &Folder, words: &[&str], port: u16) -> Server {
        Server::start_in_environment(folder, words, port, &[])
    }

    /// The same, with variables of the environment.
    pub(crate) fn start_in_environment(
        folder: &Folder,
        words: &[&str],
        port: u16,
        environment: &[(&str, &str)],
    ) -> Server {
        let mut command = command(folder, words);
        command.envs(environment.iter().copied()).stdout(Stdio::piped());
        let mut child = command.spawn().expect("the program is there");
        let output = BufReader::new(child.stdout.take().expect("a pipe"));
        let mut server = Server { child, output, log: Vec::new(), port };
        server.wait_for("Ready to accept connections");
        server
    }

    /// Reads the log up to a line that contains `text`, and returns it.
    pub(crate) fn wait_for(&mut self, text: &str) -> String {
        loop {
            let mut line = String::new();
            let read = self.output.read_line(&mut line).expect("the log is text");
            assert!(read > 0, "the log ended without {text:?}: {:#?}", self.log);
            self.log.push(line.trim_end().to_owned());
            if line.contains(text) {
                return line;
            }
        }
    }

    pub(crate) fn process(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn connect(&self) -> Connection<TcpStream> {
        connect(self.port)
    }

    pub(crate) fn signal(&self, name: &str) {
        // The shell's own kill: the program of that name is a package of its own on small machines.
        let process = self.process().to_string();
        let status = Command::new("sh").args(["-c", r#"kill -s "$0" "$1""#, name, &process]).status();
        assert!(status.expect("every system has a shell").success());
    }

    /// Waits for the end and reads the rest of the log.
    pub(crate) fn wait(&mut self) -> ExitStatus {
        let mut rest = String::new();
        self.output.read_to_string(&mut rest).expect("the log is text");
        self.log.extend(rest.lines().map(str::to_owned));
        self.child.wait().expect("it was started")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A client's connection.
pub(crate) struct Connection<S> {
    stream: S,
    unread: Vec<u8>,
}

/// Connects to a port of this machine.
pub(crate) fn connect(port: u16) -> Connection<TcpStream> {
    let stream = TcpStream::connect(("127.0.0.1", port)).expect("the server listens");
    stream.set_read_timeout(Some(PATIENCE)).expect("a time-out");
    Connection { stream, unread: Vec::new() }
}

pub(crate) fn connect_unix(path: &Path) -> Connection<UnixStream> {
    let stream = UnixStream::connect(path).expect("the server listens");
    stream.set_read_timeout(Some(PATIENCE)).expect("a time-out");
    Connection { stream, unread: Vec::new() }
}

impl<S: Read + Write> Connection<S> {
    /// Sends a command and reads its reply.
    pub(crate) fn call(&mut self, words: &[&str]) -> Value {
        self.send(words);
        self.reply()
    }

    /// Reads one reply.
    pub(crate) fn reply(&mut self) -> Value {
        let mut bytes = [0; 4096];
        loop {
            if let Some((value, length)) = decode(&self.unread).expect("a reply") {
                self.unread.drain(..length);
                return value;
            }
            let read = match self.stream.read(&mut bytes) {
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                read => read.expect("a reply comes"),
            };
            assert!(read > 0, "the connection was closed before a reply");
            self.unread.extend_from_slice(&bytes[..read]);
        }
    }

    pub(crate) fn send(&mut self, words: &[&str]) {
        let mut request = Vec::new();
        encode_request(words, &mut request);
        self.stream.write_all(&request).expect("the server reads");
    }

    /// Sends bytes as they are.
    pub(crate) fn send_bytes(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).expect("the server reads");
    }

    /// Sends a command and reads its reply, which is text.
    pub(crate) fn text(&mut self, words: &[&str]) -> String {
        match self.call(words) {
            Value::Bulk(text) | Value::Verbatim { text, .. } | Value::Error(text) | Value::Simple(text) => {
                String::from_utf8_lossy(&text).into_owned()
            }
            other => panic!("{words:?}: {other:?}"),
        }
    }

    /// Everything until the server closes the connection.
    pub(crate) fn rest(&mut self) -> Vec<u8> {
        let mut bytes = Vec::new();
        self.stream.read_to_end(&mut bytes).expect("the server closes it");
        bytes
    }

    /// The value of a setting.
    pub(crate) fn setting(&mut self, name: &str) -> String {
        match self.call(&["config", "get", name]) {
            Value::Array(pair) => match &pair[..] {
                [_, Value::Bulk(value)] => String::from_utf8_lossy(value).into_owned(),
                other => panic!("{name}: {other:?}"),
            },
            other => panic!("{name}: {other:?}"),
        }
    }
}

pub(crate) fn ok() -> Value {
    Value::Simple("OK".into())
}

/// Runs the program to its end: exit status, standard output, standard error.
pub(crate) fn run(folder: &Folder, words: &[&str]) -> (Option<i32>, String, String) {
    let output = command(folder, words).output().expect("the program is there");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("text");
    (output.status.code(), text(output.stdout), text(output.stderr))
}

fn command(folder: &Folder, words: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_spinel-server"));
    command.args(words).current_dir(folder.path()).stdin(Stdio::null());
    command
}

/// A port that nobody listens on at the moment.
pub(crate) fn free_port() -> u16 {
    let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).expect("there is a port");
    listener.local_addr().expect("it is bound").port()
}
