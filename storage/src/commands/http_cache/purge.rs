//! CACHE PURGE and its kin: entries go, or become stale, by their keys or their tags.
//!
//! A purge is only noted, in O(1) for each word: [`crate::keyspace::purges`].

use super::ROW;
use crate::command::call::Call;
use crate::command::flags::Flags;
use crate::command::{Command, Reach, Run};
use crate::error::Error;
use crate::keyspace::purges::{Purge, Scope};

/// A purge reaches keys that none of its words names, as FLUSHDB does.
const PURGE: Command = Command {
    flags: Flags::WRITE.with(Flags::KEYSPACE).with(Flags::DANGEROUS),
    reach: Reach::Whole,
    cost: "O(N) where N is the number of words, however many entries there are",
    ..ROW
};

/// The rows of this file.
pub(super) const COMMANDS: &[Command] = &[
    Command {
        name: "cache|purge",
        usage: "pattern...",
        about: "Removes the entries of HTTP caches whose keys match glob patterns. Other values stay.",
        run: Run::Data(|call| hard(call, Scope::Pattern)),
        ..PURGE
    },
    Command {
        name: "cache|purgetag",
        usage: "tag...",
        about: "Removes the variants of entries of HTTP caches that have one of these tags.",
        run: Run::Data(|call| hard(call, Scope::Tag)),
        ..PURGE
    },
    Command {
        name: "cache|purgeprefix",
        usage: "prefix...",
        about: "Removes the entries of HTTP caches whose keys begin so. Other values stay.",
        run: Run::Data(|call| hard(call, Scope::Prefix)),
        ..PURGE
    },
    Command {
        name: "cache|softpurge",
        usage: "pattern...",
        about: "Makes the entries of HTTP caches stale whose keys match glob patterns.",
        run: Run::Data(|call| soft(call, Scope::Pattern, "KEYS")),
        ..PURGE
    },
    Command {
        name: "cache|softpurgetag",
        usage: "tag...",
        about: "Makes the variants of entries of HTTP caches stale that have one of these tags.",
        run: Run::Data(|call| soft(call, Scope::Tag, "TAGS")),
        ..PURGE
    },
    Command {
        name: "cache|stale",
        usage: "unix-time-milliseconds scope=<KEYS|TAGS> word...",
        about: "Makes entries of HTTP caches stale from a time on: how the log and replicas are told of it.",
        run: Run::Data(stale),
        ..PURGE
    },
];

fn hard(call: &mut Call<'_>, scope: Scope) -> Result<(), Error> {
    note(call, scope, Purge::Hard);
    Ok(())
}

fn soft(call: &mut Call<'_>, scope: Scope, name: &str) -> Result<(), Error> {
    let (words, now) = (call.args.words(), call.now);
    let count = note(call, scope, Purge::Soft(now.0));

    // From when on they are stale decides how long they are served so.
    call.effect.rewrite_line(|| {
        let head = [b"CACHE.STALE".to_vec(), now.0.to_string().into_bytes(), name.into()];
        head.into_iter().chain(words[words.len() - count..].iter().map(|word| word.to_vec())).collect()
    });
    Ok(())
}

fn stale(call: &mut Call<'_>) -> Result<(), Error> {
    let at = call.args.integer();
    let is_by_tag = call.args.accept("TAGS");
    if !is_by_tag && !call.args.accept("KEYS") {
        call.args.fail(Error::Syntax);
    }
    call.args.check()?;

    note(call, if is_by_tag { Scope::Tag } else { Scope::Pattern }, Purge::Soft(at));
    Ok(())
}

/// Notes a purge for each word that is left, and replies how many.
fn note(call: &mut Call<'_>, scope: Scope, purge: Purge) -> usize {
    let words = call.args.rest();

    let (keyspace, db) = (call.keys.keyspace(), call.keys.db());
    for word in words {
        keyspace.note_purge(db, (scope, word), purge);
    }
    // Whoever follows the journal must hear of it whether or not there is an entry here.
    call.keys.count_changes(words.len() as u64);

    call.reply.integer(words.len() as i64);
    words.len()
}

#[cfg(test)]
mod tests {
    use super::super::told;
    use crate::commands::script::check;
    use crate::time::{ManualClock, UnixMillis};
    use crate::{Db, SnapshotEntry, SnapshotVisitor};
    use spinel_cache::timeline::{self, State};
    use std::collections::BTreeMap;
    use std::ops::ControlFlow;
    use std::sync::Arc;

    #[test]
    fn purges_take_entries_only() {
        check(
            "CACHE.SET host/a one TAGS 2 red blue => OK
             CACHE.SET host/b two TAGS 1 red VARY 1 x 1 => OK
             CACHE.SET host/b too VARY 1 x 2 => OK
             CACHE.SET other/a three         => OK
             SET host/s string               => OK
             CACHE.PURGETAG blue nosuch      => 2
             EXISTS host/a host/b other/a    => 2
             CACHE.INFO host/a               => []
             CACHE PURGETAG red              => 1
             RENAME host/b host/c            => OK
             CACHE.GET host/c VARY 1 x 1     => *
             CACHE.PURGEPREFIX host/         => 1
             EXISTS host/c host/s            => 1
             TYPE host/c                     => none
             CACHE.SET host/c new            => OK
             EXISTS host/c                   => 1
             CACHE.PURGE o*er/? host/c       => 2
             EXISTS other/a host/c host/s    => 1
             CACHE.PURGE                     => ERR wrong number of arguments for 'cache|purge' command",
        );
    }

