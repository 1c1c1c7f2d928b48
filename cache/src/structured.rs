//! Dictionaries of structured fields (RFC 9651, section 4.2.2).
//!
//! A field that breaks a rule has no value at all, so nothing is handed out before the last byte has been read. Parameters, lists and
//! what is neither a boolean, an integer, a string nor a token are read, since they have to be well formed, and then forgotten.

/// The value of a member.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Value {
    /// `?1`, or nothing.
    Boolean(bool),
    /// A whole number of up to fifteen digits.
    Integer(i64),
    /// What stands between quotes.
    String(Vec<u8>),
    /// A word.
    Token(Vec<u8>),
    /// A decimal, bytes, a date, a text, or a list.
    Other,
}

/// Reads a dictionary; `None` if it is not well formed. Of members with one name the last counts, in the place of the first.
pub fn dictionary(text: &[u8]) -> Option<Vec<(&[u8], Value)>> {
    let mut members: Vec<(&[u8], Value)> = Vec::new();
    let mut rest = Rest(text);
    rest.skip(b" ");
    while !rest.0.is_empty() {
        let key = rest.key()?;
        let value = if rest.takes(b'=') { rest.member()? } else { Value::Boolean(true) };
        rest.parameters()?;
        match members.iter_mut().find(|(name, _)| *name == key) {
            Some((_, former)) => *former = value,
            None => members.push((key, value)),
        }
        rest.skip(b" \t");
        if rest.0.is_empty() {
            break;
        }
        let has_next = rest.takes(b',');
        rest.skip(b" \t");
        if !has_next || rest.0.is_empty() {
            return None;
        }
    }
    Some(members)
}

/// What is left to be read.
struct Rest<'a>(&'a [u8]);

impl<'a> Rest<'a> {
    fn skip(&mut self, bytes: &[u8]) {
        self.while_true(|byte| bytes.contains(&byte));
    }

