//! Starting: the log, the command line, files that are wrong.

use crate::process::{Folder, Server, connect_unix, free_port, ok, run};
use spinel_resp::Value;
use std::os::unix::fs::PermissionsExt;

#[test]
fn the_log_tells_process_and_readiness_in_order() {
    let folder = Folder::new();
    let server = Server::start(&folder, &["--pidfile", "server.pid"]);
    let place = |text: &str| {
        let found = server.log.iter().position(|line| line.contains(text));
        found.unwrap_or_else(|| panic!("{text:?} in {:#?}", server.log))
    };
    let process = place(&format!(" PID: {}", server.process()));
    assert!(process < place("Server initialized"));
    assert!(place("Server initialized") < place("Ready to accept connections"));
    assert_eq!(folder.read("server.pid").trim(), server.process().to_string());
    assert_eq!(server.connect().call(&["set", "k", "v"]), ok());
}

#[test]
fn the_log_goes_to_a_file_and_is_appended_to() {
    let folder = Folder::new();
    let log = folder.file("server.log", "from before\n");
    let path = folder.path().join("s.sock");
    let socket = path.to_str().expect("plain");
    let is_ready = "Ready to accept connections unix";
    for starts in 1..=2 {
        let words = ["--port", "0", "--unixsocket", socket, "--logfile", &log];
        let (status, output, error) = std::thread::scope(|scope| {
            let program = scope.spawn(|| run(&folder, &words));
            while folder.read("server.log").matches(is_ready).count() < starts {
                std::thread::yield_now();
            }
            let mut client = std::os::unix::net::UnixStream::connect(&path).expect("it listens");
            std::io::Write::write_all(&mut client, b"SHUTDOWN NOSAVE\r\n").expect("it reads");
            program.join().expect("it ends")
        });
        assert_eq!((status, &*output, &*error), (Some(0), "", ""));
    }
    let text = folder.read("server.log");
    assert!(text.starts_with("from before\n"));
    assert_eq!(text.matches("ready to exit, bye bye").count(), 2, "{text}");
}

#[test]
fn a_taken_port_is_reported() {
    let folder = Folder::new();
    let server = Server::start(&folder, &[]);
    let port = server.port.to_string();
    let (status, output, _) = run(&folder, &["--port", &port, "--bind", "127.0.0.1"]);
    assert_eq!(status, Some(1));
    assert!(output.contains(&format!("Failed listening on port {port} (tcp), aborting.")), "{output}");
}

#[test]
fn nothing_to_listen_on_is_an_error() {
    let folder = Folder::new();
    let (status, output, _) = run(&folder, &["--port", "0"]);
    assert_eq!(status, Some(1));
    assert!(output.contains("Configured to not listen anywhere, exiting."), "{output}");
}

#[test]
fn version_and_help_are_printed() {
    let folder = Folder::new();
    for word in ["-v", "--version"] {
        let (status, output, _) = run(&folder, &[word]);
        let version = env!("CARGO_PKG_VERSION");
        assert_eq!(status, Some(0));
        assert!(output.starts_with(&format!("Spinel server v={version} sha=")), "{output}");
    }
    let (status, output, _) = run(&folder, &["--help"]);
    assert!(status == Some(0) && output.starts_with("Usage: spinel-server"), "{output}");
}

