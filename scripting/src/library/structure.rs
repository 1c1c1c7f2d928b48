//! `struct`: numbers and texts as fields of C structures, with the texts of the library that Redis has.

use mlua::{Lua, MultiValue, Table, Value};

use super::{integer_or, text};
use crate::limit::Limit;
use crate::raise::{Arguments, Raise, multi, single};

/// Bytes of the largest integer.
const INTEGER_BYTES_MAX: usize = 32;

/// The alignment that `!` chooses without a number.
const ALIGNMENT: usize = 8;

/// Values that are returned at once.
const RESULTS_MAX: usize = 7_000;

/// Makes the library.
pub(crate) fn library(lua: &Lua, limit: Limit) -> mlua::Result<Table> {
    let library = lua.create_table()?;
    library.raw_set("pack", single(lua, limit, move |lua, arguments| pack(lua, limit, arguments))?)?;
    library.raw_set("unpack", multi(lua, limit, unpack)?)?;
    library.raw_set("size", single(lua, limit, size)?)?;
    Ok(library)
}

/// Reads a format: options, each with the size of its field and the zeros before it.
struct Format {
    text: Vec<u8>,
    at: usize,
    is_little: bool,
    alignment: usize,
    /// `struct.size` passes over letters that are no option.
    passes_letters: bool,
}

struct Field {
    option: u8,
    size: usize,
}

impl Format {
    fn new(text: Vec<u8>) -> Format {
        Format { text, at: 0, is_little: cfg!(target_endian = "little"), alignment: 1, passes_letters: false }
    }

    /// Returns the next field; options that are none take effect on those after them.
    fn next(&mut self) -> Result<Option<Field>, Raise> {
        while let Some(&option) = self.text.get(self.at) {
            self.at += 1;
            let size = match option {
                b'b' | b'B' | b'x' => 1,
                b'h' | b'H' => 2,
                b'l' | b'L' | b'T' | b'd' => 8,
                b'f' => 4,
                b's' => 0,
                b'c' => self.number(1)?,
                b'i' | b'I' => self.integer_size()?,
                other => {
                    self.control(other)?;
                    continue;
                }
            };
            return Ok(Some(Field { option, size }));
        }
        Ok(None)
    }

    fn number(&mut self, default: usize) -> Result<usize, Raise> {
        if !self.text.get(self.at).is_some_and(u8::is_ascii_digit) {
            return Ok(default);
        }
        let mut number = 0_usize;
        while let Some(digit) = self.text.get(self.at).filter(|byte| byte.is_ascii_digit()) {
            number = number * 10 + usize::from(digit - b'0');
            if number > i32::MAX as usize {
                return Err(Raise::here("integral size overflow"));
            }
            self.at += 1;
        }
        Ok(number)
    }

    fn integer_size(&mut self) -> Result<usize, Raise> {
        let size = self.number(4)?;
        if size > INTEGER_BYTES_MAX {
            let text = format!("integral size {size} is larger than limit of {INTEGER_BYTES_MAX}");
            return Err(Raise::here(&text));
        }
        Ok(size)
    }

    fn control(&mut self, option: u8) -> Result<(), Raise> {
        match option {
            b' ' => {}
            b'>' => self.is_little = false,
            b'<' => self.is_little = true,
            b'!' => {
                let alignment = self.number(ALIGNMENT)?;
                if !alignment.is_power_of_two() {
                    return Err(Raise::here(&format!("alignment {alignment} is not a power of 2")));
                }
                self.alignment = alignment;
            }
            other if self.passes_letters && other.is_ascii_alphanumeric() => {}
            other => {
                let text = format!("invalid format option '{}'", char::from(other));
                return Err(Raise::Argument(1, text));
            }
        }
        Ok(())
    }

    /// The zeros before a field at `place`.
    fn padding(&self, field: &Field, place: usize) -> usize {
        let size = field.size.min(self.alignment);
        if size == 0 || field.option == b'c' {
            return 0;
        }
        // As in Redis, for sizes that are no powers of two as well.
        size.wrapping_sub(place & (size - 1)) & (size - 1)
    }

    fn ordered(&self, mut bytes: Vec<u8>) -> Vec<u8> {
        if !self.is_little {
            bytes.reverse();
        }
        bytes
    }
}

fn pack(lua: &Lua, limit: Limit, arguments: &Arguments) -> Result<Value, Raise> {
    let mut format = Format::new(text(arguments, 1)?);
    let (mut bytes, mut at) = (Vec::new(), 2);
    while let Some(field) = format.next()? {
        bytes.resize(bytes.len() + format.padding(&field, bytes.len()), 0);
        match field.option {
            b'x' => bytes.push(0),
            b's' | b'c' => {
                let text = packed_text(arguments, at)?;
                at += 1;
                limit.room(lua, bytes.len() + 2 * text.len())?;
                let size = if field.size == 0 { text.len() } else { field.size };
                let Some(text) = text.get(..size) else {
                    return Err(Raise::Argument(at, "string too short".to_owned()));
                };
                bytes.extend_from_slice(text);
                bytes.extend((field.option == b's').then_some(0));
            }
            option => {
                let number = packed_number(arguments, at)?;
                at += 1;
                let field = match option {
                    b'f' => (number as f32).to_le_bytes().to_vec(),
                    b'd' => number.to_le_bytes().to_vec(),
                    _ => integer_bytes(number, field.size),
                };
                bytes.extend(format.ordered(field));
            }
        }
    }
    limit.room(lua, bytes.len())?;
    Ok(Value::String(lua.create_string(bytes)?))
}

