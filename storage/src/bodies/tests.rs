use super::*;
use crate::time::{ManualClock, UnixMillis};
use crate::{Db, Value};
use spinel_persistence::bodies::Form;
use spinel_persistence::vfs::{Fault, SimulatedVfs};
use spinel_types::http_cache::{Content, Numbers, Parts};
use std::collections::BTreeSet;
use std::time::Duration;

const FOLDER: &str = "/bodies";
const ROOM: u64 = 1 << 20;

/// A data set with bodies in files, on a disk of its own.
struct Stage {
    db: Db,
    bodies: Arc<DiskBodies>,
    vfs: SimulatedVfs,
}

impl Stage {
    fn new(bytes_max: u64) -> Stage {
        let stage = Stage::on(SimulatedVfs::new(1), bytes_max);
        stage.bodies.start();
        stage.bodies.end_loading();
        stage
    }

    fn on(vfs: SimulatedVfs, bytes_max: u64) -> Stage {
        let db = Db::with_clock(ManualClock::new(UnixMillis(1_000_000)));
        let shared: Arc<dyn Vfs> = Arc::new(vfs.clone());
        let bodies = DiskBodies::open(shared, Path::new(FOLDER), bytes_max, 7).expect("the disk works");
        db.engine().keyspace().keep_bodies(Arc::clone(&bodies));
        Stage { db, bodies, vfs }
    }

    fn run(&self, call: &str) -> Value {
        self.db.execute(call.split(' ')).unwrap_or_else(|error| panic!("{call}: {error}"))
    }

    /// Does what there is to do, and what others have to do of it; returns how many files were gone without an entry, and how
    /// many entries were without their files.
    fn settle(&self) -> (u64, u64) {
        let (mut removed, mut missing) = (0, 0);
        loop {
            for chore in self.bodies.work(Duration::ZERO).expect("it is not closed") {
                match chore {
                    Chore::Drop(db, key) => {
                        let db = self.db.select(db.0).expect("there is such a database");
                        db.execute([&b"CACHE.DROP"[..], &key]).expect("it is an entry, or nothing");
                    }
                    Chore::Failed(_) => {}
                    Chore::Cleaned { removed: files, missing: bodies } => {
                        (removed, missing) = (removed + files, missing + bodies);
                    }
                }
            }
            let register = self.bodies.register();
            if register.writes.is_empty() && register.removals.is_empty() && register.stale.is_empty() {
                return (removed, missing);
            }
        }
    }

    fn body(&self, key: &str) -> Option<String> {
        let Value::Map(pairs) = self.run(&format!("CACHE.GET {key}")) else { panic!("no map") };
        pairs.into_iter().find_map(|(name, value)| match (name, value) {
            (Value::Bulk(name), Value::Bulk(body)) if name == b"body" => {
                Some(String::from_utf8(body).expect("it is text"))
            }
            _ => None,
        })
    }

    fn place(&self, key: &str) -> String {
        let Value::Array(variants) = self.run(&format!("CACHE.INFO {key}")) else { panic!("no array") };
        let Some(Value::Map(pairs)) = variants.into_iter().next() else { return String::new() };
        let place = pairs.into_iter().find(|(name, _)| *name == Value::Bulk(b"place".to_vec()));
        let Some((_, Value::Bulk(place))) = place else { panic!("it is told") };
        String::from_utf8(place).expect("it is text")
    }

    /// The numbers of all files.
    fn files(&self) -> BTreeSet<u128> {
        let mut files = BTreeSet::new();
        let folder = &self.bodies.folder;
        folder
            .clean(|id, _| {
                files.insert(id);
                true
            })
            .expect("the disk works");
        files
    }
}

#[test]
fn a_body_gets_its_file_after_the_reply_and_is_read_from_it() {
    let stage = Stage::new(ROOM);
    stage.run("CACHE.SET k body DISK");
    stage.run("CACHE.SET m body MEMORY");
    assert_eq!((stage.body("k").as_deref(), stage.bodies.sums().waiting_bytes), (Some("body"), 4));
    assert!(stage.files().is_empty());
    stage.settle();
    assert_eq!((stage.place("k"), stage.place("m")), ("disk".into(), "memory".into()));
    assert_eq!((stage.files().len(), stage.body("k").as_deref()), (1, Some("body")));
    let sums = stage.bodies.sums();
    assert_eq!((sums.bodies, sums.bytes, sums.waiting_bytes), (1, 56 + 4 + 1, 0));
}

