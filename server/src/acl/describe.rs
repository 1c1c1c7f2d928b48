//! Users and roles as text: rules that make the same again.

use super::password::Password;
use super::rights::Rights;
use super::selector::{DatabaseScope, Selector};
use super::user::User;
use crate::quotas::Limits;

impl User {
    /// The names of what is said of the user by words rather than by patterns.
    pub(crate) fn flags(&self) -> Vec<&'static str> {
        let mut flags = vec![if self.is_on { "on" } else { "off" }];
        if self.needs_no_password {
            flags.push("nopass");
        }
        flags.push(if self.sanitizes { "sanitize-payload" } else { "skip-sanitize-payload" });
        flags
    }

    /// The hashes of the passwords, as rules write them.
    pub(crate) fn password_hashes(&self) -> Vec<String> {
        let slow = self.slow_passwords.iter().map(|password| password.text());
        self.passwords.iter().map(Password::hex).chain(slow).collect()
    }

    /// His own rights, those of the root first.
    pub(crate) fn described_selectors(&self) -> impl Iterator<Item = Described> {
        self.rights.described()
    }

    /// All rules in one line.
    pub(crate) fn line(&self) -> Vec<u8> {
        let flags = self.flags().into_iter().map(|flag| flag.as_bytes().to_vec());
        let passwords = self.password_hashes().into_iter().map(|hash| format!("#{hash}").into_bytes());
        let roles = self.roles.iter().map(|role| [b"role=", &*role.name].concat());
        let quotas = self.quotas().into_iter().map(|(name, number)| format!("{name}={number}").into_bytes());
        let rights = [self.rights.line()];
        flags.chain(passwords).chain(rights).chain(roles).chain(quotas).collect::<Vec<_>>().join(&b' ')
    }

    /// His quotas by the names of their rules, if he has any.
    pub(crate) fn quotas(&self) -> Vec<(&'static str, u64)> {
        let Limits { operations_max, bytes_max } = self.limits;
        let all = [("quota-operations", operations_max), ("quota-memory", bytes_max)];
        all.into_iter().filter(|(_, number)| *number > 0).collect()
    }
}

impl Rights {
    /// The selectors as text, the root first.
    pub(super) fn described(&self) -> impl Iterator<Item = Described> {
        self.selectors().map(Selector::describe)
    }

    /// All rules in one line.
    pub(super) fn line(&self) -> Vec<u8> {
        let mut selectors = self.described().map(Described::line);
        let root = selectors.next().unwrap_or_default();
        let others = selectors.map(|line| [b"(", &line[..], b")"].concat());
        std::iter::once(root).chain(others).collect::<Vec<_>>().join(&b' ')
    }
}

/// The rights of a selector as text.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Described {
    pub(crate) commands: Vec<u8>,
    pub(crate) keys: Vec<u8>,
    /// The channels, without `resetchannels` before them.
    pub(crate) channels: Vec<u8>,
    has_all_channels: bool,
    /// The databases, unless they are all.
    pub(crate) databases: Option<Vec<u8>>,
}

impl Described {
    fn line(self) -> Vec<u8> {
        let reset: &[u8] = if self.has_all_channels { b"" } else { b"resetchannels" };
        let databases = match self.databases.as_deref() {
            None => b"",
            Some([]) => &b"resetdbs"[..],
            Some(databases) => databases,
        };
        let parts = [&self.keys[..], reset, &self.channels, databases, &self.commands];
        parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(&b' ')
    }
}

impl Selector {
    fn describe(&self) -> Described {
        let start: &[u8] = if self.starts_from_all { b"+@all" } else { b"-@all" };
        let rules = self.rules.iter().map(|rule| &**rule);
        let keys = self.keys.iter().map(|pattern| {
            let access: &[u8] = match (pattern.reads, pattern.writes) {
                (true, true) => b"~",
                (true, false) => b"%R~",
                _ => b"%W~",
            };
            [access, &pattern.text].concat()
        });
        let channels = self.channels.iter().map(|channel| [b"&", &**channel].concat());
        let all = |is_all: bool, text: &[u8]| is_all.then(|| text.to_vec());
        Described {
            commands: [start].into_iter().chain(rules).collect::<Vec<_>>().join(&b' '),
            keys: all(self.has_all_keys, b"~*").into_iter().chain(keys).collect::<Vec<_>>().join(&b' '),
            channels: all(self.has_all_channels, b"&*")
                .into_iter()
                .chain(channels)
                .collect::<Vec<_>>()
                .join(&b' '),
            has_all_channels: self.has_all_channels,
            databases: match &self.databases {
                DatabaseScope::All => None,
                DatabaseScope::Some(numbers) if numbers.is_empty() => Some(Vec::new()),
                DatabaseScope::Some(numbers) => {
                    let numbers: Vec<String> = numbers.iter().map(u16::to_string).collect();
                    Some(format!("db={}", numbers.join(",")).into_bytes())
                }
            },
        }
    }
}
