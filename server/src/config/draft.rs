//! Settings while they are being collected from files and the command line.

use super::failure::plain;
use super::nearest::nearest;
use super::setting::{Kind, Repeat};
use super::table::{self, Key};
use super::value::{Reason, Value};
use super::{file, setting};
use crate::commands::roster::Roster;
use std::fmt::Display;
use std::fs;
use std::path::{Path, PathBuf};

/// The directive that gives a command another name.
const RENAME: &str = "rename-command";

/// Directives that are accepted and have no effect, with the least number of words after them.
const DIRECTIVES: [(&str, usize); 1] = [("loadmodule", 1)];

/// The directives that declare a user and a role.
pub(super) const USER: &str = "user";
pub(super) const ROLE: &str = "role";

/// Settings of former releases that mean nothing any more and are passed over.
const FORMER: [&str; 5] = [
    "list-max-ziplist-entries",
    "list-max-ziplist-value",
    "lua-replicate-commands",
    "io-threads-do-reads",
    "gopher-enabled",
];

/// A directive that is no setting: its words.
pub(crate) type Directive = Vec<Vec<u8>>;

/// What has been said so far.
pub struct Draft {
    pub(super) values: Vec<Value>,
    pub(super) defaults: Vec<Value>,
    pub(super) directives: Vec<Directive>,
    pub(super) users: Vec<Directive>,
    pub(super) roles: Vec<Directive>,
    pub(super) roster: Roster,
    pub(super) file: Option<PathBuf>,
    /// By key, whether somebody said something about it.
    is_set: Vec<bool>,
    /// Where relative folders start.
    start: PathBuf,
}

impl Draft {
    /// Nothing but defaults. Relative paths in `dir` start at the folder `start`.
    pub(super) fn new(start: &Path) -> Draft {
        let mut values: Vec<Value> = table::all().map(|key| key.setting().default_value()).collect();
        values[table::DIR.index()] = Value::Text(file::bytes_of(start).to_vec());
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        values[table::IO_THREADS.index()] = Value::Number(cores.min(128) as i64);
        let is_set = vec![false; values.len()];
        Draft {
            defaults: values.clone(),
            values,
            directives: Vec::new(),
            users: Vec::new(),
            roles: Vec::new(),
            roster: Roster::new(),
            file: None,
            is_set,
            start: start.to_owned(),
        }
    }

    /// Obeys one directive, its name first.
    pub(super) fn obey(&mut self, words: &[Vec<u8>]) -> Result<(), Reason> {
        let (name, rest) = words.split_first().expect("empty lines are passed over");
        let rest: Vec<&[u8]> = rest.iter().map(Vec::as_slice).collect();
        let lower = String::from_utf8_lossy(name).to_ascii_lowercase();
        if let Some(key) = Key::by_name(name) {
            return self.set(key, &rest);
        }
        if lower == RENAME {
            return match rest[..] {
                [from, to] => self.roster.rename(from, to),
                _ => Err("wrong number of arguments".into()),
            };
        }
        if lower == USER {
            return declare("user", &words[1..], &mut self.users);
        }
        if lower == ROLE {
            return declare("role", &words[1..], &mut self.roles);
        }
        if let Some((_, words_min)) = DIRECTIVES.iter().find(|(known, _)| *known == lower) {
            if rest.len() < *words_min {
                return Err("wrong number of arguments".into());
            }
            self.directives.push(words.to_vec());
            return Ok(());
        }
        if FORMER.contains(&&*lower) {
            return Ok(());
        }
        Err(unknown(&lower))
    }

    fn set(&mut self, key: Key, words: &[&[u8]]) -> Result<(), Reason> {
        let setting = key.setting();
        let before = if is_fresh(setting, self.is_set[key.index()]) {
            Value::Text(Vec::new())
        } else {
            self.values[key.index()].clone()
        };
        let mut value = setting.read(words, &before)?;
        if key == table::DIR {
            let Value::Text(text) = &value else { unreachable!("a folder is a text") };
            value = folder(&self.start, text)?;
        }
        self.values[key.index()] = value;
        self.is_set[key.index()] = true;
        Ok(())
    }

    /// Takes the password of the default user from the file that `requirepass-file` names; a line end after it is no part
    /// of it. The error is a message for who starts the server.
    pub(crate) fn take_password(&mut self) -> Result<(), String> {
        let Value::Text(name) = &self.values[table::REQUIREPASS_FILE.index()] else {
            unreachable!("a path is a text")
        };
        if name.is_empty() {
            return Ok(());
        }
        let path = self.start.join(file::path_of(name));
        let failed =
            |reason: &dyn Display| format!("The password in {} can't be used: {reason}", path.display());
        let text = fs::read(&path).map_err(|error| failed(&plain(&error)))?;
        let password = text.strip_suffix(b"\n").unwrap_or(&text);
        let password = password.strip_suffix(b"\r").unwrap_or(password);
        if password.is_empty() {
            return Err(failed(&"it is empty, which would let everybody in"));
        }
        self.values[table::REQUIREPASS.index()] = Value::Text(password.to_vec());
        Ok(())
    }

    /// The settings somebody asked for that have no effect in this server.
    pub(crate) fn idle(&self) -> impl Iterator<Item = &'static str> {
        let is_idle = |key: &Key| self.is_set[key.index()] && key.setting().effect == setting::Effect::None;
        table::all().filter(is_idle).map(|key| key.setting().name)
    }
}

/// Adds a user or a role: a name and rules, which are obeyed later.
fn declare(kind: &str, words: &[Vec<u8>], declared: &mut Vec<Directive>) -> Result<(), Reason> {
    let Some(name) = words.first() else { return Err("wrong number of arguments".into()) };
    if declared.iter().any(|other| other[0] == *name) {
        let name = String::from_utf8_lossy(name);
        return Err(format!(
            "Error in {kind} declaration '{name}': Duplicate {kind} found. A {kind} can only be defined once in config files"
        )
        .into());
    }
    declared.push(words.to_vec());
    Ok(())
}

/// The absolute path of a folder that must exist, as a value of `dir`.
pub(super) fn folder(start: &Path, text: &[u8]) -> Result<Value, Reason> {
    let folder = start.join(file::path_of(text)).canonicalize().map_err(|error| plain(&error))?;
    if !folder.is_dir() {
        return Err("Not a directory".into());
    }
    Ok(Value::Text(file::bytes_of(&folder).to_vec()))
}

/// Whether a list that adds up starts from nothing rather than from its default.
fn is_fresh(setting: &setting::Setting, was_set: bool) -> bool {
    !was_set && matches!(setting.kind, Kind::List { repeat: Repeat::Append, .. })
}

fn unknown(name: &str) -> Reason {
    let settings = table::all().flat_map(|key| key.setting().names());
    let names =
        settings.chain(DIRECTIVES.iter().map(|(name, _)| *name)).chain(["include", RENAME, USER, ROLE]);
    match nearest(name, names) {
        Some(nearest) => {
            format!("Bad directive or wrong number of arguments; did you mean '{nearest}'?").into()
        }
        None => "Bad directive or wrong number of arguments".into(),
    }
}
