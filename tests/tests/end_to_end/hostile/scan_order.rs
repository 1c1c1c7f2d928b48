//! The secret of the key hash: another one in every process, and not told by the order of a scan.

use spinel_resp::Value;
use spinel_tests::{Client, Server};

#[test]
fn two_servers_scan_the_same_keys_in_different_orders() {
    let orders = [(); 2].map(|()| {
        let server = Server::start(&[]);
        let mut client = Client::connect(server.port());
        for number in 0..100 {
            assert_eq!(client.text(["SET", &format!("key:{number}"), ""]), "OK");
        }
        scan(&mut client)
    });
    let sorted = orders.clone().map(|mut order| {
        order.sort_unstable();
        order
    });
    assert_eq!(sorted[0].len(), 100);
    assert_eq!(sorted[0], sorted[1]);
    assert_ne!(orders[0], orders[1], "who knows the order of one server knows that of all");
}

/// All keys in the order in which SCAN returns them.
fn scan(client: &mut Client) -> Vec<Vec<u8>> {
    let (mut cursor, mut keys) = (b"0".to_vec(), Vec::new());
    loop {
        let Value::Array(page) = client.call([b"SCAN", &cursor[..]]) else { panic!("a page is an array") };
        let [Value::Bulk(next), Value::Array(found)] = &page[..] else { panic!("not a page: {page:?}") };
        keys.extend(found.iter().map(|key| match key {
            Value::Bulk(key) => key.clone(),
            other => panic!("not a key: {other:?}"),
        }));
        if next == b"0" {
            return keys;
        }
        cursor.clone_from(next);
    }
}
