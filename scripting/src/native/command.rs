//! `redis.call` and `redis.pcall`: what every script does, without a detour.
//!
//! Made of mlua's safe parts, a call took four times the instructions of these.
//!
//! Invariants:
//! - The first upvalue of [`call_command`] points to the `Shared` of its Lua state. Whoever holds the Lua state holds
//!   the `Shared`, too (`Parts`), and drops it last.
//! - Each call of the Lua API may leave by `longjmp`, when memory runs out. So no frame here owns anything that would
//!   have to be dropped while it calls the API; the exchange, which owns the words and the reply, stands in `Shared`.
//! - Texts read from Lua's stack are used before the stack changes, and the reply before the next command is asked
//!   for: nothing that a script can define runs in between.
#![allow(unsafe_code, reason = "the Lua API, see above")]

use std::ffi::c_int;
use std::slice;

use mlua::ffi::{self, lua_State};
use mlua::{Function, LightUserData, Lua};

use crate::exchange::{Answer, Exchange, Question};
use crate::shared::{KILLED, Shared};

const NO_WORDS: &str = "ERR Please specify at least one argument for this redis lib call";
const BAD_WORDS: &str = "ERR Lua redis lib command arguments must be strings or integers";
const NOT_RUNNING: &str = "ERR This Redis command is not allowed from script";
const MALFORMED: &str = "ERR a command gave a malformed reply";

/// Fields that tables of replies have: upvalues of [`call_command`], so that they need not be looked up each time.
#[derive(Clone, Copy)]
enum Field {
    Ok = 3,
    Err = 4,
}

/// Replies nest a few levels; this is far above, and far below what the stack bears.
const DEPTH_MAX: u32 = 128;

/// Makes `redis.call`, or `redis.pcall`, which returns errors. `shared` has to outlive the Lua state.
pub(crate) fn command(lua: &Lua, shared: &Shared, raises: bool) -> mlua::Result<Function> {
    let shared = LightUserData(std::ptr::from_ref(shared).cast_mut().cast());
    let upvalues = (shared, raises, "ok", "err");
    // SAFETY: the closure takes the pushed values as upvalues and leaves one result.
    unsafe { lua.exec_raw(upvalues, |state| ffi::lua_pushcclosure(state, call_command, 4)) }
}

/// What came of asking for a command.
enum Asked {
    Replied,
    Refused(&'static str),
    Killed,
}

unsafe extern "C-unwind" fn call_command(state: *mut lua_State) -> c_int {
    // SAFETY: the upvalue is what `command` has put there. `asked` needs no dropping.
    unsafe {
        let shared: &Shared = &*ffi::lua_touserdata(state, ffi::lua_upvalueindex(1)).cast();
        let raises = ffi::lua_toboolean(state, ffi::lua_upvalueindex(2)) != 0;
        match ask(state, shared) {
            Asked::Killed => {
                // The hook, called at the next instruction, goes on from here.
                ffi::lua_sethook(state, ffi::lua_gethook(state), ffi::lua_gethookmask(state), 1);
                ffi::lua_pushlstring_(state, KILLED.as_ptr().cast(), KILLED.len());
                ffi::lua_error(state);
            }
            Asked::Refused(text) => {
                push_known(state, Field::Err, text.as_bytes());
                if raises {
                    ffi::lua_error(state);
                }
            }
            Asked::Replied => {
                let mut cursor = Cursor { bytes: &*shared.reply(), at: 0 };
                ffi::lua_settop(state, 0);
                if !push_reply(state, &mut cursor, 0) {
                    ffi::lua_settop(state, 0);
                    push_known(state, Field::Err, MALFORMED.as_bytes());
                }
                if raises && cursor.bytes.first() == Some(&b'-') {
                    ffi::lua_error(state);
                }
            }
        }
        1
    }
}

/// Sends the words on Lua's stack to the host. Here values are owned, and nothing is called that may `longjmp`.
unsafe fn ask(state: *mut lua_State, shared: &Shared) -> Asked {
    let mut exchange = shared.take_exchange();
    // SAFETY: reads the stack only.
    if let Err(text) = unsafe { put_words(state, &mut exchange) } {
        shared.keep_exchange(exchange);
        return Asked::Refused(text);
    }
    exchange.reply.set_protocol(shared.protocol());
    exchange.propagation = shared.propagation();
    match shared.ask(Question::Call(exchange)) {
        Ok(Answer::Reply(exchange)) => {
            shared.keep_exchange(exchange);
            Asked::Replied
        }
        Ok(_) => Asked::Refused(NOT_RUNNING),
        Err(_) => Asked::Killed,
    }
}

/// Copies the words. Neither `lua_tolstring` of a string nor `lua_tonumber` changes anything.
unsafe fn put_words(state: *mut lua_State, exchange: &mut Exchange) -> Result<(), &'static str> {
    // SAFETY: the indices are on the stack, and the text is copied at once.
    unsafe {
        let count = ffi::lua_gettop(state);
        if count == 0 {
            return Err(NO_WORDS);
        }
        for index in 1..=count {
            match ffi::lua_type(state, index) {
                ffi::LUA_TSTRING => {
                    let mut length = 0;
                    let text = ffi::lua_tolstring(state, index, &raw mut length);
                    exchange.push(slice::from_raw_parts(text.cast(), length));
                }
                ffi::LUA_TNUMBER => push_number(ffi::lua_tonumber(state, index), exchange),
                _ => return Err(BAD_WORDS),
            }
        }
        Ok(())
    }
}

