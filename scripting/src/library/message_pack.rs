//! `cmsgpack`: `MessagePack` for scripts, with the texts of the library that Redis has.

use std::sync::Arc;

use mlua::{Lua, MultiValue, Table, Value};

use super::{as_number, integer_or, text};
use crate::limit::Limit;
use crate::raise::{Arguments, Raise, multi, single};
use crate::shared::Shared;

/// Tables within tables; deeper ones are written as nil.
const PACK_DEPTH_MAX: usize = 16;

/// Arrays within arrays that are read.
const UNPACK_DEPTH_MAX: usize = 1_000;

/// Values that are returned at once.
const RESULTS_MAX: usize = 7_000;

/// Bytes that a value of Lua takes at least, for what is asked for before it is made.
const VALUE_BYTES: usize = 64;

/// Values between two questions whether to go on.
const VALUES_PER_TICK: usize = 20_000;

/// Makes the library.
pub(crate) fn library(lua: &Lua, limit: Limit, shared: &Arc<Shared>) -> mlua::Result<Table> {
    let library = lua.create_table()?;
    library.raw_set("_NAME", "cmsgpack")?;
    library.raw_set("_VERSION", "lua-cmsgpack 0.4.0")?;
    library.raw_set("_COPYRIGHT", "Copyright (C) 2012, Salvatore Sanfilippo")?;
    library.raw_set("_DESCRIPTION", "MessagePack C implementation for Lua")?;
    let packing = Arc::clone(shared);
    let pack = single(lua, limit, move |lua, arguments| {
        if arguments.is_empty() {
            return Err(Raise::Argument(0, "MessagePack pack needs input.".to_owned()));
        }
        let mut packer = Packer { lua, limit, shared: &packing, bytes: Vec::new(), values: 0 };
        for value in arguments.iter() {
            packer.value(value, 0)?;
        }
        Ok(Value::String(lua.create_string(packer.bytes)?))
    })?;
    library.raw_set("pack", pack)?;
    let forms: [(&str, Form); 3] =
        [("unpack", Form::All), ("unpack_one", Form::One), ("unpack_limit", Form::Limit)];
    for (name, form) in forms {
        let shared = Arc::clone(shared);
        let unpack = multi(lua, limit, move |lua, arguments| unpack(lua, limit, &shared, arguments, form))?;
        library.raw_set(name, unpack)?;
    }
    Ok(library)
}

struct Packer<'p> {
    lua: &'p Lua,
    limit: Limit,
    shared: &'p Shared,
    bytes: Vec<u8>,
    values: usize,
}

