//! Greetings in other protocols: nothing of what follows them may run.

use super::assert_serves;
use spinel_tests::{Client, Server};

#[test]
fn http_is_cut_off_before_its_body() {
    let server = Server::start(&[]);
    for request in [
        "POST / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\nSET k v\r\n",
        "GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\nSET k v\r\n",
        "PUT / HTTP/1.1\r\nhOST: 127.0.0.1\r\n\r\nSET k v\r\n",
        "*1\r\n$4\r\npost\r\nSET k v\r\n",
        "*1\r\n$5\r\nHost:\r\nSET k v\r\n",
    ] {
        let mut client = Client::connect(server.port());
        let said = client.last_words(request.as_bytes());
        assert!(!said.contains("OK"), "{request:?} was answered with {said:?}");
        server.wait_for_log("Possible SECURITY ATTACK detected");
    }
    assert_eq!(Client::connect(server.port()).integer(["EXISTS", "k"]), 0);
    assert_serves(&server);
}

#[test]
fn other_greetings_run_nothing_and_end_with_their_connection() {
    let server = Server::start(&[]);
    let tls = [&[0x16, 3, 1, 0, 0xf8, 1, 0, 0, 0xf4, 3, 3][..], &[7; 200], b"\r\n"].concat();
    let postgres_tls = b"\x00\x00\x00\x08\x04\xd2\x16\x2f".to_vec();
    let postgres = b"\x00\x00\x00\x17\x00\x03\x00\x00user\x00postgres\x00\x00\x00".to_vec();
    let memcached_binary = [&[0x80, 0, 0, 3][..], &[0; 20], b"abc"].concat();
    let ssh = b"SSH-2.0-OpenSSH_9.9\r\n".to_vec();
    let http2 = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec();
    for greeting in [tls, postgres_tls, postgres, memcached_binary, ssh, http2] {
        let mut client = Client::connect(server.port());
        client.send_bytes(&greeting);
        client.finish_sending();
        let said = client.last_words(b"");
        let is_refusal = |line: &str| line.starts_with("-ERR unknown command") || line.is_empty();
        assert!(said.split("\r\n").all(is_refusal), "{} got {said:?}", greeting.escape_ascii());
    }
    assert_eq!(Client::connect(server.port()).integer(["DBSIZE"]), 0);
    assert_serves(&server);
}

#[test]
fn storage_commands_of_memcached_are_errors() {
    let server = Server::start(&[]);
    let mut client = Client::connect(server.port());
    assert_eq!(client.answer(b"set k 0 0 1\r\n"), "-ERR syntax error\r\n");
    assert_eq!(client.integer(["EXISTS", "k"]), 0);
}
