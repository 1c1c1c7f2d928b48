//! What the server says about its own commands: the source of help, hints and completion.
//!
//! Nothing about commands is known here beforehand, so that a server with other commands is described as it is.

mod argument;
mod completion;
mod help;
mod hint;
mod nearest;

pub use argument::Argument;
pub use completion::completions;
pub use help::{Style, write_help};
pub use hint::hint;

use crate::format::text;
use spinel_resp::value::Value;

/// The commands of a server, sorted by name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Documentation {
    commands: Vec<CommandDocumentation>,
}

/// One command or subcommand.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CommandDocumentation {
    /// Name in capitals, a subcommand's after its command's: `CLIENT LIST`.
    pub name: String,
    /// One sentence.
    pub summary: String,
    /// The release that brought it.
    pub since: String,
    /// The family it belongs to.
    pub group: String,
    /// What follows the name.
    pub arguments: Vec<Argument>,
}

impl Documentation {
    /// Reads the reply to `COMMAND DOCS`; nothing if it isn't one.
    pub fn from_docs(reply: &Value) -> Option<Self> {
        let mut commands = Vec::new();
        for (name, properties) in pairs(reply)? {
            collect(&word(name), properties, &mut commands);
        }
        Some(Self::sorted(commands))
    }

    /// Reads the reply to `COMMAND`, which has the names only: what servers before `COMMAND DOCS` can tell.
    pub fn from_names(reply: &Value) -> Option<Self> {
        let Value::Array(rows) = reply else { return None };
        let names = rows.iter().filter_map(|row| match row {
            Value::Array(fields) => fields.first().map(|name| word(name).to_ascii_uppercase()),
            _ => None,
        });
        Some(Self::sorted(names.map(|name| CommandDocumentation { name, ..Default::default() }).collect()))
    }

    fn sorted(mut commands: Vec<CommandDocumentation>) -> Self {
        commands.sort_by(|left, right| left.name.cmp(&right.name));
        Self { commands }
    }

    /// All commands and subcommands in the order of their names.
    pub fn commands(&self) -> &[CommandDocumentation] {
        &self.commands
    }

    /// The name of the command that somebody meant who wrote `word`, if one is close to it.
    pub fn nearest(&self, word: &str) -> Option<&str> {
        nearest::nearest(word, self.commands().iter().map(|command| command.name.as_str()))
    }

    /// The groups the commands belong to, in order and each once.
    pub fn groups(&self) -> Vec<&str> {
        let mut groups: Vec<&str> = self.commands.iter().map(|command| command.group.as_str()).collect();
        groups.sort_unstable();
        groups.dedup();
        groups.retain(|group| !group.is_empty());
        groups
    }

    /// The command that `words` begin with, subcommands before their commands, and the number of words in its name.
    pub fn find<'own>(&'own self, words: &[&str]) -> Option<(&'own CommandDocumentation, usize)> {
        let longest = words.len().min(2);
        (1..=longest).rev().find_map(|length| {
            let name = words[..length].join(" ").to_ascii_uppercase();
            let index = self.commands.binary_search_by(|command| command.name.cmp(&name)).ok()?;
            Some((&self.commands[index], length))
        })
    }
}

/// Appends the command and, after it, its subcommands, whose names the reply gives as `client|list`.
fn collect(name: &str, properties: &Value, commands: &mut Vec<CommandDocumentation>) {
    let Some(properties) = pairs(properties) else { return };
    let property =
        |wanted: &str| properties.iter().find(|(key, _)| word(key) == wanted).map(|(_, value)| *value);
    let text_of = |wanted: &str| property(wanted).map(word).unwrap_or_default();

    commands.push(CommandDocumentation {
        name: name.replace('|', " ").to_ascii_uppercase(),
        summary: text_of("summary"),
        since: text_of("since"),
        group: text_of("group"),
        arguments: property("arguments").map(Argument::read_all).unwrap_or_default(),
    });
    for (name, properties) in property("subcommands").and_then(pairs).unwrap_or_default() {
        collect(&word(name), properties, commands);
    }
}

/// The entries of a map, which RESP2 sends as an array of keys and values in turn.
fn pairs(value: &Value) -> Option<Vec<(&Value, &Value)>> {
    match value {
        Value::Map(pairs) => Some(pairs.iter().map(|(key, value)| (key, value)).collect()),
        Value::Array(elements) => Some(elements.chunks_exact(2).map(|pair| (&pair[0], &pair[1])).collect()),
        _ => None,
    }
}

