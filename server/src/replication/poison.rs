//! Primaries that are not to be followed, whoever says so: `poisoned-primaries`, `FAILOVER POISON`.
//!
//! A name is that of a stream, which a primary tells before it sends anything, or host and port of a server.

use super::Address;
use crate::config::value::Value;
use crate::config::{Config, table};
use crate::server::Shared;
use spinel_replication::ReplicationId;
use spinel_storage::Error;

/// More names are refused.
pub(crate) const NAMES_MAX: usize = 1000;

/// What a poisoned primary is known by.
#[derive(Clone, PartialEq, Eq, Debug)]
enum Name {
    Stream(ReplicationId),
    Server(Address),
}

/// The names that are poisoned, in the order in which they became so.
#[derive(Clone, Default, Debug)]
pub(crate) struct Poisoned(Vec<Name>);

impl Name {
    fn parse(word: &[u8]) -> Option<Name> {
        if let Some(id) = ReplicationId::parse(word) {
            return Some(Name::Stream(id));
        }
        let colon = word.iter().rposition(|&byte| byte == b':')?;
        let host = &word[..colon];
        let is_host = !host.is_empty() && host.iter().all(u8::is_ascii_graphic);
        Address::of(host, &word[colon + 1..]).filter(|_| is_host).map(Name::Server)
    }

    fn is_same(&self, other: &Name) -> bool {
        match (self, other) {
            (Name::Stream(id), Name::Stream(other)) => id == other,
            (Name::Server(address), Name::Server(other)) => address.is_same(other),
            _ => false,
        }
    }

    fn text(&self) -> String {
        match self {
            Name::Stream(id) => id.to_string(),
            Name::Server(address) => address.to_string(),
        }
    }
}

/// What is told who wants a poisoned server to be followed.
pub(crate) fn refusal(address: &Address) -> Error {
    Error::Made(format!("POISONED {address} is not to be followed: see FAILOVER POISON LIST"))
}

/// Whether a word is the name of a stream or of a server.
pub(crate) fn is_name(word: &[u8]) -> bool {
    Name::parse(word).is_some()
}

impl Poisoned {
    /// Those that the settings name.
    pub(crate) fn of(config: &Config) -> Poisoned {
        let text = config.text(table::POISONED_PRIMARIES);
        Poisoned(text.split(|&byte| byte == b' ').filter_map(Name::parse).collect())
    }

    /// The names.
    pub(crate) fn names(&self) -> Vec<String> {
        self.0.iter().map(Name::text).collect()
    }

    /// The streams among them.
    pub(super) fn streams(&self) -> Vec<ReplicationId> {
        let streams = self.0.iter().map(|name| if let Name::Stream(id) = name { Some(*id) } else { None });
        streams.flatten().collect()
    }

    /// Whether a server is among them.
    pub(crate) fn has(&self, address: &Address) -> bool {
        self.0.iter().any(|name| matches!(name, Name::Server(other) if other.is_same(address)))
    }

    /// Whether a stream is among them.
    pub(super) fn has_stream(&self, id: ReplicationId) -> bool {
        self.0.contains(&Name::Stream(id))
    }
}

/// Adds names, or takes them away, and ends the link if it is to one of them. How many were not as they are to be. Words that
/// are no names are passed over. Nothing changes, and none is returned, if there would be more than there may be.
pub(crate) fn change(words: &[&[u8]], is_added: bool, shared: &Shared) -> Option<usize> {
    let config = &shared.config;
    let _changing = config.changing();
    let Poisoned(mut names) = Poisoned::of(config);
    let mut changed = 0;
    for name in words.iter().filter_map(|word| Name::parse(word)) {
        let place = names.iter().position(|other| other.is_same(&name));
        match place {
            None if is_added => names.push(name),
            Some(place) if !is_added => drop(names.remove(place)),
            _ => continue,
        }
        changed += 1;
    }
    if names.len() > NAMES_MAX {
        return None;
    }
    let text = Poisoned(names).names().join(" ");
    config.store(table::POISONED_PRIMARIES, &Value::Text(text.into_bytes()));
    shared.upstream.look();
    Some(changed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_streams_and_of_servers() {
        let id = "0123456789".repeat(4);
        for name in [&id[..], "host:6379", "10.0.0.1:1", "::1:6379"] {
            assert_eq!(Name::parse(name.as_bytes()).unwrap().text(), name);
        }
        for word in ["", "host", "host:", ":1", "host:x", "host:65536", "a b:1", &id[1..]] {
            assert_eq!(Name::parse(word.as_bytes()), None, "{word}");
        }
        let poisoned = Poisoned(vec![Name::parse(b"Host:1").unwrap(), Name::parse(id.as_bytes()).unwrap()]);
        assert!(poisoned.has(&Address::of(b"host", b"1").unwrap()));
        assert!(!poisoned.has(&Address::of(b"host", b"2").unwrap()));
        assert_eq!(poisoned.streams(), [ReplicationId::parse(id.as_bytes()).unwrap()]);
    }
}
