//! `cjson.decode`.

use mlua::{LightUserData, Value};

use super::{Context, DEPTH_MAX, get};
use crate::raise::Raise;

/// Bytes that a value of Lua takes at least, for what is asked for before it is made.
const VALUE_BYTES: usize = 64;

#[derive(Clone)]
enum Token {
    ObjectBegin,
    ObjectEnd,
    ArrayBegin,
    ArrayEnd,
    String(Vec<u8>),
    Number(f64),
    Boolean(bool),
    Null,
    Colon,
    Comma,
    End,
    Error(&'static str),
}

impl Token {
    fn name(&self) -> &'static str {
        match self {
            Token::ObjectBegin => "T_OBJ_BEGIN",
            Token::ObjectEnd => "T_OBJ_END",
            Token::ArrayBegin => "T_ARR_BEGIN",
            Token::ArrayEnd => "T_ARR_END",
            Token::String(_) => "T_STRING",
            Token::Number(_) => "T_NUMBER",
            Token::Boolean(_) => "T_BOOLEAN",
            Token::Null => "T_NULL",
            Token::Colon => "T_COLON",
            Token::Comma => "T_COMMA",
            Token::End => "T_END",
            Token::Error(text) => text,
        }
    }
}

struct Decoder<'c, 'j> {
    context: Context<'c>,
    json: &'j [u8],
    at: usize,
    /// Where the last token begins, or went wrong.
    token_at: usize,
}

/// Reads JSON. A zero byte ends it.
pub(super) fn decode(context: Context<'_>, json: &[u8]) -> Result<Value, Raise> {
    if let [first, second, ..] = json
        && (*first == 0 || *second == 0)
    {
        return Err(Raise::here("JSON parser does not support UTF-16 or UTF-32"));
    }
    let mut decoder = Decoder { context, json, at: 0, token_at: 0 };
    let token = decoder.token();
    let value = decoder.value(token, 0)?;
    match decoder.token() {
        Token::End => Ok(value),
        other => Err(decoder.unexpected("the end", &other)),
    }
}

impl Decoder<'_, '_> {
    fn unexpected(&self, expected: &str, found: &Token) -> Raise {
        let (found, at) = (found.name(), self.token_at + 1);
        Raise::here(&format!("Expected {expected} but found {found} at character {at}"))
    }

    fn byte(&self, at: usize) -> u8 {
        self.json.get(at).copied().unwrap_or(0)
    }

    fn error(&mut self, text: &'static str) -> Token {
        self.token_at = self.at;
        Token::Error(text)
    }

    fn token(&mut self) -> Token {
        while matches!(self.byte(self.at), b' ' | b'\t' | b'\n' | b'\r') {
            self.at += 1;
        }
        self.token_at = self.at;
        let punctuation = match self.byte(self.at) {
            b'{' => Token::ObjectBegin,
            b'}' => Token::ObjectEnd,
            b'[' => Token::ArrayBegin,
            b']' => Token::ArrayEnd,
            b':' => Token::Colon,
            b',' => Token::Comma,
            0 => return Token::End,
            b'"' => return self.string(),
            _ => return self.word(),
        };
        self.at += 1;
        punctuation
    }

    fn word(&mut self) -> Token {
        let rest = &self.json[self.at..];
        let words =
            [(&b"true"[..], Token::Boolean(true)), (b"false", Token::Boolean(false)), (b"null", Token::Null)];
        if let Some((word, token)) = words.into_iter().find(|(word, _)| rest.starts_with(word)) {
            self.at += word.len();
            return token;
        }
        let takes_invalid = get(&self.context.config.decode_invalid) == 1;
        match (rest[0], is_invalid_number(rest)) {
            (b'-' | b'0'..=b'9', true) if !takes_invalid => self.error("invalid number"),
            (b'-' | b'0'..=b'9', _) => self.number(),
            (_, true) if takes_invalid => self.number(),
            _ => self.error("invalid token"),
        }
    }

