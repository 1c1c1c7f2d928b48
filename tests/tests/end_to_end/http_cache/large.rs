//! Bodies that are large, or come slowly: what they take of memory, and what is left of them.

use super::disk::{KEPT, files, long, part_bytes, scene, until};
use super::origin::Asked;
use super::{Scene, answer, ask};
use crate::http::Http;
use crate::saving::call;
use spinel_tests::{Client, Folder};
use std::fs;

const CHUNKED: [&str; 2] = ["Cache-Control: max-age=1000", "Transfer-Encoding: chunked"];

/// Sends a piece of a body.
fn chunk(asked: &Asked, bytes: &str) {
    asked.send(format!("{:x}\r\n{bytes}\r\n", bytes.len()).as_bytes());
}

/// Whether the server has a file of a body open, which it can read then even if it is gone.
fn has_open(scene: &Scene) -> bool {
    let all = fs::read_dir(format!("/proc/{}/fd", scene.server.id())).expect("it runs");
    let mut paths = all.flatten().filter_map(|open| fs::read_link(open.path()).ok());
    paths.any(|path| path.extension().is_some_and(|ending| ending == "body"))
}

/// Takes a body that comes in pieces, as far as these bytes.
fn take(http: &mut Http, bytes: usize) -> String {
    let mut body = Vec::new();
    while body.len() < bytes {
        body.extend(http.chunk());
    }
    String::from_utf8(body).expect("it is text")
}

#[test]
fn what_comes_slowly_is_in_its_file_and_read_from_there() {
    let scene = scene(Folder::new(), &KEPT);
    let body = long(3_000_000);
    let (first, rest) = body.split_at(2_000_000);
    let mut early = scene.client();
    ask(&mut early, "/a", &[]);
    let asked = scene.origin.next();
    asked.begin("200 OK", &CHUNKED);
    chunk(&asked, first);
    assert_eq!(early.head().expect("it is answered").status, 200);
    assert_eq!(take(&mut early, first.len()), first);
    until("the file", || part_bytes(&scene) >= Some(1_500_000));
    assert!(scene.count("cache_transit_bytes") < 600_000, "the rest is in the file");
    // Who comes now has it from the beginning.
    let mut late = scene.client();
    ask(&mut late, "/a", &[]);
    assert_eq!(late.head().expect("it is answered").status, 200);
    assert_eq!(take(&mut late, first.len()), first);
    chunk(&asked, rest);
    asked.send(b"0\r\n\r\n");
    for http in [&mut early, &mut late] {
        assert_eq!((take(http, rest.len()), http.chunk()), (rest.to_owned(), Vec::new()));
    }
    assert_eq!(scene.client().get("/a").text(), body);
    scene.settle();
    assert_eq!(files(&scene.server).len(), 1);
    assert_eq!(scene.client().get("/a").text(), body);
    until("the end of the flight", || scene.count("cache_transit_bytes") == 0);
    assert!(scene.origin.is_idle());
    // The log has its bytes.
    let scene = self::scene(scene.server.kill(), &KEPT);
    scene.settle();
    assert_eq!(scene.client().get("/a").text(), body);
    assert!(scene.origin.is_idle() && files(&scene.server).len() == 1);
}

#[test]
fn of_what_breaks_off_no_file_is_left() {
    let settings = ["--cache-body-max", "3mb", "--cache-disk-max", "8mb"];
    let one = scene(Folder::new(), &settings);
    let body = long(1_000_000);
    let mut http = one.client();
    ask(&mut http, "/cut", &[]);
    let asked = one.origin.next();
    asked.begin("200 OK", &CHUNKED);
    chunk(&asked, &body);
    until("the file", || part_bytes(&one) >= Some(500_000));
    asked.close();
    until("its end", || files(&one.server).is_empty());
    // What turns out to be too long is passed on.
    let mut http = one.client();
    ask(&mut http, "/long", &[]);
    let asked = one.origin.next();
    asked.begin("200 OK", &CHUNKED);
    http.head().expect("it is answered");
    for _ in 0..5 {
        chunk(&asked, &body);
        assert_eq!(take(&mut http, body.len()), body);
    }
    asked.send(b"0\r\n\r\n");
    assert!(http.chunk().is_empty());
    until("its end", || files(&one.server).is_empty());
    until("its end", || one.count("cache_disk_bytes") == 0);
    assert_eq!(one.count("cache_stored"), 0);
    // And what is under way when the server is killed.
    let mut http = one.client();
    ask(&mut http, "/killed", &[]);
    let asked = one.origin.next();
    asked.begin("200 OK", &CHUNKED);
    chunk(&asked, &body);
    until("the file", || part_bytes(&one) >= Some(500_000));
    let next = scene(one.server.kill(), &settings);
    until("its end", || files(&next.server).is_empty());
    assert_eq!(call(&mut Client::connect(next.server.port()), "DBSIZE"), "0");
}

