//! Roles: rights with a name, their users, and where both are kept.

use crate::saving::{again, call};
use spinel_tests::{Client, Folder, Server};
use std::fs;

const NO_KEY: &str = "NOPERM No permissions to access a key";

/// A connection of this user, whose password is pw.
fn enter(server: &Server, user: &str) -> Client {
    let mut client = Client::connect(server.port());
    assert_eq!(call(&mut client, &format!("AUTH {user} pw")), "OK");
    client
}

fn ok(client: &mut Client, command: &str) {
    assert_eq!(call(client, command), "OK", "{command}");
}

#[test]
fn a_role_gives_its_rights_and_takes_them_at_once() {
    let server = Server::start(&[]);
    let mut admin = Client::connect(server.port());
    ok(&mut admin, "ACL ROLE SET reader +@read ~cache:*");
    ok(&mut admin, "ACL SETUSER ann on >pw +set ~own:* role=reader");
    let mut ann = enter(&server, "ann");
    assert_eq!(call(&mut ann, "GET cache:1"), "nil");
    assert_eq!(call(&mut ann, "SET cache:1 x"), NO_KEY);
    assert_eq!(call(&mut ann, "SET own:1 x"), "OK");
    assert_eq!(call(&mut ann, "GET own:1"), NO_KEY);
    assert_eq!(call(&mut admin, "ACL DRYRUN ann GET cache:1"), "OK");

    // Everybody who has the role, connected or not, has its new rights.
    ok(&mut admin, "ACL ROLE SET reader (+set ~cache:*)");
    assert_eq!(call(&mut ann, "SET cache:1 x"), "OK");
    ok(&mut admin, "ACL ROLE SET reader reset +get ~other");
    assert_eq!(call(&mut ann, "GET cache:1"), NO_KEY);
    assert_eq!(call(&mut ann, "GET other"), "nil");
    let denied = call(&mut admin, "ACL DRYRUN ann GET cache:1");
    assert_eq!(denied, "User ann has no permissions to access the 'cache:1' key");

    ok(&mut admin, "ACL SETUSER ann norole=reader");
    let no_command = "NOPERM User ann has no permissions to run the 'get' command";
    assert_eq!(call(&mut ann, "GET other"), no_command);
    ok(&mut admin, "ACL SETUSER ann role=reader");
    assert_eq!(call(&mut ann, "GET other"), "nil");
    ok(&mut admin, "ACL SETUSER ann resetroles");
    assert_eq!(call(&mut ann, "GET other"), no_command);

    // Who may do everything by a role may, and is bounded as soon as the role is.
    ok(&mut admin, "ACL ROLE SET boss +@all ~* &*");
    ok(&mut admin, "ACL SETUSER ann role=boss");
    assert_eq!(call(&mut ann, "FLUSHALL"), "OK");
    ok(&mut admin, "ACL ROLE SET boss -flushall");
    assert!(call(&mut ann, "FLUSHALL").starts_with("NOPERM"));
}

#[test]
fn who_listens_by_a_role_is_sent_away_with_its_right() {
    let server = Server::start(&[]);
    let mut admin = Client::connect(server.port());
    ok(&mut admin, "ACL ROLE SET listener +subscribe &news &sport");
    ok(&mut admin, "ACL SETUSER ann on >pw role=listener");
    ok(&mut admin, "ACL SETUSER bob on >pw +subscribe &news role=listener");
    let (mut ann, mut bob) = (enter(&server, "ann"), enter(&server, "bob"));
    for client in [&mut ann, &mut bob] {
        client.send(["SUBSCRIBE", "news"]);
        client.reply();
    }
    ok(&mut admin, "ACL ROLE SET listener resetchannels &sport");
    assert!(ann.is_closed());
    bob.send(["PING"]);
    bob.reply();
    assert_eq!(call(&mut admin, "PUBLISH news 1"), "1");
}

#[test]
fn a_role_that_somebody_has_stays() {
    let server = Server::start(&[]);
    let mut admin = Client::connect(server.port());
    ok(&mut admin, "ACL ROLE SET a +get");
    ok(&mut admin, "ACL ROLE SET b +set");
    ok(&mut admin, "ACL SETUSER ann role=a");
    assert_eq!(call(&mut admin, "ACL ROLE DEL b a"), "ERR The role 'a' is in use by the user 'ann'");
    assert_eq!(call(&mut admin, "ACL ROLE LIST").matches("role ").count(), 2);
    assert_eq!(call(&mut admin, "ACL ROLE DEL b nobody"), "1");
    assert_eq!(call(&mut admin, "ACL DELUSER ann"), "1");
    assert_eq!(call(&mut admin, "ACL ROLE DEL a"), "1");
    assert_eq!(call(&mut admin, "ACL ROLE LIST"), "[]");
}

#[test]
fn roles_are_shown() {
    let server = Server::start(&[]);
    let mut admin = Client::connect(server.port());
    ok(&mut admin, "ACL ROLE SET reader ~a* &c +get (%R~b +@read)");
    ok(&mut admin, "ACL SETUSER ann on role=reader role=reader");
    assert_eq!(
        call(&mut admin, "ACL ROLE GET reader"),
        "[commands, -@all +get, keys, ~a*, channels, &c, selectors, [[commands, -@all +@read, keys, %R~b, channels, ]], \
         users, [ann]]"
    );
    assert_eq!(call(&mut admin, "ACL ROLE GET nobody"), "nil");
    let line = "role reader ~a* resetchannels &c -@all +get (%R~b resetchannels -@all +@read)";
    assert_eq!(call(&mut admin, "ACL ROLE LIST"), format!("[{line}]"));
    let user = call(&mut admin, "ACL GETUSER ann");
    assert!(user.ends_with("channels, , selectors, [], roles, [reader]]"), "{user}");
    assert!(!call(&mut admin, "ACL GETUSER default").contains("roles"));
    let users = call(&mut admin, "ACL LIST");
    assert!(
        users.starts_with("[user ann on sanitize-payload resetchannels -@all role=reader, user default "),
        "{users}"
    );
    assert!(call(&mut admin, "ACL ROLE HELP").starts_with("[ACL ROLE <subcommand>"));
}

