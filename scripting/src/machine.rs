//! One Lua state: what is compiled in it, started, suspended, ended.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use corosensei::stack::DefaultStack;
use mlua::chunk::ChunkMode;
use mlua::{Function, HookTriggers, Lua, LuaOptions, StdLib, Table, Value, VmState};

use crate::exchange::Question;
use crate::limit::Limit;
use crate::native::{self, Failed, Fiber, Job, Scene};
use crate::raise::Raise;
use crate::redis::Version;
use crate::running::Code;
use crate::sandbox::{self, Kind, Sandbox};
use crate::shared::{Failure, Shared, killed, raised_text};

/// Instructions between two questions whether to go on: about half a millisecond.
const INSTRUCTIONS_PER_TICK: u32 = 100_000;

/// What a run needs from its machine; both hold on to it.
pub(crate) struct Parts {
    pub(crate) lua: Lua,
    pub(crate) shared: Arc<Shared>,
    pub(crate) limit: Limit,
    /// Where KEYS and ARGV are.
    pub(crate) globals: Table,
    /// Tells states apart: what was compiled in another one is of no use here.
    pub(crate) number: u64,
    runner: Function,
    /// What Lua used when the last run ended.
    used_bytes: AtomicUsize,
    note: Function,
    stack: Mutex<Stack>,
}

/// Where the stack of scripts is.
enum Stack {
    None,
    Kept(DefaultStack),
    /// A script runs on it.
    Used,
}

/// A Lua state with what scripts see in it.
pub(crate) struct Machine {
    pub(crate) parts: Arc<Parts>,
    pub(crate) sandbox: Sandbox,
}

impl Machine {
    /// Makes a state for scripts or for functions.
    pub(crate) fn new(kind: Kind, number: u64, limit: Limit, version: &Version) -> mlua::Result<Machine> {
        let options = LuaOptions::new().catch_rust_panics(true);
        let lua = Lua::new_with(StdLib::TABLE | StdLib::STRING | StdLib::MATH, options)?;
        let shared = Arc::new(Shared::new());
        let sandbox = sandbox::build(&lua, limit, &shared, kind, version)?;
        let note = note_failure(&lua, limit, &shared)?;
        let (runner, globals) = (native::runner(&lua)?, sandbox.globals.clone());
        let stack = Mutex::new(Stack::None);
        let parts = Arc::new(Parts {
            lua,
            shared,
            limit,
            globals,
            number,
            runner,
            used_bytes: AtomicUsize::new(0),
            note,
            stack,
        });
        set_hook(&parts.lua, &parts.shared)?;
        parts.lua.set_app_data(Arc::clone(&parts.shared));
        Ok(Machine { parts, sandbox })
    }

    /// Compiles text. The error is what Lua says.
    pub(crate) fn compile(&self, text: &[u8], name: &str) -> Result<Function, Vec<u8>> {
        self.parts.limit.impose(&self.parts.lua);
        // A space makes of compiled code the text that it isn't.
        let is_compiled = text.first() == Some(&0x1b);
        let spaced = if is_compiled { [b" ", text].concat() } else { Vec::new() };
        let text = if is_compiled { &spaced } else { text };
        let chunk = self.parts.lua.load(text).set_name(name).set_mode(ChunkMode::Text);
        let compiled = chunk.into_function();
        Limit::remove(&self.parts.lua);
        compiled.map_err(|error| match error {
            mlua::Error::SyntaxError { message, .. } => message.into_bytes(),
            mlua::Error::MemoryError(_) => b"not enough memory".to_vec(),
            error => error.to_string().into_bytes(),
        })
    }

    /// Decides which globals are seen.
    pub(crate) fn show(&self, globals: &Table) -> mlua::Result<()> {
        self.sandbox.metatable.raw_set("__index", globals)
    }

    /// Starts a function on a stack of its own. What the job points to is read before the fiber asks for anything.
    pub(crate) fn start(&mut self, code: Code, job: Job) -> std::io::Result<Fiber> {
        let stack = match std::mem::replace(&mut *self.parts.stack(), Stack::Used) {
            Stack::Kept(stack) => stack,
            Stack::None | Stack::Used => native::new_stack()?,
        };
        self.parts.shared.begin();
        let parts = Arc::clone(&self.parts);
        Ok(Fiber::new(stack, move || native::run(&parts.scene(), code.function(), job)))
    }

