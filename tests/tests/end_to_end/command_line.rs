//! Sessions with `spinel-cli`.

use spinel_tests::{Client, Server, programs};
use std::process::Command;

/// How a run of the program ended.
#[derive(Debug, PartialEq, Eq)]
struct Run {
    status: Option<i32>,
    output: String,
    errors: String,
}

impl Run {
    fn printed(output: &str) -> Run {
        Run { status: Some(0), output: output.to_owned(), errors: String::new() }
    }
}

/// Runs the program against a server with `options`, separated by white space, and `input`.
fn run(port: u16, options: &str, input: &[u8]) -> Run {
    let mut command = Command::new(programs::cli());
    command.args(["-p", &port.to_string()]).args(options.split_whitespace());
    let output = programs::feed(&mut command, input);
    let text = |bytes| String::from_utf8(bytes).expect("it prints text");
    Run { status: output.status.code(), output: text(output.stdout), errors: text(output.stderr) }
}

#[test]
fn one_command_prints_its_reply() {
    let server = Server::start(&[]);
    assert_eq!(run(server.port(), "SET k v", b""), Run::printed("OK\n"));
    assert_eq!(run(server.port(), "GET k", b""), Run::printed("v\n"));
    assert_eq!(run(server.port(), "--no-raw GET k", b""), Run::printed("\"v\"\n"));
    assert_eq!(run(server.port(), "--no-raw GET none", b""), Run::printed("(nil)\n"));
    assert_eq!(run(server.port(), "--no-raw MGET k none", b""), Run::printed("1) \"v\"\n2) (nil)\n"));
    assert_eq!(run(server.port(), "-r 3 INCR n", b""), Run::printed("1\n2\n3\n"));
    assert_eq!(run(server.port(), "--csv MGET k n", b""), Run::printed("\"v\",\"3\"\n"));
}

#[test]
fn lines_of_standard_input_are_commands() {
    let server = Server::start(&[]);
    let lines = b"SET greeting \"hello world\"\nGET greeting\n\nNOSUCH\nINCR n\n";
    let run = run(server.port(), "", lines);
    let expected = "OK\nhello world\nERR unknown command 'NOSUCH', with args beginning with: \n\n1\n";
    assert_eq!((run.output.as_str(), run.errors.as_str()), (expected, ""));
}

#[test]
fn json_prints_what_resp3_says() {
    let server = Server::start(&[]);
    let mut client = Client::connect(server.port());
    assert_eq!(client.text(["MSET", "a", "1", "b", "\u{e9}"]), "OK");
    assert_eq!(run(server.port(), "--json MGET a none b", b""), Run::printed("[\"1\",null,\"\u{e9}\"]\n"));
    assert_eq!(run(server.port(), "--json CONFIG GET port", b""), {
        Run::printed(&format!("{{\"port\":\"{}\"}}\n", server.port()))
    });
}

#[test]
fn the_database_is_chosen_by_an_option() {
    let server = Server::start(&[]);
    assert_eq!(run(server.port(), "-n 5 SET k five", b""), Run::printed("OK\n"));
    assert_eq!(run(server.port(), "EXISTS k", b""), Run::printed("0\n"));
    assert_eq!(run(server.port(), "-n 5 GET k", b""), Run::printed("five\n"));
}

#[test]
fn the_last_argument_may_come_from_standard_input() {
    let server = Server::start(&[]);
    let bytes = b"any bytes\r\n\0\xff";
    assert_eq!(run(server.port(), "-x SET k", bytes), Run::printed("OK\n"));
    let mut client = Client::connect(server.port());
    assert_eq!(client.call(["GET", "k"]), spinel_resp::Value::Bulk(bytes.to_vec()));
}

#[test]
fn exit_codes_tell_of_errors() {
    let server = Server::start(&["--requirepass", "secret"]);
    let port = server.port();
    let refused = run(port, "-e GET k", b"");
    assert_eq!(refused.status, Some(1));
    assert!(format!("{}{}", refused.output, refused.errors).contains("NOAUTH Authentication required."));
    assert_eq!(run(port, "--no-auth-warning -a secret -e PING", b""), Run::printed("PONG\n"));
    assert_eq!(run(port, "--no-auth-warning -a secret -e NOSUCH", b"").status, Some(1));
    drop(server);
    assert_eq!(run(port, "PING", b"").status, Some(1), "nobody listens any more");
}

#[test]
fn programs_print_their_own_manuals() {
    let printed = |program: std::path::PathBuf, options: &[&str]| {
        let output = programs::feed(Command::new(program).args(options), b"");
        assert_eq!((output.status.code(), output.stderr.as_slice()), (Some(0), &b""[..]), "{options:?}");
        String::from_utf8(output.stdout).expect("it prints text")
    };
    let page = printed(programs::server(), &["--man"]);
    assert!(page.starts_with(".TH spinel-server 1 ") && page.contains("\\-\\-restore\\-to"), "{page}");
    let page = printed(programs::server(), &["--man-conf"]);
    assert!(page.starts_with(".TH spinel.conf 5 ") && page.contains("\\fBmaxmemory\\-policy\\fR"), "{page}");
    assert!(printed(programs::cli(), &["--man"]).contains("\\fB\\-\\-cacert\\fR"));
    for shell in ["bash", "zsh", "fish"] {
        assert!(printed(programs::cli(), &["--completions", shell]).contains("cacertdir"), "{shell}");
    }
}
