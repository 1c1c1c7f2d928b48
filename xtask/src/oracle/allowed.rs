//! The differences between the reference and us that are no mistakes, each with its reason.
//!
//! Everything not listed here must agree byte for byte. The summary of a run shows how often each entry was
//! needed; one that never is should go.

use super::generate::Call;
use crate::resp::Reply;

/// A difference that is accepted.
pub(crate) struct Allowance {
    /// The commands it is for: a name, or `name|subcommand`, in lower case.
    commands: &'static [&'static str],
    /// Why replies may differ.
    pub(crate) reason: &'static str,
    /// Tells whether two unequal replies differ in no more than that.
    accepts: fn(&Call, &Reply, &Reply) -> bool,
}

/// All allowances.
const ALLOWANCES: &[Allowance] = &[
    Allowance {
        commands: &["keys", "smembers", "spop", "sunion", "sinter", "sdiff", "hkeys", "hvals"],
        reason: "the order of a hash table is free",
        accepts: same_elements,
    },
    Allowance { commands: &["hgetall"], reason: "the order of a hash table is free", accepts: same_pairs },
    Allowance {
        commands: &["scan"],
        reason: "cursors and the share of each step are free; a scan done in one step holds the same keys",
        accepts: same_scan,
    },
    Allowance {
        commands: &["sscan"],
        reason: "cursors and the share of each step are free; a scan done in one step holds the same members",
        accepts: |call, one, other| is_same_scan(call.get(2), 1, one, other),
    },
    Allowance {
        commands: &["zscan"],
        reason: "cursors and the share of each step are free; a scan done in one step holds the same members",
        accepts: same_member_scan,
    },
    Allowance {
        commands: &["hscan"],
        reason: "cursors and the share of each step are free; a scan done in one step holds the same fields",
        accepts: same_field_scan,
    },
    Allowance { commands: &["hrandfield"], reason: "chance chooses the fields", accepts: same_size },
    Allowance {
        commands: &["geosearch", "georadius", "georadius_ro", "georadiusbymember", "georadiusbymember_ro"],
        reason: "which of the points that are equally far away are among the COUNT nearest, the reference does not say",
        accepts: same_nearest,
    },
    Allowance {
        commands: &["httl", "hexpiretime"],
        reason: "the servers read their clocks at different moments (up to 2 s)",
        accepts: |_, one, other| all_close(one, other, 2),
    },
    Allowance {
        commands: &["hpttl", "hpexpiretime"],
        reason: "the servers read their clocks at different moments (up to 2000 ms)",
        accepts: |_, one, other| all_close(one, other, 2000),
    },
    Allowance {
        commands: &["ttl", "expiretime"],
        reason: "the servers read their clocks at different moments (up to 2 s)",
        accepts: |_, one, other| close(one, other, 2),
    },
    Allowance {
        commands: &["pttl", "pexpiretime"],
        reason: "the servers read their clocks at different moments (up to 2000 ms)",
        accepts: |_, one, other| close(one, other, 2000),
    },
    Allowance {
        commands: &["ttl", "pttl"],
        reason: "a second word names a member, as in KeyDB",
        accepts: |call, one, other| call.len() == 3 && one.is_error() && other.integer().is_some(),
    },
    Allowance {
        commands: &[
            "time",
            "lastsave",
            "randomkey",
            "zrandmember",
            "srandmember",
            "client|id",
            "object|idletime",
            "object|freq",
            "acl|genpass",
            "slowlog|len",
        ],
        reason: "tells of the moment, of chance or of the process",
        accepts: |_, one, other| same_shape(one, other),
    },
    Allowance {
        commands: &["sort", "sort_ro"],
        reason: "the order of a hash table is free, and so is that of elements whose texts by a pattern are equal",
        accepts: |call, one, other| has_word(call, b"by") && same_elements(call, one, other),
    },
    Allowance {
        commands: &["object|encoding"],
        reason: "SORT turns a sorted set that it reads into its large form in the reference",
        accepts: |_, one, other| is_text(one, b"skiplist") && is_text(other, b"listpack"),
    },
    Allowance {
        commands: &["memory|usage"],
        reason: "the sizes of our own structures",
        accepts: |_, one, other| same_shape(one, other),
    },
    Allowance {
        commands: &["hello"],
        reason: "names the server, its version and modules, and the connection's id",
        accepts: same_fields,
    },
    Allowance {
        commands: &["hello", "client|setname", "client|setinfo"],
        reason: "names with a zero byte are refused; the reference looks only at what is before it",
        accepts: |call, one, other| {
            !one.is_error() && other.is_error() && call.iter().any(|word| word.contains(&0))
        },
    },
    Allowance {
        commands: &["client|list"],
        reason: "filters combine, as in Valkey 9; the reference takes one",
        accepts: |call, one, other| call.len() > 4 && (one.is_error() || other.is_error()),
    },
    Allowance {
        commands: &["command|getkeys", "command|getkeysandflags"],
        reason: "the reference knows commands that are not here",
        accepts: |_, _, other| matches!(other, Reply::Line { marker: b'-', text } if text == b"ERR Invalid command specified"),
    },
    Allowance {
        commands: &["module|list"],
        reason: "sets of vectors are a module of the reference",
        accepts: |_, one, other| one.marker() == other.marker(),
    },
    Allowance {
        commands: &["object|refcount"],
        reason: "small integers are always shared here; the reference shares them unless they were copied",
        accepts: |_, one, other| one.marker() == b':' && other.marker() == b':',
    },
    Allowance {
        commands: &[
            "client|info",
            "client|list",
            "client|trackinginfo",
            "config|get",
            "info",
            "latency|histogram",
            "latency|doctor",
            "memory|doctor",
            "lolwut",
            "memory|malloc-stats",
            "memory|stats",
            "slowlog|get",
        ],
        reason: "describes the server and its connections",
        accepts: |_, one, other| one.marker() == other.marker() && !one.is_error(),
    },
    Allowance {
        commands: &["command", "command|count", "command|list", "command|docs", "command|info"],
        reason: "describes each server's own commands; `cargo xtask oracle --commands` compares the shared ones",
        accepts: |_, one, other| one.marker() == other.marker() && !one.is_error(),
    },
    Allowance {
        commands: &[
            "client|help",
            "command|help",
            "config|help",
            "object|help",
            "memory|help",
            "xgroup|help",
            "xinfo|help",
        ],
        reason: "help lists the subcommands a server has",
        accepts: |_, one, other| one.items().first() == other.items().first() && !one.items().is_empty(),
    },
    Allowance {
        commands: &["xpending", "xinfo|consumers", "xinfo|stream"],
        reason: "entries were delivered at different moments (up to 5 s), and the tree of nodes is our own",
        accepts: |_, one, other| same_readers(one, other),
    },
];

