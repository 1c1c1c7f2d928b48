//! Encrypted connections, with a client on rustls and certificates that are made anew.

mod command_line;
mod hostile;
mod renewal;
mod replicating;
mod serving;
mod settings;
mod users;

use rustls::version::{TLS12, TLS13};
use rustls::{ClientConfig, SupportedProtocolVersion};
use spinel_tests::{Authority, Client, Folder, Holder, Issued, Server};
use std::sync::Arc;

/// How often to ask for a port: somebody else may take it meanwhile.
const PORT_ATTEMPTS: usize = 5;

const BOTH: [&SupportedProtocolVersion; 2] = [&TLS12, &TLS13];

/// A server that listens for plain and encrypted connections.
struct Secure {
    server: Server,
    authority: Authority,
    port: u16,
}

impl Secure {
    /// Starts one that asks nobody for a certificate.
    fn open(settings: &[&str]) -> Secure {
        Secure::start(&[&["--tls-auth-clients", "no"], settings].concat())
    }

    /// Starts one that asks for certificates as the settings say, by default from everybody.
    fn start(settings: &[&str]) -> Secure {
        let (folder, authority) = (Folder::new(), Authority::new());
        authority.store(folder.path());
        authority.issue(Holder { names: &["localhost"], ..Holder::default() }).store(folder.path(), "server");
        let files =
            ["--tls-cert-file", "server.crt", "--tls-key-file", "server.key", "--tls-ca-cert-file", "ca.crt"];
        let server = Server::start_in(folder, &[&files, settings].concat());
        let port = listen(&server);
        Secure { server, authority, port }
    }

    fn plain(&self) -> Client {
        Client::connect(self.server.port())
    }

    fn config(&self, own: Option<&Issued>) -> Arc<ClientConfig> {
        self.authority.client(own, &BOTH)
    }

    /// A client without a certificate.
    fn connect(&self) -> Client {
        Client::connect_tls(self.port, &self.config(None)).expect("the handshake is as it should be")
    }

    /// A client with one.
    fn connect_as(&self, holder: Holder<'_>) -> Client {
        let own = self.authority.issue(holder);
        Client::connect_tls(self.port, &self.config(Some(&own))).expect("the handshake is as it should be")
    }

    /// Puts another certificate of the server's where the first one was.
    fn renew(&self, serial: u8) {
        let next = Holder { names: &["localhost"], serial, ..Holder::default() };
        self.authority.issue(next).store(self.server.folder(), "server");
    }

    /// A field of INFO.
    fn field(&self, name: &str) -> String {
        field(&mut self.plain(), name)
    }
}

/// A field of INFO, asked for by a client.
fn field(client: &mut Client, name: &str) -> String {
    let info = client.text(["INFO", "tls", "stats"]);
    let prefix = format!("{name}:");
    let line = info.lines().find_map(|line| line.strip_prefix(&prefix));
    line.unwrap_or_else(|| panic!("no {name} in {info}")).to_owned()
}

/// Makes a server listen for encrypted connections; the port.
fn listen(server: &Server) -> u16 {
    let mut client = Client::connect(server.port());
    let mut said = String::new();
    for _ in 0..PORT_ATTEMPTS {
        let port = Server::another_port();
        said = client.text(["CONFIG", "SET", "tls-port", &port.to_string()]);
        if said == "OK" {
            return port;
        }
    }
    panic!("no port: {said}; the log:\n{}", server.log())
}
