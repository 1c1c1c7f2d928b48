//! Passwords that are kept as Argon2id hashes: where they let in, and what waits for them.

use crate::saving::{again, call, shown};
use spinel_tests::{Client, Server};
use std::fs;

/// The hash of `password` that the reference implementation makes.
const HASH: &str = "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc";

const WRONG: &str = "WRONGPASS invalid username-password pair or user is disabled.";

#[test]
fn a_hash_lets_in_who_knows_the_password() {
    let server = Server::start(&[]);
    let mut admin = Client::connect(server.port());
    assert_eq!(call(&mut admin, &format!("ACL SETUSER ann on +@all ~* #{HASH}")), "OK");
    let mut client = Client::connect(server.port());
    assert_eq!(call(&mut client, "AUTH ann nonsense"), WRONG);
    assert_eq!(call(&mut client, "AUTH bob password"), WRONG);
    assert_eq!(call(&mut client, "ACL WHOAMI"), "default");
    // What comes behind it waits for it.
    client.send_bytes(b"AUTH ann password\r\nACL WHOAMI\r\nSET k v\r\n");
    let replies: Vec<String> = (0..3).map(|_| shown(&client.reply())).collect();
    assert_eq!(replies, ["OK", "ann", "OK"]);

    let mut client = Client::connect(server.port());
    client.send(["HELLO", "3", "AUTH", "ann", "password", "SETNAME", "me"]);
    assert!(matches!(client.reply(), spinel_resp::Value::Map(_)));
    assert_eq!(call(&mut client, "CLIENT GETNAME"), "me");
    assert_eq!(call(&mut client, "ACL WHOAMI"), "ann");

    // Replies that are not wanted don't come.
    let mut client = Client::connect(server.port());
    client.send_bytes(b"CLIENT REPLY SKIP\r\nAUTH ann password\r\nACL WHOAMI\r\n");
    assert_eq!(shown(&client.reply()), "ann");
    client.send_bytes(b"MULTI\r\nAUTH ann password\r\nEXEC\r\n");
    let replies: Vec<String> = (0..3).map(|_| shown(&client.reply())).collect();
    assert_eq!(replies[..2], ["OK", "QUEUED"]);
    assert!(replies[2].contains("can't be checked inside a transaction"), "{replies:?}");
    let log = call(&mut admin, "ACL LOG");
    assert_eq!(log.matches("reason, auth").count(), 2, "{log}");
}

#[test]
fn others_go_on_while_a_password_is_checked_and_rights_are_those_of_then() {
    let server = Server::start(&["--io-threads", "1"]);
    let mut admin = Client::connect(server.port());
    call(&mut admin, &format!("ACL SETUSER ann on +@all ~* #{HASH}"));
    // Some tenths of a second's work, behind which the last one waits.
    let mut clients: Vec<Client> = (0..6).map(|_| Client::connect(server.port())).collect();
    for client in &mut clients {
        client.send(["AUTH", "ann", "password"]);
    }
    let waiting = |admin: &mut Client| {
        let text = call(admin, "INFO clients");
        let count = text.lines().find_map(|line| line.strip_prefix("blocked_clients:"));
        count.and_then(|count| count.parse::<usize>().ok()).expect("it is there")
    };
    while waiting(&mut admin) < 4 {}
    call(&mut admin, &format!("ACL SETUSER ann !{HASH}"));
    assert_eq!(shown(&clients[5].reply()), WRONG);
}

#[test]
fn hashes_are_made_shown_kept_and_removed() {
    const FILE: &[&str] = &["--aclfile", "users.acl"];
    let folder = spinel_tests::Folder::new();
    fs::write(folder.path().join("users.acl"), "").expect("it is a folder");
    let server = Server::start_in(folder, FILE);
    let mut admin = Client::connect(server.port());
    assert_eq!(call(&mut admin, "ACL SETUSER ann on +@all argon2id>pw >other"), "OK");
    let shown = call(&mut admin, "ACL GETUSER ann");
    assert!(shown.contains(", $argon2id$v=19$m=19456,t=2,p=1$") && !shown.contains("pw"), "{shown}");
    assert_eq!(call(&mut admin, "ACL SAVE"), "OK");
    let (server, mut admin) = again(server.kill(), FILE);
    for password in ["pw", "other"] {
        let mut client = Client::connect(server.port());
        assert_eq!(call(&mut client, &format!("AUTH ann {password}")), "OK");
    }
    let lines = call(&mut admin, "ACL LIST");
    let hash = lines.split(' ').find(|word| word.starts_with("#$argon2id$")).expect("there is one");
    assert_eq!(call(&mut admin, &format!("ACL SETUSER ann !{}", &hash[1..])), "OK");
    assert!(!call(&mut admin, "ACL LIST").contains("argon2id"));
    for (rule, reason) in [
        (
            "#$argon2id$v=19$m=99999999,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc",
            "The hash is none of",
        ),
        ("#$argon2id$", "The hash is none of"),
        ("#$argon2i$x", "The password hash must be exactly 64 characters"),
        (&format!("!{}", &hash[1..]), "The password you are trying to remove"),
    ] {
        let refusal = call(&mut admin, &format!("ACL SETUSER ann {rule}"));
        assert!(refusal.contains(reason), "{rule}: {refusal}");
    }
    for rule in ["argon2id>a", "resetpass", "argon2id>a", "nopass"] {
        assert_eq!(call(&mut admin, &format!("ACL SETUSER ann {rule}")), "OK");
    }
    assert!(!call(&mut admin, "ACL LIST").contains("argon2id"));
}

#[test]
fn a_flood_of_logins_is_bounded() {
    let server = Server::start(&["--io-threads", "1"]);
    let mut admin = Client::connect(server.port());
    call(&mut admin, &format!("ACL SETUSER ann on +@all ~* #{HASH}"));
    let mut clients: Vec<Client> = (0..40).map(|_| Client::connect(server.port())).collect();
    for client in &mut clients {
        client.send(["AUTH", "ann", "password"]);
    }
    // At most 32 of a host wait, and one or two are being checked; the others hear at once that there is no room.
    let last = shown(&clients[39].reply());
    assert_eq!(last, "TRYAGAIN Too many passwords are being checked");
    // Who goes is passed over, so that the next one doesn't wait for all of them.
    drop(clients);
    let mut client = Client::connect(server.port());
    while call(&mut client, "AUTH ann password") != "OK" {}
    assert_eq!(call(&mut client, "ACL WHOAMI"), "ann");
}