#[test]
fn a_file_goes_with_its_last_entry_whatever_removes_that() {
    for removal in [
        "DEL k",
        "UNLINK k",
        "CACHE.SET k other",
        "CACHE.PURGE k",
        "CACHE.DROP k \0",
        "FLUSHALL",
        "FLUSHDB",
        "PEXPIREAT k 1",
        "SET k v",
    ] {
        let stage = Stage::new(ROOM);
        stage.run("CACHE.SET k body DISK");
        stage.settle();
        match removal.strip_suffix('\0') {
            Some(call) => _ = stage.db.execute(call.split(' ')).expect("it runs"),
            None => _ = stage.run(removal),
        }
        stage.run("EXISTS k");
        stage.db.tick();
        stage.settle();
        let purged = matches!(stage.run("EXISTS k"), Value::Integer(0)) || stage.place_or_none("k") != "disk";
        assert!(purged && stage.files().is_empty(), "{removal}");
        assert_eq!(stage.bodies.sums().bytes, 0, "{removal}");
    }
}

impl Stage {
    fn place_or_none(&self, key: &str) -> String {
        if self.run(&format!("TYPE {key}")) == Value::Simple("httpcache".into()) {
            self.place(key)
        } else {
            String::new()
        }
    }
}

#[test]
fn copies_share_a_file() {
    let stage = Stage::new(ROOM);
    stage.run("CACHE.SET k body DISK");
    stage.run("COPY k l");
    stage.settle();
    stage.run("COPY k m");
    stage.run("RENAME k n");
    assert_eq!(stage.files().len(), 1);
    for key in ["l", "m", "n"] {
        assert_eq!((stage.place(key), stage.body(key).as_deref()), ("disk".into(), Some("body")));
        stage.settle();
        assert_eq!(stage.files().len(), 1);
        stage.run(&format!("DEL {key}"));
    }
    stage.settle();
    assert!(stage.files().is_empty());
}

#[test]
fn what_was_not_used_for_the_longest_time_makes_room() {
    let clock = Arc::new(ManualClock::new(UnixMillis(1_000)));
    let stage = Stage { db: Db::with_clock(Arc::clone(&clock)), ..Stage::new(1_000) };
    stage.db.engine().keyspace().keep_bodies(Arc::clone(&stage.bodies));
    let body = "b".repeat(243);
    let mut journal = stage.db.engine().journal().attach();
    // Each takes 300 bytes with its head and its key.
    for (second, call) in [
        (1, format!("CACHE.SET a {body} DISK")),
        (2, format!("CACHE.SET b {body} DISK")),
        (3, format!("CACHE.SET c {body} DISK")),
        (4, "CACHE.GET a".into()),
        (5, format!("CACHE.SET d {body} DISK")),
    ] {
        clock.set(UnixMillis(second * 1_000));
        stage.run(&call);
        stage.settle();
        assert!(stage.bodies.sums().bytes <= 1_000);
    }
    let there = ["a", "b", "c", "d"].map(|key| stage.body(key).is_some());
    assert_eq!(there, [true, false, true, true]);
    assert_eq!(stage.run("EXISTS b"), Value::Integer(0), "its entry went");
    assert_eq!((stage.files().len(), stage.bodies.sums().evictions), (3, 1));
    let mut effects = Vec::new();
    journal.read(&mut effects);
    let effects = effects.escape_ascii().to_string();
    assert!(effects.contains("CACHE.DROP\\r\\n$1\\r\\nb\\r\\n$0\\r\\n"), "{effects}");
    // What could never fit in stays in memory.
    stage.run(&format!("CACHE.SET e {} DISK", "b".repeat(2_000)));
    stage.settle();
    assert_eq!((stage.place("e"), stage.files().len()), ("memory".into(), 3));
}

