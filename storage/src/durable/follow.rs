//! Running what a primary sends: the same as replaying a log, while others read.

use super::replay::{HostReplay, setting};
use crate::engine::{Claim, Engine, Executor, Familiar, Outcome, Prepared, Setting};
use crate::error::Error;
use crate::{DbIndex, UnixMillis};
use spinel_persistence::log::{Command, Unit};
use spinel_resp::{Protocol, ReplyWriter};
use std::sync::Arc;

/// Runs the units of a primary's stream, on one thread.
///
/// Nothing has expired for them: what has, the primary removes. The keyspace should be a
/// [copy](crate::keyspace::Keyspace::is_copy).
pub struct Follower {
    engine: Arc<Engine>,
    executor: Executor,
    reply: ReplyWriter,
    familiar: Familiar,
    /// The database that the stream has selected.
    db: DbIndex,
}

/// Runs commands of a primary that are no data commands; what they reply goes to the writer.
pub trait FollowHost {
    /// Runs one, and returns the error that it replied.
    fn run<'t>(&mut self, call: HostReplay<'_, 't>, claim: Option<&mut Claim<'t>>) -> Option<Error>;

    /// Hears that a unit has run, with the bytes that it had, and which database is selected behind it. If it has changed anything,
    /// that is before any snapshot can be cut: what is noted here is what a snapshot has.
    fn ran(&mut self, bytes: &[u8], db: DbIndex) {
        let _ = (bytes, db);
    }
}

/// A command failed that had not failed at the primary, as far as it tells.
#[derive(Debug)]
pub struct Deviation {
    /// The command's name, as it came.
    pub command: Vec<u8>,
    /// What it replied.
    pub error: Error,
}

/// A command of a transaction, ready to run.
struct Step<'w> {
    prepared: Prepared,
    db: DbIndex,
    words: Vec<&'w [u8]>,
}

impl Follower {
    /// One at the beginning of a stream; `seed` is for commands that need chance.
    pub fn new(engine: Arc<Engine>, seed: u64) -> Follower {
        let executor = Executor::new(Arc::clone(&engine), seed);
        let reply = ReplyWriter::new(Protocol::Resp2);
        Follower { engine, executor, reply, familiar: Familiar::default(), db: DbIndex(0) }
    }

    /// Begins another stream, or goes on in one: this database is selected.
    pub fn begin(&mut self, db: DbIndex) {
        self.db = db;
    }

    /// The database that the stream has selected.
    pub fn db(&self) -> DbIndex {
        self.db
    }

    /// Runs a command, or the commands of a transaction as one. `now` is the time that values keep.
    ///
    /// A command that fails is left out, as Redis does; the first one is returned. Between commands that run as one nobody
    /// sees anything.
    pub fn run(
        &mut self,
        unit: Unit<'_>,
        now: UnixMillis,
        host: &mut dyn FollowHost,
    ) -> Result<(), Deviation> {
        self.reply.clear();
        if unit.is_transaction() {
            return self.run_as_one(unit, now, host);
        }
        let command = unit.commands().next().expect("a unit that is no transaction is a command");
        with_words(command, |words| self.run_one((words, unit.bytes()), now, host))
    }

    fn run_one(
        &mut self,
        (words, bytes): (&[&[u8]], &[u8]),
        now: UnixMillis,
        host: &mut dyn FollowHost,
    ) -> Result<(), Deviation> {
        if let Some(db) = self.selected(words) {
            let selected = db.map(|db| self.db = db);
            host.ran(bytes, self.db);
            return selected.map_err(|error| deviation(words, error));
        }
        let prepared = self.engine.prepare_anew(words, &mut self.familiar);
        let by_own_name = |error| self.engine.prepare_by_own_name(words).ok_or(error);
        let prepared = match prepared.or_else(by_own_name) {
            Ok(prepared) => prepared,
            Err(error) => {
                host.ran(bytes, self.db);
                return Err(deviation(words, error));
            }
        };
        let mut turn = self.executor.begin(UnixMillis::BEFORE_EVERYTHING);
        turn.stamp_with(now);
        let reply = &mut self.reply;
        let failure = match turn.execute(&prepared, following(self.db), words, reply) {
            Outcome::Done | Outcome::Waiting(_) => None,
            Outcome::Failed(error) => Some(error),
            Outcome::ForHost => host.run(HostReplay { id: prepared.id, words, turn: &mut turn, reply }, None),
        };
        host.ran(bytes, self.db);
        failure.map_or(Ok(()), |error| Err(deviation(words, error)))
    }

