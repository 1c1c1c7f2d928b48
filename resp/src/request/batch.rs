//! What one call of the parser found: the words of complete requests as spans, without an allocation per request.

use super::{ProtocolError, inline};
use std::ops::Range;

/// Words beyond this capacity (256 KiB of spans) are given back when the batch is cleared.
const WORDS_KEPT_MAX: usize = 16 * 1024;

/// Unquoted bytes beyond this capacity are given back when the batch is cleared.
const UNQUOTED_BYTES_KEPT_MAX: usize = 64 * 1024;

/// A word's place in the bytes that its request's [`Source`] names.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Span {
    pub(super) start: usize,
    pub(super) end: usize,
}

impl Span {
    /// The same place counted from `bytes` later.
    pub(super) fn before(self, bytes: usize) -> Span {
        Span { start: self.start - bytes, end: self.end - bytes }
    }
}

/// Which bytes the spans of a request point into.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Source {
    Input,
    Unquoted,
}

#[derive(Clone, Copy, Debug)]
struct Request {
    /// One past the request's last word in [`Batch::words`]; its first is where the request before it ends.
    words_end: usize,
    source: Source,
}

/// Holds the complete requests of one call of [`Parser::parse`](super::Parser::parse).
///
/// Meant to be used again and again: after a few calls it allocates no more. One batch can serve many connections in
/// turn.
#[derive(Debug, Default)]
pub struct Batch {
    pub(super) words: Vec<Span>,
    requests: Vec<Request>,
    /// The words of inline commands, without their quotes.
    unquoted: Vec<u8>,
    pub(super) consumed: usize,
}

impl Batch {
    /// Creates an empty batch. It allocates nothing.
    pub const fn new() -> Batch {
        Batch { words: Vec::new(), requests: Vec::new(), unquoted: Vec::new(), consumed: 0 }
    }

    /// Drops all requests and keeps the memory, unless an exceptional request made it exceptionally large.
    pub fn clear(&mut self) {
        self.words.clear();
        self.requests.clear();
        self.unquoted.clear();
        self.consumed = 0;
        self.words.shrink_to(WORDS_KEPT_MAX);
        self.requests.shrink_to(WORDS_KEPT_MAX);
        self.unquoted.shrink_to(UNQUOTED_BYTES_KEPT_MAX);
    }

    /// Returns the number of complete requests.
    pub fn len(&self) -> usize {
        self.requests.len()
    }

    /// Tells whether there is no complete request. Bytes may have been consumed all the same: empty lines, `*0`.
    pub fn is_empty(&self) -> bool {
        self.requests.is_empty()
    }

    /// Returns how many bytes of the input the complete requests took; the caller drops them before the next call.
    pub fn consumed(&self) -> usize {
        self.consumed
    }

    /// Returns the words of one request; `input` is what was given to the parser.
    ///
    /// Panics if `index` is not below [`Batch::len`].
    #[inline]
    pub fn request<'a>(&'a self, index: usize, input: &'a [u8]) -> Words<'a> {
        let bytes = match self.requests[index].source {
            Source::Input => input,
            Source::Unquoted => &self.unquoted,
        };
        Words { bytes, spans: &self.words[self.range(index)] }
    }

    /// Puts the words of all requests, one after another, into an empty vector; [`Batch::range`] says which of them
    /// are a request's.
    ///
    /// For who runs many requests and wants them as slices: one pass, and no allocation if the vector has the room.
    pub fn all_words<'a>(&'a self, input: &'a [u8], words: &mut Vec<&'a [u8]>) {
        debug_assert!(words.is_empty());
        if self.unquoted.is_empty() {
            words.extend(self.words.iter().map(|span| &input[span.start..span.end]));
        } else {
            words.extend(self.requests(input).flat_map(Words::iter));
        }
    }

    /// Returns where the words of one request stand among [`all_words`](Batch::all_words).
    ///
    /// Panics if `index` is not below [`Batch::len`].
    #[inline]
    pub fn range(&self, index: usize) -> Range<usize> {
        let start = if index == 0 { 0 } else { self.requests[index - 1].words_end };
        start..self.requests[index].words_end
    }

    /// Returns where the words of each request from `index` on end among [`all_words`](Batch::all_words).
    #[inline]
    pub fn ends(&self, index: usize) -> impl ExactSizeIterator<Item = usize> {
        self.requests[index..].iter().map(|request| request.words_end)
    }

    /// Returns the words of all requests in the order of their arrival.
    pub fn requests<'a>(&'a self, input: &'a [u8]) -> impl ExactSizeIterator<Item = Words<'a>> {
        (0..self.len()).map(move |index| self.request(index, input))
    }

    /// Makes one request of the words since the last one; it ends before offset `consumed` of the input.
    #[inline]
    pub(super) fn end_request(&mut self, source: Source, consumed: usize) {
        self.requests.push(Request { words_end: self.words.len(), source });
        self.consumed = consumed;
    }

    /// Makes one request of a line, or none of a line without words.
    pub(super) fn push_inline(&mut self, line: &[u8], consumed: usize) -> Result<(), ProtocolError> {
        let complete = self.words.len();
        if inline::split(line, &mut self.unquoted, &mut self.words).is_none() {
            self.words.truncate(complete);
            return Err(ProtocolError::UnbalancedQuotes);
        }
        if self.words.len() > complete {
            self.end_request(Source::Unquoted, consumed);
        }
        self.consumed = consumed;
        Ok(())
    }

    /// Returns how many words belong to complete requests.
    pub(super) fn words_complete(&self) -> usize {
        self.requests.last().map_or(0, |request| request.words_end)
    }
}

/// The words of one request: the command's name, then its arguments. At least one.
#[derive(Clone, Copy)]
pub struct Words<'a> {
    bytes: &'a [u8],
    spans: &'a [Span],
}

impl<'a> Words<'a> {
    /// Returns the number of words, the command's name included.
    #[inline]
    #[expect(clippy::len_without_is_empty, reason = "a request without words is no request")]
    pub fn len(self) -> usize {
        self.spans.len()
    }

    /// Returns word `index`, where word 0 is the command's name. Panics if there are not that many.
    #[inline]
    pub fn get(self, index: usize) -> &'a [u8] {
        let Span { start, end } = self.spans[index];
        &self.bytes[start..end]
    }

    /// Returns an iterator over the words.
    #[inline]
    pub fn iter(self) -> WordsIter<'a> {
        WordsIter { bytes: self.bytes, spans: self.spans.iter() }
    }
}

impl std::fmt::Debug for Words<'_> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_list().entries(self.iter().map(<[u8]>::escape_ascii)).finish()
    }
}

impl<'a> IntoIterator for Words<'a> {
    type Item = &'a [u8];
    type IntoIter = WordsIter<'a>;

    fn into_iter(self) -> WordsIter<'a> {
        self.iter()
    }
}

/// Iterates over the words of one request.
#[derive(Clone, Debug)]
pub struct WordsIter<'a> {
    bytes: &'a [u8],
    spans: std::slice::Iter<'a, Span>,
}

impl<'a> Iterator for WordsIter<'a> {
    type Item = &'a [u8];

    #[inline]
    fn next(&mut self) -> Option<&'a [u8]> {
        self.spans.next().map(|span| &self.bytes[span.start..span.end])
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.spans.size_hint()
    }
}

impl ExactSizeIterator for WordsIter<'_> {}
