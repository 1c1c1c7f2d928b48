//! Visiting a hash in portions while it changes.

use super::{HashRef, value_of};
use crate::string::Str;
use crate::table::Cursor;

impl HashRef<'_> {
    /// Visits some fields that have not expired by `now`, with their values, and says where to go on, `None` at the end.
    ///
    /// From the default cursor until `None`, a field that is there throughout is visited at least once, whatever
    /// else comes or goes meanwhile. A listpack is visited at once, whatever the cursor; else O(1).
    pub fn scan(self, cursor: Cursor, now: i64, mut visit: impl FnMut(Str<'_>, Str<'_>)) -> Option<Cursor> {
        let mut look = |field: Str<'_>, value: Str<'_>, expiry: Option<i64>| {
            if expiry.is_none_or(|at| at > now) {
                visit(field, value);
            }
        };
        match self {
            HashRef::Large(hash) => {
                hash.table.scan(cursor, |member| look(member.key(), value_of(member), member.stamp()))
            }
            HashRef::Compact(pack) => {
                pack.iter().for_each(|(field, value, expiry)| look(field, value, expiry));
                None
            }
        }
    }
}
