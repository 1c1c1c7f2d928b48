//! What a command is: one constant row beside its handler, and what is derived from it.
//!
//! A row says name, usage, keys, flags and prose; arity and the argument tree come from the usage line
//! ([`usage`]), key positions from the key specifications ([`keys`]), lookup from [`table`]. Handlers read
//! their arguments with [`args::Args`] and get everything else from a [`call::Call`].

pub mod args;
pub mod call;
pub mod category;
pub mod flags;
pub mod help;
pub mod keys;
pub mod table;
pub mod usage;

use crate::error::Error;
use crate::keyspace::event::{Class, Event};
use call::Call;
use flags::Flags;
use keys::KeySpec;

/// A data command: reads arguments, reads or changes the keyspace, replies.
pub type Handler = fn(&mut Call<'_>) -> Result<(), Error>;

/// Who runs a command.
#[derive(Clone, Copy)]
pub enum Run {
    /// The engine.
    Data(Handler),
    /// The program around the engine: connections, settings, the process.
    Host,
    /// Nobody: the command only holds subcommands.
    Container,
}

/// The family a command belongs to, as shown by COMMAND DOCS.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Group {
    /// Bitmaps and bitfields.
    Bitmap,
    /// Connections and sessions.
    Connection,
    /// Keys of any type.
    Generic,
    /// Points on the earth.
    Geo,
    /// Hashes.
    Hash,
    /// Answers of HTTP origins.
    HttpCache,
    /// Sketches of how many different elements there are.
    HyperLogLog,
    /// Lists.
    List,
    /// Channels and their subscribers.
    PubSub,
    /// Scripts and functions.
    Scripting,
    /// The server as a whole.
    Server,
    /// Sets.
    Set,
    /// Sorted sets.
    SortedSet,
    /// Streams.
    Stream,
    /// Strings.
    String,
    /// Transactions.
    Transactions,
}

impl Group {
    /// The name used in documents.
    pub const fn name(self) -> &'static str {
        match self {
            Group::Bitmap => "bitmap",
            Group::Connection => "connection",
            Group::Generic => "generic",
            Group::Geo => "geo",
            Group::Hash => "hash",
            Group::HttpCache => "http-cache",
            Group::HyperLogLog => "hyperloglog",
            Group::List => "list",
            Group::PubSub => "pubsub",
            Group::Scripting => "scripting",
            Group::Server => "server",
            Group::Set => "set",
            Group::SortedSet => "sorted-set",
            Group::Stream => "stream",
            Group::String => "string",
            Group::Transactions => "transactions",
        }
    }
}

/// Which words of a command name channels that it sends to or begins to listen to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Channels {
    /// None.
    None,
    /// The first one after the name.
    First,
    /// All after the name.
    All,
    /// All after the name, and they are patterns.
    Patterns,
}

/// Which databases a command uses besides the one that its client has chosen.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Databases {
    /// None.
    None,
    /// Those whose numbers are the words at these positions.
    At(&'static [usize]),
    /// The one whose number follows this option, which is looked for from a position.
    Option(&'static str, usize),
    /// All.
    All,
}

impl Command {
    /// The positions of words that name databases; of a command that uses all of them, that of its name.
    pub fn database_positions(&self, words: &[&[u8]]) -> impl Iterator<Item = usize> {
        let (fixed, option): (&[usize], _) = match self.databases {
            Databases::None => (&[], None),
            Databases::All => (&[0], None),
            Databases::At(positions) => (positions, None),
            Databases::Option(name, from) => {
                let is_option = |at: &usize| words[*at].eq_ignore_ascii_case(name.as_bytes());
                (&[], (from..words.len()).rev().find(is_option).map(|at| at + 1))
            }
        };
        let count = words.len();
        fixed.iter().copied().chain(option).filter(move |at| *at < count)
    }

    /// Whether it uses the database that its client has chosen.
    pub fn uses_database(&self) -> bool {
        let has_keys = self.keys.iter().any(|spec| !spec.usage.contains(keys::KeyUse::NOT_KEY));
        let is_of_data = self.flags.contains(Flags::WRITE) || self.flags.contains(Flags::READONLY);
        has_keys || is_of_data || self.is_in_category("keyspace")
    }
}

/// How much of the keyspace a command needs at once.
#[derive(Clone, Copy, Debug)]
pub enum Reach {
    /// The shards of its keys.
    Keys,
    /// One shard after another, each only briefly: others go on meanwhile.
    Sweep,
    /// Everything, alone.
    Whole,
    /// By its words, the name included: `Whole` if this says so, else `Keys`.
    WholeIf(fn(&[&[u8]]) -> bool),
}

/// How much of the keyspace a call needs at once; see [`Reach`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Extent {
    Keys,
    Sweep,
    Whole,
}

