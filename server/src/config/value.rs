//! Values of settings: reading the words of one, and showing it.

use super::memory::{self, Amount};
use super::setting::{Kind, Setting};
use std::borrow::Cow;

/// Why a value is refused, as clients and the start-up message say it.
pub(crate) type Reason = Cow<'static, str>;

/// The value of a setting: a number for flags, integers, sizes and choices, else text.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Value {
    Number(i64),
    Text(Vec<u8>),
}

/// Words of which several may be chosen, and which of them exclude each other.
#[derive(Clone, Copy)]
pub(crate) struct Choices {
    /// The first stands for none of the others.
    pub(crate) names: &'static [&'static str],
    /// Two of them that can't be chosen together, with what to say then, if there are such.
    pub(crate) exclusive: Option<(usize, usize, &'static str)>,
}

impl Setting {
    /// The value when nobody says anything.
    pub(crate) fn default_value(&self) -> Value {
        match self.kind {
            Kind::Flag { default } => Value::Number(i64::from(default)),
            Kind::Integer { default, .. } | Kind::Clamped { default, .. } | Kind::Octal { default, .. } => {
                Value::Number(default)
            }
            Kind::Bytes { default, .. } => Value::Number(default as i64),
            Kind::Memory { default } => Value::Number(Amount::Bytes(default).number()),
            Kind::BytesOrPercent { default } => Value::Number(default),
            Kind::Choice { default, .. } => Value::Number(default as i64),
            Kind::Choices(_) => Value::Number(0),
            Kind::Text { default, .. } | Kind::List { default, .. } => Value::Text(default.into()),
        }
    }

    /// Reads a value. `before` is what a list had, for those to which a new value adds.
    pub(crate) fn read(&self, words: &[&[u8]], before: &Value) -> Result<Value, Reason> {
        let split: Vec<&[u8]>;
        let words = match words {
            [word] if self.takes_words() && !word.is_empty() => {
                split = word.split(|byte| *byte == b' ').collect();
                &split
            }
            words => words,
        };
        match self.kind {
            Kind::List { read, .. } => {
                let before = if let Value::Text(text) = before { &text[..] } else { b"" };
                read(words, before).map(Value::Text)
            }
            Kind::Choices(choices) => choices.read(words).map(Value::Number),
            _ => match words {
                [word] => self.read_word(word),
                _ => Err("wrong number of arguments".into()),
            },
        }
    }

    fn read_word(&self, word: &[u8]) -> Result<Value, Reason> {
        let number = match self.kind {
            Kind::Flag { .. } => flag(word)?,
            Kind::Integer { min, max, .. } => within(decimal(word)?, min, max)?,
            Kind::Clamped { min, max, .. } => within(decimal(word)?, 0, i64::from(i32::MAX))?.clamp(min, max),
            Kind::Octal { max, .. } => {
                let number = octal(word).ok_or("argument couldn't be parsed as an octal number")?;
                if !(0..=max).contains(&number) {
                    return Err(format!("argument must be between 0 and {max:o} inclusive").into());
                }
                number
            }
            Kind::Bytes { min, max, .. } => {
                within(memory::parse(word).ok_or("argument must be a memory value")?, min, max)? as i64
            }
            Kind::Memory { .. } => Amount::read(word)?.number(),
            Kind::BytesOrPercent { .. } => {
                let number = bytes_or_percent(word).ok_or("argument must be a memory or percent value")?;
                if number < -100 {
                    return Err("percentage argument must be less or equal to 100".into());
                }
                number
            }
            Kind::Choice { names, .. } => names
                .iter()
                .position(|name| name.as_bytes().eq_ignore_ascii_case(word))
                .ok_or_else(|| one_of(names))? as i64,
            Kind::Text { check, .. } => {
                check(word)?;
                return Ok(Value::Text(word.into()));
            }
            Kind::Choices(_) | Kind::List { .. } => unreachable!("made of several words"),
        };
        Ok(Value::Number(number))
    }

    /// The value as CONFIG GET shows it.
    pub(crate) fn show(&self, value: &Value) -> Vec<u8> {
        let number = match value {
            Value::Text(text) => return text.clone(),
            Value::Number(number) => *number,
        };
        match self.kind {
            Kind::Flag { .. } => if number == 0 { "no" } else { "yes" }.into(),
            Kind::Octal { .. } => format!("{number:o}").into(),
            Kind::Bytes { .. } => (number as u64).to_string().into(),
            Kind::Memory { .. } => Amount::of(number).to_string().into(),
            Kind::BytesOrPercent { .. } if number < 0 => format!("{}%", -number).into(),
            Kind::Choice { names, .. } => names[number as usize].into(),
            Kind::Choices(choices) => choices.show(number).into(),
            _ => number.to_string().into(),
        }
    }
}

impl Choices {
    /// Bit `n` stands for the name at `n + 1`.
    fn read(self, words: &[&[u8]]) -> Result<i64, Reason> {
        let mut mask = 0;
        for word in words {
            let place = self.names.iter().position(|name| name.as_bytes().eq_ignore_ascii_case(word));
            mask |= 1 << place.ok_or_else(|| one_of(self.names))? >> 1;
        }
        if words.is_empty() {
            return Err(one_of(self.names));
        }
        let has = |place: usize| mask & (1 << place >> 1) != 0;
        match self.exclusive {
            Some((one, other, reason)) if has(one) && has(other) => Err(reason.into()),
            _ => Ok(mask),
        }
    }

    fn show(self, mask: i64) -> String {
        if mask == 0 {
            return self.names[0].to_owned();
        }
        let chosen = self.names.iter().enumerate().filter(|(place, _)| mask & (1 << place >> 1) != 0);
        chosen.map(|(_, name)| *name).collect::<Vec<_>>().join(" ")
    }
}

fn flag(word: &[u8]) -> Result<i64, Reason> {
    if word.eq_ignore_ascii_case(b"yes") {
        Ok(1)
    } else if word.eq_ignore_ascii_case(b"no") {
        Ok(0)
    } else {
        Err("argument must be 'yes' or 'no'".into())
    }
}

fn decimal(word: &[u8]) -> Result<i64, Reason> {
    spinel_resp::parse_integer(word).ok_or_else(|| "argument couldn't be parsed into an integer".into())
}

fn within<N: Copy + PartialOrd + std::fmt::Display>(number: N, min: N, max: N) -> Result<N, Reason> {
    if number < min || number > max {
        return Err(format!("argument must be between {min} and {max} inclusive").into());
    }
    Ok(number)
}

fn octal(word: &[u8]) -> Option<i64> {
    i64::from_str_radix(std::str::from_utf8(word).ok()?, 8).ok()
}

fn bytes_or_percent(word: &[u8]) -> Option<i64> {
    match word.strip_suffix(b"%") {
        Some(digits) => {
            spinel_resp::parse_integer(digits).filter(|percent| *percent >= 0).map(|percent| -percent)
        }
        None => memory::parse(word).map(|bytes| i64::try_from(bytes).unwrap_or(i64::MAX)),
    }
}

fn one_of(names: &[&str]) -> Reason {
    format!("argument(s) must be one of the following: {}", names.join(", ")).into()
}