#[test]
fn many_large_bodies_take_little_memory() {
    const BODIES: usize = 24;
    const MIB: usize = 1 << 20;
    let scene = scene(Folder::new(), &[]);
    let piece = long(MIB);
    let before = scene.server.resident_bytes();
    let mut clients: Vec<Http> = (0..BODIES).map(|_| scene.client()).collect();
    for (number, http) in clients.iter_mut().enumerate() {
        ask(http, &format!("/{number}"), &[]);
    }
    let asked: Vec<Asked> = (0..BODIES).map(|_| scene.origin.next()).collect();
    for one in &asked {
        one.begin("200 OK", &CHUNKED);
    }
    let mut peak = 0;
    for _ in 0..8 {
        for one in &asked {
            chunk(one, &piece);
        }
        // Half of the clients read, and the others have not begun.
        for (number, http) in clients.iter_mut().enumerate().take(BODIES / 2) {
            if peak == 0 {
                assert_eq!(http.head().expect("it is answered").status, 200, "{number}");
            }
            assert!(take(http, MIB) == piece);
        }
        peak = peak.max(scene.server.resident_bytes());
    }
    let grown = peak.saturating_sub(before) / MIB as u64;
    assert!(grown < 32, "{grown} MiB");
    for one in &asked {
        one.send(b"0\r\n\r\n");
    }
    until("the end of all", || scene.count("cache_stored") == BODIES as u64);
    for (number, http) in clients.iter_mut().enumerate() {
        if number >= BODIES / 2 {
            http.head().expect("it is answered");
            assert!(take(http, 8 * MIB) == piece.repeat(8));
        }
        assert!(http.chunk().is_empty());
    }
}

#[test]
fn what_memory_has_no_place_for_is_passed_on() {
    let scene = Scene::start(&["--cache-transit-max", "1mb"]);
    let body = long(700_000);
    let length = format!("Content-Length: {}", body.len());
    let announced = ["Cache-Control: max-age=1000", &length];
    let mut clients = [scene.client(), scene.client(), scene.client()];
    let mut asked = Vec::new();
    for (http, (path, fields)) in
        clients.iter_mut().zip([("/a", &announced), ("/b", &announced), ("/c", &CHUNKED)])
    {
        ask(http, path, &[]);
        let one = scene.origin.next();
        one.begin("200 OK", fields);
        assert_eq!(http.head().expect("it is answered").status, 200);
        asked.push(one);
    }
    assert_eq!(scene.count("cache_transit_bytes"), 700_000, "it is kept free for the first");
    chunk(&asked[2], &body);
    assert_eq!(take(&mut clients[2], body.len()), body);
    asked[2].send(b"0\r\n\r\n");
    asked[..2].iter().for_each(|one| one.send(body.as_bytes()));
    for http in &mut clients[..2] {
        assert!(http.bytes(body.len()) == body.as_bytes());
    }
    until("the first", || scene.count("cache_stored") == 1);
    drop((clients, asked));
    until("rest", || scene.count("cache_transit_bytes") == 0);
    assert_eq!(call(&mut Client::connect(scene.server.port()), "EXISTS localhost/a"), "1");
    // Alone each of them has its place.
    scene.store("/b", &["Cache-Control: max-age=1000"], &body);
    assert_eq!(scene.count("cache_stored"), 2);
}

#[test]
fn bodies_on_their_way_count_as_used_memory() {
    let scene = Scene::start(&[]);
    let used = |scene: &Scene| -> u64 {
        let info = call(&mut Client::connect(scene.server.port()), "INFO memory");
        let line = info.lines().find_map(|line| line.strip_prefix("used_memory:"));
        line.and_then(|bytes| bytes.trim().parse().ok()).expect("it is told")
    };
    let before = used(&scene);
    let mut http = scene.client();
    ask(&mut http, "/a", &[]);
    let asked = scene.origin.next();
    asked.begin("200 OK", &["Cache-Control: max-age=1000", "Content-Length: 20000000"]);
    assert_eq!(http.head().expect("it is answered").status, 200);
    assert!(used(&scene) >= before + 20_000_000);
    asked.close();
    drop(http);
    until("the end of the flight", || used(&scene) < before + 1_000_000);
}

#[test]
fn a_file_that_has_just_gone_is_fetched_anew() {
    let scene = scene(Folder::new(), &[]);
    let body = long(300_000);
    let stale = ["Cache-Control: max-age=1, stale-if-error=1000", "Age: 1", "ETag: \"1\""];
    for (path, status, fields, expected) in [
        ("/renewed", "304 Not Modified", &["Cache-Control: max-age=60"][..], 200),
        ("/left", "503 Oh", &[], 200),
    ] {
        scene.store(path, &stale, &body);
        scene.settle();
        until("nobody to have it open", || !has_open(&scene));
        let mut http = scene.client();
        ask(&mut http, path, &[]);
        let asked = scene.origin.next();
        assert!(asked.header("if-none-match").is_some());
        // It goes while the origin is asked about it.
        let [file] = &files(&scene.server)[..] else { panic!("there is one file") };
        fs::remove_file(file).expect("it is there");
        asked.answer(status, fields, "");
        drop(asked);
        let again = scene.origin.next();
        assert_eq!(again.header("if-none-match"), None, "{path}");
        again.answer("200 OK", &["Cache-Control: max-age=60"], "new");
        drop(again);
        let got = answer(&mut http);
        assert_eq!((got.status, got.text()), (expected, "new"), "{path}");
        until("the end of what is lost", || files(&scene.server).is_empty());
    }
}
