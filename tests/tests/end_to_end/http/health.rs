//! Whether the server lives and can be used, who may ask for more, and where it listens.

use super::{Http, start, start_in};
use crate::saving::call;
use spinel_tests::{Client, Folder, Server, free_port};
use std::fs;

const ANN: &str = "Authorization: Basic YW5uOnB3";
const WRONG: &str = "Authorization: Basic YW5uOm5v";

fn info(client: &mut Client, field: &str) -> String {
    let text = call(client, "INFO");
    let line = text.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(':'));
    line.unwrap_or_else(|| panic!("no {field} in {text}")).to_owned()
}

#[test]
fn health_is_told_to_everybody() {
    let (_server, port) = start(&["--requirepass", "secret"]);
    let mut http = Http::connect(port);
    for path in ["/healthz", "/readyz"] {
        let answer = http.get(path);
        assert_eq!((answer.status, answer.text()), (200, "ok\n"), "{path}");
        assert_eq!(http.ask("HEAD", path, &[], b"").header("content-length"), Some("3"));
    }
    let answer = http.get("/metrics");
    assert_eq!(answer.status, 401);
    assert_eq!(answer.header("www-authenticate"), Some("Basic realm=\"spinel\", charset=\"UTF-8\""));
    assert_eq!(http.get("/nothing").status, 404);
    let answer = http.ask("DELETE", "/healthz", &[], b"");
    assert_eq!((answer.status, answer.header("allow")), (405, Some("GET,HEAD")));
}

#[test]
fn who_may_do_something_is_what_acl_says() {
    let (server, port) = start(&[]);
    let mut admin = Client::connect(server.port());
    call(&mut admin, "ACL SETUSER ann on >pw +info +slowlog|len");
    let mut http = Http::connect(port);
    let answer = http.ask("GET", "/metrics", &[ANN], b"");
    assert_eq!(answer.status, 200);
    assert!(answer.text().contains("\nredis_slowlog_length 0\n"));
    assert!(!answer.text().contains("redis_slowlog_last_id"), "she may not read it");

    // A wrong password is noted as that of AUTH is.
    let failures = info(&mut admin, "acl_access_denied_auth");
    let answer = http.ask("GET", "/metrics", &[WRONG], b"");
    assert_eq!(answer.status, 401);
    assert!(answer.text().contains("\"code\":\"WRONGPASS\""), "{}", answer.text());
    assert_eq!(failures, "0");
    assert_eq!(info(&mut admin, "acl_access_denied_auth"), "1");
    assert!(call(&mut admin, "ACL LOG").contains("ann"));

    // Rights that are lost are lost at once, also on a connection that had them.
    call(&mut admin, "ACL SETUSER ann -info");
    assert_eq!(http.ask("GET", "/metrics", &[ANN], b"").status, 403);
    call(&mut admin, "ACL DELUSER ann");
    assert_eq!(http.ask("GET", "/metrics", &[ANN], b"").status, 401);
    // Others' credentials are not those of the next request.
    assert_eq!(http.get("/metrics").status, 200);
    call(&mut admin, "CONFIG SET requirepass secret");
    assert_eq!(Http::connect(port).get("/metrics").status, 401);
}

#[test]
fn clients_of_http_are_clients() {
    let (server, port) = start(&[]);
    let mut http = Http::connect(port);
    let mut admin = Client::connect(server.port());
    assert_eq!(info(&mut admin, "connected_clients"), "1");
    assert_eq!(http.get("/metrics").status, 200);
    let address = http.stream.local_addr().expect("it is connected").to_string();
    let list = call(&mut admin, "CLIENT LIST");
    let line = list.lines().find(|line| line.contains(&format!("addr={address} "))).expect("it is there");
    assert!(line.contains(&format!(" laddr=127.0.0.1:{port} ")) && line.contains("resp=3"), "{line}");
    // Killing one ends its session, not its connection.
    assert_eq!(call(&mut admin, &format!("CLIENT KILL ADDR {address}")), "1");
    assert_eq!(http.get("/metrics").status, 200);
    assert_eq!(call(&mut admin, "CLIENT LIST").lines().count(), 2);
    drop(http);
    while info(&mut admin, "connected_clients") != "1" {}
}

