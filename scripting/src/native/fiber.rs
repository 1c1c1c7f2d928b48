//! A stack of its own for each script: corosensei switches to it and back, and what runs on it asks from anywhere.
//!
//! Invariants: [`CURRENT`] is null or points to the `Yielder` in the root frame of the fiber that is running on this
//! thread. Only [`Fiber::resume`] and the fiber's first line write it, and `resume` puts back what stood there before.
//! So whoever finds it set runs on that fiber's stack, and the root frame lives below.
#![allow(unsafe_code, reason = "a pointer across stacks, see above")]

use std::cell::Cell;
use std::ptr;

use corosensei::stack::DefaultStack;
use corosensei::{Coroutine, CoroutineResult, Yielder};

use crate::exchange::{Answer, Question};

/// What a fiber's body returns.
pub(crate) type Outcome = Result<(), Failed>;

/// Why a run has not ended with a reply.
pub(crate) enum Failed {
    /// For a reason that was noted when it was raised.
    Noted,
    /// Lua may use no more memory.
    Memory,
    /// With this text for the client.
    Text(Vec<u8>),
}

/// The stack of a script. The deepest that runs on it are the conversions of nested tables, some 2,000 levels, which take
/// up to 3 KiB each in builds without optimisation, and Lua's 200 nested C calls. Only touched pages take memory.
const STACK_BYTES: usize = 16 << 20;

thread_local! {
    static CURRENT: Cell<*const Yielder<Answer, Question>> = const { Cell::new(ptr::null()) };
}

/// Makes a stack for scripts.
pub(crate) fn new_stack() -> std::io::Result<DefaultStack> {
    DefaultStack::new(STACK_BYTES)
}

/// Asks the host from inside of a script; the script waits on its own stack for the answer. Returns `None` where no
/// script runs.
pub(crate) fn ask(question: Question) -> Option<Answer> {
    let current = CURRENT.get();
    if current.is_null() {
        return None;
    }
    // SAFETY: not null, so the yielder lives in the root frame of the stack we are on.
    Some(unsafe { (*current).suspend(question) })
}

/// What a fiber did when it was resumed.
pub(crate) enum Step {
    Asked(Question),
    Ended(Outcome),
}

/// Code on a stack of its own.
pub(crate) struct Fiber {
    coroutine: Coroutine<Answer, Question, Outcome, DefaultStack>,
    /// The fiber's yielder while it is suspended.
    yielder: *const Yielder<Answer, Question>,
}

impl Fiber {
    pub(crate) fn new(stack: DefaultStack, body: impl FnOnce() -> Outcome + 'static) -> Fiber {
        let coroutine = Coroutine::with_stack(stack, move |yielder, _: Answer| {
            CURRENT.set(yielder);
            body()
        });
        Fiber { coroutine, yielder: ptr::null() }
    }

    /// Goes on until the next question or the end.
    pub(crate) fn resume(&mut self, answer: Answer) -> Step {
        let outer = CURRENT.replace(self.yielder);
        let result = self.coroutine.resume(answer);
        self.yielder = CURRENT.replace(outer);
        match result {
            CoroutineResult::Yield(question) => Step::Asked(question),
            CoroutineResult::Return(outcome) => Step::Ended(outcome),
        }
    }

    pub(crate) fn is_done(&self) -> bool {
        self.coroutine.done()
    }

    /// Gives the stack back. The fiber has ended.
    pub(crate) fn into_stack(self) -> DefaultStack {
        self.coroutine.into_stack()
    }
}
