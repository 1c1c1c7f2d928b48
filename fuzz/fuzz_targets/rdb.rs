//! A snapshot file from any bytes: refused, or loaded; and the engine goes on.

#![no_main]

use libfuzzer_sys::fuzz_target;
use spinel_persistence::rdb::Verification;
use spinel_storage::engine::{ExpiredKeys, LoadListener, LoadOptions, PresentKeys};
use spinel_storage::{Db, UnixMillis};

struct Nobody;

impl LoadListener for Nobody {
    fn function(&mut self, _code: &[u8]) -> Result<(), String> {
        Ok(())
    }
}

fuzz_target!(|data: &[u8]| {
    let db = Db::memory();
    let options = LoadOptions {
        now: UnixMillis(1_700_000_000_000),
        expired: ExpiredKeys::Keep,
        verification: Verification::Off,
        present: PresentKeys::None,
    };
    let result = db.engine().load(data, &options, &mut Nobody);
    assert!(result.is_ok() || db.is_empty());
    db.execute(["DEBUG", "DIGEST"]).expect("what was loaded can be read");
    db.execute(["SET", "k", "v"]).expect("the engine goes on");
});