    fn while_true(&mut self, is_part: impl Fn(u8) -> bool) -> &'a [u8] {
        let end = self.0.iter().position(|byte| !is_part(*byte)).unwrap_or(self.0.len());
        let (taken, rest) = self.0.split_at(end);
        self.0 = rest;
        taken
    }

    fn takes(&mut self, byte: u8) -> bool {
        let rest = self.0.strip_prefix(&[byte]);
        self.0 = rest.unwrap_or(self.0);
        rest.is_some()
    }

    fn next(&mut self) -> Option<u8> {
        let (byte, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*byte)
    }

    fn key(&mut self) -> Option<&'a [u8]> {
        let first = self.0.first()?;
        (first.is_ascii_lowercase() || *first == b'*').then(|| {
            self.while_true(|byte| {
                byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"_-.*".contains(&byte)
            })
        })
    }

    fn member(&mut self) -> Option<Value> {
        if self.takes(b'(') { self.inner_list() } else { self.item() }
    }

    fn inner_list(&mut self) -> Option<Value> {
        loop {
            self.skip(b" ");
            if self.takes(b')') {
                return Some(Value::Other);
            }
            self.item()?;
            self.parameters()?;
            matches!(self.0.first(), Some(b' ' | b')')).then_some(())?;
        }
    }

    fn parameters(&mut self) -> Option<()> {
        while self.takes(b';') {
            self.skip(b" ");
            self.key()?;
            if self.takes(b'=') {
                self.item()?;
            }
        }
        Some(())
    }

    fn item(&mut self) -> Option<Value> {
        match *self.0.first()? {
            b'"' => self.string().map(Value::String),
            b'?' => self.boolean(),
            b':' => self.bytes(),
            b'@' => {
                self.next();
                let moment = self.number()?;
                matches!(moment, Value::Integer(_)).then_some(Value::Other)
            }
            b'%' => self.text(),
            b'-' | b'0'..=b'9' => self.number(),
            byte if byte.is_ascii_alphabetic() || byte == b'*' => {
                let is_part = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~:/".contains(&byte);
                Some(Value::Token(self.while_true(is_part).to_vec()))
            }
            _ => None,
        }
    }

    fn boolean(&mut self) -> Option<Value> {
        self.next();
        match self.next()? {
            b'0' => Some(Value::Boolean(false)),
            b'1' => Some(Value::Boolean(true)),
            _ => None,
        }
    }

    fn number(&mut self) -> Option<Value> {
        let is_negative = self.takes(b'-');
        let whole = self.while_true(|byte| byte.is_ascii_digit());
        if whole.is_empty() || whole.len() > 15 {
            return None;
        }
        if self.takes(b'.') {
            let part = self.while_true(|byte| byte.is_ascii_digit());
            return (whole.len() <= 12 && (1..=3).contains(&part.len())).then_some(Value::Other);
        }
        let number = whole.iter().fold(0, |sum, digit| sum * 10 + i64::from(digit - b'0'));
        Some(Value::Integer(if is_negative { -number } else { number }))
    }

    fn string(&mut self) -> Option<Vec<u8>> {
        self.next();
        let mut text = Vec::new();
        loop {
            match self.next()? {
                b'"' => return Some(text),
                b'\\' => text.push(self.next().filter(|byte| matches!(byte, b'"' | b'\\'))?),
                byte @ 0x20..=0x7e => text.push(byte),
                _ => return None,
            }
        }
    }

    /// Base64 between colons. Padding may be missing, and is looked for only at the end.
    fn bytes(&mut self) -> Option<Value> {
        self.next();
        let digits = self.while_true(|byte| byte.is_ascii_alphanumeric() || b"+/".contains(&byte)).len();
        let padding = self.while_true(|byte| byte == b'=').len();
        let is_whole =
            if padding == 0 { digits % 4 != 1 } else { padding < 3 && (digits + padding).is_multiple_of(4) };
        (is_whole && self.takes(b':')).then_some(Value::Other)
    }

    /// A text of any characters, `%"…"`, which must be UTF-8.
    fn text(&mut self) -> Option<Value> {
        self.next();
        self.takes(b'"').then_some(())?;
        let mut text = Vec::new();
        loop {
            match self.next()? {
                b'"' => return str::from_utf8(&text).is_ok().then_some(Value::Other),
                b'%' => text.push(self.hexadecimal()? << 4 | self.hexadecimal()?),
                byte @ 0x20..=0x7e => text.push(byte),
                _ => return None,
            }
        }
    }

    fn hexadecimal(&mut self) -> Option<u8> {
        match self.next()? {
            digit @ b'0'..=b'9' => Some(digit - b'0'),
            digit @ b'a'..=b'f' => Some(digit - b'a' + 10),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Option<Vec<(&str, Value)>> {
        let members = dictionary(text.as_bytes())?;
        Some(members.into_iter().map(|(name, value)| (str::from_utf8(name).unwrap(), value)).collect())
    }

    fn value(text: &str) -> Option<Value> {
        let text = format!("a={text}");
        let (name, value) = read(&text)?.pop()?;
        assert_eq!(name, "a");
        Some(value)
    }

    #[test]
    fn members_are_read() {
        let members =
            read("  max-age=60 ,\tno-store, a.b_c*=\"x\\\"\\\\\";p;q=1.5; r=?0 , *b=tok/en ").unwrap();
        let expected = [
            ("max-age", Value::Integer(60)),
            ("no-store", Value::Boolean(true)),
            ("a.b_c*", Value::String(b"x\"\\".to_vec())),
            ("*b", Value::Token(b"tok/en".to_vec())),
        ];
        assert_eq!(members, expected);
        assert_eq!(read(""), Some(Vec::new()));
        assert_eq!(read("   "), Some(Vec::new()));
    }

    #[test]
    fn the_last_of_a_name_counts() {
        let expected = vec![("a", Value::Integer(3)), ("b", Value::Integer(2))];
        assert_eq!(read("a=1, b=2, a=3"), Some(expected));
    }

    #[test]
    fn values_of_all_kinds_are_read() {
        for text in
            ["1.5", "-12.125", ":YQ==:", ":YQ:", "::", "@-1", "%\"%c3%a4 x\"", "(1 2;a (", "()", "(\"a\"  b)"]
        {
            assert_eq!(value(text).is_some(), text != "(1 2;a (", "{text}");
        }
        assert_eq!(value("-15"), Some(Value::Integer(-15)));
        assert_eq!(value("999999999999999"), Some(Value::Integer(999_999_999_999_999)));
        assert_eq!(value("?0"), Some(Value::Boolean(false)));
        assert_eq!(value("?1;x"), Some(Value::Boolean(true)));
        assert_eq!(value("(a b);c"), Some(Value::Other));
    }

    #[test]
    fn what_breaks_a_rule_is_nothing() {
        let texts = [
            "Max-Age=60",
            "max-age=60,",
            "max-age=60,,a",
            ",a",
            "a b",
            "a=",
            "a= 1",
            "a =1",
            "a=1;",
            "a=1;B",
            "1=a",
            "a=+1",
            "a=1000000000000000",
            "a=1.",
            "a=1.1234",
            "a=1234567890123.1",
            "a=--1",
            "a=-",
            "a=\"x",
            "a=\"\\x\"",
            "a=\"\t\"",
            "a=\"\u{e4}\"",
            "a=?2",
            "a=?",
            "a=:a b:",
            "a=:YQ=:",
            "a=:Y:",
            "a=:YQ==",
            "a=@1.5",
            "a=@",
            "a=%\"%C3%A4\"",
            "a=%\"%c3\"",
            "a=%x",
            "a=(1",
            "a=(1,2)",
            "a=(1\t2)",
            "a='x'",
            "a=1 b=2",
            "\ta",
            "a=(1\"x\")",
            "a;b=,c",
        ];
        for text in texts {
            assert_eq!(read(text), None, "{text}");
        }
    }
}
