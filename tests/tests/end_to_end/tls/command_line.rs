//! `spinel-cli` over encrypted connections, and what it says of those that can't be made.

use super::{Secure, listen};
use spinel_tests::{Authority, Folder, Holder, Server, programs};
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Command, Output};
use std::thread;

/// Runs the client, and returns its status, output and errors.
fn run(options: &[&str], input: &[u8]) -> (Option<i32>, String, String) {
    let Output { status, stdout, stderr } =
        programs::feed(Command::new(programs::cli()).args(options), input);
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    (status.code(), text(stdout), text(stderr))
}

impl Secure {
    fn file(&self, name: &str) -> String {
        self.server.folder().join(name).to_str().expect("the folder's name is text").to_owned()
    }

    /// Runs the client against the encrypted port, trusting the authority.
    fn run_cli(&self, options: &[&str], input: &[u8]) -> (Option<i32>, String, String) {
        let (port, authority) = (self.port.to_string(), self.file("ca.crt"));
        let first = ["--tls", "--cacert", &authority, "-h", "localhost", "-p", &port];
        run(&[&first, options].concat(), input)
    }

    /// What the client says of a connection that can't be made.
    #[track_caller]
    fn refusal(&self, options: &[&str]) -> String {
        let port = self.port.to_string();
        let (status, output, errors) = run(&[&["--tls", "-p", &port], options, &["PING"]].concat(), b"");
        assert_eq!((status, output.as_str()), (Some(1), ""), "{errors}");
        errors
    }
}

fn printed(output: &str) -> (Option<i32>, String, String) {
    (Some(0), output.to_owned(), String::new())
}

#[test]
fn everything_works_as_over_plain_connections() {
    let secure = Secure::open(&[]);
    assert_eq!(secure.run_cli(&["SET", "k", "v"], b""), printed("OK\n"));
    assert_eq!(secure.run_cli(&["-3", "--tls-ciphersuites", "TLS_AES_128_GCM_SHA256", "GET", "k"], b""), {
        printed("v\n")
    });
    assert_eq!(secure.run_cli(&[], b"GET k\nSELECT 1\nGET k\n"), printed("v\nOK\n\n"));
    assert_eq!(secure.run_cli(&["--scan"], b""), printed("k\n"));

    let uri = format!("rediss://localhost:{}/1", secure.port);
    assert_eq!(run(&["-u", &uri, "--cacert", &secure.file("ca.crt"), "DBSIZE"], b""), printed("0\n"));
    let folder = secure.server.folder().to_str().expect("its name is text");
    assert_eq!(run(&["-u", &uri, "--cacertdir", folder, "DBSIZE"], b""), printed("0\n"));
    assert_eq!(run(&["-u", &uri, "--insecure", "DBSIZE"], b""), printed("0\n"));
}

#[test]
fn a_pipe_reads_and_writes_at_once() {
    let secure = Secure::open(&[]);
    // Replies that fill every buffer on the way: whoever doesn't read while writing never ends.
    let echo = [b"*2\r\n$4\r\nECHO\r\n$100000\r\n", "x".repeat(100_000).as_bytes(), b"\r\n"].concat();
    let (status, output, errors) = secure.run_cli(&["--pipe"], &echo.repeat(300));
    assert_eq!((status, errors.as_str()), (Some(0), ""));
    assert!(output.ends_with("errors: 0, replies: 300\n"), "{output}");
}

#[test]
fn a_server_that_is_not_trusted_is_told_of() {
    let secure = Secure::open(&[]);
    let authority = secure.file("ca.crt");

    let untrusted = secure.refusal(&["-h", "localhost"]);
    assert!(untrusted.starts_with(&format!("Could not connect to Redis at localhost:{}: ", secure.port)));
    let foreign = Folder::new();
    let stranger = Authority::new().store(foreign.path());
    let stranger = stranger.to_str().expect("its name is text");
    let untrusted = secure.refusal(&["-h", "localhost", "--cacert", stranger]);
    assert!(untrusted.contains(&format!("Trusted are the certificates of {stranger}.")), "{untrusted}");
    assert!(untrusted.contains("with --cacert FILE"), "{untrusted}");

    let wrong = secure.refusal(&["-h", "127.0.0.1", "--cacert", &authority]);
    assert!(wrong.contains("is for localhost, not for 127.0.0.1. "), "{wrong}");
    let port = secure.port.to_string();
    let named =
        ["--tls", "-h", "127.0.0.1", "-p", &port, "--cacert", &authority, "--sni", "localhost", "PING"];
    assert_eq!(run(&named, b""), printed("PONG\n"));
}

