//! Bodies in files, and compressed ones: they are served as others are, and live as long as their entries, whatever ends the server.

use super::{Scene, answer, ask, get};
use crate::saving::{call, shown};
use spinel_resp::Value;
use spinel_tests::{Client, Folder, Server};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

pub(super) const KEPT: [&str; 4] = ["--appendonly", "yes", "--appendfsync", "always"];
/// How long something may take that happens soon.
const PATIENCE: Duration = Duration::from_secs(60);

/// The folder of bodies of a server in this folder.
fn bodies_in(folder: &Path) -> String {
    folder.join("bodies").to_str().expect("it is text").to_owned()
}

/// A scene whose server keeps long bodies in files.
pub(super) fn scene(folder: Folder, settings: &[&str]) -> Scene {
    let path = bodies_in(folder.path());
    let own = ["--cache-disk-dir", &path, "--cache-disk-threshold", "1000"];
    Scene::start_in(folder, &[&own, settings].concat())
}

/// All files of bodies.
pub(super) fn files(server: &Server) -> Vec<PathBuf> {
    let list = |path: &Path| -> Vec<PathBuf> {
        let entries = fs::read_dir(path).into_iter().flatten();
        entries.map(|entry| entry.expect("the folder can be read").path()).collect()
    };
    let outer = list(Path::new(&bodies_in(server.folder())));
    outer.iter().flat_map(|path| list(path)).flat_map(|path| list(&path)).collect()
}

/// The bytes of all files of bodies that are being written; nothing if there is none.
pub(super) fn part_bytes(scene: &Scene) -> Option<u64> {
    let all = files(&scene.server);
    let parts = all.iter().filter(|path| path.extension().is_some_and(|ending| ending == "part"));
    // One may go meanwhile.
    parts.map(|path| fs::metadata(path).map_or(0, |found| found.len())).reduce(|sum, bytes| sum + bytes)
}

/// Waits until something is so.
pub(super) fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let start = Instant::now();
    while !is_so() {
        assert!(start.elapsed() < PATIENCE, "{what} does not come about");
        std::thread::yield_now();
    }
}

impl Scene {
    /// Waits until nothing is to be written or removed.
    pub(super) fn settle(&self) {
        until("rest", || {
            (self.count("cache_disk_waiting_bytes"), self.count("cache_disk_removals")) == (0, 0)
                && part_bytes(self).is_none()
        });
    }

    fn redis(&self) -> Client {
        Client::connect(self.server.port())
    }
}

/// A body that tells bytes of one place from those of another.
pub(super) fn long(bytes: usize) -> String {
    (0..).flat_map(|number: u64| format!("{number} ").into_bytes()).map(char::from).take(bytes).collect()
}

#[test]
fn long_bodies_are_in_files_and_survive_the_end_of_the_server() {
    let body = long(700_000);
    let one = scene(Folder::new(), &KEPT);
    one.store("/a", &["Cache-Control: max-age=1000", "ETag: \"1\""], &body);
    one.store("/short", &["Cache-Control: max-age=1000"], "short");
    one.settle();
    assert_eq!((files(&one.server).len(), one.count("cache_disk_bodies")), (1, 1));
    assert_eq!(one.client().get("/a").text(), body);
    let info = call(&mut one.redis(), "CACHE.INFO localhost/a");
    assert!(info.contains("place, disk") && info.contains("body-bytes, 700000"), "{info}");
    let memory: u64 = call(&mut one.redis(), "MEMORY USAGE localhost/a").parse().expect("a number");
    assert!(memory < 2_000, "{memory}");
    // From the log, which has the body, and from its base, which names the file.
    let mut folder = one.server.kill();
    for is_rewritten in [false, true] {
        let scene = scene(folder, &KEPT);
        scene.settle();
        if is_rewritten {
            rewrite(&scene);
        }
        assert_eq!(scene.client().get("/a").text(), body);
        ask_for_parts(&scene, &body);
        assert_eq!(scene.client().get("/short").text(), "short");
        assert!(scene.origin.is_idle());
        assert_eq!(files(&scene.server).len(), 1, "no file is left of the time before");
        folder = scene.server.kill();
    }
    let scene = self::scene(folder, &KEPT);
    assert_eq!((scene.client().get("/a").text(), files(&scene.server).len()), (&*body, 1));
    assert!(scene.origin.is_idle());
}

