//! Requests whose frame is wrong.

use super::{MEGABYTE, assert_serves, growth};
use spinel_resp::Value;
use spinel_tests::{Client, Server};

const PING: &str = "*1\r\n$4\r\nPING\r\n";

/// What follows each of `inputs` until the connection ends.
fn assert_end_with(inputs: &[&str], expected: &str) {
    let server = Server::start(&[]);
    for input in inputs {
        let mut client = Client::connect(server.port());
        let bytes = format!("{PING}{input}");
        assert_eq!(client.last_words(bytes.as_bytes()), format!("+PONG\r\n{expected}"), "{input:?}");
    }
    let errors = Client::connect(server.port()).text(["INFO", "errorstats"]);
    assert!(errors.contains(&format!("errorstat_ERR:count={}\r\n", inputs.len())), "{errors}");
    assert_serves(&server);
}

#[test]
fn a_count_that_is_no_number_ends_the_connection() {
    assert_end_with(
        &["*\r\n", "*2147483648\r\n", "*+1\r\n", "*01\r\n", "* 1\r\n", "*1 \r\n", "*a\r\n", "*1e1\r\n"],
        "-ERR Protocol error: invalid multibulk length\r\n",
    );
}

#[test]
fn a_length_that_is_no_number_ends_the_connection() {
    let lengths = ["", "-1", "536870913", "+4", "04", " 4", "4 ", "a", "18446744073709551616"];
    let inputs: Vec<String> = lengths.iter().map(|length| format!("*1\r\n${length}\r\n")).collect();
    assert_end_with(
        &inputs.iter().map(String::as_str).collect::<Vec<_>>(),
        "-ERR Protocol error: invalid bulk length\r\n",
    );
}

#[test]
fn headers_without_end_end_the_connection() {
    let ones = "1".repeat(70_000);
    assert_end_with(&[&format!("*{ones}")], "-ERR Protocol error: too big mbulk count string\r\n");
    assert_end_with(&[&format!("*1\r\n${ones}")], "-ERR Protocol error: too big bulk count string\r\n");
    assert_end_with(&[&"A".repeat(70_000)], "-ERR Protocol error: too big inline request\r\n");
}

#[test]
fn what_is_no_bulk_inside_a_request_ends_the_connection() {
    let inside =
        ["*1\r\n", ":1\r\n", "+PING\r\n", "=8\r\ntxt:PING\r\n", "(1\r\n", "_\r\n", "%1\r\n", "#t\r\n"];
    for line in inside {
        let expected = format!("-ERR Protocol error: expected '$', got '{}'\r\n", &line[..1]);
        assert_end_with(&[&format!("*1\r\n{line}")], &expected);
    }
}

#[test]
fn types_of_resp3_are_no_requests() {
    let server = Server::start(&[]);
    for (input, name) in [
        ("(123\r\n", "(123"),
        ("_\r\n", "_"),
        ("#t\r\n", "#t"),
        (",1.5\r\n", ",1.5"),
        ("%0\r\n", "%0"),
        ("|0\r\n", "|0"),
        ("~0\r\n", "~0"),
        (">0\r\n", ">0"),
    ] {
        let mut client = Client::connect_resp3(server.port());
        let expected = format!("-ERR unknown command '{name}', with args beginning with: \r\n");
        assert_eq!(client.answer(input.as_bytes()), expected);
        assert_eq!(client.text(["PING"]), "PONG");
    }
}

#[test]
fn odd_but_legal_frames_are_served() {
    let server = Server::start(&[]);
    let mut client = Client::connect(server.port());
    for odd in ["*-2\r\n", "*-1\r\n", "*0\r\n", "\r\n", "\n", "   \r\n"] {
        assert_eq!(client.answer(format!("{}{PING}", odd.repeat(1000)).as_bytes()), "+PONG\r\n", "{odd:?}");
    }
    // What should be CR LF is two bytes, whatever they are.
    assert_eq!(client.answer(b"*1\r\n$4\r\nPINGxx"), "+PONG\r\n");
    assert_eq!(client.answer(b"PING\n"), "+PONG\r\n");
    assert_eq!(client.answer(b"PING \"a\\x00b\"\r\n"), "$3\r\na\0b\r\n");
    assert_eq!(client.answer(b"*2\r\n$4\r\nPING\r\n$3\r\n\0\r\n\r\n"), "$3\r\n\0\r\n\r\n");
}

