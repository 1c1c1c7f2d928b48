//! What others see of the words of a command: no secrets.

use crate::config::table::Key;
use spinel_storage::command::flags::Flags;
use std::borrow::Cow;

/// What stands for a word that nobody may see.
const REDACTED: &[u8] = b"(redacted)";

/// The words of a command with these flags, the first `name_words` of which are its name, without what is secret.
pub(crate) fn shown<'w>(flags: Flags, words: &[&'w [u8]], name_words: usize) -> Vec<Cow<'w, [u8]>> {
    let mut hidden = 0;
    let show = |(place, word): (usize, &&'w [u8])| {
        if place < name_words {
            return Cow::Borrowed(*word);
        }
        if flags.contains(Flags::SECRET) || hidden > 0 {
            hidden = usize::max(hidden, 1) - 1;
            return Cow::Borrowed(REDACTED);
        }
        if flags.contains(Flags::SECRET_PARTS) {
            hidden = secrets_after(word);
        }
        Cow::Borrowed(*word)
    };
    words.iter().enumerate().map(show).collect()
}

/// How many of the words behind this one are secret.
fn secrets_after(word: &[u8]) -> usize {
    if word.eq_ignore_ascii_case(b"auth") {
        return 2;
    }
    usize::from(Key::by_name(word).is_some_and(|key| key.setting().is_secret))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(flags: Flags, name_words: usize, command: &str, expected: &str) {
        let words: Vec<&[u8]> = command.split(' ').map(str::as_bytes).collect();
        assert_eq!(shown(flags, &words, name_words).join(&b' '), expected.as_bytes());
    }

    #[test]
    fn secrets_are_hidden() {
        check(Flags::NONE, 1, "set auth requirepass x", "set auth requirepass x");
        check(Flags::SECRET, 1, "auth joe pass", "auth (redacted) (redacted)");
        check(Flags::SECRET, 2, "acl setuser joe on", "acl setuser (redacted) (redacted)");
        let parts = Flags::SECRET_PARTS;
        check(parts, 1, "hello 3 AUTH joe pass setname me", "hello 3 AUTH (redacted) (redacted) setname me");
        check(parts, 1, "hello 3 setname auth", "hello 3 setname auth");
        check(
            parts,
            2,
            "config set maxclients 9 RequirePass x timeout 1",
            "config set maxclients 9 RequirePass (redacted) timeout 1",
        );
    }
}
