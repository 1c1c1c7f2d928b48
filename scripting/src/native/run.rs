//! A run: the arguments are set, the function is called, its result becomes the reply, in one protected call.
//!
//! Made of mlua's safe parts, a script that returns at once took twice the instructions.
//!
//! Invariants:
//! - Each call of the Lua API may leave by `longjmp`, when memory runs out. So no frame here owns anything that would
//!   have to be dropped while it calls the API.
//! - The keys and the arguments that a [`Job`] points to are read before the run asks for anything: until then whoever
//!   began the run waits, and lends them.
//! - The reply that a run asks for is lent until the run asks for something else or ends, which it does not do while it
//!   writes.
#![allow(unsafe_code, reason = "the Lua API, see above")]

use std::ffi::{c_int, c_void};
use std::ptr;
use std::sync::atomic::{AtomicUsize, Ordering};

use mlua::ffi::{self, lua_State};
use mlua::{Function, Lua, Table};
use spinel_resp::ReplyWriter;

use super::fiber::{Failed, Outcome, ask};
use super::reply::{Written, is_table, write_reply};
use crate::exchange::{Answer, Question};
use crate::limit::Limit;
use crate::shared::Shared;

type Texts = *const [&'static [u8]];

/// What a function is called with, and what its result is for.
#[derive(Clone, Copy)]
pub(crate) struct Job {
    keys: Texts,
    arguments: Texts,
    takes: Takes,
    reply_bytes_max: usize,
}

/// How a function gets its keys and arguments.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Takes {
    /// As the globals KEYS and ARGV.
    Globals,
    Parameters,
    /// It gets none, and its result is for nobody.
    Nothing,
}

impl Job {
    /// A script, which finds its keys and arguments among the globals.
    pub(crate) fn script(keys: &[&[u8]], arguments: &[&[u8]], reply_bytes_max: usize) -> Job {
        Job { keys: texts(keys), arguments: texts(arguments), takes: Takes::Globals, reply_bytes_max }
    }

    /// A function, which takes its keys and arguments as two parameters.
    pub(crate) fn function(keys: &[&[u8]], arguments: &[&[u8]], reply_bytes_max: usize) -> Job {
        Job { takes: Takes::Parameters, ..Job::script(keys, arguments, reply_bytes_max) }
    }

    /// The code of a library, whose result nobody asks for.
    pub(crate) fn library() -> Job {
        Job { takes: Takes::Nothing, ..Job::script(&[], &[], 0) }
    }
}

/// Forgets for how long they are lent; see the invariants.
fn texts(texts: &[&[u8]]) -> Texts {
    ptr::from_ref(texts) as Texts
}

/// What a run finds in its Lua state.
pub(crate) struct Scene<'s> {
    pub(crate) lua: &'s Lua,
    pub(crate) shared: &'s Shared,
    pub(crate) limit: Limit,
    /// Where KEYS and ARGV are.
    pub(crate) globals: &'s Table,
    /// Notes an error that nobody catches.
    pub(crate) note: &'s Function,
    /// The function of [`call_run`].
    pub(crate) runner: &'s Function,
    /// Where to note how much memory is in use at the end.
    pub(crate) used_bytes: &'s AtomicUsize,
}

/// Makes the function that [`run`] calls.
pub(crate) fn runner(lua: &Lua) -> mlua::Result<Function> {
    // SAFETY: the closure takes the pushed names as upvalues and leaves one result.
    unsafe { lua.exec_raw(("KEYS", "ARGV"), |state| ffi::lua_pushcclosure(state, call_run, 2)) }
}

/// What [`call_run`] gets.
struct Run<'s> {
    job: Job,
    shared: &'s Shared,
    lua: &'s Lua,
    limit: Limit,
}

