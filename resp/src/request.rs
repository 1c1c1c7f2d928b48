//! The request parser: bytes of a connection in, complete requests as slices of those bytes out.
//!
//! A request is an array of bulk strings (`*2\r\n$3\r\nGET\r\n$1\r\nk\r\n`) or an inline command: one line of words
//! (`GET k\r\n`). [`Parser::parse`] takes everything complete that the read buffer holds in one pass, so that a whole
//! pipeline is known before its first command runs. Nothing is copied but the words of inline commands, which quoting
//! can make differ from the bytes received.
//!
//! Redis reads a header up to its CR and takes the byte after it for the LF, and takes the two bytes after a bulk for
//! its CR LF, both unseen. It searches lines as C strings, so a line with a NUL byte never ends and is refused once it
//! exceeds the limit. Both are kept, since what one server accepts another must not refuse.

mod batch;
mod inline;
mod limits;
mod whole;

pub use batch::{Batch, Words, WordsIter};
pub use inline::{quote, split_line};
pub use limits::{Limits, ProtocolError};

use crate::number::parse_integer;
use batch::{Source, Span};
use whole::{Bounds, short_count, take_array};

/// Partial requests of up to this many words are copied from call to call (512 bytes), longer ones move as they are.
const WORDS_COPIED_MAX: usize = 32;

/// Holds one connection's place inside a request that has not fully arrived.
///
/// An idle parser between requests owns at most a few words of memory.
#[derive(Debug, Default)]
pub struct Parser {
    /// Where the next header, bulk or line begins, counted from the start of the unfinished request.
    position: usize,
    /// How many bytes from `position` on are known not to end the line that begins there.
    searched: usize,
    /// Words of the current array that are still to come; 0 between requests.
    words_missing: usize,
    /// The length of the bulk at `position`, once its header has been read.
    bulk_bytes: Option<usize>,
    /// The words of the unfinished request that are already complete.
    words: Vec<Span>,
}

/// Whether a step could be done with the bytes at hand.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Progress {
    Done,
    Incomplete,
}

/// What the search for the end of a line found.
enum Line {
    /// The offset of the terminator.
    Ended(usize),
    Incomplete,
    TooLong,
}

impl Parser {
    /// Creates a parser that expects the start of a request. It allocates nothing.
    pub const fn new() -> Parser {
        Parser { position: 0, searched: 0, words_missing: 0, bulk_bytes: None, words: Vec::new() }
    }

    /// Parses every complete request in `input` into `batch`, whose former content is dropped.
    ///
    /// `input` starts at the first byte that the last batch did not consume and holds at least what it held then: the
    /// caller drops [`Batch::consumed`] bytes, appends what has arrived and calls again. The time is linear in the new
    /// bytes, in whatever pieces they come; the content of bulks is never looked at.
    ///
    /// # Errors
    ///
    /// The requests before the offending one are in `batch` and are to be answered first. The parser stays in front
    /// of the offending header: one that was refused for want of authentication may be tried again under other limits
    /// if a request of this very batch authenticated.
    pub fn parse(&mut self, input: &[u8], limits: &Limits, batch: &mut Batch) -> Result<(), ProtocolError> {
        assert!(self.position + self.searched <= input.len(), "the input lost bytes that were not consumed");
        batch.clear();
        self.resume_words(batch);

        let outcome = self.parse_requests(input, limits, batch);

        self.keep_words(batch);
        self.position -= batch.consumed;
        outcome
    }

    /// Returns how long `input` must be at least before parsing can get further, or 0 when that is unknown.
    ///
    /// It lets a connection reserve for a large bulk at once instead of growing its buffer step by step. The number is
    /// announced by the peer and bounded by [`Limits::bulk_bytes_max`] only.
    pub fn wanted_bytes(&self) -> usize {
        self.bulk_bytes.map_or(0, |bytes| self.position.saturating_add(bytes).saturating_add(2))
    }

    fn parse_requests(
        &mut self,
        input: &[u8],
        limits: &Limits,
        batch: &mut Batch,
    ) -> Result<(), ProtocolError> {
        let bounds = Bounds::of(limits);
        loop {
            if self.words_missing == 0 {
                self.take_whole(input, &bounds, batch);
            }
            if self.position == input.len() {
                break;
            }
            let progress = if self.words_missing > 0 {
                self.parse_bulks(input, limits, batch)?
            } else if input[self.position] == b'*' {
                self.parse_array_header(input, limits, batch)?
            } else {
                self.parse_inline(input, limits, batch)?
            };
            if progress == Progress::Incomplete {
                break;
            }
        }
        Ok(())
    }

    /// Takes requests until one is not as they usually are.
    ///
    /// A function of its own, so that its loop has all registers for itself.
    #[inline(never)]
    fn take_whole(&mut self, input: &[u8], bounds: &Bounds, batch: &mut Batch) {
        let mut at = self.position;
        while let Some(end) = take_array(input, at, bounds, &mut batch.words) {
            batch.end_request(Source::Input, end);
            at = end;
        }
        if at > self.position {
            self.advance(at);
        }
        batch.words.truncate(batch.words_complete());
    }

