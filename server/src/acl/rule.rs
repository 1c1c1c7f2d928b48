//! The grammar of rules: `on`, `>password`, `+get`, `-@dangerous`, `%R~cache:*`, `&news`, `(+set ~a)`, `role=reader`,
//! `quota-operations=100`.

use super::book::{Book, Named, category};
use super::password::Password;
use super::selector::{DatabaseScope, KeyPattern, Selector};
use super::slow::{self, SlowPassword};
use super::user::User;
use crate::config::memory;
use crate::quotas::OPERATIONS_MAX;
use std::sync::Arc;

/// So many passwords that take long to check may a user have: who says a wrong one has all of them checked.
const SLOW_PASSWORDS_MAX: usize = 8;

/// Why a rule is refused.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum RuleError {
    Syntax,
    UnknownCommand,
    FirstArgumentOfSubcommand,
    KeysAfterAll,
    ChannelsAfterAll,
    BadHash,
    BadSlowHash,
    TooManyPasswords,
    NotHashed,
    NoSuchDatabase,
    NoSuchPassword,
    NoSuchRole,
    BadQuota,
}

impl RuleError {
    /// What clients are told.
    pub(crate) fn text(self) -> &'static str {
        match self {
            RuleError::Syntax => "Syntax error",
            RuleError::UnknownCommand => "Unknown command or category name in ACL",
            RuleError::FirstArgumentOfSubcommand => "Allowing first-arg of a subcommand is not supported",
            RuleError::KeysAfterAll => {
                "Adding a pattern after the * pattern (or the 'allkeys' flag) is not valid and does not have any effect. Try \
                 'resetkeys' to start with an empty list of patterns"
            }
            RuleError::ChannelsAfterAll => {
                "Adding a pattern after the * pattern (or the 'allchannels' flag) is not valid and does not have any effect. \
                 Try 'resetchannels' to start with an empty list of channels"
            }
            RuleError::BadHash => {
                "The password hash must be exactly 64 characters and contain only lowercase hexadecimal characters"
            }
            RuleError::BadSlowHash => {
                "The hash is none of Argon2id, version 19, or costs more than 65536 KiB, 16 passes, 8 lanes, or 262144 KiB in all \
                 passes"
            }
            RuleError::TooManyPasswords => "A user has at most 8 passwords that take long to check",
            RuleError::NotHashed => {
                "The password is longer than 16384 bytes, or there is no memory to hash it"
            }
            RuleError::NoSuchDatabase => "The provided database ID is out of range",
            RuleError::NoSuchPassword => "The password you are trying to remove from the user does not exist",
            RuleError::NoSuchRole => "There is no such role",
            RuleError::BadQuota => {
                "A quota is a number of operations in a second, at most 1000000000, or of bytes; 0 is none"
            }
        }
    }
}

/// A selector that was begun with `(` and not ended.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Unmatched(pub(crate) Vec<u8>);

/// Joins the words of selectors: `(+get`, `~a)` is one rule.
pub(crate) fn join_selectors(words: &[&[u8]]) -> Result<Vec<Vec<u8>>, Unmatched> {
    let mut rules = Vec::with_capacity(words.len());
    let mut open: Option<(usize, Vec<u8>)> = None;
    for (place, word) in words.iter().enumerate() {
        let (start, rule) = match open.take() {
            Some((start, begun)) => (start, [&begun[..], b" ", word].concat()),
            None if word.starts_with(b"(") => (place, word.to_vec()),
            None => {
                rules.push(word.to_vec());
                continue;
            }
        };
        if word.ends_with(b")") {
            rules.push(rule);
        } else {
            open = Some((start, rule));
        }
    }
    match open {
        Some((start, _)) => Err(Unmatched(words[start].to_vec())),
        None => Ok(rules),
    }
}

impl User {
    /// Changes the user by a rule, or leaves him as he is.
    pub(crate) fn apply(&mut self, rule: &[u8], book: Book<'_>) -> Result<(), RuleError> {
        match &*rule.to_ascii_lowercase() {
            b"" => {}
            b"on" => self.is_on = true,
            b"off" => self.is_on = false,
            b"nopass" => self.set_password(b""),
            b"resetpass" => {
                self.passwords.clear();
                self.slow_passwords.clear();
                self.needs_no_password = false;
            }
            b"sanitize-payload" => self.sanitizes = true,
            b"skip-sanitize-payload" => self.sanitizes = false,
            b"resetroles" => self.roles.clear(),
            [b'r', b'o', b'l', b'e', b'=', ..] => self.add_role(&rule[b"role=".len()..], book)?,
            [b'n', b'o', b'r', b'o', b'l', b'e', b'=', ..] => self.remove_role(&rule[b"norole=".len()..])?,
            [b'q', b'u', b'o', b't', b'a', b'-', rest @ ..] => self.set_quota(rest)?,
            b"reset" => *self = User::new(book),
            _ => return self.apply_with_value(rule, book),
        }
        Ok(())
    }

