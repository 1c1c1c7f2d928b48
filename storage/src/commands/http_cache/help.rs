//! CACHE HELP.

use super::ROW;
use crate::command::call::Call;
use crate::command::flags::Flags;
use crate::command::help::reply_help;
use crate::command::{Command, Run};
use crate::error::Error;

/// The rows of this file.
pub(super) const COMMANDS: &[Command] = &[Command {
    name: "cache|help",
    flags: Flags::LOADING.with(Flags::STALE),
    about: "Explains the subcommands.",
    run: Run::Data(help),
    ..ROW
}];

/// The subcommands with their lines of explanation.
const FORMS: &[(&str, &[&str])] = &[
    ("BYPASS <key> <url>", &["Return what is at a URL, and store nothing."]),
    (
        "FETCH <key> <url> [<option> ...]",
        &[
            "Return what is stored, or else fetch it from a URL and store it. Options are:",
            "* VARY <n> <name> <value> ...: fields of the request that choose the answer.",
            "* HEADERS <n> <name> <value> ...: other fields of the request.",
            "* TTL <seconds>, SWR <seconds>, GRACE <seconds>, TAGS <n> <tag> ...: as with SET.",
        ],
    ),
    (
        "GET <key> [VARY <n> <name> <value> ...] [IF-NONE-MATCH <etag>] [IF-MODIFIED-SINCE <date>] [REVALIDATE-URL <url>] \
         [FORCE-REVALIDATE]",
        &["Return what answers a request with these fields, and its state."],
    ),
    (
        "EXPLAIN <key> [<header> <value> ...]",
        &["Say what would be done about a request with these fields, and why."],
    ),
    ("INFO <key>", &["Return what is known of each variant."]),
    (
        "LOCK <key> <milliseconds> [TOKEN <token>]",
        &[
            "Keep others from refreshing or overwriting an entry. Returns the token, or nil if somebody else has it.",
        ],
    ),
    ("MISSES [COUNT <count>]", &["Return the keys (10) that missed most in the last minute or two."]),
    (
        "POLICY <subcommand> [<arg> ...]",
        &[
            "Say which keys are fetched from where, and for how long what comes is used. See CACHE POLICY HELP.",
        ],
    ),
    (
        "PREWARM [WITHIN <seconds>] [USED <seconds>] [COUNT <count>]",
        &[
            "Fetch again what was used in the last seconds (3600) and is no longer fresh within some (60), up to so many",
            "variants (100).",
        ],
    ),
    (
        "PROXY <key> [<url>] [<option> ...]",
        &["As FETCH, from where the key's policy says; or the URL, if the key is one."],
    ),
    ("PURGE <pattern> [<pattern> ...]", &["Remove the entries whose keys match."]),
    ("PURGEPREFIX <prefix> [<prefix> ...]", &["Remove the entries whose keys begin so."]),
    ("PURGETAG <tag> [<tag> ...]", &["Remove the variants with a tag."]),
    (
        "SET <key> <body> [<option> ...]",
        &[
            "Store a variant. Options are:",
            "* STATUS <code>, HEADERS <n> <name> <value> ..., ETAG <etag>, LAST-MODIFIED <date>: what it answers.",
            "* TTL <seconds>, SWR <seconds>, GRACE <seconds>: for how long, one after the other.",
            "* VARY <n> <name> <value> ...: which requests it answers.",
            "* TAGS <n> <tag> ...: what it is purged by.",
            "* REVALIDATE-URL <url>: where it comes from.",
            "* COMPRESS: its body is compressed in memory. DISK: it is kept in a file, if the server has such files.",
            "* TOKEN <token>: that of the lock, if the entry is locked.",
        ],
    ),
    ("SOFTPURGE <pattern> [<pattern> ...]", &["Make the entries stale whose keys match."]),
    ("SOFTPURGETAG <tag> [<tag> ...]", &["Make the variants with a tag stale."]),
    (
        "STATS [<policy>]",
        &["Return what was counted of requests that asked the cache, in all or for a policy."],
    ),
    ("UNLOCK <key> <token>", &["End a lock before its time."]),
];

fn help(call: &mut Call<'_>) -> Result<(), Error> {
    call.args.finish()?;

    reply_help(call.reply, "CACHE", FORMS);
    Ok(())
}
