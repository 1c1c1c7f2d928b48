//! Listing a collection in portions: what HSCAN, SSCAN and ZSCAN have in common.

use super::generic::parse_cursor;
use crate::command::args::Args;
use crate::error::Error;
use crate::pattern::{Case, matches};
use spinel_resp::ReplyWriter;
use spinel_types::string::INTEGER_DIGITS_MAX;
use spinel_types::{Cursor, Str};

const COUNT_DEFAULT: usize = 10;

/// What of a collection is shown, and how much is looked at.
pub(super) struct Portion<'a> {
    /// How many members to look at, at least.
    pub(super) count: usize,
    pattern: Option<&'a [u8]>,
}

/// Reads where a listing goes on.
pub(super) fn cursor(word: &[u8]) -> Result<Cursor, Error> {
    parse_cursor(word).map(Cursor::from_bits).ok_or(Error::Text("ERR invalid cursor"))
}

impl<'a> Portion<'a> {
    /// Reads the options that are left.
    pub(super) fn parse(args: &mut Args<'a>) -> Result<Portion<'a>, Error> {
        Portion::parse_with(args, |_| false)
    }

    /// Reads the options that are left; `accept` takes one that only its command has.
    pub(super) fn parse_with(
        args: &mut Args<'a>,
        mut accept: impl FnMut(&mut Args<'a>) -> bool,
    ) -> Result<Portion<'a>, Error> {
        let mut portion = Portion { count: COUNT_DEFAULT, pattern: None };
        while args.remaining() > 0 {
            if args.remaining() > 1 && args.accept("COUNT") {
                let count = args.integer();
                args.check()?;
                portion.count =
                    usize::try_from(count).ok().filter(|count| *count > 0).ok_or(Error::Syntax)?;
            } else if args.remaining() > 1 && args.accept("MATCH") {
                portion.pattern = Some(args.word()).filter(|pattern| *pattern != b"*");
            } else if accept(args) {
            } else if args.accept("NOVALUES") {
                return Err(Error::Text("ERR NOVALUES option can only be used in HSCAN"));
            } else {
                return Err(Error::Syntax);
            }
        }
        Ok(portion)
    }

    /// Whether a member is to be shown.
    pub(super) fn shows(&self, member: Str<'_>) -> bool {
        let mut digits = [0; INTEGER_DIGITS_MAX];
        self.pattern.is_none_or(|pattern| matches(pattern, member.text(&mut digits), Case::Sensitive))
    }

    /// Replies where to go on, if anywhere, and the `count` replies that were found.
    pub(super) fn reply(reply: &mut ReplyWriter, next: Option<Cursor>, count: usize, found: &ReplyWriter) {
        reply.array(2);
        reply.bulk(next.map_or(0, Cursor::bits).to_string().as_bytes());
        reply.array(count);
        reply.raw(found.bytes());
    }

    /// Replies that there is nothing.
    pub(super) fn reply_empty(reply: &mut ReplyWriter) {
        reply.array(2);
        reply.bulk(b"0");
        reply.array(0);
    }
}
