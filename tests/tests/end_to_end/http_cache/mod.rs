//! The HTTP cache: the real server between a client that sends any bytes and an origin that a test plays.

mod commands;
mod disk;
mod framing;
mod hostile;
mod large;
mod origin;
mod passing;
mod policies;
mod proxying;
mod purging;
mod routes;
mod secure;
mod storing;
mod together;

use crate::http::{Answer, Http};
use crate::saving::call;
use origin::Origin;
use spinel_tests::{Client, Folder, Server, free_port};

/// A server with the cache's door, and an origin behind it.
struct Scene {
    server: Server,
    origin: Origin,
    port: u16,
}

impl Scene {
    fn start(settings: &[&str]) -> Scene {
        Scene::start_in(Folder::new(), settings)
    }

    fn start_in(folder: Folder, settings: &[&str]) -> Scene {
        let origin = Origin::start();
        let url = origin.url();
        let trust = ["--cache-origin-allow", "127.0.0.1", "--cache-allow-private", "yes"];
        let (server, port) = start_at(folder, &url, &[&trust, settings].concat());
        Scene { server, origin, port }
    }

    /// A client of the door.
    fn client(&self) -> Http {
        Http::connect(self.port)
    }

    /// Has the door store an answer, or pass it on.
    fn store(&self, path: &str, headers: &[&str], body: &str) {
        let mut http = self.client();
        ask(&mut http, path, &[]);
        self.origin.answer("200 OK", headers, body);
        assert_eq!(answer(&mut http).text(), body);
    }

    /// A counter of `INFO cache`.
    fn count(&self, name: &str) -> u64 {
        let info = call(&mut Client::connect(self.server.port()), "INFO cache");
        let line = info.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
        line.and_then(|count| count.trim().parse().ok()).unwrap_or_else(|| panic!("{name} in {info}"))
    }
}

/// A server with an origin of this URL, and the port of its door.
fn start_at(folder: Folder, url: &str, settings: &[&str]) -> (Server, u16) {
    let port = free_port();
    let text = port.to_string();
    let own = ["--cache-http-port", &text, "--cache-http-origin", url, "--io-threads", "2"];
    (Server::start_in(folder, &[&own, settings].concat()), port)
}

fn get(path: &str, headers: &[&str]) -> Vec<u8> {
    let lines: String = headers.iter().flat_map(|line| [line, "\r\n"]).collect();
    format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n{lines}\r\n").into_bytes()
}

/// Sends a request; the answer comes when the origin has answered.
fn ask(http: &mut Http, path: &str, headers: &[&str]) {
    http.send(&get(path, headers));
}

fn answer(http: &mut Http) -> Answer {
    http.answer(false).expect("the door answers")
}
