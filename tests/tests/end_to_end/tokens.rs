//! Tokens: whom they let in, and until when.

use crate::saving::{again, call, shown};
use spinel_tests::{Client, Folder, Server};
use std::fs;
use std::os::unix::fs::PermissionsExt;

const OWN: &[&str] = &["--token-key-file", "token.key", "--requirepass", "secret"];
const WRONG: &str = "WRONGPASS invalid username-password pair or user is disabled.";

fn admin(server: &Server) -> Client {
    let mut client = Client::connect(server.port());
    assert_eq!(call(&mut client, "AUTH secret"), "OK");
    client
}

fn ann(admin: &mut Client) {
    assert_eq!(call(admin, "ACL SETUSER ann on +@all ~* &*"), "OK");
}

/// What a client hears who says this.
fn try_in(server: &Server, command: &str) -> String {
    call(&mut Client::connect(server.port()), command)
}

#[test]
fn a_token_lets_its_user_in_wherever_a_password_would() {
    let server = Server::start(OWN);
    let mut admin = admin(&server);
    ann(&mut admin);
    call(&mut admin, "ACL SETUSER bob on +@all");
    let token = call(&mut admin, "ACL TOKEN ISSUE ann 1000");
    for command in ["AUTH ", "AUTH ann ", "HELLO 2 AUTH ann "] {
        let mut client = Client::connect(server.port());
        let reply = call(&mut client, &format!("{command}{token}"));
        assert!(reply == "OK" || reply.starts_with("[server, redis"), "{reply}");
        assert_eq!(call(&mut client, "ACL WHOAMI"), "ann", "{command}");
    }
    let mut client = Client::connect(server.port());
    client.send(["HELLO", "3", "AUTH", "", &token]);
    client.reply();
    assert_eq!(call(&mut client, "ACL WHOAMI"), "ann");

    let (head, signature) = token.rsplit_once('.').expect("it has dots");
    let changed = format!("{head}.{}{}", if signature.starts_with('A') { "B" } else { "A" }, &signature[1..]);
    for command in [
        format!("AUTH bob {token}"),
        format!("AUTH ann {changed}"),
        format!("AUTH {head}."),
        "AUTH a.b.c".to_owned(),
    ] {
        assert_eq!(try_in(&server, &command), WRONG, "{command}");
    }
    call(&mut admin, "ACL SETUSER ann off");
    assert_eq!(try_in(&server, &format!("AUTH {token}")), WRONG);

    // The key stays, and so do the tokens; another key knows none of them.
    let key = server.folder().join("token.key");
    assert_eq!(fs::metadata(&key).expect("it was made").permissions().mode() & 0o777, 0o600);
    let (server, _) = again(server.kill(), &[OWN, &["--user", "ann", "on", "+@all"]].concat());
    assert_eq!(try_in(&server, &format!("AUTH {token}")), "OK");
    let folder = server.kill();
    fs::remove_file(folder.path().join("token.key")).expect("it is there");
    let (server, _) = again(folder, &[OWN, &["--user", "ann", "on", "+@all"]].concat());
    assert_eq!(try_in(&server, &format!("AUTH {token}")), WRONG);
}

#[test]
fn a_password_that_looks_like_a_token_stays_one() {
    let server = Server::start(&["--token-key-file", "token.key", "--user", "ann", "on", "+@all", ">x.y.z"]);
    let mut admin = Client::connect(server.port());
    assert_eq!(call(&mut admin, "ACL SETUSER default resetpass >a.b.c argon2id>d.e.f"), "OK");
    let token = call(&mut admin, "ACL TOKEN ISSUE ann 1000");
    for (command, user) in [
        ("AUTH a.b.c".to_owned(), "default"),
        ("AUTH d.e.f".to_owned(), "default"),
        ("AUTH default d.e.f".to_owned(), "default"),
        ("AUTH ann x.y.z".to_owned(), "ann"),
        (format!("AUTH {token}"), "ann"),
    ] {
        let mut client = Client::connect(server.port());
        assert_eq!(call(&mut client, &command), "OK", "{command}");
        assert_eq!(call(&mut client, "ACL WHOAMI"), user, "{command}");
    }
    assert_eq!(try_in(&server, "AUTH x.y.z"), WRONG);
}

