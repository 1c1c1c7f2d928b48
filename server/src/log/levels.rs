//! Which events are told: one limit, and others for parts of the server.

use super::Level;
use crate::config::value::Reason;
use crate::config::{Config, table};

/// The parts of the server that tell something: its modules. Others inherit the limit of all.
const PARTS: &[&str] = &[
    "acceptor",
    "acl",
    "admission",
    "audit",
    "cache",
    "clients",
    "command_log",
    "commands",
    "connection",
    "files",
    "http",
    "log",
    "memory_limit",
    "persistence",
    "program",
    "quorum",
    "quotas",
    "replication",
    "server",
    "supervision",
    "telemetry",
    "tls",
    "tokens",
    "upkeep",
];

/// What the targets of this crate's events begin with.
const CRATE: &str = "spinel_server::";

/// The lowest levels that are told.
#[derive(Debug)]
pub(super) struct Levels {
    limit: Level,
    /// Limits of parts that differ.
    parts: Vec<(&'static str, Level)>,
}

impl Levels {
    pub(super) const fn new() -> Levels {
        Levels::from_limit(Level::Notice)
    }

    /// One limit for all parts.
    pub(super) const fn from_limit(limit: Level) -> Levels {
        Levels { limit, parts: Vec::new() }
    }

    /// As `loglevel` and `log-levels` say.
    pub(super) fn of(config: &Config) -> Levels {
        let text = config.text(table::LOG_LEVELS);
        // What does not pass the check is never stored.
        let parts = parse(&text).unwrap_or_default();
        Levels { limit: Level::from_number(config.number(table::LOGLEVEL)), parts }
    }

    /// The lowest level that is told of any part.
    pub(super) fn lowest(&self) -> Level {
        self.parts.iter().map(|(_, level)| *level).fold(self.limit, Ord::min)
    }

    pub(super) fn tells(&self, target: &str, level: Level) -> bool {
        let part = part_of(target);
        let own = self.parts.iter().find(|(name, _)| *name == part);
        level >= own.map_or(self.limit, |(_, level)| *level)
    }
}

/// A target without what all of them begin with: `persistence::saver`.
pub(super) fn short(target: &str) -> &str {
    target.strip_prefix(CRATE).unwrap_or(target)
}

fn part_of(target: &str) -> &str {
    short(target).split("::").next().unwrap_or_default()
}

/// Whether a text is a value of `log-levels`: pairs such as `acl=debug`, with commas or spaces between them.
pub(crate) fn check(text: &[u8]) -> Result<(), Reason> {
    parse(text).map(drop)
}

fn parse(text: &[u8]) -> Result<Vec<(&'static str, Level)>, Reason> {
    let text = std::str::from_utf8(text).map_err(|_| "log-levels must be text")?;
    text.split([',', ' ']).filter(|pair| !pair.is_empty()).map(pair).collect()
}

fn pair(text: &str) -> Result<(&'static str, Level), Reason> {
    let (part, level) = text.split_once('=').ok_or("log-levels are pairs such as acl=debug,http=verbose")?;
    let known = PARTS.iter().copied().find(|known| known.eq_ignore_ascii_case(part));
    let part = known.ok_or_else(|| format!("log-levels knows these parts: {}", PARTS.join(", ")))?;
    let level = Level::from_name(level)
        .ok_or_else(|| format!("log-levels knows these levels: {}", Level::NAMES.join(", ")))?;
    Ok((part, level))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::path::Path;

    #[test]
    fn a_part_may_have_a_limit_of_its_own() {
        let levels = Levels { limit: Level::Warning, parts: parse(b"acl=debug, HTTP=Nothing").unwrap() };
        assert_eq!(levels.lowest(), Level::Debug);
        assert!(levels.tells("spinel_server::acl::file", Level::Debug));
        assert!(!levels.tells("spinel_server::http::reception", Level::Warning));
        assert!(!levels.tells("spinel_server::server", Level::Notice));
        assert!(levels.tells("some_crate::acl", Level::Warning));
        assert!(!levels.tells("some_crate::acl", Level::Notice), "a part is one of this server");
    }

    #[test]
    fn what_is_no_level_of_a_part_is_refused_with_what_there_is() {
        for (text, told) in
            [("acl", "pairs such as"), ("ac=debug", "acceptor, acl"), ("acl=loud", "debug, verbose")]
        {
            let reason = check(text.as_bytes()).unwrap_err();
            assert!(reason.contains(told), "{text}: {reason}");
        }
        assert!(check(b"").is_ok());
    }

    fn tells_something(text: &str) -> bool {
        ["debug", "verbose", "notice", "warning"].iter().any(|name| text.contains(&format!("log::{name}!(")))
    }

    /// Modules that tell something, by the files of this crate.
    fn telling(folder: &Path, found: &mut Vec<String>, top: Option<&str>) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
            let top = top.unwrap_or(&name);
            if path.is_dir() {
                telling(&path, found, Some(top));
            } else if tells_something(&fs::read_to_string(&path).unwrap()) {
                found.push(top.to_owned());
            }
        }
    }

    #[test]
    fn each_part_that_tells_something_has_a_name() {
        let mut found = Vec::new();
        telling(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut found, None);
        let nameless: Vec<_> = found.iter().filter(|part| !PARTS.contains(&&***part)).collect();
        assert!(nameless.is_empty(), "{nameless:?}");
    }
}
