//! What scripts see: Lua's functions without those that reach outside, the libraries, and nothing that a script could
//! change for the next one.
//!
//! Redis marks tables as read-only in its own build of Lua. Here a protected table is an empty table, whose metatable
//! leads to the real one and refuses writes; `protected` maps the first to the second. The functions of Lua that
//! read or write tables without asking metatables are replaced by some that know the map.

use std::sync::Arc;

use mlua::{Function, Lua, LuaString, Table, Value};

use crate::limit::Limit;
use crate::raise::{Arguments, Raise, single};
use crate::shared::Shared;
use crate::{library, native, redis};

/// Functions of Lua that scripts may call as they are.
const FUNCTIONS: [&str; 10] =
    ["_VERSION", "assert", "error", "gcinfo", "ipairs", "rawequal", "select", "tonumber", "tostring", "type"];

const READONLY: &str = "Attempt to modify a readonly table";

/// Who runs in a Lua state: the globals differ.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Scripts,
    Functions,
}

/// The tables behind the protected ones that somebody changes later.
pub(crate) struct Sandbox {
    /// The globals behind the protected ones.
    pub(crate) globals: Table,
    /// The metatable of the protected globals: `__index` is what scripts see.
    pub(crate) metatable: Table,
    /// What a library sees while it is loaded.
    pub(crate) loading: Table,
}

/// What makes a table protected.
struct Protection {
    protected: Table,
    newindex: Function,
}

impl Protection {
    /// Makes an empty table that shows `hidden`.
    fn cover(&self, lua: &Lua, hidden: &Table) -> mlua::Result<(Table, Table)> {
        let (cover, metatable) = (lua.create_table()?, lua.create_table()?);
        metatable.raw_set("__index", hidden)?;
        metatable.raw_set("__newindex", &self.newindex)?;
        cover.set_metatable(Some(metatable.clone()))?;
        self.protected.raw_set(&cover, hidden)?;
        Ok((cover, metatable))
    }
}

/// Changes a new Lua state into one for scripts.
pub(crate) fn build(
    lua: &Lua,
    limit: Limit,
    shared: &Arc<Shared>,
    kind: Kind,
    version: &redis::Version,
) -> mlua::Result<Sandbox> {
    let standard = lua.globals();
    let newindex = single(lua, limit, |_, _| Err(Raise::here(READONLY)))?;
    let protection = Protection { protected: lua.create_table()?, newindex };
    let globals = lua.create_table()?;
    for name in FUNCTIONS {
        globals.raw_set(name, standard.raw_get::<Value>(name)?)?;
    }
    replace_table_functions(lua, &standard, &protection, &globals)?;
    replace_loaders(lua, &standard, &globals)?;
    globals.raw_set("unpack", native::unpack(lua, standard.raw_get("unpack")?)?)?;
    globals.raw_set("pcall", native::pcall(lua)?)?;
    globals.raw_set("xpcall", native::xpcall(lua, shared)?)?;
    globals.raw_set("collectgarbage", collectgarbage(lua, limit, &standard)?)?;

    let (string, math, table): (Table, Table, Table) =
        (standard.raw_get("string")?, standard.raw_get("math")?, standard.raw_get("table")?);
    library::strings::install(lua, limit, shared, &string)?;
    library::random::install(lua, limit, shared, &math)?;
    let ours = lua.create_function(|lua, arguments: Arguments| {
        // It makes nothing but a copy of references, which are no larger than the table.
        library::tables::sort(lua, &arguments).or(Ok(Value::Boolean(false)))
    })?;
    table.raw_set("sort", native::sort(lua, &protection.protected, table.raw_get("sort")?, ours)?)?;

    let os = lua.create_table()?;
    os.raw_set("clock", redis::clock(lua, limit, shared)?)?;
    let libraries = [
        ("string", string),
        ("math", math),
        ("table", table),
        ("os", os),
        ("coroutine", standard.raw_get("coroutine")?),
        ("bit", library::bit::library(lua, limit)?),
        ("cjson", library::cjson::library(lua, limit, shared)?),
        ("cmsgpack", library::message_pack::library(lua, limit, shared)?),
        ("struct", library::structure::library(lua, limit)?),
    ];
    for (name, library) in libraries {
        globals.raw_set(name, protection.cover(lua, &library)?.0)?;
    }
    let redis = protection.cover(lua, &redis::table(lua, limit, shared, kind, version)?)?.0;
    globals.raw_set("redis", &redis)?;
    globals.raw_set("server", redis)?;
    protect_strings(lua, &protection, &globals)?;

    let nonexistent = nonexistent(lua, limit, &protection)?;
    globals.set_metatable(Some(nonexistent.clone()))?;
    let (cover, metatable) = protection.cover(lua, &globals)?;
    globals.raw_set("_G", &cover)?;
    lua.set_globals(cover)?;
    let loading = lua.create_table()?;
    let redis = redis::loading_table(lua, limit, shared, version)?;
    redis.set_metatable(Some(nonexistent.clone()))?;
    loading.raw_set("redis", protection.cover(lua, &redis)?.0)?;
    loading.set_metatable(Some(nonexistent))?;
    Ok(Sandbox { globals, metatable, loading })
}

