//! Texts of errors that quote what a client sent: a line break in them must not look like the end of the reply.

use super::assert_serves;
use spinel_tests::{Client, Server};

const BREAK: &str = "a\r\nb\nc\r+OK\r\n";

/// Calls in which `@` stands for the text with line breaks.
const CALLS: &[&[&str]] = &[
    &["@"],
    &["@", "@", "@"],
    &["GET@"],
    &["CONFIG", "@"],
    &["CONFIG", "SET", "@", "1"],
    &["CONFIG", "SET", "maxmemory", "@"],
    &["CONFIG", "SET", "maxmemory", "1", "@", "2"],
    &["CONFIG", "SET", "notify-keyspace-events", "@"],
    &["CONFIG", "SET", "save", "@"],
    &["CLIENT", "@"],
    &["CLIENT", "KILL", "TYPE", "@"],
    &["CLIENT", "KILL", "ID", "@"],
    &["CLIENT", "LIST", "TYPE", "@"],
    &["CLIENT", "SETNAME", "@"],
    &["CLIENT", "SETINFO", "LIB-NAME", "@"],
    &["CLIENT", "SETINFO", "@", "v"],
    &["CLIENT", "REPLY", "@"],
    &["CLIENT", "TRACKING", "ON", "@"],
    &["CLIENT", "TRACKING", "ON", "BCAST", "PREFIX", "@", "PREFIX", "@"],
    &["CLIENT", "PAUSE", "@"],
    &["HELLO", "@"],
    &["HELLO", "3", "SETNAME", "@"],
    &["HELLO", "3", "AUTH", "@", "@"],
    &["AUTH", "@", "@"],
    &["OBJECT", "@", "k"],
    &["COMMAND", "DOCS@"],
    &["COMMAND", "GETKEYS", "@"],
    &["COMMAND", "LIST", "FILTERBY", "@", "x"],
    &["XREADGROUP", "GROUP", "@", "c", "STREAMS", "@", ">"],
    &["XGROUP", "SETID", "s", "@", "0"],
    &["XGROUP", "CREATE", "@", "@", "@"],
    &["XGROUP", "@", "s"],
    &["XINFO", "CONSUMERS", "s", "@"],
    &["XINFO", "@", "s"],
    &["XCLAIM", "s", "g", "c", "0", "1-1", "@"],
    &["XADD", "s", "@", "f", "v"],
    &["XAUTOCLAIM", "@", "@", "c", "0", "0"],
    &["HSETEX", "h", "@", "FIELDS", "1", "f", "v"],
    &["EVAL", "@", "0"],
    &["EVAL", "return redis.error_reply(ARGV[1])", "0", "@"],
    &["EVAL", "return {err=ARGV[1]}", "0", "@"],
    &["EVAL", "error(ARGV[1])", "0", "@"],
    &["EVAL", "error({err=ARGV[1]})", "0", "@"],
    &["EVAL", "return redis.call(ARGV[1])", "0", "@"],
    &["EVAL", "return redis.call('CONFIG', ARGV[1])", "0", "@"],
    &["EVALSHA", "@", "0"],
    &["FCALL", "@", "0"],
    &["SCRIPT", "@"],
    &["FUNCTION", "@"],
    &["FUNCTION", "LOAD", "@"],
    &["FUNCTION", "LOAD", "@", "code"],
    &["FUNCTION", "LOAD", "#!lua name=@\nredis.register_function('f', function() end)"],
    &["FUNCTION", "LOAD", "#!@ name=x\n"],
    &["FUNCTION", "DELETE", "@"],
    &["FUNCTION", "LIST", "@"],
    &["FUNCTION", "RESTORE", "@"],
    &["PUBSUB", "@"],
    &["DEBUG", "@"],
    &["MEMORY", "@"],
    &["SHUTDOWN", "@"],
    &["LMPOP", "1", "l", "@"],
    &["SET", "k", "v", "@"],
    &["GETEX", "k", "@", "1"],
    &["ZADD", "z", "@", "m"],
    &["EXEC", "@"],
    &["SORT", "l", "@"],
    &["BITFIELD", "k", "GET", "@", "0"],
    &["GEOADD", "g", "@", "1", "m"],
    &["CL.THROTTLE", "k", "@", "1", "1"],
    &["XADD", "s", "DELAY", "@", "*", "f", "v"],
];

#[test]
fn no_error_has_a_line_break() {
    let server = Server::start(&["--enable-debug-command", "local", "--requirepass", "secret"]);
    let mut client = Client::connect(server.port());
    let log_in = |client: &mut Client| {
        assert_eq!(client.text(["AUTH", "secret"]), "OK");
        client.text(["XGROUP", "CREATE", "s", "g", "0", "MKSTREAM"]);
    };
    log_in(&mut client);
    for call in CALLS {
        let words: Vec<String> = call.iter().map(|word| word.replace('@', BREAK)).collect();
        let mut bytes = Vec::new();
        spinel_resp::encode_request(&words, &mut bytes);
        let reply = client.answer(&bytes);
        let line = reply.strip_suffix("\r\n").unwrap_or_else(|| panic!("{call:?}: {reply:?}"));
        assert!(line.starts_with('-'), "{call:?}: {reply:?}");
        assert!(!line.contains(['\r', '\n']), "{call:?}: {reply:?}");
        assert_eq!(client.answer(b"PING\r\n"), "+PONG\r\n", "after {call:?}");
        // Words that were refused at once stay out of transactions, too.
        client.text(["MULTI"]);
        let queued = client.answer(&bytes);
        assert!(!queued.trim_end_matches("\r\n").contains(['\r', '\n']), "{call:?}: {queued:?}");
        client.call(["EXEC"]);
        assert_eq!(client.answer(b"PING\r\n"), "+PONG\r\n", "after {call:?} in a transaction");
    }
    drop(client);
    let mut client = Client::connect(server.port());
    log_in(&mut client);
    assert_eq!(client.text(["PING"]), "PONG");
}

#[test]
fn names_with_line_breaks_are_refused_where_they_are_listed() {
    let server = Server::start(&[]);
    let mut client = Client::connect(server.port());
    for call in [&["CLIENT", "SETNAME", BREAK][..], &["CLIENT", "SETINFO", "LIB-VER", BREAK]] {
        assert!(client.text(call).starts_with('-'), "{call:?}");
    }
    assert_eq!(client.text(["CLIENT", "LIST"]).lines().count(), 1);
    assert_serves(&server);
}
