//! What a script or function declares about itself.

/// The flags in the first line of a script, or given to `redis.register_function`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Flags(u8);

/// What a script has without a first line that declares anything: Redis decides by each command that it calls.
const UNDECLARED: u8 = 1 << 7;

const NAMES: [(u8, &str); 5] = [
    (1 << 0, "no-writes"),
    (1 << 1, "allow-oom"),
    (1 << 2, "allow-stale"),
    (1 << 3, "no-cluster"),
    (1 << 4, "allow-cross-slot-keys"),
];

impl Flags {
    /// The flags of a script that declares nothing.
    pub const UNDECLARED: Flags = Flags(UNDECLARED);
    /// It writes nothing.
    pub const NO_WRITES: Flags = Flags(NAMES[0].0);
    /// It may run while memory has run out.
    pub const ALLOW_OOM: Flags = Flags(NAMES[1].0);
    /// It may run on a replica that lost its primary.
    pub const ALLOW_STALE: Flags = Flags(NAMES[2].0);
    /// It doesn't run in a cluster.
    pub const NO_CLUSTER: Flags = Flags(NAMES[3].0);
    /// It may use keys of several slots of a cluster.
    pub const ALLOW_CROSS_SLOT_KEYS: Flags = Flags(NAMES[4].0);

    /// Tells whether all of `other` are in this set.
    pub fn has(self, other: Flags) -> bool {
        self.0 & other.0 == other.0
    }

    /// Tells whether the flags were declared: a function's always are, a script's by its first line.
    pub fn are_declared(self) -> bool {
        self.0 & UNDECLARED == 0
    }

    /// Returns the names of the flags, in the order in which Redis lists them.
    pub fn names(self) -> impl Iterator<Item = &'static str> {
        NAMES.into_iter().filter(move |(bit, _)| self.0 & bit != 0).map(|(_, name)| name)
    }

    /// Adds the flag of this name; returns whether there is one.
    pub(crate) fn insert(&mut self, name: &[u8]) -> bool {
        let found = NAMES.into_iter().find(|(_, other)| other.as_bytes() == name);
        self.0 |= found.map_or(0, |(bit, _)| bit);
        found.is_some()
    }
}