/// Returns the allowance that explains why the replies to `call` differ, if there is one.
pub(crate) fn allowance(call: &Call, reference: &Reply, ours: &Reply) -> Option<&'static Allowance> {
    let names = names(call);
    ALLOWANCES.iter().find(|allowance| {
        let concerns = allowance.commands.iter().any(|command| names.iter().any(|name| name == command));
        concerns && (allowance.accepts)(call, reference, ours)
    })
}

/// Returns the command of a call as it may stand in the table: with and without a subcommand.
fn names(call: &Call) -> Vec<String> {
    let word = |index: usize| call.get(index).map(|word| String::from_utf8_lossy(word).to_lowercase());
    match (word(0), word(1)) {
        (Some(name), Some(subcommand)) => vec![format!("{name}|{subcommand}"), name],
        (Some(name), None) => vec![name],
        _ => Vec::new(),
    }
}

fn same_elements(_: &Call, one: &Reply, other: &Reply) -> bool {
    one.marker() == other.marker() && sorted(one, 1) == sorted(other, 1)
}

fn same_pairs(_: &Call, one: &Reply, other: &Reply) -> bool {
    one.marker() == other.marker() && sorted(one, 2) == sorted(other, 2)
}

fn sorted(reply: &Reply, size: usize) -> Vec<&[Reply]> {
    let mut entries: Vec<&[Reply]> = reply.items().chunks(size).collect();
    entries.sort_unstable();
    entries
}