impl Packer<'_> {
    fn value(&mut self, value: &Value, depth: usize) -> Result<(), Raise> {
        self.values += 1;
        if self.values.is_multiple_of(VALUES_PER_TICK) {
            self.shared.tick()?;
            self.limit.room(self.lua, self.bytes.len() * 2)?;
        }
        match value {
            Value::String(text) => self.string(&text.as_bytes())?,
            Value::Integer(_) | Value::Number(_) => self.number(as_number(value).unwrap_or(0.0)),
            Value::Boolean(truth) => self.bytes.push(if *truth { 0xc3 } else { 0xc2 }),
            Value::Table(table) if depth < PACK_DEPTH_MAX => return self.table(table, depth),
            _ => self.bytes.push(0xc0),
        }
        Ok(())
    }

    fn head(&mut self, kind: u8, big_endian: &[u8]) {
        self.bytes.push(kind);
        self.bytes.extend_from_slice(big_endian);
    }

    fn number(&mut self, number: f64) {
        const BOUND: f64 = 9_223_372_036_854_775_808.0;
        if number.fract() == 0.0 && (-BOUND..BOUND).contains(&number) {
            return self.integer(number as i64);
        }
        let short = number as f32;
        if f64::from(short).to_bits() == number.to_bits() && !number.is_nan() {
            self.head(0xca, &short.to_be_bytes());
        } else {
            self.head(0xcb, &number.to_be_bytes());
        }
    }

    /// The shortest form.
    fn integer(&mut self, number: i64) {
        match number {
            -32..=127 => self.bytes.push(number as u8),
            128..=0xff => self.head(0xcc, &[number as u8]),
            0x100..=0xffff => self.head(0xcd, &(number as u16).to_be_bytes()),
            0x1_0000..=0xffff_ffff => self.head(0xce, &(number as u32).to_be_bytes()),
            0x1_0000_0000.. => self.head(0xcf, &number.to_be_bytes()),
            -0x80..=-33 => self.head(0xd0, &[number as u8]),
            -0x8000..=-0x81 => self.head(0xd1, &(number as i16).to_be_bytes()),
            -0x8000_0000..=-0x8001 => self.head(0xd2, &(number as i32).to_be_bytes()),
            _ => self.head(0xd3, &number.to_be_bytes()),
        }
    }

    fn string(&mut self, text: &[u8]) -> Result<(), Raise> {
        self.limit.room(self.lua, self.bytes.len() + 2 * text.len())?;
        match text.len() {
            length @ 0..32 => self.bytes.push(0xa0 | length as u8),
            length @ 32..=0xff => self.head(0xd9, &[length as u8]),
            length => self.counted(0xda, length),
        }
        self.bytes.extend_from_slice(text);
        Ok(())
    }

    /// A length of two bytes, or the next kind with one of four.
    fn counted(&mut self, kind: u8, length: usize) {
        match u16::try_from(length) {
            Ok(length) => self.head(kind, &length.to_be_bytes()),
            Err(_) => self.head(kind + 1, &(length as u32).to_be_bytes()),
        }
    }

    /// Up to 15 elements are counted in the kind itself.
    fn counted_table(&mut self, short: u8, kind: u8, count: usize) {
        if count < 16 {
            self.bytes.push(short | count as u8);
        } else {
            self.counted(kind, count);
        }
    }

    fn table(&mut self, table: &Table, depth: usize) -> Result<(), Raise> {
        let (mut count, mut largest, mut is_array) = (0_usize, 0_i64, true);
        for pair in table.pairs::<Value, Value>() {
            count += 1;
            match pair?.0 {
                Value::Integer(index) if index > 0 => largest = largest.max(index),
                _ => is_array = false,
            }
        }
        if is_array && largest == count as i64 {
            self.counted_table(0x90, 0xdc, count);
            for index in 1..=count {
                self.value(&table.raw_get(index)?, depth + 1)?;
            }
            return Ok(());
        }
        self.counted_table(0x80, 0xde, count);
        for pair in table.pairs::<Value, Value>() {
            let (key, value) = pair?;
            self.value(&key, depth + 1)?;
            self.value(&value, depth + 1)?;
        }
        Ok(())
    }
}

/// How much is read, and whether the place behind it is returned.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    All,
    One,
    Limit,
}

fn unpack(
    lua: &Lua,
    limit: Limit,
    shared: &Shared,
    arguments: &Arguments,
    form: Form,
) -> Result<MultiValue, Raise> {
    let bytes = text(arguments, 1)?;
    let (count, offset) = match form {
        Form::All => (0, 0),
        Form::One => (1, integer_or(arguments, 2, 0)?),
        Form::Limit => (super::number(arguments, 2)? as i64, integer_or(arguments, 3, 0)?),
    };
    let length = bytes.len();
    let (Ok(start), Ok(count)) = (usize::try_from(offset), usize::try_from(count)) else {
        let text = format!("Invalid request to unpack with offset of {offset} and limit of {length}.");
        return Err(Raise::here(&text));
    };
    if start > length {
        let text = format!("Start offset {start} greater than input length {length}.");
        return Err(Raise::here(&text));
    }
    let takes_all = count == 0 && start == 0;
    let mut unpacker = Unpacker { lua, limit, shared, bytes: &bytes, at: start, values: 0 };
    let mut results = Vec::new();
    while unpacker.at < length && (takes_all || results.len() < count) {
        if results.len() >= RESULTS_MAX {
            return Err(Raise::here("stack overflow (in function mp_unpack_full)"));
        }
        results.push(unpacker.value(0)?);
    }
    if !takes_all {
        let place = if unpacker.at == length { -1.0 } else { unpacker.at as f64 };
        results.insert(0, Value::Number(place));
    }
    Ok(MultiValue::from_vec(results))
}

struct Unpacker<'u> {
    lua: &'u Lua,
    limit: Limit,
    shared: &'u Shared,
    bytes: &'u [u8],
    at: usize,
    values: usize,
}