#[test]
fn who_writes_faster_than_the_disk_has_the_rest_in_memory() {
    let stage = Stage::new(1 << 30);
    let body = "b".repeat(24 << 20);
    for key in ["a", "b", "c"] {
        stage.db.execute(["CACHE.SET", key, &body, "DISK"]).expect("there is memory");
    }
    assert_eq!(["a", "b", "c"].map(|key| stage.place(key)), ["disk", "disk", "memory"]);
    assert_eq!(stage.bodies.sums().waiting_bytes, 48 << 20);
    stage.run("DEL a");
    assert_eq!(stage.bodies.sums().waiting_bytes, 24 << 20);
    stage.settle();
    assert_eq!(stage.files().len(), 1);
}

#[test]
fn what_can_not_be_written_is_not_stored() {
    let stage = Stage::new(ROOM);
    stage.vfs.limit_bytes(Some(100));
    stage.run(&format!("CACHE.SET k {} DISK", "b".repeat(1_000)));
    stage.settle();
    assert_eq!((stage.run("EXISTS k"), stage.bodies.sums().errors), (Value::Integer(0), 1));
    assert_eq!((stage.bodies.sums().bytes, stage.files().len()), (0, 0));
    stage.vfs.limit_bytes(None);
    stage.run("CACHE.SET k body DISK");
    stage.settle();
    assert_eq!(stage.body("k").as_deref(), Some("body"), "the disk works again");
}

#[test]
fn what_can_not_be_read_is_a_miss_and_goes() {
    let stage = Stage::new(ROOM);
    stage.run("CACHE.SET k body DISK");
    stage.run("CACHE.SET k other VARY 1 x 1");
    stage.settle();
    let path = format!("{FOLDER}/{}", stage.path_of_first());
    stage.vfs.create(Path::new(&path)).expect("there is room");
    assert_eq!(stage.body("k"), None);
    assert_eq!(stage.bodies.sums().lost, 1);
    stage.settle();
    let Value::Array(left) = stage.run("CACHE.INFO k") else { panic!("no array") };
    assert_eq!(left.len(), 1, "the other variant stays");
    assert!(stage.files().is_empty());
}

impl Stage {
    fn path_of_first(&self) -> String {
        let digits = format!("{:032x}", self.files().first().expect("there is a file"));
        format!("{}/{}/{digits}.body", &digits[..2], &digits[2..4])
    }
}

#[test]
fn a_dump_has_the_body() {
    let stage = Stage::new(ROOM);
    stage.run("CACHE.SET k body DISK");
    stage.settle();
    let Value::Bulk(payload) = stage.run("DUMP k") else { panic!("there is one") };
    let other = Db::memory();
    other.execute([&b"RESTORE"[..], b"k", b"0", &payload]).expect("it is a payload");
    assert_eq!(
        other.execute(["DEBUG", "DIGEST-VALUE", "k"]).expect("it runs"),
        stage.run("DEBUG DIGEST-VALUE k")
    );
    // Here it goes to a file of its own.
    stage.db.execute([&b"RESTORE"[..], b"l", b"0", &payload]).expect("it is a payload");
    stage.settle();
    assert_eq!((stage.place("l"), stage.files().len()), ("disk".into(), 2));
}

#[test]
fn an_answer_that_is_found_valid_again_keeps_its_file() {
    let stage = Stage::new(ROOM);
    let mut journal = stage.db.engine().journal().attach();
    stage.run("CACHE.SET k body TTL 10 DISK");
    stage.settle();
    let numbers = Numbers { fresh_until: 2_000_000, ..Numbers::default() };
    let variant = Variant::from(Parts { numbers, ..Parts::default() });
    let mut bytes = Vec::new();
    variant.encode_with_body_of(variant.selector(), &mut bytes);
    stage.db.execute([&b"CACHE.RESTORE"[..], b"k", &bytes]).expect("there is such a variant");
    stage.settle();
    assert_eq!((stage.files().len(), stage.body("k").as_deref()), (1, Some("body")));
    let missing = stage.db.execute([&b"CACHE.RESTORE"[..], b"l", &bytes]);
    assert_eq!(missing.unwrap_err().to_string(), "ERR there is no variant with this body");
    let mut effects = Vec::new();
    journal.read(&mut effects);
    assert_eq!(effects.windows(4).filter(|part| part == b"body").count(), 1, "the body was told once");
}

