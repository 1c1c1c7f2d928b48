//! MEMORY DOCTOR: what is unusual about the memory in use, in the manner of Redis's doctor. Advice is given only where it is true of
//! this server.

use super::usage::{Usage, ratio};
use std::fmt::Write;

/// With less in use, nothing that is measured means anything.
const BYTES_MIN: u64 = 5 << 20;
/// Bytes that clients have not read, on average, from which on that is unusual.
const UNREAD_BYTES_MAX: u64 = 200 * 1024;
const SCRIPTS_MAX: usize = 1000;

const EMPTY: &str = "Hi Sam, this instance is empty or is using very little memory, my issues detector can't be used in \
                     these conditions. Please, leave for your mission on Earth and fill it with some data. The new Sam and \
                     I will be back to our programming as soon as I finished rebooting.\n";

const HEALTHY: &str = "Hi Sam, I can't find any memory issue in your instance. I can only account for what occurs on this \
                       base.\n";

const PEAK: &str = "Peak memory: In the past this instance used more than 150% the memory that is currently using. What \
                    was freed is given back to the system within seconds, as far as whole pages are free. If the Resident \
                    Set Size (RSS) stays large, please try the MEMORY PURGE command.";

const RESIDENT: &str = "High total RSS: This instance has a memory fragmentation and RSS overhead greater than 1.4 (this \
                        means that the Resident Set Size of the process is much larger than what its data needs). This \
                        problem is usually due either to a large peak memory (check if there is a peak memory entry above \
                        in the report) or to many keys that were deleted while others beside them stay. New keys fill that \
                        room first.";

const FRAGMENTED: &str = "High allocator fragmentation: This instance has an allocator external fragmentation greater than \
                          1.1: so much more is committed than pages of data and buffers take. This is usually due to a \
                          large peak memory (check if there is a peak memory entry above in the report). You can try the \
                          MEMORY PURGE command to give it back.";

const BUFFERS: &str = "Big client buffers: The clients output buffers in this instance are greater than 200K per client (on \
                       average). This may result from different causes, like Pub/Sub clients that do not receive data fast \
                       enough, or clients sending commands with large replies or very large sequences of commands in the \
                       same pipeline. Please use the CLIENT LIST command in order to investigate the issue if it causes \
                       problems in your instance, or to understand better why certain clients are using a big amount of \
                       memory.";

const SCRIPTS: &str = "Many scripts: There seem to be many cached scripts in this instance (more than 1000). This may be \
                       because scripts are generated and `EVAL`ed, instead of being parameterized (with KEYS and ARGV), \
                       `SCRIPT LOAD`ed and `EVALSHA`ed. Unless `SCRIPT FLUSH` is called periodically, the scripts' caches \
                       may end up consuming most of your memory.";

/// Says what is unusual.
pub(crate) fn diagnosis(usage: &Usage) -> String {
    let used = usage.used();
    if used < BYTES_MIN {
        return EMPTY.to_owned();
    }
    let is_above =
        |part, whole, most: f64, bytes: u64| ratio(part, whole) > most && part > whole.saturating_add(bytes);
    let found = [
        (is_above(usage.peak, used, 1.5, 0), PEAK),
        (is_above(usage.resident, used, 1.4, 10 << 20), RESIDENT),
        (is_above(usage.active, usage.allocated, 1.1, 10 << 20), FRAGMENTED),
        (usage.unread / usage.connections.max(1) > UNREAD_BYTES_MAX, BUFFERS),
        (usage.scripts.scripts.cached > SCRIPTS_MAX, SCRIPTS),
    ];
    let issues: Vec<&str> =
        found.into_iter().filter(|(is_there, _)| *is_there).map(|(_, text)| text).collect();
    if issues.is_empty() {
        return HEALTHY.to_owned();
    }
    let mut text = "Sam, I detected a few issues in this Redis instance memory implants:\n\n".to_owned();
    for issue in issues {
        let _ = writeln!(text, " * {issue}\n");
    }
    text.push_str("I'm here to keep you safe, Sam. I want to help you.\n");
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn healthy() -> Usage {
        let mib = |number: u64| number << 20;
        Usage {
            data: mib(100),
            peak: mib(120),
            allocated: mib(110),
            active: mib(112),
            resident: mib(130),
            connections: 4,
            ..Usage::default()
        }
    }

    #[track_caller]
    fn check(usage: &Usage, issues: &[&str]) {
        let text = diagnosis(usage);
        let found: Vec<&str> = text.lines().filter_map(|line| line.strip_prefix(" * ")).collect();
        assert_eq!(found, issues);
    }

    #[test]
    fn what_is_usual_is_no_issue() {
        assert_eq!(diagnosis(&healthy()), HEALTHY);
        assert_eq!(diagnosis(&Usage { data: BYTES_MIN - 1, peak: 1 << 40, ..Usage::default() }), EMPTY);
    }

    #[test]
    fn issues_are_told_one_by_one() {
        check(&Usage { peak: 151 << 20, ..healthy() }, &[PEAK]);
        check(&Usage { resident: 141 << 20, ..healthy() }, &[RESIDENT]);
        check(&Usage { active: 122 << 20, ..healthy() }, &[FRAGMENTED]);
        check(&Usage { unread: 4 * UNREAD_BYTES_MAX + 4, ..healthy() }, &[BUFFERS]);
        let mut usage = healthy();
        usage.scripts.scripts.cached = 1001;
        check(&usage, &[SCRIPTS]);
    }
}
