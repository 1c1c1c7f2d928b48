//! `cjson.encode`.

use mlua::{Table, Value};

use super::{Context, DEPTH_MAX, get};
use crate::library::{as_number, format_general};
use crate::raise::Raise;

/// `encode_invalid_numbers`: NaN and the infinities are an error, or written as they are, or as null.
const ERROR: i64 = 0;
const NULL: i64 = 2;

struct Encoder<'c> {
    context: Context<'c>,
    json: Vec<u8>,
}

/// Writes a value as JSON.
pub(super) fn encode(context: Context<'_>, value: &Value) -> Result<Vec<u8>, Raise> {
    let mut encoder = Encoder { context, json: Vec::new() };
    encoder.value(value, 0)?;
    Ok(encoder.json)
}

fn unsupported(kind: &str, reason: &str) -> Raise {
    Raise::here(&format!("Cannot serialise {kind}: {reason}"))
}

impl Encoder<'_> {
    fn value(&mut self, value: &Value, depth: i64) -> Result<(), Raise> {
        self.context.count()?;
        // The text, its copy in Lua, and room to grow.
        if self.context.values.is_multiple_of(64) {
            self.context.limit.room(self.context.lua, self.json.len() * 2)?;
        }
        match value {
            Value::String(text) => self.string(&text.as_bytes())?,
            Value::Integer(_) | Value::Number(_) => self.number(as_number(value).unwrap_or(0.0))?,
            Value::Boolean(truth) => self.json.extend_from_slice(if *truth { b"true" } else { b"false" }),
            Value::Nil => self.json.extend_from_slice(b"null"),
            Value::LightUserData(data) if data.0.is_null() => self.json.extend_from_slice(b"null"),
            Value::Table(table) => return self.table(table, depth + 1),
            other => return Err(unsupported(kind(other), "type not supported")),
        }
        Ok(())
    }

    fn number(&mut self, number: f64) -> Result<(), Raise> {
        let config = self.context.config;
        if !number.is_finite() {
            match get(&config.encode_invalid) {
                ERROR => return Err(unsupported("number", "must not be NaN or Inf")),
                NULL => self.json.extend_from_slice(b"null"),
                _ if number.is_nan() => self.json.extend_from_slice(b"nan"),
                _ => self.json.extend_from_slice(if number > 0.0 { b"inf" } else { b"-inf" }),
            }
            return Ok(());
        }
        self.json.extend(format_general(number, get(&config.precision) as usize).bytes());
        Ok(())
    }

    fn string(&mut self, text: &[u8]) -> Result<(), Raise> {
        // Six bytes for each at worst.
        self.context.limit.room(self.context.lua, self.json.len() + text.len() * 6)?;
        self.json.push(b'"');
        for &byte in text {
            match byte {
                b'"' | b'\\' | b'/' => self.json.extend([b'\\', byte]),
                8 => self.json.extend_from_slice(b"\\b"),
                b'\t' => self.json.extend_from_slice(b"\\t"),
                b'\n' => self.json.extend_from_slice(b"\\n"),
                12 => self.json.extend_from_slice(b"\\f"),
                b'\r' => self.json.extend_from_slice(b"\\r"),
                0..=31 | 127 => self.json.extend(format!("\\u{byte:04x}").bytes()),
                byte => self.json.push(byte),
            }
        }
        self.json.push(b'"');
        Ok(())
    }

    fn table(&mut self, table: &Table, depth: i64) -> Result<(), Raise> {
        if depth > get(&self.context.config.encode_depth).min(DEPTH_MAX) {
            return Err(Raise::here(&format!("Cannot serialise, excessive nesting ({depth})")));
        }
        match self.array_length(table)? {
            Some(length) => self.array(table, length, depth),
            None => self.object(table, depth),
        }
    }

    /// Returns the largest key of a table whose keys are those of an array, and not too sparse.
    fn array_length(&self, table: &Table) -> Result<Option<u64>, Raise> {
        let (mut length, mut count) = (0_u64, 0_u64);
        for pair in table.pairs::<Value, Value>() {
            let index = match pair?.0 {
                Value::Integer(index) => index as f64,
                Value::Number(index) => index,
                _ => return Ok(None),
            };
            if index < 1.0 || index.fract() != 0.0 {
                return Ok(None);
            }
            length = length.max(index as u64);
            count += 1;
        }
        let config = self.context.config;
        let (ratio, safe) = (get(&config.sparse_ratio) as u64, get(&config.sparse_safe) as u64);
        if ratio > 0 && length > count.saturating_mul(ratio) && length > safe {
            if get(&config.sparse_convert) == 0 {
                return Err(unsupported("table", "excessively sparse array"));
            }
            return Ok(None);
        }
        Ok((length > 0).then_some(length))
    }

    fn array(&mut self, table: &Table, length: u64, depth: i64) -> Result<(), Raise> {
        self.json.push(b'[');
        for index in 1..=length {
            if index > 1 {
                self.json.push(b',');
            }
            self.value(&table.raw_get(index)?, depth)?;
        }
        self.json.push(b']');
        Ok(())
    }

    fn object(&mut self, table: &Table, depth: i64) -> Result<(), Raise> {
        self.json.push(b'{');
        let mut is_first = true;
        for pair in table.pairs::<Value, Value>() {
            let (key, value) = pair?;
            if !std::mem::take(&mut is_first) {
                self.json.push(b',');
            }
            match &key {
                Value::String(key) => self.string(&key.as_bytes())?,
                Value::Integer(_) | Value::Number(_) => {
                    self.json.push(b'"');
                    self.number(as_number(&key).unwrap_or(0.0))?;
                    self.json.push(b'"');
                }
                other => return Err(unsupported(kind(other), "table key must be a number or string")),
            }
            self.json.push(b':');
            self.value(&value, depth)?;
        }
        self.json.push(b'}');
        Ok(())
    }
}

/// The type's name in Lua.
fn kind(value: &Value) -> &'static str {
    match value {
        Value::LightUserData(_) => "userdata",
        other => other.type_name(),
    }
}
