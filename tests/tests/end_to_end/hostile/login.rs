//! Clients that are not let in, and names that are no names.

use super::{MEGABYTE, assert_serves, growth};
use spinel_tests::{Client, Server};

const WRONG: &str = "-WRONGPASS invalid username-password pair or user is disabled.";
const NO_NAME: &str = "-ERR Client names cannot contain spaces, newlines or special characters.";

#[test]
fn hello_with_a_bad_version_changes_nothing() {
    let server = Server::start(&[]);
    let mut client = Client::connect(server.port());
    for version in ["0", "1", "4", "-1", "9223372036854775807"] {
        assert_eq!(client.text(["HELLO", version]), "-NOPROTO unsupported protocol version", "{version}");
    }
    let not_a_number = "-ERR Protocol version is not an integer or out of range";
    for version in ["", "x", "3.0", "+3", "03", " 3", "3 ", "99999999999999999999"] {
        assert_eq!(client.text(["HELLO", version]), not_a_number, "{version:?}");
    }
    // Still RESP2: a missing key is a null bulk.
    assert_eq!(client.answer(b"GET none\r\n"), "$-1\r\n");
}

#[test]
fn hello_refuses_options_it_does_not_understand() {
    let server = Server::start(&[]);
    let mut client = Client::connect(server.port());
    for (words, option) in [
        (&["HELLO", "3", "AUTH", "default"][..], "AUTH"),
        (&["HELLO", "3", "SETNAME"], "SETNAME"),
        (&["HELLO", "3", "NOSUCH"], "NOSUCH"),
        (&["HELLO", "2", "3"], "3"),
    ] {
        let expected = format!("-ERR Syntax error in HELLO option '{option}'");
        assert_eq!(client.text(words), expected);
    }
    for name in ["a b", "a\nb", "a\r\nb", "\x1b[2J", "\u{fc}"] {
        assert_eq!(client.text(["HELLO", "3", "SETNAME", name]), NO_NAME, "{name:?}");
    }
    assert_eq!(client.answer(b"GET none\r\n"), "$-1\r\n");
}

#[test]
fn the_last_password_of_a_hello_counts() {
    let server = Server::start(&["--requirepass", "secret"]);
    let mut client = Client::connect(server.port());
    let hello = |first, second| ["HELLO", "3", "AUTH", "default", first, "AUTH", "default", second];
    assert_eq!(client.text(hello("secret", "wrong")), WRONG);
    assert!(matches!(client.call(hello("wrong", "secret")), spinel_resp::Value::Map(_)));
    assert_eq!(client.text(["PING"]), "PONG");
}

#[test]
fn who_is_not_let_in_may_announce_little() {
    let server = Server::start(&["--requirepass", "secret"]);
    for (input, expected) in [
        ("*11\r\n", "-ERR Protocol error: unauthenticated multibulk length\r\n"),
        ("*1\r\n$16385\r\n", "-ERR Protocol error: unauthenticated bulk length\r\n"),
    ] {
        let mut client = Client::connect(server.port());
        assert_eq!(client.last_words(input.as_bytes()), expected);

        let mut client = Client::connect(server.port());
        assert_eq!(client.text(["AUTH", "secret"]), "OK");
        client.send_bytes(input.as_bytes());
        assert_serves_with_password(&server);
    }
}

fn assert_serves_with_password(server: &Server) {
    let mut client = Client::connect(server.port());
    assert_eq!(client.text(["AUTH", "secret"]), "OK");
    assert_eq!(client.text(["PING"]), "PONG");
}

#[test]
fn a_flood_of_unknown_commands_before_the_password_is_not_kept() {
    let server = Server::start(&["--requirepass", "secret"]);
    let flood = b"*1\r\n$5\r\nFLOOD\r\n".repeat(1_000_000);
    let (grown, _client) = growth(&server, || {
        let mut client = Client::connect(server.port());
        client.send_what_is_taken(&flood);
        assert_serves_with_password(&server);
        client
    });
    assert!(grown < 16 * MEGABYTE, "it took {grown} bytes");
    assert_serves_with_password(&server);
}

#[test]
fn guessing_passwords_does_not_keep_others_out() {
    let server = Server::start(&["--requirepass", "secret"]);
    // Failures slow down all later guesses of the same host, so few of them show what many do.
    let mut guessing: Vec<Client> = (0..3).map(|_| Client::connect(server.port())).collect();
    for client in &mut guessing {
        for guess in 0..4 {
            client.send(["AUTH", &format!("guess{guess}")]);
        }
    }
    assert_serves_with_password(&server);
    for client in &mut guessing {
        assert_eq!(client.text(["PING"]), WRONG, "the first guess is answered first");
    }
    let mut client = Client::connect(server.port());
    assert_eq!(client.text(["GET", "k"]), "-NOAUTH Authentication required.");
}

#[test]
fn huge_passwords_are_just_wrong() {
    let server = Server::start(&["--requirepass", "secret"]);
    let mut client = Client::connect(server.port());
    assert_eq!(client.text(["AUTH", "secret"]), "OK");
    let huge = vec![b'x'; 4 << 20];
    assert_eq!(client.text([b"AUTH", &huge[..]]), WRONG);
    assert_eq!(client.text([b"AUTH", &huge[..], b"secret"]), WRONG);
    // A failed attempt does not shut out who is in.
    assert_eq!(client.text(["PING"]), "PONG");
}

#[test]
fn names_stay_on_their_line() {
    let server = Server::start(&["--loglevel", "debug"]);
    let mut client = Client::connect(server.port());
    let forged = "x\n1:M 01 Jan 1970 00:00:00.000 # forged";
    assert_eq!(client.text(["AUTH", forged, "p"]), WRONG);
    assert_eq!(client.text(["CLIENT", "SETNAME", forged]), NO_NAME);
    for attribute in ["LIB-NAME", "LIB-VER"] {
        let expected = NO_NAME.replace("Client names", attribute);
        assert_eq!(client.text(["CLIENT", "SETINFO", attribute, forged]), expected);
    }
    assert_eq!(client.text([forged]), {
        let shown = forged.replace('\n', " ");
        format!("-ERR unknown command '{shown}', with args beginning with: ")
    });
    let list = client.text(["CLIENT", "LIST"]);
    assert_eq!(list.lines().count(), 1, "{list}");
    assert!(server.log().lines().all(|line| !line.starts_with("1:M")), "{}", server.log());
    assert_serves(&server);
}
