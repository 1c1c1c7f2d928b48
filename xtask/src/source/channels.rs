//! Splits Rust text into two channels of equal shape: code, and comments.

/// What the scanner is inside of.
#[derive(Clone, Copy)]
enum Inside {
    Code,
    LineComment,
    /// Block comments nest.
    BlockComment(usize),
    Text,
    /// Closed by a quote and this many `#`.
    RawText(usize),
    Character,
}

/// Returns the lines of `text` twice: with comments and the contents of literals blanked out, and with everything
/// but comments blanked out.
pub(super) fn split(text: &str) -> (Vec<String>, Vec<String>) {
    let mut scanner =
        Scanner { chars: text.chars().collect(), at: 0, inside: Inside::Code, channels: Channels::default() };
    while scanner.at < scanner.chars.len() {
        scanner.step();
    }
    (lines(&scanner.channels.code), lines(&scanner.channels.comments))
}

fn lines(channel: &str) -> Vec<String> {
    channel.lines().map(|line| line.trim_end().to_owned()).collect()
}

#[derive(Default)]
struct Channels {
    code: String,
    comments: String,
}

impl Channels {
    fn code(&mut self, char: char) {
        self.code.push(char);
        self.comments.push(if char == '\n' { '\n' } else { ' ' });
    }

    fn comment(&mut self, char: char) {
        self.comments.push(char);
        self.code.push(if char == '\n' { '\n' } else { ' ' });
    }

    fn literal(&mut self, char: char) {
        self.code(if char == '\n' { '\n' } else { ' ' });
    }
}

struct Scanner {
    chars: Vec<char>,
    at: usize,
    inside: Inside,
    channels: Channels,
}

impl Scanner {
    fn peek(&self, ahead: usize) -> char {
        self.chars.get(self.at + ahead).copied().unwrap_or('\0')
    }

    fn step(&mut self) {
        match self.inside {
            Inside::Code => self.step_in_code(),
            Inside::LineComment => {
                if self.peek(0) == '\n' {
                    self.inside = Inside::Code;
                }
                self.take_comment(1);
            }
            Inside::BlockComment(depth) => self.step_in_block_comment(depth),
            Inside::Text => self.step_in_quotes('"'),
            Inside::Character => self.step_in_quotes('\''),
            Inside::RawText(hashes) => self.step_in_raw_text(hashes),
        }
    }

    fn step_in_code(&mut self) {
        match (self.peek(0), self.peek(1)) {
            ('/', '/') => self.inside = Inside::LineComment,
            ('/', '*') => {
                self.inside = Inside::BlockComment(1);
                self.take_comment(2);
            }
            ('"', _) => {
                self.inside = Inside::Text;
                self.take_code(1);
            }
            ('\'', next) if next == '\\' || self.peek(2) == '\'' => {
                self.inside = Inside::Character;
                self.take_code(1);
            }
            ('r', '"' | '#') if !self.follows_a_word() => self.open_raw_text(),
            _ => self.take_code(1),
        }
    }

    /// Returns whether the character before is part of a word other than the `b` and `c` of literals.
    fn follows_a_word(&self) -> bool {
        let before = |back: usize| self.at.checked_sub(back).map_or(' ', |at| self.chars[at]);
        let is_word = |char: char| char.is_alphanumeric() || char == '_';
        if matches!(before(1), 'b' | 'c') { is_word(before(2)) } else { is_word(before(1)) }
    }

    fn open_raw_text(&mut self) {
        let hashes = self.chars[self.at + 1..].iter().take_while(|&&char| char == '#').count();
        if self.peek(1 + hashes) == '"' {
            self.inside = Inside::RawText(hashes);
            self.take_code(2 + hashes);
        } else {
            self.take_code(1);
        }
    }

    fn step_in_block_comment(&mut self, depth: usize) {
        match (self.peek(0), self.peek(1)) {
            ('/', '*') => {
                self.inside = Inside::BlockComment(depth + 1);
                self.take_comment(2);
            }
            ('*', '/') => {
                self.inside = if depth == 1 { Inside::Code } else { Inside::BlockComment(depth - 1) };
                self.take_comment(2);
            }
            _ => self.take_comment(1),
        }
    }

    fn step_in_quotes(&mut self, quote: char) {
        if self.peek(0) == '\\' {
            self.take_literal(2);
        } else if self.peek(0) == quote {
            self.inside = Inside::Code;
            self.take_code(1);
        } else {
            self.take_literal(1);
        }
    }

    fn step_in_raw_text(&mut self, hashes: usize) {
        if self.peek(0) == '"' && (1..=hashes).all(|ahead| self.peek(ahead) == '#') {
            self.inside = Inside::Code;
            self.take_code(1 + hashes);
        } else {
            self.take_literal(1);
        }
    }

    fn take_code(&mut self, count: usize) {
        self.take(count, Channels::code);
    }

    fn take_comment(&mut self, count: usize) {
        self.take(count, Channels::comment);
    }

    fn take_literal(&mut self, count: usize) {
        self.take(count, Channels::literal);
    }

    fn take(&mut self, count: usize, into: fn(&mut Channels, char)) {
        let end = (self.at + count).min(self.chars.len());
        for at in self.at..end {
            into(&mut self.channels, self.chars[at]);
        }
        self.at = end;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(text: &str) -> String {
        split(text).0.join("\n")
    }

    #[test]
    fn comments_go_to_their_own_channel() {
        let (code, comments) = split("let a; // why\n/* all\n of /* it */ */ let b;");
        assert_eq!(code, ["let a;", "", "                let b;"]);
        assert_eq!(comments, ["       // why", "/* all", " of /* it */ */"]);
    }

    #[test]
    fn literals_are_blanked_out() {
        assert_eq!(code(r#"call("{ \" }", '{', b'\'', "x")"#), r#"call("      ", ' ', b'  ', " ")"#);
        assert_eq!(code("r#\"a \" b\"# + br\"\\\" + c"), "r#\"     \"# + br\" \" + c");
    }

    #[test]
    fn lifetimes_and_words_that_end_in_r_are_code() {
        assert_eq!(
            code("fn f<'a>(x: &'a str, for_r#type: u8) {}"),
            "fn f<'a>(x: &'a str, for_r#type: u8) {}"
        );
    }
}
