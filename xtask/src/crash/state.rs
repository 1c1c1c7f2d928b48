//! What a client's keys hold: as its units make it, and as the server shows it.

use std::collections::BTreeMap;

use crate::Outcome;
use crate::resp::{Connection, Reply};

/// How much of a value is shown in messages.
const SHOWN: usize = 24;

/// The keys of a client. All but the last are its own.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum Key {
    Text,
    Left,
    Right,
    Counter,
    List,
    Stream,
    Hash,
    Scores,
    /// A counter that all clients raise, each in transactions with keys of its own.
    Shared,
}

const OWN: [Key; 8] =
    [Key::Text, Key::Left, Key::Right, Key::Counter, Key::List, Key::Stream, Key::Hash, Key::Scores];

/// The keys of a client that exist.
#[derive(Clone, Default)]
pub(crate) struct State {
    keys: BTreeMap<Key, Value>,
    /// How often the client has raised the counter that all share.
    shares: u64,
}

#[derive(Clone, PartialEq, Eq)]
enum Value {
    Text(String),
    List(Vec<String>),
    Fields(BTreeMap<String, String>),
}

impl Key {
    /// Returns what the key is called on the server.
    pub(crate) fn name(self, client: usize) -> String {
        match self {
            Key::Shared => "shared".to_owned(),
            _ => format!("{client}:{self:?}").to_lowercase(),
        }
    }
}

impl State {
    pub(crate) fn set(&mut self, key: Key, text: String) {
        self.keys.insert(key, Value::Text(text));
    }

    pub(crate) fn increment(&mut self, key: Key) {
        if key == Key::Shared {
            self.shares += 1;
            return;
        }
        let count: u64 = match self.keys.get(&key) {
            Some(Value::Text(text)) => text.parse().unwrap_or(0),
            _ => 0,
        };
        self.set(key, (count + 1).to_string());
    }

    /// Returns how often the client has raised the counter that all share.
    pub(crate) fn shares(&self) -> u64 {
        self.shares
    }

    pub(crate) fn push(&mut self, key: Key, item: String) {
        match self.keys.entry(key).or_insert_with(|| Value::List(Vec::new())) {
            Value::List(items) => items.push(item),
            _ => unreachable!("a key has one type"),
        }
    }

    pub(crate) fn put(&mut self, key: Key, field: usize, value: String) {
        match self.keys.entry(key).or_insert_with(|| Value::Fields(BTreeMap::new())) {
            Value::Fields(fields) => fields.insert(field.to_string(), value),
            _ => unreachable!("a key has one type"),
        };
    }

    pub(crate) fn forget(&mut self, key: Key) {
        self.keys.remove(&key);
    }

    /// Asks the server for the keys of `client`.
    ///
    /// # Errors
    /// When a reply is an error, or the connection breaks.
    pub(crate) fn read(connection: &mut Connection, client: usize) -> Outcome<State> {
        let mut state = State::default();
        for key in OWN {
            let name = key.name(client);
            let words = match key {
                Key::List => vec!["LRANGE", &name, "0", "-1"],
                Key::Stream => vec!["XRANGE", &name, "-", "+"],
                Key::Hash => vec!["HGETALL", &name],
                Key::Scores => vec!["ZRANGE", &name, "0", "-1", "WITHSCORES"],
                _ => vec!["GET", &name],
            };
            let reply = connection.expect(&words)?;
            if let Some(value) = value(key, &reply) {
                state.keys.insert(key, value);
            }
        }
        Ok(state)
    }

    /// Returns the keys that hold something else in `other`.
    pub(crate) fn differing(&self, other: &State) -> Vec<Key> {
        OWN.into_iter().filter(|key| self.keys.get(key) != other.keys.get(key)).collect()
    }

    /// Returns these keys with what they hold here and in `other`.
    pub(crate) fn shown(&self, keys: &[Key], other: &State) -> String {
        let line = |key: &Key| {
            let (one, two) = (shown(self.keys.get(key)), shown(other.keys.get(key)));
            format!("    {key:?}: {one}; expected {two}\n")
        };
        keys.iter().map(line).collect()
    }
}

/// Returns what the reply says of a key; nothing if there is no such key.
fn value(key: Key, reply: &Reply) -> Option<Value> {
    let texts = |items: &[Reply]| items.iter().map(Reply::text).collect::<Vec<_>>();
    match key {
        Key::List => Some(Value::List(texts(reply.items()))).filter(|_| !reply.items().is_empty()),
        Key::Stream => {
            // An entry is its id and its fields, of which the value is the second.
            let item = |entry: &Reply| entry.items().get(1)?.items().get(1).map(Reply::text);
            let items: Vec<String> = reply.items().iter().filter_map(item).collect();
            Some(Value::List(items)).filter(|_| !reply.items().is_empty())
        }
        Key::Hash | Key::Scores => {
            let pairs = reply.items().chunks_exact(2).map(|pair| (pair[0].text(), pair[1].text()));
            Some(Value::Fields(pairs.collect())).filter(|_| !reply.items().is_empty())
        }
        _ => reply.bytes().map(|_| Value::Text(reply.text())),
    }
}

/// Returns a value in few words.
fn shown(value: Option<&Value>) -> String {
    let short = |text: &String| text.chars().take(SHOWN).collect::<String>();
    match value {
        None => "nothing".to_owned(),
        Some(Value::Text(text)) => format!("{} ({} bytes)", short(text), text.len()),
        Some(Value::List(items)) => {
            let last: Vec<String> = items.iter().rev().take(3).map(short).collect();
            format!("{} items, the last {}", items.len(), last.join(", "))
        }
        Some(Value::Fields(fields)) => {
            let pairs: Vec<String> =
                fields.iter().map(|(field, value)| format!("{field}={}", short(value))).collect();
            format!("{} fields, {}", fields.len(), pairs.join(" "))
        }
    }
}
