//! The estimate of how long keys live, on data sets of known lifetimes.

use spinel_storage::time::ManualClock;
use spinel_storage::{Db, DbIndex, SetOptions, UnixMillis};
use std::sync::Arc;
use std::time::Duration;

const NOW: UnixMillis = UnixMillis(1_000_000);

fn estimate(db: &Db) -> Option<i64> {
    db.engine().keyspace().mean_time_to_live(DbIndex(0), NOW)
}

fn set(db: &Db, number: u32, life_ms: Option<u64>) {
    let options = SetOptions::default();
    let options = life_ms.map_or(options, |life_ms| options.expires_in(Duration::from_millis(life_ms)));
    assert!(db.set(format!("key:{number}"), "v", &options).expect("a string"));
}

#[test]
fn a_small_database_is_measured_whole() {
    let db = Db::with_clock(Arc::new(ManualClock::new(NOW)));
    set(&db, 0, None);
    assert_eq!(estimate(&db), None);
    set(&db, 1, Some(1000));
    set(&db, 2, Some(3000));
    assert_eq!(estimate(&db), Some(2000));
}

#[test]
fn a_large_database_is_sampled_fairly() {
    let db = Db::with_clock(Arc::new(ManualClock::new(NOW)));
    for number in 0..100_000 {
        // Every other key, for 1 to 100,000 ms: 50 seconds on average.
        set(&db, number, (number % 2 == 0).then_some(u64::from(number) + 1));
    }
    let estimate = estimate(&db).expect("half of the keys have one");
    assert!((47_000..53_000).contains(&estimate), "{estimate}");
}
