//! Certificates that end and are replaced, under traffic.

use super::Secure;
use spinel_tests::{Authority, Client, Holder};
use std::fs;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

/// The number of the certificate that newcomers get.
fn shown(secure: &Secure) -> u8 {
    let mut client = secure.connect();
    let chain = client.tls().peer_certificates().expect("the server has one");
    // SEQUENCE, SEQUENCE, [0] version, INTEGER: the number is the byte behind that, in certificates of up to 64 KiB.
    let der = &chain[0];
    let at = der.windows(5).position(|window| window == [0xa0, 3, 2, 1, 2]).expect("it has a version");
    der[at + 7]
}

#[test]
fn a_new_certificate_is_taken_under_traffic() {
    let secure = Secure::open(&[]);
    let is_over = AtomicBool::new(false);
    thread::scope(|scope| {
        let traffic = [0, 1].map(|number| {
            let (secure, is_over) = (&secure, &is_over);
            scope.spawn(move || {
                let (mut old, mut rounds) = (secure.connect(), 0);
                while !is_over.load(Ordering::Relaxed) {
                    assert_eq!(old.text(["SET", &format!("k{number}"), "v"]), "OK");
                    assert_eq!(secure.connect().text(["PING"]), "PONG");
                    rounds += 1;
                }
                rounds
            })
        });
        assert_eq!(shown(&secure), 1);
        for serial in 2..10 {
            secure.renew(serial);
            // Until it is said, the former one is used.
            assert_eq!(shown(&secure), serial - 1);
            assert_eq!(secure.plain().text(["CONFIG", "SET", "tls-cert-file", "server.crt"]), "OK");
            assert_eq!(shown(&secure), serial);
            assert_eq!(secure.field("tls_server_cert_serial"), serial.to_string());
        }
        is_over.store(true, Ordering::Relaxed);
        for thread in traffic {
            assert!(thread.join().unwrap() > 0);
        }
    });
}

#[test]
fn a_bad_certificate_leaves_the_former_one() {
    let secure = Secure::open(&[]);
    let other = secure.authority.issue(Holder::default());
    for text in
        ["", "nonsense", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", &other.certificate]
    {
        fs::write(secure.server.folder().join("server.crt"), text).unwrap();
        let said = secure.plain().text(["CONFIG", "SET", "tls-cert-file", "server.crt"]);
        assert!(said.ends_with("Unable to update TLS configuration. Check server logs."), "{said}");
        assert_eq!(shown(&secure), 1);
    }
}

#[test]
fn changed_files_are_read_again_by_themselves() {
    let secure = Secure::open(&["--tls-auto-reload-interval", "1"]);
    assert_eq!(shown(&secure), 1);
    fs::write(secure.server.folder().join("server.crt"), "being written").unwrap();
    secure.server.wait_for_log("TLS files have changed on disk and can't be used");
    assert_eq!(shown(&secure), 1);
    secure.renew(7);
    secure.server.wait_for_log("TLS files have changed on disk and were read again.");
    assert_eq!(shown(&secure), 7);
}

#[test]
fn an_authority_that_goes_takes_its_sessions_with_it() {
    let secure = Secure::start(&[]);
    let config = secure.config(Some(&secure.authority.issue(Holder::default())));
    let mut client = Client::connect_tls(secure.port, &config).unwrap();
    assert_eq!(client.text(["PING"]), "PONG");
    Authority::new().store(secure.server.folder());
    assert_eq!(client.text(["CONFIG", "SET", "tls-ca-cert-file", "ca.crt"]), "OK");
    // Who is there stays; who comes back has to be known to the new one.
    assert_eq!(client.text(["PING"]), "PONG");
    let back = Client::connect_tls(secure.port, &config);
    assert!(back.is_err() || back.is_ok_and(|mut back| back.last_words(b"PING\r\n").is_empty()));
}

#[test]
fn the_end_of_a_certificate_is_told() {
    let secure = Secure::open(&[]);
    assert!(secure.field("tls_server_cert_expires_in_seconds").parse::<i64>().unwrap() > 86_400);
    assert_eq!(secure.field("tls_client_cert_serial"), "none");
    let ended = Holder { names: &["localhost"], end: 2002, ..Holder::default() };
    secure.authority.issue(ended).store(secure.server.folder(), "ended");
    let words = ["CONFIG", "SET", "tls-cert-file", "ended.crt", "tls-key-file", "ended.key"];
    assert_eq!(secure.plain().text(words), "OK");
    secure.server.wait_for_log("The server's TLS certificate has expired: CN=localhost, serial 1");
    assert_eq!(secure.field("tls_server_cert_expire_time"), "1009843200");
    assert_eq!(secure.field("tls_server_cert_subject"), "CN=localhost");
    assert!(secure.field("tls_server_cert_expires_in_seconds").starts_with('-'));
    // Clients that look at it go away.
    assert!(Client::connect_tls(secure.port, &secure.config(None)).is_err());
}
