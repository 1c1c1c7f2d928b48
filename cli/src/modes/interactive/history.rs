//! Which lines are remembered, and where.

use spinel_resp::request::split_line;
use std::ffi::OsString;
use std::path::PathBuf;

/// The file that keeps the history, given the environment; nothing if it is not to be kept.
pub(super) fn file(variable: impl Fn(&str) -> Option<OsString>) -> Option<PathBuf> {
    if let Some(path) = variable("SPINELCLI_HISTFILE").or_else(|| variable("REDISCLI_HISTFILE")) {
        return (!path.is_empty() && path != "/dev/null").then(|| path.into());
    }
    let home = variable("HOME").filter(|home| !home.is_empty())?;
    Some(PathBuf::from(home).join(".spinelcli_history"))
}

/// Whether a line says a password, or might: in doubt it is forgotten.
pub(super) fn is_secret(line: &str) -> bool {
    let words: Vec<String> = match split_line(line.as_bytes()) {
        Some(words) => words.iter().map(|word| lowercase(&String::from_utf8_lossy(word))).collect(),
        // Not a line that can be run, but one that can be mistyped.
        None => line.split_whitespace().map(lowercase).collect(),
    };
    let repeated = words.len() > 1 && words[0].parse::<i64>().is_ok();
    let words: Vec<&str> = words.iter().skip(usize::from(repeated)).map(String::as_str).collect();

    match words.as_slice() {
        ["auth", ..] | ["acl", "setuser", ..] => true,
        ["hello" | "migrate", rest @ ..] => rest.iter().any(|word| matches!(*word, "auth" | "auth2")),
        ["config", "set", rest @ ..] => {
            rest.iter().any(|word| ["pass", "auth", "user"].iter().any(|part| word.contains(part)))
        }
        ["sentinel", "config" | "set", rest @ ..] => rest.iter().any(|word| word.contains("pass")),
        _ => false,
    }
}

fn lowercase(word: &str) -> String {
    word.to_ascii_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_are_not_remembered() {
        let secrets = [
            "auth x",
            "AUTH user pass",
            "  2 auth x",
            "auth \"open",
            "\"auth\" x",
            "hello 3 AUTH default x",
            "acl setuser a >x",
            "config set requirepass x",
            "config set maxmemory 1 masterauth x",
            "migrate h 1 k 0 10 AUTH x",
            "sentinel set m auth-pass x",
        ];
        for line in secrets {
            assert!(is_secret(line), "{line}");
        }
    }

    #[test]
    fn everything_else_is() {
        for line in [
            "get auth",
            "author",
            "hello 3",
            "acl list",
            "config set maxmemory 1",
            "config get requirepass",
            "",
        ] {
            assert!(!is_secret(line), "{line}");
        }
    }

    #[test]
    fn the_file_is_named_by_the_environment_or_lies_at_home() {
        let with = |pairs: &'static [(&str, &str)]| {
            file(|name| pairs.iter().find(|(own, _)| *own == name).map(|(_, value)| value.into()))
        };

        assert_eq!(with(&[("HOME", "/h")]), Some("/h/.spinelcli_history".into()));
        assert_eq!(with(&[("HOME", "/h"), ("REDISCLI_HISTFILE", "/r")]), Some("/r".into()));
        assert_eq!(with(&[("REDISCLI_HISTFILE", "/r"), ("SPINELCLI_HISTFILE", "/s")]), Some("/s".into()));
        assert_eq!(with(&[("HOME", "/h"), ("SPINELCLI_HISTFILE", "/dev/null")]), None);
        assert_eq!(with(&[]), None);
    }
}
