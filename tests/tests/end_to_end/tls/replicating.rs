//! Links to a primary that are encrypted.

use super::{Secure, listen};
use crate::saving::{await_info, call, digest, fill, info, wait_until};
use spinel_tests::{Authority, Client, Folder, Holder, Server};

const DEBUGGED: [&str; 2] = ["--enable-debug-command", "yes"];

/// A copy of a server that asks for certificates, with one of an authority that it takes for the server's, too.
fn copy(secure: &Secure, authority: &Authority, settings: &[&str]) -> (Server, Client) {
    let folder = Folder::new();
    secure.authority.store(folder.path());
    authority.issue(Holder { names: &["replica"], ..Holder::default() }).store(folder.path(), "replica");
    let primary = format!("127.0.0.1 {}", secure.port);
    let files = [
        "--tls-cert-file",
        "replica.crt",
        "--tls-key-file",
        "replica.key",
        "--tls-ca-cert-file",
        "ca.crt",
        "--tls-replication",
        "yes",
        "--replicaof",
        &primary,
    ];
    let server = Server::start_in(folder, &[&files, &DEBUGGED[..], settings].concat());
    let client = Client::connect(server.port());
    (server, client)
}

#[test]
fn a_link_may_be_encrypted_and_its_certificates_renewed() {
    let secure = Secure::start(&DEBUGGED);
    let mut original = secure.plain();
    fill(&mut original);
    original.text(["SET", "large", &"x".repeat(3 << 20)]);
    let (server, mut client) = copy(&secure, &secure.authority, &[]);
    await_info(&mut client, "master_link_status", "up");
    original.text(["SET", "larger", &"y".repeat(5 << 20)]);
    assert_eq!(call(&mut original, "WAIT 1 30000"), "1");
    assert_eq!(digest(&mut client), digest(&mut original));
    server.wait_for_log("MASTER <-> REPLICA sync: Finished with success");

    // New certificates of either side are for the next connection.
    secure.renew(2);
    assert_eq!(call(&mut original, "CONFIG SET tls-cert-file server.crt"), "OK");
    secure
        .authority
        .issue(Holder { names: &["other"], serial: 9, ..Holder::default() })
        .store(server.folder(), "next");
    let both = "CONFIG SET tls-client-cert-file next.crt tls-client-key-file next.key";
    assert_eq!(call(&mut client, both), "OK");
    assert_eq!(info(&mut client, "tls_client_cert_serial"), "9");
    assert_eq!(info(&mut client, "master_link_status"), "up");
    assert_eq!(call(&mut original, "CLIENT KILL TYPE replica"), "1");
    await_info(&mut original, "sync_partial_ok", "1");
    assert_eq!(call(&mut original, "INCR n"), "1");
    wait_until("the stream does not come", || call(&mut client, "GET n") == "1");
    assert_eq!(call(&mut original, "WAIT 1 30000"), "1");

    // One that was issued by nobody known is refused when it is to be used.
    Authority::new().issue(Holder::default()).store(server.folder(), "next");
    assert_eq!(call(&mut client, both), "OK");
    assert_eq!(call(&mut original, "CLIENT KILL TYPE replica"), "1");
    server.wait_for_log("received fatal alert");
    assert_eq!(client.text(["CONFIG", "SET", "tls-client-cert-file", "", "tls-client-key-file", ""]), "OK");
    await_info(&mut client, "master_link_status", "up");
}

#[test]
fn who_is_not_believed_is_not_copied() {
    let secure = Secure::open(&[]);
    // Who does not answer a handshake is given up soon.
    let settings = ["--tls-replication-check-name", "yes", "--repl-timeout", "2"];
    let (server, mut client) = copy(&secure, &secure.authority, &settings);
    server.wait_for_log("invalid peer certificate: certificate not valid for name");
    assert_eq!(info(&mut client, "master_link_status"), "down");
    assert_eq!(call(&mut client, "CONFIG SET tls-replication-check-name no"), "OK");
    await_info(&mut client, "master_link_status", "up");

    // An authority of the same name with another key is another one, and a plain port shows no certificate.
    let other = Secure::open(&[]);
    let (port, plain) = (other.port, other.server.port());
    assert_eq!(call(&mut client, &format!("REPLICAOF 127.0.0.1 {port}")), "OK");
    server.wait_for_log("invalid peer certificate: BadSignature");
    assert_eq!(call(&mut client, &format!("REPLICAOF localhost {plain}")), "OK");
    server.wait_for_log(&format!("Connecting to MASTER localhost:{plain}"));
    assert_eq!(info(&mut client, "master_link_status"), "down");
    assert_eq!(call(&mut client, "CONFIG SET tls-replication no"), "OK");
    await_info(&mut client, "master_link_status", "up");
}

#[test]
fn settings_of_a_link_that_make_no_sense_are_refused() {
    let server = Server::start(&[]);
    let mut client = Client::connect(server.port());
    let refused = "Unable to update TLS configuration. Check server logs.";
    assert!(call(&mut client, "CONFIG SET tls-replication yes").ends_with(refused));
    server.wait_for_log("No tls-cert-file configured!");
    let secure = Secure::open(&[]);
    let mut client = secure.plain();
    assert!(call(&mut client, "CONFIG SET tls-client-cert-file server.crt").ends_with(refused));
    assert!(
        client.text(["CONFIG", "SET", "tls-replication", "yes", "tls-ca-cert-file", ""]).ends_with(refused)
    );
    let needs =
        "Either tls-ca-cert-file or tls-ca-cert-dir must be specified when tls-replication is enabled!";
    secure.server.wait_for_log(needs);
    assert_eq!(call(&mut client, "CONFIG SET tls-replication yes"), "OK");
}

#[test]
fn a_primary_hands_over_by_an_encrypted_link() {
    let secure = Secure::start(&["--tls-replication", "yes"]);
    let mut first = secure.plain();
    assert_eq!(call(&mut first, "SET a 1"), "OK");
    let (server, mut second) = copy(&secure, &secure.authority, &[]);
    // What it tells of itself when it comes again is where it listens for encrypted connections.
    let port = listen(&server);
    await_info(&mut second, "master_link_status", "up");
    assert_eq!(call(&mut second, "CLIENT KILL TYPE master"), "1");
    await_info(&mut first, "sync_partial_ok", "1");
    wait_until("it does not come again", || {
        call(&mut first, "INFO replication").contains(&format!("port={port},state=online"))
    });
    assert_eq!(call(&mut first, &format!("FAILOVER TO 127.0.0.1 {port}")), "OK");
    await_info(&mut first, "role", "slave");
    await_info(&mut first, "master_link_status", "up");
    assert_eq!(call(&mut second, "INCR a"), "2");
    wait_until("the stream does not come", || call(&mut first, "GET a") == "2");
}
