//! How much memory the process may have: what its container allows, or else what the machine has.
//!
//! A control group's limit is in a file of its folder, and the limits of the groups above hold, too. Which group the process is in
//! is told by `/proc/self/cgroup`, where its folder is by `/proc/self/mountinfo`. Inside of a container the one often names
//! a folder that the other doesn't show; then the top of what is shown is the container's own.

use crate::info::kilobytes_of;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

/// What was found last; 0 before anybody has looked.
static FOUND: AtomicU64 = AtomicU64::new(0);

/// What the process may have, in bytes, as it was found when somebody [looked](look) last.
pub(crate) fn memory_bytes() -> u64 {
    match FOUND.load(Ordering::Relaxed) {
        0 => look(),
        bytes => bytes,
    }
}

/// Finds out how much memory the process may have. Reads some files.
pub(crate) fn look() -> u64 {
    let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
    let files = limit_files(&read("/proc/self/cgroup"), &read("/proc/self/mountinfo"));
    let limits = files.iter().filter_map(|path| limit(&fs::read_to_string(path).ok()?));
    let installed = kilobytes_of("/proc/meminfo", "MemTotal:").saturating_mul(1024);
    let bytes = limits.fold(installed, u64::min);
    FOUND.store(bytes, Ordering::Relaxed);
    bytes
}

/// The limit that a file tells; `max` is none.
fn limit(text: &str) -> Option<u64> {
    text.trim().parse().ok().filter(|bytes| *bytes > 0)
}

/// A version of control groups.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Version {
    One,
    Two,
}

impl Version {
    fn file(self) -> &'static str {
        match self {
            Version::One => "memory.limit_in_bytes",
            Version::Two => "memory.max",
        }
    }

    /// The folder of the group that `/proc/self/cgroup` names for memory.
    fn group(self, groups: &str) -> Option<&str> {
        groups.lines().find_map(|line| {
            let mut parts = line.splitn(3, ':').skip(1);
            let (controllers, folder) = (parts.next()?, parts.next()?);
            let is_it = match self {
                Version::One => controllers.split(',').any(|controller| controller == "memory"),
                Version::Two => controllers.is_empty(),
            };
            is_it.then_some(folder)
        })
    }

    /// Which folder of groups is mounted for memory, and where, as `/proc/self/mountinfo` tells.
    fn mount(self, mounts: &str) -> Option<(&str, &str)> {
        mounts.lines().find_map(|line| {
            let (own, of_system) = line.split_once(" - ")?;
            let mut own = own.split(' ').skip(3);
            let (root, point) = (own.next()?, own.next()?);
            let mut of_system = of_system.split(' ');
            let (name, options) = (of_system.next()?, of_system.nth(1).unwrap_or_default());
            let is_it = match self {
                Version::One => name == "cgroup" && options.split(',').any(|option| option == "memory"),
                Version::Two => name == "cgroup2",
            };
            is_it.then_some((root, point))
        })
    }
}

/// The files in which the limits of the process's group and of those above it may be.
fn limit_files(groups: &str, mounts: &str) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for version in [Version::One, Version::Two] {
        let (Some(group), Some((root, point))) = (version.group(groups), version.mount(mounts)) else {
            continue;
        };
        let below = Path::new(group).strip_prefix(root).unwrap_or(Path::new(""));
        // Out of the namespace a group's name may begin with "..": its folder is not shown.
        let is_shown = below.components().all(|part| matches!(part, std::path::Component::Normal(_)));
        let below = if is_shown { below } else { Path::new("") };
        files.extend(below.ancestors().map(|folder| Path::new(point).join(folder).join(version.file())));
    }
    files
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(groups: &str, mounts: &str, files: &[&str]) {
        assert_eq!(limit_files(groups, mounts), files.iter().map(PathBuf::from).collect::<Vec<_>>());
    }

    #[test]
    fn a_group_and_those_above_it_are_found() {
        check(
            "0::/system.slice/spinel.service\n",
            "31 23 0:28 / /sys/fs/cgroup rw,relatime shared:4 - cgroup2 cgroup2 rw,nsdelegate\n",
            &[
                "/sys/fs/cgroup/system.slice/spinel.service/memory.max",
                "/sys/fs/cgroup/system.slice/memory.max",
                "/sys/fs/cgroup/memory.max",
            ],
        );
        check(
            "5:cpu,cpuacct:/a\n4:memory:/b\n0::/\n",
            "30 23 0:28 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu\n\
             31 23 0:28 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n",
            &["/sys/fs/cgroup/memory/b/memory.limit_in_bytes", "/sys/fs/cgroup/memory/memory.limit_in_bytes"],
        );
    }

    #[test]
    fn the_top_of_what_is_shown_is_a_containers_own() {
        let mounts = "31 23 0:28 /docker/0f /sys/fs/cgroup/memory ro - cgroup cgroup rw,memory\n";
        let own = "/sys/fs/cgroup/memory/memory.limit_in_bytes";
        check("4:memory:/docker/0f\n", mounts, &[own]);
        check("4:memory:/elsewhere\n", mounts, &[own]);
        let mounts = "31 23 0:28 / /sys/fs/cgroup ro - cgroup2 cgroup rw\n";
        check("0::/../0f\n", mounts, &["/sys/fs/cgroup/memory.max"]);
        check("", mounts, &[]);
        check("0::/\n", "", &[]);
    }

    #[test]
    fn no_limit_is_none() {
        assert_eq!(
            (limit("max\n"), limit("536870912\n"), limit(""), limit("0")),
            (None, Some(1 << 29), None, None)
        );
    }

    #[test]
    fn there_is_some_memory() {
        assert!(look() > 64 << 20);
        assert_eq!(memory_bytes(), FOUND.load(Ordering::Relaxed));
    }
}
