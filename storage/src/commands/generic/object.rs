//! What is known of a key besides its value: OBJECT.

use crate::command::call::Call;
use crate::command::flags::Flags;
use crate::command::help::reply_help;
use crate::command::keys::{KeySpec, KeyUse};
use crate::command::{Command, Run};
use crate::error::Error;
use crate::keyspace::access::AccessPolicy;
use spinel_types::{Entry, Kind, Str};

const ROW: Command = Command {
    usage: "key",
    keys: &[KeySpec::at(2, KeyUse::READ_ONLY)],
    flags: Flags::READONLY,
    since: "2.2.3",
    tips: &["nondeterministic_output"],
    ..Command::ROW
};

/// The rows of this file.
pub(super) const COMMANDS: &[Command] = &[
    Command {
        name: "object",
        since: "2.2.3",
        cost: "Depends on the subcommand",
        about: "Holds the subcommands that look at keys.",
        run: Run::Container,
        ..Command::ROW
    },
    Command {
        name: "object|encoding",
        about: "Names the form in which the value of a key is stored.",
        run: Run::Data(encoding),
        ..ROW
    },
    Command {
        name: "object|freq",
        since: "4.0.0",
        about: "Tells how often a key was used, as a logarithmic counter.",
        run: Run::Data(frequency),
        ..ROW
    },
    Command {
        name: "object|help",
        flags: Flags::LOADING.with(Flags::STALE),
        since: "6.2.0",
        about: "Explains the subcommands.",
        run: Run::Data(help),
        ..Command::ROW
    },
    Command {
        name: "object|idletime",
        about: "Tells for how many seconds a key has not been used.",
        run: Run::Data(idle_time),
        ..ROW
    },
    Command {
        name: "object|refcount",
        about: "Counts the references to the value of a key.",
        run: Run::Data(reference_count),
        ..ROW
    },
];

const NO_FREQUENCY: Error = Error::Text(
    "ERR An LFU maxmemory policy is not selected, access frequency not tracked. Please note that when switching \
     between policies at runtime LRU and LFU data will take some time to adjust.",
);
const NO_IDLE_TIME: Error = Error::Text(
    "ERR An LFU maxmemory policy is selected, idle time not tracked. Please note that when switching between \
     policies at runtime LRU and LFU data will take some time to adjust.",
);

fn encoding(call: &mut Call<'_>) -> Result<(), Error> {
    let key = call.args.word();

    match call.keys.look_quietly(key) {
        Some(entry) => call.reply.bulk(Kind::of(entry).encoding_name().as_bytes()),
        None => call.reply.null(),
    }
    Ok(())
}

fn frequency(call: &mut Call<'_>) -> Result<(), Error> {
    let policy = call.keys.access_policy();
    reply_of_clock(call, |clock, call| match policy {
        AccessPolicy::Recency | AccessPolicy::Modification => Err(NO_FREQUENCY),
        AccessPolicy::Frequency { .. } => Ok(policy.frequency(clock, call.now).into()),
    })
}

fn idle_time(call: &mut Call<'_>) -> Result<(), Error> {
    let policy = call.keys.access_policy();
    reply_of_clock(call, |clock, call| match policy {
        AccessPolicy::Frequency { .. } => Err(NO_IDLE_TIME),
        AccessPolicy::Recency | AccessPolicy::Modification => {
            Ok(AccessPolicy::idle_millis(clock, call.now) / 1000)
        }
    })
}

/// Replies what `meaning` makes of the key's access clock.
fn reply_of_clock(
    call: &mut Call<'_>,
    meaning: impl FnOnce(u32, &Call<'_>) -> Result<i64, Error>,
) -> Result<(), Error> {
    let key = call.args.word();

    match call.keys.look_quietly(key).map(Entry::clock) {
        Some(clock) => {
            let number = meaning(clock, call)?;
            call.reply.integer(number);
        }
        None => call.reply.null(),
    }
    Ok(())
}

fn reference_count(call: &mut Call<'_>) -> Result<(), Error> {
    let key = call.args.word();

    match call.keys.look_quietly(key).map(references) {
        Some(count) => call.reply.integer(count),
        None => call.reply.null(),
    }
    Ok(())
}

/// The references that clients expect: small integers count as shared by all keys that hold them.
pub(in crate::commands) fn references(entry: Entry<'_>) -> i64 {
    const SHARED: i64 = i32::MAX as i64;
    const SHARED_INTEGERS: std::ops::Range<i64> = 0..10_000;
    match Str::of(entry) {
        Some(Str::Integer(integer)) if SHARED_INTEGERS.contains(&integer) => SHARED,
        _ => 1,
    }
}

fn help(call: &mut Call<'_>) -> Result<(), Error> {
    let forms: &[(&str, &[&str])] = &[
        ("ENCODING <key>", &["Name the form in which the value of <key> is stored."]),
        ("FREQ <key>", &["Tell how often <key> was used, as a counter that grows with the logarithm."]),
        ("IDLETIME <key>", &["Tell for how many seconds <key> has not been used."]),
        ("REFCOUNT <key>", &["Count the references to the value of <key>."]),
    ];
    reply_help(call.reply, "OBJECT", forms);
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::commands::script::check;

    #[test]
    fn keys_are_described() {
        check(
            "MSET i 9999 j 10000 t text    => OK
             OBJECT ENCODING i             => \"int\"
             OBJECT encoding t             => \"embstr\"
             APPEND t s                    => 5
             OBJECT ENCODING t             => \"raw\"
             OBJECT REFCOUNT i             => 2147483647
             OBJECT REFCOUNT j             => 1
             OBJECT REFCOUNT t             => 1
             OBJECT IDLETIME t             => 0
             OBJECT FREQ none              => nil
             OBJECT ENCODING none          => nil
             OBJECT nosuch t               => ERR unknown subcommand 'nosuch'. Try OBJECT HELP.
             OBJECT REFCOUNT               => ERR wrong number of arguments for 'object|refcount' command",
        );
    }
}
