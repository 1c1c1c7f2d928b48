//! The scripts and functions of a server: the interpreter, and what others may know of the one that runs.

use crate::version;
use spinel_scripting::{Interpreter, ScriptCounts, Settings};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

/// What kind of script runs.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Kind {
    /// Of EVAL and its kin.
    Script,
    /// Of FCALL.
    Function,
}

/// The script that runs, as others see it.
#[derive(Clone, Debug)]
pub(crate) struct Current {
    pub(crate) kind: Kind,
    /// The name of the function, or the hash of the script.
    pub(crate) name: Vec<u8>,
    /// The words of the command that runs it.
    pub(crate) words: Vec<Vec<u8>>,
    pub(crate) started: Instant,
}

/// How much there is of scripts and functions.
#[derive(Clone, Copy, Default)]
pub(crate) struct Sums {
    pub(crate) scripts: ScriptCounts,
    /// Bytes that Lua uses for scripts, and for functions.
    pub(crate) script_vm_bytes: usize,
    pub(crate) function_vm_bytes: usize,
    pub(crate) libraries: usize,
    pub(crate) functions: usize,
    /// Bytes of the texts of libraries.
    pub(crate) library_bytes: usize,
}

/// Scripts and functions.
pub(crate) struct Scripts {
    interpreter: Mutex<Interpreter>,
    current: Mutex<Option<Current>>,
    /// Whether the running script has called a command that writes.
    has_written: AtomicBool,
    is_to_end: AtomicBool,
    /// As they were when somebody could look last.
    sums: Mutex<Sums>,
}

impl Scripts {
    pub(crate) fn new() -> Scripts {
        let settings = Settings {
            version: version::REDIS,
            version_number: version::REDIS_NUMBER,
            ..Settings::default()
        };
        Scripts {
            interpreter: Mutex::new(Interpreter::new(settings)),
            current: Mutex::default(),
            has_written: AtomicBool::new(false),
            is_to_end: AtomicBool::new(false),
            sums: Mutex::default(),
        }
    }

    /// The interpreter. While a script runs on another thread, this waits for it or for its suspension.
    pub(crate) fn interpreter(&self) -> MutexGuard<'_, Interpreter> {
        self.interpreter.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How much there is. While a script runs, which may be the one that asks, it is what there was before.
    pub(crate) fn sums(&self) -> Sums {
        let mut sums = self.sums.lock().unwrap_or_else(PoisonError::into_inner);
        let Ok(interpreter) = self.interpreter.try_lock() else { return *sums };
        if interpreter.is_busy() {
            return *sums;
        }
        let (script_vm_bytes, function_vm_bytes) = interpreter.memory_bytes();
        *sums = Sums {
            scripts: interpreter.scripts(),
            script_vm_bytes,
            function_vm_bytes,
            libraries: interpreter.libraries().count(),
            functions: interpreter.libraries().map(|library| library.functions().len()).sum(),
            library_bytes: interpreter.libraries().map(|library| library.code().len()).sum(),
        };
        *sums
    }

    /// The script that runs.
    pub(crate) fn current(&self) -> Option<Current> {
        self.lock_current().clone()
    }

    /// A script begins.
    pub(crate) fn begin(&self, current: Current) {
        self.has_written.store(false, Ordering::Relaxed);
        self.is_to_end.store(false, Ordering::Relaxed);
        *self.lock_current() = Some(current);
    }

    /// The script has ended.
    pub(crate) fn end(&self) {
        *self.lock_current() = None;
    }

    /// Notes that the running script writes.
    pub(crate) fn note_write(&self) {
        self.has_written.store(true, Ordering::Relaxed);
    }

    /// Whether the running script has written.
    pub(crate) fn has_written(&self) -> bool {
        self.has_written.load(Ordering::Relaxed)
    }

    /// Lets the running script end as soon as it looks.
    pub(crate) fn kill(&self) {
        self.is_to_end.store(true, Ordering::Relaxed);
    }

    /// Whether somebody has killed the running script.
    pub(crate) fn is_to_end(&self) -> bool {
        self.is_to_end.load(Ordering::Relaxed)
    }

    fn lock_current(&self) -> MutexGuard<'_, Option<Current>> {
        self.current.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