    fn number(&mut self) -> Token {
        match read_number(&self.json[self.at..]) {
            Some((number, length)) => {
                self.at += length;
                Token::Number(number)
            }
            None => self.error("invalid number"),
        }
    }

    fn string(&mut self) -> Token {
        let mut text = Vec::new();
        self.at += 1;
        loop {
            match self.byte(self.at) {
                0 => return self.error("unexpected end of string"),
                b'"' => break,
                b'\\' => {
                    if let Err(text) = self.escape(&mut text) {
                        return self.error(text);
                    }
                }
                byte => {
                    text.push(byte);
                    self.at += 1;
                }
            }
        }
        self.at += 1;
        Token::String(text)
    }

    /// Reads what follows a backslash; an error leaves the place where it is.
    fn escape(&mut self, text: &mut Vec<u8>) -> Result<(), &'static str> {
        let byte = match self.byte(self.at + 1) {
            byte @ (b'"' | b'\\' | b'/') => byte,
            b'b' => 8,
            b'f' => 12,
            b'n' => b'\n',
            b'r' => b'\r',
            b't' => b'\t',
            b'u' => return self.unicode(text),
            _ => return Err("invalid escape code"),
        };
        text.push(byte);
        self.at += 2;
        Ok(())
    }

    fn unicode(&mut self, text: &mut Vec<u8>) -> Result<(), &'static str> {
        const INVALID: &str = "invalid unicode escape code";
        let unit = self.unit(self.at).ok_or(INVALID)?;
        let (code, length) = if (0xd800..0xdc00).contains(&unit) {
            let low = self.unit(self.at + 6).filter(|low| (0xdc00..0xe000).contains(low)).ok_or(INVALID)?;
            (0x1_0000 + ((unit - 0xd800) << 10) + (low - 0xdc00), 12)
        } else {
            (unit, 6)
        };
        let character = char::from_u32(code).ok_or(INVALID)?;
        text.extend(character.encode_utf8(&mut [0; 4]).bytes());
        self.at += length;
        Ok(())
    }

    /// Reads `\u` and four digits.
    fn unit(&self, at: usize) -> Option<u32> {
        let digits = self.json.get(at..at + 6)?.strip_prefix(b"\\u")?;
        digits.iter().try_fold(0, |unit, &digit| Some(unit << 4 | char::from(digit).to_digit(16)?))
    }

    fn value(&mut self, token: Token, depth: i64) -> Result<Value, Raise> {
        self.context.count()?;
        match token {
            Token::String(text) => {
                self.context.limit.room(self.context.lua, text.len() + VALUE_BYTES)?;
                Ok(Value::String(self.context.lua.create_string(text)?))
            }
            Token::Number(number) => Ok(Value::Number(number)),
            Token::Boolean(truth) => Ok(Value::Boolean(truth)),
            Token::Null => Ok(Value::LightUserData(LightUserData(std::ptr::null_mut()))),
            Token::ObjectBegin => self.object(depth + 1),
            Token::ArrayBegin => self.array(depth + 1),
            other => Err(self.unexpected("value", &other)),
        }
    }

    fn descend(&self, depth: i64) -> Result<(), Raise> {
        self.context.limit.room(self.context.lua, VALUE_BYTES)?;
        if depth > get(&self.context.config.decode_depth).min(DEPTH_MAX) {
            let text = format!("Found too many nested data structures ({depth}) at character {}", self.at);
            return Err(Raise::here(&text));
        }
        Ok(())
    }

    fn object(&mut self, depth: i64) -> Result<Value, Raise> {
        self.descend(depth)?;
        let object = self.context.lua.create_table()?;
        let mut token = self.token();
        if matches!(token, Token::ObjectEnd) {
            return Ok(Value::Table(object));
        }
        loop {
            let Token::String(key) = token else { return Err(self.unexpected("object key string", &token)) };
            self.context.limit.room(self.context.lua, key.len() + VALUE_BYTES)?;
            let colon = self.token();
            if !matches!(colon, Token::Colon) {
                return Err(self.unexpected("colon", &colon));
            }
            let first = self.token();
            let value = self.value(first, depth)?;
            object.raw_set(self.context.lua.create_string(key)?, value)?;
            match self.token() {
                Token::ObjectEnd => return Ok(Value::Table(object)),
                Token::Comma => token = self.token(),
                other => return Err(self.unexpected("comma or object end", &other)),
            }
        }
    }

    fn array(&mut self, depth: i64) -> Result<Value, Raise> {
        self.descend(depth)?;
        let array = self.context.lua.create_table()?;
        let mut token = self.token();
        if matches!(token, Token::ArrayEnd) {
            return Ok(Value::Table(array));
        }
        for index in 1.. {
            let value = self.value(token, depth)?;
            array.raw_set(index, value)?;
            if index % 64 == 0 {
                self.context.limit.room(self.context.lua, index * VALUE_BYTES)?;
            }
            match self.token() {
                Token::ArrayEnd => break,
                Token::Comma => token = self.token(),
                other => return Err(self.unexpected("comma or array end", &other)),
            }
        }
        Ok(Value::Table(array))
    }
}

