//! The usage of commands as a server describes it in COMMAND DOCS.
//!
//! Must not know: which values arguments take, how calls are made from the tree.

use crate::resp::Reply;

/// One command, or one subcommand of a container.
#[derive(Debug)]
pub(crate) struct Command {
    /// Its name in lower case; `config|get` for a subcommand.
    pub(crate) name: String,
    /// Its group: `string`, `generic`, ….
    pub(crate) group: String,
    /// What follows the name.
    pub(crate) arguments: Vec<Argument>,
}

/// A node of an argument tree.
#[derive(Debug)]
pub(crate) struct Argument {
    /// Its name, such as `seconds`.
    pub(crate) name: String,
    /// What it stands for.
    pub(crate) kind: Kind,
    /// The word in front of it, or, of a pure token, the word itself.
    pub(crate) token: Option<String>,
    /// Whether it may be left out.
    pub(crate) is_optional: bool,
    /// Whether it may be repeated.
    pub(crate) is_multiple: bool,
    /// Whether each repetition has the token in front.
    pub(crate) repeats_token: bool,
}

/// What an argument stands for.
#[derive(Debug)]
pub(crate) enum Kind {
    /// The name of a key.
    Key,
    /// A string.
    Text,
    /// An integer.
    Integer,
    /// A floating-point number.
    Double,
    /// A glob pattern.
    Pattern,
    /// A point in time.
    UnixTime,
    /// Nothing but its token.
    Token,
    /// One of these.
    OneOf(Vec<Argument>),
    /// All of these in turn.
    Block(Vec<Argument>),
}

/// Reads the reply of COMMAND DOCS; containers are replaced by their subcommands.
pub(crate) fn commands(docs: &Reply) -> Vec<Command> {
    docs.items().chunks_exact(2).flat_map(|pair| command(&pair[0].text(), &pair[1])).collect()
}

fn command(name: &str, docs: &Reply) -> Vec<Command> {
    if let Some(subcommands) = docs.field("subcommands") {
        return commands(subcommands);
    }
    let group = docs.field("group").map(Reply::text).unwrap_or_default();
    vec![Command { name: name.to_lowercase(), group, arguments: arguments(docs) }]
}

fn arguments(docs: &Reply) -> Vec<Argument> {
    docs.field("arguments").map(|list| list.items().iter().map(argument).collect()).unwrap_or_default()
}

fn argument(docs: &Reply) -> Argument {
    let text = |name: &str| docs.field(name).map(Reply::text);
    let has_flag = |flag: &str| {
        docs.field("flags").is_some_and(|flags| flags.items().iter().any(|item| item.text() == flag))
    };
    let kind = match text("type").as_deref() {
        Some("key") => Kind::Key,
        Some("integer") => Kind::Integer,
        Some("double") => Kind::Double,
        Some("pattern") => Kind::Pattern,
        Some("unix-time") => Kind::UnixTime,
        Some("pure-token") => Kind::Token,
        Some("oneof") => Kind::OneOf(arguments(docs)),
        Some("block") => Kind::Block(arguments(docs)),
        _ => Kind::Text,
    };
    Argument {
        name: text("name").unwrap_or_default(),
        kind,
        token: text("token"),
        is_optional: has_flag("optional"),
        is_multiple: has_flag("multiple"),
        repeats_token: has_flag("multiple_token"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::resp::decode;

    #[test]
    fn trees_and_subcommands_are_read() {
        let docs = b"%2\r\n$3\r\nGET\r\n%2\r\n$5\r\ngroup\r\n$6\r\nstring\r\n$9\r\narguments\r\n*1\r\n%3\r\n\
            $4\r\nname\r\n$1\r\nk\r\n$4\r\ntype\r\n$3\r\nkey\r\n$5\r\nflags\r\n~1\r\n+multiple\r\n\
            $6\r\nconfig\r\n%1\r\n$11\r\nsubcommands\r\n%1\r\n$10\r\nconfig|get\r\n%0\r\n";
        let commands = commands(&decode(docs).unwrap().unwrap().0);
        assert_eq!(commands.len(), 2);
        assert_eq!((commands[0].name.as_str(), commands[0].group.as_str()), ("get", "string"));
        let key = &commands[0].arguments[0];
        assert!(matches!(key.kind, Kind::Key) && key.is_multiple && !key.is_optional);
        assert_eq!(commands[1].name, "config|get");
    }
}