#[test]
fn a_policy_says_how_bodies_are_kept() {
    let body = "again and ".repeat(40_000);
    for (settings, options, place) in [
        (&[][..], "COMPRESS", "compressed"),
        (&[], "DISK", "memory"),
        (&["DISK"], "COMPRESS DISK", "disk"),
        (&["DISK"], "COMPRESS", "compressed"),
        (&["DISK"], "PREWARM", "memory"),
    ] {
        let folder = Folder::new();
        let path = bodies_in(folder.path());
        let disk = ["--cache-disk-dir", &path, "--cache-disk-threshold", "1gb"];
        let scene = Scene::start_in(folder, if settings.is_empty() { &[] } else { &disk });
        let (mut client, url) = (scene.redis(), scene.origin.url());
        for pattern in ["k:*", "localhost/*"] {
            let policy = format!(
                "CACHE.POLICY SET {} PATTERN {pattern} URL {url}/{{1}} TTL 60 {options}",
                &pattern[..1]
            );
            assert_eq!(call(&mut client, &policy), "OK");
        }
        for (key, body) in [("k:long", &*body), ("k:short", &body[..2_000])] {
            client.send(["CACHE.PROXY", key]);
            scene.origin.answer("200 OK", &["ETag: \"1\""], body);
            assert!(shown(&client.reply()).contains(body));
            scene.settle();
            let info = call(&mut client, &format!("CACHE.INFO {key}"));
            assert!(info.contains(&format!("place, {place}")), "{options}: {info}");
            assert!(shown(&client.call(["CACHE.PROXY", key])).contains(body));
        }
        scene.store("/a", &[], &body);
        scene.settle();
        assert!(call(&mut client, "CACHE.INFO localhost/a").contains(&format!("place, {place}")));
        assert_eq!(scene.client().get("/a").text(), body);
    }
}

/// Waits until the log has no bodies any more, but names of files.
fn rewrite(scene: &Scene) {
    until("a base", || {
        // It is refused while another one is running.
        call(&mut scene.redis(), "BGREWRITEAOF");
        folder_bytes(&scene.server.folder().join("appendonlydir")) < 10_000
    });
    until("rest", || call(&mut scene.redis(), "INFO persistence").contains("aof_rewrite_in_progress:0"));
}

fn folder_bytes(path: &Path) -> u64 {
    let entries = fs::read_dir(path).expect("it is there");
    // Files of the time before go.
    entries.flatten().filter_map(|entry| entry.metadata().ok()).map(|found| found.len()).sum()
}

/// Asks for parts of what is stored.
fn ask_for_parts(scene: &Scene, body: &str) {
    let mut http = scene.client();
    for (range, part) in [
        ("bytes=0-0", &body[..1]),
        ("bytes=300000-600000", &body[300_000..=600_000]),
        ("bytes=-7", &body[body.len() - 7..]),
    ] {
        ask(&mut http, "/a", &[&format!("Range: {range}")]);
        let answer = answer(&mut http);
        assert_eq!((answer.status, answer.text()), (206, part), "{range}");
    }
    ask(&mut http, "/a", &["Range: bytes=5-9,600000-600009,100-109"]);
    let answer = answer(&mut http);
    assert_eq!(answer.status, 206);
    for part in [&body[5..10], &body[600_000..600_010], &body[100..110]] {
        assert!(answer.text().contains(&format!("\r\n\r\n{part}\r\n")), "{part}");
    }
}

