//! Changing settings while the server runs.

use super::Config;
use super::draft::folder;
use super::setting::Change as When;
use super::table::{self, Key};
use super::value::{Reason, Value};

/// A value that is to replace another.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Change {
    pub(crate) key: Key,
    pub(crate) before: Value,
    pub(crate) after: Value,
    /// The name by which the setting was called.
    pub(crate) called: Vec<u8>,
}

/// Why nothing was changed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Refusal {
    /// No setting has this name.
    Unknown(Vec<u8>),
    /// This one, by the name it was called, can't have this value.
    Because(Vec<u8>, Reason),
}

impl Config {
    /// Reads names and values, without changing anything. The settings must all be changeable and known, the names different. If
    /// two names mean one setting, the later one counts.
    pub(crate) fn plan(&self, words: &[&[u8]], allows_protected: bool) -> Result<Vec<Change>, Refusal> {
        let mut keys: Vec<Key> = Vec::new();
        for (place, name) in words.iter().step_by(2).enumerate() {
            let key = Key::by_name(name).ok_or_else(|| Refusal::Unknown(name.to_vec()))?;
            let refuse = |reason: &'static str| Err(Refusal::Because(name.to_vec(), reason.into()));
            match key.setting().change {
                When::AtStart => return refuse("can't set immutable config"),
                When::Protected if !allows_protected => return refuse("can't set protected config"),
                _ if is_said_before(words, place) => {
                    return refuse("duplicate parameter");
                }
                _ => keys.push(key),
            }
        }
        let pairs = keys.into_iter().zip(words.chunks_exact(2));
        pairs.map(|(key, pair)| self.plan_one(key, pair[0], pair[1])).collect()
    }

    fn plan_one(&self, key: Key, name: &[u8], value: &[u8]) -> Result<Change, Refusal> {
        let setting = key.setting();
        let refuse = |reason| Refusal::Because(name.to_vec(), reason);
        let before = self.value(key);
        // A new list replaces the old one, unless its parts have names.
        let base =
            if key == table::CLIENT_OUTPUT_BUFFER_LIMIT { before.clone() } else { Value::Text(Vec::new()) };
        let mut after = setting.read(&[value], &base).map_err(refuse)?;
        if let (true, Value::Text(text)) = (key == table::DIR, &after) {
            let start = self.path(table::DIR).expect("there always is a folder");
            after = folder(&start, text).map_err(refuse)?;
        }
        Ok(Change { key, before, after, called: name.to_vec() })
    }
}

/// Whether the name at a place among the names was said before, in any case.
fn is_said_before(words: &[&[u8]], place: usize) -> bool {
    let mut names = words.iter().step_by(2);
    names
        .clone()
        .nth(place)
        .is_some_and(|name| names.by_ref().take(place).any(|other| other.eq_ignore_ascii_case(name)))
}