    fn run_as_one(
        &mut self,
        unit: Unit<'_>,
        now: UnixMillis,
        host: &mut dyn FollowHost,
    ) -> Result<(), Deviation> {
        let (steps, mut outcome) = self.steps(unit);
        let mut turn = self.executor.begin(UnixMillis::BEFORE_EVERYTHING);
        turn.stamp_with(now);
        let mut claim = turn.claim(steps.iter().map(|step| (&step.prepared, step.db, &step.words[..])), []);
        for Step { prepared, db, words } in &steps {
            let reply = &mut self.reply;
            let ran = turn.execute_claimed(&mut claim, prepared, following(*db), words, reply);
            let failure = match ran {
                Outcome::Done | Outcome::Waiting(_) => None,
                Outcome::Failed(error) => Some(error),
                Outcome::ForHost => {
                    let call = HostReplay { id: prepared.id, words, turn: &mut turn, reply };
                    host.run(call, Some(&mut claim))
                }
            };
            if let Some(error) = failure {
                outcome = outcome.and(Err(deviation(words, error)));
            }
        }
        turn.release(claim);
        host.ran(unit.bytes(), self.db);
        outcome
    }

    /// Finds the commands of a transaction, and in which database each runs.
    fn steps<'w>(&mut self, unit: Unit<'w>) -> (Vec<Step<'w>>, Result<(), Deviation>) {
        let (mut steps, mut outcome) = (Vec::new(), Ok(()));
        for command in unit.commands() {
            let words: Vec<_> = command.words().collect();
            match self.selected(&words) {
                Some(Ok(db)) => self.db = db,
                Some(Err(error)) => outcome = outcome.and(Err(deviation(&words, error))),
                None => match self.prepare(&words) {
                    Ok(prepared) => steps.push(Step { prepared, db: self.db, words }),
                    Err(error) => outcome = outcome.and(Err(deviation(&words, error))),
                },
            }
        }
        (steps, outcome)
    }

    /// Finds a command; under its own name, too, if clients call it otherwise.
    fn prepare(&self, words: &[&[u8]]) -> Result<Prepared, Error> {
        self.engine.prepare(words).or_else(|error| self.engine.prepare_by_own_name(words).ok_or(error))
    }

    /// The database that a command selects, if it is one that does.
    #[inline]
    fn selected(&self, words: &[&[u8]]) -> Option<Result<DbIndex, Error>> {
        if !words[0].eq_ignore_ascii_case(b"SELECT") {
            return None;
        }
        let number = words.get(1).and_then(|word| spinel_resp::parse_integer(word)).unwrap_or(-1);
        Some(self.engine.keyspace().db(number).ok_or(Error::DbIndexOutOfRange))
    }
}

/// How commands of a primary run: whatever they may, and what they use counts as used.
fn following(db: DbIndex) -> Setting {
    Setting { is_untouching: false, ..setting(db) }
}

#[cold]
fn deviation(words: &[&[u8]], error: Error) -> Deviation {
    Deviation { command: words[0].to_vec(), error }
}

/// Words of a command that need no memory of their own.
const FEW_WORDS: usize = 8;

