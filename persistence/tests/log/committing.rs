//! A journal that becomes a log, step by step.

use crate::support::{Disk, bytes, write_file};
use spinel_persistence::log::{BaseFormat, Chunk, Committer, Now, Stage, SyncPolicy};
use spinel_persistence::vfs::Fault;
use std::sync::{Arc, Mutex};

/// Where journals begin in these tests: not where logs do.
const START: u64 = 1000;

struct Scene {
    disk: Disk,
    journal: Arc<Mutex<(Vec<u8>, u64)>>,
    committer: Committer,
}

impl Scene {
    fn new(policy: SyncPolicy) -> Scene {
        let disk = Disk::new();
        let journal = Arc::new(Mutex::new((Vec::new(), START)));
        let shared = Arc::clone(&journal);
        let source = move |take: &mut dyn FnMut(Chunk)| {
            let mut journal = shared.lock().unwrap();
            take(std::mem::take(&mut journal.0).into());
            journal.1
        };
        let committer = Committer::new(Box::new(source), START, disk.writer(), policy);
        Scene { disk, journal, committer }
    }

    /// Records commands and returns the offset behind them.
    fn record(&self, commands: &str) -> u64 {
        let mut journal = self.journal.lock().unwrap();
        let commands = bytes(commands);
        journal.0.extend_from_slice(&commands);
        journal.1 += commands.len() as u64;
        journal.1
    }

    fn step(&mut self, monotonic_ms: u64) -> Option<u64> {
        self.committer.step(Now { monotonic_ms, unix_seconds: None })
    }

    fn progress(&self) -> (u64, u64) {
        (self.committer.commit().written(), self.committer.commit().synced())
    }

    fn failure(&self) -> Option<Stage> {
        self.committer.commit().failure().map(|failure| failure.stage)
    }
}

#[test]
fn policies_say_when_it_is_durable() {
    let mut always = Scene::new(SyncPolicy::Always);
    let end = always.record("SET a 1");
    assert_eq!((always.step(0), always.progress()), (None, (end, end)));

    let mut no = Scene::new(SyncPolicy::No);
    let end = no.record("SET a 1");
    assert_eq!((no.step(0), no.step(10_000), no.progress()), (None, None, (end, START)));
    no.committer.set_policy(SyncPolicy::Always);
    assert_eq!((no.step(10_001), no.progress()), (None, (end, end)));

    let mut second = Scene::new(SyncPolicy::EverySecond);
    let first = second.record("SET a 1");
    assert_eq!((second.step(5000), second.progress()), (None, (first, first)), "the last sync is long ago");
    let end = second.record("SET b 2");
    assert_eq!((second.step(5500), second.progress()), (Some(6000), (end, first)));
    assert_eq!((second.step(6000), second.progress()), (None, (end, end)));
    second.committer.close(Now { monotonic_ms: 6001, unix_seconds: None }).unwrap();
    assert_eq!(second.disk.commands(), "SET a 1, SET b 2");
}

#[test]
fn what_could_not_be_written_is_kept() {
    let mut scene = Scene::new(SyncPolicy::Always);
    let end = scene.record("SET a 1");
    scene.disk.vfs.fail_call(0, Fault::Error(28));
    assert_eq!(
        (scene.step(0), scene.progress(), scene.failure()),
        (Some(1000), (START, START), Some(Stage::Write))
    );
    assert_eq!(scene.committer.commit().failure().unwrap().to_string(), "No space left on device");
    assert_eq!((scene.step(1000), scene.progress(), scene.failure()), (None, (end, end), None));
    assert_eq!(scene.disk.commands(), "SET a 1");
}

#[test]
fn a_failed_sync_is_told_until_a_rewrite() {
    let mut scene = Scene::new(SyncPolicy::Always);
    scene.record("SET a 1");
    scene.disk.vfs.fail_call(1, Fault::Error(5));
    scene.step(0);
    assert_eq!(scene.failure(), Some(Stage::Sync));
    let cut = scene.record("SET b 2");
    scene.step(1);
    assert_eq!((scene.failure(), scene.progress()), (Some(Stage::Sync), (cut, START)));
    scene.committer.hold();
    scene.committer.cut_at(cut);
    scene.step(2);
    let rewrite = scene.committer.take_rewrite().unwrap().unwrap();
    write_file(&scene.disk.vfs, rewrite.path(), &bytes("MSET a 1 b 2"));
    scene.committer.finish_rewrite(rewrite, BaseFormat::Commands).unwrap();
    let end = scene.record("SET c 3");
    assert_eq!((scene.step(3), scene.progress(), scene.failure()), (None, (end, end), None));
    assert_eq!(scene.disk.commands(), "MSET a 1 b 2, SET c 3");
}

#[test]
fn a_cut_divides_what_is_read_at_once() {
    let mut scene = Scene::new(SyncPolicy::No);
    scene.record("SET a 1");
    scene.step(0);
    scene.committer.hold();
    let cut = scene.record("SET b 2");
    scene.record("SET c 3");
    scene.step(1);
    assert_eq!(scene.disk.commands(), "SET a 1", "held");
    assert!(scene.committer.take_rewrite().is_none());
    scene.committer.cut_at(cut);
    scene.step(2);
    assert_eq!(scene.progress().1, cut, "an increment is synced before the next begins");
    let rewrite = scene.committer.take_rewrite().unwrap().unwrap();
    write_file(&scene.disk.vfs, rewrite.path(), &bytes("MSET a 1 b 2"));
    scene.committer.finish_rewrite(rewrite, BaseFormat::Commands).unwrap();
    assert_eq!(scene.disk.commands(), "MSET a 1 b 2, SET c 3");
}