fn same_scan(call: &Call, one: &Reply, other: &Reply) -> bool {
    is_same_scan(call.get(1), 1, one, other)
}

/// The same for members with their scores.
fn same_member_scan(call: &Call, one: &Reply, other: &Reply) -> bool {
    is_same_scan(call.get(2), 2, one, other)
}

/// The same for fields with their values, or without.
fn same_field_scan(call: &Call, one: &Reply, other: &Reply) -> bool {
    let is_without = call.iter().any(|word| word.eq_ignore_ascii_case(b"novalues"));
    is_same_scan(call.get(2), if is_without { 1 } else { 2 }, one, other)
}

/// Tells whether two scans from a cursor agree, whose entries take `size` replies each.
fn is_same_scan(from: Option<&Vec<u8>>, size: usize, one: &Reply, other: &Reply) -> bool {
    let ([cursor, entries], [other_cursor, others]) = (one.items(), other.items()) else { return false };
    let is_whole = |cursor: &Reply| cursor.bytes() == Some(b"0");
    let from_start = from.is_some_and(|cursor| cursor == b"0");
    if from_start && is_whole(cursor) && is_whole(other_cursor) {
        return entries.marker() == others.marker() && sorted(entries, size) == sorted(others, size);
    }
    cursor.marker() == other_cursor.marker() && entries.marker() == others.marker()
}

fn close(one: &Reply, other: &Reply, distance_max: u64) -> bool {
    let (Some(one), Some(other)) = (one.integer(), other.integer()) else { return false };
    // Negative numbers say that there is no key or no expiry, which is not a matter of time.
    one > 0 && other > 0 && one.abs_diff(other) <= distance_max
}

/// Tells whether two descriptions of streams or of their readers differ only in moments and in the number of nodes
/// of a tree.
fn same_readers(one: &Reply, other: &Reply) -> bool {
    let (items, others) = (one.items(), other.items());
    if items.is_empty() || items.len() != others.len() || one.marker() != other.marker() {
        return one == other;
    }
    let name = |index: usize| index.checked_sub(1).and_then(|before| items[before].bytes());
    // A pending entry is an id, perhaps an owner, a moment, and a count.
    let is_pending =
        matches!(items.len(), 3 | 4) && items[items.len() - 2..].iter().all(|item| item.integer().is_some());
    items.iter().zip(others).enumerate().all(|(index, (one, other))| match name(index) {
        _ if is_pending && index + 2 == items.len() => is_near(one, other),
        Some(b"idle" | b"inactive" | b"seen-time" | b"active-time") => is_near(one, other),
        Some(b"radix-tree-nodes") => one.integer().is_some() && other.integer().is_some(),
        _ => same_readers(one, other),
    })
}

/// Tells whether two moments or spans in milliseconds are about the same; −1 stands for none.
fn is_near(one: &Reply, other: &Reply) -> bool {
    let (Some(one), Some(other)) = (one.integer(), other.integer()) else { return false };
    one == other || one >= 0 && other >= 0 && one.abs_diff(other) <= 5000
}

fn all_close(one: &Reply, other: &Reply, distance_max: u64) -> bool {
    let (items, others) = (one.items(), other.items());
    let agrees = |(one, other): (&Reply, &Reply)| one == other || close(one, other, distance_max);
    one.marker() == other.marker()
        && !items.is_empty()
        && items.len() == others.len()
        && items.iter().zip(others).all(agrees)
}

/// Tells whether two replies are of one type and have as many elements, each of one type.
fn same_size(_: &Call, one: &Reply, other: &Reply) -> bool {
    same_shape(one, other)
}

