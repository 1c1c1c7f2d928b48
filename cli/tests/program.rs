//! The program itself, run against a server that answers with fixed bytes.
//!
//! Outputs, exit codes and the commands sent are those of `redis-cli` 8.0.6 in the same situation.

mod fake_server;

use fake_server::{Act, FakeServer, Run, finish, run};
use std::io::{Read, Write};
use std::net::TcpListener;
use std::os::unix::net::UnixListener;
use std::process::Command;
use std::thread;

const OK: &str = "+OK\r\n";

#[test]
fn one_command_is_sent_and_its_reply_printed() {
    let server = FakeServer::saying(&["$5\r\nhello\r\n"]);

    assert_eq!(server.run("get -p"), Run::printed("hello\n"));
    assert_eq!(server.commands(), ["get|-p"]);
}

#[test]
fn formats_are_chosen_by_options() {
    let reply = "*2\r\n$1\r\na\r\n:1\r\n";
    let server = FakeServer::saying(&[reply; 4]);

    assert_eq!(server.run("x"), Run::printed("a\n1\n"));
    assert_eq!(server.run("--no-raw x"), Run::printed("1) \"a\"\n2) (integer) 1\n"));
    assert_eq!(server.run("--csv x"), Run::printed("\"a\",1\n"));
    assert_eq!(server.run("-2 --json x"), Run::printed("[\"a\",1]\n"));
}

#[test]
fn delimiters_are_taken_as_they_are() {
    let server = FakeServer::saying(&["*2\r\n+a\r\n+b\r\n"]);
    assert_eq!(server.run(r"-D \n -d , x"), Run::printed(r"a,b\n"));
}

#[test]
fn a_login_authenticates_then_selects_then_switches_the_protocol() {
    let server = FakeServer::saying(&[OK; 4]);

    assert_eq!(server.run("--no-auth-warning --user u -a secret -n 2 -3 ping"), Run::printed("OK\n"));
    assert_eq!(server.commands(), ["AUTH|u|secret", "SELECT|2", "HELLO|3", "ping"]);
}

#[test]
fn json_asks_for_resp3() {
    let server = FakeServer::saying(&["%0\r\n", "%1\r\n$1\r\nk\r\n~1\r\n,1.50\r\n"]);

    assert_eq!(server.run("--json x"), Run::printed("{\"k\":[1.50]}\n"));
    assert_eq!(server.commands(), ["HELLO|3", "x"]);
}

#[test]
fn a_uri_says_it_all() {
    let server = FakeServer::saying(&[OK; 3]);
    let uri = format!("redis://u%3Ax:p%20q@127.0.0.1:{}/3", server.port);

    assert_eq!(run(&format!("--no-auth-warning -u {uri} ping"), ""), Run::printed("OK\n"));
    assert_eq!(server.commands(), ["AUTH|u:x|p q", "SELECT|3", "ping"]);
}

#[test]
fn the_environment_may_hold_the_password() {
    let server = FakeServer::saying(&[OK; 2]);
    let mut command = Command::new(env!("CARGO_BIN_EXE_spinel-cli"));
    command.args(["-p", &server.port.to_string(), "ping"]).env("REDISCLI_AUTH", "hidden");

    assert_eq!(finish(command, ""), Run::printed("OK\n"));
    assert_eq!(server.commands(), ["AUTH|hidden", "ping"]);
}

#[test]
fn a_password_among_the_arguments_is_warned_of() {
    let server = FakeServer::saying(&[OK; 2]);
    let warning =
        "Warning: Using a password with '-a' or '-u' option on the command line interface may not be safe.\n";

    assert_eq!(server.run("-a x ping"), Run { errors: warning.into(), ..Run::printed("OK\n") });
}

#[test]
fn a_refused_login_is_told_and_the_command_still_sent() {
    let server =
        FakeServer::saying(&["-WRONGPASS no\r\n", "-ERR out\r\n", "-NOPROTO x\r\n", "-NOAUTH y\r\n"]);
    let run = server.run("--no-auth-warning -a x -n 3 -3 ping");

    assert_eq!(run.status, 0);
    assert_eq!(run.output, "NOAUTH y\n\n");
    assert_eq!(
        run.errors,
        "AUTH failed: WRONGPASS no\nSELECT 3 failed: ERR out\nHELLO 3 failed: NOPROTO x\n"
    );
}

