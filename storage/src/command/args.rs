//! A cursor over a command's words whose first error stays.
//!
//! A handler reads everything it expects and checks once: each reading method returns a harmless value after
//! an error, and [`Args::finish`] or [`Args::check`] reports the first one.

use crate::error::Error;
use crate::extended::Extended;
use crate::time::UnixMillis;
use spinel_resp::number::parse_double;
use std::time::Duration;

/// The words of a command after its name (and after its subcommand's name).
pub struct Args<'a> {
    words: &'a [&'a [u8]],
    next: usize,
    error: Option<Error>,
}

impl<'a> Args<'a> {
    /// Reads `words` from `next` on; word 0 is the command's name.
    #[inline]
    pub fn new(words: &'a [&'a [u8]], next: usize) -> Args<'a> {
        Args { words, next, error: None }
    }

    /// All words, the command's name included.
    pub fn words(&self) -> &'a [&'a [u8]] {
        self.words
    }

    /// How many words are left.
    #[inline]
    pub fn remaining(&self) -> usize {
        self.words.len() - self.next
    }

    /// The next word, whatever it is: a key, a value, a name.
    #[inline]
    pub fn word(&mut self) -> &'a [u8] {
        let Some(word) = self.words.get(self.next) else {
            self.fail(Error::Syntax);
            return b"";
        };
        self.next += 1;
        word
    }

    /// The next word without taking it.
    pub fn peek(&self) -> Option<&'a [u8]> {
        self.words.get(self.next).copied()
    }

    /// All words left, taken at once.
    pub fn rest(&mut self) -> &'a [&'a [u8]] {
        let rest = &self.words[self.next..];
        self.next = self.words.len();
        rest
    }

    /// The next `count` words; a syntax error if there aren't as many.
    pub fn take(&mut self, count: usize) -> Result<&'a [&'a [u8]], Error> {
        let words = self.words[self.next..].get(..count).ok_or(Error::Syntax)?;
        self.next += count;
        Ok(words)
    }

    /// Takes the next word if it is this option (in any case).
    #[inline]
    pub fn accept(&mut self, option: &str) -> bool {
        let is_option = self.peek().is_some_and(|word| word.eq_ignore_ascii_case(option.as_bytes()));
        self.next += usize::from(is_option);
        is_option
    }

    /// The next word as a 64-bit integer.
    #[inline]
    pub fn integer(&mut self) -> i64 {
        self.integer_or(Error::NotAnInteger)
    }

    /// The next word as a 64-bit integer, with the error to report otherwise.
    pub fn integer_or(&mut self, error: Error) -> i64 {
        let word = self.word();
        spinel_resp::parse_integer(word).unwrap_or_else(|| {
            self.fail(error);
            0
        })
    }

    /// The next word as a number that is not negative, with the error to report otherwise, or the first one so far.
    pub fn not_negative(&mut self, error: Error) -> Result<usize, Error> {
        let number = self.integer_or(error.clone());
        self.check()?;
        usize::try_from(number).map_err(|_| error)
    }

    /// The next word as a 64-bit integer, with the error to report if it is negative, or the first one so far.
    pub fn not_negative_or(&mut self, error: Error) -> Result<u64, Error> {
        let number = self.integer();
        self.check()?;
        u64::try_from(number).map_err(|_| error)
    }

    /// The next word as a number above 0, with the error to report otherwise, or the first one so far.
    pub fn positive(&mut self, error: Error) -> Result<usize, Error> {
        let number = self.not_negative(error.clone())?;
        if number > 0 { Ok(number) } else { Err(error) }
    }

    /// The next word as a time to wait in milliseconds, not negative, that ends at a time there is.
    pub fn timeout_ms(&mut self, now: UnixMillis) -> Result<u64, Error> {
        let timeout_ms = self.integer_or(Error::NotATimeout);
        self.check()?;
        now.after_timeout(timeout_ms)?;
        Ok(timeout_ms.unsigned_abs())
    }

    /// The next word as a time to wait in seconds, not negative; none if it is 0, which means for ever.
    pub fn timeout_seconds(&mut self, now: UnixMillis) -> Result<Option<Duration>, Error> {
        let word = self.word();
        self.check()?;
        parse_timeout(word, now)
    }

    /// The next word as an integer within bounds, both included.
    pub fn integer_between(&mut self, low: i64, high: i64) -> i64 {
        let integer = self.integer();
        if self.error.is_none() && !(low..=high).contains(&integer) {
            self.fail(Error::not_between(low, high));
        }
        integer
    }

    /// Remembers an error unless there is one already.
    pub fn fail(&mut self, error: Error) {
        self.error.get_or_insert(error);
    }

    /// The first error so far.
    #[inline]
    pub fn check(&mut self) -> Result<(), Error> {
        self.error.take().map_or(Ok(()), Err)
    }

    /// The first error, a syntax error if words are left.
    #[inline]
    pub fn finish(&mut self) -> Result<(), Error> {
        if self.remaining() > 0 {
            self.fail(Error::Syntax);
        }
        self.check()
    }
}

/// Reads a time to wait in seconds, not negative; none if it is 0, which means for ever.
pub(crate) fn parse_timeout(word: &[u8], now: UnixMillis) -> Result<Option<Duration>, Error> {
    let number = Extended::parse(word).ok_or(Error::Text("ERR timeout is not a float or out of range"))?;
    // A number beyond the doubles is too large, or so small that it is rounded up.
    let beyond = if number < Extended::from(1) { f64::MIN_POSITIVE } else { f64::INFINITY };
    let seconds = parse_double(word).unwrap_or(beyond);
    if number.is_negative() && number < Extended::ZERO {
        return Err(Error::Text("ERR timeout is negative"));
    }
    let milliseconds = (seconds * 1000.0).ceil();
    if milliseconds >= i64::MAX as f64 {
        return Err(Error::Text("ERR timeout is out of range"));
    }
    let milliseconds = milliseconds as i64;
    now.after_timeout(milliseconds)?;
    Ok((milliseconds > 0).then(|| Duration::from_millis(milliseconds.unsigned_abs())))
}
