//! What becomes of a member of a collection, as far as its expiry is concerned.

/// What is to happen to a field of a hash, or to a member of a set or a sorted set.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Fate {
    /// It stays as it is.
    Stays,
    /// It expires at this time, which is not 0.
    Expires(i64),
    /// It stays and will not expire any more.
    Persists,
    /// It is removed.
    Goes,
}

impl Fate {
    /// The stamp of a member whose fate is to get another one.
    pub(crate) fn stamp(self) -> Option<i64> {
        match self {
            Fate::Expires(at) => Some(at),
            _ => None,
        }
    }
}
