//! Snapshots: what is saved is there after a restart, and what can't be saved is not promised.

use spinel_resp::Value;
use spinel_tests::{Client, Folder, Server};
use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

/// One key of each type and form.
const DATA: &[&str] = &[
    "SET text hello",
    "SET number 12345",
    "SET expiring value PX 10000000",
    "RPUSH list a b c 1 2 3",
    "HSET hash field value other 7",
    "HPEXPIRE hash 10000000 FIELDS 1 other",
    "SADD members a b c",
    "SADD integers 1 2 3 70000",
    "ZADD scores 1 a 2.5 b -inf c",
    "XADD stream 1-1 field value",
    "XGROUP CREATE stream group 0",
    "XREADGROUP GROUP group alice COUNT 1 STREAMS stream >",
    "PFADD sketch a b c d",
    "GEOADD places 13.361389 38.115556 Palermo",
];

pub(crate) fn call(client: &mut Client, command: &str) -> String {
    shown(&client.call(command.split(' ')))
}

/// A reply as text.
pub(crate) fn shown(reply: &Value) -> String {
    match reply {
        Value::Simple(text) | Value::Error(text) | Value::Bulk(text) => {
            String::from_utf8_lossy(text).into_owned()
        }
        Value::Integer(number) => number.to_string(),
        Value::Array(items) | Value::Push(items) => {
            format!("[{}]", items.iter().map(shown).collect::<Vec<_>>().join(", "))
        }
        Value::Null => "nil".to_owned(),
        other => format!("{other:?}"),
    }
}

pub(crate) fn fill(client: &mut Client) {
    for command in DATA {
        let reply = call(client, command);
        assert!(!reply.starts_with("ERR"), "{command}: {reply}");
    }
    for number in 0..1000 {
        let number = number.to_string();
        client.call(["RPUSH", "long list", &number]);
        client.call(["SADD", "many members", &format!("member {number}")]);
        client.call(["HSET", "many fields", &format!("field {number}"), &number]);
        client.call(["ZADD", "many scores", &number, &format!("member {number}")]);
        client.call(["XADD", "long stream", "*", "number", &number]);
    }
    call(client, "SELECT 3");
    call(client, "SET elsewhere 1");
    call(client, "SELECT 0");
}

pub(crate) fn digest(client: &mut Client) -> String {
    call(client, "DEBUG DIGEST")
}

pub(crate) fn info(client: &mut Client, field: &str) -> String {
    let text = call(client, "INFO");
    let line = text.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(':'));
    line.unwrap_or_else(|| panic!("no {field} in {text}")).to_owned()
}

/// A field of INFO that is a number.
pub(crate) fn number(client: &mut Client, field: &str) -> u64 {
    info(client, field).parse().expect("it is a number")
}

/// Waits until something is so.
pub(crate) fn wait_until(what: &str, mut is_so: impl FnMut() -> bool) {
    let start = Instant::now();
    while !is_so() {
        assert!(start.elapsed() < Duration::from_secs(30), "{what}");
    }
}

/// Asks until a field has a value.
pub(crate) fn await_info(client: &mut Client, field: &str, value: &str) {
    let start = Instant::now();
    while info(client, field) != value {
        assert!(start.elapsed() < Duration::from_secs(30), "{field} is never {value}");
    }
}

const SETTINGS: &[&str] = &["--enable-debug-command", "yes"];

/// Starts the server again in the folder that it left.
pub(crate) fn again(folder: Folder, settings: &[&str]) -> (Server, Client) {
    let server = Server::start_in(folder, settings);
    let client = Client::connect(server.port());
    (server, client)
}

/// The names in a folder, in order.
pub(crate) fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).expect("it is there");
    let mut names: Vec<String> = entries
        .map(|entry| entry.expect("it can be read").file_name().into_string().expect("UTF-8"))
        .collect();
    names.sort();
    names
}

