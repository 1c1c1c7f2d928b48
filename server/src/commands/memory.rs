//! MEMORY: how much is in use, and for what. `MEMORY USAGE` is the engine's.

use super::{HostCall, HostRow};
use crate::allocator;
use crate::memory::{self, Usage, excess, ratio};
use crate::server::now;
use crate::survey;
use spinel_resp::ReplyWriter;
use spinel_storage::Error;
use spinel_storage::command::flags::Flags;
use spinel_storage::command::help::reply_help;
use spinel_storage::command::{Command, Group};
use spinel_storage::keyspace::survey::LargeKey;

const ROW: Command = Command { group: Group::Server, since: "4.0.0", ..Command::ROW };
/// How many large keys are told.
const BIG_KEYS: i64 = 16;
const BAD_COUNT: Error = Error::Text("ERR COUNT should be greater than 0");
const SHOWN: &[&str] = &["nondeterministic_output", "request_policy:all_shards", "response_policy:special"];

/// The rows that need the server.
pub(super) const COMMANDS: &[HostRow] = &[
    (
        Command {
            name: "memory|bigkeys",
            usage: "[COUNT count]",
            flags: Flags::ADMIN,
            cost: "O(1) with many keys, of which the last survey is told; O(N) with up to 10,000",
            about: "Tells the largest keys, 16 unless told otherwise, 128 at most.",
            since: "8.0.0",
            tips: SHOWN,
            ..ROW
        },
        big_keys,
    ),
    (
        Command {
            name: "memory|doctor",
            about: "Tells people what is unusual about the memory in use.",
            tips: SHOWN,
            ..ROW
        },
        doctor,
    ),
    (
        Command {
            name: "memory|help",
            flags: Flags::LOADING.with(Flags::STALE),
            about: "Explains the subcommands.",
            ..ROW
        },
        help,
    ),
    (
        Command {
            name: "memory|malloc-stats",
            cost: "Depends on how much memory is allocated, could be slow",
            about: "Shows what the allocator tells of itself.",
            tips: SHOWN,
            ..ROW
        },
        allocator_report,
    ),
    (
        Command {
            name: "memory|purge",
            cost: "Depends on how much memory is allocated, could be slow",
            about: "Gives freed memory back to the system.",
            tips: &["request_policy:all_shards", "response_policy:all_succeeded"],
            ..ROW
        },
        purge,
    ),
    (
        Command {
            name: "memory|stats",
            about: "Tells how much memory is in use, and for what.",
            tips: SHOWN,
            ..ROW
        },
        stats,
    ),
];

fn big_keys(call: &mut HostCall<'_>) -> Result<(), Error> {
    let count = match call.args.remaining() {
        0 => BIG_KEYS,
        2 if call.args.accept("COUNT") => call.args.integer(),
        _ => return Err(Error::Syntax),
    };
    call.args.check()?;
    let count = usize::try_from(count).ok().filter(|count| *count > 0).ok_or(BAD_COUNT)?;
    if call.shared.persistence.loading().is_some() {
        call.reply.array(0);
        return Ok(());
    }

    let survey = survey::look(call.shared, now());
    let largest = survey.largest();
    let shown = &largest[..largest.len().min(count)];
    call.reply.array(shown.len());
    for large in shown {
        let LargeKey { bytes, db, key, type_name, size } = large;
        call.reply.map(5);
        call.reply.bulk(b"key");
        call.reply.bulk(key);
        call.reply.bulk(b"db");
        call.reply.integer(i64::from(db.0));
        call.reply.bulk(b"type");
        call.reply.bulk(type_name.as_bytes());
        call.reply.bulk(b"bytes");
        call.reply.integer(*bytes as i64);
        call.reply.bulk(b"size");
        call.reply.integer(*size as i64);
    }
    Ok(())
}

fn doctor(call: &mut HostCall<'_>) -> Result<(), Error> {
    let text = memory::diagnosis(&Usage::of(call.shared));

    call.reply.verbatim("txt", text.as_bytes());
    Ok(())
}

fn allocator_report(call: &mut HostCall<'_>) -> Result<(), Error> {
    call.reply.verbatim("txt", allocator::report().as_bytes());
    Ok(())
}

fn purge(call: &mut HostCall<'_>) -> Result<(), Error> {
    allocator::return_freed();

    call.reply.ok();
    Ok(())
}

/// A value of MEMORY STATS.
enum Figure {
    Count(u64),
    Difference(i64),
    Number(f64),
}