#[test]
fn a_line_feed_alone_ends_no_header() {
    let server = Server::start(&[]);
    let mut client = Client::connect(server.port());
    assert_eq!(
        client.last_words(b"*1\r\n$4\nPING\r\n*1\r\n"),
        "-ERR Protocol error: invalid bulk length\r\n"
    );
}

#[test]
fn quotes_that_are_not_closed_end_the_connection() {
    assert_end_with(
        &["PING \"abc\r\n", "PING 'abc\r\n", "PING \"abc\"d\r\n", "PING 'a'b\r\n"],
        "-ERR Protocol error: unbalanced quotes in request\r\n",
    );
}

#[test]
fn long_inline_commands_are_served_up_to_the_limit() {
    let server = Server::start(&[]);
    let mut client = Client::connect(server.port());
    let text = "x".repeat(60_000);
    assert_eq!(client.answer(format!("PING {text}\r\n").as_bytes()), format!("$60000\r\n{text}\r\n"));
}

#[test]
fn announced_counts_and_lengths_reserve_no_memory() {
    let server = Server::start(&[]);
    for announcement in ["*2147483647\r\n", "*1\r\n$536870912\r\n", "*2147483647\r\n$536870912\r\nx"] {
        let (grown, _clients) = growth(&server, || {
            let mut clients = Vec::new();
            for _ in 0..50 {
                let mut client = Client::connect(server.port());
                // The reply tells that the server is at what follows.
                assert_eq!(client.answer(format!("{PING}{announcement}").as_bytes()), "+PONG\r\n");
                clients.push(client);
            }
            assert_serves(&server);
            clients
        });
        assert!(grown < 32 * MEGABYTE, "{announcement:?} took {grown} bytes");
    }
}

#[test]
fn a_request_may_come_byte_by_byte() {
    let server = Server::start(&[]);
    let mut client = Client::connect(server.port());
    for byte in b"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$5\r\na\r\nbc\r\nGET k" {
        client.send_bytes(&[*byte]);
    }
    assert_eq!(client.answer(b"\r"), "+OK\r\n");
    assert_eq!(client.answer(b"\n"), "$5\r\na\r\nbc\r\n");
}

#[test]
fn a_request_beyond_the_limit_ends_its_connection_without_a_word() {
    const LIMIT: usize = 1 << 20;
    let server = Server::start(&["--client-query-buffer-limit", "1mb"]);
    let set = |length: usize| {
        let mut request = Vec::new();
        let value = "x".repeat(length);
        spinel_resp::encode_request(["SET", "k", &value], &mut request);
        request
    };
    // What comes with a request that fits is no part of it, however much it is.
    let mut client = Client::connect(server.port());
    let mut requests = set(LIMIT - 100).repeat(3);
    requests.extend_from_slice("*1\r\n$4\r\nPING\r\n".repeat(100_000).as_bytes());
    client.send_bytes(&requests);
    (0..3).for_each(|_| assert_eq!(client.reply(), Value::Simple("OK".into())));
    (0..100_000).for_each(|_| assert_eq!(client.reply(), Value::Simple("PONG".into())));
    // Neither is what was only announced.
    let announced = format!("*3\r\n$3\r\nSET\r\n$1\r\nk\r\n${}\r\nx", 10 * LIMIT);
    let mut waiting = Client::connect(server.port());
    waiting.send_bytes(announced.as_bytes());
    for number in 1..=3 {
        let mut client = Client::connect(server.port());
        assert_eq!(client.last_words(&set(LIMIT * number)), "");
        let told = format!("client_query_buffer_limit_disconnections:{number}\r\n");
        assert!(Client::connect(server.port()).text(["INFO", "stats"]).contains(&told));
    }
    server.wait_for_log("Closing client that reached max query buffer length:");
    assert_eq!(client.integer(["STRLEN", "k"]), LIMIT as i64 - 100);
    waiting.finish_sending();
    assert!(waiting.is_closed());
}
