//! Client-side caching with the real server: redirection, limits, and values that may never be stale.

use spinel_resp::Value;
use spinel_tests::{Client, Server};
use std::thread;

/// A message about keys, as the text of its kind and the keys.
fn invalidated(message: &Value) -> Vec<String> {
    let (Value::Array(words) | Value::Push(words)) = message else { panic!("no message: {message:?}") };
    let Some(Value::Array(keys)) = words.last() else { panic!("no keys: {message:?}") };
    keys.iter()
        .map(|key| match key {
            Value::Bulk(key) => String::from_utf8_lossy(key).into_owned(),
            other => panic!("no key: {other:?}"),
        })
        .collect()
}

#[test]
fn another_connection_may_be_told() {
    let server = Server::start(&[]);
    let mut ear = Client::connect(server.port());
    let id = ear.integer(["CLIENT", "ID"]).to_string();
    ear.call(["SUBSCRIBE", "__redis__:invalidate"]);
    let mut reader = Client::connect(server.port());
    assert_eq!(reader.text(["CLIENT", "TRACKING", "ON", "REDIRECT", &id]), "OK");
    assert_eq!(reader.text(["CLIENT", "GETREDIR"]), id);
    reader.call(["GET", "k"]);
    let mut writer = Client::connect(server.port());
    assert_eq!(writer.text(["SET", "k", "v"]), "OK");
    let message = ear.reply();
    assert!(
        matches!(&message, Value::Array(words) if words[1] == Value::Bulk(b"__redis__:invalidate".into())),
        "{message:?}"
    );
    assert_eq!(invalidated(&message), ["k"]);
    let line = writer.text(["CLIENT", "LIST"]);
    assert!(line.contains(" flags=t db=0 ") && line.contains(&format!(" redir={id} ")), "{line}");

    reader.call(["GET", "k"]);
    writer.call(["FLUSHALL"]);
    let message = ear.reply();
    assert!(matches!(&message, Value::Array(words) if words[2] == Value::Null), "{message:?}");
}

#[test]
fn a_connection_of_resp3_is_told_without_subscribing() {
    let server = Server::start(&[]);
    let mut ear = Client::connect_resp3(server.port());
    let id = ear.integer(["CLIENT", "ID"]).to_string();
    let mut reader = Client::connect(server.port());
    assert_eq!(reader.text(["CLIENT", "TRACKING", "ON", "REDIRECT", &id]), "OK");
    reader.call(["GET", "k"]);
    reader.call(["SET", "k", "v"]);
    assert_eq!(invalidated(&ear.reply()), ["k"]);
}

#[test]
fn a_client_is_told_last_of_what_it_changes_itself() {
    let server = Server::start(&[]);
    let mut ear = Client::connect_resp3(server.port());
    let id = ear.integer(["CLIENT", "ID"]).to_string();
    ear.text(["CLIENT", "TRACKING", "ON"]);
    let mut reader = Client::connect(server.port());
    reader.text(["CLIENT", "TRACKING", "ON", "REDIRECT", &id]);
    for writes in [
        &[&["MSET", "own", "1", "other", "1"][..]][..],
        &[&["MULTI"], &["SET", "own", "2"], &["SET", "other", "2"], &["EXEC"]],
    ] {
        ear.call(["GET", "other"]);
        reader.call(["GET", "own"]);
        for write in writes {
            reader.call(*write);
        }
        assert_eq!(invalidated(&ear.reply()), ["other"], "{writes:?}");
        assert_eq!(invalidated(&ear.reply()), ["own"], "{writes:?}");
    }
    // It hears of what it has done even if it tracks no more when that is over.
    for command in [&["MULTI"][..], &["FLUSHALL"], &["CLIENT", "TRACKING", "OFF"]] {
        ear.call(command);
    }
    assert_eq!(ear.call(["EXEC"]), Value::Array(vec![Value::Simple("OK".into()); 2]));
    assert_eq!(ear.reply(), Value::Push(vec![Value::Bulk("invalidate".into()), Value::Null]));
}