#[test]
fn what_is_no_role_is_refused() {
    let server = Server::start(&[]);
    let mut admin = Client::connect(server.port());
    for (command, error) in [
        ("ACL SETUSER ann role=none", "ERR Error in ACL SETUSER modifier 'role=none': There is no such role"),
        (
            "ACL SETUSER ann norole=none",
            "ERR Error in ACL SETUSER modifier 'norole=none': There is no such role",
        ),
        ("ACL SETUSER ann role=", "ERR Error in ACL SETUSER modifier 'role=': There is no such role"),
        ("ACL SETUSER ann (role=a)", "ERR Error in ACL SETUSER modifier '(role=a)': Syntax error"),
        ("ACL ROLE SET a >pw", "ERR Error in ACL ROLE SET modifier '>pw': Syntax error"),
        ("ACL ROLE SET a on", "ERR Error in ACL ROLE SET modifier 'on': Syntax error"),
        ("ACL ROLE SET a role=a", "ERR Error in ACL ROLE SET modifier 'role=a': Syntax error"),
        (
            "ACL ROLE SET a +nope",
            "ERR Error in ACL ROLE SET modifier '+nope': Unknown command or category name in ACL",
        ),
        ("ACL ROLE SET a (+get", "ERR Unmatched parenthesis in acl selector starting at '(+get'."),
        (
            "ACL ROLE SET a,b +get",
            "ERR The name of a role has up to 128 letters, digits and characters of _-.:/@",
        ),
        ("ACL ROLE SET a", "OK"),
        ("ACL ROLE NOPE", "ERR unknown subcommand or wrong number of arguments for 'ROLE'. Try ACL HELP."),
        ("ACL ROLE GET", "ERR unknown subcommand or wrong number of arguments for 'ROLE'. Try ACL HELP."),
    ] {
        assert_eq!(call(&mut admin, command), error, "{command}");
    }
    assert_eq!(call(&mut admin, "ACL USERS"), "[default]");
    assert_eq!(call(&mut admin, "ACL ROLE LIST"), "[role a resetchannels -@all]");
}

#[test]
fn roles_are_kept_in_the_file_of_users() {
    const FILE: &[&str] = &["--aclfile", "users.acl"];
    let folder = Folder::new();
    // Roles may stand behind their users.
    fs::write(folder.path().join("users.acl"), "user ann on >pw role=reader\nrole reader +get ~a\n")
        .expect("it is a folder");
    let server = Server::start_in(folder, FILE);
    let mut admin = Client::connect(server.port());
    let mut ann = enter(&server, "ann");
    assert_eq!(call(&mut ann, "GET a"), "nil");
    ok(&mut admin, "ACL ROLE SET writer +set ~b");
    ok(&mut admin, "ACL SETUSER ann role=writer");
    ok(&mut admin, "ACL SAVE");
    let (server, mut admin) = again(server.kill(), FILE);
    let mut ann = enter(&server, "ann");
    assert_eq!(call(&mut ann, "SET b 1"), "OK");
    assert_eq!(call(&mut admin, "ACL ROLE LIST").matches("role ").count(), 2);

    // What the file says now holds, of roles, too; with a mistake, it changes nothing.
    let file = server.folder().join("users.acl");
    fs::write(&file, "role reader +get ~z\nuser ann on >pw role=reader\n").expect("it can be written");
    ok(&mut admin, "ACL LOAD");
    assert_eq!(call(&mut ann, "GET a"), NO_KEY);
    assert_eq!(call(&mut ann, "GET z"), "nil");
    fs::write(&file, "role reader +nope\nrole reader\nrole r,s\nuser ann role=none\n")
        .expect("it can be written");
    let refusal = call(&mut admin, "ACL LOAD");
    for problem in [
        "users.acl:1: Error in applying operation '+nope': Unknown command or category name in ACL.",
        "users.acl:3: the name of the role is invalid.",
        "users.acl:4: Error in applying operation 'role=none': There is no such role.",
    ] {
        assert!(refusal.contains(problem), "{refusal}");
    }
    assert_eq!(call(&mut ann, "GET z"), "nil");
}

#[test]
fn mistakes_in_declared_roles_end_the_start() {
    for (settings, reason) in [
        (&["--role", "a", "+nope"][..], "Error loading ACL rule '+nope' for the role named 'a'"),
        (&["--role", "a", "--role", "a", "+get"], "Duplicate role found"),
        (&["--role", "a,b"], "Invalid name of a role"),
        (
            &["--user", "ann", "role=a"],
            "Error loading ACL rule 'role=a' for the user named 'ann': There is no such role",
        ),
        (&["--role", "a", "--aclfile", "x"], "either the one or the other"),
    ] {
        let printed = Server::fail_in(Folder::new(), settings);
        assert!(printed.contains(reason), "{settings:?}: {printed}");
    }
}
