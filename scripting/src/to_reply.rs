//! What a script returns: a value of Lua as a reply to its client.

use mlua::{Table, Value};
use spinel_resp::{Protocol, ReplyWriter};

/// Tables within tables; Lua's own stack ends that in Redis, at about this depth.
const DEPTH_MAX: usize = 1_990;

const TOO_DEEP: &str = "ERR reached lua stack limit";
const TOO_LARGE: &str = "ERR the script's reply is too large";

/// How much of a reply may be written.
pub(crate) struct ReplyLimit {
    pub(crate) bytes_max: usize,
}

struct Converter<'w> {
    reply: &'w mut ReplyWriter,
    /// What the script has chosen with `redis.setresp`: it decides what booleans are.
    script: Protocol,
    end: usize,
    is_too_large: bool,
    /// A table was met that is too deep: others only a little less deep would cost exponential time.
    is_too_deep: bool,
}

/// Writes one reply for `value`. Tables are read without their metatables.
pub(crate) fn to_reply(value: &Value, script: Protocol, limit: &ReplyLimit, reply: &mut ReplyWriter) {
    let start = reply.position();
    let end = start.saturating_add(limit.bytes_max);
    let mut converter = Converter { reply, script, end, is_too_large: false, is_too_deep: false };
    // Reading without metatables fails for no table.
    let written = converter.write(value, 0);
    let is_too_large = converter.is_too_large || written.is_err();
    if is_too_large {
        reply.truncate(start);
        reply.error(TOO_LARGE);
    }
}

impl Converter<'_> {
    fn write(&mut self, value: &Value, depth: usize) -> mlua::Result<()> {
        if self.reply.len() > self.end {
            self.is_too_large = true;
            return Ok(());
        }
        match value {
            Value::String(text) => self.reply.bulk(&text.as_bytes()),
            Value::Boolean(truth) => self.boolean(*truth),
            Value::Integer(number) => self.reply.integer(*number),
            Value::Number(number) => self.reply.integer(truncated(*number)),
            Value::Table(table) => return self.table(table, depth),
            _ => self.reply.null(),
        }
        Ok(())
    }

    fn boolean(&mut self, truth: bool) {
        match (self.script, truth) {
            (Protocol::Resp3, truth) => self.reply.boolean(truth),
            (Protocol::Resp2, true) => self.reply.integer(1),
            (Protocol::Resp2, false) => self.reply.null(),
        }
    }

    fn table(&mut self, table: &Table, depth: usize) -> mlua::Result<()> {
        if depth > DEPTH_MAX || self.is_too_deep {
            self.is_too_deep = true;
            self.reply.error(TOO_DEEP);
            return Ok(());
        }
        if let Some(text) = text(&table.raw_get("err")?) {
            self.reply.error_bytes(&text);
        } else if let Some(text) = text(&table.raw_get("ok")?) {
            status(self.reply, &text);
        } else if let Some(number) = number(&table.raw_get("double")?) {
            self.reply.double(number);
        } else if let Value::Table(map) = table.raw_get("map")? {
            return self.map(&map, depth);
        } else if let Value::Table(set) = table.raw_get("set")? {
            return self.set(&set, depth);
        } else if let Some(digits) = text(&table.raw_get("big_number")?) {
            self.reply.big_number(&one_line(&digits));
        } else if let Some((format, text)) = verbatim(&table.raw_get("verbatim_string")?)? {
            self.reply.verbatim(&format, &text);
        } else {
            return self.array(table, depth);
        }
        Ok(())
    }

    fn array(&mut self, table: &Table, depth: usize) -> mlua::Result<()> {
        let deferred = self.reply.deferred_array();
        let mut count = 0;
        while !self.is_too_large {
            let element: Value = table.raw_get(count + 1)?;
            if element.is_nil() {
                break;
            }
            self.write(&element, depth + 1)?;
            count += 1;
        }
        self.reply.finish_array(deferred, count);
        Ok(())
    }

    fn map(&mut self, map: &Table, depth: usize) -> mlua::Result<()> {
        let deferred = self.reply.deferred_map();
        let mut count = 0;
        for pair in map.pairs::<Value, Value>() {
            let (key, value) = pair?;
            self.write(&key, depth + 1)?;
            self.write(&value, depth + 1)?;
            count += 1;
            if self.is_too_large {
                break;
            }
        }
        self.reply.finish_map(deferred, count);
        Ok(())
    }

    fn set(&mut self, set: &Table, depth: usize) -> mlua::Result<()> {
        let deferred = self.reply.deferred_set();
        let mut count = 0;
        for pair in set.pairs::<Value, Value>() {
            self.write(&pair?.0, depth + 1)?;
            count += 1;
            if self.is_too_large {
                break;
            }
        }
        self.reply.finish_set(deferred, count);
        Ok(())
    }
}

/// A number without its fraction; what has no integer is the smallest one, as on x86-64 in Redis.
fn truncated(number: f64) -> i64 {
    const BOUND: f64 = 9_223_372_036_854_775_808.0;
    if (-BOUND..BOUND).contains(&number) { number as i64 } else { i64::MIN }
}

fn text(value: &Value) -> Option<Vec<u8>> {
    value.as_string().map(|text| text.as_bytes().to_vec())
}

fn number(value: &Value) -> Option<f64> {
    match value {
        Value::Integer(number) => Some(*number as f64),
        Value::Number(number) => Some(*number),
        _ => None,
    }
}

fn verbatim(value: &Value) -> mlua::Result<Option<(String, Vec<u8>)>> {
    let Value::Table(table) = value else { return Ok(None) };
    let (format, string) = (text(&table.raw_get("format")?), text(&table.raw_get("string")?));
    let (Some(format), Some(string)) = (format, string) else { return Ok(None) };
    let mut format: String = format.iter().chain(b"   ").take(3).map(|&byte| byte_of_line(byte)).collect();
    format.truncate(3);
    Ok(Some((format, string)))
}

fn byte_of_line(byte: u8) -> char {
    if byte.is_ascii_graphic() { char::from(byte) } else { ' ' }
}

fn one_line(digits: &[u8]) -> String {
    String::from_utf8_lossy(digits).replace(['\r', '\n'], " ")
}

/// Writes a simple string of any bytes.
fn status(reply: &mut ReplyWriter, text: &[u8]) {
    let line: Vec<u8> =
        text.iter().map(|&byte| if matches!(byte, b'\r' | b'\n') { b' ' } else { byte }).collect();
    reply.raw(b"+");
    reply.raw(&line);
    reply.raw(b"\r\n");
}