#[test]
fn what_is_compressed_is_served_as_it_came() {
    let body = long(700_000);
    let scene = Scene::start(&KEPT);
    let mut redis = scene.redis();
    let set = ["CACHE.SET", "localhost/a", &body, "COMPRESS", "ETAG", "1", "TTL", "1000"];
    assert_eq!(redis.call(set), Value::Simple(b"OK".to_vec()));
    let memory: u64 = call(&mut redis, "MEMORY USAGE localhost/a").parse().expect("a number");
    assert!(memory < 350_000, "{memory}");
    assert!(call(&mut redis, "CACHE.INFO localhost/a").contains("place, compressed"));
    let http = scene.client().get("/a");
    assert_eq!((http.text(), http.header("content-length")), (&*body, Some("700000")));
    ask_for_parts(&scene, &body);
    let reply = shown(&scene.redis().call(["CACHE.GET", "localhost/a"]));
    assert!(reply.contains(&body), "it is unpacked");
    assert!(scene.origin.is_idle());
    let scene = Scene::start_in(scene.server.kill(), &KEPT);
    assert_eq!(scene.client().get("/a").text(), body);
    assert!(scene.origin.is_idle());
}

#[test]
fn commands_that_read_files_reply_in_their_order() {
    let scene = scene(Folder::new(), &[]);
    let (body, mut redis) = (long(300_000), scene.redis());
    for key in ["a", "b"] {
        redis.call(["CACHE.SET", key, &body, "DISK"]);
    }
    scene.settle();
    for words in [&["SET", "k", "v"][..], &["CACHE.GET", "a"], &["GET", "k"], &["CACHE.GET", "b"], &["PING"]]
    {
        redis.send(words);
    }
    let replies: Vec<String> = (0..5).map(|_| shown(&redis.reply())).collect();
    assert!(replies[0].contains("OK") && replies[4].contains("PONG"));
    assert!(replies[1].len() > 300_000 && replies[3].len() > 300_000 && replies[2].len() < 100);
    // Nobody waits inside a transaction: the body is read there.
    for words in [&["MULTI"][..], &["CACHE.GET", "a"], &["DUMP", "b"], &["EXEC"]] {
        redis.send(words);
    }
    let replies: Vec<String> = (0..4).map(|_| shown(&redis.reply())).collect();
    assert!(replies[3].len() > 600_000, "both are there");
    let script = "return #redis.call('CACHE.GET', 'a')[8]";
    assert_eq!(redis.call(["EVAL", script, "1", "a"]), Value::Integer(300_000));
}

#[test]
fn files_that_are_missing_or_damaged_are_never_served() {
    let one = scene(Folder::new(), &KEPT);
    for path in ["/missing", "/damaged", "/whole"] {
        one.store(path, &["Cache-Control: max-age=1000"], &format!("{path} {}", long(5_000)));
    }
    one.settle();
    rewrite(&one);
    let mut by_key = BTreeMap::new();
    for path in files(&one.server) {
        let bytes = fs::read(&path).expect("it is there");
        // Before what is said of it.
        let end = bytes.len() - 56;
        let key = String::from_utf8_lossy(&bytes[end - 20..end]).into_owned();
        by_key.insert(key.rsplit_once('/').expect("it ends in its key").1.to_owned(), path);
    }
    let folder = one.server.kill();
    fs::remove_file(&by_key["missing"]).expect("it is there");
    let mut bytes = fs::read(&by_key["damaged"]).expect("it is there");
    bytes[3_000] ^= 1;
    fs::write(&by_key["damaged"], &bytes).expect("there is room");
    fs::write(by_key["whole"].with_extension("part"), "left over").expect("there is room");

    let scene = scene(folder, &KEPT);
    scene.server.wait_for_log("1 bodies of the HTTP cache are lost");
    until("its entry's end", || call(&mut scene.redis(), "EXISTS localhost/missing") == "0");
    for path in ["/missing", "/damaged"] {
        scene.store(path, &["Cache-Control: max-age=1000"], &format!("new {}", long(5_000)));
    }
    assert!(scene.client().get("/whole").text().starts_with("/whole 0 1 "));
    assert!(scene.origin.is_idle());
    assert_eq!(scene.count("cache_disk_lost"), 2);
    scene.settle();
    until("the end of what is left over", || files(&scene.server).len() == 3);
}

