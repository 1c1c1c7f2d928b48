//! The bits of [`Numbers::rules`](spinel_types::http_cache::Numbers::rules): what a hit has to know of an answer's fields.
//!
//! They are written to disk with the variant, so a bit never changes its meaning.

/// It must not be served when it is no longer fresh, unless its origin says that it is still valid: `must-revalidate`,
/// `proxy-revalidate`, `s-maxage`, `no-cache`.
pub const NEVER_STALE: u32 = 1;

/// It must not be served without asking its origin: `no-cache`. Its deadlines say so, too; this says why.
pub const ALWAYS_ASK: u32 = 1 << 1;

/// How long it is fresh was guessed from its last modification.
pub const GUESSED: u32 = 1 << 2;

/// Its deadlines follow from its fields, and do so again when it is found valid. Without it they were given when it was written, and
/// what was given holds again.
pub const BY_FIELDS: u32 = 1 << 3;
