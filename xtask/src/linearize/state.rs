//! The keys as one thread would see them, and the simple commands on them.

use std::collections::{BTreeMap, VecDeque};

use crate::resp::Reply;

/// What a server says about a text that is no integer.
const NOT_AN_INTEGER: &str = "ERR value is not an integer or out of range";

/// The name of a key.
pub(crate) type Key = &'static str;

/// The values of all keys of a group.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct State {
    texts: BTreeMap<Key, Vec<u8>>,
    lists: BTreeMap<Key, VecDeque<Vec<u8>>>,
}

/// A command on keys of one type; strings and lists have different keys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Command {
    /// GET
    Get(Key),
    /// SET
    Set(Key, String),
    /// INCR
    Increment(Key),
    /// GETDEL
    Take(Key),
    /// APPEND
    Append(Key, String),
    /// RPUSH
    Push(Key, String),
    /// LPOP
    Pop(Key),
    /// LMOVE from the left to the right
    Move(Key, Key),
    /// LRANGE of everything
    Read(Key),
}

impl Command {
    /// Returns the words to send.
    pub(crate) fn words(&self) -> Vec<String> {
        let words: &[&str] = match self {
            Self::Get(key) => &["GET", key],
            Self::Set(key, value) => &["SET", key, value],
            Self::Increment(key) => &["INCR", key],
            Self::Take(key) => &["GETDEL", key],
            Self::Append(key, value) => &["APPEND", key, value],
            Self::Push(key, value) => &["RPUSH", key, value],
            Self::Pop(key) => &["LPOP", key],
            Self::Move(from, to) => &["LMOVE", from, to, "LEFT", "RIGHT"],
            Self::Read(key) => &["LRANGE", key, "0", "-1"],
        };
        words.iter().map(|word| (*word).to_owned()).collect()
    }
}

impl State {
    /// Does what a command does, and returns what a server replies in RESP2.
    pub(crate) fn run(&mut self, command: &Command) -> Reply {
        match command {
            Command::Get(key) => text_or_null(self.texts.get(key).cloned()),
            Command::Set(key, value) => {
                self.texts.insert(key, value.as_bytes().to_vec());
                Reply::Line { marker: b'+', text: b"OK".to_vec() }
            }
            Command::Increment(key) => self.increment(key),
            Command::Take(key) => text_or_null(self.texts.remove(key)),
            Command::Append(key, value) => {
                let text = self.texts.entry(key).or_default();
                text.extend_from_slice(value.as_bytes());
                integer(text.len() as i64)
            }
            Command::Push(key, value) => {
                let list = self.lists.entry(key).or_default();
                list.push_back(value.as_bytes().to_vec());
                integer(list.len() as i64)
            }
            Command::Pop(key) => text_or_null(self.pop(key)),
            Command::Move(from, to) => {
                let moved = self.pop(from);
                if let Some(element) = &moved {
                    self.lists.entry(to).or_default().push_back(element.clone());
                }
                text_or_null(moved)
            }
            Command::Read(key) => {
                let elements = self.lists.get(key).into_iter().flatten();
                array(elements.map(|element| text(element.clone())).collect())
            }
        }
    }

    /// Takes the first element of a list; an empty one is no longer there.
    pub(crate) fn pop(&mut self, key: Key) -> Option<Vec<u8>> {
        let list = self.lists.get_mut(key)?;
        let element = list.pop_front();
        if list.is_empty() {
            self.lists.remove(key);
        }
        element
    }

    /// Exchanges two texts, or their absence, and returns them as they were.
    pub(crate) fn swap(&mut self, one: Key, other: Key) -> Reply {
        let (first, second) = (self.texts.remove(one), self.texts.remove(other));
        if let Some(value) = second.clone() {
            self.texts.insert(one, value);
        }
        if let Some(value) = first.clone() {
            self.texts.insert(other, value);
        }
        array(vec![text(first.unwrap_or_default()), text(second.unwrap_or_default())])
    }

    fn increment(&mut self, key: Key) -> Reply {
        let value = self.texts.get(key).map_or(b"0".as_slice(), Vec::as_slice);
        let number = std::str::from_utf8(value).ok().filter(|text| !text.starts_with('0') || *text == "0");
        match number.and_then(|text| text.parse::<i64>().ok()) {
            Some(number) if number < i64::MAX => {
                self.texts.insert(key, (number + 1).to_string().into_bytes());
                integer(number + 1)
            }
            _ => Reply::Line { marker: b'-', text: NOT_AN_INTEGER.into() },
        }
    }
}

/// Returns a counted string.
pub(crate) fn text(bytes: Vec<u8>) -> Reply {
    Reply::Blob { marker: b'$', bytes }
}

/// Returns an array.
pub(crate) fn array(items: Vec<Reply>) -> Reply {
    Reply::Aggregate { marker: b'*', items }
}

fn text_or_null(bytes: Option<Vec<u8>>) -> Reply {
    bytes.map_or(Reply::Null { marker: b'$' }, text)
}

fn integer(number: i64) -> Reply {
    Reply::Line { marker: b':', text: number.to_string().into_bytes() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_that_are_emptied_are_gone() {
        let mut state = State::default();
        state.run(&Command::Push("l", "a".to_owned()));
        assert_eq!(state.run(&Command::Move("l", "m")), text(b"a".to_vec()));
        assert_eq!(state.run(&Command::Pop("l")), Reply::Null { marker: b'$' });
        state.run(&Command::Pop("m"));
        assert_eq!(state, State::default());
    }

    #[test]
    fn only_integers_are_counted_up() {
        let mut state = State::default();
        assert_eq!(state.run(&Command::Increment("n")), integer(1));
        state.run(&Command::Set("n", "99999999999999999999".to_owned()));
        assert!(state.run(&Command::Increment("n")).is_error());
    }
}
