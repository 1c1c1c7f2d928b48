//! Function libraries: what a library declares and registers, and how it is found again.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use crate::error::ErrorReply;
use crate::flags::Flags;
use crate::shared::Registration;

mod crc64;
pub(crate) mod payload;

/// What is said of a name that isn't one.
pub(crate) const BAD_NAME: &str = "Library names can only contain letters, numbers, or underscores(_) and must be at least one character long";

/// A function that a library has registered.
#[derive(Debug)]
pub struct Function {
    name: Vec<u8>,
    library: Vec<u8>,
    description: Option<Vec<u8>>,
    flags: Flags,
    pub(crate) callback: mlua::Function,
    /// The number of the machine it belongs to.
    pub(crate) machine: u64,
}

impl Function {
    /// Returns the name, which is unique among all libraries.
    pub fn name(&self) -> &[u8] {
        &self.name
    }

    /// Returns the name of the library.
    pub fn library(&self) -> &[u8] {
        &self.library
    }

    /// Returns what the library says about it.
    pub fn description(&self) -> Option<&[u8]> {
        self.description.as_deref()
    }

    /// Returns the flags given when it was registered.
    pub fn flags(&self) -> Flags {
        self.flags
    }
}

/// A library.
#[derive(Clone, Debug)]
pub struct Library {
    name: Vec<u8>,
    code: Vec<u8>,
    functions: Vec<Arc<Function>>,
}

impl Library {
    /// Returns the name.
    pub fn name(&self) -> &[u8] {
        &self.name
    }

    /// Returns the name of the language.
    pub fn engine(&self) -> &'static str {
        "LUA"
    }

    /// Returns the text it was loaded from.
    pub fn code(&self) -> &[u8] {
        &self.code
    }

    /// Returns the functions, in the order in which they were registered.
    pub fn functions(&self) -> &[Arc<Function>] {
        &self.functions
    }
}

/// Whether a library may take the place of one with its name.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Replace {
    /// It may.
    Yes,
    /// It is refused.
    No,
}

/// What becomes of the libraries that are there when others are restored.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum RestorePolicy {
    /// They go.
    Flush,
    /// They stay, and none may have the name of a restored one.
    Append,
    /// They stay, but for those with the name of a restored one.
    Replace,
}

/// The libraries of an interpreter.
#[derive(Clone, Default)]
pub(crate) struct Functions {
    libraries: BTreeMap<Vec<u8>, Library>,
    by_name: HashMap<Vec<u8>, Arc<Function>>,
}

impl Functions {
    pub(crate) fn find(&self, name: &[u8]) -> Option<Arc<Function>> {
        self.by_name.get(name).cloned()
    }

    pub(crate) fn libraries(&self) -> impl Iterator<Item = &Library> {
        self.libraries.values()
    }

    /// Adds the library with this text; `run` runs it and returns what it registers. Returns its name.
    pub(crate) fn load(
        &mut self,
        text: &[u8],
        replace: Replace,
        machine: u64,
        run: impl FnOnce(&[u8]) -> Result<Vec<Registration>, ErrorReply>,
    ) -> Result<Vec<u8>, ErrorReply> {
        let (name, code) = declaration(text)?;
        if replace == Replace::No && self.libraries.contains_key(&name) {
            let text = [b"ERR Library '", name.as_slice(), b"' already exists"].concat();
            return Err(ErrorReply::from_bytes(text));
        }
        let registered = run(code)?;
        if registered.is_empty() {
            return Err(ErrorReply::new("ERR No functions registered"));
        }
        let is_foreign = |function: &Registration| {
            self.by_name.get(&function.name).is_some_and(|other| other.library != name)
        };
        if let Some(function) = registered.iter().find(|function| is_foreign(function)) {
            let text = [b"ERR Function ", function.name.as_slice(), b" already exists"].concat();
            return Err(ErrorReply::from_bytes(text));
        }
        self.remove(&name);
        self.insert(name.clone(), text.to_vec(), machine, registered);
        Ok(name)
    }

    fn insert(&mut self, library: Vec<u8>, code: Vec<u8>, machine: u64, registered: Vec<Registration>) {
        let mut functions = Vec::with_capacity(registered.len());
        for Registration { name, description, flags, callback } in registered {
            let library = library.clone();
            let function = Arc::new(Function { name, library, description, flags, callback, machine });
            self.by_name.insert(function.name.clone(), Arc::clone(&function));
            functions.push(function);
        }
        self.libraries.insert(library.clone(), Library { name: library, code, functions });
    }

    fn remove(&mut self, name: &[u8]) -> bool {
        let Some(library) = self.libraries.remove(name) else { return false };
        for function in library.functions {
            self.by_name.remove(&function.name);
        }
        true
    }

    pub(crate) fn delete(&mut self, name: &[u8]) -> Result<(), ErrorReply> {
        if self.remove(name) { Ok(()) } else { Err(ErrorReply::new("ERR Library not found")) }
    }
}

/// Tells whether a library or function may be called so.
pub(crate) fn is_name(name: &[u8]) -> bool {
    !name.is_empty() && name.iter().all(|&byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

/// Reads the first line of a library. Returns its name, and its code with the end of that line.
fn declaration(text: &[u8]) -> Result<(Vec<u8>, &[u8]), ErrorReply> {
    let Some(rest) = text.strip_prefix(b"#!") else {
        return Err(ErrorReply::new("ERR Missing library metadata"));
    };
    let Some(end) = rest.iter().position(|&byte| byte == b'\n') else {
        return Err(ErrorReply::new("ERR Invalid library metadata"));
    };
    let mut words = rest[..end].split(u8::is_ascii_whitespace).filter(|word| !word.is_empty());
    let engine = words.next().unwrap_or_default();
    let mut name = None;
    for word in words {
        let is_name = word.get(..5).is_some_and(|start| start.eq_ignore_ascii_case(b"name="));
        if !is_name {
            return Err(ErrorReply::quoting("ERR Invalid metadata value given: ", word));
        }
        if name.replace(word[5..].to_vec()).is_some() {
            return Err(ErrorReply::new(
                "ERR Invalid metadata value, name argument was given multiple times",
            ));
        }
    }
    let Some(name) = name else { return Err(ErrorReply::new("ERR Library name was not given")) };
    if !is_name(&name) {
        return Err(ErrorReply::new(&format!("ERR {BAD_NAME}")));
    }
    if !engine.eq_ignore_ascii_case(b"lua") {
        let text = [b"ERR Engine '", engine, b"' not found"].concat();
        return Err(ErrorReply::from_bytes(text));
    }
    Ok((name, &rest[end..]))
}
