//! Glob patterns: `*`, `?`, `[a-z]`, `[^a-z]` and `\` before a byte that stands for itself.
//!
//! Matching neither recurses nor allocates. After a `*`, the rest of the pattern is tried at one place of the
//! text after the other; the next `*` makes everything before it final. So the time is at most the length of
//! the text times the longest stretch without `*`, whatever the pattern.
//!
//! The empty text matches only the empty pattern and `*`, not `**`, as in Redis.

/// Whether letters must agree in case.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Case {
    /// `a` matches only `a`.
    Sensitive,
    /// `a` also matches `A`, in ASCII.
    Insensitive,
}

/// Whether a text matches a pattern from end to end.
pub fn matches(pattern: &[u8], text: &[u8], case: Case) -> bool {
    if text.is_empty() {
        return matches!(pattern, b"" | b"*");
    }
    let (mut at, mut place) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while place < text.len() {
        if pattern.get(at) == Some(&b'*') {
            at += 1;
            if at == pattern.len() {
                return true;
            }
            star = Some((at, place));
            continue;
        }
        if let Some(next) = step(pattern, at, text[place], case) {
            (at, place) = (next, place + 1);
            continue;
        }
        let Some((after_star, tried)) = star else { return false };
        star = Some((after_star, tried + 1));
        (at, place) = (after_star, tried + 1);
    }
    pattern[at..].iter().all(|byte| *byte == b'*')
}

/// Matches one byte; where the pattern goes on if it does match.
fn step(pattern: &[u8], at: usize, byte: u8, case: Case) -> Option<usize> {
    match pattern.get(at)? {
        b'?' => Some(at + 1),
        b'[' => step_class(pattern, at + 1, byte, case),
        b'\\' if at + 1 < pattern.len() => is_equal(pattern[at + 1], byte, case).then_some(at + 2),
        expected => is_equal(*expected, byte, case).then_some(at + 1),
    }
}

/// Matches one byte with what follows a `[`. A class without `]` ends with the pattern.
fn step_class(pattern: &[u8], mut at: usize, byte: u8, case: Case) -> Option<usize> {
    let is_negated = pattern.get(at) == Some(&b'^');
    at += usize::from(is_negated);
    let mut is_in = false;
    while at < pattern.len() && pattern[at] != b']' {
        at += match pattern[at..] {
            [b'\\', escaped, ..] => {
                is_in |= is_equal(escaped, byte, case);
                2
            }
            [low, b'-', high, ..] => {
                is_in |= is_between(low, high, byte, case);
                3
            }
            [one, ..] => {
                is_in |= is_equal(one, byte, case);
                1
            }
            [] => 0,
        };
    }
    (is_in != is_negated).then_some((at + 1).min(pattern.len()))
}

fn is_equal(one: u8, other: u8, case: Case) -> bool {
    one == other || case == Case::Insensitive && one.eq_ignore_ascii_case(&other)
}

fn is_between(one: u8, other: u8, byte: u8, case: Case) -> bool {
    let fold = |byte: u8| if case == Case::Insensitive { byte.to_ascii_lowercase() } else { byte };
    let (one, other) = (fold(one.min(other)), fold(one.max(other)));
    (one..=other).contains(&fold(byte))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::entropy::Entropy;
    use spinel_cache::policy::Glob;

    fn check(pattern: &str, matching: &[&str], others: &[&str]) {
        for text in matching {
            assert!(matches(pattern.as_bytes(), text.as_bytes(), Case::Sensitive), "{pattern} {text}");
        }
        for text in others {
            assert!(!matches(pattern.as_bytes(), text.as_bytes(), Case::Sensitive), "{pattern} {text}");
        }
    }

    #[test]
    fn stars_and_question_marks() {
        check("*", &["", "a", "abc"], &[]);
        check("**", &["a"], &[""]);
        check("a*b*c", &["abc", "axxbxxc", "abbcc"], &["ab", "abcd", "acb"]);
        check("h?llo", &["hello", "hallo"], &["hllo", "heello"]);
        check("", &[""], &["a"]);
        check("*a?", &["aab", "xab"], &["a", "ba"]);
    }

    #[test]
    fn classes() {
        check("h[ae]llo", &["hello", "hallo"], &["hillo", "h"]);
        check("[^a-c]", &["d", "-"], &["a", "b", ""]);
        check("[c-a]", &["b"], &["d"]);
        check("[a\\]]", &["a", "]"], &["\\"]);
        check("[abc", &["a", "c"], &["d", "abc"]);
        check("[]a", &[], &["a", "]a"]);
        check("[a-]", &["a"], &["b"]);
        check("[", &[], &["[", "a"]);
        check("[^", &["a"], &["aa"]);
    }

    #[test]
    fn escapes() {
        check("\\*", &["*"], &["a", "\\*"]);
        check("a\\", &["a\\"], &["a"]);
        check("\\[a]", &["[a]"], &["a"]);
    }

    #[test]
    fn case_is_folded_on_demand() {
        assert!(matches(b"MAX[A-Z]*", b"maxMemory", Case::Insensitive));
        assert!(!matches(b"MAX*", b"maxmemory", Case::Sensitive));
    }

    #[test]
    fn hostile_patterns_take_linear_time() {
        let text = vec![b'a'; 50_000];
        let pattern = b"*a".repeat(50_000);
        assert!(!matches(&[&pattern[..], b"b"].concat(), &text, Case::Sensitive));
        assert!(!matches(&b"[".repeat(100_000), &text, Case::Sensitive));
    }

    /// A text of some of these bytes.
    fn text(entropy: &mut Entropy, bytes: &[u8], length_max: u64) -> Vec<u8> {
        let length = entropy.below(length_max + 1);
        (0..length).map(|_| bytes[entropy.below(bytes.len() as u64) as usize]).collect()
    }

    #[test]
    fn policies_match_as_patterns_of_keys_do() {
        let mut entropy = Entropy::new(7);
        let mut matching = 0;
        for _ in 0..200_000 {
            let pattern = text(&mut entropy, b"ab-*?[]^\\", 8);
            let text = text(&mut entropy, b"ab-]\\", 6);
            let captures = Glob::parse(&pattern).captures(&text);
            let expected = matches(&pattern, &text, Case::Sensitive);
            assert_eq!(captures.is_some(), expected, "{} {}", pattern.escape_ascii(), text.escape_ascii());
            matching += usize::from(expected);
        }
        assert!(matching > 5_000, "{matching} are too few to say much");
    }

    #[test]
    fn what_wildcards_take_makes_the_text_again() {
        let mut entropy = Entropy::new(8);
        for _ in 0..100_000 {
            let (pattern, text) = (text(&mut entropy, b"ab*?", 8), text(&mut entropy, b"ab", 10));
            let Some(captures) = Glob::parse(&pattern).captures(&text) else { continue };
            let mut captures = captures.into_iter();
            let filled: Vec<u8> = pattern
                .iter()
                .flat_map(|byte| match byte {
                    b'*' => captures.next().expect("one for each").to_vec(),
                    b'?' => captures.next().filter(|taken| taken.len() == 1).expect("one byte").to_vec(),
                    byte => vec![*byte],
                })
                .collect();
            assert_eq!(filled, text, "{}", pattern.escape_ascii());
            assert_eq!(captures.next(), None);
        }
    }
}
