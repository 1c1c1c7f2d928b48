//! What rules can name: commands, subcommands and categories.

use super::absent;
use super::role::Roles;
use spinel_storage::command::category::CATEGORIES;
use spinel_storage::command::table::{CommandId, CommandTable};

/// The commands of a server, as rules name them.
#[derive(Clone, Copy)]
pub(crate) struct Book<'t> {
    pub(crate) table: &'t CommandTable,
    /// Commands that a setting has renamed or removed: their own names and the new ones.
    pub(crate) renamed: &'t [(Vec<u8>, Vec<u8>)],
    /// Whether users who are made may use all channels.
    pub(crate) opens_channels: bool,
    /// How many databases there are.
    pub(crate) databases: u16,
    /// The roles that users may be given.
    pub(super) roles: &'t Roles,
}

/// What a name stands for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Named {
    Command(CommandId),
    /// A command of Redis that this server doesn't have, so that nobody needs a right to it.
    Absent,
}

impl Book<'_> {
    /// Finds a command or, after a `|`, a subcommand.
    pub(super) fn find(&self, name: &[u8]) -> Option<Named> {
        let own = name.split(|byte| *byte == b'|').next().unwrap_or_default();
        if let Some((_, new)) = self.renamed.iter().find(|(old, _)| old.eq_ignore_ascii_case(own)) {
            return if new.is_empty() { Some(Named::Absent) } else { self.find_here(name) };
        }
        self.find_here(name).or_else(|| absent::is_known(name).then_some(Named::Absent))
    }

    fn find_here(&self, name: &[u8]) -> Option<Named> {
        let id = self.table.by_own_name(name).filter(|id| !self.table.row(*id).is_hidden);
        id.map(Named::Command)
    }

    /// Whether this is the name of a subcommand.
    pub(super) fn is_subcommand(&self, name: &[u8]) -> bool {
        name.contains(&b'|') && self.find(name).is_some()
    }

    /// Whether a command has subcommands that rules can name.
    pub(super) fn has_subcommands(&self, name: &[u8]) -> bool {
        match self.find(name) {
            Some(Named::Command(id)) => self.table.shown_subcommands(id).len() > 0,
            Some(Named::Absent) => absent::is_container(name),
            None => false,
        }
    }

    /// The command whose right a call needs: of subcommands that clients are not told of, that is their container.
    pub(super) fn right_to(&self, id: CommandId) -> CommandId {
        let row = self.table.row(id);
        let container = row.command.container().filter(|_| row.is_hidden);
        container.and_then(|name| self.table.by_own_name(name.as_bytes())).unwrap_or(id)
    }

    /// All commands that rights can be had to.
    pub(crate) fn commands(&self) -> impl Iterator<Item = CommandId> {
        let table = self.table;
        table.ids().filter(move |id| !table.row(*id).is_hidden)
    }

    /// The commands of a category.
    pub(crate) fn in_category(&self, category: &'static str) -> impl Iterator<Item = CommandId> {
        let table = self.table;
        self.commands().filter(move |id| table.row(*id).command.is_in_category(category))
    }
}

/// The category of this name, in any case.
pub(crate) fn category(name: &[u8]) -> Option<&'static str> {
    CATEGORIES.iter().copied().find(|category| category.as_bytes().eq_ignore_ascii_case(name))
}
