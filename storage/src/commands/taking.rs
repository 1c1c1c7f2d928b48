//! Taking elements off the ends of collections: what the commands of lists and of sorted sets share, those that wait
//! included.

use crate::command::Command;
use crate::command::args::{Args, parse_timeout};
use crate::command::call::Call;
use crate::command::flags::Flags;
use crate::command::keys::{Begin, Find, KeySpec, KeyUse};
use crate::engine::wait::Wait;
use crate::error::Error;
use crate::keyspace::guard::KeyGuard;
use crate::time::UnixMillis;
use spinel_resp::ReplyWriter;
use std::time::Duration;

/// What is done to a key that elements are taken from.
pub(super) const TAKE_USE: KeyUse = KeyUse::READ_WRITE.with(KeyUse::ACCESS).with(KeyUse::DELETE);

/// What the rows of commands have in common that take an element from the first of several keys, or wait for one.
pub(super) const WAITING_POP: Command = Command {
    usage: "key... timeout:double",
    keys: &[KeySpec {
        begin: Begin::Index(1),
        find: Find::Range { last: -2, step: 1, limit: 0 },
        usage: TAKE_USE,
        varies: None,
    }],
    flags: Flags::WRITE.with(Flags::BLOCKING),
    ..Command::ROW
};

/// The words of LMPOP and ZMPOP, and of their forms that wait.
pub(super) struct Request<'a, E> {
    pub(super) keys: &'a [&'a [u8]],
    /// From which end.
    pub(super) end: E,
    /// How many elements at most.
    pub(super) count: usize,
}

impl<'a, E> Request<'a, E> {
    /// Reads keys, end and number; `end` reads the end.
    pub(super) fn parse(
        args: &mut Args<'a>,
        end: fn(&mut Args<'a>) -> Result<E, Error>,
    ) -> Result<Request<'a, E>, Error> {
        let keys = counted_keys(args)?;
        Ok(Request { keys, end: end(args)?, count: pop_count(args)? })
    }

    /// Reads for how long to wait, and the same. A bad time is the last mistake that is told.
    pub(super) fn parse_waiting(
        args: &mut Args<'a>,
        end: fn(&mut Args<'a>) -> Result<E, Error>,
        now: UnixMillis,
    ) -> Result<(Request<'a, E>, Option<Duration>), Error> {
        let timeout = args.word();
        let request = Request::parse(args, end)?;
        Ok((request, parse_timeout(timeout, now)?))
    }
}

/// Reads the number of keys and the keys.
fn counted_keys<'a>(args: &mut Args<'a>) -> Result<&'a [&'a [u8]], Error> {
    let count = args.positive(Error::Text("ERR numkeys should be greater than 0"))?;
    // Something has to follow.
    if count >= args.remaining() {
        return Err(Error::Syntax);
    }
    args.take(count)
}

/// Reads `COUNT count` if it is there, and nothing else; 1 otherwise.
fn pop_count(args: &mut Args<'_>) -> Result<usize, Error> {
    let mut count = 1;
    if args.remaining() > 1 && args.accept("COUNT") {
        count = args.positive(Error::Text("ERR count should be greater than 0"))?;
    }
    args.finish()?;
    Ok(count)
}

/// Reads keys, and behind them for how long to wait.
pub(super) fn keys_and_timeout<'a>(call: &mut Call<'a>) -> Result<(&'a [&'a [u8]], Option<Duration>), Error> {
    let keys = call.args.take(call.args.remaining() - 1)?;
    Ok((keys, call.args.timeout_seconds(call.now)?))
}

/// Takes elements from the first of several keys that has any; whether one has.
///
/// `take` gets a key and replies what it takes from there, with the key; it returns how much that is, or nothing if there
/// is nothing. `name` is the command that takes as many from one key.
pub(super) fn take_from_first(
    call: &mut Call<'_>,
    keys: &[&[u8]],
    name: &str,
    mut take: impl FnMut(&mut KeyGuard<'_, '_>, &[u8], &mut ReplyWriter) -> Result<Option<usize>, Error>,
) -> Result<bool, Error> {
    for key in keys {
        let mut guard = call.keys.write(key);
        let Some(taken) = take(&mut guard, key, call.reply)? else { continue };
        call.effect.rewrite(|| [name.into(), key.to_vec(), taken.to_string().into_bytes()]);
        return Ok(true);
    }
    Ok(false)
}

/// Waits for what `wait` says, unless something was found.
pub(super) fn wait_unless<'c>(call: &mut Call<'c>, is_found: bool, wait: Wait<'c>) -> Result<(), Error> {
    if !is_found {
        call.wait = Some(wait);
    }
    Ok(())
}