    fn parse_array_header(
        &mut self,
        input: &[u8],
        limits: &Limits,
        batch: &mut Batch,
    ) -> Result<Progress, ProtocolError> {
        let end = match self.header_end(input, limits) {
            Line::Ended(end) => end,
            Line::Incomplete => return Ok(Progress::Incomplete),
            Line::TooLong => return Err(ProtocolError::MultibulkCountTooLong),
        };
        let count = limits.check_arguments(parse_integer(&input[self.position + 1..end]))?;
        self.advance(end + 2);
        self.words_missing = count;
        if count == 0 {
            batch.consumed = self.position;
        }
        Ok(Progress::Done)
    }

    /// Takes the bulks of the current array, as many as there are.
    fn parse_bulks(
        &mut self,
        input: &[u8],
        limits: &Limits,
        batch: &mut Batch,
    ) -> Result<Progress, ProtocolError> {
        while self.words_missing > 0 {
            let Some(bytes) = self.bulk_length(input, limits)? else {
                return Ok(Progress::Incomplete);
            };
            if input.len() - self.position < bytes.saturating_add(2) {
                self.bulk_bytes = Some(bytes);
                return Ok(Progress::Incomplete);
            }
            batch.words.push(Span { start: self.position, end: self.position + bytes });
            self.bulk_bytes = None;
            self.position += bytes + 2;
            self.words_missing -= 1;
        }
        batch.end_request(Source::Input, self.position);
        Ok(Progress::Done)
    }

    /// Returns the length of the bulk at hand: noted before, or read from its header as soon as that is complete.
    #[inline]
    fn bulk_length(&mut self, input: &[u8], limits: &Limits) -> Result<Option<usize>, ProtocolError> {
        if self.bulk_bytes.is_some() {
            return Ok(self.bulk_bytes);
        }
        match short_count(&input[self.position..], b'$') {
            Some((bytes, bulk)) if bytes <= limits.bulk_bytes_allowed() => {
                self.advance(input.len() - bulk.len());
                Ok(Some(bytes))
            }
            _ => self.parse_bulk_header(input, limits),
        }
    }

    #[cold]
    fn parse_bulk_header(&mut self, input: &[u8], limits: &Limits) -> Result<Option<usize>, ProtocolError> {
        if self.position == input.len() {
            return Ok(None);
        }
        let end = match self.header_end(input, limits) {
            Line::Ended(end) => end,
            Line::Incomplete => return Ok(None),
            Line::TooLong => return Err(ProtocolError::BulkCountTooLong),
        };
        let found = input[self.position];
        if found != b'$' {
            return Err(ProtocolError::ExpectedBulk { found });
        }
        let bytes = limits.check_bulk(parse_integer(&input[self.position + 1..end]))?;
        self.advance(end + 2);
        Ok(Some(bytes))
    }

    fn parse_inline(
        &mut self,
        input: &[u8],
        limits: &Limits,
        batch: &mut Batch,
    ) -> Result<Progress, ProtocolError> {
        let end = match self.line_end(input, b'\n', limits.inline_bytes_max) {
            Line::Ended(end) => end,
            Line::Incomplete => return Ok(Progress::Incomplete),
            Line::TooLong => return Err(ProtocolError::InlineTooLong),
        };
        let line = &input[self.position..end];
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        batch.push_inline(line, end + 1)?;
        self.advance(end + 1);
        Ok(Progress::Done)
    }

    fn advance(&mut self, position: usize) {
        self.position = position;
        self.searched = 0;
    }

    /// Finds the CR of the header at `position`; the header has ended when the byte after the CR is there, too.
    fn header_end(&mut self, input: &[u8], limits: &Limits) -> Line {
        match self.line_end(input, b'\r', limits.inline_bytes_max) {
            Line::Ended(end) if end + 1 == input.len() => {
                self.searched = end - self.position;
                Line::Incomplete
            }
            line => line,
        }
    }

    /// Finds `terminator` at most `bytes_max` bytes after `position`, starting where the last search gave up.
    ///
    /// A NUL byte stops the search for good, see the head of this file.
    fn line_end(&mut self, input: &[u8], terminator: u8, bytes_max: usize) -> Line {
        let from = self.position + self.searched;
        let until = input.len().min(self.position.saturating_add(bytes_max).saturating_add(1));
        let stop = input[from..until.max(from)].iter().position(|&byte| byte == terminator || byte == 0);
        let stop = stop.map(|offset| from + offset);
        if let Some(end) = stop
            && input[end] == terminator
        {
            return Line::Ended(end);
        }
        if input.len() - self.position > bytes_max {
            return Line::TooLong;
        }
        self.searched = stop.unwrap_or(input.len()) - self.position;
        Line::Incomplete
    }

    /// Hands the words of the unfinished request to the batch, to which the rest of them will be appended.
    fn resume_words(&mut self, batch: &mut Batch) {
        if self.words.len() <= WORDS_COPIED_MAX {
            batch.words.append(&mut self.words);
        } else {
            batch.words = std::mem::take(&mut self.words);
        }
    }

    /// Takes back the words that belong to no complete request, counted from where that request starts.
    fn keep_words(&mut self, batch: &mut Batch) {
        let complete = batch.words_complete();
        if complete == 0 && batch.words.len() > WORDS_COPIED_MAX {
            // The request began at the start of the input, so the offsets are right as they are.
            self.words = std::mem::take(&mut batch.words);
            return;
        }
        self.words.clear();
        self.words.extend(batch.words[complete..].iter().map(|word| word.before(batch.consumed)));
        batch.words.truncate(complete);
    }
}