#[test]
fn a_broken_redirection_is_told() {
    let server = Server::start(&[]);
    let mut writer = Client::connect(server.port());
    let mut reader = Client::connect_resp3(server.port());
    let mut ear = Client::connect(server.port());
    let id = ear.integer(["CLIENT", "ID"]);
    assert_eq!(reader.text(["CLIENT", "TRACKING", "ON", "REDIRECT", &id.to_string()]), "OK");
    reader.call(["GET", "k"]);
    assert_eq!(ear.text(["QUIT"]), "OK");
    assert!(ear.is_closed());
    let is_gone = |writer: &mut Client| !writer.text(["CLIENT", "LIST"]).contains(&format!("id={id} "));
    assert!((0..1000).any(|_| is_gone(&mut writer)));
    writer.call(["SET", "k", "v"]);
    let expected = [Value::Bulk(b"tracking-redir-broken".into()), Value::Integer(id)];
    assert_eq!(reader.reply(), Value::Push(expected.into()));
    let line = writer.text(["CLIENT", "LIST"]);
    assert!(line.contains(" flags=tR "), "{line}");
}

#[test]
fn a_full_table_tells_that_keys_are_forgotten() {
    let server = Server::start(&["--tracking-table-max-keys", "100"]);
    let mut reader = Client::connect_resp3(server.port());
    reader.call(["CLIENT", "TRACKING", "ON"]);
    let mut forgotten = 0;
    for number in 0..1000 {
        reader.send(["GET", &format!("key:{number}")]);
        while let message @ Value::Push(_) = reader.reply() {
            forgotten += invalidated(&message).len();
        }
    }
    let mut other = Client::connect(server.port());
    let info = other.text(["INFO", "stats"]);
    let kept = info.lines().find_map(|line| line.strip_prefix("tracking_total_keys:")).expect("the field");
    let kept: usize = kept.parse().expect("a number");
    assert!(kept <= 132, "{kept} keys are kept");
    // The last message may still be on its way.
    assert!(forgotten + kept >= 999, "{forgotten} of 1000 were forgotten, {kept} kept");
}

#[test]
fn no_value_stays_stale() {
    const WRITES: usize = 3000;
    let server = Server::start(&["--io-threads", "4"]);
    let port = server.port();
    let writer = thread::spawn(move || {
        let mut client = Client::connect(port);
        (1..=WRITES).for_each(|number| drop(client.text(["SET", "k", &number.to_string()])));
    });
    let mut reader = Client::connect_resp3(port);
    reader.call(["CLIENT", "TRACKING", "ON"]);
    // Reads only when told that the value has changed, as a cache does.
    let mut cached = 0;
    while cached < WRITES {
        reader.send(["GET", "k"]);
        let mut is_stale = false;
        loop {
            match reader.reply() {
                Value::Push(_) => is_stale = true,
                Value::Bulk(text) => {
                    cached = String::from_utf8_lossy(&text).parse().expect("a number");
                    break;
                }
                _ => break,
            }
        }
        if cached < WRITES && !is_stale {
            assert_eq!(invalidated(&reader.reply()), ["k"]);
        }
    }
    writer.join().expect("it wrote");
}

/// Starts to track as the words say, and to wait for a stream.
fn wait_for_entry(server: &Server, caching: &[&str]) -> (Client, Client) {
    let (mut reader, mut writer) = (Client::connect_resp3(server.port()), Client::connect(server.port()));
    if let [mode, about_next] = caching {
        assert_eq!(reader.text(["CLIENT", "TRACKING", "ON", mode]), "OK");
        assert_eq!(reader.text(["CLIENT", "CACHING", about_next]), "OK");
    } else {
        assert_eq!(reader.text(["CLIENT", "TRACKING", "ON"]), "OK");
    }
    reader.send(["XREAD", "BLOCK", "0", "STREAMS", "s", "other", "5-0", "$"]);
    while !writer.text(["INFO", "clients"]).contains("blocked_clients:1\r\n") {
        thread::yield_now();
    }
    (reader, writer)
}

