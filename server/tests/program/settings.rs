//! Settings: files, CONFIG GET, SET and REWRITE.

use crate::process::{Folder, Server, connect, free_port, ok, run};
use spinel_resp::Value;
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;

fn error(text: &str) -> Value {
    Value::Error(text.into())
}

#[test]
fn every_directive_of_a_template_is_accepted() {
    let folder = Folder::new();
    folder.file("a.part", "lfu-log-factor 3\n");
    folder.file("b.part", "slave-priority 7\n");
    folder.file(".c.part", "lfu-log-factor 99\n");
    let file = folder.file(
        "server.conf",
        "always-show-logo yes\ndaemonize no\npidfile 'my pid'\ntimeout 0\nloglevel verbose\nlogfile ''\ndatabases 9\n\
         latency-monitor-threshold 1\nrepl-diskless-sync no\nrepl-diskless-sync-delay 0\nsave 60 1\nsave 10 1000\n\
         rdbcompression yes\nrdbchecksum yes\ndbfilename dump.rdb\ndir ./\nslave-serve-stale-data yes\nappendonly no\n\
         appendfsync everysec\nno-appendfsync-on-rewrite no\nactiverehashing yes\nenable-protected-configs yes\n\
         enable-debug-command yes\nenable-module-command yes\npropagation-error-behavior panic\n\
         shutdown-on-sigterm nosave now\nshutdown-on-sigint force\nenable-debug-assert yes\n\
         hide-user-data-from-log yes\nnotify-keyspace-events KEA\nunixsocketperm 777\ncluster-enabled no\n\
         cluster-node-timeout 3000\ncluster-config-file nodes.conf\nloading-process-events-interval-bytes 2048\n\
         repl-diskless-load swapdb\ncrash-memcheck-enabled no\nuse-exit-on-panic yes\nhz 100\ndynamic-hz yes\n\
         tcp-backlog 511\nio-threads 2\nlfu-decay-time 1\nmaxmemory-samples 5\ntracking-table-max-keys 10\n\
         lazyfree-lazy-eviction no\njemalloc-bg-thread yes\nactivedefrag no\nlua-time-limit 500\n\
         hash-max-ziplist-entries 7\nclient-output-buffer-limit pubsub 100mb 1kb 5\nmaxmemory 100mb\n\
         rename-command INCR \"\"\nuser alice on >secret ~* +@all\nloadmodule x.so\nlua-replicate-commands no\ninclude *.part\n",
    );
    let server = Server::start(&folder, &[&file]);
    let mut client = server.connect();
    for (name, value) in [
        ("pidfile", "my pid"),
        ("loglevel", "verbose"),
        ("databases", "9"),
        ("save", "60 1 10 1000"),
        ("shutdown-on-sigterm", "nosave now"),
        ("notify-keyspace-events", "AKE"),
        ("unixsocketperm", "777"),
        ("busy-reply-threshold", "500"),
        ("hash-max-listpack-entries", "7"),
        ("client-output-buffer-limit", "normal 0 0 0 slave 268435456 67108864 60 pubsub 104857600 1024 5"),
        ("maxmemory", "104857600"),
        ("lfu-log-factor", "3"),
        ("replica-priority", "7"),
        ("dir", folder.path().to_str().expect("plain")),
    ] {
        assert_eq!(client.setting(name), value, "{name}");
    }
    let idle: Vec<_> = server.log.iter().filter(|line| line.contains("without effect")).collect();
    assert_eq!(idle.len(), 2, "{idle:#?}");
    assert!(idle[0].contains("always-show-logo, ") && !idle[0].contains("maxclients"), "{idle:#?}");
    assert!(idle[1].ends_with(": loadmodule"), "{idle:#?}");
}

#[test]
fn commands_go_by_the_names_they_are_given() {
    let folder = Folder::new();
    let file = folder.file(
        "server.conf",
        "rename-command GET 'a-name-that-nobody-guesses-0123456789'\nrename-command CONFIG \"\"\n",
    );
    let server = Server::start(&folder, &[&file, "--rename-command", "set", "put"]);
    let mut client = server.connect();
    assert_eq!(client.call(&["put", "k", "v"]), ok());
    assert_eq!(client.call(&["A-name-that-nobody-guesses-0123456789", "k"]), Value::Bulk("v".into()));
    for name in ["get", "set", "config"] {
        let Value::Error(text) = client.call(&[name, "k"]) else { panic!("{name} has another name") };
        assert!(text.starts_with(b"ERR unknown command"), "{name}");
    }
    for (text, reason) in [
        ("rename-command nothing x\n", "No such command in rename-command"),
        ("rename-command get set\n", "Target command name already exists"),
    ] {
        folder.file("wrong.conf", text);
        let (status, _, message) = crate::process::run(&folder, &["wrong.conf"]);
        assert!(status == Some(1) && message.contains(reason), "{message}");
    }
}