impl<'u> Unpacker<'u> {
    fn take(&mut self, length: usize) -> Result<&'u [u8], Raise> {
        let taken = self.bytes.get(self.at..).and_then(|rest| rest.get(..length));
        let taken = taken.ok_or_else(|| Raise::here("Missing bytes in input."))?;
        self.at += length;
        Ok(taken)
    }

    /// A number of so many bytes.
    fn unsigned(&mut self, size: usize) -> Result<u64, Raise> {
        Ok(self.take(size)?.iter().fold(0, |number, &byte| number << 8 | u64::from(byte)))
    }

    fn signed(&mut self, size: usize) -> Result<Value, Raise> {
        let unused = 64 - 8 * size as u32;
        Ok(Value::Number(((self.unsigned(size)? << unused) as i64 >> unused) as f64))
    }

    fn value(&mut self, depth: usize) -> Result<Value, Raise> {
        self.values += 1;
        if self.values.is_multiple_of(VALUES_PER_TICK) {
            self.shared.tick()?;
        }
        let kind = self.take(1)?[0];
        Ok(match kind {
            0x00..=0x7f | 0xe0..=0xff => Value::Number(f64::from(kind as i8)),
            0x80..=0x8f => return self.map(usize::from(kind & 15), depth),
            0x90..=0x9f => return self.array(usize::from(kind & 15), depth),
            0xa0..=0xbf => return self.string(usize::from(kind & 31)),
            0xc0 => Value::Nil,
            0xc2 | 0xc3 => Value::Boolean(kind == 0xc3),
            0xca => Value::Number(f64::from(f32::from_bits(self.unsigned(4)? as u32))),
            0xcb => Value::Number(f64::from_bits(self.unsigned(8)?)),
            // The largest are read as negative numbers, as in Redis.
            0xcc..=0xcf => Value::Number(self.unsigned(1 << (kind - 0xcc))? as i64 as f64),
            0xd0..=0xd3 => return self.signed(1 << (kind - 0xd0)),
            0xd9..=0xdb => {
                let length = self.unsigned(1 << (kind - 0xd9))?;
                return self.string(length as usize);
            }
            0xdc | 0xdd => {
                let length = self.unsigned(2 << (kind - 0xdc))?;
                return self.array(length as usize, depth);
            }
            0xde | 0xdf => {
                let length = self.unsigned(2 << (kind - 0xde))?;
                return self.map(length as usize, depth);
            }
            _ => return Err(Raise::here("Bad data format in input.")),
        })
    }

    fn string(&mut self, length: usize) -> Result<Value, Raise> {
        let text = self.take(length)?;
        self.limit.room(self.lua, length + VALUE_BYTES)?;
        Ok(Value::String(self.lua.create_string(text)?))
    }

    fn descend(&self, depth: usize, function: &str) -> Result<Table, Raise> {
        if depth >= UNPACK_DEPTH_MAX {
            return Err(Raise::here(&format!("stack overflow (in function {function})")));
        }
        self.limit.room(self.lua, VALUE_BYTES)?;
        Ok(self.lua.create_table()?)
    }

    fn array(&mut self, length: usize, depth: usize) -> Result<Value, Raise> {
        let array = self.descend(depth, "mp_decode_to_lua_array")?;
        for index in 1..=length {
            if index % 64 == 0 {
                self.limit.room(self.lua, index * VALUE_BYTES)?;
            }
            array.raw_set(index, self.value(depth + 1)?)?;
        }
        Ok(Value::Table(array))
    }

    fn map(&mut self, length: usize, depth: usize) -> Result<Value, Raise> {
        let map = self.descend(depth, "mp_decode_to_lua_hash")?;
        for index in 1..=length {
            if index % 64 == 0 {
                self.limit.room(self.lua, index * VALUE_BYTES)?;
            }
            let (key, value) = (self.value(depth + 1)?, self.value(depth + 1)?);
            match key {
                Value::Nil => return Err(Raise::Text(b"table index is nil".to_vec())),
                Value::Number(key) if key.is_nan() => {
                    return Err(Raise::Text(b"table index is NaN".to_vec()));
                }
                key => map.raw_set(key, value)?,
            }
        }
        Ok(Value::Table(map))
    }
}
