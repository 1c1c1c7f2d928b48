//! The log: its levels, its forms, its files, the system's own log, and who is told that the server is ready.

use crate::process::{Folder, Server, free_port, ok};
use serde_json::Value as Json;
use std::fs;
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How long a test waits for what must come at once.
const PATIENCE: Duration = Duration::from_secs(20);

const DEBUG: &[&str] = &["--enable-debug-command", "yes"];

/// Writes a line to the log.
fn tell(server: &Server, text: &str) {
    assert_eq!(server.connect().call(&["debug", "log", text]), ok());
}

#[test]
fn levels_change_while_the_server_runs_for_all_parts_or_for_some() {
    let folder = Folder::new();
    let mut server = Server::start(&folder, DEBUG);
    tell(&server, "first");
    server.wait_for("DEBUG LOG: first");
    assert!(!server.log.iter().any(|line| line.contains("Accepted 127.0.0.1:")), "that is verbose");

    let mut client = server.connect();
    assert_eq!(client.call(&["config", "set", "log-levels", "acceptor=verbose,commands=nothing"]), ok());
    tell(&server, "second");
    let line = server.wait_for("Accepted 127.0.0.1:");
    assert!(line.contains(" - Accepted"), "{line}");
    assert_eq!(client.setting("log-levels"), "acceptor=verbose,commands=nothing");

    assert_eq!(client.call(&["config", "set", "log-levels", "", "loglevel", "warning"]), ok());
    tell(&server, "third");
    server.wait_for("DEBUG LOG: third");
    assert!(
        !server.log.iter().any(|line| line.contains("DEBUG LOG: second")),
        "of commands nothing was told"
    );

    let reason = client.text(&["config", "set", "log-levels", "coffee=debug"]);
    assert!(reason.contains("log-levels knows these parts: acceptor, acl"), "{reason}");
    // Nothing is lost of what Redis has.
    assert_eq!(client.call(&["config", "set", "loglevel", "nothing"]), ok());
    tell(&server, "fourth");
    server.signal("TERM");
    assert!(server.wait().success());
    assert!(server.log.last().expect("there are lines").contains("third"), "{:#?}", server.log);
}

#[test]
fn every_line_may_be_a_json_object() {
    let folder = Folder::new();
    let mut server = Server::start(&folder, &[DEBUG, &["--log-format", "json", "--timeout", "1"]].concat());
    tell(&server, "a \"quoted\"\n word");
    let mut client = server.connect();
    client.call(&["config", "set", "log-levels", "clients=verbose"]);
    server.wait_for("Closing idle client:");
    server.signal("TERM");
    assert!(server.wait().success());

    let objects: Vec<Json> = server
        .log
        .iter()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{line}: {error}")))
        .collect();
    let find = |message: &str| {
        let found = objects.iter().find(|object| object["message"] == message);
        found.unwrap_or_else(|| panic!("{message:?} in {objects:#?}"))
    };
    for object in &objects {
        assert_eq!(object["pid"], server.process());
        let time = object["ts"].as_str().expect("a text");
        assert!(time.len() == 24 && time.ends_with('Z'), "{time}");
    }
    let ready = find("Ready to accept connections tcp");
    assert_eq!((&ready["level"], &ready["target"]), (&"notice".into(), &"server".into()));
    assert_eq!(find("DEBUG LOG: a \"quoted\"\n word")["level"], "warning");
    let idle = find("Closing idle client:");
    assert!(idle["fields"]["id"].is_u64() && idle["fields"]["addr"].is_string(), "{idle}");
    assert_eq!((&idle["level"], &idle["target"]), (&"verbose".into(), &"clients::limits".into()));
}

#[test]
fn the_form_changes_while_the_server_runs() {
    let folder = Folder::new();
    let mut server = Server::start(&folder, DEBUG);
    assert_eq!(server.connect().call(&["config", "set", "log-format", "json"]), ok());
    tell(&server, "object");
    let line = server.wait_for("DEBUG LOG: object");
    assert!(serde_json::from_str::<Json>(&line).is_ok(), "{line}");
    assert_eq!(server.connect().call(&["config", "set", "log-format", "text"]), ok());
    tell(&server, "line");
    let line = server.wait_for("DEBUG LOG: line");
    assert!(line.starts_with(&format!("{}:M ", server.process())) && line.contains(" # "), "{line}");
}

/// Waits until a file contains a text.
fn wait_for_text(path: &Path, text: &str) {
    let deadline = std::time::Instant::now() + PATIENCE;
    while !fs::read_to_string(path).unwrap_or_default().contains(text) {
        assert!(std::time::Instant::now() < deadline, "{text:?} is not in {}", path.display());
        std::thread::yield_now();
    }
}

/// A server whose log is a file: its port is known, and it listens.
struct Filed {
    child: std::process::Child,
    port: u16,
    log: PathBuf,
}

