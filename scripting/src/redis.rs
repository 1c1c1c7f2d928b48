//! The table `redis`: commands, replies, the log, and what a library registers.

use std::sync::Arc;

use mlua::{Function, Lua, Table, Value};
use spinel_resp::Protocol;
use spinel_types::sha1::sha1_hex;

use crate::exchange::{Answer, Exchange, Question};
use crate::flags::Flags;
use crate::host::{LogLevel, Propagation};
use crate::library::{as_number, as_text};
use crate::limit::Limit;
use crate::native;
use crate::raise::{Arguments, Raise, error_table, single};
use crate::sandbox::Kind;
use crate::shared::{Registration, Shared};

/// The release that scripts are told.
#[derive(Clone, Copy)]
pub(crate) struct Version {
    pub(crate) text: &'static str,
    pub(crate) number: u32,
}

const NO_WORDS: &str = "ERR Please specify at least one argument for this redis lib call";
const BAD_WORDS: &str = "ERR Lua redis lib command arguments must be strings or integers";

const LEVELS: [(&str, LogLevel); 4] = [
    ("LOG_DEBUG", LogLevel::Debug),
    ("LOG_VERBOSE", LogLevel::Verbose),
    ("LOG_NOTICE", LogLevel::Notice),
    ("LOG_WARNING", LogLevel::Warning),
];

const REPL_AOF: u8 = 1;
const REPL_REPLICA: u8 = 2;

/// Makes the table that scripts and functions see.
pub(crate) fn table(
    lua: &Lua,
    limit: Limit,
    shared: &Arc<Shared>,
    kind: Kind,
    version: &Version,
) -> mlua::Result<Table> {
    let table = lua.create_table()?;
    put_always(lua, limit, shared, version, &table)?;
    let replication = [
        ("REPL_NONE", 0),
        ("REPL_AOF", REPL_AOF),
        ("REPL_SLAVE", REPL_REPLICA),
        ("REPL_REPLICA", REPL_REPLICA),
        ("REPL_ALL", REPL_AOF | REPL_REPLICA),
    ];
    for (name, bits) in replication {
        table.raw_set(name, bits)?;
    }
    for (name, raises) in [("call", true), ("pcall", false)] {
        table.raw_set(name, native::command(lua, shared, raises)?)?;
    }
    table.raw_set("error_reply", single(lua, limit, error_reply)?)?;
    table.raw_set("status_reply", single(lua, limit, status_reply)?)?;
    table.raw_set("sha1hex", single(lua, limit, sha1hex)?)?;
    let checking = Arc::clone(shared);
    table.raw_set("acl_check_cmd", single(lua, limit, move |_, words| acl_check(&checking, words))?)?;
    let setting = Arc::clone(shared);
    table.raw_set("setresp", single(lua, limit, move |_, arguments| setresp(&setting, arguments))?)?;
    let setting = Arc::clone(shared);
    table.raw_set("set_repl", single(lua, limit, move |_, arguments| set_repl(&setting, arguments))?)?;
    if kind == Kind::Scripts {
        table.raw_set("replicate_commands", single(lua, limit, |_, _| Ok(Value::Boolean(true)))?)?;
        table.raw_set("breakpoint", single(lua, limit, |_, _| Ok(Value::Boolean(false)))?)?;
        table.raw_set("debug", single(lua, limit, |_, _| Ok(Value::Nil))?)?;
    }
    Ok(table)
}

/// Makes the table that a library sees while it is loaded.
pub(crate) fn loading_table(
    lua: &Lua,
    limit: Limit,
    shared: &Arc<Shared>,
    version: &Version,
) -> mlua::Result<Table> {
    let table = lua.create_table()?;
    put_always(lua, limit, shared, version, &table)?;
    let shared = Arc::clone(shared);
    let register = single(lua, limit, move |_, arguments| register_function(&shared, arguments))?;
    table.raw_set("register_function", register)?;
    Ok(table)
}

fn put_always(
    lua: &Lua,
    limit: Limit,
    shared: &Arc<Shared>,
    version: &Version,
    table: &Table,
) -> mlua::Result<()> {
    table.raw_set("REDIS_VERSION", version.text)?;
    table.raw_set("REDIS_VERSION_NUM", version.number)?;
    for (number, (name, _)) in LEVELS.iter().enumerate() {
        table.raw_set(*name, number)?;
    }
    let shared = Arc::clone(shared);
    table.raw_set("log", single(lua, limit, move |_, arguments| log(&shared, arguments))?)
}

