//! Lua's patterns, for the searches that could take long: they count their steps and let the host interrupt.
//!
//! A pattern with `n` repetitions may take as many steps as the subject has bytes to the power of `n + 1`. What that
//! bound allows is left to Lua's own code, which is faster; all else comes here.

use std::ops::Range;

use crate::raise::Raise;

const ESCAPE: u8 = b'%';
const CAPTURES_MAX: usize = 32;

/// Parts of a pattern within parts; deeper patterns are refused.
const DEPTH_MAX: usize = 1_000;

/// Steps between two questions whether to go on.
const STEPS_PER_TICK: u32 = 100_000;

/// Steps that Lua's own code may take: some ten milliseconds at worst.
const CHEAP_STEPS_MAX: u64 = 4_000_000;

/// Patterns up to this length can't exhaust the stack in Lua's own code.
const CHEAP_PATTERN_BYTES_MAX: usize = 256;

/// Tells whether a search of `pattern` in so many bytes is over soon, whatever the bytes.
pub(crate) fn is_cheap(pattern: &[u8], subject_bytes: usize) -> bool {
    if pattern.len() > CHEAP_PATTERN_BYTES_MAX {
        return false;
    }
    let repeats = |(at, &byte): (usize, &u8)| match byte {
        b'*' | b'+' | b'-' | b'?' => true,
        b'b' | b'0'..=b'9' => at > 0 && pattern[at - 1] == ESCAPE,
        _ => false,
    };
    let repetitions = pattern.iter().enumerate().filter(|&item| repeats(item)).count() as u32;
    let bytes = subject_bytes as u64 + 1;
    let steps = bytes.saturating_pow(repetitions + 1).saturating_mul(pattern.len() as u64 + 1);
    steps <= CHEAP_STEPS_MAX
}

/// What a capture holds.
#[derive(Clone, Copy)]
enum Length {
    Unfinished,
    Position,
    Bytes(usize),
}

#[derive(Clone, Copy)]
struct Capture {
    start: usize,
    length: Length,
}

/// A captured part of the subject, or a position in it counted from 1.
pub(crate) enum Captured {
    Text(Range<usize>),
    Position(usize),
}

/// A search of one pattern in one subject.
pub(crate) struct Matcher<'m> {
    subject: &'m [u8],
    pattern: &'m [u8],
    captures: [Capture; CAPTURES_MAX],
    level: usize,
    depth: usize,
    steps: u32,
    tick: &'m dyn Fn() -> Result<(), Raise>,
}

type Matched = Result<Option<usize>, Raise>;