fn word(value: &Value) -> String {
    text(value).map(|text| String::from_utf8_lossy(text).into_owned()).unwrap_or_default()
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    fn bulk(text: &str) -> Value {
        Value::Bulk(text.into())
    }

    pub(crate) fn map(entries: Vec<(&str, Value)>) -> Value {
        Value::Map(entries.into_iter().map(|(key, value)| (bulk(key), value)).collect())
    }

    fn argument(name: &str, kind: &str) -> Vec<(&'static str, Value)> {
        vec![("name", bulk(name)), ("type", bulk(kind))]
    }

    fn flagged(mut entries: Vec<(&'static str, Value)>, token: Option<&str>, flags: &[&str]) -> Value {
        if let Some(token) = token {
            entries.push(("token", bulk(token)));
        }
        entries.push(("flags", Value::Set(flags.iter().map(|flag| Value::Simple((*flag).into())).collect())));
        map(entries)
    }

    fn nested(name: &str, kind: &str, flags: &[&str], children: Vec<Value>) -> Value {
        let mut entries = argument(name, kind);
        entries.push(("arguments", Value::Array(children)));
        flagged(entries, None, flags)
    }

    /// A handful of commands whose arguments use everything that `COMMAND DOCS` of Redis 8.0 uses.
    pub(crate) fn sample() -> Documentation {
        let plain = |name: &str, kind: &str| map(argument(name, kind));
        let token = |text: &str| flagged(argument(text, "pure-token"), Some(text), &[]);
        let optional =
            |name: &str, token: Option<&str>, kind: &str| flagged(argument(name, kind), token, &["optional"]);
        let tokened = |name: &str, token: &str| flagged(argument(name, "integer"), Some(token), &[]);

        let set = vec![
            plain("key", "key"),
            plain("value", "string"),
            nested("condition", "oneof", &["optional"], vec![token("NX"), token("XX")]),
            optional("get", Some("GET"), "pure-token"),
            nested(
                "expiration",
                "oneof",
                &["optional"],
                vec![tokened("seconds", "EX"), tokened("milliseconds", "PX"), token("KEEPTTL")],
            ),
        ];
        let mget = vec![flagged(argument("key", "key"), None, &["multiple"])];
        let mset =
            vec![nested("data", "block", &["multiple"], vec![plain("key", "key"), plain("value", "string")])];
        let sort = vec![
            plain("key", "key"),
            flagged(argument("pattern", "pattern"), Some("GET"), &["optional", "multiple", "multiple_token"]),
        ];
        let list = vec![flagged(argument("client-id", "integer"), Some("ID"), &["optional", "multiple"])];
        let client = map(vec![
            ("summary", bulk("A container for client connection commands.")),
            ("since", bulk("2.4.0")),
            ("group", bulk("connection")),
            ("subcommands", map(vec![("client|list", described("connection", list))])),
        ]);

        let reply = map(vec![
            ("set", described("string", set)),
            ("mget", described("string", mget)),
            ("mset", described("string", mset)),
            ("sort", described("generic", sort)),
            ("client", client),
        ]);
        Documentation::from_docs(&reply).unwrap()
    }

    fn described(group: &str, arguments: Vec<Value>) -> Value {
        map(vec![
            ("summary", bulk("Does it.")),
            ("since", bulk("1.0.0")),
            ("group", bulk(group)),
            ("arguments", Value::Array(arguments)),
        ])
    }

    #[test]
    fn commands_and_subcommands_are_found_by_their_words() {
        let documentation = sample();
        let names: Vec<_> = documentation.commands().iter().map(|command| command.name.as_str()).collect();

        assert_eq!(names, ["CLIENT", "CLIENT LIST", "MGET", "MSET", "SET", "SORT"]);
        assert_eq!(documentation.find(&["client", "list", "x"]).unwrap().0.name, "CLIENT LIST");
        assert_eq!(documentation.find(&["client", "nosuch"]).unwrap().0.name, "CLIENT");
        assert_eq!(documentation.find(&["nosuch"]), None);
        assert_eq!(documentation.find(&[]), None);
        assert_eq!(documentation.groups(), ["connection", "generic", "string"]);
    }

    #[test]
    fn flat_maps_say_the_same() {
        let flat = Value::Array(vec![
            bulk("ping"),
            Value::Array(vec![bulk("summary"), bulk("Returns."), bulk("group"), bulk("connection")]),
        ]);
        let documentation = Documentation::from_docs(&flat).unwrap();

        assert_eq!(documentation.commands()[0].name, "PING");
        assert_eq!(documentation.commands()[0].summary, "Returns.");
    }

    #[test]
    fn names_alone_suffice_for_completion() {
        let row = |name| Value::Array(vec![bulk(name), Value::Integer(2)]);
        let documentation = Documentation::from_names(&Value::Array(vec![row("get"), row("del")])).unwrap();

        let names: Vec<_> = documentation.commands().iter().map(|command| command.name.as_str()).collect();
        assert_eq!(names, ["DEL", "GET"]);
        assert_eq!(Documentation::from_names(&Value::Error(b"ERR".to_vec())), None);
        assert_eq!(Documentation::from_docs(&Value::Error(b"ERR".to_vec())), None);
    }
}