/// Makes `os.clock`.
pub(crate) fn clock(lua: &Lua, limit: Limit, shared: &Arc<Shared>) -> mlua::Result<Function> {
    let shared = Arc::clone(shared);
    single(lua, limit, move |_, _| match shared.ask(Question::CpuTime)? {
        Answer::CpuTime(time) => Ok(Value::Number(time.as_secs_f64())),
        _ => Ok(Value::Number(0.0)),
    })
}

fn put_words(arguments: &Arguments, exchange: &mut Exchange) -> Result<(), &'static str> {
    if arguments.is_empty() {
        return Err(NO_WORDS);
    }
    for argument in arguments.iter() {
        match argument {
            Value::String(text) => exchange.push(&text.as_bytes()),
            Value::Integer(number) => exchange.push(&spinel_resp::number::format_integer(*number)),
            Value::Number(number) => exchange.push(&spinel_resp::format_double(*number)),
            _ => return Err(BAD_WORDS),
        }
    }
    Ok(())
}

fn acl_check(shared: &Shared, words: &Arguments) -> Result<Value, Raise> {
    let mut exchange = shared.take_exchange();
    put_words(words, &mut exchange).map_err(Raise::reply)?;
    match shared.ask(Question::AclCheck(exchange))? {
        Answer::Allowed(Some(is_allowed)) => Ok(Value::Boolean(is_allowed)),
        _ => Err(Raise::reply("ERR Invalid command passed to redis.acl_check_cmd()")),
    }
}

const BAD_REPLY_ARGUMENT: &str = "ERR wrong number or type of arguments";

fn one_text(arguments: &Arguments) -> Option<Vec<u8>> {
    match &arguments[..] {
        [Value::String(text)] => Some(text.as_bytes().to_vec()),
        _ => None,
    }
}

/// A text without a code gets one; a minus before the code is taken off.
fn error_reply(lua: &Lua, arguments: &Arguments) -> Result<Value, Raise> {
    let text = match one_text(arguments) {
        None => BAD_REPLY_ARGUMENT.into(),
        Some(text) => {
            let has_code = text.contains(&b' ');
            let text = text.strip_prefix(b"-").unwrap_or(&text);
            if has_code { text.to_vec() } else { [b"ERR ", text].concat() }
        }
    };
    Ok(Value::Table(error_table(lua, &text)?))
}

fn status_reply(lua: &Lua, arguments: &Arguments) -> Result<Value, Raise> {
    let Some(text) = one_text(arguments) else {
        return Ok(Value::Table(error_table(lua, BAD_REPLY_ARGUMENT.as_bytes())?));
    };
    let table = lua.create_table_with_capacity(0, 1)?;
    table.raw_set("ok", lua.create_string(text)?)?;
    Ok(Value::Table(table))
}

fn sha1hex(lua: &Lua, arguments: &Arguments) -> Result<Value, Raise> {
    let [value] = &arguments[..] else { return Err(Raise::reply("ERR wrong number of arguments")) };
    let text = as_text(value).unwrap_or_default();
    Ok(Value::String(lua.create_string(sha1_hex(&text))?))
}

fn log(shared: &Shared, arguments: &Arguments) -> Result<Value, Raise> {
    if arguments.len() < 2 {
        return Err(Raise::reply("ERR redis.log() requires two arguments or more."));
    }
    let Some(level) = as_number(&arguments[0]) else {
        return Err(Raise::reply("ERR First argument must be a number (log level)."));
    };
    let level = usize::try_from(level as i64).ok().and_then(|level| LEVELS.get(level));
    let Some((_, level)) = level else { return Err(Raise::reply("ERR Invalid log level.")) };
    let words: Vec<Vec<u8>> = arguments[1..].iter().filter_map(as_text).collect();
    shared.ask(Question::Log(*level, words.join(&b' ')))?;
    Ok(Value::Nil)
}