#[test]
fn who_came_by_a_token_goes_when_it_expires() {
    let server = Server::start(OWN);
    let mut admin = admin(&server);
    ann(&mut admin);
    let token = call(&mut admin, "ACL TOKEN ISSUE ann 3");
    let mut clients: Vec<Client> = (0..3).map(|_| Client::connect(server.port())).collect();
    for client in &mut clients {
        assert_eq!(call(client, &format!("AUTH {token}")), "OK");
    }
    let [busy, idle, renewed] = &mut clients[..] else { panic!("there are three") };
    let longer = call(&mut admin, "ACL TOKEN ISSUE ann 1000");
    assert_eq!(call(renewed, &format!("AUTH {longer}")), "OK");
    let last = loop {
        busy.send(["PING"]);
        match busy.receive() {
            spinel_tests::Received::Reply(reply, ..) if shown(&reply) == "PONG" => {}
            spinel_tests::Received::Reply(reply, ..) => break Some(shown(&reply)),
            spinel_tests::Received::Closed => break None,
        }
    };
    if let Some(last) = last {
        assert!(last.starts_with("NOAUTH The token"), "{last}");
        assert!(busy.is_closed());
    }
    assert!(idle.is_closed());
    assert_eq!(call(renewed, "PING"), "PONG");
    assert_eq!(try_in(&server, &format!("AUTH {token}")), WRONG);
}

#[test]
fn a_revoked_token_is_good_for_nothing_also_after_a_restart() {
    let settings = [OWN, &["--user", "ann", "on", "+@all"]].concat();
    let server = Server::start(&settings);
    let mut admin = admin(&server);
    let (token, other) =
        (call(&mut admin, "ACL TOKEN ISSUE ann 1000"), call(&mut admin, "ACL TOKEN ISSUE ann 1000"));
    let mut clients: Vec<Client> = [&token, &other].map(|_| Client::connect(server.port())).into();
    assert_eq!(call(&mut clients[0], &format!("AUTH {token}")), "OK");
    assert_eq!(call(&mut clients[1], &format!("AUTH {other}")), "OK");
    assert_eq!(call(&mut admin, &format!("ACL TOKEN REVOKE {token}")), "OK");
    assert!(clients[0].is_closed());
    assert_eq!(call(&mut clients[1], "PING"), "PONG");
    assert_eq!(try_in(&server, &format!("AUTH {token}")), WRONG);
    let (server, _) = again(server.kill(), &settings);
    assert_eq!(try_in(&server, &format!("AUTH {token}")), WRONG);
    assert_eq!(try_in(&server, &format!("AUTH {other}")), "OK");
    // What was revoked must be known.
    let folder = server.kill();
    fs::write(folder.path().join("spinel.revoked"), "nonsense\n").expect("it is there");
    let printed = Server::fail_in(folder, &settings);
    assert!(printed.contains("spinel.revoked: it is damaged"), "{printed}");
}

/// A key of somebody else, 32 bytes of 0, in the form of a set. What follows it are tokens that are signed with it.
const KEYS: &str =
    r#"{"keys":[{"kty":"oct","kid":"k1","alg":"HS256","k":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"}]}"#;

