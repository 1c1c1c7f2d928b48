//! `bit`: operations on the lower 32 bits of numbers.

use mlua::{Lua, Table, Value};

use super::number;
use crate::limit::Limit;
use crate::raise::{Arguments, Raise, single};

/// Added to a number, it leaves the number's integer, modulo 2^32, in the lower bits of the sum: the sum's unit is 1.
const SHIFTER: f64 = 6_755_399_441_055_744.0;

type Fold = fn(i32, i32) -> i32;
type Shift = fn(i32, u32) -> i32;
type Change = fn(i32) -> i32;

fn to_bits(number: f64) -> i32 {
    (number + SHIFTER).to_bits() as u32 as i32
}

fn argument(arguments: &Arguments, at: usize) -> Result<i32, Raise> {
    number(arguments, at).map(to_bits)
}

/// Makes the library.
pub(crate) fn library(lua: &Lua, limit: Limit) -> mlua::Result<Table> {
    let bit = lua.create_table()?;
    let folds: [(&str, Fold); 3] = [("band", |a, b| a & b), ("bor", |a, b| a | b), ("bxor", |a, b| a ^ b)];
    for (name, fold) in folds {
        bit.raw_set(name, single(lua, limit, move |_, arguments| folded(arguments, fold))?)?;
    }
    let shifts: [(&str, Shift); 5] = [
        ("lshift", |bits, by| ((bits as u32) << by) as i32),
        ("rshift", |bits, by| ((bits as u32) >> by) as i32),
        ("arshift", |bits, by| bits >> by),
        ("rol", i32::rotate_left),
        ("ror", i32::rotate_right),
    ];
    for (name, shift) in shifts {
        let function = single(lua, limit, move |_, arguments| {
            let (bits, by) = (argument(arguments, 1)?, argument(arguments, 2)?);
            Ok(Value::Number(f64::from(shift(bits, by as u32 & 31))))
        })?;
        bit.raw_set(name, function)?;
    }
    let changes: [(&str, Change); 3] =
        [("tobit", |bits| bits), ("bnot", |bits| !bits), ("bswap", i32::swap_bytes)];
    for (name, change) in changes {
        let function = single(lua, limit, move |_, arguments| {
            Ok(Value::Number(f64::from(change(argument(arguments, 1)?))))
        })?;
        bit.raw_set(name, function)?;
    }
    bit.raw_set("tohex", single(lua, limit, tohex)?)?;
    Ok(bit)
}

fn folded(arguments: &Arguments, fold: Fold) -> Result<Value, Raise> {
    let mut bits = argument(arguments, 1)?;
    for at in 2..=arguments.len() {
        bits = fold(bits, argument(arguments, at)?);
    }
    Ok(Value::Number(f64::from(bits)))
}

/// The lower digits in hexadecimal; a negative number of digits asks for capitals.
fn tohex(lua: &Lua, arguments: &Arguments) -> Result<Value, Raise> {
    let bits = argument(arguments, 1)? as u32;
    let digits = if arguments.len() < 2 { 8 } else { argument(arguments, 2)? };
    let text = if digits < 0 { format!("{bits:08X}") } else { format!("{bits:08x}") };
    let count = digits.unsigned_abs().min(8) as usize;
    Ok(Value::String(lua.create_string(&text[8 - count..])?))
}
