//! How much memory a script may use.
//!
//! While Lua runs, its allocator refuses what is above the limit. While a function of ours runs, the limit is lifted,
//! because with a limit mlua guards each string and table that it makes, which costs more than all else in a call.
//! So functions of ours ask for [`room`](Limit::room) before they make something whose size a script chooses.

use mlua::Lua;

use crate::raise::Raise;

/// The bytes that a Lua state may use.
#[derive(Clone, Copy)]
pub(crate) struct Limit {
    pub(crate) bytes_max: usize,
}

/// While it lives, mlua knows of no limit.
pub(crate) struct Lifted<'l> {
    lua: &'l Lua,
    limit: Limit,
}

impl Limit {
    /// Lets Lua's allocator refuse what is above the limit.
    pub(crate) fn impose(self, lua: &Lua) {
        // It fails only for an allocator that isn't mlua's.
        let _ = lua.set_memory_limit(self.bytes_max);
    }

    /// Lets it refuse nothing.
    pub(crate) fn remove(lua: &Lua) {
        let _ = lua.set_memory_limit(0);
    }

    pub(crate) fn lift(self, lua: &Lua) -> Lifted<'_> {
        Limit::remove(lua);
        Lifted { lua, limit: self }
    }

    /// Raises an error if there isn't room for so many bytes more.
    pub(crate) fn room(self, lua: &Lua, bytes: usize) -> Result<(), Raise> {
        if lua.used_memory().saturating_add(bytes) > self.bytes_max {
            return Err(Raise::no_memory());
        }
        Ok(())
    }
}

impl Drop for Lifted<'_> {
    fn drop(&mut self) {
        self.limit.impose(self.lua);
    }
}