fn stats(call: &mut HostCall<'_>) -> Result<(), Error> {
    let usage = Usage::of(call.shared);
    let (before, after) = figures(&usage);
    let with_keys: Vec<_> = usage.databases.iter().filter(|(_, database)| database.keys > 0).collect();

    let reply = &mut *call.reply;
    reply.map(before.len() + with_keys.len() + after.len());
    reply_figures(&before, reply);
    for (number, database) in with_keys {
        reply.bulk(format!("db.{number}").as_bytes());
        reply.map(2);
        reply.bulk(b"overhead.hashtable.main");
        reply.integer(database.index_bytes as i64);
        // Times of expiry stand in the entries.
        reply.bulk(b"overhead.hashtable.expires");
        reply.integer(0);
    }
    reply_figures(&after, reply);
    Ok(())
}

fn reply_figures(figures: &[(&str, Figure)], reply: &mut ReplyWriter) {
    for (name, figure) in figures {
        reply.bulk(name.as_bytes());
        match figure {
            Figure::Count(number) => reply.integer(*number as i64),
            Figure::Difference(number) => reply.integer(*number),
            Figure::Number(number) => reply.double(*number),
        }
    }
}

type Figures = Vec<(&'static str, Figure)>;

/// What stands before the databases, and what behind them. What there is not in this server is 0.
fn figures(usage: &Usage) -> (Figures, Figures) {
    use Figure::{Count, Difference, Number};
    let (used, dataset) = (usage.used(), usage.dataset());
    let percent = |part: u64, whole: u64| Number(ratio(part, whole) * 100.0);
    let before = vec![
        ("peak.allocated", Count(usage.peak)),
        ("total.allocated", Count(used)),
        ("startup.allocated", Count(0)),
        ("replication.backlog", Count(0)),
        ("replica.fullsync.buffer", Count(0)),
        ("clients.slaves", Count(0)),
        ("clients.normal", Count(usage.clients)),
        ("cluster.links", Count(0)),
        ("aof.buffer", Count(usage.log)),
        ("lua.caches", Count(usage.scripts.scripts.bytes as u64)),
        ("functions.caches", Count(usage.scripts.library_bytes as u64)),
        ("script.VMs", Count(usage.lua())),
    ];
    let after = vec![
        ("overhead.db.hashtable.lut", Count(usage.index)),
        ("overhead.db.hashtable.rehashing", Count(0)),
        ("overhead.total", Count(usage.overhead())),
        ("db.dict.rehashing.count", Count(0)),
        ("keys.count", Count(usage.keys)),
        ("keys.bytes-per-key", Count(used.checked_div(usage.keys).unwrap_or(0))),
        ("dataset.bytes", Count(dataset)),
        ("dataset.percentage", percent(dataset, used)),
        ("peak.percentage", percent(used, usage.peak)),
        ("allocator.allocated", Count(usage.allocated)),
        ("allocator.active", Count(usage.active)),
        ("allocator.resident", Count(usage.resident)),
        ("allocator.muzzy", Count(0)),
        ("allocator-fragmentation.ratio", Number(ratio(usage.active, usage.allocated))),
        ("allocator-fragmentation.bytes", Difference(excess(usage.active, usage.allocated))),
        ("allocator-rss.ratio", Number(ratio(usage.resident, usage.active))),
        ("allocator-rss.bytes", Difference(excess(usage.resident, usage.active))),
        ("rss-overhead.ratio", Number(1.0)),
        ("rss-overhead.bytes", Count(0)),
        ("fragmentation", Number(ratio(usage.resident, used))),
        ("fragmentation.bytes", Difference(excess(usage.resident, used))),
    ];
    (before, after)
}

fn help(call: &mut HostCall<'_>) -> Result<(), Error> {
    let forms: &[(&str, &[&str])] = &[
        ("DOCTOR", &["Return memory problems reports."]),
        ("MALLOC-STATS", &["Return internal statistics report from the memory allocator."]),
        ("PURGE", &["Attempt to purge dirty pages for reclamation by the allocator."]),
        ("STATS", &["Return information about the memory usage of the server."]),
        (
            "USAGE <key> [SAMPLES <count>]",
            &[
                "Return memory in bytes used by <key> and its value. Nested values are",
                "sampled up to <count> times (default: 5, 0 means sample all).",
            ],
        ),
    ];
    reply_help(call.reply, "MEMORY", forms);
    Ok(())
}