#[test]
fn a_certificate_that_has_expired_is_told_of() {
    let (folder, authority) = (Folder::new(), Authority::new());
    authority.store(folder.path());
    authority
        .issue(Holder { names: &["localhost"], end: 2020, ..Holder::default() })
        .store(folder.path(), "server");
    let files = ["--tls-cert-file", "server.crt", "--tls-key-file", "server.key", "--tls-auth-clients", "no"];
    let server = Server::start_in(folder, &files);
    let port = listen(&server);
    let secure = Secure { server, authority, port };
    let expired = secure.refusal(&["-h", "localhost", "--cacert", &secure.file("ca.crt")]);
    assert!(expired.contains("has expired on 2020-01-01. "), "{expired}");
}

#[test]
fn a_certificate_of_the_client_is_shown_or_asked_for() {
    let secure = Secure::start(&[]);
    let holder = Holder { names: &["a"], ..Holder::default() };
    secure.authority.issue(holder).store(secure.server.folder(), "own");
    Authority::new().issue(holder).store(secure.server.folder(), "foreign");
    let shown = |name: &str| {
        let (certificate, key) = (secure.file(&format!("{name}.crt")), secure.file(&format!("{name}.key")));
        secure.run_cli(&["--cert", &certificate, "--key", &key, "PING"], b"")
    };

    assert_eq!(shown("own"), printed("PONG\n"));
    let (status, _, errors) = secure.run_cli(&["PING"], b"");
    assert_eq!(status, Some(1));
    assert!(errors.contains("--cert FILE and --key FILE"), "{errors}");
    let (status, _, errors) = shown("foreign");
    assert_eq!(status, Some(1));
    assert!(errors.contains("does not accept the certificate of --cert"), "{errors}");
}

/// A certificate of version 1, as `openssl x509 -req` makes without extensions; rustls can't read such.
const OLD: &str = "\
-----BEGIN CERTIFICATE-----\n\
MIIBFDCBuwIURipUvEo00Vs4qrGjfjBgy/2pB9QwCgYIKoZIzj0EAwIwDDEKMAgG\n\
A1UEAwwBYTAgFw0yNjExMjkxMTQ3MTNaGA8yMTI2MTEwNTExNDcxM1owDDEKMAgG\n\
A1UEAwwBYTBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABPIqJzP6bU36vV+EQDDL\n\
XC295/qaWNvmbr3vr2HeKQI65hnH5dpiGGwJwo7CKFP0GbYpsoCdHsbrr6hXwbna\n\
hPgwCgYIKoZIzj0EAwIDSAAwRQIgfXtq2ug6erJidlxzHGYnC52MjQzU8CoPQw0y\n\
q7baANMCIQCoJ3W7MM7RKcnDSbqVOyB7+McsmcY768HUIPNUkIHwsA==\n\
-----END CERTIFICATE-----\n\
";

#[test]
fn what_a_certificate_of_the_client_is_worth_is_for_the_server_to_say() {
    let secure = Secure::open(&[]);
    let (_, key) = secure.authority.issue(Holder::default()).store(secure.server.folder(), "own");
    let old = secure.server.folder().join("old.crt");
    std::fs::write(&old, OLD).expect("the folder can be written");
    let (old, key) = (old.to_str().expect("it is text"), key.to_str().expect("it is text"));
    assert_eq!(secure.run_cli(&["--cert", old, "--key", key, "PING"], b""), printed("PONG\n"));
    // One that can be read must be the key's.
    let (status, _, errors) = secure.run_cli(&["--cert", &secure.file("ca.crt"), "--key", key, "PING"], b"");
    assert!(status == Some(1) && errors.contains("ca.crt and "), "{errors}");
}

#[test]
fn a_port_without_encryption_is_told_of() {
    // What a server does with a connection once it has heard the client.
    type Act = fn(&mut TcpStream);
    let acts: [(Act, &str); 3] = [
        (
            |stream| stream.write_all(b"-ERR Protocol error\r\n").expect("the client is there"),
            "is no TLS. Does the server",
        ),
        (|_| {}, "the server ended the connection during the TLS handshake. Does the server"),
        (
            // Says nothing until the client has had enough.
            |stream| drop(stream.read_to_end(&mut Vec::new())),
            "no answer to the TLS handshake for 0.2 seconds. Does the server",
        ),
    ];
    for (act, expected) in acts {
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("loopback has a free port");
        let port = listener.local_addr().expect("it is bound").port().to_string();
        let plain = thread::spawn(move || {
            let (mut stream, _) = listener.accept().expect("the client connects");
            let length = stream.read(&mut [0; 4096]).expect("the client begins");
            assert!(length > 0);
            act(&mut stream);
        });
        let (status, _, errors) = run(&["--tls", "--insecure", "-t", "0.2", "-p", &port, "PING"], b"");
        plain.join().expect("it only listens");
        assert_eq!(status, Some(1));
        assert!(errors.contains(expected), "{errors}");
    }
}
