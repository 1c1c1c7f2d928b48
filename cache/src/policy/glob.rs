//! Glob patterns that tell what each of their wildcards stands for in a text.
//!
//! They match what the patterns of `KEYS` match: `*`, `?`, `[a-z]`, `[^a-z]`, and `\` before a byte that stands for itself; the empty
//! text matches the empty pattern and `*` only. A pattern is taken apart once, when it is set.
//!
//! Matching neither recurses nor tries ways in which a text could be divided: each `*` but the last takes as little as lets the
//! stretch behind it follow, and that is final. So the time is at most the length of the text times that of the pattern.
//!
//! ```text
//! shop.*/item/*       *  takes "example"       text   shop.example/item/7/large
//!                     *  takes "7/large"
//! ```

use std::ops::Range;

/// A pattern.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Glob {
    text: Box<[u8]>,
    parts: Box<[Part]>,
    wildcards: Box<[Wildcard]>,
}

/// What stands for something else than itself, and can be referred to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Wildcard {
    /// `*`: any number of bytes.
    Many,
    /// `?`: one byte.
    One,
}

/// What matches a byte, or any number of them.
#[derive(Clone, PartialEq, Eq, Debug)]
enum Part {
    /// The wildcard of this number.
    Star(usize),
    /// The wildcard of this number.
    Any(usize),
    Byte(u8),
    Class(Box<Class>),
}

/// A set of bytes.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
struct Class([u64; 4]);

impl Class {
    /// Reads what follows a `[`, and says what is behind it. Without `]` it ends with the pattern.
    fn parse(text: &[u8]) -> (Class, &[u8]) {
        let (is_negated, mut rest) = match text {
            [b'^', rest @ ..] => (true, rest),
            _ => (false, text),
        };
        let mut class = Class::default();
        loop {
            rest = match rest {
                [] => break,
                [b']', after @ ..] => {
                    rest = after;
                    break;
                }
                [b'\\', escaped, after @ ..] => {
                    class.add(*escaped, *escaped);
                    after
                }
                [low, b'-', high, after @ ..] => {
                    class.add(*low.min(high), *low.max(high));
                    after
                }
                [one, after @ ..] => {
                    class.add(*one, *one);
                    after
                }
            };
        }
        if is_negated {
            class.0 = class.0.map(|bits| !bits);
        }
        (class, rest)
    }

    fn add(&mut self, first: u8, last: u8) {
        for byte in first..=last {
            self.0[usize::from(byte / 64)] |= 1 << (byte % 64);
        }
    }

    fn has(&self, byte: u8) -> bool {
        self.0[usize::from(byte / 64)] >> (byte % 64) & 1 == 1
    }
}

impl Glob {
    /// Takes a pattern apart. Every text is one.
    pub fn parse(text: &[u8]) -> Glob {
        let (mut parts, mut wildcards, mut rest) = (Vec::new(), Vec::new(), text);
        while let [first, after @ ..] = rest {
            rest = after;
            parts.push(match (first, rest) {
                (b'*', _) => {
                    wildcards.push(Wildcard::Many);
                    Part::Star(wildcards.len() - 1)
                }
                (b'?', _) => {
                    wildcards.push(Wildcard::One);
                    Part::Any(wildcards.len() - 1)
                }
                (b'[', _) => {
                    let (class, after) = Class::parse(rest);
                    rest = after;
                    Part::Class(Box::new(class))
                }
                (b'\\', [escaped, after @ ..]) => {
                    rest = after;
                    Part::Byte(*escaped)
                }
                (byte, _) => Part::Byte(*byte),
            });
        }
        Glob { text: text.into(), parts: parts.into(), wildcards: wildcards.into() }
    }

    /// The pattern as it was given.
    pub fn text(&self) -> &[u8] {
        &self.text
    }

    /// Its wildcards from left to right.
    pub fn wildcards(&self) -> &[Wildcard] {
        &self.wildcards
    }