    fn apply_with_value(&mut self, rule: &[u8], book: Book<'_>) -> Result<(), RuleError> {
        const HASHED_HERE: &[u8] = b"argon2id>";
        if rule.get(..HASHED_HERE.len()).is_some_and(|head| head.eq_ignore_ascii_case(HASHED_HERE)) {
            let made = SlowPassword::of(&rule[HASHED_HERE.len()..]).ok_or(RuleError::NotHashed)?;
            return self.add_slow_password(made);
        }
        let value = &rule[1..];
        let slow = || SlowPassword::read(value).ok_or(RuleError::BadSlowHash);
        let hash = || Password::from_hex(value).ok_or(RuleError::BadHash);
        match rule[0] {
            b'>' => self.add_password(Password::of(value)),
            b'#' if value.starts_with(slow::HEAD) => self.add_slow_password(slow()?)?,
            b'!' if value.starts_with(slow::HEAD) => self.remove_slow_password(&slow()?)?,
            b'#' => self.add_password(hash()?),
            b'<' => self.remove_password(&Password::of(value))?,
            b'!' => self.remove_password(&hash()?)?,
            _ => self.rights.apply(rule, book)?,
        }
        Ok(())
    }

    /// Obeys a rule of which `quota-` was taken off.
    fn set_quota(&mut self, rule: &[u8]) -> Result<(), RuleError> {
        let place = rule.iter().position(|byte| *byte == b'=').ok_or(RuleError::Syntax)?;
        let (name, number) = (&rule[..place], &rule[place + 1..]);
        match name {
            b"operations" => {
                let operations =
                    spinel_resp::parse_integer(number).and_then(|number| u64::try_from(number).ok());
                let operations = operations.filter(|number| *number <= OPERATIONS_MAX);
                self.limits.operations_max = operations.ok_or(RuleError::BadQuota)?;
            }
            b"memory" if !number.is_empty() => {
                self.limits.bytes_max = memory::parse(number).ok_or(RuleError::BadQuota)?;
            }
            b"memory" => return Err(RuleError::BadQuota),
            _ => return Err(RuleError::Syntax),
        }
        Ok(())
    }

    fn add_role(&mut self, name: &[u8], book: Book<'_>) -> Result<(), RuleError> {
        let role = book.roles.get(name).ok_or(RuleError::NoSuchRole)?;
        if !self.roles.iter().any(|own| own.name == role.name) {
            self.roles.push(Arc::clone(role));
        }
        Ok(())
    }

    fn remove_role(&mut self, name: &[u8]) -> Result<(), RuleError> {
        let count = self.roles.len();
        self.roles.retain(|own| *own.name != *name);
        if self.roles.len() < count { Ok(()) } else { Err(RuleError::NoSuchRole) }
    }

    fn add_password(&mut self, password: Password) {
        self.needs_no_password = false;
        if !self.passwords.contains(&password) {
            self.passwords.push(password);
        }
    }

    fn add_slow_password(&mut self, password: SlowPassword) -> Result<(), RuleError> {
        self.needs_no_password = false;
        if !self.slow_passwords.iter().any(|other| **other == password) {
            if self.slow_passwords.len() >= SLOW_PASSWORDS_MAX {
                return Err(RuleError::TooManyPasswords);
            }
            self.slow_passwords.push(Arc::new(password));
        }
        Ok(())
    }

    fn remove_slow_password(&mut self, password: &SlowPassword) -> Result<(), RuleError> {
        let count = self.slow_passwords.len();
        self.slow_passwords.retain(|other| **other != *password);
        if self.slow_passwords.len() < count { Ok(()) } else { Err(RuleError::NoSuchPassword) }
    }

    fn remove_password(&mut self, password: &Password) -> Result<(), RuleError> {
        let count = self.passwords.len();
        self.passwords.retain(|other| other != password);
        if self.passwords.len() < count { Ok(()) } else { Err(RuleError::NoSuchPassword) }
    }
}

impl Selector {
    /// Reads the rules of a selector in parentheses.
    pub(super) fn read(rule: &[u8], book: Book<'_>) -> Result<Selector, RuleError> {
        let inner =
            rule.strip_prefix(b"(").and_then(|rest| rest.strip_suffix(b")")).ok_or(RuleError::Syntax)?;
        let mut selector = Selector::new(book);
        for rule in inner.split(|byte| is_space(*byte)).filter(|rule| !rule.is_empty()) {
            selector.apply(rule, book)?;
        }
        Ok(selector)
    }

