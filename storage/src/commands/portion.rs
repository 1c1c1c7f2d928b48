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
    count: usize,
    pattern: Option<&'a [u8]>,
}

/// So many steps per member wanted are made before a portion ends, however few members they meet.
const STEPS_PER_MEMBER: usize = 10;

/// What a portion shows.
pub(super) struct Page<'p, 'a> {
    portion: &'p Portion<'a>,
    found: ReplyWriter,
    seen: usize,
    replies: usize,
}

impl Page<'_, '_> {
    /// Looks at a member, and returns where to write it, as so many replies, if it is shown.
    pub(super) fn place(&mut self, member: Str<'_>, replies: usize) -> Option<&mut ReplyWriter> {
        self.seen += 1;
        self.portion.shows(member).then(|| {
            self.replies += replies;
            &mut self.found
        })
    }
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
    fn shows(&self, member: Str<'_>) -> bool {
        let mut digits = [0; INTEGER_DIGITS_MAX];
        self.pattern.is_none_or(|pattern| matches(pattern, member.text(&mut digits), Case::Sensitive))
    }

    /// Lists from a cursor on: `visit` looks at some members, puts those that are shown on the page, and says where
    /// to go on. Replies that, and the page.
    pub(super) fn list(
        &self,
        reply: &mut ReplyWriter,
        start: Cursor,
        mut visit: impl FnMut(Cursor, &mut Page<'_, 'a>) -> Option<Cursor>,
    ) {
        let found = ReplyWriter::new(reply.protocol());
        let mut page = Page { portion: self, found, seen: 0, replies: 0 };
        let (mut next, mut steps) = (Some(start), 0);
        while let Some(at) = next
            && page.seen < self.count
            && steps < self.count.saturating_mul(STEPS_PER_MEMBER)
        {
            steps += 1;
            next = visit(at, &mut page);
        }
        reply.array(2);
        reply.bulk(next.map_or(0, Cursor::bits).to_string().as_bytes());
        reply.array(page.replies);
        reply.raw(page.found.bytes());
    }

    /// Replies that there is nothing.
    pub(super) fn reply_empty(reply: &mut ReplyWriter) {
        reply.array(2);
        reply.bulk(b"0");
        reply.array(0);
    }
}