    /// Tells whether a script runs, or is suspended.
    pub(crate) fn is_running(&self) -> bool {
        matches!(*self.parts.stack(), Stack::Used)
    }
}

impl Parts {
    fn scene(&self) -> Scene<'_> {
        Scene {
            lua: &self.lua,
            shared: &self.shared,
            limit: self.limit,
            globals: &self.globals,
            note: &self.note,
            runner: &self.runner,
            used_bytes: &self.used_bytes,
        }
    }

    fn stack(&self) -> MutexGuard<'_, Stack> {
        self.stack.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes the stack back.
    pub(crate) fn keep_stack(&self, stack: DefaultStack) {
        *self.stack() = Stack::Kept(stack);
    }

    /// Brings the state back to normal after a script that was killed, and collects at once what a large one has left.
    pub(crate) fn tidy(&self) {
        if self.shared.is_killed() {
            self.shared.begin();
            // It fails for lack of memory only, and there is no limit now.
            let _ = set_hook(&self.lua, &self.shared);
        }
        if self.used_bytes.load(Ordering::Relaxed) > self.limit.bytes_max / 2 {
            // Without functions of scripts that are called when something is collected, this fails never.
            let _ = self.lua.gc_collect();
        }
    }

    /// Tells why a run failed: what the last error said, and where it was raised.
    pub(crate) fn failure(&self, failed: Failed) -> Failure {
        let noted = self.shared.take_failure();
        let text = match failed {
            Failed::Noted => b"ERR error in error handling".to_vec(),
            Failed::Memory => b"ERR not enough memory".to_vec(),
            Failed::Text(text) => text,
        };
        noted.unwrap_or(Failure { text, position: None })
    }
}

/// Lets the host decide now and then. The hook of a thread of Lua is set anew each time: a script that was killed is
/// stopped at each instruction, so that whatever catches the error doesn't get far, and a thread that outlives it
/// goes back to normal.
fn set_hook(lua: &Lua, shared: &Arc<Shared>) -> mlua::Result<()> {
    let count = if shared.is_killed() { 1 } else { INSTRUCTIONS_PER_TICK };
    let shared = Arc::clone(shared);
    lua.set_global_hook(HookTriggers::new().every_nth_instruction(count), move |lua, debug| {
        let is_stopped = matches!(shared.ask(Question::Tick), Err(Raise::Stop(_)));
        if is_stopped {
            let source = debug.source().source.map(std::borrow::Cow::into_owned);
            let line = debug.current_line().map(|line| line as i64);
            shared.fail(Failure { text: Vec::new(), position: source.zip(line) });
        }
        set_hook(lua, &shared)?;
        if is_stopped { Err(killed()) } else { Ok(VmState::Continue) }
    })
}

/// Has the hook of the running thread called at once if the script was killed in a function of ours.
pub(crate) fn stop(lua: &Lua) -> mlua::Result<()> {
    match lua.app_data_ref::<Arc<Shared>>() {
        Some(shared) if shared.is_killed() => set_hook(lua, &shared),
        _ => Ok(()),
    }
}

/// Makes the function that notes an error that the script didn't catch, and where it was raised: in the innermost
/// function, or in its caller if that is one of C.
fn note_failure(lua: &Lua, limit: Limit, shared: &Arc<Shared>) -> mlua::Result<Function> {
    let shared = Arc::clone(shared);
    lua.create_function(move |lua, error: Value| {
        let _lifted = limit.lift(lua);
        let text = raised_text(&error, |value| match value {
            Value::String(text) => text.as_bytes().to_vec(),
            value => lua.coerce_string(value.clone()).ok().flatten().map_or_else(
                || value.to_string().unwrap_or_default().into_bytes(),
                |text| text.as_bytes().to_vec(),
            ),
        });
        let position_at = |level| {
            lua.inspect_stack(level, |debug| {
                let source = debug.source();
                let line = debug.current_line().map_or(-1, |line| line as i64);
                (source.what == "C", source.source.map(std::borrow::Cow::into_owned).zip(Some(line)))
            })
        };
        // A script that is killed in a function of ours has two functions of C on top.
        let last = if shared.is_killed() { 3 } else { 2 };
        let position = (1..=last).map(position_at).find(|found| !matches!(found, Some((true, _))));
        let position = position.unwrap_or_else(|| position_at(last));
        shared.fail(Failure { text, position: position.and_then(|(_, position)| position) });
        Ok(())
    })
}