/// The first argument that is missing is a nil for the library.
fn packed_number(arguments: &Arguments, at: usize) -> Result<f64, Raise> {
    super::number(arguments, at).map_err(|raise| missing_is_nil(raise, arguments, at, "number"))
}

fn packed_text(arguments: &Arguments, at: usize) -> Result<Vec<u8>, Raise> {
    text(arguments, at).map_err(|raise| missing_is_nil(raise, arguments, at, "string"))
}

fn missing_is_nil(raise: Raise, arguments: &Arguments, at: usize, expected: &str) -> Raise {
    if at == arguments.len() + 1 { Raise::expected(at, expected, Some(&Value::Nil)) } else { raise }
}

/// The lower bytes of an integer, the lowest first.
fn integer_bytes(number: f64, size: usize) -> Vec<u8> {
    const BOUND: f64 = 18_446_744_073_709_551_616.0;
    let value = if number < 0.0 {
        if number < i64::MIN as f64 { i64::MIN as u64 } else { number as i64 as u64 }
    } else if number.is_nan() {
        1 << 63
    } else if number < BOUND {
        number as u64
    } else {
        0
    };
    let mut bytes = value.to_le_bytes().to_vec();
    bytes.resize(size, 0);
    bytes
}

fn unpack(lua: &Lua, arguments: &Arguments) -> Result<MultiValue, Raise> {
    let mut format = Format::new(text(arguments, 1)?);
    let data = text(arguments, 2)?;
    let start = integer_or(arguments, 3, 1)?;
    if start == 0 {
        return Err(Raise::Argument(3, "offset must be 1 or greater".to_owned()));
    }
    let too_short = || Raise::Argument(2, "data string too short".to_owned());
    let mut at = usize::try_from(start - 1).unwrap_or(usize::MAX);
    let mut values: Vec<Value> = Vec::new();
    while let Some(field) = format.next()? {
        at = at.saturating_add(format.padding(&field, at));
        let mut rest = data.get(at..).filter(|rest| rest.len() >= field.size).ok_or_else(too_short)?;
        let mut size = field.size;
        if values.len() >= RESULTS_MAX {
            return Err(Raise::here("stack overflow (too many results)"));
        }
        match field.option {
            b'x' => {}
            b's' => {
                let end = rest.iter().position(|&byte| byte == 0);
                let end = end.ok_or_else(|| Raise::here("unfinished string in data"))?;
                values.push(Value::String(lua.create_string(&rest[..end])?));
                size = end + 1;
            }
            b'c' => {
                if size == 0 {
                    size = previous_size(&mut values)?;
                }
                rest = rest.get(..size).ok_or_else(too_short)?;
                values.push(Value::String(lua.create_string(rest)?));
            }
            option => values.push(Value::Number(number(option, &format.ordered(rest[..size].to_vec())))),
        }
        at += size;
    }
    values.push(Value::Number(at as f64 + 1.0));
    Ok(MultiValue::from_vec(values))
}

/// `c0` takes its size from the value before it, and that value away.
fn previous_size(values: &mut Vec<Value>) -> Result<usize, Raise> {
    match values.last().and_then(super::as_number) {
        Some(size) => {
            values.pop();
            Ok(if size < 0.0 { usize::MAX } else { size as usize })
        }
        None => Err(Raise::here("format 'c0' needs a previous size")),
    }
}

/// The number in bytes of which the lowest comes first.
fn number(option: u8, bytes: &[u8]) -> f64 {
    let value = bytes.iter().rev().fold(0_u64, |value, &byte| value << 8 | u64::from(byte));
    match option {
        b'f' => f64::from(f32::from_bits(value as u32)),
        b'd' => f64::from_bits(value),
        b'B' | b'H' | b'L' | b'T' | b'I' => value as f64,
        _ => {
            let sign = u64::MAX << ((bytes.len() as u32 * 8).wrapping_sub(1) & 63);
            let is_negative = value & sign != 0 && !bytes.is_empty();
            (if is_negative { value | sign } else { value }) as i64 as f64
        }
    }
}

fn size(_: &Lua, arguments: &Arguments) -> Result<Value, Raise> {
    let mut format = Format { passes_letters: true, ..Format::new(text(arguments, 1)?) };
    let mut total = 0_usize;
    while let Some(field) = format.next()? {
        let option = match (field.option, field.size) {
            (b's', _) => Some("s"),
            (b'c', 0) => Some("c0"),
            _ => None,
        };
        if let Some(option) = option {
            return Err(Raise::Argument(1, format!("option '{option}' has no fixed size")));
        }
        total = total.saturating_add(format.padding(&field, total) + field.size);
    }
    Ok(Value::Number(total as f64))
}