    /// Changes the rights by a rule.
    pub(super) fn apply(&mut self, rule: &[u8], book: Book<'_>) -> Result<(), RuleError> {
        match &*rule.to_ascii_lowercase() {
            b"allcommands" | b"+@all" => self.set_all_commands(true),
            b"nocommands" | b"-@all" => self.set_all_commands(false),
            b"allkeys" | b"~*" => {
                self.keys.clear();
                self.has_all_keys = true;
            }
            b"resetkeys" => {
                self.keys.clear();
                self.has_all_keys = false;
            }
            b"allchannels" | b"&*" => {
                self.channels.clear();
                self.has_all_channels = true;
            }
            b"resetchannels" => {
                self.channels.clear();
                self.has_all_channels = false;
            }
            b"alldbs" => self.databases = DatabaseScope::All,
            b"resetdbs" => self.databases = DatabaseScope::Some(Vec::new()),
            [b'd', b'b', b'=', numbers @ ..] => self.databases = DatabaseScope::read(numbers)?,
            [b'~' | b'%', ..] => {
                if self.has_all_keys {
                    return Err(RuleError::KeysAfterAll);
                }
                self.add_keys(KeyPattern::read(rule)?);
            }
            [b'&', ..] => return self.add_channel(&rule[1..]),
            [b'+' | b'-', b'@', name @ ..] => {
                let category = category(name).ok_or(RuleError::UnknownCommand)?;
                for id in book.in_category(category) {
                    self.set_command(id, rule[0] == b'+', book);
                }
                self.note_rule(&rule.to_ascii_lowercase());
            }
            [b'+' | b'-', name @ ..] => {
                self.apply_to_command(rule[0] == b'+', name, book)?;
                self.note_rule(&rule.to_ascii_lowercase());
            }
            _ => return Err(RuleError::Syntax),
        }
        Ok(())
    }

    fn add_channel(&mut self, channel: &[u8]) -> Result<(), RuleError> {
        if self.has_all_channels {
            return Err(RuleError::ChannelsAfterAll);
        }
        check_pattern(channel)?;
        if !self.channels.iter().any(|other| **other == *channel) {
            self.channels.push(channel.into());
        }
        Ok(())
    }

    /// Obeys a rule about a command, a subcommand, or a command with a first argument.
    fn apply_to_command(&mut self, is_allowed: bool, name: &[u8], book: Book<'_>) -> Result<(), RuleError> {
        if let Some(named) = book.find(name) {
            if let Named::Command(id) = named {
                self.set_command(id, is_allowed, book);
            }
            return Ok(());
        }
        let bar = name.iter().rposition(|byte| *byte == b'|').filter(|_| is_allowed);
        let (command, argument) = name.split_at(bar.ok_or(RuleError::UnknownCommand)?);
        let named = book.find(command).ok_or(RuleError::UnknownCommand)?;
        if book.is_subcommand(command) {
            return Err(RuleError::FirstArgumentOfSubcommand);
        }
        // What holds a space or a zero could not be read again.
        let argument = &argument[1..];
        if argument.is_empty() {
            return Err(RuleError::Syntax);
        }
        check_pattern(argument)?;
        if book.has_subcommands(command) {
            return Err(RuleError::UnknownCommand);
        }
        if let Named::Command(id) = named {
            self.add_first_argument(id, argument);
        }
        Ok(())
    }
}

impl DatabaseScope {
    /// Reads numbers between commas.
    fn read(numbers: &[u8]) -> Result<DatabaseScope, RuleError> {
        let mut found = Vec::new();
        for number in numbers.split(|byte| *byte == b',') {
            let digits = number.strip_prefix(b"-").unwrap_or(number);
            if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
                return Err(RuleError::Syntax);
            }
            let text = std::str::from_utf8(number).map_err(|_| RuleError::Syntax)?;
            found.push(text.parse().map_err(|_| RuleError::NoSuchDatabase)?);
        }
        found.sort_unstable();
        found.dedup();
        Ok(DatabaseScope::Some(found))
    }
}

impl KeyPattern {
    /// Reads `~pattern` or `%R~pattern`.
    fn read(rule: &[u8]) -> Result<KeyPattern, RuleError> {
        let mut pattern = KeyPattern { text: Box::default(), reads: false, writes: false };
        let mut text: &[u8] = b"";
        if let Some(rest) = rule.strip_prefix(b"~") {
            (pattern.reads, pattern.writes, text) = (true, true, rest);
        } else {
            for (place, byte) in rule.iter().enumerate().skip(1) {
                match byte.to_ascii_uppercase() {
                    b'R' if !pattern.reads => pattern.reads = true,
                    b'W' if !pattern.writes => pattern.writes = true,
                    b'~' => {
                        text = &rule[place + 1..];
                        break;
                    }
                    _ => return Err(RuleError::Syntax),
                }
            }
        }
        check_pattern(text)?;
        if !pattern.reads && !pattern.writes {
            return Err(RuleError::Syntax);
        }
        pattern.text = text.into();
        Ok(pattern)
    }
}

/// Refuses what could not be told from two rules in a file.
fn check_pattern(pattern: &[u8]) -> Result<(), RuleError> {
    let is_bad = pattern.iter().any(|byte| is_space(*byte) || *byte == 0);
    if is_bad { Err(RuleError::Syntax) } else { Ok(()) }
}

/// Whether a user may have this name: it must be told from rules in a line.
pub(super) fn is_name(name: &[u8]) -> bool {
    !name.is_empty() && !name.iter().any(|byte| is_space(*byte) || *byte == 0)
}

/// Whether a byte is a space to C, which has one more than Rust.
fn is_space(byte: u8) -> bool {
    byte.is_ascii_whitespace() || byte == b'\x0b'
}
