//! DEBUG: who may use it, and what it does to the server.

use crate::process::{Folder, Server, ok};
use spinel_resp::Value;
use std::time::{Duration, Instant};

#[test]
fn it_is_refused_unless_switched_on() {
    let folder = Folder::new();
    let server = Server::start(&folder, &[]);
    let mut client = server.connect();
    for words in [
        &["debug", "sleep", "0"][..],
        &["debug", "object", "k"],
        &["debug", "nothing"],
        &["debug", "log"],
        &["debug", "help"],
    ] {
        let Value::Error(text) = client.call(words) else { panic!("{words:?} is allowed") };
        assert!(text.starts_with(b"ERR DEBUG command not allowed."), "{words:?}");
    }
    let local = Server::start(&folder, &["--enable-debug-command", "local"]);
    assert_eq!(local.connect().call(&["debug", "sleep", "0"]), ok());
}

#[test]
fn it_writes_to_the_log_and_replies_errors() {
    let folder = Folder::new();
    let mut server = Server::start(&folder, &["--enable-debug-command", "yes"]);
    let mut client = server.connect();
    assert_eq!(client.call(&["debug", "log", "two\nlines"]), ok());
    assert!(server.wait_for("DEBUG LOG").trim_end().ends_with("# DEBUG LOG: two\\nlines"));
    assert_eq!(client.call(&["debug", "error", "CODE text"]), Value::Error("CODE text".into()));
    let Value::Array(lines) = client.call(&["debug", "help"]) else { panic!("help is a list") };
    assert!(lines.contains(&Value::Simple("SLEEP seconds:double".into())), "{lines:?}");
}

#[test]
fn it_sleeps_as_long_as_it_is_told() {
    let folder = Folder::new();
    let server = Server::start(&folder, &["--enable-debug-command", "yes", "--io-threads", "2"]);
    let (mut sleeper, mut other) = (server.connect(), server.connect());
    assert_eq!(other.call(&["set", "k", "v"]), ok());
    let start = Instant::now();
    sleeper.send(&["debug", "sleep", "0.3"]);
    assert_eq!(sleeper.call(&["get", "k"]), ok());
    assert!(start.elapsed() >= Duration::from_millis(300));
    assert_eq!(other.call(&["get", "k"]), Value::Bulk("v".into()));
}

#[test]
fn it_rewrites_all_settings() {
    let folder = Folder::new();
    let file = folder.file("server.conf", "# mine\n");
    let server = Server::start(&folder, &[&file, "--enable-debug-command", "yes"]);
    assert_eq!(server.connect().call(&["debug", "config-rewrite-force-all"]), ok());
    let text = folder.read("server.conf");
    assert!(
        text.starts_with("# mine\n")
            && text.contains("\ntimeout 0\n")
            && text.contains("\nsave 3600 1\nsave 300 100\n"),
        "{text}"
    );
}