#[test]
fn errors_fail_only_when_asked_to() {
    let server = FakeServer::saying(&["-ERR no\r\n"; 3]);

    assert_eq!(server.run("x"), Run::printed("ERR no\n\n"));
    assert_eq!(server.run("--no-raw x"), Run::printed("(error) ERR no\n"));
    assert_eq!(server.run("--csv -e x"), Run { status: 1, output: String::new(), errors: "ERR no\n".into() });
}

#[test]
fn a_command_is_repeated() {
    let server = FakeServer::saying(&[OK; 4]);

    assert_eq!(server.run("-r 3 -i 0.001 ping"), Run::printed("OK\nOK\nOK\n"));
    assert_eq!(server.run("-r 0 ping"), Run::printed(""));
    assert_eq!(server.commands(), ["ping"; 3]);
}

#[test]
fn an_endless_repetition_ends_with_the_connection() {
    let server = FakeServer::start([Act::Say(OK), Act::Leave(OK)]);
    let run = server.run("-r -1 ping");

    assert_eq!((run.status, run.output.as_str()), (1, "OK\nOK\n"));
    assert!(run.errors.starts_with("Error: "), "{run:?}");
}

#[test]
fn the_last_word_may_come_from_standard_input() {
    let server = FakeServer::saying(&[OK]);

    assert_eq!(server.run_with_input("-x set k", "a\nb\n"), Run::printed("OK\n"));
    assert_eq!(server.commands(), ["set|k|a\nb\n"]);
}

#[test]
fn a_server_that_is_not_there_is_told_of_in_the_known_words() {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    drop(listener);

    let errors = format!("Could not connect to Redis at 127.0.0.1:{port}: Connection refused\n");
    assert_eq!(run(&format!("-p {port} ping"), ""), Run { status: 1, output: String::new(), errors });
    let errors = "Could not connect to Redis at /nonexistent/socket: No such file or directory\n".to_owned();
    assert_eq!(run("-s /nonexistent/socket ping", ""), Run { status: 1, output: String::new(), errors });
}

#[test]
fn a_unix_socket_replaces_host_and_port() {
    let path = std::env::temp_dir().join(format!("spinel-cli-{}.sock", std::process::id()));
    let listener = UnixListener::bind(&path).unwrap();
    let server = thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut request = [0; 14];
        stream.read_exact(&mut request).unwrap();
        stream.write_all(OK.as_bytes()).unwrap();
        request
    });

    let outcome = run(&format!("-s {} ping", path.display()), "");
    std::fs::remove_file(&path).unwrap();
    assert_eq!(outcome, Run::printed("OK\n"));
    assert_eq!(&server.join().unwrap(), b"*1\r\n$4\r\nping\r\n");
}

#[test]
fn a_connection_that_ends_is_an_error_except_after_shutdown() {
    let server = FakeServer::start([Act::Leave(""), Act::Leave("$10\r\nab"), Act::Leave("")]);
    let errors = "Error: Server closed the connection\n".to_owned();

    assert_eq!(server.run("ping"), Run { status: 1, output: String::new(), errors: errors.clone() });
    assert_eq!(server.run("ping"), Run { status: 1, output: String::new(), errors });
    assert_eq!(server.run("SHUTDOWN nosave"), Run::printed(""));
}

#[test]
fn bytes_that_are_no_reply_are_an_error() {
    let server = FakeServer::saying(&["@2\r\n"]);
    let errors = "Error: Protocol error, got \"@\" as reply type byte\n".to_owned();
    assert_eq!(server.run("ping"), Run { status: 1, output: String::new(), errors });
}

#[test]
fn pushes_before_a_reply_are_shown_if_wanted() {
    let replies = ">2\r\n$10\r\ninvalidate\r\n*1\r\n$1\r\na\r\n+OK\r\n";
    let server = FakeServer::saying(&[replies; 2]);

    assert_eq!(server.run("--no-raw get a"), Run::printed("OK\n"));
    assert_eq!(server.run("--no-raw --show-pushes yes get a"), Run::printed("-> invalidate: 'a'\nOK\n"));
}

