//! Who may come, and as whom.

use super::{BOTH, Secure, field};
use spinel_tests::{Authority, Client, Holder};

fn named<'h>(names: &'h [&'h str]) -> Holder<'h> {
    Holder { names, ..Holder::default() }
}

fn addressed<'h>(uris: &'h [&'h str]) -> Holder<'h> {
    Holder { names: &["somebody"], uris, ..Holder::default() }
}

/// What comes of a connection: in TLS 1.3, a client learns that its certificate is refused after its own part.
fn outcome(client: std::io::Result<Client>) -> &'static str {
    match client {
        Err(_) => "refused",
        Ok(mut client) => {
            let said = client.last_words(b"PING\r\nQUIT\r\n");
            if said.contains("PONG") { "served" } else { "refused" }
        }
    }
}

#[test]
fn certificates_are_asked_for_as_the_settings_say() {
    let secure = Secure::start(&[]);
    let (own, foreign) = (secure.authority.issue(named(&["a"])), Authority::new().issue(named(&["a"])));
    let expired = secure.authority.issue(Holder { names: &["a"], end: 2001, ..Holder::default() });
    for (asks, nobody, strangers) in
        [("yes", "refused", "refused"), ("optional", "served", "refused"), ("no", "served", "served")]
    {
        assert_eq!(secure.plain().text(["CONFIG", "SET", "tls-auth-clients", asks]), "OK");
        let connect = |own| outcome(Client::connect_tls(secure.port, &secure.authority.client(own, &BOTH)));
        assert_eq!(connect(None), nobody, "{asks}");
        assert_eq!(connect(Some(&own)), "served", "{asks}");
        assert_eq!(connect(Some(&foreign)), strangers, "{asks}");
        assert_eq!(connect(Some(&expired)), strangers, "{asks}");
    }
}

#[test]
fn authorities_may_lie_in_a_folder() {
    let secure = Secure::start(&[]);
    let other = Authority::new();
    let folder = secure.server.folder().join("authorities");
    std::fs::create_dir(&folder).unwrap();
    std::fs::write(folder.join("README"), "what is no certificate").unwrap();
    other.store(&folder);
    let own = other.issue(named(&["a"]));
    let connect = || outcome(Client::connect_tls(secure.port, &secure.authority.client(Some(&own), &BOTH)));
    assert_eq!(connect(), "refused");
    assert_eq!(secure.plain().text(["CONFIG", "SET", "tls-ca-cert-dir", "authorities"]), "OK");
    assert_eq!(connect(), "served");
}

#[test]
fn a_common_name_is_a_user() {
    let secure = Secure::start(&["--tls-auth-clients-user", "CN"]);
    let mut plain = secure.plain();
    assert_eq!(plain.text(["ACL", "SETUSER", "alice", "on", ">password", "~a*", "+@all"]), "OK");
    let mut alice = secure.connect_as(named(&["alice"]));
    assert_eq!(alice.text(["ACL", "WHOAMI"]), "alice");
    assert!(alice.text(["GET", "b"]).starts_with("-NOPERM"));

    // Even if the default user has to say a password.
    assert_eq!(plain.text(["CONFIG", "SET", "requirepass", "secret"]), "OK");
    assert_eq!(secure.connect_as(named(&["alice"])).text(["ACL", "WHOAMI"]), "alice");
    assert!(secure.connect_as(named(&["bob"])).text(["PING"]).starts_with("-NOAUTH"));
    assert_eq!(field(&mut plain, "acl_access_denied_tls_cert"), "1");

    assert_eq!(plain.text(["ACL", "SETUSER", "alice", "off"]), "OK");
    assert!(secure.connect_as(named(&["alice"])).text(["PING"]).starts_with("-NOAUTH"));
    assert_eq!(plain.text(["CONFIG", "SET", "tls-auth-clients-user", "off"]), "OK");
    assert_eq!(plain.text(["ACL", "SETUSER", "alice", "on"]), "OK");
    assert!(secure.connect_as(named(&["alice"])).text(["PING"]).starts_with("-NOAUTH"));
}

#[test]
fn an_address_is_a_user() {
    let secure = Secure::start(&["--tls-auth-clients-user", "URI"]);
    assert_eq!(secure.plain().text(["ACL", "SETUSER", "urn:alice", "on", "nopass", "+@all"]), "OK");
    let who = |holder| secure.connect_as(holder).text(["ACL", "WHOAMI"]);
    assert_eq!(who(addressed(&["urn:nobody", "urn:alice"])), "urn:alice");
    assert_eq!(who(named(&["urn:alice"])), "default");
}

#[test]
fn odd_names_are_nobodys() {
    let secure = Secure::start(&["--tls-auth-clients-user", "CN"]);
    let mut plain = secure.plain();
    for name in ["alice", "*", "al*"] {
        assert_eq!(plain.text(["ACL", "SETUSER", name, "on", "nopass", "+@all"]), "OK");
    }
    let who = |names: &[&str]| secure.connect_as(named(names)).text(["ACL", "WHOAMI"]);
    for names in
        [&["alice\0"][..], &["alice\0.example"], &["*"], &["al*"], &["alice", "bob"], &["bob", "alice"], &[]]
    {
        assert_eq!(who(names), "default", "{names:?}");
    }
    assert_eq!(who(&["alice"]), "alice");
    let words = ["CONFIG", "SET", "tls-auth-clients-user", "uri"];
    assert_eq!(plain.text(words), "OK");
    for uri in ["*", "al*", "alice\0"] {
        assert_eq!(secure.connect_as(addressed(&[uri])).text(["ACL", "WHOAMI"]), "default", "{uri:?}");
    }
}

#[test]
fn who_is_unknown_is_in_the_log_of_access() {
    let secure = Secure::start(&["--tls-auth-clients-user", "CN"]);
    assert_eq!(secure.connect_as(named(&["mallory"])).text(["PING"]), "PONG");
    let log = format!("{:?}", secure.plain().call(["ACL", "LOG"]));
    let bytes = |text: &str| format!("{:?}", text.as_bytes());
    assert!(log.contains(&bytes("tls-cert")) && log.contains(&bytes("mallory")), "{log}");
}
