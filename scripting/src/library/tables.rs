//! `table.sort` without a function that compares: sorting in C can't be interrupted, and an unlucky order of a
//! million elements takes it hours.

use mlua::{Lua, LuaString, Table, Value};

use crate::raise::{Arguments, Raise};

/// Sorts the table in the first argument if it holds numbers only or texts only, and tells whether it did.
pub(crate) fn sort(_: &Lua, arguments: &Arguments) -> Result<Value, Raise> {
    let Some(Value::Table(table)) = arguments.first() else { return Ok(Value::Boolean(false)) };
    let length = table.raw_len();
    let is_sorted = match table.raw_get(1)? {
        Value::String(_) => sort_texts(table, length)?,
        Value::Integer(_) | Value::Number(_) => sort_numbers(table, length)?,
        _ => false,
    };
    Ok(Value::Boolean(is_sorted))
}

fn sort_numbers(table: &Table, length: usize) -> mlua::Result<bool> {
    let mut numbers = Vec::with_capacity(length);
    for index in 1..=length {
        match table.raw_get(index)? {
            Value::Integer(number) => numbers.push(number as f64),
            Value::Number(number) => numbers.push(number),
            _ => return Ok(false),
        }
    }
    numbers.sort_by(f64::total_cmp);
    for (index, number) in numbers.into_iter().enumerate() {
        table.raw_set(index + 1, number)?;
    }
    Ok(true)
}

fn sort_texts(table: &Table, length: usize) -> mlua::Result<bool> {
    let mut texts: Vec<LuaString> = Vec::with_capacity(length);
    for index in 1..=length {
        match table.raw_get(index)? {
            Value::String(text) => texts.push(text),
            _ => return Ok(false),
        }
    }
    #[expect(clippy::unnecessary_sort_by, reason = "a key would be a guard that borrows the text")]
    texts.sort_by(|left, right| left.as_bytes().cmp(&right.as_bytes()));
    for (index, text) in texts.into_iter().enumerate() {
        table.raw_set(index + 1, text)?;
    }
    Ok(true)
}
