//! Rust functions for scripts: they raise errors as C functions of Lua do, with the same texts and positions.

use mlua::{Function, Lua, MultiValue, Table, Value, Variadic};

use crate::limit::Limit;
use crate::{machine, native};

/// What a function of ours ends with when it doesn't return.
pub(crate) enum Raise {
    /// A text without the position of the caller.
    Text(Vec<u8>),
    /// A text after the position of the caller.
    Here(Vec<u8>),
    /// The argument with this number is bad, for this reason.
    Argument(usize, String),
    /// A table with this text as its `err`.
    Reply(Vec<u8>),
    /// The script was killed, or Lua itself failed.
    Stop(mlua::Error),
}

impl From<mlua::Error> for Raise {
    fn from(error: mlua::Error) -> Raise {
        match error {
            mlua::Error::MemoryError(_) => Raise::no_memory(),
            error => Raise::Stop(error),
        }
    }
}

impl Raise {
    pub(crate) fn here(text: &str) -> Raise {
        Raise::Here(text.into())
    }

    pub(crate) fn reply(text: &str) -> Raise {
        Raise::Reply(text.into())
    }

    pub(crate) fn no_memory() -> Raise {
        Raise::Text(b"not enough memory".to_vec())
    }

    /// The argument with this number is missing or of another type than `expected`.
    pub(crate) fn expected(number: usize, expected: &str, value: Option<&Value>) -> Raise {
        let got = value.map_or("no value", Value::type_name);
        let got = if got == "integer" { "number" } else { got };
        Raise::Argument(number, format!("{expected} expected, got {got}"))
    }

    /// Makes the value to raise. The function that asks is called by a function of `native`, and that by the script.
    pub(crate) fn into_value(self, lua: &Lua) -> mlua::Result<Value> {
        let text = match self {
            Raise::Stop(error) => {
                machine::stop(lua)?;
                return Err(error);
            }
            Raise::Reply(text) => return Ok(Value::Table(error_table(lua, &text)?)),
            Raise::Text(text) => text,
            Raise::Here(text) => [position(lua, CALLER), text].concat(),
            Raise::Argument(number, reason) => {
                [position(lua, CALLER), argument(lua, number, &reason)].concat()
            }
        };
        Ok(Value::String(lua.create_string(text)?))
    }
}

/// The level of a function of ours as scripts see it, and that of its caller; level 0 is the Rust code behind it.
const SELF: usize = 1;
const CALLER: usize = 2;

/// Makes the table that stands for an error reply.
pub(crate) fn error_table(lua: &Lua, text: &[u8]) -> mlua::Result<Table> {
    let table = lua.create_table_with_capacity(0, 1)?;
    table.raw_set("err", lua.create_string(text)?)?;
    Ok(table)
}

/// Returns `chunk:line: ` of a level, or nothing where there is no line.
fn position(lua: &Lua, level: usize) -> Vec<u8> {
    let text = lua.inspect_stack(level, |debug| {
        let source = debug.source().short_src?.into_owned();
        Some(format!("{source}:{}: ", debug.current_line()?))
    });
    text.flatten().unwrap_or_default().into_bytes()
}

/// Says which argument of the function, by the name that its caller has for it, is bad.
fn argument(lua: &Lua, number: usize, reason: &str) -> Vec<u8> {
    let names = lua.inspect_stack(SELF, |debug| {
        let names = debug.names();
        (names.name.map(std::borrow::Cow::into_owned), names.name_what)
    });
    let (name, what) = names.unwrap_or_default();
    let name = name.unwrap_or_else(|| "?".to_owned());
    let is_method = what == Some("method");
    let number = if is_method { number.saturating_sub(1) } else { number };
    if is_method && number == 0 {
        return format!("calling '{name}' on bad self ({reason})").into_bytes();
    }
    format!("bad argument #{number} to '{name}' ({reason})").into_bytes()
}

/// What a function is called with.
pub(crate) type Arguments = Variadic<Value>;

/// Makes a function of `body`, which returns one value.
pub(crate) fn single<F>(lua: &Lua, limit: Limit, body: F) -> mlua::Result<Function>
where
    F: Fn(&Lua, &Arguments) -> Result<Value, Raise> + Send + Sync + 'static,
{
    native::raising_single(lua, &unraised_single(lua, limit, body)?)
}

/// Makes a function that returns what `body` does, or nil and what is to be raised.
pub(crate) fn unraised_single<F>(lua: &Lua, limit: Limit, body: F) -> mlua::Result<Function>
where
    F: Fn(&Lua, &Arguments) -> Result<Value, Raise> + Send + Sync + 'static,
{
    lua.create_function(move |lua, arguments: Arguments| {
        let _lifted = limit.lift(lua);
        match body(lua, &arguments) {
            Ok(value) => Ok((value, Value::Nil)),
            Err(raise) => Ok((Value::Nil, raise.into_value(lua)?)),
        }
    })
}

/// Makes a function of `body`, which returns any number of values.
pub(crate) fn multi<F>(lua: &Lua, limit: Limit, body: F) -> mlua::Result<Function>
where
    F: Fn(&Lua, &Arguments) -> Result<MultiValue, Raise> + Send + Sync + 'static,
{
    native::raising(lua, &unraised(lua, limit, body)?)
}

/// Makes a function that returns what `body` does, or [`native::raise_mark`] and what is to be raised.
pub(crate) fn unraised<F>(lua: &Lua, limit: Limit, body: F) -> mlua::Result<Function>
where
    F: Fn(&Lua, &Arguments) -> Result<MultiValue, Raise> + Send + Sync + 'static,
{
    lua.create_function(move |lua, arguments: Arguments| {
        let _lifted = limit.lift(lua);
        match body(lua, &arguments) {
            Ok(values) => Ok(values),
            Err(raise) => {
                let value = raise.into_value(lua)?;
                Ok(MultiValue::from_vec(vec![native::raise_mark(), value]))
            }
        }
    })
}
