//! Finding a command by its name.

use super::flags::Flags;
use super::keys::{Begin, Find, KeySpec, after_name, is_dotted};
use super::{Command, Handler, Reach, Run, usage};
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

/// How the keys of a command are found.
#[derive(Clone, Copy)]
pub(crate) enum Plan {
    /// It is a data command that needs the shard of the key at this position and nothing else.
    Single { key: usize, handler: Handler },
    /// By its specifications.
    Other,
}

impl Plan {
    fn of(command: &Command) -> Plan {
        let key = match command.keys {
            [KeySpec { begin: Begin::Index(key), find: Find::Range { last: 0, .. }, .. }] => Some(*key),
            [KeySpec { begin: Begin::AfterName(index), find: Find::Range { last: 0, .. }, .. }] => {
                Some(after_name(&[], *index))
            }
            _ => None,
        };
        match (key, command.run, command.reach) {
            (Some(key), Run::Data(handler), Reach::Keys) => Plan::Single { key, handler },
            _ => Plan::Other,
        }
    }
}

/// What the table knows of a command besides its row.
pub struct Row {
    pub(crate) plan: Plan,
    /// How many words its name takes, if it is not dotted.
    pub name_words: u8,
    /// Its name in one word, if it has one.
    dotted: Option<Box<str>>,
    /// Whether its own name may be written in one word.
    may_be_dotted: bool,
    /// The constant row.
    pub command: &'static Command,
    /// Words a call has, the name included; negative: at least.
    pub arity: i32,
    /// The fewest words of a call and how many more it may have; never as many if words may name a subcommand.
    plain: (u32, u32),
    /// The argument tree.
    pub arguments: Vec<usage::Argument>,
    /// The subcommands, in the order they were declared.
    pub subcommands: Vec<CommandId>,
    /// Whether it runs only where the host allows it; see [`Flags::GUARDED`].
    pub is_guarded: bool,
    /// Whether clients are told only of the container; see [`Flags::HIDES_SUBCOMMANDS`].
    pub is_hidden: bool,
}

impl Row {
    /// Whether a call may have this many words, and is one of this row whatever they are.
    #[inline]
    fn is_plain(&self, words: usize) -> bool {
        let (fewest, more) = self.plain;
        words.wrapping_sub(fewest as usize) <= more as usize
    }

    /// Works out [`plain`](Row::plain) for a row without subcommands.
    fn plain_of(arity: i32) -> (u32, u32) {
        (arity.unsigned_abs(), if arity > 0 { 0 } else { u32::MAX })
    }

    /// Whether what it does to keys can be undone: it changes nothing but those it names.
    pub fn can_be_undone(&self) -> bool {
        matches!((self.command.run, self.command.reach), (Run::Data(_), Reach::Keys | Reach::WholeIf(_)))
    }

    /// How many of the words that call it its name takes.
    pub fn name_words_in(&self, words: &[&[u8]]) -> u8 {
        self.name_words - u8::from(self.name_words > 1 && is_dotted(words))
    }

    /// Whether clients call it so, in any case.
    fn is_called(&self, name: &[u8]) -> bool {
        let called = self.dotted.as_deref().unwrap_or(self.command.called());
        called.as_bytes().eq_ignore_ascii_case(name)
    }

    /// Whether its own name is this one, which may be dotted, in any case.
    fn has_own_name(&self, name: &[u8]) -> bool {
        let own = self.command.name.as_bytes();
        let is_like = |(own, byte): (&u8, &u8)| {
            own.eq_ignore_ascii_case(byte) || self.may_be_dotted && *own == b'|' && *byte == b'.'
        };
        own.len() == name.len() && own.iter().zip(name).all(is_like)
    }

    /// Whether a call may have these words.
    fn takes(&self, words: &[&[u8]]) -> bool {
        let count = words.len() as i32 + i32::from(self.name_words - self.name_words_in(words));
        if self.arity > 0 { count == self.arity } else { count >= -self.arity }
    }

    /// Whether this subcommand has this name inside its container, in any case.
    fn is_named(&self, name: &[u8]) -> bool {
        self.command.own_name().as_bytes().eq_ignore_ascii_case(name)
    }
}

