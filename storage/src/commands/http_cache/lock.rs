//! CACHE LOCK and CACHE UNLOCK.

use super::{ROW, key};
use crate::command::args::Args;
use crate::command::call::Call;
use crate::command::flags::Flags;
use crate::command::keys::KeyUse;
use crate::command::{Command, Run};
use crate::entropy::Entropy;
use crate::error::Error;
use crate::keyspace::locks::{Attempt, Lock};

/// A lock changes no key; on a copy, where nobody writes, it would hold nobody up.
const LOCK: Command = Command {
    keys: &[key(KeyUse::READ_WRITE.with(KeyUse::UPDATE))],
    flags: Flags::WRITE,
    cost: "O(log N) where N is the number of locks",
    ..ROW
};

/// The rows of this file.
pub(super) const COMMANDS: &[Command] = &[
    Command {
        name: "cache|lock",
        usage: "key milliseconds [TOKEN token]",
        about: "Keeps others from refreshing or overwriting an entry, and returns the token by which that is ended.",
        run: Run::Data(lock),
        ..LOCK
    },
    Command {
        name: "cache|unlock",
        usage: "key token",
        about: "Ends a lock before its time.",
        run: Run::Data(unlock),
        ..LOCK
    },
];

const MILLISECONDS: Error = Error::Text("ERR a lock lasts from 1 to 3600000 milliseconds");
const TOKEN: Error = Error::Text("ERR a token has 1 to 256 bytes");
const TOO_MANY: Error = Error::Text("ERR there are too many locks in this database");
/// What is replied to who writes an entry that somebody else has locked.
pub(super) const LOCKED: Error = Error::Text("LOCKED somebody else has locked the entry");

const MILLISECONDS_MAX: i64 = 3_600_000;
const TOKEN_BYTES_MAX: usize = 256;

/// Reads a token.
pub(super) fn token<'a>(args: &mut Args<'a>) -> Result<&'a [u8], Error> {
    let token = args.word();
    args.check()?;
    if (1..=TOKEN_BYTES_MAX).contains(&token.len()) { Ok(token) } else { Err(TOKEN) }
}

/// A token that nobody guesses by chance.
fn made_up(entropy: &mut Entropy) -> Vec<u8> {
    format!("{:016x}{:016x}", entropy.word(), entropy.word()).into_bytes()
}

fn lock(call: &mut Call<'_>) -> Result<(), Error> {
    let (key, milliseconds) = (call.args.word(), call.args.integer());
    let given = if call.args.accept("TOKEN") { Some(token(&mut call.args)?) } else { None };
    call.args.finish()?;
    if !(1..=MILLISECONDS_MAX).contains(&milliseconds) {
        return Err(MILLISECONDS);
    }

    let token = given.map_or_else(|| made_up(call.keys.entropy), <[u8]>::to_vec);
    let until = call.now.after_timeout(milliseconds)?;
    let lock = Lock { token: token.clone().into(), client: call.keys.client(), until };
    match call.keys.keyspace().lock_entry(call.keys.db(), key, lock, call.now) {
        Attempt::Locked => call.reply.bulk(&token),
        Attempt::Refused => call.reply.null(),
        Attempt::TooMany => return Err(TOO_MANY),
    }
    Ok(())
}

fn unlock(call: &mut Call<'_>) -> Result<(), Error> {
    let (key, token) = (call.args.word(), call.args.word());
    call.args.finish()?;

    let was_locked = call.keys.keyspace().unlock_entry(call.keys.db(), key, token, call.now);

    call.reply.integer(was_locked.into());
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::commands::script::check;
    use crate::time::{ManualClock, UnixMillis};
    use crate::{Db, Error, Value};
    use std::sync::Arc;

    #[test]
    fn a_lock_keeps_others_from_writing() {
        check(
            "CACHE.LOCK k 1000 TOKEN mine    => \"mine\"
             CACHE.LOCK k 1000 TOKEN other   => nil
             CACHE.LOCK k 2000 TOKEN mine    => \"mine\"
             CACHE.SET k body                => LOCKED somebody else has locked the entry
             CACHE.SET k body TOKEN other    => LOCKED somebody else has locked the entry
             CACHE.SET k body TOKEN mine     => OK
             CACHE.SET l body TOKEN unused   => OK
             CACHE UNLOCK k other            => 0
             CACHE.UNLOCK k mine             => 1
             CACHE.UNLOCK k mine             => 0
             CACHE.SET k body                => OK
             CACHE.LOCK k 1000 TOKEN mine    => \"mine\"
             DEL k                           => 1
             CACHE.LOCK k 0                  => ERR a lock lasts from 1 to 3600000 milliseconds
             CACHE.LOCK k 3600001            => ERR a lock lasts from 1 to 3600000 milliseconds
             CACHE.LOCK k x                  => ERR value is not an integer or out of range
             CACHE.LOCK k 1 TOKEN            => ERR syntax error
             CACHE.LOCK k 1 TOKEN \"\"       => ERR a token has 1 to 256 bytes
             CACHE.LOCK k 1 NOSUCH x         => ERR syntax error",
        );
    }

    #[test]
    fn it_ends_by_itself_and_has_a_token_of_its_own() {
        let clock = Arc::new(ManualClock::new(UnixMillis(0)));
        let db = Db::with_clock(Arc::clone(&clock));
        let run = |call: &str| db.execute(call.split(' '));
        let Ok(Value::Bulk(first)) = run("CACHE.LOCK k 100") else { panic!("it is free") };
        assert_eq!(run("CACHE.LOCK k 100"), Ok(Value::Null));
        assert!(matches!(run("CACHE.SET k body"), Err(Error::Text(text)) if text.starts_with("LOCKED")));
        clock.set(UnixMillis(100));
        assert_eq!(run("CACHE.UNLOCK k none"), Ok(Value::Integer(0)));
        let Ok(Value::Bulk(second)) = run("CACHE.LOCK k 100") else { panic!("it has ended") };
        assert_eq!((first.len(), second.len()), (32, 32));
        assert_ne!(first, second);
    }
}
