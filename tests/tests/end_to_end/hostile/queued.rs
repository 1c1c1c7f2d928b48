//! Transactions that are very long, or whose replies are very large.

use super::{MEGABYTE, assert_serves, grows_by_less};
use spinel_resp::Value;
use spinel_tests::{Client, Server};

/// The number that CLIENT LIST tells of the connection with this id.
fn told(control: &mut Client, id: i64, field: &str) -> u64 {
    let list = control.text(["CLIENT", "LIST", "ID", &id.to_string()]);
    let value = list.split(' ').find_map(|part| part.strip_prefix(field)?.strip_prefix('='));
    value.unwrap_or_else(|| panic!("no {field}: {list}")).parse().expect("it is a number")
}

#[test]
fn half_a_million_queued_commands_are_accounted_and_run() {
    const COMMANDS: usize = 500_000;
    let server = Server::start(&[]);
    let mut control = Client::connect(server.port());
    let mut client = Client::connect(server.port());
    let id = client.integer(["CLIENT", "ID"]);
    assert_eq!(client.text(["MULTI"]), "OK");
    let batch = "INCR k\r\n".repeat(1000);
    grows_by_less(&server, 256 * MEGABYTE, || {
        for _ in 0..COMMANDS / 1000 {
            client.send_bytes(batch.as_bytes());
            (0..1000).for_each(|_| assert_eq!(client.reply(), Value::Simple("QUEUED".into())));
        }
        assert_eq!(told(&mut control, id, "multi"), COMMANDS as u64);
        let bytes = told(&mut control, id, "multi-mem");
        assert!(bytes > COMMANDS as u64 * 20 && bytes < 128 * MEGABYTE, "{bytes} bytes are accounted");
        let Value::Array(replies) = client.call(["EXEC"]) else { panic!("no array") };
        assert_eq!(replies.last(), Some(&Value::Integer(COMMANDS as i64)));
    });
    assert_eq!(told(&mut control, id, "multi-mem"), 0);
    assert_serves(&server);
}

#[test]
fn a_transaction_that_grows_too_large_is_given_up() {
    let server = Server::start(&["--client-query-buffer-limit", "1mb"]);
    let mut control = Client::connect(server.port());
    let mut client = Client::connect(server.port());
    let id = client.integer(["CLIENT", "ID"]);
    client.text(["MULTI"]);
    let value = "x".repeat(10_000);
    let refused = (0..1000).find(|_| client.text(["SET", "k", &value]) != "QUEUED");
    assert!(refused.is_some_and(|count| count > 20), "{refused:?}");
    for _ in 0..1000 {
        client.text(["SET", "k", &value]);
    }
    assert!(told(&mut control, id, "multi-mem") < 4 * MEGABYTE);
    assert!(client.text(["EXEC"]).starts_with("-EXECABORT"));
    assert_eq!(told(&mut control, id, "multi-mem"), 0);
    assert_eq!(control.integer(["EXISTS", "k"]), 0);
}

#[test]
fn replies_of_a_transaction_beyond_the_limit_are_not_kept() {
    let server = Server::start(&["--client-output-buffer-limit", "normal 16mb 0 0"]);
    let mut control = Client::connect(server.port());
    control.call(["SET", "large", &"x".repeat(4 << 20)]);
    let mut client = Client::connect(server.port());
    client.text(["MULTI"]);
    for _ in 0..500 {
        client.text(["GET", "large"]);
    }
    client.text(["SET", "done", "1"]);
    grows_by_less(&server, 128 * MEGABYTE, || {
        client.send(["EXEC"]);
        assert!(client.is_closed(), "two gigabytes are more than the limit");
    });
    assert_eq!(control.text(["GET", "done"]), "1", "the transaction has run");
    server.wait_for_log("closed for overcoming of output buffer limits");
    assert!(control.text(["INFO", "stats"]).contains("client_output_buffer_limit_disconnections:1\r\n"));
}