#[test]
fn files_go_with_their_entries() {
    let scene = scene(Folder::new(), &[]);
    let (body, mut redis) = (long(2_000), scene.redis());
    for removal in
        ["DEL a b", "FLUSHALL", "FLUSHDB ASYNC", "CACHE.PURGETAG t", "SWAPDB 0 1 FLUSHALL", "PEXPIRE a 1"]
    {
        redis.call(["CACHE.SET", "a", &body, "DISK", "TAGS", "1", "t"]);
        call(&mut redis, "COPY a b");
        scene.settle();
        assert_eq!(files(&scene.server).len(), 1, "{removal}");
        if removal == "PEXPIRE a 1" {
            call(&mut redis, "DEL b");
        }
        match removal.split_once(" FLUSHALL") {
            Some((first, _)) => {
                call(&mut redis, first);
                call(&mut redis, "FLUSHALL");
            }
            None => _ = call(&mut redis, removal),
        }
        until(removal, || files(&scene.server).is_empty());
        until(removal, || scene.count("cache_disk_bytes") == 0);
    }
}

#[test]
fn all_files_together_are_within_their_limit() {
    let scene = scene(Folder::new(), &["--cache-disk-max", "200kb"]);
    let body = long(40_000);
    for number in 0..30 {
        scene.store(&format!("/{number}"), &["Cache-Control: max-age=1000"], &body);
        let bytes: u64 =
            files(&scene.server).iter().map(|path| fs::metadata(path).map_or(0, |found| found.len())).sum();
        assert!(bytes <= 200 << 10, "{bytes}");
    }
    scene.settle();
    until("the end of old entries", || call(&mut scene.redis(), "DBSIZE") == "5");
    assert_eq!(scene.client().get("/29").text(), body);
    assert!(scene.origin.is_idle() && scene.count("cache_disk_evictions") == 25);
    // What could never fit in is passed on, and not stored.
    let stored = scene.count("cache_stored");
    scene.store("/large", &["Cache-Control: max-age=1000"], &long(300_000));
    assert_eq!(scene.count("cache_stored"), stored);
    call(&mut scene.redis(), "CONFIG SET cache-disk-max 100kb");
    scene.store("/30", &["Cache-Control: max-age=1000"], &body);
    scene.settle();
    until("fewer files", || files(&scene.server).len() == 2);
}

#[test]
fn a_full_disk_keeps_nobody_from_being_served() {
    let folder = Folder::new();
    let path = bodies_in(folder.path());
    // It may not write files of more than so many kilobytes.
    let server = Server::start_limited(&["--cache-disk-dir", &path], 64);
    let (mut redis, body) = (Client::connect(server.port()), long(100_000));
    redis.call(["CACHE.SET", "large", &body, "DISK"]);
    redis.call(["CACHE.SET", "small", "body", "DISK"]);
    until("the end of its entry", || call(&mut redis, "EXISTS large") == "0");
    server.wait_for_log("could not be put into its file");
    assert!(call(&mut redis, "CACHE.GET small").contains("body"));
    assert!(call(&mut redis, "INFO cache").contains("cache_disk_errors:1"));
}

#[test]
fn what_is_found_valid_again_keeps_its_file() {
    let scene = scene(Folder::new(), &KEPT);
    let body = long(5_000);
    scene.store("/a", &["Cache-Control: max-age=1", "Age: 1", "ETag: \"1\""], &body);
    scene.settle();
    let before = files(&scene.server);
    let mut http = scene.client();
    http.send(&get("/a", &[]));
    drop(scene.origin.answer("304 Not Modified", &["Cache-Control: max-age=100", "ETag: \"1\""], ""));
    assert_eq!(answer(&mut http).text(), body);
    scene.settle();
    assert_eq!(files(&scene.server), before);
    assert_eq!(scene.client().get("/a").text(), body);
    let scene = self::scene(scene.server.kill(), &KEPT);
    assert_eq!(scene.client().get("/a").text(), body);
    assert!(scene.origin.is_idle());
}