#[test]
fn what_a_waiting_command_is_served_with_is_tracked() {
    for caching in [&[][..], &["OPTIN", "YES"]] {
        let server = Server::start(&[]);
        let (mut reader, mut writer) = wait_for_entry(&server, caching);
        writer.text(["XADD", "s", "4-0", "f", "v"]);
        assert_eq!(invalidated(&reader.reply()), ["s"], "{caching:?}: it is told though it waits on");
        writer.text(["XADD", "s", "6-0", "f", "v"]);
        // Either may come first.
        let (pushed, replied): (Vec<_>, Vec<_>) =
            [reader.reply(), reader.reply()].into_iter().partition(|reply| matches!(reply, Value::Push(_)));
        assert_eq!(pushed.iter().map(invalidated).collect::<Vec<_>>(), [["s"]], "{caching:?}");
        assert!(matches!(replied[..], [Value::Map(_)]), "{caching:?}");
        for key in ["s", "other"] {
            writer.text(["XADD", key, "7-0", "f", "v"]);
            assert_eq!(invalidated(&reader.reply()), [key], "{caching:?}");
        }
        assert!(writer.text(["INFO", "stats"]).contains("tracking_total_items:0\r\n"), "{caching:?}");
    }
}

#[test]
fn what_a_waiting_command_reads_is_not_tracked_if_the_client_says_so() {
    let server = Server::start(&[]);
    let (mut reader, mut writer) = wait_for_entry(&server, &["OPTOUT", "NO"]);
    writer.text(["XADD", "s", "6-0", "f", "v"]);
    assert!(matches!(reader.reply(), Value::Map(_)));
    assert!(writer.text(["INFO", "stats"]).contains("tracking_total_items:0\r\n"));
}

#[test]
fn who_leaves_is_forgotten() {
    let server = Server::start(&[]);
    let mut client = Client::connect(server.port());
    for _ in 0..50 {
        let mut reader = Client::connect_resp3(server.port());
        reader.call(["CLIENT", "TRACKING", "ON", "BCAST", "PREFIX", "k"]);
        let mut other = Client::connect_resp3(server.port());
        other.call(["CLIENT", "TRACKING", "ON"]);
        other.call(["GET", "k"]);
        client.call(["SET", "k", "v"]);
    }
    let fields = [
        "tracking_clients:0",
        "tracking_total_keys:0",
        "tracking_total_items:0",
        "tracking_total_prefixes:0",
    ];
    let is_clean = |client: &mut Client| {
        let info = client.text(["INFO"]);
        fields.iter().all(|field| info.contains(&format!("{field}\r\n")))
    };
    assert!((0..1000).any(|_| is_clean(&mut client)));
}

#[test]
fn nobody_is_told_for_a_client_that_was_killed() {
    let server = Server::start(&[]);
    let mut ear = Client::connect_resp3(server.port());
    let id = ear.integer(["CLIENT", "ID"]).to_string();
    let mut tracker = Client::connect(server.port());
    assert_eq!(tracker.text(["CLIENT", "TRACKING", "ON", "BCAST", "REDIRECT", &id]), "OK");
    let tracker_id = tracker.integer(["CLIENT", "ID"]).to_string();
    let mut control = Client::connect(server.port());
    control.call(["MULTI"]);
    control.call(["CLIENT", "KILL", "ID", &tracker_id]);
    control.call(["SET", "k", "v"]);
    control.call(["EXEC"]);
    assert!(tracker.is_closed());
    assert_eq!(ear.text(["PING"]), "PONG", "nothing came before");
}

#[test]
fn a_client_is_told_of_its_transaction_as_it_wants_to_be_by_its_end() {
    let server = Server::start(&[]);
    let mut ear = Client::connect_resp3(server.port());
    let ear_id = ear.integer(["CLIENT", "ID"]).to_string();
    for (last, is_told_himself) in [(vec!["ON", "REDIRECT", &ear_id], false), (vec!["OFF"], true)] {
        let mut client = Client::connect_resp3(server.port());
        let id = client.integer(["CLIENT", "ID"]).to_string();
        client.call(["CLIENT", "TRACKING", "ON", "REDIRECT", &id]);
        client.call(["GET", "k"]);
        client.call(["MULTI"]);
        client.call(["SET", "k", "v"]);
        client.call(["CLIENT", "TRACKING"].into_iter().chain(last));
        client.call(["EXEC"]);
        let told = if is_told_himself { client.reply() } else { ear.reply() };
        assert_eq!(invalidated(&told), ["k"]);
    }
}
