//! What the settings allow, and what they refuse.

use super::{Secure, listen};
use rustls::version::{TLS12, TLS13};
use rustls::{CipherSuite, ProtocolVersion};
use spinel_tests::{Authority, Client, Folder, Holder, Server};
use std::fs;

const REFUSED: &str = "Unable to update TLS configuration. Check server logs.";

fn refusal(setting: &str) -> String {
    format!("-ERR CONFIG SET failed (possibly related to argument '{setting}') - {REFUSED}")
}

#[test]
fn a_server_may_listen_for_encrypted_connections_only() {
    let (folder, authority) = (Folder::new(), Authority::new());
    authority.issue(Holder { names: &["localhost"], ..Holder::default() }).store(folder.path(), "server");
    let port = Server::another_port().to_string();
    let server = Server::start_in(
        folder,
        &[
            "--tls-port",
            &port,
            "--tls-cert-file",
            "server.crt",
            "--tls-key-file",
            "server.key",
            "--tls-auth-clients",
            "no",
        ],
    );
    server.wait_for_log("Ready to accept connections tls");
    assert_eq!(Client::connect(server.port()).text(["CONFIG", "SET", "port", "0"]), "OK");
    let config = authority.client(None, &[&TLS13]);
    let mut client = Client::connect_tls(port.parse().unwrap(), &config).unwrap();
    assert_eq!(client.text(["PING"]), "PONG");
}

#[test]
fn a_server_without_what_it_needs_does_not_start() {
    let check = |names: &[&str], settings: &[&str], reason: &str| {
        let (folder, authority) = (Folder::new(), Authority::new());
        for name in names {
            authority.issue(Holder::default()).store(folder.path(), name);
        }
        let port = Server::another_port().to_string();
        let log = Server::fail_in(folder, &[&["--tls-port", &port][..], settings].concat());
        assert!(log.contains(reason), "{settings:?}: {log}");
        assert!(log.contains("Failed to configure TLS. Check logs for more info."), "{log}");
    };
    let own = ["--tls-cert-file", "a.crt", "--tls-key-file", "a.key"];
    check(&[], &[], "No tls-cert-file configured!");
    check(&[], &own[..2], "No tls-key-file configured!");
    check(&[], &own, "Failed to load a.crt: No such file or directory");
    check(&["a"], &own, "Either tls-ca-cert-file or tls-ca-cert-dir must be specified");
    let foreign = ["--tls-auth-clients", "no", "--tls-cert-file", "a.crt", "--tls-key-file", "b.key"];
    check(&["a", "b"], &foreign, "a.crt and b.key: ");
    check(&["a"], &["--tls-cert-file", "a.key", "--tls-key-file", "a.key"], "a.key has no certificate");
}

#[test]
fn what_can_not_be_had_is_refused_and_changes_nothing() {
    let secure = Secure::open(&[]);
    let mut plain = secure.plain();
    for (setting, value) in [
        ("tls-cert-file", "none.crt"),
        ("tls-cert-file", "ca.crt"),
        ("tls-cert-file", ""),
        ("tls-key-file", "server.crt"),
        ("tls-ca-cert-file", "server.key"),
        ("tls-ca-cert-dir", "nowhere"),
        ("tls-ciphers", "AES128-SHA"),
        ("tls-ciphersuites", "TLS_AES_128_CCM_SHA256"),
        ("tls-protocols", "TLSv1.1"),
        ("tls-protocols", "SSLv3"),
    ] {
        let before = plain.call(["CONFIG", "GET", setting]);
        assert_eq!(plain.text(["CONFIG", "SET", setting, value]), refusal(setting));
        assert_eq!(plain.call(["CONFIG", "GET", setting]), before);
    }
    assert_eq!(secure.connect().text(["PING"]), "PONG");
    // Together with what makes it right, it is taken.
    assert_eq!(plain.text(["CONFIG", "SET", "tls-ca-cert-file", ""]), "OK");
    assert_eq!(plain.text(["CONFIG", "SET", "tls-auth-clients", "yes"]), refusal("tls-auth-clients"));
    let both = ["CONFIG", "SET", "tls-auth-clients", "yes", "tls-ca-cert-file", "ca.crt"];
    assert_eq!(plain.text(both), "OK");
}

#[test]
fn an_encrypted_key_is_refused_with_the_reason() {
    let secure = Secure::open(&[]);
    let key = "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n";
    fs::write(secure.server.folder().join("locked.key"), key).unwrap();
    let words = ["CONFIG", "SET", "tls-key-file-pass", "secret", "tls-key-file", "locked.key"];
    assert!(secure.plain().text(words).contains(REFUSED));
    secure
        .server
        .wait_for_log("locked.key is encrypted, which is not supported, whatever tls-key-file-pass says");
    assert!(!secure.server.log().contains("secret"));
}

#[test]
fn protocols_and_suites_are_those_of_the_settings() {
    let secure = Secure::open(&[]);
    let mut plain = secure.plain();
    let newest = |secure: &Secure| secure.connect().tls().protocol_version();
    assert_eq!(newest(&secure), Some(ProtocolVersion::TLSv1_3));
    assert_eq!(plain.text(["CONFIG", "SET", "tls-protocols", "TLSv1.2"]), "OK");
    assert_eq!(newest(&secure), Some(ProtocolVersion::TLSv1_2));
    assert!(Client::connect_tls(secure.port, &secure.authority.client(None, &[&TLS13])).is_err());

    let suite = "ECDHE-ECDSA-CHACHA20-POLY1305";
    assert_eq!(plain.text(["CONFIG", "SET", "tls-ciphers", suite]), "OK");
    let chosen = secure.connect().tls().negotiated_cipher_suite().unwrap().suite();
    assert_eq!(chosen, CipherSuite::TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256);

    let suites = "TLS_CHACHA20_POLY1305_SHA256:TLS_AES_128_GCM_SHA256";
    let words = ["CONFIG", "SET", "tls-protocols", "TLSv1.3", "tls-ciphersuites", suites];
    assert_eq!(plain.text(words), "OK");
    assert!(Client::connect_tls(secure.port, &secure.authority.client(None, &[&TLS12])).is_err());
    assert_eq!(plain.text(["CONFIG", "SET", "tls-prefer-server-ciphers", "yes"]), "OK");
    let chosen = secure.connect().tls().negotiated_cipher_suite().unwrap().suite();
    assert_eq!(chosen, CipherSuite::TLS13_CHACHA20_POLY1305_SHA256);
}

#[test]
fn the_port_moves_and_closes_while_others_are_served() {
    let secure = Secure::open(&[]);
    let mut client = secure.connect();
    let port = listen(&secure.server);
    let taken = secure.server.port().to_string();
    let said = secure.plain().text(["CONFIG", "SET", "tls-port", &taken]);
    assert!(said.ends_with("Unable to listen on this port. Check server logs."), "{said}");
    let mut moved = Client::connect_tls(port, &secure.config(None)).unwrap();
    assert_eq!(moved.text(["CONFIG", "SET", "tls-port", "0"]), "OK");
    assert_eq!((client.text(["PING"]), moved.text(["PING"])), ("PONG".to_owned(), "PONG".to_owned()));
    assert_eq!(secure.plain().text(["INFO", "tls"]), "# TLS\r\n");
}
