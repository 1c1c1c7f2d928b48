//! Stopping: by signal and by command.

use crate::process::{Folder, Server, ok};
use spinel_resp::Value;

#[test]
fn signals_end_the_server_in_good_order() {
    for name in ["TERM", "INT"] {
        let folder = Folder::new();
        let mut server = Server::start(&folder, &["--pidfile", "server.pid"]);
        let mut client = server.connect();
        assert_eq!(client.call(&["set", "k", "v"]), ok());
        server.signal(name);
        server.wait_for(&format!("Received SIG{name} scheduling shutdown..."));
        server.wait_for("User requested shutdown...");
        server.wait_for("ready to exit, bye bye");
        assert_eq!(server.wait().code(), Some(0));
        assert!(client.rest().is_empty(), "the connection is closed");
        assert!(!folder.path().join("server.pid").exists());
    }
}

#[test]
fn shutdown_ends_the_server_without_a_reply() {
    for words in [&["shutdown"][..], &["shutdown", "nosave"], &["SHUTDOWN", "SAVE", "NOW", "FORCE"]] {
        let folder = Folder::new();
        let mut server = Server::start(&folder, &[]);
        let mut client = server.connect();
        client.send(words);
        assert!(client.rest().is_empty(), "{words:?}");
        assert_eq!(server.wait().code(), Some(0));
        assert!(server.log.iter().any(|line| line.contains("ready to exit, bye bye")), "{:#?}", server.log);
        let is_saved = folder.path().join("dump.rdb").exists();
        assert_eq!(is_saved, !words.contains(&"nosave"), "{words:?}");
    }
}

#[test]
fn shutdown_refuses_what_makes_no_sense() {
    let folder = Folder::new();
    let server = Server::start(&folder, &[]);
    let mut client = server.connect();
    for (words, error) in [
        (&["shutdown", "abort"][..], "ERR No shutdown in progress."),
        (&["shutdown", "abort", "now"], "ERR syntax error"),
        (&["shutdown", "save", "nosave"], "ERR syntax error"),
        (&["shutdown", "later"], "ERR syntax error"),
    ] {
        assert_eq!(client.call(words), Value::Error(error.into()), "{words:?}");
    }
}

#[test]
fn a_stopped_server_goes_on() {
    let folder = Folder::new();
    let mut server = Server::start(&folder, &[]);
    let mut client = server.connect();
    server.signal("STOP");
    client.send(&["set", "k", "v"]);
    server.signal("CONT");
    assert_eq!(client.call(&["get", "k"]), ok());
    server.signal("TERM");
    assert_eq!(server.wait().code(), Some(0));
}
