//! Commands of Redis 8.0 that this server doesn't have.
//!
//! Rules may name them, so that lists of users can be taken over from Redis as they are. Such a rule is kept and shown, and
//! has no effect. A command that the server does have counts as it is, whether its name stands here or not.

/// Commands without subcommands.
const COMMANDS: &[&str] = &[
    "asking",
    "failover",
    "migrate",
    "monitor",
    "psync",
    "readonly",
    "readwrite",
    "replconf",
    "replicaof",
    "restore-asking",
    "role",
    "slaveof",
    "sync",
    "vadd",
    "vcard",
    "vdim",
    "vemb",
    "vgetattr",
    "vinfo",
    "vismember",
    "vlinks",
    "vrandmember",
    "vrem",
    "vsetattr",
    "vsim",
];

/// Commands with their subcommands.
const CONTAINERS: &[(&str, &[&str])] = &[
    (
        "cluster",
        &[
            "addslots",
            "addslotsrange",
            "bumpepoch",
            "count-failure-reports",
            "countkeysinslot",
            "delslots",
            "delslotsrange",
            "failover",
            "flushslots",
            "forget",
            "getkeysinslot",
            "help",
            "info",
            "keyslot",
            "links",
            "meet",
            "myid",
            "myshardid",
            "nodes",
            "replicas",
            "replicate",
            "reset",
            "saveconfig",
            "set-config-epoch",
            "setslot",
            "shards",
            "slaves",
            "slots",
        ],
    ),
    ("latency", &["doctor", "graph", "help", "histogram", "history", "latest", "reset"]),
    ("memory", &["doctor", "malloc-stats", "purge", "stats"]),
    ("module", &["help", "list", "load", "loadex", "unload"]),
    ("slowlog", &["get", "help", "len", "reset"]),
];

/// Whether Redis has a command or, after a `|`, a subcommand of this name.
pub(super) fn is_known(name: &[u8]) -> bool {
    let is = |own: &&str| own.as_bytes().eq_ignore_ascii_case(name);
    COMMANDS.iter().any(is) || is_container(name) || subcommands(name).is_some()
}

/// Whether this is the name of a command with subcommands.
pub(super) fn is_container(name: &[u8]) -> bool {
    CONTAINERS.iter().any(|(own, _)| own.as_bytes().eq_ignore_ascii_case(name))
}

fn subcommands(name: &[u8]) -> Option<&'static str> {
    let bar = name.iter().position(|byte| *byte == b'|')?;
    let (container, own) = (&name[..bar], &name[bar + 1..]);
    let (_, names) = CONTAINERS.iter().find(|(name, _)| name.as_bytes().eq_ignore_ascii_case(container))?;
    names.iter().copied().find(|name| name.as_bytes().eq_ignore_ascii_case(own))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_known_in_any_case() {
        for name in ["cluster", "CLUSTER|Slots", "ReplicaOf"] {
            assert!(is_known(name.as_bytes()), "{name}");
        }
        for name in ["", "|", "cluster|", "cluster|nope", "replicaof|no", "nope"] {
            assert!(!is_known(name.as_bytes()), "{name}");
        }
        assert!(is_container(b"Module") && !is_container(b"psync"));
    }
}