#[test]
fn what_save_wrote_is_there_after_a_power_cut() {
    let server = Server::start(SETTINGS);
    let mut client = Client::connect(server.port());
    fill(&mut client);
    let before = digest(&mut client);
    assert_eq!(call(&mut client, "SAVE"), "OK");
    assert_eq!(info(&mut client, "rdb_changes_since_last_save"), "0");
    call(&mut client, "SET late 1");

    let (_server, mut client) = again(server.kill(), SETTINGS);
    assert_eq!(digest(&mut client), before);
    assert_eq!(call(&mut client, "HTTL hash FIELDS 1 field"), "[-1]");
    assert!(call(&mut client, "PTTL expiring").parse::<i64>().expect("a number") > 9_000_000);
    assert_eq!(info(&mut client, "rdb_last_load_keys_loaded"), "17");
}

#[test]
fn a_background_save_holds_what_was_there_when_it_was_asked_for() {
    let server = Server::start(SETTINGS);
    let mut client = Client::connect(server.port());
    fill(&mut client);
    let before = digest(&mut client);
    // One batch, so that nothing can come in between.
    client.send_bytes(b"BGSAVE\r\nSET text changed\r\nDEL list hash\r\nRPUSH \"long list\" more\r\n");
    let replies: Vec<String> = (0..4).map(|_| format!("{:?}", client.reply())).collect();
    assert!(replies[0].contains("Simple"), "{replies:?}");
    await_info(&mut client, "rdb_bgsave_in_progress", "0");
    assert_eq!(info(&mut client, "rdb_last_bgsave_status"), "ok");
    assert_eq!(info(&mut client, "rdb_saves"), "1");

    let (_server, mut client) = again(server.kill(), SETTINGS);
    assert_eq!(digest(&mut client), before);
}

#[test]
fn a_save_point_saves_without_being_asked() {
    let server = Server::start(&["--save", "1 10", "--enable-debug-command", "yes"]);
    let mut client = Client::connect(server.port());
    fill(&mut client);
    let before = digest(&mut client);
    // On a busy machine the first save may come before all is there.
    await_info(&mut client, "rdb_changes_since_last_save", "0");

    let (_server, mut client) = again(server.kill(), SETTINGS);
    assert_eq!(digest(&mut client), before);
}

#[test]
fn the_end_saves_where_there_are_save_points_or_somebody_asks() {
    for (points, order, is_saved) in [
        ("3600 1", "SHUTDOWN", true),
        ("3600 1", "SHUTDOWN NOSAVE", false),
        ("3600 1", "TERM", true),
        ("", "SHUTDOWN", false),
        ("", "SHUTDOWN SAVE", true),
        ("", "INT", false),
    ] {
        let mut server = Server::start(&["--save", points]);
        let mut client = Client::connect(server.port());
        call(&mut client, "SET key value");
        if order.starts_with("SHUTDOWN") {
            client.send(order.split(' '));
        } else {
            server.signal(order);
        }
        assert!(server.wait().success(), "{points:?} {order}");
        let (_server, mut client) = again(server.leave(), SETTINGS);
        assert_eq!(call(&mut client, "DBSIZE"), if is_saved { "1" } else { "0" }, "{points:?} {order}");
    }
}

#[test]
fn writes_are_refused_while_nothing_can_be_saved() {
    let server = Server::start(&["--save", "3600 1000000"]);
    let mut client = Client::connect(server.port());
    call(&mut client, "SET key value");
    // A folder stands where the file should.
    let obstacle = server.folder().join("dump.rdb");
    fs::create_dir(&obstacle).expect("the folder can be written");
    call(&mut client, "BGSAVE");
    await_info(&mut client, "rdb_last_bgsave_status", "err");
    let misconf = "MISCONF Redis is configured to save RDB snapshots, but it's currently unable to persist to disk. \
                   Commands that may modify the data set are disabled, because this instance is configured to report \
                   errors during writes if RDB snapshotting fails (stop-writes-on-bgsave-error option). Please check \
                   the Redis logs for details about the RDB error.";
    for command in ["SET key other", "DEL key", "PING", "EVAL return(redis.call('SET','key','3')) 0"] {
        assert!(call(&mut client, command).starts_with(misconf), "{command}");
    }
    assert_eq!(call(&mut client, "GET key"), "value");
    assert!(call(&mut client, "SAVE").starts_with("ERR"));
    assert!(call(&mut client, "SHUTDOWN").starts_with("ERR Errors trying to SHUTDOWN"));
    call(&mut client, "CONFIG SET stop-writes-on-bgsave-error no");
    assert_eq!(call(&mut client, "SET key other"), "OK");
    call(&mut client, "CONFIG SET stop-writes-on-bgsave-error yes");
    assert!(call(&mut client, "SET key other").starts_with("MISCONF"));

    fs::remove_dir(&obstacle).expect("it is empty");
    assert_eq!(call(&mut client, "SAVE"), "OK");
    assert_eq!(call(&mut client, "SET key other"), "OK");
    assert!(obstacle.is_file());
    let rest = fs::read_dir(server.folder()).expect("it is there").count();
    assert_eq!(rest, 1, "no temporary file is left");
}