/// Numbers without a fraction are written without an exponent, too, as far as integers go.
fn push_number(number: f64, exchange: &mut Exchange) {
    const BOUND: f64 = 9_223_372_036_854_775_808.0;
    if number.fract() == 0.0 && (-BOUND..BOUND).contains(&number) {
        exchange.push(&spinel_resp::number::format_integer(number as i64));
    } else {
        exchange.push(&spinel_resp::format_double(number));
    }
}

/// Leaves a table with one field on the stack. To be called within [`call_command`].
unsafe fn push_known(state: *mut lua_State, key: Field, text: &[u8]) {
    // SAFETY: three slots of those that each function has are used.
    unsafe {
        ffi::lua_createtable(state, 0, 1);
        ffi::lua_pushvalue(state, ffi::lua_upvalueindex(key as c_int));
        ffi::lua_pushlstring_(state, text.as_ptr().cast(), text.len());
        ffi::lua_rawset(state, -3);
    }
}

/// As [`push_known`], with any key.
unsafe fn push_field(state: *mut lua_State, key: &[u8], text: &[u8]) {
    // SAFETY: three slots of those that each function has are used.
    unsafe {
        ffi::lua_createtable(state, 0, 1);
        ffi::lua_pushlstring_(state, key.as_ptr().cast(), key.len());
        ffi::lua_pushlstring_(state, text.as_ptr().cast(), text.len());
        ffi::lua_rawset(state, -3);
    }
}

/// Puts the value on top of the stack into a table with one field.
unsafe fn wrap(state: *mut lua_State, key: &[u8]) {
    // SAFETY: as in `push_field`.
    unsafe {
        ffi::lua_createtable(state, 0, 1);
        ffi::lua_pushlstring_(state, key.as_ptr().cast(), key.len());
        ffi::lua_pushvalue(state, -3);
        ffi::lua_rawset(state, -3);
        ffi::lua_remove(state, -2);
    }
}

/// Where the next reply begins.
struct Cursor<'r> {
    bytes: &'r [u8],
    at: usize,
}

impl<'r> Cursor<'r> {
    fn line(&mut self) -> Option<&'r [u8]> {
        let rest = self.bytes.get(self.at..)?;
        let end = rest.iter().position(|&byte| byte == b'\r')?;
        self.at += end + 2;
        Some(&rest[..end])
    }

    fn length(&self, digits: &[u8]) -> Option<usize> {
        let length = spinel_resp::parse_integer(digits).and_then(|length| usize::try_from(length).ok())?;
        (length <= self.bytes.len()).then_some(length)
    }

    /// Takes bytes and the end of line after them.
    fn bulk(&mut self, length: usize) -> Option<&'r [u8]> {
        let bytes = self.bytes.get(self.at..self.at.checked_add(length)?)?;
        self.at += length + 2;
        Some(bytes)
    }
}

