//! What a script returns: the value on top of Lua's stack as a reply to its client.
//!
//! Invariants: each call of the Lua API may leave by `longjmp`, when memory runs out. So no frame here owns anything
//! that would have to be dropped; what was written until then is for the caller to take back. Tables are read without
//! their metatables, so that no code of a script runs.
#![allow(unsafe_code, reason = "the Lua API, see above")]

use std::ffi::c_int;
use std::slice;

use mlua::ffi::{self, lua_State};
use spinel_resp::{Protocol, ReplyWriter};

use crate::shared::Shared;

/// Tables within tables; Lua's own stack ends that in Redis, at about this depth.
const DEPTH_MAX: usize = 1_990;
/// Values between two questions whether to go on.
const VALUES_PER_TICK: u32 = 20_000;
/// Slots of Lua's stack that a table takes while its elements are written.
const SLOTS_PER_LEVEL: c_int = 4;

const TOO_DEEP: &str = "ERR reached lua stack limit";
const TOO_LARGE: &str = "ERR the script's reply is too large";

/// Why a reply stays unfinished.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Stop {
    TooLarge,
    Killed,
}

struct Converter<'w> {
    state: *mut lua_State,
    reply: &'w mut ReplyWriter,
    shared: &'w Shared,
    /// Values since it was last asked whether to go on.
    values: u32,
    /// Whether that was asked, so that what was lent before is not any more.
    has_asked: bool,
    /// What the script has chosen with `redis.setresp`: it decides what booleans are.
    script: Protocol,
    end: usize,
    /// Why nothing more is to be written.
    stop: Option<Stop>,
    /// A table was met that is too deep: others only a little less deep would cost exponential time.
    is_too_deep: bool,
}

/// What has become of a reply.
pub(super) enum Written {
    /// It is there.
    Whole,
    /// It is there, and what the host had lent before is not any more.
    Late,
    /// The script was killed meanwhile.
    Killed,
}

/// Whether the value on top of the stack is a table.
pub(super) unsafe fn is_table(state: *mut lua_State) -> bool {
    // SAFETY: reads the top.
    unsafe { ffi::lua_type(state, -1) == ffi::LUA_TTABLE }
}

/// Writes one reply for the value on top of the stack, which stays there. A table may hold so much, or
/// the same so often, that the host has to be asked now and then whether to go on.
pub(super) unsafe fn write_reply(
    state: *mut lua_State,
    shared: &Shared,
    bytes_max: usize,
    reply: &mut ReplyWriter,
) -> Written {
    let start = reply.position();
    let mut converter = Converter {
        state,
        reply,
        shared,
        values: 0,
        has_asked: false,
        script: shared.protocol(),
        end: start.saturating_add(bytes_max),
        stop: None,
        is_too_deep: false,
    };
    // SAFETY: there is a value, and the frame of a function has free slots.
    unsafe { converter.write(0) };
    let Converter { stop, has_asked, .. } = converter;
    match stop {
        Some(Stop::Killed) => return Written::Killed,
        Some(Stop::TooLarge) => {
            reply.truncate(start);
            reply.error(TOO_LARGE);
        }
        None => {}
    }
    if has_asked { Written::Late } else { Written::Whole }
}