#[test]
fn subscriptions_and_monitors_print_until_the_end() {
    let errors = "Error: Server closed the connection\n".to_owned();
    let server = FakeServer::start([
        Act::Leave("*3\r\n$9\r\nsubscribe\r\n$1\r\na\r\n:1\r\n*3\r\n$7\r\nmessage\r\n$1\r\na\r\n$1\r\nx\r\n"),
        Act::Leave("+OK\r\n+1 [0 127.0.0.1:1] \"ping\"\r\n"),
    ]);

    let output = "\"subscribe\",\"a\",1\n\"message\",\"a\",\"x\"\n".to_owned();
    assert_eq!(server.run("--csv subscribe a"), Run { status: 1, output, errors: errors.clone() });
    let output = "OK\n1 [0 127.0.0.1:1] \"ping\"\n".to_owned();
    assert_eq!(server.run("monitor"), Run { status: 1, output, errors });
}

#[test]
fn a_refused_subscription_is_an_ordinary_error() {
    let server = FakeServer::saying(&["-NOPERM no\r\n"; 2]);
    assert_eq!(server.run("subscribe a"), Run::printed("NOPERM no\n\n"));
    assert_eq!(server.run("monitor"), Run::printed("NOPERM no\n\n"));
}

#[test]
fn lines_of_standard_input_are_commands() {
    let server = FakeServer::saying(&[OK; 6]);
    let input = "ping\n\n  \nset a \"b c\"\nset \"a\n2 get x\n0 x\n#x\nQUIT\nping\n";

    let output = "OK\nOK\nInvalid argument(s)\nOK\nOK\nInvalid spinel-cli repeat command option value.\nOK\n";
    assert_eq!(server.run_with_input("", input), Run::printed(output));
    assert_eq!(server.commands(), ["ping", "set|a|b c", "get|x", "get|x", "#x"]);
}

#[test]
fn standard_input_goes_on_after_errors() {
    let server = FakeServer::start([Act::Say("-ERR no\r\n"), Act::Leave(""), Act::Say(OK)]);
    let run = server.run_with_input("-e", "a\nb\nc");

    assert_eq!(run.status, 0);
    assert_eq!(run.output, "ERR no\n\nOK\n");
    assert_eq!(run.errors, "Error: Server closed the connection\n");
    assert_eq!(server.commands(), ["a", "b", "c"]);
}

#[test]
fn a_new_connection_selects_the_database_chosen_last() {
    let server = FakeServer::start([Act::Say(OK), Act::Say(OK), Act::Leave(""), Act::Say(OK), Act::Say(OK)]);
    let run = server.run_with_input("-n 1", "select 4\na\nb\n");

    assert_eq!(run.output, "OK\nOK\n");
    assert_eq!(server.commands(), ["SELECT|1", "select|4", "a", "SELECT|4", "b"]);
}

#[test]
fn a_new_connection_selects_what_was_selected_before_a_dropped_transaction() {
    let script = "select 2\nmulti\nselect 4\ndiscard\nmulti\nselect 5\nexec\nmulti\nselect 6\nexec\nx\ny\n";
    let queued = Act::Say("+QUEUED\r\n");
    let dropped = [Act::Say(OK), queued, Act::Say(OK)];
    let refused = [Act::Say(OK), Act::Say("+QUEUED\r\n"), Act::Say("-EXECABORT no\r\n")];
    let watched = [Act::Say(OK), Act::Say("+QUEUED\r\n"), Act::Say("*-1\r\n")];
    let end = [Act::Leave(""), Act::Say(OK), Act::Say(OK)];
    let server =
        FakeServer::start([Act::Say(OK)].into_iter().chain(dropped).chain(refused).chain(watched).chain(end));

    assert_eq!(server.run_with_input("", script).status, 0);
    let commands = server.commands();
    assert_eq!(commands[commands.len() - 3..], ["x", "SELECT|2", "y"]);
}

#[test]
fn a_reset_forgets_database_and_protocol() {
    let server =
        FakeServer::start([Act::Say(OK), Act::Say(OK), Act::Say("+RESET\r\n"), Act::Leave(""), Act::Say(OK)]);

    assert_eq!(server.run_with_input("-n 3 -3", "reset\nx\ny\n").status, 0);
    assert_eq!(server.commands(), ["SELECT|3", "HELLO|3", "reset", "x", "y"]);
}

