//! LATENCY DOCTOR: what took long, and what might help, in the manner of Redis's doctor.
//!
//! Advice is given only where it is true of this server: of settings that it doesn't have, or that change nothing, it says nothing.

use super::{Event, Latency};
use crate::config::table;
use crate::server::{Shared, now};
use std::fmt::Write;

const DISABLED: &str = "I'm sorry, Dave, I can't do that. Latency monitoring is disabled in this Redis instance. You may use \
     \"CONFIG SET latency-monitor-threshold <milliseconds>.\" in order to enable it. If we weren't in a \
     deep space mission I'd suggest to take a look at \
     https://redis.io/docs/latest/operate/oss_and_stack/management/optimization/latency-monitor.\n";

const HEALTHY: &str = "Dave, no latency spike was observed during the lifetime of this Redis instance, not in the slightest \
     bit. I honestly think you ought to sit down calmly, take a stress pill, and think things over.\n";

const GREETING: &str = "Dave, I have observed latency spikes in this Redis instance. You don't mind talking about it, do you \
     Dave?\n\n";

/// What might help, in the order in which it is said.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Advice {
    EnableSlowLog,
    TuneSlowLog,
    ReadSlowLog,
    LowerLoad,
    LocalDisk,
    FastDisk,
    Writeback,
    RelaxSync,
    SpreadExpiry,
    SmallerObjects,
    SteadyMemory,
}

impl Advice {
    const ALL: [Advice; 11] = [
        Advice::EnableSlowLog,
        Advice::TuneSlowLog,
        Advice::ReadSlowLog,
        Advice::LowerLoad,
        Advice::LocalDisk,
        Advice::FastDisk,
        Advice::Writeback,
        Advice::RelaxSync,
        Advice::SpreadExpiry,
        Advice::SmallerObjects,
        Advice::SteadyMemory,
    ];

    /// Those for an event. `threshold_ms` is the time from which on events are noted, `slower_than` the one in microseconds from
    /// which on the slow log has a command.
    fn of(event: Event, threshold_ms: u64, slower_than: i64) -> Vec<Advice> {
        match event {
            Event::Command => {
                let is_above =
                    u64::try_from(slower_than).map(|least| least > threshold_ms.saturating_mul(1000));
                let about_log = match is_above {
                    Err(_) => Some(Advice::EnableSlowLog),
                    Ok(true) => Some(Advice::TuneSlowLog),
                    Ok(false) => None,
                };
                about_log.into_iter().chain([Advice::ReadSlowLog, Advice::SmallerObjects]).collect()
            }
            Event::FastCommand => vec![Advice::LowerLoad],
            Event::AofFsyncAlways => vec![Advice::LocalDisk, Advice::FastDisk, Advice::RelaxSync],
            Event::AofWrite => Vec::new(),
            Event::AofWriteAlone => vec![Advice::LocalDisk, Advice::Writeback],
            Event::AofWriteActiveChild => vec![Advice::LocalDisk, Advice::FastDisk],
            Event::ExpireCycle => vec![Advice::SpreadExpiry, Advice::SmallerObjects],
            Event::EvictionCycle => vec![Advice::SmallerObjects, Advice::SteadyMemory],
        }
    }

