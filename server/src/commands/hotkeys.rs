//! HOTKEYS: which keys are used most, and which take most time and bytes.

use super::{HostCall, HostRow};
use crate::hotkeys::{self, Collection, Options, Sums};
use crate::server::now;
use spinel_resp::ReplyWriter;
use spinel_storage::Error;
use spinel_storage::command::args::Args;
use spinel_storage::command::flags::Flags;
use spinel_storage::command::help::reply_help;
use spinel_storage::command::{Command, Group, Run};
use std::time::Duration;

const ROW: Command = Command {
    group: Group::Server,
    flags: Flags::ADMIN.with(Flags::NOSCRIPT),
    since: "8.6.0",
    tips: &["request_policy:special", "response_policy:special"],
    ..Command::ROW
};

/// The rows of this family.
pub(super) const COMMANDS: &[HostRow] = &[
    (
        Command {
            name: "hotkeys",
            run: Run::Container,
            flags: Flags::NONE,
            cost: "Depends on subcommand.",
            about: "Holds the subcommands about keys that are used most.",
            tips: &[],
            ..ROW
        },
        help,
    ),
    (
        Command {
            name: "hotkeys|get",
            cost: "O(K) where K is the number of hotkeys returned.",
            about: "Tells the keys that are used most, or what has been collected since HOTKEYS START.",
            tips: &["nondeterministic_output", "request_policy:special", "response_policy:special"],
            ..ROW
        },
        get,
    ),
    (
        Command {
            name: "hotkeys|help",
            flags: Flags::LOADING.with(Flags::STALE),
            about: "Explains the subcommands.",
            tips: &[],
            ..ROW
        },
        help,
    ),
    (Command { name: "hotkeys|reset", about: "Forgets which keys were used.", ..ROW }, reset),
    (
        Command {
            name: "hotkeys|start",
            usage: "METRICS metrics=(count [CPU] [NET]) [COUNT k:integer] [DURATION seconds] [SAMPLE ratio:integer] \
                    [SLOTS slots=(count slot:integer...)]",
            about: "Begins to collect which keys take how much time and how many bytes.",
            ..ROW
        },
        start,
    ),
    (Command { name: "hotkeys|stop", about: "Ends what HOTKEYS START has begun.", ..ROW }, stop),
];

const NO_METRICS: Error = Error::Text("ERR METRICS parameter is required");
const BAD_METRICS: Error = Error::Text("ERR METRICS count must be positive");
const WRONG_METRICS: Error = Error::Text("ERR METRICS no valid metrics passed. Supported: CPU|NET");
const OTHER_COUNT: Error = Error::Text("ERR METRICS count does not match number of metric types provided");
const BAD_COUNT: Error = Error::Text("ERR COUNT must be between 1 and 64");
const BAD_DURATION: Error = Error::Text("ERR DURATION must be between 1 and 1000000");
const BAD_SAMPLE: Error = Error::Text("ERR SAMPLE ratio must be positive");
const NO_CLUSTER: Error = Error::Text("ERR SLOTS parameter cannot be used in non-cluster mode");
const STARTED: Error = Error::Text("ERR hotkey tracking session already in progress");
const NOT_STARTED: Error = Error::Text("ERR no hotkey tracking session in progress");
const GOES_ON: Error = Error::Text("ERR hotkey tracking session in progress, stop tracking first");

/// The longest collection in seconds.
const SECONDS_MAX: u64 = 1_000_000;

fn start(call: &mut HostCall<'_>) -> Result<(), Error> {
    let options = read(&mut call.args)?;

    if !hotkeys::start(call.shared, options, now()) {
        return Err(STARTED);
    }
    call.reply.ok();
    Ok(())
}

fn read(args: &mut Args<'_>) -> Result<Options, Error> {
    if !args.accept("METRICS") {
        return Err(NO_METRICS);
    }
    let count = args.positive(BAD_METRICS)?;
    let mut options =
        Options { has_cpu: false, has_net: false, keys: Options::KEYS, duration: None, ratio: 1 };
    let mut found = 0;
    loop {
        let metric = match () {
            () if args.accept("CPU") => &mut options.has_cpu,
            () if args.accept("NET") => &mut options.has_net,
            () => break,
        };
        if std::mem::replace(metric, true) {
            return Err(OTHER_COUNT);
        }
        found += 1;
    }
    if found == 0 {
        return Err(WRONG_METRICS);
    }
    if found != count {
        return Err(OTHER_COUNT);
    }
    while args.remaining() > 0 {
        read_option(args, &mut options)?;
    }
    Ok(options)
}

