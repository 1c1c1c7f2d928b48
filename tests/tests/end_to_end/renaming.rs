//! `rename-command`: clients call a command by its new name only, and everything that tells of it names it as it is.

use crate::saving::{again, await_info, call};
use spinel_tests::{Client, Server};

const RENAMED: &[&str] = &[
    "--appendonly",
    "yes",
    "--appendfsync",
    "always",
    "--enable-debug-command",
    "yes",
    "--rename-command",
    "SET",
    "put",
    "--rename-command",
    "CONFIG",
    "cfg",
    "--rename-command",
    "DEBUG",
    "dbg",
    "--rename-command",
    "FLUSHALL",
    "",
    "--rename-command",
    "DEL",
    "",
];

#[test]
fn renamed_commands_are_called_by_their_new_names_only() {
    let server = Server::start(RENAMED);
    let mut client = Client::connect(server.port());
    assert_eq!(call(&mut client, "PUT k v"), "OK");
    assert_eq!(call(&mut client, "cfg GET appendonly"), "[appendonly, yes]");
    for command in ["SET k v", "CONFIG GET appendonly", "DEBUG SLEEP 0", "FLUSHALL"] {
        assert!(call(&mut client, command).starts_with("ERR unknown command"), "{command}");
    }
    assert_eq!(client.text(["EVAL", "return redis.call('put', 'k', 'w')", "0"]), "OK");
    let refused = client.text(["EVAL", "return redis.call('set', 'k', 'x')", "0"]);
    assert!(refused.contains("Unknown Redis command called from script"), "{refused}");
    assert_eq!(call(&mut client, "put k"), "ERR wrong number of arguments for 'set' command");
    assert_eq!(call(&mut client, "cfg x"), "ERR unknown subcommand 'x'. Try CFG HELP.");
    assert!(call(&mut client, "dbg HELP").starts_with("[DEBUG <subcommand>"));
}

#[test]
fn logs_are_read_whatever_commands_are_called() {
    let server = Server::start(RENAMED);
    let mut client = Client::connect(server.port());
    for command in ["put k v", "put long v EX 1000", "put short v PX 1", "cfg SET maxmemory 0"] {
        assert_eq!(call(&mut client, command), "OK", "{command}");
    }
    // Its removal is logged as a command that nobody may call.
    await_info(&mut client, "expired_keys", "1");
    assert_eq!(call(&mut client, "put k w"), "OK");
    let (_server, mut client) = again(server.kill(), RENAMED);
    assert_eq!(call(&mut client, "MGET k long short"), "[w, v, nil]");
    assert!(client.integer(["TTL", "long"]) > 0);
}

#[test]
fn renamed_commands_keep_their_own_names_where_they_are_told_of() {
    let server = Server::start(RENAMED);
    let mut client = Client::connect(server.port());
    assert_eq!(call(&mut client, "put k v"), "OK");
    assert!(call(&mut client, "COMMAND INFO put set flushall").starts_with("[[set, -3, "));
    assert!(call(&mut client, "COMMAND INFO put set flushall").ends_with(", nil, nil]"));
    let all = call(&mut client, "COMMAND LIST");
    let names: Vec<&str> = all.trim_matches(['[', ']']).split(", ").collect();
    let count = |name: &str| names.iter().filter(|known| **known == name).count();
    assert_eq!((count("set"), count("put"), count("config|get"), count("flushall")), (1, 0, 1, 0));
    assert!(call(&mut client, "INFO commandstats").contains("cmdstat_set:calls=1,"));
    assert!(call(&mut client, "LATENCY HISTOGRAM put").starts_with("[set, [calls, 1, "));

    assert_eq!(call(&mut client, "ACL SETUSER ann on nopass +set +config|get +flushall ~*"), "OK");
    assert!(call(&mut client, "ACL LIST").contains("-@all +set +config|get +flushall"));
    assert!(call(&mut client, "ACL SETUSER bob +put").contains("Unknown command or category name in ACL"));
    assert_eq!(call(&mut client, "ACL DRYRUN ann put k v"), "OK");
    assert_eq!(call(&mut client, "AUTH ann x"), "OK");
    assert_eq!(call(&mut client, "put k w"), "OK");
    assert_eq!(call(&mut client, "cfg GET appendonly"), "[appendonly, yes]");
    assert!(call(&mut client, "GET k").starts_with("NOPERM"));
}
