//! Words that must not stand in certain places.

use super::Finding;
use crate::source::SourceFile;

/// Crates below `server`: they are given the time, chance and output they need.
const BELOW_SERVER: [&str; 8] =
    ["types", "resp", "persistence", "cache", "storage", "scripting", "replication", "cluster"];

/// Libraries: what is linked into a program of someone else's.
const LIBRARIES: [&str; 8] = BELOW_SERVER;

/// Where a ban holds.
#[derive(Clone, Copy)]
enum Scope {
    /// In the code of these crates, tests left out.
    Crates(&'static [&'static str]),
    /// In all code, tests left out.
    Code,
    /// Everywhere, tests and comments too.
    Everything,
}

/// Words that are banned, and why.
struct Ban {
    words: &'static [&'static str],
    scope: Scope,
    why: &'static str,
}

const BANS: [Ban; 8] = [
    Ban {
        words: &["SystemTime::now", "Instant::now"],
        scope: Scope::Crates(&BELOW_SERVER),
        why: "time comes in from outside (Clock), so that replay and tests decide what time it is",
    },
    Ban {
        words: &["thread_rng", "rand::", "getrandom", "RandomState"],
        scope: Scope::Crates(&BELOW_SERVER),
        why: "chance comes in from outside (Entropy), so that a seed repeats everything",
    },
    Ban {
        words: &["println!", "eprintln!", "print!", "eprint!", "process::exit"],
        scope: Scope::Crates(&LIBRARIES),
        why: "a library neither talks to the terminal nor ends the program it is linked into",
    },
    Ban {
        words: &["std::net", "std::os::unix::net", "tokio", "async fn"],
        scope: Scope::Crates(&BELOW_SERVER),
        why: "sockets and runtimes are the server's; everything below runs without them",
    },
    Ban {
        words: &[".unwrap()", ".unwrap_err()"],
        scope: Scope::Code,
        why: "return the error, or say with expect which invariant rules it out",
    },
    Ban {
        words: &["todo!", "unimplemented!"],
        scope: Scope::Everything,
        why: "what is not there is not offered",
    },
    Ban { words: &["dbg!"], scope: Scope::Everything, why: "left over from debugging" },
    Ban {
        words: &["TODO", "FIXME", "XXX"],
        scope: Scope::Everything,
        why: "mend it now, or write an issue that someone will find",
    },
];

/// A file where a word's ban does not hold.
struct Exception {
    path: &'static str,
    word: &'static str,
}

/// The one place below the server that asks the operating system for time and chance, for whoever opens an engine.
const EXCEPTIONS: [Exception; 3] = [
    Exception { path: "storage/src/system.rs", word: "Instant::now" },
    Exception { path: "storage/src/system.rs", word: "SystemTime::now" },
    Exception { path: "storage/src/system.rs", word: "RandomState" },
];

/// Finds banned words.
pub(super) fn check(source: &SourceFile, findings: &mut Vec<Finding>) {
    for ban in BANS.iter().filter(|ban| ban.scope.covers(source)) {
        let everywhere = matches!(ban.scope, Scope::Everything);
        for (index, code) in
            source.code.iter().enumerate().filter(|(index, _)| everywhere || !source.in_tests[*index])
        {
            let comment = if everywhere { &source.comments[index] } else { "" };
            let banned = ban.words.iter().filter(|word| holds(code, word) || holds(comment, word));
            for word in banned.filter(|word| !is_excepted(&source.path, word)) {
                findings.push(Finding::new(
                    &source.path,
                    index + 1,
                    format!("{word} is banned here"),
                    ban.why,
                ));
            }
        }
    }
}

impl Scope {
    fn covers(self, source: &SourceFile) -> bool {
        match self {
            Self::Crates(folders) => folders.contains(&source.crate_folder()),
            Self::Code | Self::Everything => true,
        }
    }
}

fn is_excepted(path: &str, word: &str) -> bool {
    EXCEPTIONS.iter().any(|exception| exception.path == path && exception.word == word)
}

/// Returns whether `word` stands in `line`, not as the end of a longer word.
fn holds(line: &str, word: &str) -> bool {
    let is_part = |before: &str| before.ends_with(|char: char| char.is_alphanumeric() || char == '_');
    let starts_like_a_word = word.starts_with(|char: char| char.is_alphabetic());
    line.match_indices(word).any(|(at, _)| !starts_like_a_word || !is_part(&line[..at]))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(path: &str, text: &str) -> Vec<usize> {
        let mut findings = Vec::new();
        check(&SourceFile::parse(path, text), &mut findings);
        findings.iter().map(|finding| finding.line).collect()
    }

    #[test]
    fn clocks_are_banned_below_the_server_only() {
        let text = "fn f() {\n    let now = std::time::Instant::now();\n}";
        assert_eq!(found("storage/src/a.rs", text), [2]);
        assert_eq!(found("server/src/a.rs", text), [0; 0]);
    }

    #[test]
    fn tests_may_unwrap() {
        let text = "fn f() { a.unwrap() }\n#[cfg(test)]\nmod tests {\n    fn f() { a.unwrap() }\n}";
        assert_eq!(found("server/src/a.rs", text), [1]);
    }

    #[test]
    fn promises_are_found_in_comments_but_not_in_texts_and_longer_words() {
        let promise = ["TO", "DO"].concat();
        assert_eq!(found("cli/src/a.rs", &format!("// {promise}: later\nlet a = \"{promise}\";")), [1]);
        assert_eq!(found("storage/src/a.rs", "let operand::b = 1;\nmy_println!();"), [0; 0]);
    }
}
