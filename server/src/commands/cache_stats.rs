//! CACHE STATS and CACHE MISSES: what the HTTP cache has counted, in all, for a policy, or by key.

use super::{HostCall, HostRow};
use crate::cache::{most_missed, tally_of, total};
use crate::server::now;
use spinel_storage::Error;
use spinel_storage::command::flags::Flags;
use spinel_storage::command::{Command, Group};

const ROW: Command =
    Command { group: Group::HttpCache, since: "8.0.0", tips: &["nondeterministic_output"], ..Command::ROW };

/// The rows of this file.
pub(super) const COMMANDS: &[HostRow] = &[
    (
        Command {
            name: "cache|stats",
            usage: "policy=[name]",
            cost: "O(N) where N is the number of policies",
            about: "Returns what was counted of requests that asked the HTTP cache, in all or for a policy.",
            ..ROW
        },
        stats,
    ),
    (
        Command {
            name: "cache|misses",
            usage: "[COUNT count:integer]",
            flags: Flags::ADMIN.with(Flags::NOSCRIPT),
            cost: "O(N) where N is the number of keys that are counted, some hundred for each thread",
            about: "Returns the keys that missed most in the last minute or two.",
            ..ROW
        },
        misses,
    ),
];

/// So many keys are told.
const MISSES: usize = 10;
const MISSES_MAX: usize = 100;

const BAD_COUNT: Error = Error::Text("ERR COUNT must be between 1 and 100");
const NO_POLICY: Error = Error::Text("ERR there is no such policy");

fn stats(call: &mut HostCall<'_>) -> Result<(), Error> {
    let name = (call.args.remaining() > 0).then(|| call.args.word());
    call.args.finish()?;
    let policies = call.shared.engine.keyspace().policies();
    if name.is_some_and(|name| policies.find(name).is_none()) {
        return Err(NO_POLICY);
    }

    let tally = name.map_or_else(|| total(call.shared), |name| tally_of(call.shared, name));

    let parts = tally.parts();
    call.reply.map(parts.len() + 1);
    for (name, number) in parts.into_iter().chain([("origin_latency_ms", tally.latency_ms())]) {
        call.reply.bulk(name.replace('_', "-").as_bytes());
        call.reply.integer(number as i64);
    }
    Ok(())
}

fn misses(call: &mut HostCall<'_>) -> Result<(), Error> {
    let mut count = MISSES;
    while call.args.remaining() > 0 {
        if !call.args.accept("COUNT") {
            return Err(Error::Syntax);
        }
        count = call.args.positive(BAD_COUNT)?;
    }
    call.args.finish()?;
    if count > MISSES_MAX {
        return Err(BAD_COUNT);
    }

    let missed = most_missed(call.shared, now(), count);

    call.reply.array(missed.len());
    for (place, in_a_minute) in &missed {
        call.reply.map(3);
        call.reply.bulk(b"key");
        call.reply.bulk(&place.key);
        for (name, number) in [("db", place.db.0.into()), ("misses-per-minute", *in_a_minute as i64)] {
            call.reply.bulk(name.as_bytes());
            call.reply.integer(number);
        }
    }
    Ok(())
}
