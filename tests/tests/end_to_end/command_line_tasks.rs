//! What `spinel-cli` does instead of commands: looking for keys, piping, measuring, scripts, redirections.

use spinel_tests::{Client, Server, programs};
use std::io::{Read, Write};
use std::net::TcpListener;
use std::process::{Command, Output};
use std::thread;

/// Runs the client against a port, and returns its status, output and errors.
fn run(port: u16, options: &[&str], input: &[u8]) -> (Option<i32>, String, String) {
    let Output { status, stdout, stderr } =
        programs::feed(Command::new(programs::cli()).args(["-p", &port.to_string()]).args(options), input);
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    (status.code(), text(stdout), text(stderr))
}

fn fill(port: u16) {
    let mut client = Client::connect(port);
    for number in 0..100 {
        assert_eq!(client.text(["SET", &format!("s:{number}"), "value"]), "OK");
    }
    for words in
        [&["RPUSH", "list", "a", "b", "c"][..], &["SADD", "a \"set\"", "x"], &["SET", "long", "0123456789"]]
    {
        client.call(words);
    }
}

#[test]
fn a_scan_lists_each_key_once() {
    let server = Server::start(&[]);
    fill(server.port());

    let (status, output, _) = run(server.port(), &["--scan", "--pattern", "s:*", "--count", "7"], b"");
    let mut keys: Vec<&str> = output.lines().collect();
    keys.sort_unstable();
    keys.dedup();
    assert_eq!((status, keys.len()), (Some(0), 100));
    assert_eq!(run(server.port(), &["--scan", "--type", "list"], b"").1, "list\n");
    assert_eq!(run(server.port(), &["--no-raw", "--scan", "--type", "set"], b"").1, "\"a \\\"set\\\"\"\n");
    let refused = run(server.port(), &["--scan", "--count", "0"], b"");
    assert_eq!(refused, (Some(1), String::new(), "SCAN error: ERR syntax error\n".to_owned()));
}

#[test]
fn big_keys_are_found() {
    let server = Server::start(&[]);
    fill(server.port());

    let (status, output, errors) = run(server.port(), &["--bigkeys"], b"");
    assert_eq!((status, errors.as_str()), (Some(0), ""));
    for line in [
        "Sampled 103 keys in the keyspace!",
        "Biggest   list found \"list\" has 3 items",
        "Biggest string found \"long\" has 10 bytes",
        "Biggest    set found \"a \\\"set\\\"\" has 1 members",
        "101 strings with 510 bytes (98.06% of keys, avg size 5.05)",
        "0 zsets with 0 members (00.00% of keys, avg size 0.00)",
    ] {
        assert!(output.contains(&format!("{line}\n")), "{line}:\n{output}");
    }
    let (_, output, _) = run(server.port(), &["--keystats", "--top", "2"], b"");
    for line in [
        "100.00% keys scanned",
        "Keys sampled: 103",
        "--- Top 2 key sizes ---",
        "list       list has 3 items",
    ] {
        assert!(output.contains(&format!("{line}\n")), "{line}:\n{output}");
    }
}

#[test]
fn hot_keys_need_a_policy_that_counts() {
    let server = Server::start(&[]);
    fill(server.port());
    let (status, _, errors) = run(server.port(), &["--hotkeys"], b"");
    assert_eq!(status, Some(1));
    assert!(errors.starts_with("Error: ERR An LFU maxmemory policy is not selected"), "{errors}");

    let mut client = Client::connect(server.port());
    assert_eq!(client.text(["CONFIG", "SET", "maxmemory-policy", "allkeys-lfu"]), "OK");
    (0..500).for_each(|_| drop(client.text(["GET", "s:7"])));
    let (status, output, _) = run(server.port(), &["--hotkeys"], b"");
    assert_eq!(status, Some(0));
    assert!(output.contains("keyname: \"s:7\"\n"), "{output}");
}

#[test]
fn a_pipe_takes_any_amount_and_counts_replies() {
    let server = Server::start(&[]);
    // Replies that fill every buffer on the way: whoever doesn't read while writing never ends.
    let echo = [b"*2\r\n$4\r\nECHO\r\n$100000\r\n", "x".repeat(100_000).as_bytes(), b"\r\n"].concat();
    let (status, output, errors) = run(server.port(), &["--pipe"], &echo.repeat(300));
    let told = "All data transferred. Waiting for the last reply...\nLast reply received from server.\n";
    assert_eq!((status, output, errors.as_str()), (Some(0), format!("{told}errors: 0, replies: 300\n"), ""));

    let (status, output, errors) = run(server.port(), &["--pipe"], b"SET a 1\r\nNOSUCH\r\nGET a");
    assert_eq!((status, output), (Some(1), format!("{told}errors: 1, replies: 3\n")));
    assert!(errors.starts_with("ERR unknown command 'NOSUCH'"), "{errors}");
}