impl<'m> Matcher<'m> {
    /// Prepares a search. The pattern ends at its first zero byte, as all patterns of Lua 5.1 do.
    pub(crate) fn new(
        subject: &'m [u8],
        pattern: &'m [u8],
        tick: &'m dyn Fn() -> Result<(), Raise>,
    ) -> Matcher<'m> {
        let end = pattern.iter().position(|&byte| byte == 0).unwrap_or(pattern.len());
        Matcher {
            subject,
            pattern: &pattern[..end],
            captures: [Capture { start: 0, length: Length::Unfinished }; CAPTURES_MAX],
            level: 0,
            depth: 0,
            steps: 0,
            tick,
        }
    }

    /// Matches the pattern at exactly this place and returns where the match ends.
    pub(crate) fn match_at(&mut self, start: usize) -> Matched {
        self.level = 0;
        self.depth = 0;
        self.matched(start, 0)
    }

    /// The number of captures, or 1 for the whole match where the pattern has none.
    pub(crate) fn count(&self, whole: bool) -> usize {
        if self.level == 0 && whole { 1 } else { self.level }
    }

    /// Returns a capture of the match of `whole`; the first is the match itself where the pattern has none.
    pub(crate) fn capture(&self, index: usize, whole: &Range<usize>) -> Result<Captured, Raise> {
        if index >= self.level {
            if index == 0 {
                return Ok(Captured::Text(whole.clone()));
            }
            return Err(Raise::here("invalid capture index"));
        }
        let Capture { start, length } = self.captures[index];
        match length {
            Length::Unfinished => Err(Raise::here("unfinished capture")),
            Length::Position => Ok(Captured::Position(start + 1)),
            Length::Bytes(length) => Ok(Captured::Text(start..start + length)),
        }
    }

    fn step(&mut self) -> Result<(), Raise> {
        self.steps += 1;
        if self.steps.is_multiple_of(STEPS_PER_TICK) {
            (self.tick)()?;
        }
        Ok(())
    }

    fn byte(&self, at: usize) -> Option<u8> {
        self.pattern.get(at).copied()
    }

    /// Matches the rest of the pattern at `at`, one level deeper.
    fn matched(&mut self, at: usize, pattern: usize) -> Matched {
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            return Err(Raise::here("pattern too complex"));
        }
        let matched = self.match_items(at, pattern);
        self.depth -= 1;
        matched
    }

    fn match_items(&mut self, mut at: usize, mut pattern: usize) -> Matched {
        loop {
            self.step()?;
            match (self.byte(pattern), self.byte(pattern + 1)) {
                (None, _) => return Ok(Some(at)),
                (Some(b'('), Some(b')')) => return self.open(at, pattern + 2, Length::Position),
                (Some(b'('), _) => return self.open(at, pattern + 1, Length::Unfinished),
                (Some(b')'), _) => return self.close(at, pattern + 1),
                (Some(b'$'), None) => return Ok((at == self.subject.len()).then_some(at)),
                (Some(ESCAPE), Some(b'b')) => {
                    let Some(end) = self.balance(at, pattern + 2)? else { return Ok(None) };
                    (at, pattern) = (end, pattern + 4);
                }
                (Some(ESCAPE), Some(b'f')) => {
                    let Some(end) = self.frontier(at, pattern + 2)? else { return Ok(None) };
                    pattern = end;
                }
                (Some(ESCAPE), Some(digit @ b'0'..=b'9')) => {
                    let Some(end) = self.again(at, digit)? else { return Ok(None) };
                    (at, pattern) = (end, pattern + 2);
                }
                _ => match self.item(at, pattern)? {
                    Item::Ended(matched) => return Ok(matched),
                    Item::GoOn(next, rest) => (at, pattern) = (next, rest),
                },
            }
        }
    }

    /// Matches a class and what repeats it.
    fn item(&mut self, at: usize, pattern: usize) -> Result<Item, Raise> {
        let end = self.class_end(pattern)?;
        let is_match = self.is_match(at, pattern, end);
        match self.byte(end) {
            Some(b'?') => {
                if is_match && let Some(matched) = self.matched(at + 1, end + 1)? {
                    return Ok(Item::Ended(Some(matched)));
                }
                Ok(Item::GoOn(at, end + 1))
            }
            Some(b'*') => self.longest(at, pattern, end).map(Item::Ended),
            Some(b'+') if is_match => self.longest(at + 1, pattern, end).map(Item::Ended),
            Some(b'+') => Ok(Item::Ended(None)),
            Some(b'-') => self.shortest(at, pattern, end).map(Item::Ended),
            _ if is_match => Ok(Item::GoOn(at + 1, end)),
            _ => Ok(Item::Ended(None)),
        }
    }

    fn longest(&mut self, at: usize, class: usize, end: usize) -> Matched {
        let mut count = 0;
        while self.is_match(at + count, class, end) {
            self.step()?;
            count += 1;
        }
        loop {
            if let Some(matched) = self.matched(at + count, end + 1)? {
                return Ok(Some(matched));
            }
            if count == 0 {
                return Ok(None);
            }
            count -= 1;
        }
    }

    fn shortest(&mut self, mut at: usize, class: usize, end: usize) -> Matched {
        loop {
            if let Some(matched) = self.matched(at, end + 1)? {
                return Ok(Some(matched));
            }
            if !self.is_match(at, class, end) {
                return Ok(None);
            }
            at += 1;
        }
    }

    fn open(&mut self, at: usize, pattern: usize, length: Length) -> Matched {
        if self.level >= CAPTURES_MAX {
            return Err(Raise::here("too many captures"));
        }
        self.captures[self.level] = Capture { start: at, length };
        self.level += 1;
        let matched = self.matched(at, pattern)?;
        if matched.is_none() {
            self.level -= 1;
        }
        Ok(matched)
    }

    fn close(&mut self, at: usize, pattern: usize) -> Matched {
        let is_open = |capture: &Capture| matches!(capture.length, Length::Unfinished);
        let Some(index) = self.captures[..self.level].iter().rposition(is_open) else {
            return Err(Raise::here("invalid pattern capture"));
        };
        self.captures[index].length = Length::Bytes(at - self.captures[index].start);
        let matched = self.matched(at, pattern)?;
        if matched.is_none() {
            self.captures[index].length = Length::Unfinished;
        }
        Ok(matched)
    }

    /// Matches what a capture holds once more.
    fn again(&mut self, at: usize, digit: u8) -> Matched {
        let index = usize::from(digit).checked_sub(usize::from(b'1'));
        let capture = index.and_then(|index| self.captures[..self.level].get(index).copied());
        match capture {
            Some(Capture { start, length: Length::Bytes(length) }) => {
                self.steps += (length / 64) as u32;
                let text = &self.subject[start..start + length];
                Ok(self.subject[at..].starts_with(text).then_some(at + length))
            }
            // The position that `()` captures has no length that anything could have.
            Some(Capture { length: Length::Position, .. }) => Ok(None),
            _ => Err(Raise::here("invalid capture index")),
        }
    }

    fn balance(&mut self, at: usize, pattern: usize) -> Matched {
        let (Some(open), Some(close)) = (self.byte(pattern), self.byte(pattern + 1)) else {
            return Err(Raise::here("unbalanced pattern"));
        };
        if self.subject.get(at) != Some(&open) {
            return Ok(None);
        }
        let mut depth = 1;
        for index in at + 1..self.subject.len() {
            self.step()?;
            let byte = self.subject[index];
            if byte == close {
                depth -= 1;
                if depth == 0 {
                    return Ok(Some(index + 1));
                }
            } else if byte == open {
                depth += 1;
            }
        }
        Ok(None)
    }

    /// Returns where the pattern goes on if `at` is where bytes outside of the set end and bytes of the set begin.
    fn frontier(&mut self, at: usize, pattern: usize) -> Matched {
        if self.byte(pattern) != Some(b'[') {
            return Err(Raise::here("missing '[' after '%f' in pattern"));
        }
        let end = self.class_end(pattern)?;
        let set = &self.pattern[pattern..end];
        let before = at.checked_sub(1).map_or(0, |before| self.subject[before]);
        let here = self.subject.get(at).copied().unwrap_or(0);
        Ok((!is_in_set(before, set) && is_in_set(here, set)).then_some(end))
    }

    /// Returns where the class that begins here ends.
    fn class_end(&self, pattern: usize) -> Result<usize, Raise> {
        let after = pattern + 1;
        match self.byte(pattern) {
            Some(ESCAPE) if self.byte(after).is_none() => {
                Err(Raise::here("malformed pattern (ends with '%')"))
            }
            Some(ESCAPE) => Ok(after + 1),
            Some(b'[') => self.set_end(after),
            _ => Ok(after),
        }
    }

    fn set_end(&self, after: usize) -> Result<usize, Raise> {
        let mut at = after + usize::from(self.byte(after) == Some(b'^'));
        loop {
            let Some(byte) = self.byte(at) else {
                return Err(Raise::here("malformed pattern (missing ']')"));
            };
            at += 1;
            if byte == ESCAPE && self.byte(at).is_some() {
                at += 1;
            }
            if self.byte(at) == Some(b']') {
                return Ok(at + 1);
            }
        }
    }

    /// Tells whether the byte at `at` is of the class.
    fn is_match(&self, at: usize, class: usize, end: usize) -> bool {
        let Some(&byte) = self.subject.get(at) else { return false };
        match self.pattern[class] {
            b'.' => true,
            ESCAPE => is_in_class(byte, self.pattern[class + 1]),
            b'[' => is_in_set(byte, &self.pattern[class..end]),
            literal => literal == byte,
        }
    }
}

