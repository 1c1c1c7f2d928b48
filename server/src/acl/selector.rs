//! A set of rights: commands, keys and channels that go together.
//!
//! A user has one to start with, the root, and any number of others; what one of them allows is allowed.

use super::book::Book;
use crate::pubsub::is_match;
use spinel_storage::command::keys::{KeySpec, KeyUse};
use spinel_storage::command::table::CommandId;
use spinel_storage::command::{Channels, Command};

/// Keys that a pattern allows, for reading, writing or both.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct KeyPattern {
    pub(super) text: Box<[u8]>,
    pub(super) reads: bool,
    pub(super) writes: bool,
}

/// What is asked for of a key.
#[derive(Clone, Copy)]
struct Access {
    reads: bool,
    writes: bool,
}

impl Access {
    /// Neither means that any right to the key will do: what is asked for tells hardly more than that it is there.
    fn of(usage: KeyUse) -> Access {
        let writes = [KeyUse::INSERT, KeyUse::DELETE, KeyUse::UPDATE];
        Access {
            reads: usage.contains(KeyUse::ACCESS),
            writes: writes.into_iter().any(|change| usage.contains(change)),
        }
    }
}

/// Why something is denied, the later the closer to being allowed.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum Reason {
    Database,
    Command,
    Key,
    Channel,
}

/// What is denied: the word at this position. Of a database, the name of the command stands for the one that is chosen.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) struct Denial {
    pub(crate) reason: Reason,
    pub(crate) position: usize,
}

/// Which databases may be used.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum DatabaseScope {
    All,
    /// These, in ascending order.
    Some(Vec<u16>),
}

impl DatabaseScope {
    fn has(&self, db: u16) -> bool {
        match self {
            DatabaseScope::All => true,
            DatabaseScope::Some(numbers) => numbers.contains(&db),
        }
    }
}

/// The rights of one selector.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Selector {
    /// One bit per command of the table.
    commands: Box<[u64]>,
    /// Whether the list of rules starts from all commands rather than from none.
    pub(super) starts_from_all: bool,
    /// Rules about commands since then, such as `-@dangerous`, in lower case.
    pub(super) rules: Vec<Box<[u8]>>,
    /// First arguments with which a command may be called that may not be called otherwise.
    first_arguments: Vec<(CommandId, Box<[u8]>)>,
    pub(super) keys: Vec<KeyPattern>,
    pub(super) has_all_keys: bool,
    pub(super) channels: Vec<Box<[u8]>>,
    pub(super) has_all_channels: bool,
    pub(super) databases: DatabaseScope,
}

impl Selector {
    /// No rights, but perhaps to channels.
    pub(super) fn new(book: Book<'_>) -> Selector {
        Selector {
            commands: vec![0; book.table.len().div_ceil(64)].into(),
            starts_from_all: false,
            rules: Vec::new(),
            first_arguments: Vec::new(),
            keys: Vec::new(),
            has_all_keys: false,
            channels: Vec::new(),
            has_all_channels: book.opens_channels,
            databases: DatabaseScope::All,
        }
    }

    /// Whether all is allowed.
    pub(super) fn allows_everything(&self) -> bool {
        let has_all_commands = self.starts_from_all && self.rules.is_empty();
        let has_all_databases = self.databases == DatabaseScope::All;
        has_all_commands && self.has_all_keys && self.has_all_channels && has_all_databases
    }

    /// Allows all commands, or none.
    pub(super) fn set_all_commands(&mut self, is_allowed: bool) {
        self.commands.fill(if is_allowed { u64::MAX } else { 0 });
        self.starts_from_all = is_allowed;
        self.rules.clear();
        self.first_arguments.clear();
    }

    /// Allows or forbids a command with its subcommands, whatever its first argument is.
    pub(super) fn set_command(&mut self, id: CommandId, is_allowed: bool, book: Book<'_>) {
        let bit = 1 << (id.index() % 64);
        let word = &mut self.commands[id.index() / 64];
        *word = if is_allowed { *word | bit } else { *word & !bit };
        self.first_arguments.retain(|(command, _)| *command != id);
        for subcommand in book.table.shown_subcommands(id) {
            self.set_command(subcommand, is_allowed, book);
        }
    }

    /// Allows a command with this first argument.
    pub(super) fn add_first_argument(&mut self, id: CommandId, argument: &[u8]) {
        let is_there = |(command, other): &(CommandId, Box<[u8]>)| *command == id && **other == *argument;
        if !self.first_arguments.iter().any(is_there) {
            self.first_arguments.push((id, argument.into()));
        }
    }

