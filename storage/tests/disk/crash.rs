//! Power cuts at every moment of short lives: what a call returned for is there, and nothing that never was.

use crate::support::{DIR, call, on};
use spinel_persistence::vfs::{Fault, SimulatedVfs};
use spinel_storage::{Db, Value};

/// A life: counts up and writes whole copies in between, until the power goes. Returns how far it was told it had
/// come, and how far it may have come.
fn live(vfs: &SimulatedVfs, start: i64) -> (i64, i64) {
    let Ok(db) = Db::open_with(DIR, &on(vfs)) else { return (start, start) };
    let mut acknowledged = start;
    for step in 0..12 {
        // A group that must not be torn, under names whose order in the shards is by chance.
        let number = (acknowledged + 1).to_string();
        match db.execute(["MSET", "a", &number, "b", &number, "c", &number]) {
            Ok(_) => acknowledged += 1,
            Err(_) => return (acknowledged, acknowledged + 1),
        }
        if step % 4 == 3 {
            // It may fail; then the log is as it was.
            drop(db.checkpoint());
        }
    }
    (acknowledged, acknowledged)
}

fn found(db: &Db) -> i64 {
    let Value::Array(values) = call(db, "MGET a b c") else { panic!("MGET replies an array") };
    assert!(values.windows(2).all(|pair| pair[0] == pair[1]), "a group is torn: {values:?}");
    match &values[0] {
        Value::Null => 0,
        Value::Bulk(text) => String::from_utf8_lossy(text).parse().expect("it is a number"),
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_a_call_returned_for_is_there() {
    let vfs = SimulatedVfs::new(0);
    let (told, _) = live(&vfs, 0);
    assert_eq!(told, 12, "nothing fails");
    let calls = vfs.calls();
    for seed in 0..2 {
        for cut in 0..calls {
            let vfs = SimulatedVfs::new(seed << 32 | cut);
            vfs.fail_call(cut, Fault::PowerCut);
            let (mut told, mut tried) = live(&vfs, 0);
            // And again, in what the first life left.
            for next_cut in [cut % 7, calls] {
                vfs.forget_faults();
                vfs.cut_power();
                vfs.restart();
                let db = Db::open_with(DIR, &on(&vfs)).expect("a power cut damages nothing");
                let count = found(&db);
                assert!(
                    (told..=tried).contains(&count),
                    "{count} found, {told} told, {tried} tried: {seed} {cut}"
                );
                drop(db);
                vfs.fail_call(next_cut, Fault::PowerCut);
                (told, tried) = live(&vfs, count);
            }
        }
    }
}