    fn text(self, threshold_ms: u64) -> String {
        let slower_than = threshold_ms.saturating_mul(1000);
        match self {
            Advice::EnableSlowLog => format!(
                "There are latency issues with potentially slow commands you are using. Try to enable the \
                 Slow Log Redis feature using the command 'CONFIG SET slowlog-log-slower-than \
                 {slower_than}'. If the Slow log is disabled Redis is not able to log slow commands \
                 execution for you."
            ),
            Advice::TuneSlowLog => format!(
                "Your current Slow Log configuration only logs events that are slower than your configured \
                 latency monitor threshold. Please use 'CONFIG SET slowlog-log-slower-than {slower_than}'."
            ),
            Advice::ReadSlowLog => "Check your Slow Log to understand what are the commands you are running \
                                    which are too slow to execute. Please check \
                                    https://redis.io/commands/slowlog for more information."
                .into(),
            Advice::LowerLoad => "The system is slow to execute code paths not containing system calls. \
                                  This usually means the system does not provide CPU time to run for long \
                                  periods, or that the values are large. You should try to:\n  1) Lower the \
                                  system load.\n  2) Use a computer / VM just for this server if you are \
                                  running other software in the same system.\n  3) Check if you have a \
                                  \"noisy neighbour\" problem.\n  4) Check with 'redis-cli \
                                  --intrinsic-latency 100' what is the intrinsic latency in your system."
                .into(),
            Advice::LocalDisk => "It is strongly advised to use local disks for persistence, especially if \
                                  you are using AOF. Remote disks provided by platform-as-a-service \
                                  providers are known to be slow."
                .into(),
            Advice::FastDisk => "SSD disks are able to reduce fsync latency, and the time needed for \
                                 snapshots and rewrites of the log."
                .into(),
            Advice::Writeback => "Mounting ext3/4 filesystems with data=writeback can be faster than \
                                  data=ordered. After a power cut the end of the AOF may then be damaged; \
                                  it is cut off when the server starts, if 'aof-load-truncated' allows it."
                .into(),
            Advice::RelaxSync => "Your fsync policy is set to 'always'. It is very hard to get good \
                                  performances with such a setup, if possible try to relax the fsync policy \
                                  to 'everysec'."
                .into(),
            Advice::SpreadExpiry => "Many keys expire at the same time. Removing them takes processor time \
                                     from clients: let keys expire at different times, for example by \
                                     adding some seconds by chance."
                .into(),
            Advice::SmallerObjects => "Deleting, expiring or evicting (because of maxmemory policy) large \
                                       objects is a blocking operation. If you have very large objects that \
                                       are often deleted, expired, or evicted, try to fragment those \
                                       objects into multiple smaller objects."
                .into(),
            Advice::SteadyMemory => "Sudden changes to the 'maxmemory' setting via 'CONFIG SET', or \
                                     allocation of large objects via sets or sorted sets intersections, \
                                     STORE option of SORT, large keys that are restored (RESTORE command), \
                                     may create sudden memory pressure forcing the server to block trying \
                                     to evict keys."
                .into(),
        }
    }
}

/// Says what took long since the last reset, and what might help.
pub(crate) fn diagnosis(shared: &Shared) -> String {
    report(&shared.latency, shared.config.number(table::SLOWLOG_LOG_SLOWER_THAN), now().0 / 1000)
}

fn report(latency: &Latency, slower_than: i64, now_seconds: i64) -> String {
    let events = latency.all();
    if events.is_empty() {
        return latency.threshold_ms().map_or(DISABLED, |_| HEALTHY).to_owned();
    }
    let threshold_ms = latency.threshold_ms().unwrap_or(0);
    let (mut text, mut advice) = (GREETING.to_owned(), Vec::new());
    for (number, (event, history)) in events.iter().enumerate() {
        let summary = history.summary();
        let _ = writeln!(
            text,
            "{}. {}: {} latency spikes (average {}ms, mean deviation {}ms, period {:.2} sec). Worst all \
             time event {}ms.",
            number + 1,
            event.name(),
            history.len(),
            summary.mean,
            summary.deviation,
            history.period_seconds(now_seconds),
            history.worst_ms(),
        );
        advice.extend(Advice::of(*event, threshold_ms, slower_than));
    }
    if advice.is_empty() {
        return text;
    }
    text.push_str("\nI have a few advices for you:\n\n");
    for advice in Advice::ALL.into_iter().filter(|given| advice.contains(given)) {
        let _ = writeln!(text, "- {}", advice.text(threshold_ms));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn who_has_seen_nothing_says_so() {
        let latency = Latency::default();
        assert_eq!(report(&latency, 0, 0), DISABLED);
        latency.threshold_ms.store(1, std::sync::atomic::Ordering::Relaxed);
        assert_eq!(report(&latency, 0, 0), HEALTHY);
    }

    #[test]
    fn advice_is_given_once() {
        let latency = Latency::default();
        latency.threshold_ms.store(2, std::sync::atomic::Ordering::Relaxed);
        for event in Event::ALL {
            latency.note(event, Duration::from_millis(9));
        }
        let text = report(&latency, 2001, 0);
        for event in Event::ALL {
            let line = format!("{}: 1 latency spikes (average 9ms, mean deviation 0ms, ", event.name());
            assert!(text.contains(&line), "{text}");
        }
        assert_eq!(text.matches("\n- ").count(), Advice::ALL.len() - 1);
        assert!(text.contains("'CONFIG SET slowlog-log-slower-than 2000'.\n- Check your Slow Log"), "{text}");
        let text = report(&latency, 2000, 0);
        assert!(!text.contains("slowlog-log-slower-than"), "{text}");
        assert!(report(&latency, -1, 0).contains("Try to enable the Slow Log"));
    }
}
