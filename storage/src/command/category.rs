//! Access categories: the names by which access rules allow or deny families of commands.
//!
//! They follow from a row's group and flags, so no row lists them.

use super::flags::Flags;
use super::{Command, Group, Run};

/// All categories a command can be in, in the order of COMMAND INFO.
pub const CATEGORIES: &[&str] = &[
    "keyspace",
    "read",
    "write",
    "set",
    "sortedset",
    "list",
    "hash",
    "string",
    "bitmap",
    "hyperloglog",
    "geo",
    "stream",
    "pubsub",
    "admin",
    "fast",
    "slow",
    "blocking",
    "dangerous",
    "connection",
    "transaction",
    "scripting",
];

impl Command {
    /// The access categories of the command, without the `@`, in the order of [`CATEGORIES`].
    pub fn categories(&self) -> impl Iterator<Item = &'static str> {
        CATEGORIES.iter().copied().filter(|category| self.is_in_category(category))
    }

    /// Whether the command is in a category of this name; the name's case matters.
    pub fn is_in_category(&self, category: &str) -> bool {
        let has = |flag| self.flags.contains(flag);
        match category {
            "read" => has(Flags::READONLY) && self.group != Group::Scripting,
            "write" => has(Flags::WRITE),
            "pubsub" => has(Flags::PUBSUB),
            "admin" => has(Flags::ADMIN) || has(Flags::FOR_ADMIN),
            "fast" => has(Flags::FAST),
            "slow" => !has(Flags::FAST),
            "blocking" => has(Flags::BLOCKING),
            "dangerous" => self.is_in_category("admin") || has(Flags::DANGEROUS),
            "list" | "set" | "sortedset" if has(Flags::SORTS) => true,
            "keyspace" if has(Flags::SORTS) => false,
            "keyspace" => has(Flags::KEYSPACE) || self.is_of(Group::Generic) && !has(Flags::CONNECTION),
            "connection" => has(Flags::CONNECTION) || self.is_of(Group::Connection),
            "sortedset" => self.is_of(Group::SortedSet),
            "transaction" => self.is_of(Group::Transactions),
            _ => category == self.group.name() && self.is_of(self.group),
        }
    }

    /// Whether the command does the work of a group; containers do none.
    fn is_of(&self, group: Group) -> bool {
        self.group == group && !matches!(self.run, Run::Container)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn categories(command: &Command) -> Vec<&'static str> {
        command.categories().collect()
    }

    #[test]
    fn group_and_flags_tell_the_categories() {
        let get = Command { group: Group::String, flags: Flags::READONLY | Flags::FAST, ..Command::ROW };
        assert_eq!(categories(&get), ["read", "string", "fast"]);
        let kill = Command { group: Group::Connection, flags: Flags::ADMIN, ..Command::ROW };
        assert_eq!(categories(&kill), ["admin", "slow", "dangerous", "connection"]);
        let wait = Command { flags: Flags::BLOCKING | Flags::CONNECTION, ..Command::ROW };
        assert_eq!(categories(&wait), ["slow", "blocking", "connection"]);
        let flushall =
            Command { group: Group::Server, flags: Flags::WRITE | Flags::KEYSPACE, ..Command::ROW };
        assert_eq!(categories(&flushall), ["keyspace", "write", "slow"]);
    }

    #[test]
    fn containers_are_only_slow() {
        let object = Command { run: Run::Container, ..Command::ROW };
        assert_eq!(categories(&object), ["slow"]);
    }
}
