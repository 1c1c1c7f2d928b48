//! CACHE PREWARM: what is used, and soon no longer fresh, is fetched again before somebody has to wait for it.

use super::ROW;
use crate::command::args::Args;
use crate::command::call::Call;
use crate::command::flags::Flags;
use crate::command::{Command, Reach, Run};
use crate::engine::errand::Errand;
use crate::error::Error;
use crate::keyspace::prewarming::SoonStale;
use crate::keyspace::{DbIndex, Keyspace};
use crate::time::UnixMillis;

/// The rows of this file.
pub(super) const COMMANDS: &[Command] = &[Command {
    name: "cache|prewarm",
    usage: "[WITHIN within-seconds:integer] [USED used-seconds:integer] [COUNT count]",
    flags: Flags::READONLY.with(Flags::DANGEROUS),
    reach: Reach::Sweep,
    cost: "O(N) where N is the number of keys of the database",
    about: "Has variants fetched again that were used lately and are soon no longer fresh, and counts them.",
    tips: &["nondeterministic_output"],
    run: Run::Data(prewarm),
    ..ROW
}];

const COUNT: Error = Error::Text("ERR COUNT must be between 1 and 1000");
const COUNT_MAX: i64 = 1000;

/// So many keys are looked at before others may have the keyspace for themselves.
const KEYS_PER_LOOK: u64 = 1000;

/// What is wanted.
fn parse(args: &mut Args<'_>, now: UnixMillis) -> Result<SoonStale, Error> {
    let (mut within_s, mut used_s, mut count) = (60, 3600, 100);
    while args.remaining() > 0 {
        if args.accept("WITHIN") {
            within_s = args.integer_between(0, u32::MAX.into());
        } else if args.accept("USED") {
            used_s = args.integer_between(0, u32::MAX.into());
        } else if args.accept("COUNT") {
            count = args.integer();
        } else {
            return Err(Error::Syntax);
        }
    }
    args.finish()?;
    if !(1..=COUNT_MAX).contains(&count) {
        return Err(COUNT);
    }
    let (fresh_until, used_since) =
        (now.0.saturating_add(within_s * 1000), now.0.saturating_sub(used_s * 1000));
    Ok(SoonStale { fresh_until, used_since, count: count as usize })
}

fn prewarm(call: &mut Call<'_>) -> Result<(), Error> {
    let chosen = parse(&mut call.args, call.now)?;

    let mut walk = Walk { chosen, place: (call.keys.db(), call.now), cursor: 0, found: 0 };
    if walk.look(call.keys.keyspace()) {
        call.reply.integer(walk.found as i64);
        return Ok(());
    }
    call.leave(Errand::new(move |ground, reply| {
        while ground.is_wanted() && !ground.inside(|keyspace| walk.look(keyspace)) {}
        reply.integer(walk.found as i64);
        Ok(())
    }));
    Ok(())
}

/// A walk over a database, until there are as many as are wanted.
struct Walk {
    chosen: SoonStale,
    place: (DbIndex, UnixMillis),
    cursor: u64,
    found: usize,
}

impl Walk {
    /// Looks at some keys, and says whether that was all.
    fn look(&mut self, keyspace: &Keyspace) -> bool {
        let (chosen, found, (db, now)) = (self.chosen, &mut self.found, self.place);
        self.cursor = keyspace.scan_values(db, self.cursor, KEYS_PER_LOOK, now, |entry, values| {
            let left = SoonStale { count: chosen.count - *found, ..chosen };
            *found += keyspace.refresh_soon_stale((entry, values), (db, now), left, |_| true);
        });
        self.cursor == 0 || self.found >= chosen.count
    }
}

#[cfg(test)]
mod tests {
    use crate::commands::script::check;
    use crate::time::{ManualClock, UnixMillis};
    use crate::{Db, Value};
    use std::sync::{Arc, Mutex};

    #[test]
    fn what_is_used_and_soon_stale_is_fetched_again() {
        let clock = Arc::new(ManualClock::new(UnixMillis(1_000_000)));
        let db = Db::with_clock(Arc::clone(&clock));
        let told = Arc::new(Mutex::new(Vec::new()));
        let ear = Arc::clone(&told);
        assert!(db.engine().keyspace().set_refresher(move |due| {
            ear.lock().unwrap().push(String::from_utf8_lossy(due.place.1).into_owned());
        }));
        let run = |call: &str| db.execute(call.split(' ')).unwrap();
        for (key, options) in [
            ("soon", "TTL 30 REVALIDATE-URL http://o/"),
            ("stale", "TTL 0 SWR 100 REVALIDATE-URL http://o/"),
            ("late", "TTL 300 REVALIDATE-URL http://o/"),
            ("lasting", "REVALIDATE-URL http://o/"),
            ("own", "TTL 30"),
            ("unused", "TTL 30 REVALIDATE-URL http://o/"),
        ] {
            run(&format!("CACHE.SET {key} body {options}"));
            if key != "unused" {
                run(&format!("CACHE.GET {key}"));
            }
        }
        run("SET string value");
        told.lock().unwrap().clear();
        let prewarmed = |call: &str| {
            let count = run(call);
            let mut keys = std::mem::take(&mut *told.lock().unwrap());
            keys.sort();
            assert_eq!(count, Value::Integer(keys.len() as i64), "{call}");
            keys
        };
        assert_eq!(prewarmed("CACHE.PREWARM"), ["soon", "stale"]);
        assert_eq!(prewarmed("CACHE PREWARM WITHIN 0"), ["stale"]);
        assert_eq!(prewarmed("CACHE.PREWARM WITHIN 1000 USED 10"), ["late", "soon", "stale"]);
        assert_eq!(prewarmed("CACHE.PREWARM COUNT 1").len(), 1);
        clock.set(UnixMillis(1_020_000));
        assert!(prewarmed("CACHE.PREWARM USED 10").is_empty());
        assert!(db.select(1).unwrap().execute(["CACHE.PREWARM"]) == Ok(Value::Integer(0)));
    }

    #[test]
    fn options_are_checked() {
        check(
            "CACHE.PREWARM                   => 0
             CACHE.PREWARM COUNT 0           => ERR COUNT must be between 1 and 1000
             CACHE.PREWARM COUNT 1001        => ERR COUNT must be between 1 and 1000
             CACHE.PREWARM WITHIN -1         => ERR value is out of range, value must between 0 and 4294967295
             CACHE.PREWARM USED              => ERR syntax error
             CACHE.PREWARM NOSUCH 1          => ERR syntax error",
        );
    }
}
