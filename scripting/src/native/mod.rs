//! What neither mlua nor corosensei has a safe name for: all `unsafe` of this crate, in functions of C for Lua and in
//! the switch between stacks.

mod command;
mod fiber;
mod guard;
mod matching;
mod protected_call;
mod raising;

pub(crate) use command::{command, set_arguments, texts};
pub(crate) use fiber::{Fiber, Outcome, Step, ask, new_stack};
pub(crate) use guard::{guarded, loadstring, pairs, redirected, sort, taking_function};
pub(crate) use matching::{gsub, matching};
pub(crate) use protected_call::{pcall, xpcall, xpcall_noting};
pub(crate) use raising::{raise_mark, raising, raising_single};