/// All commands of one engine.
pub struct CommandTable {
    rows: Vec<Row>,
    /// Open addressing by name, at most a quarter full.
    places: Box<[Place; PLACES]>,
}

/// Where a name is looked for.
#[derive(Clone, Copy, Default, Debug)]
struct Place {
    /// See [`head`].
    head: u64,
    length: u32,
    /// 0: vacant; else an id + 1.
    id: u16,
    /// Whether equal heads and lengths mean equal names.
    is_certain: bool,
}

impl Place {
    #[inline]
    fn is_like(&self, head: u64, name: &[u8]) -> bool {
        self.head == head && self.length as usize == name.len()
    }
}

/// A word that tells names of one length up to eight bytes apart: their bytes, some twice, every letter in
/// lower case and other bytes changed alike.
#[inline]
pub(crate) fn head(name: &[u8]) -> u64 {
    const LOWER: u64 = 0x2020_2020_2020_2020;
    let word = match *name {
        [] => 0,
        [a] => u64::from(a),
        [a, b] => u64::from(u16::from_le_bytes([a, b])),
        [a, b, c] => u64::from(u32::from_le_bytes([a, b, c, 0])),
        _ => {
            let name = &name[..name.len().min(8)];
            let (first, last) = (name.first_chunk().copied(), name.last_chunk().copied());
            let word = |bytes: Option<[u8; 4]>| u64::from(bytes.map_or(0, u32::from_le_bytes));
            word(first) | word(last) << 32
        }
    };
    word | LOWER
}

/// Places of the name table.
const PLACES: usize = 2048;

fn vacant_places() -> Box<[Place; PLACES]> {
    vec![Place::default(); PLACES].try_into().expect("as many places as there are")
}

