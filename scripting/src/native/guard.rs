//! Functions of Lua's library in the frame of a guard.
//!
//! Invariants: each call of the Lua API may leave by `longjmp`. No frame here owns anything that would have to be
//! dropped, and none calls Rust code that does.
//! The original of a guarded function is a C function of Lua's own library without upvalues: it sees the frame, the
//! arguments and the caller that it would see if it were called directly.
#![allow(unsafe_code, reason = "the Lua API, see above")]

use std::ffi::c_int;

use mlua::ffi::{self, lua_State};
use mlua::{Function, Lua, Table};

const READONLY: &str = "Attempt to modify a readonly table";

/// The first byte of compiled code.
const COMPILED: u8 = 0x1b;

/// Makes of `original`, a C function of Lua's library, one that refuses the keys of `protected` as its first argument.
pub(crate) fn guarded(lua: &Lua, original: Function, protected: &Table) -> mlua::Result<Function> {
    // SAFETY: the closure takes the two pushed values as upvalues and leaves one result.
    unsafe { lua.exec_raw((protected, original), |state| ffi::lua_pushcclosure(state, call_guarded, 2)) }
}

/// Makes of `original`, a C function of Lua's library, one that sees what is behind the keys of `protected` when its
/// first argument is one.
pub(crate) fn redirected(lua: &Lua, original: Function, protected: &Table) -> mlua::Result<Function> {
    // SAFETY: as in `guarded`.
    unsafe { lua.exec_raw((protected, original), |state| ffi::lua_pushcclosure(state, call_redirected, 2)) }
}

/// Leaves what stands behind the first argument on the stack, or returns false and leaves nothing.
unsafe fn find_protected(state: *mut lua_State) -> bool {
    // SAFETY: one slot is used; a raw read of a table by a table raises nothing.
    unsafe {
        if ffi::lua_type(state, 1) != ffi::LUA_TTABLE {
            return false;
        }
        ffi::lua_pushvalue(state, 1);
        ffi::lua_rawget(state, ffi::lua_upvalueindex(1));
        if ffi::lua_type(state, -1) == ffi::LUA_TNIL {
            ffi::lua_pop(state, 1);
            return false;
        }
        true
    }
}

pub(super) unsafe fn call_original(state: *mut lua_State) -> c_int {
    // SAFETY: the second upvalue is a C function without upvalues, see the invariants.
    unsafe {
        match ffi::lua_tocfunction(state, ffi::lua_upvalueindex(2)) {
            Some(original) => original(state),
            None => 0,
        }
    }
}

unsafe extern "C-unwind" fn call_guarded(state: *mut lua_State) -> c_int {
    // SAFETY: nothing here needs dropping.
    unsafe {
        if find_protected(state) {
            ffi::lua_pushlstring(state, READONLY.as_ptr().cast(), READONLY.len());
            ffi::lua_error(state);
        }
        call_original(state)
    }
}

unsafe extern "C-unwind" fn call_redirected(state: *mut lua_State) -> c_int {
    // SAFETY: nothing here needs dropping.
    unsafe {
        if find_protected(state) {
            ffi::lua_replace(state, 1);
        }
        call_original(state)
    }
}

/// Makes the `table.insert` of scripts: `original`, but for positions so far below the first that moving what is between
/// would take minutes, which nothing could interrupt.
pub(crate) fn insert(lua: &Lua, original: Function, protected: &Table) -> mlua::Result<Function> {
    // SAFETY: as in `guarded`.
    unsafe { lua.exec_raw((protected, original), |state| ffi::lua_pushcclosure(state, call_insert, 2)) }
}

/// Makes the `unpack` of scripts: `original`, but for ranges whose length it computes with an overflow.
pub(crate) fn unpack(lua: &Lua, original: Function) -> mlua::Result<Function> {
    // SAFETY: as in `guarded`; the first value is not used.
    unsafe { lua.exec_raw((false, original), |state| ffi::lua_pushcclosure(state, call_unpack, 2)) }
}

/// A position below this is one of somebody who means harm.
const FIRST_POSITION: c_int = -1_000_000;
/// More results than Lua's stack ever takes.
const RESULTS_MAX: i64 = 1_000_000;

/// An argument as Lua's library reads it, or what stands for one that is missing.
unsafe fn integer_or(state: *mut lua_State, at: c_int, default: usize) -> c_int {
    // SAFETY: reads the stack only.
    unsafe {
        if ffi::lua_type(state, at) <= ffi::LUA_TNIL {
            default as c_int
        } else {
            ffi::lua_tointeger(state, at) as c_int
        }
    }
}

unsafe extern "C-unwind" fn call_insert(state: *mut lua_State) -> c_int {
    // SAFETY: nothing here needs dropping.
    unsafe {
        if ffi::lua_gettop(state) == 3 && integer_or(state, 2, 1) < FIRST_POSITION {
            ffi::luaL_argerror(state, 2, c"position out of bounds".as_ptr());
        }
        call_guarded(state)
    }
}

