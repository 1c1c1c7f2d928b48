//! The conditions of EXEC, all of which must hold.

use spinel_storage::command::args::Args;
use spinel_storage::engine::{Claim, Turn};
use spinel_storage::{DbIndex, Error};

/// What must be so of a key.
pub(super) struct Condition<'a> {
    pub(super) key: &'a [u8],
    wanted: Wanted<'a>,
}

enum Wanted<'a> {
    /// It holds the string.
    Equal(&'a [u8]),
    /// It does not hold the string.
    Different(&'a [u8]),
    Absent,
    Present,
}

impl<'a> Condition<'a> {
    /// Reads all conditions there are.
    pub(super) fn parse_all(args: &mut Args<'a>) -> Result<Vec<Condition<'a>>, Error> {
        let mut conditions = Vec::new();
        while args.remaining() > 0 {
            conditions.push(Condition::parse(args)?);
        }
        args.check()?;
        Ok(conditions)
    }

    fn parse(args: &mut Args<'a>) -> Result<Condition<'a>, Error> {
        let is_equal = args.accept("IFEQ");
        if is_equal || args.accept("IFNE") {
            let (key, value) = (args.word(), args.word());
            let wanted = if is_equal { Wanted::Equal(value) } else { Wanted::Different(value) };
            return Ok(Condition { key, wanted });
        }
        let wanted = if args.accept("NX") {
            Wanted::Absent
        } else if args.accept("XX") {
            Wanted::Present
        } else {
            return Err(Error::Syntax);
        };
        Ok(Condition { key: args.word(), wanted })
    }

    /// Whether the key is as wanted. A value of another type is no string, so it equals none.
    pub(super) fn holds<'e>(&self, turn: &mut Turn<'e>, claim: &mut Claim<'e>, db: DbIndex) -> bool {
        let found = turn.text_of(claim, db, self.key);
        match self.wanted {
            Wanted::Equal(value) => matches!(found, Some(Some(text)) if text == value),
            Wanted::Different(value) => !matches!(found, Some(Some(text)) if text == value),
            Wanted::Absent => found.is_none(),
            Wanted::Present => found.is_some(),
        }
    }
}
