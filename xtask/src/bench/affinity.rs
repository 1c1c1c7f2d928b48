//! Which processor cores there are, and keeping the generator's threads on one of them, or behind others or before them.

use std::fs;
use std::process::{Command, Stdio};

use crate::{Outcome, command};

/// The lowest priority, for `nice` and its like.
pub(crate) const NICEST: &str = "19";

/// Returns the cores this process may use, lowest first.
pub(crate) fn allowed() -> Outcome<Vec<usize>> {
    let text = fs::read_to_string("/proc/self/status")?;
    let list = text.lines().find_map(|line| line.strip_prefix("Cpus_allowed_list:"));
    parse(list.ok_or("no Cpus_allowed_list line")?.trim())
}

/// Lets the calling thread run only where no others want to, from now on.
pub(crate) fn be_nice() -> Outcome {
    let words = ["-n", NICEST, "-p", &own_thread()?];
    command::run(Command::new("renice").args(words).stdout(Stdio::null()))
}

/// Lets the calling thread run before all others that want to, from now on. Takes a right that root has.
pub(crate) fn be_urgent() -> Outcome {
    let words = ["--fifo", "--pid", "1", &own_thread()?];
    command::run(Command::new("chrt").args(words).stdout(Stdio::null()))
}

/// The id of the calling thread.
fn own_thread() -> Outcome<String> {
    let thread = fs::read_link("/proc/thread-self")?;
    Ok(thread.file_name().ok_or("no thread id")?.to_string_lossy().into_owned())
}

/// Keeps the calling thread on `cores` from now on.
pub(crate) fn pin(cores: &[usize]) -> Outcome {
    let thread = own_thread()?;
    let list: Vec<String> = cores.iter().map(ToString::to_string).collect();
    command::run(Command::new("taskset").args(["-cp", &list.join(","), &thread]).stdout(Stdio::null()))
}

/// Returns the time a thread of this process has run so far, in nanoseconds.
pub(crate) fn cpu_ns_of(thread: &str) -> Outcome<u64> {
    let text = fs::read_to_string(format!("/proc/self/task/{thread}/schedstat"))?;
    Ok(text.split(' ').next().unwrap_or_default().parse()?)
}

/// Returns the time the calling thread has run so far, in nanoseconds.
pub(crate) fn own_cpu_ns() -> Outcome<u64> {
    let text = fs::read_to_string("/proc/thread-self/schedstat")?;
    Ok(text.split(' ').next().unwrap_or_default().parse()?)
}

/// Reads the kernel's list format: `0-3,8,10-11`.
fn parse(list: &str) -> Outcome<Vec<usize>> {
    let mut cores = Vec::new();
    for part in list.split(',') {
        let (lowest, highest) = part.split_once('-').unwrap_or((part, part));
        cores.extend(lowest.parse::<usize>()?..=highest.parse()?);
    }
    Ok(cores)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn core_lists_hold_numbers_and_ranges() {
        assert_eq!(parse("0-2,5,8-9").unwrap(), [0, 1, 2, 5, 8, 9]);
        assert_eq!(parse("3").unwrap(), [3]);
        assert!(parse("a-b").is_err());
    }
}
