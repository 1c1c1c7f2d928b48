//! Messages between clients of the real server.

use spinel_resp::Value;
use spinel_tests::{Client, Server};
use std::thread;

/// The text of a message, the last of its words.
fn payload(message: &Value) -> String {
    let (Value::Array(words) | Value::Push(words)) = message else { panic!("no message: {message:?}") };
    let Some(Value::Bulk(text)) = words.last() else { panic!("no text: {message:?}") };
    String::from_utf8_lossy(text).into_owned()
}

/// Subscribes to channels and reads the confirmations.
fn subscribe(client: &mut Client, channels: &[&str]) {
    client.send(["SUBSCRIBE"].iter().chain(channels));
    for _ in channels {
        client.reply();
    }
}

#[test]
fn all_subscribers_see_the_messages_of_a_channel_in_one_order() {
    const PUBLISHERS: usize = 4;
    const MESSAGES: usize = 500;
    let server = Server::start(&["--io-threads", "4"]);
    let mut subscribers: Vec<Client> = (0..6).map(|_| Client::connect(server.port())).collect();
    for (number, subscriber) in subscribers.iter_mut().enumerate() {
        if number % 2 == 0 {
            subscribe(subscriber, &["news"]);
        } else {
            subscriber.call(["PSUBSCRIBE", "n*s"]);
        }
    }
    let publishers: Vec<_> = (0..PUBLISHERS)
        .map(|publisher| {
            let mut client = Client::connect(server.port());
            thread::spawn(move || {
                for number in 0..MESSAGES {
                    client.send(["PUBLISH", "news", &format!("{publisher}:{number}")]);
                }
                (0..MESSAGES).for_each(|_| assert_eq!(client.reply(), Value::Integer(6)));
            })
        })
        .collect();
    let mut read = |subscriber: usize| -> Vec<String> {
        (0..PUBLISHERS * MESSAGES).map(|_| payload(&subscribers[subscriber].reply())).collect()
    };
    let first = read(0);
    for subscriber in 1..6 {
        assert_eq!(read(subscriber), first);
    }
    for publisher in publishers {
        publisher.join().expect("it published");
    }
    for publisher in 0..PUBLISHERS {
        let own = format!("{publisher}:");
        let numbers: Vec<usize> =
            first.iter().filter_map(|text| text.strip_prefix(&own)?.parse().ok()).collect();
        assert_eq!(numbers, (0..MESSAGES).collect::<Vec<_>>());
    }
}

#[test]
fn what_was_published_before_a_subscription_ended_comes_before_its_confirmation() {
    let server = Server::start(&["--io-threads", "4"]);
    let mut publisher = Client::connect(server.port());
    let mut client = Client::connect(server.port());
    for round in 0..300 {
        subscribe(&mut client, &["c"]);
        publisher.send(["PUBLISH", "c", &round.to_string()]);
        client.send(["UNSUBSCRIBE", "c"]);
        let received = publisher.reply() == Value::Integer(1);
        if received {
            assert_eq!(payload(&client.reply()), round.to_string());
        }
        let end = client.reply();
        assert!(
            matches!(&end, Value::Array(words) if words[0] == Value::Bulk(b"unsubscribe".into())),
            "{end:?}"
        );
        assert_eq!(client.text(["PING"]), "PONG");
    }
}

#[test]
fn a_large_message_arrives_whole_in_both_protocols() {
    let server = Server::start(&[]);
    let mut old = Client::connect(server.port());
    let mut new = Client::connect_resp3(server.port());
    subscribe(&mut old, &["c"]);
    subscribe(&mut new, &["c"]);
    let text = "0123456789abcdef".repeat(1 << 18);
    let mut publisher = Client::connect(server.port());
    for _ in 0..3 {
        assert_eq!(publisher.integer(["PUBLISH", "c", &text]), 2);
        let (received, pushed) = (old.reply(), new.reply());
        assert!(matches!(received, Value::Array(_)) && payload(&received) == text);
        assert!(matches!(pushed, Value::Push(_)) && payload(&pushed) == text);
    }
}

#[test]
fn a_client_that_is_held_back_still_gets_messages() {
    let server = Server::start(&[]);
    let mut client = Client::connect_resp3(server.port());
    subscribe(&mut client, &["c"]);
    let mut other = Client::connect(server.port());
    assert_eq!(other.text(["CLIENT", "PAUSE", "100000", "WRITE"]), "OK");
    client.send(["SET", "k", "v"]);
    assert_eq!(other.text(["PING"]), "PONG");
    other.send(["CLIENT", "UNPAUSE"]);
    other.send(["PUBLISH", "c", "text"]);
    let mut received = [client.reply(), client.reply()];
    received.sort_by_key(|value| matches!(value, Value::Push(_)));
    assert_eq!((&received[0], &*payload(&received[1])), (&Value::Simple(b"OK".into()), "text"));

    client.send(["WAIT", "1", "0"]);
    let mut publisher = Client::connect(server.port());
    assert_eq!(publisher.integer(["PUBLISH", "c", "while waiting"]), 1);
    assert_eq!(payload(&client.reply()), "while waiting");
}

#[test]
fn operators_see_who_listens() {
    let server = Server::start(&[]);
    let mut client = Client::connect(server.port());
    let mut listener = Client::connect_resp3(server.port());
    subscribe(&mut listener, &["a", "b"]);
    listener.call(["PSUBSCRIBE", "p*"]);
    listener.call(["SSUBSCRIBE", "s"]);

    let line = client.text(["CLIENT", "LIST", "TYPE", "pubsub"]);
    assert!(line.contains(" flags=P ") && line.contains(" sub=2 psub=1 ssub=1 "), "{line}");
    let info = client.text(["INFO"]);
    for field in ["pubsub_clients:1", "pubsub_channels:2", "pubsub_patterns:1", "pubsubshard_channels:1"] {
        assert!(info.contains(&format!("{field}\r\n")), "{field}: {info}");
    }

    assert_eq!(listener.text(["RESET"]), "RESET");
    let info = client.text(["INFO"]);
    for field in ["pubsub_clients:0", "pubsub_channels:0", "pubsub_patterns:0", "pubsubshard_channels:0"] {
        assert!(info.contains(&format!("{field}\r\n")), "{field}: {info}");
    }
}