#[test]
fn wrong_directives_are_named_with_line_and_reason() {
    let folder = Folder::new();
    for (text, line, shown, reason) in [
        ("# c\n\nprot 1\n", 3, "prot 1", "did you mean 'port'?"),
        ("nonsense 1\n", 1, "nonsense 1", "Bad directive or wrong number of arguments"),
        ("port\n", 1, "port", "wrong number of arguments"),
        ("port 1 2\n", 1, "port 1 2", "wrong number of arguments"),
        ("save \"\"\nport \"1\n", 2, "port \"1", "Unbalanced quotes in configuration line"),
        ("maxmemory 1 gb\n", 1, "maxmemory 1 gb", "wrong number of arguments"),
        ("maxmemory 99999999999gb\n", 1, "maxmemory 99999999999gb", "argument must be a memory value"),
        ("maxmemory -1\n", 1, "maxmemory -1", "argument must be a memory value"),
        ("timeout x\n", 1, "timeout x", "argument couldn't be parsed into an integer"),
        ("port 65536\n", 1, "port 65536", "argument must be between 0 and 65535 inclusive"),
        ("appendonly maybe\n", 1, "appendonly maybe", "argument must be 'yes' or 'no'"),
        ("loglevel loud\n", 1, "loglevel loud", "argument(s) must be one of the following: debug, verbose,"),
        ("save 1\n", 1, "save 1", "Invalid save parameters"),
        ("unixsocketperm 999\n", 1, "unixsocketperm 999", "argument couldn't be parsed as an octal number"),
        ("dir /does/not/exist\n", 1, "dir /does/not/exist", "No such file or directory"),
        ("include wrong.conf\n", 1, "include wrong.conf", "Files include each other in a circle"),
        (
            "shutdown-on-sigterm save nosave\n",
            1,
            "shutdown-on-sigterm save nosave",
            "shutdown options SAVE and NOSAVE can't be used simultaneously",
        ),
    ] {
        folder.file("wrong.conf", text);
        let (status, _, error) = run(&folder, &["wrong.conf"]);
        assert_eq!(status, Some(1), "{text}");
        assert!(error.contains("*** FATAL CONFIG FILE ERROR"), "{error}");
        assert!(error.contains(&format!("at line {line}\n>>> '{shown}'\n")), "{error}");
        assert!(error.contains(reason), "{error}");
    }
    let (status, _, error) = run(&folder, &["absent.conf"]);
    assert!(status == Some(1) && error.contains("absent.conf': No such file or directory"), "{error}");
    let (status, _, error) = run(&folder, &["--port"]);
    assert!(status == Some(1) && error.contains("Reading the command line\n>>> 'port'"), "{error}");
}

#[test]
fn settings_are_read_from_standard_input() {
    let folder = Folder::new();
    let input = folder.file("input", "timeout 1\nnonsense 1\n");
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_spinel-server"))
        .arg("-")
        .stdin(std::fs::File::open(input).expect("it was just written"))
        .output()
        .expect("the program is there");
    let error = String::from_utf8(output.stderr).expect("text");
    assert_eq!(output.status.code(), Some(1));
    assert!(error.contains("at line 2\n>>> 'nonsense 1'\n"), "{error}");
}

#[test]
fn a_unix_socket_serves_alone_with_its_permissions() {
    let folder = Folder::new();
    let path = folder.path().join("server.sock");
    let socket = path.to_str().expect("plain");
    let words = ["--port", "0", "--unixsocket", socket, "--unixsocketperm", "700"];
    let mut server = Server::start_with(&folder, &words, 0);
    let mode = std::fs::metadata(&path).expect("it listens").permissions().mode();
    assert_eq!(mode & 0o777, 0o700);

    let mut client = connect_unix(&path);
    assert_eq!(client.call(&["set", "k", "v"]), ok());
    assert_eq!(client.call(&["get", "k"]), Value::Bulk("v".into()));

    server.signal("TERM");
    assert!(server.wait().success());
    assert!(!path.exists(), "the socket is removed");
    // What a killed server leaves behind is no obstacle.
    let mut killed = Server::start_with(&folder, &words, 0);
    killed.signal("KILL");
    killed.wait();
    assert!(path.exists());
    Server::start_with(&folder, &words, 0);
}

#[test]
fn the_port_can_be_chosen_in_one_argument() {
    let folder = Folder::new();
    let port = free_port();
    let server =
        Server::start_with(&folder, &[&format!("--port {port}"), "--bind 127.0.0.1", "--save"], port);
    assert_eq!(server.connect().setting("port"), port.to_string());
}
