//! Finding a command by its name.

use super::{Command, Run, usage};
use crate::error::Error;

/// Names a command of one table; also an index for per-command statistics.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct CommandId(u16);

impl CommandId {
    /// A dense index from 0.
    #[inline]
    pub fn index(self) -> usize {
        usize::from(self.0)
    }
}

/// What the table knows of a command besides its row.
pub struct Row {
    /// The constant row.
    pub command: &'static Command,
    /// Words a call has, the name included; negative: at least.
    pub arity: i32,
    /// The argument tree.
    pub arguments: Vec<usage::Argument>,
    /// The subcommands, in the order they were declared.
    pub subcommands: Vec<CommandId>,
}

/// All commands of one engine.
pub struct CommandTable {
    rows: Vec<Row>,
    /// Open addressing by name, at most a quarter full; 0 is vacant, else an id + 1.
    places: Vec<u16>,
}

impl CommandTable {
    /// Collects rows. A subcommand's container must come before it.
    ///
    /// # Panics
    /// If a usage line is malformed, a name is taken twice or a container is missing: a mistake in a row.
    pub fn new<'a>(commands: impl IntoIterator<Item = &'a &'static Command>) -> CommandTable {
        let mut table = CommandTable { rows: Vec::new(), places: vec![0; 2048] };
        for command in commands {
            table.add(command);
        }
        table
    }

    fn add(&mut self, command: &'static Command) {
        let arguments = usage::parse(command.usage)
            .unwrap_or_else(|error| panic!("usage of {}: {error:?}", command.name));
        let id = CommandId(u16::try_from(self.rows.len()).expect("fewer than 65536 commands"));
        let is_container = matches!(command.run, Run::Container);
        let arity = if is_container {
            -2
        } else {
            usage::arity(&arguments, 1 + usize::from(command.container().is_some()))
        };
        if let Some(container) = command.container() {
            let container = self.by_name(container.as_bytes()).expect("a container precedes its subcommands");
            let container = &mut self.rows[container.index()];
            container.subcommands.push(id);
            container.arity = -container.arity.abs();
        } else {
            let mut place = self.place(command.name.as_bytes());
            while self.places[place] != 0 {
                place = (place + 1) % self.places.len();
            }
            self.places[place] = id.0 + 1;
            assert!(self.rows.len() * 4 < self.places.len(), "the name table has room");
        }
        self.rows.push(Row { command, arity, arguments, subcommands: Vec::new() });
    }

    /// Mixes length and all letters without case.
    #[inline]
    fn place(&self, name: &[u8]) -> usize {
        let mut hash = name.len() as u32;
        for byte in name {
            hash = (hash ^ u32::from(byte | 0x20)).wrapping_mul(0x0100_0193);
        }
        (hash ^ hash >> 15) as usize % self.places.len()
    }

    /// Finds a command that is no subcommand, whatever the case of its name.
    #[inline]
    pub fn by_name(&self, name: &[u8]) -> Option<CommandId> {
        if name.len() > 32 {
            return None;
        }
        let mut place = self.place(name);
        loop {
            let id = CommandId(self.places[place].checked_sub(1)?);
            if self.rows[id.index()].command.name.as_bytes().eq_ignore_ascii_case(name) {
                return Some(id);
            }
            place = (place + 1) % self.places.len();
        }
    }

    /// Finds a command by a full name such as `get` or `config|set`.
    pub fn by_full_name(&self, name: &[u8]) -> Option<CommandId> {
        match name.iter().position(|byte| *byte == b'|') {
            None => self.by_name(name),
            Some(at) => self.subcommand(self.by_name(&name[..at])?, &name[at + 1..]),
        }
    }

    /// Finds a subcommand of a container.
    pub fn subcommand(&self, container: CommandId, name: &[u8]) -> Option<CommandId> {
        let subcommands = &self.row(container).subcommands;
        subcommands.iter().copied().find(|id| {
            let full = self.row(*id).command.name;
            full.split_once('|').is_some_and(|(_, own)| own.as_bytes().eq_ignore_ascii_case(name))
        })
    }

    /// The command that these words call, with the number of words its arguments fit.
    #[inline]
    pub fn resolve(&self, words: &[&[u8]]) -> Result<CommandId, Error> {
        let Some(id) = words.first().and_then(|name| self.by_name(name)) else {
            return Err(Error::unknown_command(words));
        };
        let row = self.row(id);
        let (id, row) = if row.subcommands.is_empty() || words.len() < 2 {
            (id, row)
        } else {
            let Some(id) = self.subcommand(id, words[1]) else {
                return Err(Error::unknown_subcommand(row.command.name, words[1]));
            };
            (id, self.row(id))
        };
        let count = words.len() as i32;
        if row.arity > 0 && count != row.arity || count < -row.arity {
            return Err(Error::WrongArity(row.command.name));
        }
        Ok(id)
    }

    /// The row of a command.
    #[inline]
    pub fn row(&self, id: CommandId) -> &Row {
        &self.rows[id.index()]
    }

    /// All commands, subcommands included.
    pub fn ids(&self) -> impl Iterator<Item = CommandId> + use<> {
        (0..self.rows.len() as u16).map(CommandId)
    }

    /// How many rows there are.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether the table has no commands.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }
}
