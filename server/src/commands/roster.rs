//! All commands a server has, by the names its settings give them.

use super::{Handler, all, data};
use crate::config::value::Reason;
use spinel_storage::command::Command;

/// The longest name that a command can be given.
const NAME_BYTES_MAX: usize = 255;

/// Commands with the handlers of those that are the host's.
pub(crate) struct Roster {
    entries: Vec<Entry>,
    /// Own names of commands that have another one now, and that one; empty if the command was removed.
    renamed: Vec<(Vec<u8>, Vec<u8>)>,
}

type Entry = (&'static Command, Option<Handler>);

impl Roster {
    /// All commands by their own names.
    pub(crate) fn new() -> Roster {
        let data = spinel_storage::commands::all().chain(data()).map(|command| (command, None));
        let entries = data.chain(all().map(|(command, handler)| (command, Some(handler)))).collect();
        Roster { entries, renamed: Vec::new() }
    }

    /// The rows, a container before its subcommands.
    pub(crate) fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// Commands that have got another name, by their own one, and what that is; empty for those that were removed.
    pub(crate) fn renamed(&self) -> &[(Vec<u8>, Vec<u8>)] {
        &self.renamed
    }

    /// Gives a command another name, or, if that is empty, removes it; its subcommands go along.
    pub(crate) fn rename(&mut self, from: &[u8], to: &[u8]) -> Result<(), Reason> {
        let is_called = |name: &[u8], (command, _): &Entry| {
            command.container().is_none() && command.called().as_bytes().eq_ignore_ascii_case(name)
        };
        let found = self.entries.iter().position(|entry| !from.is_empty() && is_called(from, entry));
        let place = found.ok_or("No such command in rename-command")?;
        if !to.is_empty() && self.entries.iter().any(|entry| is_called(to, entry)) {
            return Err("Target command name already exists".into());
        }
        let to = std::str::from_utf8(to).ok().filter(|to| to.len() <= NAME_BYTES_MAX && !to.contains('|'));
        let (command, _) = &mut self.entries[place];
        let is_clear = |to: &&str| !(command.is_dotted && to.contains('.'));
        let to = to.filter(is_clear).ok_or("Target command name is impossible")?;
        *command = renamed(command, to.to_owned());
        let (own, to) = (command.name.as_bytes(), to.as_bytes());
        match self.renamed.iter_mut().find(|(name, _)| name == own) {
            Some((_, new)) => *new = to.into(),
            None => self.renamed.push((own.into(), to.into())),
        }
        Ok(())
    }
}

/// A row like another, which clients call by another name. It stays until the program ends, as all rows do.
fn renamed(command: &Command, name: String) -> &'static Command {
    Box::leak(Box::new(Command { called: Some(name.leak()), ..*command }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(roster: &Roster) -> Vec<&'static str> {
        roster.entries().iter().map(|(command, _)| command.called()).collect()
    }

    #[test]
    fn commands_go_by_new_names_or_not_at_all() {
        let mut roster = Roster::new();
        let count = names(&roster).len();
        roster.rename(b"GET", b"fetch").expect("a free name");
        roster.rename(b"config", b"Setup").expect("a free name");
        assert_eq!(names(&roster).len(), count);
        assert!(names(&roster).contains(&"fetch") && !names(&roster).contains(&"get"));
        // Subcommands are found in their container.
        assert!(names(&roster).contains(&"Setup") && !names(&roster).contains(&"config"));
        assert!(names(&roster).contains(&"config|set"));

        roster.rename(b"setup", b"").expect("it is there");
        assert!(names(&roster).iter().all(|name| !name.starts_with("Setup")));
        let now = [(&b"get"[..], &b"fetch"[..]), (b"config", b"")].map(|(own, new)| (own.into(), new.into()));
        assert_eq!(roster.renamed(), now);
        for (from, to, reason) in [
            ("get", "x", "No such command in rename-command"),
            ("command|count", "x", "No such command in rename-command"),
            ("set", "FETCH", "Target command name already exists"),
            ("set", "a|b", "Target command name is impossible"),
            ("cache", "a.b", "Target command name is impossible"),
        ] {
            assert_eq!(roster.rename(from.as_bytes(), to.as_bytes()), Err(reason.into()), "{from} {to}");
        }
    }
}