#[inline]
fn place_of(head: u64, length: usize) -> usize {
    let mixed = (head ^ length as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    (mixed >> 40) as usize % PLACES
}

impl CommandTable {
    /// Collects rows. A subcommand's container must come before it.
    ///
    /// # Panics
    /// If a usage line is malformed, a name is taken twice or a container is missing: a mistake in a row.
    pub fn new<'a>(commands: impl IntoIterator<Item = &'a &'static Command>) -> CommandTable {
        let mut table = CommandTable { rows: Vec::new(), places: vacant_places() };
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
        let name_words = command.name_words();
        let arity = if is_container { -1 - name_words as i32 } else { usage::arity(&arguments, name_words) };
        let (mut is_hidden, mut dotted, mut may_be_dotted) = (false, None, false);
        let arity = if command.flags.contains(Flags::LENIENT) { -arity.abs() } else { arity };
        let mut is_guarded = command.flags.contains(Flags::GUARDED);
        if let Some(container) = command.container() {
            let container = self.by_own_name(container.as_bytes());
            let container = container.expect("a container precedes its subcommands");
            let container = &mut self.rows[container.index()];
            container.subcommands.push(id);
            container.arity = -container.arity.abs();
            container.plain = (u32::MAX, 0);
            is_hidden = container.is_hidden || container.command.flags.contains(Flags::HIDES_SUBCOMMANDS);
            is_guarded |= container.is_guarded;
            let (called, own) = (container.command.called(), command.own_name());
            may_be_dotted = container.command.is_dotted;
            if may_be_dotted && !called.is_empty() {
                dotted = Some(format!("{called}.{own}").into_boxed_str());
            }
            if let Some(name) = &dotted {
                self.add_name(name.as_bytes(), id);
            }
        } else if command.called().is_empty() {
            is_hidden = true;
        } else {
            self.add_name(command.called().as_bytes(), id);
        }
        let name_words = name_words as u8;
        let plan = if is_guarded { Plan::Other } else { Plan::of(command) };
        self.rows.push(Row {
            plan,
            name_words,
            dotted,
            may_be_dotted,
            command,
            arity,
            plain: Row::plain_of(arity),
            arguments,
            subcommands: Vec::new(),
            is_hidden,
            is_guarded,
        });
    }

    fn add_name(&mut self, name: &[u8], id: CommandId) {
        let head = head(name);
        let mut place = place_of(head, name.len());
        while self.places[place].id != 0 {
            place = (place + 1) % PLACES;
        }
        let is_certain = name.len() <= 8 && name.iter().all(u8::is_ascii_alphabetic);
        self.places[place] = Place { head, length: name.len() as u32, id: id.0 + 1, is_certain };
        assert!(self.rows.len() * 4 < PLACES, "the name table has room");
    }

    /// Finds a command that is no subcommand, or one by its dotted name, whatever the case of its name.
    pub fn by_name(&self, name: &[u8]) -> Option<CommandId> {
        let head = head(name);
        let mut place = place_of(head, name.len());
        loop {
            let found = &self.places[place];
            let id = CommandId(found.id.checked_sub(1)?);
            if found.is_like(head, name) && (found.is_certain || self.row(id).is_called(name)) {
                return Some(id);
            }
            place = (place + 1) % PLACES;
        }
    }

    /// Finds a command, or a subcommand by its full name, by its own name, whatever clients call it. O(commands).
    pub fn by_own_name(&self, name: &[u8]) -> Option<CommandId> {
        self.ids().find(|id| self.row(*id).has_own_name(name))
    }

    /// Finds a command by a full name such as `get` or `config|set`, unless it is hidden.
    pub fn by_full_name(&self, name: &[u8]) -> Option<CommandId> {
        let mut names = name.split(|byte| *byte == b'|');
        let first = self.by_name(names.next()?)?;
        let id = names.try_fold(first, |container, name| self.subcommand(container, name));
        id.filter(|id| !self.row(*id).is_hidden)
    }

    /// The subcommands that clients are told of.
    pub fn shown_subcommands(&self, container: CommandId) -> impl ExactSizeIterator<Item = CommandId> {
        let subcommands = &self.row(container).subcommands;
        let is_hidden = subcommands.first().is_some_and(|first| self.row(*first).is_hidden);
        subcommands[..if is_hidden { 0 } else { subcommands.len() }].iter().copied()
    }

    /// Finds a subcommand of a container.
    pub fn subcommand(&self, container: CommandId, name: &[u8]) -> Option<CommandId> {
        self.row(container).subcommands.iter().copied().find(|id| self.row(*id).is_named(name))
    }

    /// The command that these words call, with the number of words its arguments fit.
    pub fn resolve(&self, words: &[&[u8]]) -> Result<CommandId, Error> {
        let Some(id) = words.first().and_then(|name| self.by_name(name)) else {
            return Err(Error::unknown_command(words));
        };
        let row = self.row(id);
        match words.len() {
            2.. if !row.subcommands.is_empty() => self.resolve_subcommand(id, (words, 1)),
            _ if row.takes(words) => Ok(id),
            _ => Err(Error::WrongArity(row.command.name)),
        }
    }

    /// As [`resolve`](CommandTable::resolve), where the words have the command's own name, whatever clients call it.
    pub(crate) fn resolve_own(&self, words: &[&[u8]]) -> Option<CommandId> {
        let id = self.by_own_name(words.first()?)?;
        let row = self.row(id);
        if row.subcommands.is_empty() || words.len() < 2 {
            return row.takes(words).then_some(id);
        }
        self.resolve_subcommand(id, (words, 1)).ok()
    }

    /// As [`resolve`](CommandTable::resolve) where one look is enough, as it is for nearly all calls.
    #[inline]
    pub(crate) fn resolve_at_once(&self, words: &[&[u8]]) -> Option<(CommandId, &Row)> {
        let name = words.first()?;
        let head = head(name);
        let found = &self.places[place_of(head, name.len())];
        if !found.is_certain || !found.is_like(head, name) {
            return None;
        }
        let id = CommandId(found.id - 1);
        let row = self.row(id);
        row.is_plain(words.len()).then_some((id, row))
    }

    /// The subcommand whose name is the word at a position.
    fn resolve_subcommand(
        &self,
        container: CommandId,
        (words, at): (&[&[u8]], usize),
    ) -> Result<CommandId, Error> {
        let (found, name) = (self.subcommand(container, words[at]), words[at]);
        let container = self.row(container);
        let is_vague = container.command.flags.contains(Flags::HIDES_SUBCOMMANDS);
        match found {
            Some(id) if !self.row(id).subcommands.is_empty() && at + 1 < words.len() => {
                self.resolve_subcommand(id, (words, at + 1))
            }
            Some(id) if self.row(id).takes(words) => Ok(id),
            _ if is_vague => Err(Error::wrong_subcommand(container.command.name, name)),
            Some(id) => Err(Error::WrongArity(self.row(id).command.name)),
            None => Err(Error::unknown_subcommand(container.command.called(), name)),
        }
    }

    /// The command or subcommand that words name, however many there are.
    pub fn find_called(&self, words: &[&[u8]]) -> Option<CommandId> {
        let (first, rest) = words.split_first()?;
        let mut id = self.by_name(first)?;
        for name in rest {
            if self.row(id).subcommands.is_empty() {
                break;
            }
            id = self.subcommand(id, name)?;
        }
        Some(id)
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::Group;

    const CONTAINER: Command = Command { name: "pot", is_dotted: true, run: Run::Container, ..Command::ROW };
    const ROW: Command = Command { name: "pot|stir", usage: "key", group: Group::String, ..Command::ROW };

    const INNER: Command = Command { name: "pot|lid", run: Run::Container, ..Command::ROW };
    const LIFT: Command = Command { name: "pot|lid|lift", usage: "height", ..Command::ROW };

    const RENAMED: Command = Command { called: Some("pan"), ..CONTAINER };
    const REMOVED: Command = Command { called: Some(""), ..CONTAINER };

    fn found(table: &CommandTable, call: &str) -> Option<&'static str> {
        let words: Vec<&[u8]> = call.split(' ').map(str::as_bytes).collect();
        let row = table.row(table.resolve(&words).ok()?);
        assert_eq!(usize::from(row.name_words_in(&words)), words.len() - 1, "{call}");
        Some(row.command.name)
    }

    #[test]
    fn a_dotted_name_is_another_name_of_the_same_row() {
        let table = CommandTable::new(&[&CONTAINER, &ROW]);
        for (call, expected) in [
            ("pot stir k", Some("pot|stir")),
            ("POT.Stir k", Some("pot|stir")),
            ("pot.stir", None),
            ("pot.stir k k", None),
            ("pot|stir k", None),
            ("pot. k", None),
            ("potXstir k", None),
        ] {
            assert_eq!(found(&table, call), expected, "{call}");
        }
        assert_eq!(table.by_full_name(b"pot.stir"), table.by_full_name(b"pot|stir"));
    }

    #[test]
    fn a_subcommand_may_hold_others() {
        let table = CommandTable::new(&[&CONTAINER, &ROW, &INNER, &LIFT]);
        for (call, expected) in [
            ("pot lid lift 1", Some("pot|lid|lift")),
            ("Pot.Lid Lift 1", Some("pot|lid|lift")),
            ("pot lid lift", None),
            ("pot.lid lift 1 2", None),
            ("pot.lid.lift 1", None),
            ("pot lid", None),
            ("pot.lid", None),
            ("pot lid stir k", None),
        ] {
            assert_eq!(found(&table, call), expected, "{call}");
            let words: Vec<&[u8]> = call.split(' ').map(str::as_bytes).collect();
            let own = table.resolve_own(&words).map(|id| table.row(id).command.name);
            assert_eq!(own, expected, "{call} in the journal");
        }
        let lift = table.by_full_name(b"pot|lid|lift");
        assert!(lift.is_some() && lift == table.by_own_name(b"pot|lid|lift"));
        assert_eq!(lift, table.find_called(&[b"pot.lid", b"lift"]));
        assert_eq!(table.by_full_name(b"pot|lift"), None);
    }

    #[test]
    fn a_dotted_name_goes_along_with_its_container() {
        let table = CommandTable::new(&[&RENAMED, &ROW]);
        assert_eq!((found(&table, "pan.stir k"), found(&table, "pot.stir k")), (Some("pot|stir"), None));
        let own: [&[u8]; 2] = [b"POT.STIR", b"k"];
        assert!(table.resolve_own(&own).is_some(), "the journal calls it so");
        let table = CommandTable::new(&[&REMOVED, &ROW]);
        assert_eq!((found(&table, "pot.stir k"), found(&table, ".stir k")), (None, None));
        assert!(table.resolve_own(&own).is_some(), "the journal may still call it so");
    }
}
