//! Functions of Rust that raise any Lua value, as functions of C do.
//!
//! Invariants: each call of the Lua API may leave by `longjmp`. No frame here owns anything that would have to be
//! dropped, and none calls Rust code that does.
#![allow(unsafe_code, reason = "the Lua API, see above")]

use std::ffi::c_int;
use std::ptr;

use mlua::ffi::{self, lua_State};
use mlua::{Function, LightUserData, Lua, Value};

static MARK: u8 = 0;

/// The first result of a Rust function whose second result is to be raised. Scripts can't make this value.
pub(crate) fn raise_mark() -> Value {
    Value::LightUserData(LightUserData(ptr::from_ref(&MARK).cast_mut().cast()))
}

/// Makes a function of `inner` that raises its second result if the first is [`raise_mark`].
pub(crate) fn raising(lua: &Lua, inner: &Function) -> mlua::Result<Function> {
    // SAFETY: the closure takes the pushed function as its upvalue and leaves one result.
    unsafe { lua.exec_raw(inner, |state| ffi::lua_pushcclosure(state, call_raising, 1)) }
}

/// Makes a function of `inner` that raises its second result unless it is nil, and else returns the first.
pub(crate) fn raising_single(lua: &Lua, inner: &Function) -> mlua::Result<Function> {
    // SAFETY: as in `raising`.
    unsafe { lua.exec_raw(inner, |state| ffi::lua_pushcclosure(state, call_raising_single, 1)) }
}

unsafe extern "C-unwind" fn call_raising_single(state: *mut lua_State) -> c_int {
    // SAFETY: as in `call_raising`.
    unsafe {
        let count = ffi::lua_gettop(state);
        ffi::lua_pushvalue(state, ffi::lua_upvalueindex(1));
        ffi::lua_insert(state, 1);
        ffi::lua_call(state, count, 2);
        if ffi::lua_type(state, 2) != ffi::LUA_TNIL {
            ffi::lua_error(state);
        }
        ffi::lua_settop(state, 1);
        1
    }
}

pub(super) unsafe extern "C-unwind" fn call_raising(state: *mut lua_State) -> c_int {
    // SAFETY: Lua calls with at least LUA_MINSTACK free slots; two are used. Nothing here needs dropping.
    unsafe {
        let count = ffi::lua_gettop(state);
        ffi::lua_pushvalue(state, ffi::lua_upvalueindex(1));
        ffi::lua_insert(state, 1);
        ffi::lua_call(state, count, ffi::LUA_MULTRET);
        let mark: *mut std::ffi::c_void = ptr::from_ref(&MARK).cast_mut().cast();
        if ffi::lua_gettop(state) == 2 && ffi::lua_touserdata(state, 1) == mark {
            ffi::lua_error(state);
        }
        ffi::lua_gettop(state)
    }
}