impl Reach {
    /// What a call with these words needs.
    #[inline]
    pub(crate) fn of_call(self, words: &[&[u8]]) -> Extent {
        match self {
            Reach::Keys => Extent::Keys,
            Reach::Sweep => Extent::Sweep,
            Reach::Whole => Extent::Whole,
            Reach::WholeIf(is_whole) => {
                if is_whole(words) {
                    Extent::Whole
                } else {
                    Extent::Keys
                }
            }
        }
    }
}

/// One row of the command table.
pub struct Command {
    /// Lower case; a subcommand is `container|name`, and `container|name|name` if that holds others.
    pub name: &'static str,
    /// By which other name clients call it, if they do; empty if they can't call it at all. Its subcommands go along.
    pub called: Option<&'static str>,
    /// Whether this container's subcommands may be called by one word, too: `CACHE.GET` is `CACHE GET`.
    pub is_dotted: bool,
    /// The arguments after the name, in the grammar of [`usage`].
    pub usage: &'static str,
    /// The event that a key tells of which it has changed, unless the handler says otherwise; empty if it always
    /// does.
    pub event: &'static str,
    /// Where the keys are.
    pub keys: &'static [KeySpec],
    /// Where channels are, as far as rights are asked for.
    pub channels: Channels,
    /// Which databases it names, as far as rights are asked for.
    pub databases: Databases,
    /// What the command may do and when it may run.
    pub flags: Flags,
    /// The family.
    pub group: Group,
    /// What of the keyspace is taken while it runs.
    pub reach: Reach,
    /// The Redis release that brought it (or its equivalent elsewhere).
    pub since: &'static str,
    /// Time complexity.
    pub cost: &'static str,
    /// One sentence about what it does.
    pub about: &'static str,
    /// Hints for clients: `nondeterministic_output`, `request_policy:…`.
    pub tips: &'static [&'static str],
    /// Since when it is deprecated, and what to use instead.
    pub deprecated: Option<(&'static str, &'static str)>,
    /// Who runs it.
    pub run: Run,
}

impl Command {
    /// A row to start from: `Command { name: …, ..Command::ROW }`.
    pub const ROW: Command = Command {
        name: "",
        called: None,
        is_dotted: false,
        usage: "",
        event: "",
        keys: &[],
        channels: Channels::None,
        databases: Databases::None,
        flags: Flags::NONE,
        group: Group::Generic,
        reach: Reach::Keys,
        since: "1.0.0",
        cost: "O(1)",
        about: "",
        tips: &[],
        deprecated: None,
        run: Run::Host,
    };

    /// The event that a changed key tells of if the handler tells of none, in the class of the command's group.
    pub fn usual_event(&self) -> Option<Event> {
        let class = match self.group {
            Group::String | Group::Bitmap | Group::HyperLogLog => Class::STRING,
            Group::List => Class::LIST,
            Group::Set => Class::SET,
            Group::Hash => Class::HASH,
            Group::SortedSet | Group::Geo => Class::SORTED_SET,
            Group::Stream => Class::STREAM,
            _ => Class::GENERIC,
        };
        (!self.event.is_empty()).then_some(Event { class, name: self.event })
    }

    /// The name by which clients call it.
    pub fn called(&self) -> &'static str {
        self.called.unwrap_or(self.name)
    }

    /// The container's name, if this is a subcommand. The container may be one itself.
    pub fn container(&self) -> Option<&'static str> {
        self.name.rsplit_once('|').map(|(container, _)| container)
    }

    /// The name inside its container.
    pub fn own_name(&self) -> &'static str {
        self.name.rsplit_once('|').map_or(self.name, |(_, own)| own)
    }

    /// How many words its name is, if it is not dotted.
    pub fn name_words(&self) -> usize {
        self.name.split('|').count()
    }
}