#[test]
fn nothing_is_removed_while_it_is_only_read() {
    let stage = Stage::new(ROOM);
    stage.run("CACHE.SET k body DISK");
    stage.settle();
    let vfs = stage.vfs.clone();
    stage.bodies.close();
    assert!(stage.bodies.work(Duration::ZERO).is_none());
    drop(stage);
    let stage = Stage::on(vfs, ROOM);
    stage.run("CACHE.SET k body DISK");
    assert_eq!(stage.place("k"), "memory", "nobody would write it");
    assert!(stage.bodies.work(Duration::ZERO).is_some_and(|chores| chores.is_empty()));
    assert_eq!(stage.files().len(), 1);
}

const KEYS: u64 = 12;

/// What every key's body is, or empty.
type Model = Vec<String>;

/// Does something to entries, and the same to the model.
fn act(stage: &Stage, model: &mut Model, entropy: &mut Entropy, step: u64) {
    let (one, other) = (entropy.below(KEYS), entropy.below(KEYS));
    let is_done = |call: String| stage.run(&call) == Value::Integer(1);
    match entropy.below(12) {
        0..=3 => {
            let text = format!("{step}-{}", "x".repeat(entropy.below(900) as usize));
            let place = if entropy.below(4) == 0 { "MEMORY" } else { "DISK" };
            let packs = if entropy.below(3) == 0 { " COMPRESS" } else { "" };
            stage.run(&format!("CACHE.SET {one} {text} {place}{packs}"));
            model[one as usize] = text;
        }
        4 => {
            stage.run(&format!("DEL {one}"));
            model[one as usize].clear();
        }
        5 if is_done(format!("EXISTS {one}")) => {
            stage.run(&format!("RENAME {one} {other}"));
            let moved = std::mem::take(&mut model[one as usize]);
            model[other as usize] = moved;
        }
        6 if one != other && is_done(format!("COPY {one} {other} REPLACE")) => {
            model[other as usize] = model[one as usize].clone();
        }
        7 => {
            stage.run(&format!("CACHE.PURGE {one}"));
            model[one as usize].clear();
        }
        8 if entropy.below(30) == 0 => {
            stage.run("FLUSHALL");
            model.iter_mut().for_each(String::clear);
        }
        9 => _ = stage.settle(),
        _ => {
            // It may be lost, but never another one.
            let body = stage.body(&one.to_string());
            assert!(body.is_none_or(|body| body == model[one as usize]), "step {step}");
        }
    }
}

/// Has a call to the disk fail now and then.
fn break_something(stage: &Stage, entropy: &mut Entropy) {
    if entropy.below(40) == 0 {
        let fault = Fault::Error(if entropy.below(2) == 0 { 28 } else { 5 });
        stage.vfs.fail_call(entropy.below(12), fault);
    }
}

/// Whatever is done to entries, and whatever the disk does: the bodies that are served are those that were stored, all files
/// together are within their limit, and those that are there are those that entries have.
#[test]
fn files_are_those_of_the_entries_whatever_happens() {
    for seed in 0..6 {
        let (stage, mut entropy) = (Stage::new(4_000), Entropy::new(seed));
        let mut model = vec![String::new(); KEYS as usize];
        for step in 0..1_500 {
            break_something(&stage, &mut entropy);
            act(&stage, &mut model, &mut entropy, step);
            assert!(stage.bodies.sums().bytes <= 4_000);
        }
        stage.vfs.forget_faults();
        stage.db.tick();
        stage.settle();
        // What could not be removed goes when the next one starts.
        stage.bodies.register().is_to_clean = true;
        stage.settle();
        let on_disk = (0..KEYS).filter(|key| stage.place_or_none(&key.to_string()) == "disk").count();
        assert!(stage.files().len() <= on_disk, "seed {seed}");
        assert!(stage.files().len() as u64 <= stage.bodies.sums().bodies, "seed {seed}");
        stage.run("FLUSHALL");
        stage.settle();
        assert_eq!((stage.files().len(), stage.bodies.sums().bytes), (0, 0), "seed {seed}");
    }
}

