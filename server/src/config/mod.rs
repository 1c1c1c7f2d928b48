//! Settings: one table, read from files and the command line, changed and shown at run time.
//!
//! ```text
//! command line ─┐
//! redis.conf ───┼─→ Draft ─→ Config ←→ CONFIG GET, SET, REWRITE
//! TOML ─────────┘
//! ```
//!
//! A row of the table says name, kind, default and when a setting may change (`setting`, `table`). Numbers,
//! flags and choices are atomics, so that whoever runs commands reads them for the price of a load; texts are
//! behind a lock and meant for start-up and rare commands.

pub(crate) mod change;
pub(crate) mod command_line;
pub(crate) mod draft;
pub(crate) mod failure;
mod file;
mod lists;
pub(crate) mod memory;
mod nearest;
pub(crate) mod rewrite;
pub(crate) mod setting;
pub(crate) mod table;
mod toml;
pub(crate) mod value;

use crate::commands::roster::Roster;
use crate::container;
use draft::{Directive, Draft};
pub use failure::ConfigError;
use memory::Amount;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use table::Key;
use value::Value;

/// The settings of a running server.
pub struct Config {
    /// By key; 0 for texts.
    numbers: Box<[AtomicI64]>,
    /// By key; empty for numbers.
    texts: RwLock<Vec<Arc<[u8]>>>,
    /// By key, the values if nobody says anything.
    defaults: Vec<Value>,
    /// What the files and the command line said that has no effect: modules.
    directives: Vec<Directive>,
    /// The users and roles they declared: names and rules.
    users: Vec<Directive>,
    roles: Vec<Directive>,
    /// The commands, some by other names.
    roster: Roster,
    /// The file they came from, as an absolute path.
    file: Option<PathBuf>,
    /// Held while settings change, so that each change sees the one before.
    changing: Mutex<()>,
}

impl Config {
    /// Starts from what files and command line said.
    pub fn new(draft: Draft) -> Config {
        let (mut numbers, mut texts) = (Vec::new(), Vec::<Arc<[u8]>>::new());
        for value in draft.values {
            let (number, text) = match value {
                Value::Number(number) => (number, Vec::new()),
                Value::Text(text) => (0, text),
            };
            numbers.push(AtomicI64::new(number));
            texts.push(text.into());
        }
        Config {
            numbers: numbers.into(),
            texts: RwLock::new(texts),
            defaults: draft.defaults,
            directives: draft.directives,
            users: draft.users,
            roles: draft.roles,
            roster: draft.roster,
            file: draft.file,
            changing: Mutex::new(()),
        }
    }

    /// A number, size or the place of a choice.
    #[inline]
    pub(crate) fn number(&self, key: Key) -> i64 {
        self.numbers[key.index()].load(Ordering::Relaxed)
    }

    /// Whether a flag is set.
    #[inline]
    pub(crate) fn is_on(&self, key: Key) -> bool {
        self.number(key) != 0
    }

    /// Whether a setting with the choices no, yes and local allows what it guards to a client that is on this
    /// machine or not.
    pub(crate) fn allows(&self, guard: Key, is_local: bool) -> bool {
        const NO: i64 = 0;
        const LOCAL: i64 = 2;
        match self.number(guard) {
            NO => false,
            LOCAL => is_local,
            _ => true,
        }
    }

    /// A text. Takes a lock: not for every command.
    pub(crate) fn text(&self, key: Key) -> Arc<[u8]> {
        Arc::clone(&self.texts.read().unwrap_or_else(PoisonError::into_inner)[key.index()])
    }

    /// A text that is a path; none if it is empty.
    pub(crate) fn path(&self, key: Key) -> Option<PathBuf> {
        let text = self.text(key);
        (!text.is_empty()).then(|| file::path_of(&text))
    }

    /// The password of the default user; empty if none is asked for.
    pub(crate) fn requirepass(&self) -> Arc<[u8]> {
        self.text(table::REQUIREPASS)
    }

    /// The value of a setting.
    pub(crate) fn value(&self, key: Key) -> Value {
        match key.setting().default_value() {
            Value::Number(_) => Value::Number(self.number(key)),
            Value::Text(_) => Value::Text(self.text(key).to_vec()),
        }
    }

    /// How much memory may be in use, in bytes; 0: any amount. A share is one of what the process may have.
    pub(crate) fn maxmemory(&self) -> u64 {
        Amount::of(self.number(table::MAXMEMORY)).bytes(container::memory_bytes())
    }

    /// Whether that is a share of something that may change.
    pub(crate) fn has_memory_share(&self) -> bool {
        matches!(Amount::of(self.number(table::MAXMEMORY)), Amount::Percent(_))
    }

    /// The value of a setting as CONFIG GET shows it: of a share how many bytes it is.
    pub(crate) fn show(&self, key: Key) -> Vec<u8> {
        if key == table::MAXMEMORY {
            return self.maxmemory().to_string().into();
        }
        let text = key.setting().show(&self.value(key));
        if key == table::NOTIFY_KEYSPACE_EVENTS { lists::shown_classes(&text).to_vec() } else { text }
    }

    /// Sets a value that was read by the row of `key`.
    pub(crate) fn store(&self, key: Key, value: &Value) {
        match value {
            Value::Number(number) => self.numbers[key.index()].store(*number, Ordering::Relaxed),
            Value::Text(text) => {
                self.texts.write().unwrap_or_else(PoisonError::into_inner)[key.index()] = text[..].into();
            }
        }
    }

    /// Keeps others from changing settings until the guard is dropped.
    pub(crate) fn changing(&self) -> MutexGuard<'_, ()> {
        self.changing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The commands, by the names the files and the command line give them.
    pub(crate) fn roster(&self) -> &Roster {
        &self.roster
    }

    /// The users that the files and the command line declared, each a name and rules.
    pub(crate) fn users(&self) -> &[Directive] {
        &self.users
    }

    /// The roles that they declared, each a name and rules.
    pub(crate) fn roles(&self) -> &[Directive] {
        &self.roles
    }

    /// What the files and the command line said that has no effect.
    pub(crate) fn directives(&self) -> &[Directive] {
        &self.directives
    }

    /// The file the settings came from.
    pub(crate) fn file(&self) -> Option<&Path> {
        self.file.as_deref()
    }
}
