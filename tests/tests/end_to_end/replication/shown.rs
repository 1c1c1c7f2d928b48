//! What a server tells of replication: how much was sent, and whether it is a copy.

use crate::saving::{await_info, call, info, number, shown, wait_until};
use spinel_tests::{Client, Server};

/// A server and a copy of it.
fn pair() -> [(Server, Client); 2] {
    let primary = Server::start(&[]);
    let replica = Server::start(&["--replicaof", &format!("127.0.0.1 {}", primary.port())]);
    let [client, mut copy] = [&primary, &replica].map(|server| Client::connect(server.port()));
    await_info(&mut copy, "master_link_status", "up");
    [(primary, client), (replica, copy)]
}

#[test]
fn bytes_of_replication_are_counted() {
    const LARGE: usize = 1 << 20;
    let [(_primary, mut client), (_replica, mut copy)] = pair();
    let write = |client: &mut Client| {
        assert_eq!(client.text(["SET", "large", &"x".repeat(LARGE)]), "OK");
        assert_eq!(client.integer(["WAIT", "1", "30000"]), 1);
    };
    write(&mut client);
    let sent = number(&mut client, "total_net_repl_output_bytes");
    let received = number(&mut copy, "total_net_repl_input_bytes");
    assert!(sent > LARGE as u64 && received > LARGE as u64);
    // What is said before PSYNC is not replication for the primary.
    assert!(received.abs_diff(sent) < 1000, "{sent} were sent, {received} received");
    assert!(number(&mut client, "total_net_output_bytes") >= sent);
    assert!(number(&mut copy, "total_net_input_bytes") >= received);
    assert_eq!(number(&mut client, "total_net_repl_input_bytes"), 0);
    assert_eq!(number(&mut copy, "total_net_repl_output_bytes"), 0);
    wait_until("no rate is told", || {
        write(&mut client);
        info(&mut client, "instantaneous_output_repl_kbps") != "0.00"
            && info(&mut copy, "instantaneous_input_repl_kbps") != "0.00"
    });
    assert_eq!(call(&mut copy, "CONFIG RESETSTAT"), "OK");
    assert!(number(&mut copy, "total_net_repl_input_bytes") < LARGE as u64);
}

#[test]
fn a_copy_says_that_it_is_one() {
    let [(primary, mut client), (replica, mut copy)] = pair();
    let role = |client: &mut Client| {
        let hello = shown(&client.call(["HELLO"]));
        ["replica", "master"].into_iter().filter(|role| hello.contains(role)).collect::<Vec<_>>()
    };
    assert_eq!((role(&mut client), role(&mut copy)), (vec!["master"], vec!["replica"]));
    let mark = |server: &Server, text: &str| {
        let log = server.log();
        let line = log.lines().rfind(|line| line.contains(text)).expect("it was told").to_owned();
        line.split([':', ' ']).nth(1).expect("a mark follows the process").to_owned()
    };
    primary.wait_for_log("Synchronization with replica");
    replica.wait_for_log("Finished with success");
    assert_eq!(mark(&primary, "Synchronization with replica"), "M");
    assert_eq!(mark(&replica, "Finished with success"), "S");
    assert_eq!(call(&mut copy, "REPLICAOF NO ONE"), "OK");
    assert_eq!(role(&mut copy), ["master"]);
    replica.wait_for_log("Setting secondary replication ID");
    assert_eq!(mark(&replica, "Setting secondary replication ID"), "M");
}