/// Calls a function of Lua and writes its reply.
pub(crate) fn run(scene: &Scene<'_>, function: &Function, job: Job) -> Outcome {
    let run = Run { job, shared: scene.shared, lua: scene.lua, limit: scene.limit };
    scene.lua.exec_raw_lua(|raw| {
        // SAFETY: there is always room for LUA_MINSTACK values where mlua calls. What is pushed is popped.
        unsafe {
            let (state, argument) = (raw.state(), ptr::from_ref(&run).cast_mut().cast::<c_void>());
            let bottom = ffi::lua_gettop(state);
            let pushed = raw
                .push(scene.note)
                .and_then(|()| raw.push(scene.runner))
                .and_then(|()| raw.push(function))
                .and_then(|()| raw.push(scene.globals));
            if let Err(error) = pushed {
                ffi::lua_settop(state, bottom);
                return Err(Failed::Text(format!("ERR {error}").into_bytes()));
            }
            ffi::lua_pushlightuserdata(state, argument);
            let outcome = match ffi::lua_pcall(state, 3, 0, bottom + 1) {
                ffi::LUA_OK => Ok(()),
                ffi::LUA_ERRMEM => Err(Failed::Memory),
                _ => Err(Failed::Noted),
            };
            ffi::lua_settop(state, bottom);
            let used_kilobytes = ffi::lua_gc(state, ffi::LUA_GCCOUNT, 0) as usize;
            scene.used_bytes.store(used_kilobytes << 10, Ordering::Relaxed);
            if outcome.is_err() {
                Limit::remove(scene.lua);
            }
            outcome
        }
    })
}

/// Gets a function, the globals and a [`Run`].
unsafe extern "C-unwind" fn call_run(state: *mut lua_State) -> c_int {
    const FUNCTION: c_int = 1;
    const GLOBALS: c_int = 2;
    // SAFETY: `run` calls with these three, and waits. A function has LUA_MINSTACK free slots.
    unsafe {
        let run: &Run<'_> = &*ffi::lua_touserdata(state, 3).cast();
        ffi::lua_settop(state, GLOBALS);
        let (keys, arguments) = (&*run.job.keys, &*run.job.arguments);
        match run.job.takes {
            Takes::Nothing => ffi::lua_settop(state, FUNCTION),
            Takes::Parameters => {
                ffi::lua_settop(state, FUNCTION);
                push_texts(state, keys);
                push_texts(state, arguments);
            }
            Takes::Globals => {
                for (name, texts) in [(1, keys), (2, arguments)] {
                    ffi::lua_pushvalue(state, ffi::lua_upvalueindex(name));
                    push_texts(state, texts);
                    ffi::lua_rawset(state, GLOBALS);
                }
                ffi::lua_settop(state, FUNCTION);
            }
        }
        run.limit.impose(run.lua);
        ffi::lua_call(state, ffi::lua_gettop(state) - FUNCTION, 1);
        Limit::remove(run.lua);
        if let Some(reply) = writer(run) {
            let bytes_max = run.job.reply_bytes_max;
            if is_table(state) {
                reply_table(state, run, reply);
            } else {
                write_reply(state, run.shared, bytes_max, &mut *reply);
            }
        }
        0
    }
}

/// Replies the table on top of the stack. It is written elsewhere first, because while that takes long the host may put the
/// script aside, and with it what it has lent.
unsafe fn reply_table(state: *mut lua_State, run: &Run<'_>, reply: *mut ReplyWriter) {
    // SAFETY: nobody uses the writer of the exchange but who runs commands, and the script has ended. What is lent is used
    // before the next question.
    unsafe {
        let own = &mut *run.shared.open_writer((*reply).protocol());
        let reply = match write_reply(state, run.shared, run.job.reply_bytes_max, own) {
            Written::Whole => Some(reply),
            Written::Late => writer(run),
            Written::Killed => None,
        };
        if let Some(reply) = reply {
            (*reply).raw(own.bytes());
        }
        run.shared.close_writer();
    }
}

/// Where the reply goes to, if there is to be one.
fn writer(run: &Run<'_>) -> Option<*mut ReplyWriter> {
    if run.job.takes == Takes::Nothing || run.shared.is_killed() {
        return None;
    }
    match ask(Question::Reply) {
        Some(Answer::Writer(reply)) => Some(reply),
        _ => None,
    }
}

unsafe fn push_texts(state: *mut lua_State, texts: &[&[u8]]) {
    // SAFETY: two slots are used.
    unsafe {
        ffi::lua_createtable(state, texts.len().min(1 << 26) as c_int, 0);
        for (index, text) in texts.iter().enumerate() {
            ffi::lua_pushlstring_(state, text.as_ptr().cast(), text.len());
            ffi::lua_rawseti(state, -2, index as ffi::lua_Integer + 1);
        }
    }
}