    /// What the wildcards stand for in a text, from left to right; `None` if it doesn't match from end to end.
    pub fn captures<'t>(&self, text: &'t [u8]) -> Option<Vec<&'t [u8]>> {
        if text.is_empty() {
            return matches!(&*self.text, b"" | b"*").then(|| vec![text; self.wildcards.len()]);
        }
        let mut taken = vec![0..0; self.wildcards.len()];
        self.divide(text, &mut taken).then(|| taken.into_iter().map(|range| &text[range]).collect())
    }

    /// Whether a text that is not empty matches. Notes what each wildcard takes.
    fn divide(&self, text: &[u8], taken: &mut [Range<usize>]) -> bool {
        let (mut at, mut place) = (0, 0);
        // Where to go on if what follows the last `*` so far doesn't: behind it, and its number.
        let mut star: Option<(usize, usize)> = None;
        while place < text.len() {
            if let Some(Part::Star(number)) = self.parts.get(at) {
                at += 1;
                taken[*number] = place..place;
                if at == self.parts.len() {
                    taken[*number].end = text.len();
                    return true;
                }
                star = Some((at, *number));
                continue;
            }
            if self.steps(at, text[place], place, taken) {
                (at, place) = (at + 1, place + 1);
                continue;
            }
            let Some((after_star, number)) = star else { return false };
            taken[number].end += 1;
            (at, place) = (after_star, taken[number].end);
        }
        self.parts[at..].iter().all(|part| {
            let Part::Star(number) = part else { return false };
            taken[*number] = place..place;
            true
        })
    }

    /// Whether a part that is no `*` matches a byte.
    fn steps(&self, at: usize, byte: u8, place: usize, taken: &mut [Range<usize>]) -> bool {
        match self.parts.get(at) {
            None | Some(Part::Star(_)) => false,
            Some(Part::Any(number)) => {
                taken[*number] = place..place + 1;
                true
            }
            Some(Part::Byte(own)) => *own == byte,
            Some(Part::Class(class)) => class.has(byte),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn captures(pattern: &str, text: &str) -> Option<Vec<String>> {
        let captures = Glob::parse(pattern.as_bytes()).captures(text.as_bytes())?;
        Some(captures.into_iter().map(|taken| String::from_utf8_lossy(taken).into_owned()).collect())
    }

    #[test]
    fn wildcards_take_what_they_stand_for() {
        for (pattern, text, expected) in [
            ("*", "", Some(&[""][..])),
            ("", "", Some(&[])),
            ("**", "", None),
            ("*", "abc", Some(&["abc"])),
            ("**", "abc", Some(&["", "abc"])),
            ("shop.*/item/*", "shop.example/item/7/large", Some(&["example", "7/large"])),
            ("*/*", "a/b/c", Some(&["a", "b/c"])),
            ("*.jpg", "a.jpg.jpg", Some(&["a.jpg"])),
            ("a?c*", "abcd", Some(&["b", "d"])),
            ("a?c*", "abc", Some(&["b", ""])),
            ("*?", "abc", Some(&["ab", "c"])),
            ("[a-c]*[^x]", "bzy", Some(&["z"])),
            ("\\*-*", "*-a", Some(&["a"])),
            ("*a*b", "xaybzb", Some(&["x", "ybz"])),
            ("a*", "b", None),
            ("*a", "b", None),
            ("[", "[", None),
            ("a\\", "a\\", Some(&[])),
        ] {
            let expected = expected.map(|texts| texts.iter().map(|text| (*text).to_owned()).collect());
            assert_eq!(captures(pattern, text), expected, "{pattern} {text}");
        }
    }

    #[test]
    fn hostile_patterns_take_linear_time() {
        let text = vec![b'a'; 50_000];
        let pattern = b"*a".repeat(50_000);
        assert_eq!(Glob::parse(&[&pattern[..], b"b"].concat()).captures(&text), None);
        assert_eq!(Glob::parse(&b"[".repeat(100_000)).captures(&text), None);
    }
}
