//! What scripts find beside `redis`: libraries that Redis adds to Lua's, and functions of Lua's that must not run
//! long or grow without bounds.

pub(crate) mod bit;
pub(crate) mod cjson;
pub(crate) mod message_pack;
pub(crate) mod pattern;
pub(crate) mod random;
pub(crate) mod strings;
pub(crate) mod structure;
pub(crate) mod tables;

use mlua::Value;

use crate::raise::{Arguments, Raise};

/// The argument with this number, counted from 1, as a number.
pub(crate) fn number(arguments: &Arguments, at: usize) -> Result<f64, Raise> {
    let value = arguments.get(at - 1);
    value.and_then(as_number).ok_or_else(|| Raise::expected(at, "number", value))
}

/// The argument with this number as an integer of Lua's libraries, or `default` where it is missing.
pub(crate) fn integer_or(arguments: &Arguments, at: usize, default: i64) -> Result<i64, Raise> {
    match arguments.get(at - 1) {
        None | Some(Value::Nil) => Ok(default),
        Some(_) => number(arguments, at).map(|number| number as i64),
    }
}

/// The argument with this number as text: strings, and numbers as Lua writes them.
pub(crate) fn text(arguments: &Arguments, at: usize) -> Result<Vec<u8>, Raise> {
    let value = arguments.get(at - 1);
    value.and_then(as_text).ok_or_else(|| Raise::expected(at, "string", value))
}

/// A number, or the number that a text says.
pub(crate) fn as_number(value: &Value) -> Option<f64> {
    match value {
        Value::Integer(number) => Some(*number as f64),
        Value::Number(number) => Some(*number),
        Value::String(text) => parse_number(&text.as_bytes()),
        _ => None,
    }
}

/// Reads a number as Lua does: decimal or hexadecimal, with space around it.
fn parse_number(text: &[u8]) -> Option<f64> {
    let text = std::str::from_utf8(text).ok()?.trim_matches([' ', '\t', '\n', '\r', '\x0b', '\x0c']);
    let (sign, digits) = match text.as_bytes().first()? {
        b'-' => (-1.0, &text[1..]),
        b'+' => (1.0, &text[1..]),
        _ => (1.0, text),
    };
    if let Some(digits) = digits.strip_prefix("0x").or_else(|| digits.strip_prefix("0X")) {
        let is_number = !digits.starts_with('+');
        return u64::from_str_radix(digits, 16).ok().filter(|_| is_number).map(|number| sign * number as f64);
    }
    digits.starts_with(|start: char| start.is_ascii_digit() || start == '.').then_some(())?;
    digits.parse::<f64>().ok().map(|number| sign * number)
}

/// A text, or the text of a number.
pub(crate) fn as_text(value: &Value) -> Option<Vec<u8>> {
    match value {
        Value::String(text) => Some(text.as_bytes().to_vec()),
        Value::Integer(number) => Some(format_number(*number as f64)),
        Value::Number(number) => Some(format_number(*number)),
        _ => None,
    }
}

/// Digits that Lua writes of a number.
const DIGITS: usize = 14;

/// Writes a number as Lua does, which is C's `%.14g`.
pub(crate) fn format_number(number: f64) -> Vec<u8> {
    format_general(number, DIGITS).into_bytes()
}

/// Writes a number as C's `%.Ng` does.
pub(crate) fn format_general(number: f64, digits: usize) -> String {
    if number.is_nan() {
        return if number.is_sign_negative() { "-nan".to_owned() } else { "nan".to_owned() };
    }
    if number.is_infinite() {
        return if number > 0.0 { "inf".to_owned() } else { "-inf".to_owned() };
    }
    let digits = digits.max(1);
    let scientific = format!("{number:.*e}", digits - 1);
    let (mantissa, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    if exponent < -4 || exponent >= digits as i32 {
        let sign = if exponent < 0 { '-' } else { '+' };
        return format!("{}e{sign}{:02}", without_zeros(mantissa), exponent.abs());
    }
    let decimals = (digits as i32 - 1 - exponent).max(0) as usize;
    without_zeros(&format!("{number:.decimals$}")).to_owned()
}

/// Zeros at the end of a fraction say nothing.
fn without_zeros(text: &str) -> &str {
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { text }
}
