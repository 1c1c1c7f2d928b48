//! Origins whose connections are encrypted: only those are believed that show who they are.

use super::commands::told;
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use spinel_tests::{Authority, Client, Folder, Holder, Issued, Server};
use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::thread;

const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\nConnection: close\r\n\r\nsecret";

/// An origin with this certificate that gives everybody the same answer; its port.
fn start(issued: &Issued) -> u16 {
    let chain = vec![CertificateDer::from_pem_slice(issued.certificate.as_bytes()).expect("it is one")];
    let key = PrivateKeyDer::from_pem_slice(issued.key.as_bytes()).expect("it is one");
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("there are suites for them")
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .expect("they fit");
    let config = Arc::new(config);
    let listener = TcpListener::bind("127.0.0.1:0").expect("loopback has a free port");
    let port = listener.local_addr().expect("it is bound").port();
    thread::spawn(move || {
        for tcp in listener.incoming().map_while(Result::ok) {
            // Who does not believe it goes.
            drop(serve(tcp, &config));
        }
    });
    port
}

fn serve(tcp: TcpStream, config: &Arc<ServerConfig>) -> io::Result<()> {
    let tls = ServerConnection::new(Arc::clone(config)).map_err(io::Error::other)?;
    let mut stream = StreamOwned::new(tls, tcp);
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte)?;
        head.push(byte[0]);
    }
    stream.write_all(ANSWER)?;
    stream.conn.send_close_notify();
    stream.flush()
}

#[test]
fn an_origin_has_to_show_who_it_is() {
    let (trusted, other, folder) = (Authority::new(), Authority::new(), Folder::new());
    let (good, bad) = (start(&trusted.issue(Holder::default())), start(&other.issue(Holder::default())));
    let authorities = trusted.store(folder.path());
    let authorities = authorities.to_str().expect("it is text");
    let settings = [
        ["--tls-ca-cert-file", authorities],
        ["--cache-origin-allow", "localhost 127.0.0.1"],
        ["--cache-allow-private", "yes"],
    ];
    let server = Server::start(&settings.concat());
    let mut client = Client::connect(server.port());
    for (key, url, expected) in [
        ("good", format!("https://localhost:{good}/"), "200"),
        ("another authority", format!("https://localhost:{bad}/"), "502"),
        ("another name", format!("https://127.0.0.1:{good}/"), "502"),
        ("not encrypted", format!("http://localhost:{good}/"), "502"),
    ] {
        let reply = client.call(["CACHE.FETCH", key, &url, "TTL", "60"]);
        assert_eq!(told(&reply, "status"), expected, "{url}");
        let body = if expected == "200" { "secret" } else { "nil" };
        assert_eq!(told(&reply, "body"), body, "{url}");
    }
    assert_eq!(told(&client.call(["CACHE.GET", "good"]), "state"), "hit");
}
