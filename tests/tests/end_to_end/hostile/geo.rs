//! Places that are none, and areas that reach around the world.

use super::assert_serves;
use spinel_resp::Value;
use spinel_tests::{Client, Server};

#[test]
fn coordinates_outside_of_the_world_are_refused() {
    let server = Server::start(&[]);
    let mut client = Client::connect(server.port());
    for (longitude, latitude) in [
        ("181", "0"),
        ("-181", "0"),
        ("0", "86"),
        ("0", "-86"),
        ("nan", "0"),
        ("0", "nan"),
        ("inf", "0"),
        ("x", "0"),
    ] {
        for words in [
            vec!["GEOADD", "g", longitude, latitude, "m"],
            vec!["GEOSEARCH", "g", "FROMLONLAT", longitude, latitude, "BYRADIUS", "1", "m"],
            vec!["GEORADIUS", "g", longitude, latitude, "1", "m"],
        ] {
            let reply = client.call(&words);
            assert!(matches!(reply, Value::Error(_)), "{words:?}: {reply:?}");
        }
    }
    assert_eq!(client.integer(["EXISTS", "g"]), 0);
}

#[test]
fn poles_and_the_date_line_are_searched() {
    let server = Server::start(&[]);
    let mut client = Client::connect(server.port());
    let added = client.integer([
        "GEOADD", "g", "179.99", "10", "east", "-179.99", "10", "west", "0", "85.05", "north", "180",
        "-85.05", "south",
    ]);
    assert_eq!(added, 4);
    for (longitude, latitude) in
        [("180", "10"), ("-180", "10"), ("0", "85.05"), ("0", "-85.05"), ("180", "85.05112878"), ("0", "0")]
    {
        for shape in
            [["BYRADIUS", "30000", "km", ""], ["BYRADIUS", "1", "m", ""], ["BYBOX", "50000", "50000", "km"]]
        {
            let mut words = vec!["GEOSEARCH", "g", "FROMLONLAT", longitude, latitude];
            words.extend(shape.iter().filter(|word| !word.is_empty()));
            let reply = client.call(&words);
            assert!(matches!(reply, Value::Array(_)), "{words:?}: {reply:?}");
        }
    }
    let near = client.call(["GEOSEARCH", "g", "FROMLONLAT", "179.995", "10", "BYRADIUS", "10", "km", "ASC"]);
    let both = ["east", "west"].map(|member| Value::Bulk(member.as_bytes().to_vec())).to_vec();
    assert_eq!(near, Value::Array(both), "the date line is no border");
}

#[test]
fn shapes_that_are_none_are_refused() {
    let server = Server::start(&[]);
    let mut client = Client::connect(server.port());
    assert_eq!(client.integer(["GEOADD", "g", "1", "1", "m"]), 1);
    for shape in [
        "BYRADIUS -1 m",
        "BYRADIUS nan m",
        "BYRADIUS 1 parsec",
        "BYBOX -1 1 m",
        "BYBOX 1 x m",
        "BYRADIUS 1 m COUNT 0",
        "BYRADIUS 1 m COUNT -1",
        "BYRADIUS 1 m COUNT 1 ANY ANY ANY x",
        "BYRADIUS 1 m ANY",
        "BYRADIUS 1 m BYBOX 1 1 m",
        "BYPOLYGON 0",
        "BYPOLYGON 2 0 0 1 1",
        "BYPOLYGON 3 0 0 1 1",
        "BYPOLYGON 3 0 0 1 1 200 2",
        "BYPOLYGON 9223372036854775807 0 0",
    ] {
        let from = if shape.starts_with("BYPOLYGON") { "" } else { "FROMLONLAT 1 1 " };
        let line = format!("GEOSEARCH g {from}{shape}");
        let reply = client.call(line.split(' '));
        assert!(matches!(reply, Value::Error(_)), "{line}: {reply:?}");
    }
    assert_serves(&server);
}

#[test]
fn polygons_may_cross_themselves_and_have_many_corners() {
    let server = Server::start(&[]);
    let mut client = Client::connect(server.port());
    assert_eq!(client.integer(["GEOADD", "g", "1", "0.5", "in", "1", "5", "out"]), 2);
    let bow_tie = "GEOSEARCH g BYPOLYGON 4 0 0 2 2 2 0 0 2";
    assert!(matches!(client.call(bow_tie.split(' ')), Value::Array(_)));
    let corners = 100_000_u32;
    let mut words: Vec<String> =
        ["GEOSEARCH", "g", "BYPOLYGON", &corners.to_string()].map(str::to_owned).to_vec();
    for corner in 0..corners {
        let angle = f64::from(corner) / f64::from(corners) * std::f64::consts::TAU;
        words.extend([(1.0 + angle.cos()).to_string(), angle.sin().to_string()]);
    }
    let found = client.call(&words);
    assert_eq!(found, Value::Array(vec![Value::Bulk(b"in".to_vec())]));
}