#[test]
fn toml_says_the_same() {
    let folder = Folder::new();
    let file = folder.file(
        "server.toml",
        "# settings\nmaxclients = 77\nsave = [\"60 1\", \"10 1000\"]\nproto_max_bulk_len = \"2mb\"\nprotected-mode = false\n\
         oom-score-adj-values = [1, 2, 3]\n[lfu]\nlog-factor = 4\n",
    );
    let mut server = Server::start(&folder, &[&file]);
    let mut client = server.connect();
    for (name, value) in [
        ("maxclients", "77"),
        ("save", "60 1 10 1000"),
        ("proto-max-bulk-len", "2097152"),
        ("protected-mode", "no"),
        ("oom-score-adj-values", "1 2 3"),
        ("lfu-log-factor", "4"),
    ] {
        assert_eq!(client.setting(name), value, "{name}");
    }
    assert_eq!(
        client.call(&["config", "rewrite"]),
        error("ERR Rewriting config file: a TOML file is not rewritten")
    );
    server.signal("TERM");
    assert!(server.wait().success());
    for (text, line, reason) in [
        ("port = 1\nprot = 2\n", 2, "did you mean 'port'?"),
        ("\n\nport = \"x\"\n", 3, "argument couldn't be parsed into an integer"),
        ("port = [\n", 1, ""),
        ("port = 1\n[timeout]\nx = 1\n", 3, "Bad directive"),
    ] {
        folder.file("wrong.toml", text);
        let (status, _, message) = crate::process::run(&folder, &["wrong.toml"]);
        assert_eq!(status, Some(1), "{text}");
        assert!(message.contains("*** FATAL CONFIG FILE ERROR") && message.contains(reason), "{message}");
        assert!(message.contains(&format!("at line {line}\n")) || reason.is_empty(), "{message}");
    }
}

#[test]
fn settings_change_all_or_none() {
    let folder = Folder::new();
    let server = Server::start(&folder, &[]);
    let mut client = server.connect();
    assert_eq!(client.call(&["config", "set", "timeout", "7", "HZ", "900"]), ok());
    assert_eq!((client.setting("timeout"), client.setting("hz")), ("7".to_owned(), "500".to_owned()));
    let because = |name: &str, reason: &str| {
        error(&format!("ERR CONFIG SET failed (possibly related to argument '{name}') - {reason}"))
    };
    for (words, refusal) in [
        (&["timeout", "9", "hz", "x"][..], because("hz", "argument couldn't be parsed into an integer")),
        (&["timeout", "9", "Timeout", "8"], because("Timeout", "duplicate parameter")),
        (&["timeout", "9", "databases", "8"], because("databases", "can't set immutable config")),
        (&["timeout", "9", "dir", "/"], because("dir", "can't set protected config")),
        (&["timeout", "9", "bind", "256.0.0.1"], because("bind", "Failed to bind to specified addresses.")),
        (
            &["timeout", "9", "nothing\r\n", "8"],
            error("ERR Unknown option or number of arguments for CONFIG SET - 'nothing  '"),
        ),
        (&["timeout", "9", "hz"], error("ERR syntax error")),
    ] {
        assert_eq!(client.call(&[&["config", "set"][..], words].concat()), refusal, "{words:?}");
        assert_eq!(client.setting("timeout"), "7", "{words:?}");
    }
    assert_eq!(client.call(&["config", "resetstat"]), ok());
    // It still listens where it did before the refused change.
    assert_eq!(server.connect().setting("timeout"), "7");
}

#[test]
fn patterns_find_settings_once_and_names_find_hidden_ones() {
    let folder = Folder::new();
    let server = Server::start(&folder, &[]);
    let mut client = server.connect();
    let names = |reply: Value| match reply {
        Value::Array(words) => words.into_iter().step_by(2).collect::<Vec<_>>(),
        Value::Map(pairs) => pairs.into_iter().map(|(name, _)| name).collect(),
        other => panic!("{other:?}"),
    };
    let bulks = |words: &[&str]| words.iter().map(|word| Value::Bulk((*word).into())).collect::<Vec<_>>();
    assert_eq!(
        names(client.call(&["config", "get", "TIME*", "t?meout", "timeout", "no"])),
        bulks(&["timeout"])
    );
    assert_eq!(
        names(client.call(&["config", "get", "slave-pri*", "replica-pri*"])),
        bulks(&["slave-priority", "replica-priority"])
    );
    assert_eq!(
        names(client.call(&["config", "get", "key-load*", "Key-Load-Delay"])),
        bulks(&["Key-Load-Delay"])
    );
    assert!(names(client.call(&["config", "get", "*"])).len() > 190);
}