#[test]
fn a_pipe_does_not_wait_for_ever() {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("loopback has a free port");
    let port = listener.local_addr().expect("it is bound").port();
    let silent = thread::spawn(move || {
        let (mut stream, _) = listener.accept().expect("the client connects");
        let mut received = Vec::new();
        stream.read_to_end(&mut received).expect("the client ends the connection");
    });
    let (status, _, errors) = run(port, &["--pipe", "--pipe-timeout", "0.1"], b"PING\r\n");
    assert_eq!((status, errors.as_str()), (Some(1), "No replies for 0.1 seconds: exiting.\n"));
    silent.join().expect("it waits for the end only");
}

#[test]
fn latency_is_told_in_every_format() {
    let server = Server::start(&[]);
    let (status, output, _) = run(server.port(), &["--latency", "--csv", "-i", "0.05"], b"");
    assert_eq!((status, output.trim_end().split(',').count()), (Some(0), 4));
    let (_, output, _) = run(server.port(), &["--intrinsic-latency", "0.05"], b"");
    assert!(output.contains(" total runs (avg latency: "), "{output}");
}

#[test]
fn a_script_file_has_keys_and_arguments() {
    let server = Server::start(&[]);
    let folder = std::env::temp_dir().join(format!("spinel-script-{}", std::process::id()));
    std::fs::write(&folder, "return {KEYS, ARGV}").expect("the temporary folder can be written");
    let file = folder.to_str().expect("its name is text");

    let (_, output, _) = run(server.port(), &["--no-raw", "--eval", file, "a", "b", ",", "c"], b"");
    assert_eq!(output, "1) 1) \"a\"\n   2) \"b\"\n2) 1) \"c\"\n");
    std::fs::remove_file(&folder).expect("it was written");
    let (status, _, errors) = run(server.port(), &["--eval", file], b"");
    assert_eq!((status, errors), (Some(1), format!("Can't open file '{file}': No such file or directory\n")));
}

/// A server that answers one command with `reply` and then ends the connection.
fn answer_once(reply: String) -> (u16, thread::JoinHandle<String>) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("loopback has a free port");
    let port = listener.local_addr().expect("it is bound").port();
    let server = thread::spawn(move || {
        let (mut stream, _) = listener.accept().expect("the client connects");
        let mut received = [0; 1024];
        let length = stream.read(&mut received).expect("the client sends a command");
        stream.write_all(reply.as_bytes()).expect("the client reads");
        String::from_utf8_lossy(&received[..length]).into_owned()
    });
    (port, server)
}

#[test]
fn redirections_are_followed_if_wanted() {
    let target = Server::start(&[]);
    let moved = || answer_once(format!("-MOVED 12182 127.0.0.1:{}\r\n", target.port()));
    let told = format!("-> Redirected to slot [12182] located at 127.0.0.1:{}\n", target.port());

    let (port, _) = moved();
    assert_eq!(run(port, &["-c", "SET", "foo", "1"], b"").1, "OK\n");
    let (port, _) = moved();
    assert_eq!(run(port, &["-c"], b"GET foo\n").1, format!("{told}1\n"));
    let (port, _) = moved();
    assert_eq!(run(port, &["-c", "--verbose", "GET", "foo"], b""), (Some(0), "1\n".to_owned(), told));
    let (port, _) = moved();
    assert!(run(port, &["GET", "foo"], b"").1.starts_with("MOVED 12182 "));
}