#[test]
fn who_loads_or_cannot_write_is_not_ready() {
    let folder = Folder::new();
    let (server, _) = start_in(folder, &["--enable-debug-command", "yes"]);
    let mut admin = Client::connect(server.port());
    call(&mut admin, "DEBUG POPULATE 30");
    assert_eq!(call(&mut admin, "SAVE"), "OK");
    let folder = server.kill();

    let port = free_port();
    let settings = ["--http-port", &port.to_string(), "--key-load-delay", "1000000000"];
    let server = Server::start_loading(folder, &settings);
    server.wait_for_log("Serving HTTP on");
    let mut http = Http::connect(port);
    assert_eq!(http.get("/healthz").status, 200);
    let answer = http.get("/readyz");
    assert_eq!(answer.status, 503);
    assert!(answer.text().contains("\"code\":\"LOADING\"") && answer.header("retry-after") == Some("1"));
    let answer = http.get("/metrics");
    assert!(answer.text().contains("\nredis_loading_dump_file 1\n"));
    let mut admin = Client::connect(server.port());
    assert_eq!(call(&mut admin, "CONFIG SET key-load-delay 0"), "OK");
    server.wait_until_ready();
    assert_eq!(http.get("/readyz").status, 200);

    // Where no snapshot can be written, a folder being in its place, writes are refused.
    fs::remove_file(server.folder().join("dump.rdb")).expect("it was saved");
    fs::create_dir(server.folder().join("dump.rdb")).expect("nothing is in its place");
    assert_eq!(admin.text(["CONFIG", "SET", "save", "3600 1000000"]), "OK");
    call(&mut admin, "BGSAVE");
    while info(&mut admin, "rdb_last_bgsave_status") == "ok" {}
    assert!(call(&mut admin, "SET k v").starts_with("MISCONF"));
    let answer = http.get("/readyz");
    assert_eq!(answer.status, 503);
    assert!(answer.text().contains("\"code\":\"MISCONF\""), "{}", answer.text());
    assert_eq!(http.get("/healthz").status, 200);
}

#[test]
fn others_are_served_only_if_somebody_needs_a_password() {
    let port = free_port().to_string();
    let open = ["--http-port", &port, "--http-bind", "0.0.0.0"];
    let printed = Server::fail_in(Folder::new(), &open);
    assert!(printed.contains("http-bind names an address that other machines reach"), "{printed}");
    let (_server, port) = start(&["--http-bind", "0.0.0.0", "--requirepass", "secret"]);
    assert_eq!(Http::connect(port).get("/healthz").status, 200);
    // A taken port is said to be that of HTTP.
    let printed = Server::fail_in(Folder::new(), &["--http-port", &port.to_string()]);
    assert!(printed.contains(&format!("Failed listening on port {port} (http)")), "{printed}");
}

#[test]
fn connections_are_limited() {
    let (server, port) = start(&["--http-max-connections", "2"]);
    let (mut first, mut second) = (Http::connect(port), Http::connect(port));
    assert_eq!((first.get("/healthz").status, second.get("/healthz").status), (200, 200));
    let mut third = Http::connect(port);
    let answer = third.answer(false).expect("it is told why");
    assert_eq!((answer.status, answer.header("connection")), (503, Some("close")));
    assert!(third.is_closed());
    assert_eq!(info(&mut Client::connect(server.port()), "rejected_connections"), "1");
    drop(first);
    let serves = |port| {
        let mut http = Http::connect(port);
        http.send(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n");
        http.answer(false).is_some_and(|answer| answer.status == 200)
    };
    while !serves(port) {}
}

#[test]
fn a_token_is_a_credential_until_it_expires() {
    let (server, port) = start(&[
        "--token-key-file",
        "token.key",
        "--requirepass",
        "secret",
        "--user",
        "ann",
        "on",
        "+@all",
        "~*",
    ]);
    let mut admin = Client::connect(server.port());
    assert_eq!(call(&mut admin, "AUTH secret"), "OK");
    let token = call(&mut admin, "ACL TOKEN ISSUE ann 3");
    let header = format!("Authorization: Bearer {token}");
    let mut http = Http::connect(port);
    let body = br#"["ACL","WHOAMI"]"#;
    let json = "Content-Type: application/json";
    let answer = http.ask("POST", "/v1/command", &[&header, json], body);
    assert_eq!((answer.status, answer.text().contains("ann")), (200, true), "{answer:?}");
    while Http::connect(port).ask("POST", "/v1/command", &[&header, json], body).status == 200 {}
    let answer = Http::connect(port).ask("POST", "/v1/command", &[&header, json], body);
    assert_eq!(answer.status, 401, "{answer:?}");
    let answer =
        Http::connect(port).ask("POST", "/v1/command", &["Authorization: Bearer nonsense", json], body);
    assert_eq!(answer.status, 401, "{answer:?}");
}