fn with_words<T>(command: Command<'_>, run: impl FnOnce(&[&[u8]]) -> T) -> T {
    let words = command.words();
    let count = words.len();
    if count > FEW_WORDS {
        return run(&words.collect::<Vec<_>>());
    }
    let mut few: [&[u8]; FEW_WORDS] = [&[]; FEW_WORDS];
    few.iter_mut().zip(words).for_each(|(place, word)| *place = word);
    run(&few[..count])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Db;
    use crate::time::ManualClock;
    use spinel_persistence::log::UnitScanner;
    use spinel_resp::encode_request;

    struct NoHost;

    impl FollowHost for NoHost {
        fn run<'t>(&mut self, _: HostReplay<'_, 't>, _: Option<&mut Claim<'t>>) -> Option<Error> {
            None
        }
    }

    const NOW: UnixMillis = UnixMillis(1_000_000);

    fn follow(follower: &mut Follower, commands: &str) -> Vec<String> {
        let mut bytes = Vec::new();
        for command in commands.split(", ") {
            encode_request(command.split(' '), &mut bytes);
        }
        let (mut scanner, mut rest, mut deviations) = (UnitScanner::default(), &bytes[..], Vec::new());
        while let Ok(Some(end)) = scanner.scan(rest) {
            let outcome = follower.run(scanner.unit(&rest[..end], 0), NOW, &mut NoHost);
            if let Err(Deviation { command, error }) = outcome {
                let command = String::from_utf8_lossy(&command).into_owned();
                deviations.push(format!("{command}: {}", error.text()));
            }
            rest = &rest[end..];
        }
        assert!(rest.is_empty());
        deviations
    }

    fn copy() -> (Db, Follower) {
        let db = Db::with_clock(ManualClock::new(NOW));
        db.engine().keyspace().set_copy(true);
        let follower = Follower::new(Arc::clone(db.engine()), 1);
        (db, follower)
    }

    fn text(db: &Db, call: &str) -> String {
        format!("{:?}", db.execute(call.split(' ')).unwrap())
    }

    #[test]
    fn units_run_in_the_database_that_was_selected() {
        let (db, mut follower) = copy();
        let stream = "SELECT 3, SET k v, MULTI, INCR n, SELECT 4, INCR n, EXEC, INCR n";
        assert_eq!(follow(&mut follower, stream), [""; 0]);
        let in_db = |number: u16, call: &str| text(&db.select(number).unwrap(), call);
        assert_eq!((in_db(3, "STRLEN k"), in_db(3, "INCR n")), ("Integer(1)".into(), "Integer(2)".into()));
        assert_eq!((in_db(0, "DBSIZE"), in_db(4, "INCR n")), ("Integer(0)".into(), "Integer(3)".into()));
    }

    #[test]
    fn what_fails_is_told_and_left_out() {
        let (db, mut follower) = copy();
        let stream = "SET s v, LPUSH s x, NOSUCH a, MULTI, LPUSH s x, SET t v, EXEC, SELECT 99";
        let deviations = follow(&mut follower, stream);
        assert_eq!(deviations.len(), 4, "{deviations:?}");
        assert!(deviations[0].starts_with("LPUSH: WRONGTYPE") && deviations[1].starts_with("NOSUCH: ERR"));
        assert_eq!(text(&db, "EXISTS s t"), "Integer(2)");
    }

    #[test]
    fn expired_keys_are_hidden_until_the_primary_removes_them() {
        let (db, mut follower) = copy();
        follow(&mut follower, "SET k v PXAT 500000, SET n 1 PXAT 500000, INCR n, SET m 1 PXAT 500000");
        assert_eq!(text(&db, "EXISTS k n m"), "Integer(0)");
        assert_eq!(db.engine().expire_round(NOW, 100), 0);
        let there = || db.engine().keyspace().len(DbIndex(0));
        assert_eq!(there(), 3, "they are there, and nobody sees them");
        follow(&mut follower, "PERSIST n, DEL k");
        assert_eq!((text(&db, "INCR n"), there()), ("Integer(3)".to_owned(), 2));
        // Who may write to a copy gets a key of his own.
        assert_eq!(
            (text(&db, "INCR m"), text(&db, "TTL m"), there()),
            ("Integer(1)".into(), "Integer(-1)".into(), 2)
        );
        db.engine().keyspace().set_copy(false);
        follow(&mut follower, "SET k v PXAT 500000");
        assert_eq!(db.engine().expire_round(NOW, 100), 1, "now it says itself when keys go");
    }
}
