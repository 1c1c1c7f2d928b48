//! The interface, tried by its own description: schemathesis sends what fits it and what doesn't, and looks at the answers.

use super::start;
use crate::foreign_programs::{output, variable};
use crate::saving::call;
use spinel_tests::{Client, programs};
use std::process::Command;

#[test]
#[ignore = "needs schemathesis: set SPINEL_TEST_SCHEMATHESIS"]
fn what_is_served_is_as_described() {
    let settings = programs::workspace().join("tests/clients/schemathesis.toml");
    for credentials in [None, Some("ann:secret")] {
        let (server, port) = start(&[]);
        let mut client = Client::connect(server.port());
        for command in
            ["HSET hash f v", "RPUSH list a b", "SADD set m", "ZADD zset 1 m", "XADD stream 1-1 f v"]
        {
            call(&mut client, command);
        }
        client.text(["ACL", "SETUSER", "ann", "on", ">secret", "+@all", "-@dangerous", "+info", "allkeys"]);
        let mut tried = Command::new(variable("SPINEL_TEST_SCHEMATHESIS"));
        tried.arg("--no-color").arg("--config-file").arg(&settings).arg("run");
        tried.arg(format!("http://127.0.0.1:{port}/v1/openapi.json"));
        if let Some(credentials) = credentials {
            client.text(["ACL", "SETUSER", "default", "resetpass", ">other"]);
            tried.args(["--auth", credentials]);
        }
        let told = output(&mut tried);
        // It ends well only if nothing was found; that something was tried, its last lines tell.
        assert!(told.contains(" generated, ") && told.contains(" passed\n"), "{told}");
        let mut client = Client::connect(server.port());
        client.call(["AUTH", "other"]);
        assert_eq!(client.text(["PING"]), "PONG");
    }
}