/// The numbers of what is written of bodies that are not finished.
fn parts(stage: &Stage) -> usize {
    let mut parts = 0;
    let counted = stage.bodies.folder.clean(|_, form| {
        parts += usize::from(form == Form::Part);
        true
    });
    counted.expect("the disk works");
    parts
}

/// A draft with this body under key `k`.
fn draft(stage: &Stage, body: &[u8]) -> Draft {
    let mut draft = stage.bodies.begin_draft(1).expect("there is room");
    body.chunks(3).try_for_each(|piece| draft.append(piece)).expect("there is room");
    draft
}

#[test]
fn what_comes_goes_to_its_file_at_once() {
    let stage = Stage::new(ROOM);
    let draft = draft(&stage, b"some bytes");
    assert_eq!((stage.bodies.sums().bytes, stage.bodies.sums().bodies, parts(&stage)), (67, 0, 1));
    let mut two = [0; 2];
    draft.opened().read(5, &mut two).expect("they are there");
    assert_eq!(&two, b"by");
    let Body::Filed(filed) = draft.finish((DbIndex(0), b"k"), None, 5) else { panic!("it is in a file") };
    assert_eq!((filed.len(), filed.used_at(), filed.label()), (10, 5, None));
    assert_eq!((stage.bodies.sums().bytes, stage.bodies.sums().bodies), (67, 1));
    // It is read before it has its name, and after.
    for is_settled in [false, true] {
        let Ok(Content::Stored(opened)) = filed.open() else { panic!("it is written") };
        opened.read(8, &mut two).expect("it is there");
        assert_eq!((&two, filed.label().is_some()), (b"es", is_settled));
        stage.settle();
    }
    assert_eq!((parts(&stage), stage.files().len(), stage.bodies.sums().waiting_bytes), (0, 1, 0));
    drop(filed);
    stage.settle();
    assert_eq!((stage.files().len(), stage.bodies.sums()), (0, BodySums::default()));
}

#[test]
fn what_comes_to_nothing_leaves_nothing() {
    let stage = Stage::new(ROOM);
    let dropped = draft(&stage, b"some bytes");
    let kept = draft(&stage, b"others");
    drop(dropped);
    // Files are looked for while one comes.
    stage.bodies.begin_loading();
    stage.bodies.end_loading();
    assert_eq!(stage.settle(), (0, 0));
    assert_eq!((parts(&stage), stage.bodies.sums().bytes), (1, 63));
    let body = kept.finish((DbIndex(0), b"k"), Some(b"others"[..].into()), 0);
    assert_eq!(stage.bodies.sums().waiting_bytes, 6);
    // It goes before it has its name.
    drop(body);
    stage.settle();
    assert_eq!((parts(&stage), stage.files().len(), stage.bodies.sums()), (0, 0, BodySums::default()));
}

#[test]
fn room_is_made_for_what_comes() {
    let stage = Stage::new(1000);
    stage.run("CACHE.SET old body DISK");
    stage.settle();
    let (bodies, waits) = (Arc::clone(&stage.bodies), std::sync::mpsc::channel());
    let writer = std::thread::spawn(move || {
        let mut draft = bodies.begin_draft(1)?;
        draft.append(&[1; 900])?;
        waits.0.send(()).expect("the test waits");
        draft.append(&[2; 200])
    });
    while waits.1.try_recv().is_err() {
        stage.settle();
    }
    assert_eq!(stage.body("old"), None);
    while !writer.is_finished() {
        stage.settle();
    }
    let outcome = writer.join().expect("it ends");
    assert_eq!(outcome.map_err(|error| error.kind()), Err(io::ErrorKind::StorageFull));
    stage.settle();
    assert_eq!((stage.files().len(), stage.bodies.sums().bytes), (0, 0));
}

#[test]
fn who_lets_go_of_a_body_may_hold_the_register() {
    let stage = Stage::new(ROOM);
    let body = draft(&stage, b"some bytes").finish((DbIndex(0), b"k"), None, 0);
    let register = stage.bodies.register();
    drop(body);
    drop(register);
    stage.settle();
    assert_eq!((parts(&stage), stage.bodies.sums()), (0, BodySums::default()));
}
