//! The arguments of a command as a tree, and the tree as a usage line.

use super::{pairs, word};
use spinel_resp::value::Value;
use std::fmt::{self, Display, Formatter};

/// One argument, or several that belong together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Argument {
    pub(super) kind: ArgumentKind,
    /// The literal word that announces it, or that it consists of.
    pub(super) token: Option<String>,
    pub(super) optional: bool,
    pub(super) repetition: Repetition,
    /// Whether it was given at least once already, so that only its repetitions remain.
    pub(super) repeated: bool,
}

/// Whether an argument may be given more than once in a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Repetition {
    /// It may not.
    Never,
    /// It may, after one token: `ID 1 2`.
    AfterToken,
    /// It may, each time with its token: `GET a GET b`.
    WithToken,
}

/// What an argument is made of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum ArgumentKind {
    /// Any text, known under a name.
    Text(String),
    /// Nothing but its token.
    Token,
    /// One of these.
    OneOf(Vec<Argument>),
    /// All of these, in order.
    Block(Vec<Argument>),
}

impl Argument {
    /// Reads the argument list of `COMMAND DOCS`.
    pub(super) fn read_all(value: &Value) -> Vec<Self> {
        match value {
            Value::Array(arguments) => arguments.iter().filter_map(Self::read).collect(),
            _ => Vec::new(),
        }
    }

    fn read(value: &Value) -> Option<Self> {
        let properties = pairs(value)?;
        let property =
            |wanted: &str| properties.iter().find(|(key, _)| word(key) == wanted).map(|(_, value)| *value);
        let flags: Vec<String> = match property("flags") {
            Some(Value::Array(flags) | Value::Set(flags)) => flags.iter().map(word).collect(),
            _ => Vec::new(),
        };
        let has = |flag: &str| flags.iter().any(|own| own == flag);
        let children = || property("arguments").map(Self::read_all).unwrap_or_default();

        Some(Self {
            kind: match property("type").map(word)?.as_str() {
                "pure-token" => ArgumentKind::Token,
                "oneof" => ArgumentKind::OneOf(children()),
                "block" => ArgumentKind::Block(children()),
                _ => ArgumentKind::Text(property("display_text").or_else(|| property("name")).map(word)?),
            },
            token: property("token").map(word),
            optional: has("optional"),
            repetition: match (has("multiple"), has("multiple_token")) {
                (false, _) => Repetition::Never,
                (true, false) => Repetition::AfterToken,
                (true, true) => Repetition::WithToken,
            },
            repeated: false,
        })
    }

    /// What one occurrence looks like, without the token.
    fn write_body(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        match &self.kind {
            ArgumentKind::Text(name) => formatter.write_str(name),
            ArgumentKind::Token => formatter.write_str(self.token.as_deref().unwrap_or_default()),
            ArgumentKind::OneOf(choices) => write_joined(choices, "|", formatter),
            ArgumentKind::Block(parts) => write_joined(parts, " ", formatter),
        }
    }

    fn write_token(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        match (&self.token, &self.kind) {
            (None, _) | (_, ArgumentKind::Token) => Ok(()),
            (Some(token), _) => write!(formatter, "{token} "),
        }
    }

    /// The repetitions: ` [key ...]`.
    fn write_repetitions(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        formatter.write_str("[")?;
        if self.repetition == Repetition::WithToken {
            self.write_token(formatter)?;
        }
        self.write_body(formatter)?;
        formatter.write_str(" ...]")
    }
}

impl Display for Argument {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        if self.repeated {
            return self.write_repetitions(formatter);
        }
        if self.optional {
            formatter.write_str("[")?;
        }
        self.write_token(formatter)?;
        self.write_body(formatter)?;
        if self.repetition != Repetition::Never {
            formatter.write_str(" ")?;
            self.write_repetitions(formatter)?;
        }
        if self.optional {
            formatter.write_str("]")?;
        }
        Ok(())
    }
}

/// A list of arguments as it stands in a usage line.
pub(super) fn usage(arguments: &[Argument]) -> String {
    struct Usage<'list>(&'list [Argument]);
    impl Display for Usage<'_> {
        fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
            write_joined(self.0, " ", formatter)
        }
    }
    Usage(arguments).to_string()
}

fn write_joined(arguments: &[Argument], between: &str, formatter: &mut Formatter<'_>) -> fmt::Result {
    for (index, argument) in arguments.iter().enumerate() {
        if index > 0 {
            formatter.write_str(between)?;
        }
        argument.fmt(formatter)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::tests::sample;
    use super::usage;

    #[test]
    fn usage_lines_are_those_of_the_reference() {
        let documentation = sample();
        let check = |name: &str, expected: &str| {
            let words: Vec<_> = name.split(' ').collect();
            assert_eq!(usage(&documentation.find(&words).unwrap().0.arguments), expected, "{name}");
        };

        check("set", "key value [NX|XX] [GET] [EX seconds|PX milliseconds|KEEPTTL]");
        check("mget", "key [key ...]");
        check("mset", "key value [key value ...]");
        check("sort", "key [GET pattern [GET pattern ...]]");
        check("client list", "[ID client-id [client-id ...]]");
        check("client", "");
    }
}