#[test]
fn a_replica_answers_the_same_after_its_primary_has_gone() {
    let one = scene(Folder::new(), &[]);
    let body = long(300_000);
    one.store("/before", &["Cache-Control: max-age=1000"], &body);
    one.settle();
    let port = one.server.port().to_string();
    for keeps_files in [true, false] {
        let own = ["--replicaof", &format!("127.0.0.1 {port}")];
        let replica = if keeps_files { scene(Folder::new(), &own) } else { Scene::start(&own) };
        until("a link", || call(&mut replica.redis(), "INFO replication").contains("master_link_status:up"));
        let path = format!("/after/{keeps_files}");
        one.store(&path, &["Cache-Control: max-age=1000"], &body);
        until("the same", || call(&mut replica.redis(), &format!("EXISTS localhost{path}")) == "1");
        replica.settle();
        assert_eq!(files(&replica.server).len(), if keeps_files { 2 } else { 0 });
        let digest = |scene: &Scene| call(&mut scene.redis(), "DEBUG DIGEST-VALUE localhost/before");
        assert_eq!(digest(&one), digest(&replica));
        call(&mut replica.redis(), "REPLICAOF NO ONE");
        for path in ["/before", &path] {
            assert_eq!(replica.client().get(path).text(), body);
        }
        assert!(replica.origin.is_idle());
        call(&mut one.redis(), &format!("DEL localhost{path}"));
    }
}

#[test]
fn no_other_process_may_use_the_folder() {
    let scene = scene(Folder::new(), &[]);
    let path = bodies_in(scene.server.folder());
    let log = Server::fail_in(Folder::new(), &["--cache-disk-dir", &path]);
    assert!(log.contains("another process uses it"), "{log}");
}

/// How many operations the test below does: `SPINEL_TEST_STEPS`, or few.
fn steps() -> u64 {
    std::env::var("SPINEL_TEST_STEPS").ok().and_then(|steps| steps.parse().ok()).unwrap_or(400)
}

/// Whatever is done to entries, and whenever the server is killed: what is served is what was stored, and no file is left that
/// no entry has.
#[test]
fn no_file_is_left_after_anything() {
    const KEYS: u64 = 20;
    const LIVES: u64 = 4;
    let settings = [&KEPT[..], &["--cache-disk-max", "100kb"]].concat();
    let mut scene = scene(Folder::new(), &settings);
    let mut state = 88_172_645_463_325_252_u64;
    let mut chance = move |bound: u64| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state % bound
    };
    for life in 0..LIVES {
        let mut redis = scene.redis();
        for step in 0..steps() / LIVES {
            let (one, other) = (format!("k{}", chance(KEYS)), format!("k{}", chance(KEYS)));
            let call = match chance(16) {
                0..=6 => {
                    let body = format!("{}/{}", one, long(chance(20_000) as usize).replace(' ', "/"));
                    let place = ["DISK", "DISK", "MEMORY", "COMPRESS"][chance(4) as usize];
                    format!("CACHE.SET {one} {body} {place} TAGS 1 {other}")
                }
                7 => format!("DEL {one} {other}"),
                8 => format!("COPY {one} {other} REPLACE"),
                9 => format!("CACHE.PURGETAG {one}"),
                10 => format!("CACHE.PURGE {one}"),
                11 => format!("PEXPIRE {one} {}", chance(20)),
                12 if chance(20) == 0 => "FLUSHALL".into(),
                13 if chance(20) == 0 => "BGREWRITEAOF".into(),
                14 if chance(20) == 0 => "SWAPDB 0 1".into(),
                15 => format!("DUMP {one}"),
                _ => format!("CACHE.GET {one}"),
            };
            let reply = self::call(&mut redis, &call);
            if call.starts_with("CACHE.GET") && reply.contains("body, k") {
                assert!(
                    reply.contains("/0/1/2/") || reply.len() < 300,
                    "step {step} of life {life}: {reply}"
                );
            }
        }
        if chance(2) == 0 {
            call(&mut redis, "BGREWRITEAOF");
        }
        scene = self::scene(scene.server.kill(), &settings);
    }
    // What is there are the files of entries: with those they go.
    scene.settle();
    let on_disk = scene.count("cache_disk_bodies");
    until("order", || files(&scene.server).len() as u64 <= on_disk);
    call(&mut scene.redis(), "FLUSHALL");
    until("the end of all files", || files(&scene.server).is_empty());
    assert_eq!((scene.count("cache_disk_bodies"), scene.count("cache_disk_bytes")), (0, 0));
    assert_eq!(scene.count("cache_disk_lost"), 0);
}