#[test]
fn a_damaged_file_is_refused_and_left_alone() {
    let server = Server::start(&[]);
    let mut client = Client::connect(server.port());
    fill(&mut client);
    call(&mut client, "SAVE");
    let folder = server.kill();
    let path = folder.path().join("dump.rdb");
    let bytes = fs::read(&path).expect("it was saved");
    for cut in [5, 9, bytes.len() / 2, bytes.len() - 9, bytes.len() - 1] {
        let other = Folder::new();
        fs::write(other.path().join("dump.rdb"), &bytes[..cut]).expect("the folder can be written");
        let printed = Server::fail_in(other, &[]);
        assert!(printed.contains("rdb file reading failure"), "cut at {cut}: {printed}");
    }
    let mut damaged = bytes.clone();
    damaged[bytes.len() / 2] ^= 4;
    let other = Folder::new();
    fs::write(other.path().join("dump.rdb"), &damaged).expect("the folder can be written");
    assert!(Server::fail_in(other, &[]).contains("rdb file reading failure"));
}

#[test]
fn functions_are_saved() {
    let server = Server::start(&[]);
    let mut client = Client::connect(server.port());
    let library = "#!lua name=numbers\nredis.register_function('seven', function() return 7 end)";
    assert_eq!(client.text(["FUNCTION", "LOAD", library]), "numbers");
    call(&mut client, "SAVE");
    let (_server, mut client) = again(server.kill(), SETTINGS);
    assert_eq!(call(&mut client, "FCALL seven 0"), "7");
}

/// Files of older servers, and what `DEBUG DIGEST` of Redis 8 says when it has loaded them. The files called after
/// versions of the format were made from its description, because no server that writes them is to be had.
const OLD_FILES: [(&str, &str); 7] = [
    ("version-3", "907c50abf06e049b1d0b95a366991ff8716a77ae"),
    ("version-4", "362e57ea9ff8176bdb126476619e388826d71b0a"),
    ("version-5", "362e57ea9ff8176bdb126476619e388826d71b0a"),
    ("redis-2.8.17", "2c08f9f864e74e14a97f62b8364395635035417a"),
    ("redis-3.2.6", "914806be166a7753765914e2ef5d82d1a403a5e2"),
    ("redis-5.0.6", "7ae6a23cb8195caa389652f7efa469efaf55d6cb"),
    ("redis-6.2.14", "7ae6a23cb8195caa389652f7efa469efaf55d6cb"),
];

#[test]
fn files_of_older_servers_are_loaded() {
    let files = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/corpus/rdb");
    for (name, expected) in OLD_FILES {
        let folder = Folder::new();
        fs::copy(files.join(name), folder.path().join("dump.rdb")).expect("the file is there");
        let (_server, mut client) = again(folder, SETTINGS);
        assert_eq!(digest(&mut client), expected, "{name}");
        assert!(
            call(&mut client, "PEXPIRETIME expires").parse::<i64>().expect("a number") > 1_900_000_000_000
        );
        assert_eq!(call(&mut client, "EXISTS gone"), "0");
    }
}