/// Tells whether two replies name as many nearest points, at the same distances if those are told.
fn same_nearest(call: &Call, one: &Reply, other: &Reply) -> bool {
    let tells_distances = has_word(call, b"withdist");
    let is_as_far =
        |(one, other): (&Reply, &Reply)| !tells_distances || one.items().get(1) == other.items().get(1);
    has_word(call, b"count") && same_shape(one, other) && one.items().iter().zip(other.items()).all(is_as_far)
}

fn has_word(call: &Call, word: &[u8]) -> bool {
    call.iter().any(|other| other.eq_ignore_ascii_case(word))
}

fn is_text(reply: &Reply, text: &[u8]) -> bool {
    matches!(reply, Reply::Blob { bytes, .. } if bytes == text)
}

/// Tells whether two replies have the same types and numbers of elements throughout; errors must be equal.
fn same_shape(one: &Reply, other: &Reply) -> bool {
    let (items, others) = (one.items(), other.items());
    one.marker() == other.marker()
        && !one.is_error()
        && matches!(one, Reply::Null { .. }) == matches!(other, Reply::Null { .. })
        && items.len() == others.len()
        && items.iter().zip(others).all(|(one, other)| same_shape(one, other))
}

/// Tells whether two maps have the same keys with values of the same types.
fn same_fields(_: &Call, one: &Reply, other: &Reply) -> bool {
    let (items, others) = (one.items(), other.items());
    let agrees =
        |(one, other): (&[Reply], &[Reply])| one[0] == other[0] && one[1].marker() == other[1].marker();
    one.marker() == other.marker()
        && !items.is_empty()
        && items.len() == others.len()
        && items.chunks_exact(2).zip(others.chunks_exact(2)).all(agrees)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::resp::decode;

    fn is_allowed(line: &str, reference: &str, ours: &str) -> bool {
        let call: Call = line.split(' ').map(Into::into).collect();
        let reply = |text: &str| decode(text.replace(' ', "\r\n").as_bytes()).unwrap().unwrap().0;
        allowance(&call, &reply(reference), &reply(ours)).is_some()
    }

    #[test]
    fn only_what_is_free_is_allowed() {
        assert!(is_allowed("KEYS *", "*2 $1 a $1 b ", "*2 $1 b $1 a "));
        assert!(!is_allowed("KEYS *", "*2 $1 a $1 b ", "*2 $1 b $1 b "));
        assert!(is_allowed("TTL k", ":100 ", ":99 ") && !is_allowed("TTL k", ":100 ", ":97 "));
        assert!(!is_allowed("TTL k", ":-1 ", ":-2 ") && !is_allowed("GET k", ":100 ", ":99 "));
        assert!(is_allowed("TIME", "*2 $1 1 $1 2 ", "*2 $1 3 $1 4 "));
        assert!(!is_allowed("TIME", "*2 $1 1 $1 2 ", "*1 $1 3 "));
        assert!(!is_allowed("RANDOMKEY", "$1 a ", "$-1 "));
        let pending = |moment, count| format!("*1 *4 $3 1-1 $1 c :{moment} :{count} ");
        assert!(is_allowed("XPENDING s g - + 9", &pending(3, 1), &pending(9, 1)));
        assert!(!is_allowed("XPENDING s g - + 9", &pending(3, 1), &pending(3, 2)));
        assert!(!is_allowed("XPENDING s g - + 9", &pending(3, 1), &pending(9000, 1)));
        assert!(is_allowed("CLIENT ID", ":5 ", ":6 ") && !is_allowed("CLIENT ID", "-ONE ", "-OTHER "));
    }

    #[test]
    fn a_scan_in_one_step_must_find_the_same_keys() {
        assert!(is_allowed("SCAN 0", "*2 $1 0 *2 $1 a $1 b ", "*2 $1 0 *2 $1 b $1 a "));
        assert!(!is_allowed("SCAN 0", "*2 $1 0 *1 $1 a ", "*2 $1 0 *0 "));
        assert!(is_allowed("SCAN 0", "*2 $1 0 *1 $1 a ", "*2 $2 17 *0 "));
    }
}
