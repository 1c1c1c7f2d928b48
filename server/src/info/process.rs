//! The program and the machine.

use super::Text;
use crate::acceptor::{Place, Security};
use crate::config::table;
use crate::server::{Shared, now};
use crate::supervision::Supervisor;
use crate::version;
use std::fs;
use std::path::Path;
use std::time::Duration;

pub(super) fn server(shared: &Shared, text: &mut Text) {
    let now = now();
    let uptime = (now.0 - shared.started.0).max(0) / 1000;
    let read = |path: &str| fs::read_to_string(path).unwrap_or_default().trim().to_owned();
    let show = |path: Option<&Path>| path.map_or_else(String::new, |path| path.display().to_string());
    text.line("redis_version", version::REDIS);
    text.line("redis_git_sha1", "00000000");
    text.line("redis_git_dirty", 0);
    text.line("redis_mode", "standalone");
    text.line("spinel_version", version::SPINEL);
    let (system, release) = (read("/proc/sys/kernel/ostype"), read("/proc/sys/kernel/osrelease"));
    text.line("os", format_args!("{system} {release} {}", std::env::consts::ARCH));
    text.line("arch_bits", usize::BITS);
    text.line("monotonic_clock", "POSIX clock_gettime");
    text.line("multiplexing_api", "epoll");
    text.line("process_id", std::process::id());
    text.line("process_supervised", Supervisor::of(&shared.config).name());
    text.line("run_id", &shared.run_id);
    text.line("tcp_port", shared.config.number(table::PORT));
    text.line("server_time_usec", now.0 * 1000);
    text.line("uptime_in_seconds", uptime);
    text.line("uptime_in_days", uptime / 86_400);
    text.lines(&["hz", "configured_hz"], 10);
    text.line("lru_clock", (now.0 / 1000) & 0xff_ffff);
    text.line("executable", show(std::env::current_exe().ok().as_deref()));
    text.line("config_file", show(shared.config.file()));
    let workers = shared.config.number(table::IO_THREADS);
    text.line("io_threads_active", u8::from(workers > 1));
    text.line("worker_threads", workers);
    listeners(shared, text);
}

/// Where the server listens.
fn listeners(shared: &Shared, text: &mut Text) {
    let place = Place::of(&shared.config);
    let bound = |name: &str, security: Security| {
        let (addresses, port) = (place.addresses(), place.port(security));
        let binds = addresses.replace(' ', ",bind=");
        (port != 0 && !addresses.is_empty()).then(|| format!("name={name},bind={binds},port={port}"))
    };
    let unix = shared.config.path(table::UNIXSOCKET).map(|path| format!("name=unix,bind={}", path.display()));
    let places = [bound("tcp", Security::Plain), unix, bound("tls", Security::Tls)];
    let places: Vec<_> = places.into_iter().flatten().collect();
    for (number, place) in places.iter().enumerate() {
        text.line(format_args!("listener{number}"), place);
    }
}

/// Processor time, in the hundredths of a second in which Linux tells it.
pub(super) fn cpu(_: &Shared, text: &mut Text) {
    let stat = fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let (user, system) = cpu_seconds(&stat);
    text.line("used_cpu_sys", format_args!("{system:.6}"));
    text.line("used_cpu_user", format_args!("{user:.6}"));
    text.lines(&["used_cpu_sys_children", "used_cpu_user_children"], "0.000000");
    let stat = fs::read_to_string(format!("/proc/self/task/{}/stat", std::process::id())).unwrap_or_default();
    let (user, system) = cpu_seconds(&stat);
    text.line("used_cpu_sys_main_thread", format_args!("{system:.6}"));
    text.line("used_cpu_user_main_thread", format_args!("{user:.6}"));
}

/// Processor time that the process has used.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) struct CpuTimes {
    pub(crate) user: Duration,
    pub(crate) system: Duration,
}

/// Processor time that the process has used by now.
pub(crate) fn cpu_times() -> CpuTimes {
    let stat = fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let (user, system) = cpu_seconds(&stat);
    CpuTimes { user: Duration::from_secs_f64(user), system: Duration::from_secs_f64(system) }
}

/// User and system time from `/proc/self/stat`: the 14th and 15th field, the second of which, the program's
/// name, stands in parentheses and may contain spaces.
fn cpu_seconds(stat: &str) -> (f64, f64) {
    const TICKS_PER_SECOND: f64 = 100.0;
    let after_name = stat.rsplit_once(") ").map_or("", |(_, rest)| rest);
    let mut ticks = after_name.split(' ').skip(11).map(|word| word.parse().unwrap_or(0.0));
    let mut seconds = || ticks.next().unwrap_or(0.0) / TICKS_PER_SECOND;
    (seconds(), seconds())
}

/// A line such as `VmRSS:  1234 kB` of a file in `/proc`; 0 if there is none.
pub(crate) fn kilobytes_of(path: &str, name: &str) -> u64 {
    let text = fs::read_to_string(path).unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix(name));
    line.and_then(|rest| rest.split_ascii_whitespace().next()?.parse().ok()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn processor_times_follow_a_name_of_any_kind() {
        let stat = "7 (a) b (c) S 1 2 3 4 5 6 7 8 9 10 250 125 13";
        assert_eq!(cpu_seconds(stat), (2.5, 1.25));
        assert_eq!(cpu_seconds(""), (0.0, 0.0));
    }

    #[test]
    fn this_process_has_resident_memory() {
        assert!(kilobytes_of("/proc/self/status", "VmRSS:") > 100);
        assert_eq!(kilobytes_of("/no/such/file", "VmRSS:"), 0);
    }
}
