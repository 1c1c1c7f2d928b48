//! The scripts and functions of a server: the interpreter, and what others may know of the one that runs.

use crate::version;
use spinel_scripting::{Interpreter, Settings};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
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

/// Scripts and functions.
pub(crate) struct Scripts {
    interpreter: Mutex<Interpreter>,
    current: Mutex<Option<Current>>,
    /// Whether the running script has called a command that writes.
    has_written: AtomicBool,
    is_to_end: AtomicBool,
    /// How many libraries there are, and functions in them.
    libraries: AtomicUsize,
    functions: AtomicUsize,
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
            libraries: AtomicUsize::new(0),
            functions: AtomicUsize::new(0),
        }
    }

    /// The interpreter. While a script runs on another thread, this waits for it or for its suspension.
    pub(crate) fn interpreter(&self) -> MutexGuard<'_, Interpreter> {
        self.interpreter.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts libraries and functions, for those who ask while the interpreter is busy.
    pub(crate) fn count(&self) {
        let interpreter = self.interpreter();
        self.libraries.store(interpreter.libraries().count(), Ordering::Relaxed);
        let functions = interpreter.libraries().map(|library| library.functions().len()).sum();
        self.functions.store(functions, Ordering::Relaxed);
    }

    /// How many libraries and functions there are.
    pub(crate) fn counts(&self) -> (usize, usize) {
        (self.libraries.load(Ordering::Relaxed), self.functions.load(Ordering::Relaxed))
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
