//! `pcall` and `xpcall`.
//!
//! Invariants: each call of the Lua API may leave by `longjmp`. No frame here owns anything that would have to be
//! dropped, and none calls Rust code that does.
//! A first upvalue that is a pointer points to the `Shared` of the Lua state, which is dropped after it.
#![allow(unsafe_code, reason = "the Lua API, see above")]

use std::ffi::c_int;
use std::ptr;

use mlua::ffi::{self, lua_State};
use mlua::{Function, LightUserData, Lua};

use crate::shared::Shared;

/// Makes the `pcall` of scripts: as Lua's, but an error that is a table with `err` is returned as that text.
pub(crate) fn pcall(lua: &Lua) -> mlua::Result<Function> {
    // SAFETY: leaves one result.
    unsafe { lua.exec_raw((), |state| ffi::lua_pushcclosure(state, call_pcall, 0)) }
}

unsafe extern "C-unwind" fn call_pcall(state: *mut lua_State) -> c_int {
    // SAFETY: two slots are used; nothing here needs dropping.
    unsafe {
        if ffi::lua_gettop(state) == 0 {
            // Called for its error, which is the one that Redis gives.
            ffi::lua_pushboolean(state, 1);
        }
        let count = ffi::lua_gettop(state) - 1;
        let called = ffi::lua_pcall(state, count, ffi::LUA_MULTRET, 0);
        ffi::luaL_checkstack(state, 2, c"too many results".as_ptr());
        if called != ffi::LUA_OK && ffi::lua_type(state, -1) == ffi::LUA_TTABLE {
            ffi::lua_pushlstring(state, c"err".as_ptr(), 3);
            ffi::lua_rawget(state, -2);
            if ffi::lua_isstring(state, -1) == 0 {
                ffi::lua_pop(state, 1);
            } else {
                ffi::lua_replace(state, -2);
            }
        }
        ffi::lua_pushboolean(state, c_int::from(called == ffi::LUA_OK));
        ffi::lua_insert(state, 1);
        ffi::lua_gettop(state)
    }
}

/// Makes the `xpcall` of scripts. Its handler isn't called for the error of a script that is killed: that error comes
/// from a hook, and while a hook runs there is no other that could stop the handler. `shared` has to outlive the Lua
/// state.
pub(crate) fn xpcall(lua: &Lua, shared: &Shared) -> mlua::Result<Function> {
    let shared = LightUserData(ptr::from_ref(shared).cast_mut().cast());
    // SAFETY: the closure takes the pushed value as upvalue and leaves one result.
    unsafe { lua.exec_raw(shared, |state| ffi::lua_pushcclosure(state, call_xpcall_guarded, 1)) }
}

unsafe extern "C-unwind" fn call_xpcall(state: *mut lua_State) -> c_int {
    // SAFETY: room is made for what is added; nothing here needs dropping.
    unsafe {
        ffi::luaL_checkany(state, 2);
        ffi::lua_settop(state, 2);
        ffi::lua_insert(state, 1);
        let called = ffi::lua_pcall(state, 0, ffi::LUA_MULTRET, 1);
        ffi::luaL_checkstack(state, 2, c"too many results".as_ptr());
        ffi::lua_pushboolean(state, c_int::from(called == ffi::LUA_OK));
        ffi::lua_replace(state, 1);
        ffi::lua_gettop(state)
    }
}

unsafe extern "C-unwind" fn call_xpcall_guarded(state: *mut lua_State) -> c_int {
    // SAFETY: two slots are used; nothing here needs dropping.
    unsafe {
        ffi::luaL_checkany(state, 2);
        ffi::lua_settop(state, 2);
        ffi::lua_pushvalue(state, ffi::lua_upvalueindex(1));
        ffi::lua_insert(state, 2);
        ffi::lua_pushcclosure(state, call_handler, 2);
        call_xpcall(state)
    }
}

/// Upvalues: the `Shared`, and the handler of the script.
unsafe extern "C-unwind" fn call_handler(state: *mut lua_State) -> c_int {
    // SAFETY: the first upvalue is what `xpcall` has put there; nothing here needs dropping.
    unsafe {
        let shared: &Shared = &*ffi::lua_touserdata(state, ffi::lua_upvalueindex(1)).cast();
        ffi::lua_settop(state, 1);
        if !shared.is_killed() {
            ffi::lua_pushvalue(state, ffi::lua_upvalueindex(2));
            ffi::lua_insert(state, 1);
            ffi::lua_call(state, 1, 1);
        }
        1
    }
}
