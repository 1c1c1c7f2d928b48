//! A journal that becomes a log, by every policy, with the power cut or an error at every call.

use crate::machine::read;
use crate::unit::{encode, offset_of};
use spinel_persistence::log::{
    BaseFormat, Chunk, Commit, Committer, Directory, LogNames, Now, Recovered, SyncPolicy, Writer,
};
use spinel_persistence::vfs::{Fault, SimulatedVfs, Vfs};
use std::io::Write;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

/// Where the journal stands when the log is empty.
const START: u64 = 500;

/// A journal of numbered units, and the thread that writes it to a log.
struct Server {
    vfs: SimulatedVfs,
    recorded: Arc<AtomicU64>,
    committer: Mutex<Committer>,
}

impl Server {
    /// Starts on an empty disk; `None` when that fails.
    fn start(vfs: &SimulatedVfs, policy: SyncPolicy) -> Option<Server> {
        let directory = Directory::open(Arc::new(vfs.clone()), LogNames::new("/")).ok()?;
        let (recovered, _) = read(&directory).ok()?;
        let writer = Writer::open(directory, &recovered).ok()?;
        let recorded = Arc::new(AtomicU64::new(0));
        let (end, mut given) = (Arc::clone(&recorded), 0);
        let source = move |take: &mut dyn FnMut(Chunk)| {
            let end = end.load(Ordering::Relaxed);
            let numbers: Vec<u64> = (given..end).collect();
            for chunk in numbers.chunks(3) {
                let mut bytes = Vec::new();
                for &number in chunk {
                    encode(number, &mut bytes);
                }
                take(bytes.into());
            }
            given = end;
            START + offset_of(end)
        };
        let committer = Committer::new(Box::new(source), START, writer, policy);
        Some(Server { vfs: vfs.clone(), recorded, committer: Mutex::new(committer) })
    }

    fn commit(&self) -> Arc<Commit> {
        Arc::clone(self.committer.lock().unwrap().commit())
    }

    fn step(&self, monotonic_ms: u64) {
        self.committer.lock().unwrap().step(Now { monotonic_ms, unix_seconds: Some(monotonic_ms / 1000) });
    }

    /// Rewrites the log as a server does whose clients go on meanwhile.
    fn rewrite(&self, now_ms: u64) {
        self.committer.lock().unwrap().hold();
        let cut = self.recorded.load(Ordering::Relaxed);
        self.recorded.fetch_add(2, Ordering::Relaxed);
        self.committer.lock().unwrap().cut_at(START + offset_of(cut));
        self.step(now_ms);
        let mut committer = self.committer.lock().unwrap();
        let Some(Ok(rewrite)) = committer.take_rewrite() else { return };
        let written = self.vfs.create(rewrite.path()).and_then(|mut file| {
            file.write_all(format!("REDIS {cut}\n").as_bytes())?;
            file.sync()
        });
        match written {
            Ok(()) => drop(committer.finish_rewrite(rewrite, BaseFormat::Rdb)),
            Err(_) => committer.abandon_rewrite(rewrite),
        }
    }
}

/// Records units and steps, every 400 ms, with a rewrite in the middle. Returns up to where it was called durable.
fn serve(server: &Server) -> u64 {
    for round in 0..10 {
        server.recorded.fetch_add(1 + round % 3, Ordering::Relaxed);
        server.step(round * 400);
        if round == 4 {
            server.rewrite(round * 400 + 100);
        }
    }
    server.commit().synced()
}

/// Lives with faults and recovers: up to where the log was called durable, and up to where it was found to be.
fn live(seed: u64, policy: SyncPolicy, faults: &[(u64, Fault)]) -> (u64, Recovered, u64) {
    let vfs = SimulatedVfs::new(seed);
    for (call, fault) in faults {
        vfs.fail_call(*call, *fault);
    }
    let synced = Server::start(&vfs, policy).map_or(START, |server| serve(&server));
    let calls = vfs.calls();
    vfs.forget_faults();
    vfs.cut_power();
    vfs.restart();
    let directory = Directory::open(Arc::new(vfs.clone()), LogNames::new("/")).unwrap();
    let (recovered, found) = read(&directory).unwrap();
    assert_eq!(recovered.offset, offset_of(found));
    (synced, recovered, calls)
}

#[test]
fn what_clients_were_told_is_kept_by_every_policy() {
    for policy in [SyncPolicy::Always, SyncPolicy::EverySecond, SyncPolicy::No] {
        let (synced, _, calls) = live(0, policy, &[]);
        let cut_or_begun = START + offset_of(11);
        assert!(synced >= cut_or_begun, "a rewrite syncs, whatever the policy");
        for call in 0..calls {
            for fault in [Fault::PowerCut, Fault::Error(5), Fault::Error(28), Fault::Short] {
                disturb(policy, call, fault);
            }
        }
    }
}

fn disturb(policy: SyncPolicy, call: u64, fault: Fault) {
    for seed in 0..4 {
        let (synced, recovered, _) = live(call * 4 + seed, policy, &[(call, fault)]);
        let found = START + recovered.offset;
        assert!(found >= synced, "{policy:?}, call {call}, {fault:?}: {found}, told {synced}");
    }
}

#[test]
fn always_leaves_nothing_undurable_behind_a_step() {
    let vfs = SimulatedVfs::new(1);
    let server = Server::start(&vfs, SyncPolicy::Always).unwrap();
    let synced = serve(&server);
    assert_eq!(synced, START + offset_of(server.recorded.load(Ordering::Relaxed)));
}