fn setresp(shared: &Shared, arguments: &Arguments) -> Result<Value, Raise> {
    let [version] = &arguments[..] else {
        return Err(Raise::reply("ERR redis.setresp() requires one argument."));
    };
    match as_number(version) {
        Some(2.0) => shared.set_protocol(Protocol::Resp2),
        Some(3.0) => shared.set_protocol(Protocol::Resp3),
        _ => return Err(Raise::reply("ERR RESP version must be 2 or 3.")),
    }
    Ok(Value::Nil)
}

fn set_repl(shared: &Shared, arguments: &Arguments) -> Result<Value, Raise> {
    let [bits] = &arguments[..] else {
        return Err(Raise::reply("ERR redis.set_repl() requires one argument."));
    };
    let bits = as_number(bits).unwrap_or(0.0) as i64;
    let Some(bits) = u8::try_from(bits).ok().filter(|bits| bits & !(REPL_AOF | REPL_REPLICA) == 0) else {
        return Err(Raise::reply(
            "ERR Invalid replication flags. Use REPL_AOF, REPL_REPLICA, REPL_ALL or REPL_NONE.",
        ));
    };
    let propagation = Propagation { log: bits & REPL_AOF != 0, replicas: bits & REPL_REPLICA != 0 };
    shared.set_propagation(propagation);
    Ok(Value::Nil)
}

fn register_function(shared: &Shared, arguments: &Arguments) -> Result<Value, Raise> {
    let registration = match &arguments[..] {
        [Value::Table(named)] => named_registration(named)?,
        [_] => {
            return Err(Raise::reply(
                "ERR calling redis.register_function with a single argument is only applicable to Lua table \
                 (representing named arguments).",
            ));
        }
        [name, callback] => {
            let name = as_text(name).ok_or_else(|| {
                Raise::reply("ERR first argument to redis.register_function must be a string")
            })?;
            let Value::Function(callback) = callback else {
                return Err(Raise::reply(
                    "ERR second argument to redis.register_function must be a function",
                ));
            };
            Registration { name, description: None, flags: Flags::default(), callback: callback.clone() }
        }
        _ => return Err(Raise::reply("ERR wrong number of arguments to redis.register_function")),
    };
    if !crate::function::is_name(&registration.name) {
        return Err(Raise::reply(&format!("ERR {}", crate::function::BAD_NAME)));
    }
    if shared.is_registered(&registration.name) {
        return Err(Raise::reply("ERR Function already exists in the library"));
    }
    shared.register(registration);
    Ok(Value::Nil)
}

fn named_registration(named: &Table) -> Result<Registration, Raise> {
    let (mut name, mut description, mut flags, mut callback) = (None, None, Flags::default(), None);
    for pair in named.pairs::<Value, Value>() {
        let (key, value) = pair?;
        match key.as_string().map(|key| key.as_bytes().to_vec()).as_deref() {
            Some(b"function_name") => {
                let text = as_text(&value).ok_or_else(|| {
                    Raise::reply(
                        "ERR function_name argument given to redis.register_function must be a string",
                    )
                })?;
                name = Some(text);
            }
            Some(b"description") => {
                let text = as_text(&value).ok_or_else(|| {
                    Raise::reply("ERR description argument given to redis.register_function must be a string")
                })?;
                description = Some(text);
            }
            Some(b"callback") => match value {
                Value::Function(function) => callback = Some(function),
                _ => {
                    return Err(Raise::reply(
                        "ERR callback argument given to redis.register_function must be a function",
                    ));
                }
            },
            Some(b"flags") => flags = named_flags(&value)?,
            _ => return Err(Raise::reply("ERR unknown argument given to redis.register_function")),
        }
    }
    let name =
        name.ok_or_else(|| Raise::reply("ERR redis.register_function must get a function name argument"))?;
    let callback =
        callback.ok_or_else(|| Raise::reply("ERR redis.register_function must get a callback argument"))?;
    Ok(Registration { name, description, flags, callback })
}

fn named_flags(value: &Value) -> Result<Flags, Raise> {
    let Value::Table(list) = value else {
        return Err(Raise::reply(
            "ERR flags argument to redis.register_function must be a table representing function flags",
        ));
    };
    let mut flags = Flags::default();
    for index in 1.. {
        let flag: Value = list.raw_get(index)?;
        if flag.is_nil() {
            break;
        }
        if !as_text(&flag).is_some_and(|name| flags.insert(&name)) {
            return Err(Raise::reply("ERR unknown flag given"));
        }
    }
    Ok(flags)
}