/// Says `{"sub":"ann","exp":4102444800}`.
const PLAIN: &str = "eyJhbGciOiJIUzI1NiIsImtpZCI6ImsxIn0.eyJzdWIiOiJhbm4iLCJleHAiOjQxMDI0NDQ4MDB9.du0abzXP0W9hJJTV2s3kZkMzEE05jsRp1U8gxlzrpxA";
/// Says `{"sub":"ann","exp":4102444800,"iss":"them","aud":["us","x"]}`.
const FOR_US: &str = "eyJhbGciOiJIUzI1NiIsImtpZCI6ImsxIn0.eyJzdWIiOiJhbm4iLCJleHAiOjQxMDI0NDQ4MDAsImlzcyI6InRoZW0iLCJhdWQiOlsidXMiLCJ4Il19.tYd2_yYE3C-W7bu7q5OJB-FPcavjSeE3yUOVqSLqWQk";
/// Says `{"sub":"ann","exp":1000000000}`.
const EXPIRED: &str = "eyJhbGciOiJIUzI1NiIsImtpZCI6ImsxIn0.eyJzdWIiOiJhbm4iLCJleHAiOjEwMDAwMDAwMDB9.UNKImcz9hkf1BSLge_08TtT14wDkWRoeVIIBTn4_FdM";
/// As [`PLAIN`], with a header that says `{"alg":"none"}`.
const UNSIGNED: &str = "eyJhbGciOiJub25lIn0.eyJzdWIiOiJhbm4iLCJleHAiOjQxMDI0NDQ4MDB9.CLMBHVlNySDS3gn3iC2JliE-hsxUeQFG32NnqFIOVnc";

#[test]
fn tokens_of_others_have_to_be_for_us() {
    let folder = Folder::new();
    fs::write(folder.path().join("keys.json"), KEYS).expect("it is a folder");
    let settings =
        ["--token-trusted-keys", "keys.json", "--user", "ann", "on", "+@all", "--requirepass", "secret"];
    let server = Server::start_in(folder, &settings);
    let mut admin = admin(&server);
    assert_eq!(try_in(&server, &format!("AUTH {PLAIN}")), "OK");
    assert_eq!(try_in(&server, &format!("AUTH ann {PLAIN}")), "OK");
    for token in [FOR_US, UNSIGNED, EXPIRED] {
        assert_eq!(try_in(&server, &format!("AUTH {token}")), WRONG, "{token}");
    }
    assert_eq!(call(&mut admin, "CONFIG SET token-audience us token-issuer them"), "OK");
    assert_eq!(try_in(&server, &format!("AUTH {PLAIN}")), WRONG);
    assert_eq!(try_in(&server, &format!("AUTH {FOR_US}")), "OK");
    let refusal = call(&mut admin, "ACL TOKEN ISSUE ann 10");
    assert_eq!(refusal, "ERR There is no key to sign tokens with: set token-key-file");
    let refusal = call(&mut admin, "CONFIG SET token-trusted-keys other.json");
    assert!(refusal.ends_with("can't set protected config"), "{refusal}");
    for (file, reason) in [("none.json", "none.json: No such file"), ("bad.json", "bad.json: no JSON")] {
        let folder = Folder::new();
        fs::write(folder.path().join("bad.json"), "{").expect("it is a folder");
        let printed = Server::fail_in(folder, &["--token-trusted-keys", file]);
        assert!(
            printed.contains("The keys of tokens can't be used") && printed.contains(reason),
            "{printed}"
        );
    }
}

#[test]
fn without_keys_nothing_is_a_token() {
    let server = Server::start(&["--user", "ann", "on", "+@all"]);
    let mut client = Client::connect(server.port());
    assert!(call(&mut client, &format!("AUTH {PLAIN}")).starts_with("ERR AUTH <password> called without"));
    for (command, refusal) in [
        (format!("AUTH ann {PLAIN}"), WRONG),
        ("ACL TOKEN ISSUE nobody 10".to_owned(), "ERR User 'nobody' not found"),
        (
            "ACL TOKEN REVOKE x".to_owned(),
            "ERR No tokens are accepted: set token-key-file or token-trusted-keys",
        ),
        ("ACL TOKEN ISSUE ann 0".to_owned(), "ERR A token is good for 1 to 31622400 seconds"),
        ("ACL TOKEN ISSUE ann x".to_owned(), "ERR value is not an integer or out of range"),
        (
            "ACL TOKEN ISSUE ann".to_owned(),
            "ERR unknown subcommand or wrong number of arguments for 'TOKEN'. Try ACL HELP.",
        ),
    ] {
        assert_eq!(call(&mut client, &command), refusal, "{command}");
    }
}