#[test]
fn listeners_move_while_clients_stay() {
    let folder = Folder::new();
    let server = Server::start(&folder, &[]);
    let mut client = server.connect();
    let port = free_port();
    assert_eq!(client.call(&["config", "set", "port", &port.to_string()]), ok());
    assert_eq!(connect(port).setting("port"), port.to_string());
    assert_eq!(client.setting("port"), port.to_string());
    assert!(std::net::TcpStream::connect(("127.0.0.1", server.port)).is_err());

    assert_eq!(client.call(&["config", "set", "bind", "127.0.0.1 -::1"]), ok());
    assert_eq!(connect(port).setting("bind"), "127.0.0.1 -::1");
}

#[test]
fn the_file_is_rewritten_in_place() {
    let folder = Folder::new();
    fs::create_dir(folder.path().join("data")).expect("the folder is ours");
    let file = folder
        .file("server.conf", "# mine\ntimeout 1 \n\n# kept\ndir data\nenable-protected-configs local\n");
    fs::set_permissions(&file, Permissions::from_mode(0o640)).expect("it is ours");
    let server = Server::start(&folder, &["server.conf"]);
    let mut client = server.connect();
    let secret = "a \"b\" \\ \r\nport 1\u{1}";
    assert_eq!(client.call(&["config", "set", "timeout", "5", "requirepass", secret]), ok());
    assert_eq!(client.call(&["config", "set", "dir", "/"]), ok());
    assert_eq!(client.call(&["config", "rewrite"]), ok());

    let text = folder.read("server.conf");
    assert!(
        text.starts_with(
            "# mine\ntimeout 5\n\n# kept\ndir /\nenable-protected-configs local\n# Generated by CONFIG"
        ),
        "{text}"
    );
    assert!(text.contains("\nrequirepass \"a \\\"b\\\" \\\\ \\r\\nport 1\\x01\"\n"), "{text}");
    assert_eq!(fs::metadata(&file).expect("it is there").permissions().mode() & 0o777, 0o640);
    assert_eq!(fs::read_dir(folder.path()).expect("it is there").count(), 2, "no temporary file is left");
    assert_eq!(client.call(&["config", "rewrite"]), ok());
    assert_eq!(folder.read("server.conf"), text);
}

#[test]
fn a_server_without_a_file_has_nothing_to_rewrite() {
    let folder = Folder::new();
    let server = Server::start(&folder, &[]);
    let reply = server.connect().call(&["config", "rewrite"]);
    assert_eq!(reply, error("ERR The server is running without a config file"));
}

#[test]
fn too_many_clients_are_turned_away() {
    let folder = Folder::new();
    let server = Server::start(&folder, &["--maxclients", "2"]);
    let mut first = server.connect();
    let mut second = server.connect();
    assert_eq!(first.call(&["set", "a", "1"]), ok());
    assert_eq!(second.call(&["set", "a", "1"]), ok());
    assert_eq!(server.connect().rest(), b"-ERR max number of clients reached\r\n");
    assert_eq!(first.call(&["config", "set", "maxclients", "3"]), ok());
    assert_eq!(server.connect().call(&["set", "a", "1"]), ok());
}

#[test]
fn quotas_stand_in_the_file() {
    let folder = Folder::new();
    folder.file(
        "server.conf",
        "db-quota-memory 0 1gb\ndb-quota-memory 2 10mb\nuser bob on >pw +@all quota-operations=7\n",
    );
    let server = Server::start(&folder, &["server.conf"]);
    let mut client = server.connect();
    assert_eq!(client.setting("db-quota-memory"), "0 1073741824 2 10485760");
    assert_eq!(client.call(&["config", "set", "db-quota-operations", "1 5 0 6"]), ok());
    assert_eq!(client.call(&["config", "rewrite"]), ok());
    drop(server);

    let text = folder.read("server.conf");
    for line in ["db-quota-memory 2 10485760", "db-quota-operations 0 6", "db-quota-operations 1 5"] {
        assert!(text.lines().any(|other| other == line), "{text}");
    }
    assert!(text.contains("quota-operations=7"), "{text}");
    let server = Server::start(&folder, &["server.conf"]);
    assert_eq!(server.connect().setting("db-quota-operations"), "0 6 1 5");
}

#[test]
fn users_are_declared_in_the_file_and_rewritten() {
    let folder = Folder::new();
    folder.file("server.conf", "# mine\nuser ann on >pw ~k* +@all -@dangerous\n# end\n");
    let server = Server::start(&folder, &["server.conf"]);
    let mut client = server.connect();
    assert_eq!(client.call(&["acl", "setuser", "ann", "+keys"]), ok());
    assert_eq!(client.call(&["acl", "setuser", "bob", "on", "nopass", "(+get ~\"x %R~y)"]), ok());
    let users = client.call(&["acl", "list"]);
    assert_eq!(client.call(&["config", "rewrite"]), ok());
    drop(server);

    let text = folder.read("server.conf");
    assert!(text.starts_with("# mine\nuser ann on sanitize-payload \"#"), "{text}");
    let server = Server::start(&folder, &["server.conf"]);
    let mut client = server.connect();
    assert_eq!(client.call(&["acl", "list"]), users);
    assert_eq!(client.call(&["auth", "ann", "pw"]), ok());
    assert_eq!(client.call(&["get", "z"]), error("NOPERM No permissions to access a key"));
    assert_eq!(client.call(&["keys", "*"]), Value::Array(Vec::new()));
}