fn read_option(args: &mut Args<'_>, options: &mut Options) -> Result<(), Error> {
    if args.accept("COUNT") {
        options.keys = args.positive(BAD_COUNT)?;
        if options.keys > Options::KEYS_MAX {
            return Err(BAD_COUNT);
        }
    } else if args.accept("DURATION") {
        let seconds = args.positive(BAD_DURATION)? as u64;
        if seconds > SECONDS_MAX {
            return Err(BAD_DURATION);
        }
        options.duration = Some(Duration::from_secs(seconds));
    } else if args.accept("SAMPLE") {
        options.ratio = args.positive(BAD_SAMPLE)? as u64;
    } else {
        return Err(if args.accept("SLOTS") { NO_CLUSTER } else { Error::Syntax });
    }
    Ok(())
}

fn stop(call: &mut HostCall<'_>) -> Result<(), Error> {
    if !hotkeys::stop(call.shared, now()) {
        return Err(NOT_STARTED);
    }

    call.reply.ok();
    Ok(())
}

fn reset(call: &mut HostCall<'_>) -> Result<(), Error> {
    if !hotkeys::reset(call.shared, now()) {
        return Err(GOES_ON);
    }

    call.reply.ok();
    Ok(())
}

fn get(call: &mut HostCall<'_>) -> Result<(), Error> {
    let now = now();
    if let Some((collection, sums)) = hotkeys::collected(call.shared, now) {
        reply_collected(call.reply, &collection, &sums, collection.lasted_ms(now));
        return Ok(());
    }

    let Some(hottest) = hotkeys::hottest(call.shared, now) else {
        call.reply.null();
        return Ok(());
    };
    call.reply.array(hottest.len());
    for (place, rate) in &hottest {
        call.reply.map(3);
        call.reply.bulk(b"key");
        call.reply.bulk(&place.key);
        call.reply.bulk(b"db");
        call.reply.integer(i64::from(place.db.0));
        call.reply.bulk(b"qps");
        call.reply.integer(*rate as i64);
    }
    Ok(())
}

/// As Redis 8.6: an array, because a cluster's answers are joined, of one map.
fn reply_collected(reply: &mut ReplyWriter, collection: &Collection, sums: &Sums, lasted_ms: i64) {
    let options = &collection.options;
    reply.array(1);
    reply.map(7 + if options.has_cpu { 3 } else { 0 } + if options.has_net { 2 } else { 0 });
    let integer = |reply: &mut ReplyWriter, name: &str, value: i64| {
        reply.bulk(name.as_bytes());
        reply.integer(value);
    };
    integer(reply, "tracking-active", i64::from(collection.ended.is_none()));
    integer(reply, "sample-ratio", options.ratio as i64);
    reply.bulk(b"selected-slots");
    reply.array(0);
    integer(reply, "all-commands-all-slots-us", (sums.nanoseconds / 1000) as i64);
    integer(reply, "net-bytes-all-commands-all-slots", sums.bytes as i64);
    integer(reply, "collection-start-time-unix-ms", collection.began.0);
    integer(reply, "collection-duration-ms", lasted_ms);
    if options.has_cpu {
        let cpu = collection.cpu();
        integer(reply, "total-cpu-time-user-ms", cpu.user.as_millis() as i64);
        integer(reply, "total-cpu-time-sys-ms", cpu.system.as_millis() as i64);
    }
    if options.has_net {
        integer(reply, "total-net-bytes", sums.bytes as i64);
    }
    if options.has_cpu {
        reply_keys(reply, "by-cpu-time-us", &sums.by_cpu(options.keys));
    }
    if options.has_net {
        reply_keys(reply, "by-net-bytes", &sums.by_net(options.keys));
    }
}

fn reply_keys(reply: &mut ReplyWriter, name: &str, keys: &[(&[u8], u64)]) {
    reply.bulk(name.as_bytes());
    reply.array(2 * keys.len());
    for (key, sum) in keys {
        reply.bulk(key);
        reply.integer(*sum as i64);
    }
}

fn help(call: &mut HostCall<'_>) -> Result<(), Error> {
    let forms: &[(&str, &[&str])] = &[
        (
            "GET",
            &[
                "Return what has been collected since START; if nothing was started, the keys",
                "that are used most, with the uses in a second of the last seconds.",
            ],
        ),
        ("RESET", &["Forget what has been collected."]),
        (
            "START METRICS <count> [CPU] [NET] [COUNT <k>] [DURATION <seconds>] [SAMPLE <ratio>]",
            &["Begin to collect which keys take most time and bytes."],
        ),
        ("STOP", &["Stop collecting, and keep what has been collected."]),
    ];
    reply_help(call.reply, "HOTKEYS", forms);
    Ok(())
}
