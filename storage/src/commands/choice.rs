//! How many members to choose at random: what HRANDFIELD, SRANDMEMBER and ZRANDMEMBER have in common.

use crate::command::args::Args;
use crate::error::Error;

/// The most members that may be chosen with repetition: more than fit into any reply that is of use.
const REPEATED_MAX: u64 = 1 << 24;

/// A number of members to choose: different ones, or, negative, any.
#[derive(Clone, Copy)]
pub(super) struct Choice(i64);

/// What a [`Choice`] asks for.
pub(super) enum Chosen {
    /// So many different members, or all if there are no more.
    Different(usize),
    /// So many, each chosen without regard to the others.
    Any(usize),
}

impl Choice {
    /// Reads the number.
    pub(super) fn parse(args: &mut Args<'_>) -> Result<Choice, Error> {
        let count = args.integer_between(-i64::MAX, i64::MAX);
        args.check()?;
        Ok(Choice(count))
    }

    /// Reads the number and, perhaps, a word that asks for what belongs to each member, too; none if nothing is left.
    pub(super) fn parse_with(args: &mut Args<'_>, word: &str) -> Result<Option<(Choice, bool)>, Error> {
        if args.remaining() == 0 {
            return Ok(None);
        }
        let choice = Choice::parse(args)?;
        let has_word = args.accept(word);
        args.finish()?;
        if has_word && choice.0.unsigned_abs() > i64::MAX as u64 / 2 {
            return Err(Error::ValueOutOfRange);
        }
        Ok(Some((choice, has_word)))
    }

    /// What is to be chosen of a collection of `len` members.
    pub(super) fn of(self, len: usize) -> Result<Chosen, Error> {
        match usize::try_from(self.0) {
            Ok(count) => Ok(Chosen::Different(count.min(len))),
            Err(_) if self.0.unsigned_abs() > REPEATED_MAX => Err(Error::ValueOutOfRange),
            Err(_) => Ok(Chosen::Any(self.0.unsigned_abs() as usize)),
        }
    }
}