#[test]
fn a_database_refused_for_want_of_a_password_is_selected_after_auth() {
    let server = FakeServer::saying(&["-NOAUTH no\r\n", OK, OK, OK]);
    let run = server.run_with_input("-n 3", "auth secret\nx\n");

    assert_eq!(run.errors, "SELECT 3 failed: NOAUTH no\n");
    assert_eq!(server.commands(), ["SELECT|3", "auth|secret", "SELECT|3", "x"]);
}

#[test]
fn unsubscribing_from_several_channels_has_several_replies() {
    let replies =
        "*3\r\n$11\r\nunsubscribe\r\n$1\r\na\r\n:0\r\n*3\r\n$11\r\nunsubscribe\r\n$1\r\nb\r\n:0\r\n";
    let server = FakeServer::saying(&[replies, OK]);
    let run = server.run_with_input("--csv", "unsubscribe a b\nping\n");

    assert_eq!(run, Run::printed("\"unsubscribe\",\"a\",0\n\"unsubscribe\",\"b\",0\n\"OK\"\n"));
}

#[test]
fn connect_turns_to_another_server() {
    let first = FakeServer::saying(&[OK]);
    let second = FakeServer::saying(&[OK]);
    let input = format!("a\nconnect 127.0.0.1 {}\nb\nconnect 127.0.0.1 x\nconnect alone\n", second.port);
    let run = first.run_with_input("", &input);

    assert_eq!(run.output, "OK\nOK\n");
    assert!(run.errors.starts_with("Invalid server port.\n"), "{run:?}");
    assert_eq!(first.commands(), ["a"]);
    assert_eq!(second.commands(), ["b", "connect|alone"]);
}

#[test]
fn preferences_and_help_need_no_server() {
    let server = FakeServer::saying(&[]);
    let run = server.run_with_input("", ":set hints\n:set nohints\n:set x\n:x\nclear\nhelp\n");

    let expected = "unknown spinel-cli preference 'x'\nunknown spinel-cli internal command ':x'\n\x1b[H\x1b[2Jspinel-cli ";
    assert!(run.output.starts_with(expected), "{run:?}");
    assert!(server.commands().is_empty());
}

#[test]
fn help_describes_what_the_server_describes() {
    let docs =
        "*2\r\n$4\r\nping\r\n*4\r\n$7\r\nsummary\r\n$8\r\nAnswers.\r\n$5\r\ngroup\r\n$10\r\nconnection\r\n";
    let server = FakeServer::saying(&[docs]);
    let run = server.run_with_input("", "help ping\n? @connection\n");

    assert_eq!(
        run.output,
        "\n  PING\n  summary: Answers.\n  since: \n  group: connection\n\n\n  PING\n  summary: Answers.\n  since: \n\n"
    );
    assert_eq!(server.commands(), ["COMMAND|DOCS"]);
}

#[test]
fn help_follows_to_another_server() {
    let docs = |name: &str| format!("*2\r\n$4\r\n{name}\r\n*2\r\n$7\r\nsummary\r\n$1\r\nx\r\n");
    let first = FakeServer::saying(&[docs("ping").leak()]);
    let second = FakeServer::saying(&[docs("echo").leak()]);
    let run = first.run_with_input("", &format!("help ping\nconnect 127.0.0.1 {}\nhelp echo\n", second.port));

    assert!(run.output.contains("  PING\n") && run.output.contains("  ECHO\n"), "{run:?}");
}

#[test]
fn servers_without_descriptions_still_name_their_commands() {
    let server = FakeServer::saying(&["-ERR unknown subcommand\r\n", "*1\r\n*1\r\n$4\r\nping\r\n"]);
    let run = server.run_with_input("", "help ping\n");

    assert!(run.output.starts_with("\n  PING\n"), "{run:?}");
    assert_eq!(server.commands(), ["COMMAND|DOCS", "COMMAND"]);
}

#[test]
fn wrong_arguments_end_the_program_at_once() {
    let run_of = |options: &str| run(options, "");

    assert_eq!(run_of("--bogus").errors, "Unrecognized option or bad number of args for: '--bogus'\n");
    assert_eq!(run_of("--bogus").status, 1);
    assert_eq!(run_of("-p").status, 1);
    assert_eq!(run_of("--version"), Run::printed(concat!("spinel-cli ", env!("CARGO_PKG_VERSION"), "\n")));
    assert!(run_of("--help").output.contains("--no-auth-warning"));
}
