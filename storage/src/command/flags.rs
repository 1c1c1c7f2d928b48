//! What a command may do, and when it may run.

use std::ops::BitOr;

/// A set of command flags, as COMMAND INFO shows them.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Flags(u32);

macro_rules! flags {
    ($($(#[$doc:meta])* $constant:ident = $bit:expr, $name:expr;)*) => {
        impl Flags {
            $($(#[$doc])* pub const $constant: Flags = Flags(1 << $bit);)*
            /// Every flag with the name it has in replies; an empty name is not shown.
            pub const ALL: &[(Flags, &str)] = &[$((Flags::$constant, $name)),*];
        }
    };
}

flags! {
    /// May change the keyspace.
    WRITE = 0, "write";
    /// Only reads keys.
    READONLY = 1, "readonly";
    /// May grow memory; refused when it has run out.
    DENYOOM = 2, "denyoom";
    /// Administers the server.
    ADMIN = 3, "admin";
    /// Belongs to Pub/Sub.
    PUBSUB = 4, "pubsub";
    /// Not from scripts.
    NOSCRIPT = 5, "noscript";
    /// May block the client.
    BLOCKING = 6, "blocking";
    /// Also while a data set is loading.
    LOADING = 7, "loading";
    /// Also on a replica that lost its primary.
    STALE = 8, "stale";
    /// Not shown to monitors.
    SKIP_MONITOR = 9, "skip_monitor";
    /// Not kept in the slow log.
    SKIP_SLOWLOG = 10, "skip_slowlog";
    /// Constant or logarithmic time.
    FAST = 11, "fast";
    /// Allowed before authentication.
    NO_AUTH = 12, "no_auth";
    /// May reach the log and replicas without having changed a key.
    MAY_REPLICATE = 13, "";
    /// Not inside a transaction.
    NO_MULTI = 14, "no_multi";
    /// May be called without keys though it takes some.
    NO_MANDATORY_KEYS = 28, "no_mandatory_keys";
    /// Keys can't be told from the specifications alone.
    MOVABLEKEYS = 15, "movablekeys";
    /// Allowed while the server is busy with a script.
    ALLOW_BUSY = 16, "allow_busy";
    /// Not while an asynchronous load runs.
    NO_ASYNC_LOADING = 17, "no_async_loading";
    /// Touches every database or the keyspace as a whole: access category `keyspace`.
    KEYSPACE = 18, "";
    /// Can do harm: access category `dangerous`.
    DANGEROUS = 19, "";
    /// Tells administrators something and changes nothing: access categories `admin` and `dangerous`.
    FOR_ADMIN = 29, "";
    /// Sorts lists, sets and sorted sets: their access categories, and not `keyspace`.
    SORTS = 25, "";
    /// Does not mark keys as used.
    TOUCHES_ARBITRARY_KEYS = 20, "";
    /// Is about the connection though its group is another: access category `connection`.
    CONNECTION = 21, "";
    /// Its subcommands are not commands for clients: COMMAND does not list them, and an error does not tell
    /// whether a subcommand is unknown or has the wrong number of arguments.
    HIDES_SUBCOMMANDS = 22, "";
    /// Takes more words than its usage names, and ignores them.
    LENIENT = 23, "";
    /// Also allowed to a client of RESP2 that listens to channels.
    LISTENS = 26, "";
    /// Runs, as all its subcommands, only where the host allows it.
    GUARDED = 24, "";
    /// Runs at once also inside a transaction.
    IMMEDIATE = 27, "";
    /// Its words are nobody's business: passwords, and users with their rights.
    SECRET = 30, "";
    /// Some of its words may be passwords.
    SECRET_PARTS = 31, "";
}

impl Flags {
    /// No flag.
    pub const NONE: Flags = Flags(0);

    /// Whether all of `other` are in this set.
    #[inline]
    pub const fn contains(self, other: Flags) -> bool {
        self.0 & other.0 == other.0
    }

    /// Both sets together; `|` in constants.
    #[must_use]
    pub const fn with(self, other: Flags) -> Flags {
        Flags(self.0 | other.0)
    }
}

impl BitOr for Flags {
    type Output = Flags;

    fn bitor(self, other: Flags) -> Flags {
        self.with(other)
    }
}
