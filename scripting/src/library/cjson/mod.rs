//! `cjson`: JSON for scripts, with the settings and texts of the library that Redis has.

mod decode;
mod encode;

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use mlua::{LightUserData, Lua, MultiValue, Table, Value};

use super::text;
use crate::limit::Limit;
use crate::raise::{Arguments, Raise, multi, single};
use crate::shared::Shared;

/// Nesting beyond this is refused whatever the settings say, because the stack has an end.
const DEPTH_MAX: i64 = 2_000;

/// Values between two questions whether to go on.
const VALUES_PER_TICK: usize = 20_000;

/// What `encode_…` and `decode_…` set. Each library that `new` makes has its own.
pub(crate) struct Config {
    sparse_convert: AtomicI64,
    sparse_ratio: AtomicI64,
    sparse_safe: AtomicI64,
    encode_depth: AtomicI64,
    decode_depth: AtomicI64,
    precision: AtomicI64,
    keep_buffer: AtomicI64,
    encode_invalid: AtomicI64,
    decode_invalid: AtomicI64,
}

impl Config {
    fn new() -> Config {
        Config {
            sparse_convert: AtomicI64::new(0),
            sparse_ratio: AtomicI64::new(2),
            sparse_safe: AtomicI64::new(10),
            encode_depth: AtomicI64::new(1_000),
            decode_depth: AtomicI64::new(1_000),
            precision: AtomicI64::new(14),
            keep_buffer: AtomicI64::new(1),
            encode_invalid: AtomicI64::new(0),
            decode_invalid: AtomicI64::new(1),
        }
    }
}

fn get(setting: &AtomicI64) -> i64 {
    setting.load(Ordering::Relaxed)
}

/// What functions of the library need besides their arguments.
pub(crate) struct Context<'c> {
    lua: &'c Lua,
    limit: Limit,
    shared: &'c Shared,
    config: &'c Config,
    values: usize,
}

impl Context<'_> {
    /// Counts a value, and asks now and then whether to go on.
    fn count(&mut self) -> Result<(), Raise> {
        self.values += 1;
        if self.values.is_multiple_of(VALUES_PER_TICK) { self.shared.tick() } else { Ok(()) }
    }
}

/// The choices of a setting, by their numbers.
const OFF_ON: &[&str] = &["off", "on"];
const OFF_ON_NULL: &[&str] = &["off", "on", "null"];

type Pick = fn(&Config) -> &AtomicI64;

/// Makes the library, with settings of its own.
pub(crate) fn library(lua: &Lua, limit: Limit, shared: &Arc<Shared>) -> mlua::Result<Table> {
    let (cjson, config) = (lua.create_table()?, Arc::new(Config::new()));
    cjson.raw_set("_NAME", "cjson")?;
    cjson.raw_set("_VERSION", "2.1.0")?;
    cjson.raw_set("null", Value::LightUserData(LightUserData(std::ptr::null_mut())))?;
    put_codecs(lua, limit, shared, &config, &cjson)?;
    let choices: [(&str, Pick, &'static [&'static str]); 3] = [
        ("encode_keep_buffer", |config| &config.keep_buffer, OFF_ON),
        ("encode_invalid_numbers", |config| &config.encode_invalid, OFF_ON_NULL),
        ("decode_invalid_numbers", |config| &config.decode_invalid, OFF_ON),
    ];
    for (name, pick, options) in choices {
        let config = Arc::clone(&config);
        let function = single(lua, limit, move |lua, arguments| {
            at_most(arguments, 1)?;
            choice(lua, arguments, 1, pick(&config), options)
        })?;
        cjson.raw_set(name, function)?;
    }
    let numbers: [(&str, Pick, i64); 3] = [
        ("encode_max_depth", |config| &config.encode_depth, i64::from(i32::MAX)),
        ("decode_max_depth", |config| &config.decode_depth, i64::from(i32::MAX)),
        ("encode_number_precision", |config| &config.precision, 14),
    ];
    for (name, pick, max) in numbers {
        let config = Arc::clone(&config);
        let function = single(lua, limit, move |_, arguments| {
            at_most(arguments, 1)?;
            integer(arguments, 1, pick(&config), 1, max)
        })?;
        cjson.raw_set(name, function)?;
    }
    let sparse = multi(lua, limit, move |lua, arguments| {
        at_most(arguments, 3)?;
        Ok(MultiValue::from_vec(vec![
            choice(lua, arguments, 1, &config.sparse_convert, OFF_ON)?,
            integer(arguments, 2, &config.sparse_ratio, 0, i64::from(i32::MAX))?,
            integer(arguments, 3, &config.sparse_safe, 0, i64::from(i32::MAX))?,
        ]))
    })?;
    cjson.raw_set("encode_sparse_array", sparse)?;
    Ok(cjson)
}