impl Filed {
    fn start(folder: &Folder, words: &[&str], environment: &[(&str, &Path)]) -> Filed {
        let (log, port) = (folder.path().join("server.log"), free_port());
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_spinel-server"));
        command.args(["--port", &port.to_string(), "--bind", "127.0.0.1", "--logfile", "server.log"]);
        command.args([DEBUG, words].concat()).current_dir(folder.path());
        command.envs(environment.iter().copied());
        let child = command.spawn().expect("the program is there");
        wait_for_text(&log, "Ready to accept connections");
        Filed { child, port, log }
    }

    fn tell(&self, text: &str) {
        assert_eq!(crate::process::connect(self.port).call(&["debug", "log", text]), ok());
    }

    fn signal(&self, name: &str) {
        let status = std::process::Command::new("sh")
            .args(["-c", r#"kill -s "$0" "$1""#, name, &self.child.id().to_string()])
            .status();
        assert!(status.expect("every system has a shell").success());
    }
}

impl Drop for Filed {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn the_file_may_be_moved_away_with_and_without_a_signal() {
    let folder = Folder::new();
    let server = Filed::start(&folder, &[], &[]);
    let former = folder.path().join("server.log.1");
    fs::rename(&server.log, &former).expect("it is there");
    server.signal("HUP");
    wait_for_text(&server.log, "Received SIGHUP: the log file is open again.");
    server.tell("after the signal");
    assert!(folder.read("server.log").contains("after the signal"));
    assert!(!folder.read("server.log.1").contains("after the signal"));

    fs::rename(&server.log, &former).expect("it is there");
    server.tell("after the move");
    assert!(folder.read("server.log").contains("after the move"));
    // Where nobody can make a file, the one that is open gets the lines.
    fs::rename(&server.log, &former).expect("it is there");
    fs::create_dir(&server.log).expect("the name is free");
    server.tell("in the way");
    assert!(folder.read("server.log.1").contains("in the way"));
}

/// Receives the next message that a socket gets.
fn receive(socket: &UnixDatagram) -> String {
    let mut bytes = [0; 2048];
    let length = socket.recv(&mut bytes).expect("a message comes");
    String::from_utf8(bytes[..length].to_vec()).expect("it is text")
}

fn socket(path: &Path) -> UnixDatagram {
    let socket = UnixDatagram::bind(path).expect("the name is free");
    socket.set_read_timeout(Some(PATIENCE)).expect("it can wait");
    socket
}

#[test]
fn the_log_of_the_system_gets_the_events_too() {
    let folder = Folder::new();
    let path = folder.path().join("syslog");
    let first = socket(&path);
    let words = ["--syslog-enabled", "yes", "--syslog-facility", "local3", "--syslog-ident", "keys"];
    let words = [&words[..], &["--syslog-socket", path.to_str().expect("plain")]].concat();
    let server = Filed::start(&folder, &words, &[]);
    let process = server.child.id();
    // 19 is local3, 5 a notice, 4 a warning.
    let message = receive(&first);
    assert!(message.starts_with(&format!("<{}>", 19 * 8 + 5)), "{message}");
    assert!(message.contains(&format!(" keys[{process}]: SpinelDB version")), "{message}");
    while !receive(&first).contains("Ready to accept connections") {}
    server.tell("a\nb");
    let message = receive(&first);
    assert!(message.starts_with(&format!("<{}>", 19 * 8 + 4)), "{message}");
    assert!(message.ends_with(": DEBUG LOG: a\\nb"), "{message}");

    // A daemon that is started again is found again.
    drop(first);
    fs::remove_file(&path).expect("it was bound");
    server.tell("nobody hears it");
    let second = socket(&path);
    server.tell("again");
    assert!(receive(&second).ends_with(": DEBUG LOG: again"));
}

#[test]
fn systemd_is_told_how_far_the_server_is() {
    for setting in ["systemd", "auto"] {
        let folder = Folder::new();
        let path = folder.path().join("notify");
        let notify = socket(&path);
        let mut server = Filed::start(&folder, &["--supervised", setting], &[("NOTIFY_SOCKET", &path)]);
        assert_eq!(receive(&notify), "STATUS=Loading the data set");
        assert_eq!(receive(&notify), "STATUS=Ready to accept connections\nREADY=1");
        let told = crate::process::connect(server.port).text(&["info", "server"]);
        assert!(told.contains("process_supervised:systemd\r\n"), "{told}");
        server.signal("TERM");
        assert_eq!(receive(&notify), "STOPPING=1");
        assert!(server.child.wait().expect("it was started").success());
    }
}

#[test]
fn nobody_is_told_where_nobody_asks() {
    let folder = Folder::new();
    let mut server = Server::start(&folder, &["--supervised", "systemd"]);
    assert!(server.log.iter().any(|line| line.contains("NOTIFY_SOCKET is not set")), "{:#?}", server.log);
    server.signal("TERM");
    assert!(server.wait().success());
}