/// Leaves the value of the next reply on the stack: null of RESP2 becomes false, null of RESP3 nil; attributes are
/// passed over. Returns false, and leaves something, if it is no reply.
unsafe fn push_reply(state: *mut lua_State, cursor: &mut Cursor<'_>, depth: u32) -> bool {
    // SAFETY: room for a level is made here; cursors need no dropping.
    unsafe {
        let Some((&marker, text)) = cursor.line().and_then(<[u8]>::split_first) else { return false };
        if depth > DEPTH_MAX || ffi::lua_checkstack(state, 8) == 0 {
            return false;
        }
        match marker {
            b':' => match spinel_resp::parse_integer(text) {
                Some(number) => ffi::lua_pushnumber(state, number as f64),
                None => return false,
            },
            b'+' => push_known(state, Field::Ok, text),
            b'-' => push_known(state, Field::Err, text),
            b'(' => push_field(state, b"big_number", text),
            b'_' => ffi::lua_pushnil(state),
            b'#' => ffi::lua_pushboolean(state, c_int::from(text == b"t")),
            b',' => {
                ffi::lua_pushnumber(state, spinel_resp::parse_double(text).unwrap_or(f64::NAN));
                wrap(state, b"double");
            }
            b'$' | b'=' | b'!' | b'*' if text == b"-1" => ffi::lua_pushboolean(state, 0),
            b'$' | b'=' | b'!' => return push_text(state, cursor, marker, text),
            _ => return push_aggregate(state, cursor, marker, text, depth),
        }
        true
    }
}

unsafe fn push_text(state: *mut lua_State, cursor: &mut Cursor<'_>, marker: u8, digits: &[u8]) -> bool {
    // SAFETY: as in `push_reply`.
    unsafe {
        let Some(bytes) = cursor.length(digits).and_then(|length| cursor.bulk(length)) else { return false };
        match marker {
            b'$' => {
                ffi::lua_pushlstring_(state, bytes.as_ptr().cast(), bytes.len());
            }
            b'!' => push_known(state, Field::Err, bytes),
            _ => {
                let Some((format, text)) = bytes.split_at_checked(4) else { return false };
                push_field(state, b"format", &format[..3]);
                ffi::lua_pushlstring_(state, c"string".as_ptr(), 6);
                ffi::lua_pushlstring_(state, text.as_ptr().cast(), text.len());
                ffi::lua_rawset(state, -3);
                wrap(state, b"verbatim_string");
            }
        }
        true
    }
}

unsafe fn push_aggregate(
    state: *mut lua_State,
    cursor: &mut Cursor<'_>,
    marker: u8,
    digits: &[u8],
    depth: u32,
) -> bool {
    // SAFETY: as in `push_reply`.
    unsafe {
        let Some(length) = cursor.length(digits) else { return false };
        match marker {
            b'*' | b'>' => {
                ffi::lua_createtable(state, length.min(1 << 26) as c_int, 0);
                for index in 1..=length {
                    if !push_reply(state, cursor, depth + 1) {
                        return false;
                    }
                    ffi::lua_rawseti(state, -2, index as ffi::lua_Integer);
                }
                true
            }
            b'%' | b'~' => push_pairs(state, cursor, marker, length, depth),
            b'|' => {
                for _ in 0..length * 2 {
                    if !push_reply(state, cursor, depth + 1) {
                        return false;
                    }
                    ffi::lua_pop(state, 1);
                }
                push_reply(state, cursor, depth + 1)
            }
            _ => false,
        }
    }
}

/// Maps, and sets, whose members map to true.
unsafe fn push_pairs(
    state: *mut lua_State,
    cursor: &mut Cursor<'_>,
    marker: u8,
    length: usize,
    depth: u32,
) -> bool {
    // SAFETY: as in `push_reply`.
    unsafe {
        ffi::lua_createtable(state, 0, length.min(1 << 26) as c_int);
        for _ in 0..length {
            if !push_reply(state, cursor, depth + 1) {
                return false;
            }
            if marker == b'~' {
                ffi::lua_pushboolean(state, 1);
            } else if !push_reply(state, cursor, depth + 1) {
                return false;
            }
            // Nil and what isn't a number are no keys.
            let is_key = match ffi::lua_type(state, -2) {
                ffi::LUA_TNIL => false,
                ffi::LUA_TNUMBER => !ffi::lua_tonumber(state, -2).is_nan(),
                _ => true,
            };
            if is_key {
                ffi::lua_rawset(state, -3);
            } else {
                ffi::lua_pop(state, 2);
            }
        }
        wrap(state, if marker == b'%' { b"map" } else { b"set" });
        true
    }
}