    #[test]
    fn what_is_moved_between_purges_is_not_found_by_them() {
        check(
            "CACHE.SET a one                 => OK
             CACHE.PURGE b                   => 1
             RENAME a b                      => OK
             EXISTS b                        => 1
             COPY b c                        => 1
             CACHE.PURGE c                   => 1
             EXISTS b c                      => 1
             FLUSHDB                         => OK
             CACHE.SET c one                 => OK
             EXISTS c                        => 1
             CACHE.STALE 900000 KEYS c       => 1
             CACHE.STALE x KEYS c            => ERR value is not an integer or out of range
             CACHE.STALE 1 OTHERS c          => ERR syntax error",
        );
    }

    fn state(db: &Db, key: &str) -> String {
        told::state(db, &["CACHE.GET", key])
    }

    #[test]
    fn a_soft_purge_lets_the_windows_begin() {
        let clock = Arc::new(ManualClock::new(UnixMillis(0)));
        let db = Db::with_clock(Arc::clone(&clock));
        let run = |call: &str| db.execute(call.split(' ')).unwrap();
        run("CACHE.SET lasting body SWR 10 GRACE 10 TAGS 1 t");
        run("CACHE.SET short body TTL 100 TAGS 1 t");
        run("CACHE.SET graceful body TTL 100 GRACE 10");
        clock.set(UnixMillis(50_000));
        run("CACHE.SOFTPURGETAG t");
        run("CACHE.SOFTPURGE grace*");
        assert_eq!(["lasting", "short", "graceful"].map(|key| state(&db, key)), ["stale", "miss", "grace"]);
        clock.set(UnixMillis(60_000));
        db.tick();
        assert_eq!(["lasting", "graceful"].map(|key| state(&db, key)), ["grace", "miss"]);
        clock.set(UnixMillis(70_000));
        assert_eq!(state(&db, "lasting"), "miss");
    }

    /// The states of variants by their keys.
    #[derive(Default)]
    struct Seen(BTreeMap<Vec<u8>, Vec<State>>);

    impl SnapshotVisitor for Seen {
        fn visit(&mut self, entry: SnapshotEntry<'_>) -> ControlFlow<()> {
            let spinel_types::Value::HttpCache(cache) = entry.value else { panic!("it is an entry") };
            let states = cache.variants().iter().map(|variant| timeline::state(variant, 0)).collect();
            self.0.insert(entry.key.to_vec(), states);
            ControlFlow::Continue(())
        }
    }

    #[test]
    fn a_snapshot_has_what_purges_leave_at_its_cut() {
        let db = Db::with_clock(ManualClock::new(UnixMillis(0)));
        let run = |call: &str| db.execute(call.split(' ')).unwrap();
        run("CACHE.SET gone body TAGS 1 t");
        run("CACHE.SET both body TAGS 1 t VARY 1 x 1");
        run("CACHE.SET both body VARY 1 x 2");
        run("CACHE.SET soft body SWR 9 TAGS 1 s");
        run("CACHE.SET stays body SWR 9 TAGS 1 u");
        run("CACHE.PURGETAG t");
        run("CACHE.SOFTPURGETAG s");
        let snapshot = db.engine().begin_snapshot().expect("no other is running");
        run("CACHE.SOFTPURGETAG u");
        run("CACHE.PURGE both");
        run("CACHE.SET gone again");
        db.tick();
        let mut seen = Seen::default();
        snapshot.walk(&mut seen).expect("nobody gave it up");
        let expected = [("both", State::Fresh), ("soft", State::Stale), ("stays", State::Fresh)];
        assert_eq!(seen.0, expected.map(|(key, state)| (key.into(), vec![state])).into());
        assert_eq!(["gone", "both", "stays"].map(|key| state(&db, key)), ["hit", "miss", "stale"]);
    }

    #[test]
    fn purges_belong_to_their_database_and_are_swept() {
        let db = Db::with_clock(ManualClock::new(UnixMillis(0)));
        let other = db.select(1).expect("there is one");
        for number in 0..500 {
            for db in [&db, &other] {
                db.execute(["CACHE.SET", &format!("key:{number}"), "body", "TAGS", "1", "t"]).unwrap();
            }
        }
        db.execute(["CACHE.PURGETAG", "t"]).unwrap();
        db.execute(["SWAPDB", "0", "1"]).unwrap();
        assert_eq!((db.len(), other.len()), (500, 500));
        assert_eq!((state(&db, "key:1").as_str(), state(&other, "key:1").as_str()), ("hit", "miss"));
        db.tick();
        assert_eq!((db.len(), other.len()), (500, 0));
    }
}