#[test]
fn a_snapshot_is_whole_or_not_there() {
    let body = "REDIS0011-snapshot";
    let path = std::env::temp_dir().join(format!("spinel-fetched-{}.rdb", std::process::id()));
    let file = path.to_str().expect("its name is text");
    let mark = "m".repeat(40);
    for (answer, whole) in [
        (format!("\n\n${}\r\n{body}", body.len()), true),
        (format!("$EOF:{mark}\r\n{body}{mark}"), true),
        (format!("$EOF:{mark}\r\n{body}"), false),
        (format!("${}\r\n{body}", body.len() + 1), false),
        ("-NOPERM no\r\n".to_owned(), false),
    ] {
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("loopback has a free port");
        let port = listener.local_addr().expect("it is bound").port();
        let sent = answer.clone();
        let primary = thread::spawn(move || {
            let (mut stream, _) = listener.accept().expect("the client connects");
            for reply in ["+OK\r\n", "+OK\r\n", sent.as_str()] {
                let length = stream.read(&mut [0; 1024]).expect("the client sends a command");
                assert!(length > 0);
                stream.write_all(reply.as_bytes()).expect("the client reads");
            }
        });
        let (status, _, errors) = run(port, &["--rdb", file], b"");
        primary.join().expect("the client says what a replica says");
        assert_eq!(status, Some(i32::from(!whole)), "{answer:?}: {errors}");
        assert_eq!(std::fs::read_to_string(&path).ok().as_deref(), whole.then_some(body), "{answer:?}");
        let _ = std::fs::remove_file(&path);
    }
}

#[test]
fn a_replica_shows_writes_and_tells_that_it_lives() {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("loopback has a free port");
    let port = listener.local_addr().expect("it is bound").port();
    let primary = thread::spawn(move || {
        let (mut stream, _) = listener.accept().expect("the client connects");
        // The first write comes with the end of the snapshot.
        let snapshot = format!("$EOF:{0}\r\nREDIS0011{0}*1\r\n$8\r\nFLUSHALL\r\n", "m".repeat(40));
        let write = "*1\r\n$4\r\nPING\r\n*3\r\n$3\r\nset\r\n$1\r\nk\r\n$3\r\na\"b\r\n";
        let mut received = [0; 1024];
        let mut length = 0;
        // The first sign of life may come too early for a primary, which then waits for another.
        for reply in ["+OK\r\n", "+OK\r\n", snapshot.as_str(), "", write] {
            length = stream.read(&mut received).expect("the client sends a command");
            stream.write_all(reply.as_bytes()).expect("the client reads");
        }
        String::from_utf8_lossy(&received[..length]).into_owned()
    });
    let (status, output, errors) = run(port, &["--replica"], b"");
    assert_eq!(
        primary.join().expect("the client says what a replica says"),
        "*3\r\n$8\r\nREPLCONF\r\n$3\r\nACK\r\n$1\r\n0\r\n"
    );
    assert_eq!(status, Some(1));
    assert!(output.ends_with("sending REPLCONF ACK 0\n\"FLUSHALL\"\n\"set\",\"k\",\"a\\\"b\"\n"), "{output}");
    assert!(errors.starts_with("Error: "), "{errors}");
}

#[test]
fn a_peek_tells_what_a_key_is() {
    let server = Server::start(&[]);
    let mut client = Client::connect(server.port());
    client.call(["HSET", "hash", "f", "v"]);
    client.call(["ZADD", "scores", "1.5", "a"]);

    let (_, output, _) = run(server.port(), &[], b"peek hash\npeek none\nmulti\npeek hash\n");
    assert!(
        output.starts_with("key      \"hash\"\ntype     hash (listpack)\nsize     1 fields\nmemory   "),
        "{output}"
    );
    let end = "expires  never\nsample   \"f\" => \"v\"\nno such key\nOK\nIn a transaction the server answers nothing that could be shown.\n";
    assert!(output.ends_with(end), "{output}");
    let (_, output, _) = run(server.port(), &["-3"], b"peek scores\n");
    assert!(output.ends_with("sample   \"a\" => 1.5\n"), "{output}");

    let (status, output, _) = run(server.port(), &["peek", "hash"], b"");
    assert!(status == Some(0) && output.starts_with("key      \"hash\"\n"), "{output}");
    assert_eq!(run(server.port(), &["PEEK", "none"], b""), (Some(0), "no such key\n".into(), String::new()));
    assert_eq!(
        run(server.port(), &["-e", "peek", "none"], b""),
        (Some(1), String::new(), "no such key\n".into())
    );
}

#[test]
fn tables_have_a_row_per_pair() {
    let server = Server::start(&[]);
    Client::connect(server.port()).call(["HSET", "hash", "name", "Ada", "born", "1815"]);
    let (_, output, _) = run(server.port(), &["--table", "HGETALL", "hash"], b"");
    assert_eq!(output, "field  value\n-----  -----\nname   Ada\nborn   1815\n");
}