/// Tells whether this begins like a number that JSON doesn't know: with a plus, with zeros, in hexadecimal, or one
/// that isn't finite.
fn is_invalid_number(text: &[u8]) -> bool {
    if text.first() == Some(&b'+') {
        return true;
    }
    let text = text.strip_prefix(b"-").unwrap_or(text);
    match text {
        [b'0', next, ..] => matches!(next, b'x' | b'X' | b'0'..=b'9'),
        [b'0'..=b'9', ..] => false,
        _ => starts_with(text, b"inf") || starts_with(text, b"nan"),
    }
}

fn starts_with(text: &[u8], word: &[u8]) -> bool {
    text.get(..word.len()).is_some_and(|start| start.eq_ignore_ascii_case(word))
}

/// Reads a number as C's `strtod` does, and how many bytes it takes.
fn read_number(text: &[u8]) -> Option<(f64, usize)> {
    let signed = usize::from(matches!(text.first(), Some(b'-' | b'+')));
    let sign = if text.first() == Some(&b'-') { -1.0 } else { 1.0 };
    let rest = &text[signed..];
    for (word, value) in [(&b"infinity"[..], f64::INFINITY), (b"inf", f64::INFINITY), (b"nan", f64::NAN)] {
        if starts_with(rest, word) {
            return Some((sign * value, signed + word.len()));
        }
    }
    if let [b'0', b'x' | b'X', digits @ ..] = rest {
        let count = digits.iter().take_while(|digit| digit.is_ascii_hexdigit()).count();
        let value = digits[..count]
            .iter()
            .filter_map(|&digit| char::from(digit).to_digit(16))
            .fold(0.0, |value, digit| value * 16.0 + f64::from(digit));
        // Without digits it is a zero, and the letter isn't part of it.
        return Some((sign * value, if count == 0 { signed + 1 } else { signed + 2 + count }));
    }
    let length = decimal_length(rest)?;
    let digits = std::str::from_utf8(&rest[..length]).ok()?;
    Some((sign * digits.parse::<f64>().ok()?, signed + length))
}

/// How many bytes are a decimal number with an optional fraction and exponent.
fn decimal_length(text: &[u8]) -> Option<usize> {
    let digits = |from: usize| text[from..].iter().take_while(|byte| byte.is_ascii_digit()).count();
    let whole = digits(0);
    let mut end = whole;
    if text.get(end) == Some(&b'.') {
        let fraction = digits(end + 1);
        if whole + fraction == 0 {
            return None;
        }
        end += 1 + fraction;
    } else if whole == 0 {
        return None;
    }
    if matches!(text.get(end), Some(b'e' | b'E')) {
        let sign = usize::from(matches!(text.get(end + 1), Some(b'+' | b'-')));
        let exponent = if end + 1 + sign <= text.len() { digits(end + 1 + sign) } else { 0 };
        if exponent > 0 {
            end += 1 + sign + exponent;
        }
    }
    Some(end)
}
