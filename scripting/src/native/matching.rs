//! Functions that match patterns: Lua's where they are over soon, ours where the host must be able to interrupt.
//!
//! Invariants: each call of the Lua API may leave by `longjmp`. No frame here owns anything that would have to be
//! dropped, and none calls Rust code that does.
//! The texts of subject and pattern are used before the stack changes.
#![allow(unsafe_code, reason = "the Lua API, see above")]

use std::ffi::c_int;

use mlua::ffi::{self, lua_State};
use mlua::{Function, Lua};

use super::guard::call_original;
use super::raising::call_raising;
use crate::library::pattern::is_cheap;

/// Makes a function of `original`, one of Lua's that match patterns, that leaves what could take long to `ours`.
pub(crate) fn matching(lua: &Lua, original: Function, ours: Function) -> mlua::Result<Function> {
    // SAFETY: the closure takes the two pushed values as upvalues and leaves one result.
    unsafe { lua.exec_raw((ours, original), |state| ffi::lua_pushcclosure(state, call_matching, 2)) }
}

unsafe extern "C-unwind" fn call_matching(state: *mut lua_State) -> c_int {
    // SAFETY: two slots are used. The pattern isn't used after the next call of the API; nothing here needs dropping.
    unsafe {
        if ffi::lua_isstring(state, 1) == 0 || ffi::lua_isstring(state, 2) == 0 {
            return call_original(state);
        }
        let (mut subject, mut length) = (0, 0);
        ffi::lua_tolstring(state, 1, &raw mut subject);
        let pattern = ffi::lua_tolstring(state, 2, &raw mut length);
        let pattern = std::slice::from_raw_parts(pattern.cast::<u8>(), length);
        if is_cheap(pattern, subject) { call_original(state) } else { call_raising(state) }
    }
}

/// Makes the `gsub` of scripts. `matches` finds what is to be replaced, `assemble` puts the result together, and in
/// between the replacements are asked for as Lua's own function does: without anything between them and the script.
pub(crate) fn gsub(
    lua: &Lua,
    original: Function,
    matches: Function,
    assemble: Function,
) -> mlua::Result<Function> {
    // SAFETY: the closure takes the three pushed values as upvalues and leaves one result.
    unsafe { lua.exec_raw((matches, original, assemble), |state| ffi::lua_pushcclosure(state, call_gsub, 3)) }
}

unsafe extern "C-unwind" fn call_gsub(state: *mut lua_State) -> c_int {
    // SAFETY: as in `call_matching`.
    unsafe {
        let kind = ffi::lua_type(state, 3);
        let is_replacement =
            matches!(kind, ffi::LUA_TNUMBER | ffi::LUA_TSTRING | ffi::LUA_TTABLE | ffi::LUA_TFUNCTION);
        if ffi::lua_isstring(state, 1) == 0 || ffi::lua_isstring(state, 2) == 0 || !is_replacement {
            return call_original(state);
        }
        let (mut subject, mut length) = (0, 0);
        ffi::lua_tolstring(state, 1, &raw mut subject);
        let pattern = ffi::lua_tolstring(state, 2, &raw mut length);
        if is_cheap(std::slice::from_raw_parts(pattern.cast::<u8>(), length), subject) {
            return call_original(state);
        }
        substitute(state, kind)
    }
}

/// Stack: subject, pattern, replacement, count; then the matches (5), each a list of its captures, and the
/// replacements (6), where only functions and tables are asked.
unsafe fn substitute(state: *mut lua_State, kind: c_int) -> c_int {
    // SAFETY: captures are at most 32, for which room is made; nothing here needs dropping.
    unsafe {
        ffi::lua_settop(state, 4);
        ffi::luaL_checkstack(state, 48, c"too many captures".as_ptr());
        ffi::lua_pushvalue(state, ffi::lua_upvalueindex(1));
        for index in 1..=4 {
            ffi::lua_pushvalue(state, index);
        }
        ffi::lua_call(state, 4, 2);
        if ffi::lua_type(state, -1) != ffi::LUA_TNIL {
            ffi::lua_error(state);
        }
        ffi::lua_pop(state, 1);
        ffi::lua_createtable(state, 0, 0);
        let count =
            if kind == ffi::LUA_TFUNCTION || kind == ffi::LUA_TTABLE { ffi::lua_objlen(state, 5) } else { 0 };
        for index in 1..=count {
            let index = index as ffi::lua_Integer;
            replacement(state, kind, index);
            ffi::lua_rawseti(state, 6, index);
        }
        ffi::lua_pushvalue(state, ffi::lua_upvalueindex(3));
        for index in [1, 3, 5, 6] {
            ffi::lua_pushvalue(state, index);
        }
        ffi::lua_call(state, 4, 3);
        if ffi::lua_type(state, -1) != ffi::LUA_TNIL {
            ffi::lua_error(state);
        }
        ffi::lua_pop(state, 1);
        2
    }
}

/// Leaves what replaces the match with this number.
unsafe fn replacement(state: *mut lua_State, kind: c_int, index: ffi::lua_Integer) {
    // SAFETY: as in `substitute`; a match has at most 32 captures.
    unsafe {
        if kind == ffi::LUA_TTABLE {
            ffi::lua_rawgeti(state, 5, index);
            ffi::lua_rawgeti(state, -1, 1);
            ffi::lua_remove(state, -2);
            ffi::lua_gettable(state, 3);
            return;
        }
        ffi::lua_pushvalue(state, 3);
        ffi::lua_rawgeti(state, 5, index);
        let list = ffi::lua_gettop(state);
        let captures = ffi::lua_objlen(state, list) as c_int;
        for capture in 1..=ffi::lua_Integer::from(captures.min(32)) {
            ffi::lua_rawgeti(state, list, capture);
        }
        ffi::lua_remove(state, list);
        ffi::lua_call(state, captures.min(32), 1);
    }
}