/// Functions that would see that a protected table is empty, or write into it.
fn replace_table_functions(
    lua: &Lua,
    standard: &Table,
    protection: &Protection,
    globals: &Table,
) -> mlua::Result<()> {
    let protected = &protection.protected;
    let (next, table): (Function, Table) = (standard.raw_get("next")?, standard.raw_get("table")?);
    let redirected_next = native::redirected(lua, next.clone(), protected)?;
    globals.raw_set("next", &redirected_next)?;
    globals.raw_set("pairs", native::pairs(lua, protected, next, redirected_next)?)?;
    for name in ["rawset", "setmetatable"] {
        globals.raw_set(name, native::guarded(lua, standard.raw_get(name)?, protected)?)?;
    }
    for name in ["rawget", "getmetatable"] {
        globals.raw_set(name, native::redirected(lua, standard.raw_get(name)?, protected)?)?;
    }
    table.raw_set("insert", native::insert(lua, table.raw_get("insert")?, protected)?)?;
    for name in ["remove", "setn"] {
        table.raw_set(name, native::guarded(lua, table.raw_get(name)?, protected)?)?;
    }
    for name in ["foreach", "foreachi", "getn", "maxn"] {
        table.raw_set(name, native::redirected(lua, table.raw_get(name)?, protected)?)?;
    }
    Ok(())
}

/// Functions that compile: text only.
fn replace_loaders(lua: &Lua, standard: &Table, globals: &Table) -> mlua::Result<()> {
    let loadstring = native::loadstring(lua, standard.raw_get("loadstring")?)?;
    globals.raw_set("loadstring", &loadstring)?;
    let table: Table = standard.raw_get("table")?;
    let make: Function = lua.load(include_str!("sandbox/load.lua")).set_name("=load").into_function()?;
    let (kind, pcall): (Value, Value) = (standard.raw_get("type")?, standard.raw_get("pcall")?);
    let byte: Value = standard.raw_get::<Table>("string")?.raw_get("byte")?;
    let load: Function = make.call((loadstring, kind, pcall, table.raw_get::<Value>("concat")?, byte))?;
    globals.raw_set("load", native::taking_function(lua, load)?)
}

/// Methods of strings are found without the way through a protected table; whoever asks for the metatable sees a
/// protected one.
fn protect_strings(lua: &Lua, protection: &Protection, globals: &Table) -> mlua::Result<()> {
    let shown = lua.create_table()?;
    shown.raw_set("__index", globals.raw_get::<Value>("string")?)?;
    let metatable = lua.create_table()?;
    metatable.raw_set("__index", lua.globals().raw_get::<Value>("string")?)?;
    metatable.raw_set("__metatable", protection.cover(lua, &shown)?.0)?;
    lua.set_type_metatable::<LuaString>(Some(metatable));
    Ok(())
}

/// Makes the metatable of globals, which knows what to say about those that aren't there.
fn nonexistent(lua: &Lua, limit: Limit, protection: &Protection) -> mlua::Result<Table> {
    let (metatable, shown) = (lua.create_table()?, lua.create_table()?);
    let index = single(lua, limit, nonexistent_global)?;
    shown.raw_set("__index", &index)?;
    metatable.raw_set("__index", index)?;
    metatable.raw_set("__metatable", protection.cover(lua, &shown)?.0)?;
    Ok(metatable)
}

/// Raises the error of a global that isn't there.
fn nonexistent_global(_: &Lua, arguments: &Arguments) -> Result<Value, Raise> {
    let Some(name) = arguments.get(1).and_then(library::as_text) else {
        return Err(Raise::here("Second argument to luaProtectedTableError must be a string or number"));
    };
    let mut text = b"Script attempted to access nonexistent global variable '".to_vec();
    text.extend_from_slice(&name);
    text.push(b'\'');
    Err(Raise::Here(text))
}

/// The largest step, in kilobytes: larger ones overflow in Lua.
const STEP_MAX: i64 = 1 << 20;

/// Collecting is allowed; to stop the collector or to slow it down would outlast the script.
fn collectgarbage(lua: &Lua, limit: Limit, standard: &Table) -> mlua::Result<Function> {
    let original: Function = standard.raw_get("collectgarbage")?;
    single(lua, limit, move |lua, arguments| {
        let option = match arguments.first() {
            None | Some(Value::Nil) => b"collect".to_vec(),
            Some(_) => library::text(arguments, 1)?,
        };
        match option.as_slice() {
            b"stop" | b"restart" => Ok(Value::Number(0.0)),
            b"setpause" | b"setstepmul" => Ok(Value::Number(200.0)),
            b"collect" => {
                lua.gc_collect()?;
                Ok(Value::Number(0.0))
            }
            b"count" => Ok(Value::Number(lua.used_memory() as f64 / 1024.0)),
            b"step" => Ok(original.call(("step", library::integer_or(arguments, 2, 0)?.clamp(0, STEP_MAX)))?),
            _ => {
                let option = String::from_utf8_lossy(&option).into_owned();
                Err(Raise::Argument(1, format!("invalid option '{option}'")))
            }
        }
    })
}