impl Converter<'_> {
    /// Writes the value on top of the stack, which stays.
    unsafe fn write(&mut self, depth: usize) {
        self.values += 1;
        if self.values == VALUES_PER_TICK {
            (self.values, self.has_asked) = (0, true);
            if self.shared.tick().is_err() {
                self.stop = Some(Stop::Killed);
            }
        }
        if self.reply.len() > self.end {
            self.stop = Some(Stop::TooLarge);
        }
        if self.stop.is_some() {
            return;
        }
        // SAFETY: reads the top.
        unsafe {
            match ffi::lua_type(self.state, -1) {
                ffi::LUA_TSTRING => self.reply.bulk(top_text(self.state)),
                ffi::LUA_TNUMBER => self.reply.integer(truncated(ffi::lua_tonumber(self.state, -1))),
                ffi::LUA_TBOOLEAN => self.boolean(ffi::lua_toboolean(self.state, -1) != 0),
                ffi::LUA_TTABLE => self.table(depth),
                _ => self.reply.null(),
            }
        }
    }

    fn boolean(&mut self, truth: bool) {
        match (self.script, truth) {
            (Protocol::Resp3, truth) => self.reply.boolean(truth),
            (Protocol::Resp2, true) => self.reply.integer(1),
            (Protocol::Resp2, false) => self.reply.null(),
        }
    }

    /// Writes the table on top of the stack: what its fields say it is, or else an array.
    unsafe fn table(&mut self, depth: usize) {
        // SAFETY: room is made here for what this level pushes.
        unsafe {
            let has_room = ffi::lua_checkstack(self.state, SLOTS_PER_LEVEL) != 0;
            if depth > DEPTH_MAX || self.is_too_deep || !has_room {
                self.is_too_deep = true;
                self.reply.error(TOO_DEEP);
                return;
            }
            let top = ffi::lua_gettop(self.state);
            if !self.special(depth) {
                ffi::lua_settop(self.state, top);
                self.array(depth);
            }
            ffi::lua_settop(self.state, top);
        }
    }

    /// Writes what a field says that the table is. What it pushes is for the caller to pop.
    unsafe fn special(&mut self, depth: usize) -> bool {
        let state = self.state;
        // SAFETY: one field at a time is pushed, and one more within a verbatim string.
        unsafe {
            if has(state, b"err", ffi::LUA_TSTRING) {
                self.reply.error_bytes(top_text(state));
            } else if has(state, b"ok", ffi::LUA_TSTRING) {
                status(self.reply, top_text(state));
            } else if has(state, b"double", ffi::LUA_TNUMBER) {
                self.reply.double(ffi::lua_tonumber(state, -1));
            } else if has(state, b"map", ffi::LUA_TTABLE) {
                self.map(depth);
            } else if has(state, b"set", ffi::LUA_TTABLE) {
                self.set(depth);
            } else if has(state, b"big_number", ffi::LUA_TSTRING) {
                big_number(self.reply, top_text(state));
            } else {
                return has(state, b"verbatim_string", ffi::LUA_TTABLE) && self.verbatim();
            }
        }
        true
    }

    unsafe fn array(&mut self, depth: usize) {
        let deferred = self.reply.deferred_array();
        let mut count = 0;
        // SAFETY: one slot is used at a time.
        unsafe {
            while self.stop.is_none() {
                ffi::lua_rawgeti(self.state, -1, count as ffi::lua_Integer + 1);
                let is_end = ffi::lua_type(self.state, -1) == ffi::LUA_TNIL;
                if !is_end {
                    self.write(depth + 1);
                }
                ffi::lua_settop(self.state, -2);
                if is_end {
                    break;
                }
                count += 1;
            }
        }
        self.reply.finish_array(deferred, count);
    }

    unsafe fn map(&mut self, depth: usize) {
        let deferred = self.reply.deferred_map();
        let mut count = 0;
        // SAFETY: two slots are used, and a copy of the key: the original leads to the next.
        unsafe {
            ffi::lua_pushnil(self.state);
            while self.stop.is_none() && ffi::lua_next(self.state, -2) != 0 {
                ffi::lua_pushvalue(self.state, -2);
                self.write(depth + 1);
                ffi::lua_settop(self.state, -2);
                self.write(depth + 1);
                ffi::lua_settop(self.state, -2);
                count += 1;
            }
        }
        self.reply.finish_map(deferred, count);
    }

    unsafe fn set(&mut self, depth: usize) {
        let deferred = self.reply.deferred_set();
        let mut count = 0;
        // SAFETY: two slots are used.
        unsafe {
            ffi::lua_pushnil(self.state);
            while self.stop.is_none() && ffi::lua_next(self.state, -2) != 0 {
                ffi::lua_settop(self.state, -2);
                self.write(depth + 1);
                count += 1;
            }
        }
        self.reply.finish_set(deferred, count);
    }

    /// Writes the verbatim string on top of the stack, if it has a format and a text.
    unsafe fn verbatim(&mut self) -> bool {
        // SAFETY: two slots are used; the texts are kept by the table.
        unsafe {
            if !has(self.state, b"format", ffi::LUA_TSTRING) {
                return false;
            }
            let format = top_text(self.state);
            let mut line = *b"   ";
            for (to, &from) in line.iter_mut().zip(format) {
                *to = if from.is_ascii_graphic() { from } else { b' ' };
            }
            ffi::lua_settop(self.state, -2);
            if !has(self.state, b"string", ffi::LUA_TSTRING) {
                return false;
            }
            let format = std::str::from_utf8(&line).unwrap_or("txt");
            self.reply.verbatim(format, top_text(self.state));
            true
        }
    }
}

/// Pushes the field of the table on top of the stack, if it has this type.
unsafe fn has(state: *mut lua_State, name: &[u8], kind: c_int) -> bool {
    // SAFETY: one slot is used.
    unsafe {
        ffi::lua_pushlstring_(state, name.as_ptr().cast(), name.len());
        ffi::lua_rawget(state, -2);
        let is_there = ffi::lua_type(state, -1) == kind;
        if !is_there {
            ffi::lua_settop(state, -2);
        }
        is_there
    }
}

/// The string on top of the stack, for as long as it is kept there or in a table.
unsafe fn top_text<'s>(state: *mut lua_State) -> &'s [u8] {
    let mut length = 0;
    // SAFETY: `lua_tolstring` of a string changes nothing.
    unsafe {
        let text = ffi::lua_tolstring(state, -1, &raw mut length);
        slice::from_raw_parts(text.cast(), length)
    }
}

/// A number without its fraction; what has no integer is the smallest one, as on x86-64 in Redis.
fn truncated(number: f64) -> i64 {
    const BOUND: f64 = 9_223_372_036_854_775_808.0;
    if (-BOUND..BOUND).contains(&number) { number as i64 } else { i64::MIN }
}

/// Writes a simple string of any bytes.
fn status(reply: &mut ReplyWriter, text: &[u8]) {
    let line: Vec<u8> =
        text.iter().map(|&byte| if matches!(byte, b'\r' | b'\n') { b' ' } else { byte }).collect();
    reply.raw(b"+");
    reply.raw(&line);
    reply.raw(b"\r\n");
}

fn big_number(reply: &mut ReplyWriter, digits: &[u8]) {
    reply.big_number(&String::from_utf8_lossy(digits).replace(['\r', '\n'], " "));
}
