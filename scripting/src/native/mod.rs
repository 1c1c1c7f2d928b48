//! What neither mlua nor corosensei has a safe name for: all `unsafe` of this crate, in functions of C for Lua and in
//! the switch between stacks.

mod command;
mod fiber;
mod guard;
mod matching;
mod protected_call;
mod raising;
mod reply;
mod run;

pub(crate) use command::command;
pub(crate) use fiber::{Failed, Fiber, Outcome, Step, ask, new_stack};
pub(crate) use guard::{guarded, insert, loadstring, pairs, redirected, sort, taking_function, unpack};
pub(crate) use matching::{gsub, matching};
pub(crate) use protected_call::{pcall, xpcall};
pub(crate) use raising::{raise_mark, raising, raising_single};
pub(crate) use run::{Job, Scene, run, runner};