enum Item {
    Ended(Option<usize>),
    GoOn(usize, usize),
}

fn is_in_class(byte: u8, class: u8) -> bool {
    let is_in = match class.to_ascii_lowercase() {
        b'a' => byte.is_ascii_alphabetic(),
        b'c' => byte.is_ascii_control(),
        b'd' => byte.is_ascii_digit(),
        b'l' => byte.is_ascii_lowercase(),
        b'p' => byte.is_ascii_punctuation(),
        b's' => matches!(byte, b' ' | b'\t'..=b'\r'),
        b'u' => byte.is_ascii_uppercase(),
        b'w' => byte.is_ascii_alphanumeric(),
        b'x' => byte.is_ascii_hexdigit(),
        b'z' => byte == 0,
        _ => return class == byte,
    };
    is_in != class.is_ascii_uppercase()
}

/// `set` is the set as it is written, from bracket to bracket.
fn is_in_set(byte: u8, set: &[u8]) -> bool {
    let inner = &set[1..set.len() - 1];
    let (is_positive, inner) = inner.strip_prefix(b"^").map_or((true, inner), |inner| (false, inner));
    let mut at = 0;
    while at < inner.len() {
        if inner[at] == ESCAPE {
            at += 1;
            if inner.get(at).is_some_and(|&class| is_in_class(byte, class)) {
                return is_positive;
            }
        } else if inner.get(at + 1) == Some(&b'-') && at + 2 < inner.len() {
            if (inner[at]..=inner[at + 2]).contains(&byte) {
                return is_positive;
            }
            at += 2;
        } else if inner[at] == byte {
            return is_positive;
        }
        at += 1;
    }
    !is_positive
}