#[test]
fn the_password_may_stand_in_a_file_of_its_own_and_stays_there() {
    let folder = Folder::new();
    folder.file("password", "a secret # \"quoted\"\n");
    let file = folder.file("server.conf", "requirepass-file password\n");
    let mut server = Server::start(&folder, &[&file]);
    let mut client = server.connect();
    assert!(client.text(&["ping"]).starts_with("NOAUTH"));
    assert_eq!(client.call(&["auth", "a secret # \"quoted\""]), ok());
    assert_eq!(client.call(&["config", "set", "timeout", "77"]), ok());
    assert_eq!(client.call(&["config", "rewrite"]), ok());
    let text = folder.read("server.conf");
    assert!(text.contains("timeout 77") && !text.contains("secret"), "{text}");
    server.signal("KILL");
    server.wait();

    // It counts more than the user's line that was written meanwhile.
    folder.file("password", "another\n");
    let mut server = Server::start(&folder, &[&file]);
    assert!(server.connect().text(&["auth", "a secret # \"quoted\""]).starts_with("WRONGPASS"));
    assert_eq!(server.connect().call(&["auth", "another"]), ok());
    server.signal("KILL");
    server.wait();

    for (content, reason) in [(Some("\n"), "it is empty"), (None, "No such file or directory")] {
        match content {
            Some(content) => drop(folder.file("password", content)),
            None => fs::remove_file(folder.path().join("password")).expect("it is there"),
        }
        let (status, _, error) = run(&folder, &[&file]);
        assert!(status == Some(1) && error.contains("The password in "), "{error}");
        assert!(error.contains(reason), "{error}");
    }
}

#[test]
fn roles_and_their_users_are_rewritten() {
    let folder = Folder::new();
    let file = folder.file("server.conf", "user ann on >pw role=reader\n# kept\nrole reader +get ~a\n");
    let mut server = Server::start(&folder, &[&file]);
    let mut client = server.connect();
    assert_eq!(client.call(&["acl", "role", "set", "reader", "~b"]), ok());
    assert_eq!(client.call(&["acl", "role", "set", "writer", "+set", "~w"]), ok());
    assert_eq!(client.call(&["config", "rewrite"]), ok());
    let text = folder.read("server.conf");
    assert!(text.starts_with("user ann on "), "{text}");
    assert!(text.contains("\n# kept\nrole reader ~a ~b resetchannels -@all +get\n# Generated"), "{text}");
    assert_eq!((text.matches("\nrole ").count(), text.matches("user ").count()), (2, 2), "{text}");
    server.signal("TERM");
    assert!(server.wait().success());
    let server = Server::start(&folder, &[&file]);
    let mut client = server.connect();
    assert_eq!(client.call(&["auth", "ann", "pw"]), ok());
    assert_eq!(client.call(&["get", "b"]), Value::Null);
    assert_eq!(
        client.call(&["set", "w", "1"]),
        error("NOPERM User ann has no permissions to run the 'set' command")
    );
}

/// Redis 8 protects `dir` and `dbfilename`; the others are ours, and name files and folders, too.
#[test]
fn who_may_name_files_while_the_server_runs_is_said_when_it_starts() {
    const NAMES_FILES: [&str; 6] =
        ["dir", "dbfilename", "backup-dir", "audit-file", "token-key-file", "token-trusted-keys"];
    for (allowed, may) in [("no", false), ("yes", true), ("local", true)] {
        let folder = Folder::new();
        let server = Server::start(&folder, &["--enable-protected-configs", allowed]);
        let mut client = server.connect();
        let outcome = |name: &str, reason: &str| {
            error(&format!("ERR CONFIG SET failed (possibly related to argument '{name}') - {reason}"))
        };
        for name in NAMES_FILES {
            let expected = if may { ok() } else { outcome(name, "can't set protected config") };
            let value = client.setting(name);
            assert_eq!(client.call(&["config", "set", name, &value]), expected, "{name}");
        }
        for name in ["enable-protected-configs", "enable-debug-command", "enable-module-command"] {
            let refusal = outcome(name, "can't set immutable config");
            assert_eq!(client.call(&["config", "set", name, "yes"]), refusal);
        }
        assert_eq!(client.call(&["config", "set", "timeout", "1"]), ok());
    }
}