unsafe extern "C-unwind" fn call_unpack(state: *mut lua_State) -> c_int {
    // SAFETY: nothing here needs dropping.
    unsafe {
        if ffi::lua_type(state, 1) == ffi::LUA_TTABLE {
            let (first, last) = (integer_or(state, 2, 1), integer_or(state, 3, ffi::lua_objlen(state, 1)));
            if i64::from(last) - i64::from(first) >= RESULTS_MAX {
                ffi::luaL_error(state, c"too many results to unpack".as_ptr());
            }
        }
        call_original(state)
    }
}

/// Makes the `pairs` of scripts: the keys of `protected` are walked with `redirected`, all else with `next`.
pub(crate) fn pairs(
    lua: &Lua,
    protected: &Table,
    next: Function,
    redirected: Function,
) -> mlua::Result<Function> {
    // SAFETY: the closure takes the three pushed values as upvalues and leaves one result.
    unsafe {
        lua.exec_raw((protected, next, redirected), |state| ffi::lua_pushcclosure(state, call_pairs, 3))
    }
}

unsafe extern "C-unwind" fn call_pairs(state: *mut lua_State) -> c_int {
    // SAFETY: four slots are used; nothing here needs dropping.
    unsafe {
        ffi::luaL_checktype(state, 1, ffi::LUA_TTABLE);
        let upvalue = if find_protected(state) { 3 } else { 2 };
        ffi::lua_settop(state, 1);
        ffi::lua_pushvalue(state, ffi::lua_upvalueindex(upvalue));
        ffi::lua_pushvalue(state, 1);
        ffi::lua_pushnil(state);
        3
    }
}

/// Makes the `table.sort` of scripts: what `ours` can sort it sorts, which is what nobody could interrupt.
pub(crate) fn sort(
    lua: &Lua,
    protected: &Table,
    original: Function,
    ours: Function,
) -> mlua::Result<Function> {
    // SAFETY: the closure takes the three pushed values as upvalues and leaves one result.
    unsafe { lua.exec_raw((protected, original, ours), |state| ffi::lua_pushcclosure(state, call_sort, 3)) }
}

unsafe extern "C-unwind" fn call_sort(state: *mut lua_State) -> c_int {
    // SAFETY: two slots are used; nothing here needs dropping.
    unsafe {
        if ffi::lua_type(state, 1) == ffi::LUA_TTABLE && ffi::lua_type(state, 2) <= ffi::LUA_TNIL {
            ffi::lua_pushvalue(state, ffi::lua_upvalueindex(3));
            ffi::lua_pushvalue(state, 1);
            ffi::lua_call(state, 1, 1);
            if ffi::lua_toboolean(state, -1) != 0 {
                return 0;
            }
            ffi::lua_pop(state, 1);
        }
        call_original(state)
    }
}

/// Makes the `loadstring` of scripts: compiled code is read as the text that it isn't, as in Redis.
pub(crate) fn loadstring(lua: &Lua, original: Function) -> mlua::Result<Function> {
    // SAFETY: the closure takes the two pushed values as upvalues and leaves one result.
    unsafe { lua.exec_raw((false, original), |state| ffi::lua_pushcclosure(state, call_loadstring, 2)) }
}

unsafe extern "C-unwind" fn call_loadstring(state: *mut lua_State) -> c_int {
    // SAFETY: three slots are used; the text is read before anything can move it; nothing here needs dropping.
    unsafe {
        let mut length = 0;
        if ffi::lua_type(state, 1) == ffi::LUA_TSTRING {
            let text = ffi::lua_tolstring(state, 1, &raw mut length);
            if length > 0 && *text.cast::<u8>() == COMPILED {
                ffi::lua_settop(state, 2);
                if ffi::lua_type(state, 2) == ffi::LUA_TNIL {
                    ffi::lua_pushvalue(state, 1);
                    ffi::lua_replace(state, 2);
                }
                ffi::lua_pushlstring(state, c" ".as_ptr(), 1);
                ffi::lua_pushvalue(state, 1);
                ffi::lua_concat(state, 2);
                ffi::lua_replace(state, 1);
            }
        }
        call_original(state)
    }
}

/// Makes a function that calls `inner`, of which the script sees nothing, if its first argument is a function.
pub(crate) fn taking_function(lua: &Lua, inner: Function) -> mlua::Result<Function> {
    // SAFETY: the closure takes the pushed function as upvalue and leaves one result.
    unsafe { lua.exec_raw(inner, |state| ffi::lua_pushcclosure(state, call_taking_function, 1)) }
}

unsafe extern "C-unwind" fn call_taking_function(state: *mut lua_State) -> c_int {
    // SAFETY: one slot is used; nothing here needs dropping.
    unsafe {
        ffi::luaL_checktype(state, 1, ffi::LUA_TFUNCTION);
        let count = ffi::lua_gettop(state);
        ffi::lua_pushvalue(state, ffi::lua_upvalueindex(1));
        ffi::lua_insert(state, 1);
        ffi::lua_call(state, count, ffi::LUA_MULTRET);
        ffi::lua_gettop(state)
    }
}