fn put_codecs(
    lua: &Lua,
    limit: Limit,
    shared: &Arc<Shared>,
    config: &Arc<Config>,
    cjson: &Table,
) -> mlua::Result<()> {
    let (encoding, its_config) = (Arc::clone(shared), Arc::clone(config));
    let encode = single(lua, limit, move |lua, arguments| {
        let value = only(arguments)?;
        let context = Context { lua, limit, shared: &encoding, config: &its_config, values: 0 };
        Ok(Value::String(lua.create_string(encode::encode(context, value)?)?))
    })?;
    cjson.raw_set("encode", encode)?;
    let (decoding, its_config) = (Arc::clone(shared), Arc::clone(config));
    let decode = single(lua, limit, move |lua, arguments| {
        only(arguments)?;
        let json = text(arguments, 1)?;
        decode::decode(Context { lua, limit, shared: &decoding, config: &its_config, values: 0 }, &json)
    })?;
    cjson.raw_set("decode", decode)?;
    let making = Arc::clone(shared);
    let new = single(lua, limit, move |lua, _| Ok(Value::Table(library(lua, limit, &making)?)))?;
    cjson.raw_set("new", new)
}

fn only(arguments: &Arguments) -> Result<&Value, Raise> {
    match &arguments[..] {
        [value] => Ok(value),
        _ => Err(Raise::Argument(1, "expected 1 argument".to_owned())),
    }
}

fn at_most(arguments: &Arguments, count: usize) -> Result<(), Raise> {
    if arguments.len() > count {
        return Err(Raise::Argument(count + 1, "found too many arguments".to_owned()));
    }
    Ok(())
}

/// Sets a number, if one is given, and returns it.
fn integer(
    arguments: &Arguments,
    at: usize,
    setting: &AtomicI64,
    min: i64,
    max: i64,
) -> Result<Value, Raise> {
    if arguments.get(at - 1).is_some_and(|value| !value.is_nil()) {
        let number = super::number(arguments, at)? as i64;
        if !(min..=max).contains(&number) {
            return Err(Raise::Argument(1, format!("expected integer between {min} and {max}")));
        }
        setting.store(number, Ordering::Relaxed);
    }
    Ok(Value::Number(get(setting) as f64))
}

/// Sets a choice, if one is given, and returns it: a boolean or its name.
fn choice(
    lua: &Lua,
    arguments: &Arguments,
    at: usize,
    setting: &AtomicI64,
    options: &[&str],
) -> Result<Value, Raise> {
    match arguments.get(at - 1) {
        None | Some(Value::Nil) => {}
        Some(Value::Boolean(is_on)) => setting.store(i64::from(*is_on), Ordering::Relaxed),
        Some(_) => {
            let name = text(arguments, at)?;
            let Some(number) = options.iter().position(|option| option.as_bytes() == name) else {
                let reason = format!("invalid option '{}'", String::from_utf8_lossy(&name));
                return Err(Raise::Argument(at, reason));
            };
            setting.store(number as i64, Ordering::Relaxed);
        }
    }
    match get(setting) {
        number @ (0 | 1) => Ok(Value::Boolean(number == 1)),
        number => Ok(Value::String(lua.create_string(options[number as usize])?)),
    }
}