    /// Notes a rule about commands. It takes the place of those that it makes void: the same for or against, and those about
    /// parts of the command.
    pub(super) fn note_rule(&mut self, rule: &[u8]) {
        let name = &rule[1..];
        let is_void = |other: &[u8]| {
            let rest = other[1..].strip_prefix(name);
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(b"|"))
        };
        self.rules.retain(|other| !is_void(other));
        self.rules.push(rule.into());
    }

    /// Allows the keys of a pattern, in addition to what is allowed of them.
    pub(super) fn add_keys(&mut self, added: KeyPattern) {
        match self.keys.iter_mut().find(|pattern| pattern.text == added.text) {
            Some(pattern) => {
                pattern.reads |= added.reads;
                pattern.writes |= added.writes;
            }
            None => self.keys.push(added),
        }
    }

    /// Whether the bit of a command is set.
    fn has_command(&self, id: CommandId) -> bool {
        self.commands[id.index() / 64] & 1 << (id.index() % 64) != 0
    }

    /// Whether a call is allowed, as far as the command tells. `right` is the command whose right it needs.
    pub(super) fn allows_command(&self, right: CommandId, words: &[&[u8]]) -> bool {
        self.has_command(right)
            || words.get(1).is_some_and(|word| {
                let mut arguments = self.first_arguments.iter();
                arguments.any(|(id, argument)| *id == right && argument.eq_ignore_ascii_case(word))
            })
    }

    /// Checks the databases of a call by a client who has chosen `db`.
    pub(super) fn check_databases(
        &self,
        command: &Command,
        words: &[&[u8]],
        (db, databases): (u16, u16),
    ) -> Result<(), Denial> {
        if self.databases == DatabaseScope::All {
            return Ok(());
        }
        let denied = |position| Err(Denial { reason: Reason::Database, position });
        for position in command.database_positions(words) {
            if position == 0 {
                return denied(0);
            }
            // What is no database is refused by the command.
            let number =
                spinel_resp::parse_integer(words[position]).and_then(|number| u16::try_from(number).ok());
            if number.is_some_and(|number| number < databases && !self.databases.has(number)) {
                return denied(position);
            }
        }
        if command.uses_database() && !self.databases.has(db) { denied(0) } else { Ok(()) }
    }

    /// Whether a client who has chosen a database may use it.
    pub(super) fn allows_database(&self, db: u16) -> bool {
        self.databases.has(db)
    }

    /// Checks the keys and channels of a call whose command is allowed.
    pub(super) fn check_words(&self, command: &Command, words: &[&[u8]]) -> Result<(), Denial> {
        let denied = |reason, position| Err(Denial { reason, position });
        if !self.has_all_keys {
            let is_key = |spec: &&KeySpec| !spec.usage.contains(KeyUse::NOT_KEY);
            for spec in command.keys.iter().filter(is_key) {
                let access = Access::of(spec.usage_in(words));
                if let Some(position) = spec.positions(words).find(|at| !self.allows_key(words[*at], access))
                {
                    return denied(Reason::Key, position);
                }
            }
        }
        if !self.has_all_channels {
            let (last, is_pattern) = match command.channels {
                Channels::None => return Ok(()),
                Channels::First => (2, false),
                Channels::All => (words.len(), false),
                Channels::Patterns => (words.len(), true),
            };
            let mut positions = 1..last.min(words.len());
            if let Some(position) = positions.find(|at| !self.allows_channel(words[*at], is_pattern)) {
                return denied(Reason::Channel, position);
            }
        }
        Ok(())
    }

    fn allows_key(&self, key: &[u8], access: Access) -> bool {
        self.has_all_keys
            || self.keys.iter().any(|pattern| {
                let is_enough = (pattern.reads || !access.reads) && (pattern.writes || !access.writes);
                is_enough && is_match(&pattern.text, key)
            })
    }

    /// Whether a key may be read.
    pub(super) fn allows_reading(&self, key: &[u8]) -> bool {
        self.allows_key(key, Access { reads: true, writes: false })
    }

    /// Whether every key may be read.
    pub(super) fn allows_reading_all(&self) -> bool {
        self.has_all_keys || self.keys.iter().any(|pattern| pattern.reads && *pattern.text == *b"*")
    }

    /// The patterns of channels that may be used.
    pub(super) fn channel_patterns(&self) -> impl Iterator<Item = &[u8]> {
        let all: Option<&[u8]> = self.has_all_channels.then_some(b"*");
        all.into_iter().chain(self.channels.iter().map(|channel| &**channel))
    }

    /// Whether the channels of a pattern may be used because the pattern itself is among those allowed.
    pub(super) fn has_channel(&self, pattern: &[u8]) -> bool {
        self.allows_channel(pattern, true)
    }

    /// Whether a channel may be used. A pattern must be one of those that are allowed, byte by byte.
    pub(super) fn allows_channel(&self, name: &[u8], is_pattern: bool) -> bool {
        self.has_all_channels
            || self.channels.iter().any(
                |allowed| {
                    if is_pattern { **allowed == *name } else { is_match(allowed, name) }
                },
            )
    }
}
