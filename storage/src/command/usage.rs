//! The usage line of a command, parsed into its argument tree.
//!
//! ```text
//! key value condition=[NX|XX] [GET] expiration=[EX seconds|PX milliseconds|KEEPTTL]
//!
//! key                 an argument; `name:type` where the name does not tell the type
//! LIMIT               a word that stands for itself
//! EX seconds          an argument announced by a word
//! [ … ]               may be left out
//! < … | … >           one of several
//! ( … )               a group
//! …...                once or more often; after a bracket, the announcing word is repeated too
//! name=               names the bracket or the word that follows
//! ```
//!
//! Arity is the number of words that can't be left out, the command's name included, negative if more are
//! allowed. Everything else that wants to know arguments (documents, hints, the oracle) walks the tree.

/// What an argument is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// A key.
    Key,
    /// Any text.
    String,
    /// A 64-bit integer.
    Integer,
    /// A floating point number.
    Double,
    /// A glob pattern.
    Pattern,
    /// A time in seconds or milliseconds since the epoch.
    UnixTime,
    /// A word that stands for itself.
    PureToken,
    /// One of the children.
    OneOf,
    /// All of the children.
    Block,
}

impl Kind {
    /// The name in COMMAND DOCS.
    pub const fn name(self) -> &'static str {
        match self {
            Kind::Key => "key",
            Kind::String => "string",
            Kind::Integer => "integer",
            Kind::Double => "double",
            Kind::Pattern => "pattern",
            Kind::UnixTime => "unix-time",
            Kind::PureToken => "pure-token",
            Kind::OneOf => "oneof",
            Kind::Block => "block",
        }
    }

    fn of_annotation(text: &str) -> Option<Kind> {
        let kinds = [Kind::Key, Kind::String, Kind::Integer, Kind::Double, Kind::Pattern, Kind::UnixTime];
        kinds.into_iter().find(|kind| kind.name() == text)
    }

    fn of_name(name: &str) -> Kind {
        match name {
            "key" | "source" | "destination" | "newkey" | "destkey" | "key1" | "key2" => Kind::Key,
            "seconds" | "milliseconds" | "count" | "offset" | "index" | "start" | "end" | "increment"
            | "decrement" | "cursor" | "numkeys" | "integer" | "bit" | "index1" | "index2" => Kind::Integer,
            "unix-time-seconds" | "unix-time-milliseconds" => Kind::UnixTime,
            "pattern" => Kind::Pattern,
            _ => Kind::String,
        }
    }
}

/// One node of the argument tree.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Argument {
    /// Lower case, with hyphens.
    pub name: String,
    /// What it is.
    pub kind: Kind,
    /// The word that announces it or that it is.
    pub token: Option<String>,
    /// May be left out.
    pub is_optional: bool,
    /// May be repeated.
    pub is_multiple: bool,
    /// Its token is repeated with it.
    pub is_multiple_token: bool,
    /// The parts of a block or the choices.
    pub children: Vec<Argument>,
}

/// Why a usage line can't be read.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct UsageError {
    /// Byte offset in the line.
    pub at: usize,
    /// What was expected there.
    pub expected: &'static str,
}

const DEPTH_MAX: usize = 16;

/// Parses a usage line.
pub fn parse(line: &str) -> Result<Vec<Argument>, UsageError> {
    let mut parser = Parser { line, at: 0, depth: 0 };
    let arguments = parser.sequence()?;
    if parser.at < line.len() {
        return Err(parser.error("an argument"));
    }
    Ok(arguments)
}

/// The arity of a command with these arguments after `name_words` words of name.
pub fn arity(arguments: &[Argument], name_words: usize) -> i32 {
    let (words, is_open) = words_of(arguments);
    let words = (words + name_words) as i32;
    if is_open { -words } else { words }
}

fn words_of(arguments: &[Argument]) -> (usize, bool) {
    arguments
        .iter()
        .map(Argument::words)
        .fold((0, false), |(sum, open), (words, is_open)| (sum + words, open | is_open))
}

impl Argument {
    /// The fewest words it takes, and whether it can take more.
    fn words(&self) -> (usize, bool) {
        if self.is_optional { (0, true) } else { self.words_if_there() }
    }

    fn words_if_there(&self) -> (usize, bool) {
        let announced = usize::from(self.token.is_some());
        let (words, is_open) = match self.kind {
            Kind::PureToken => (1, false),
            Kind::Block => {
                let (words, is_open) = words_of(&self.children);
                (words + announced, is_open)
            }
            Kind::OneOf => {
                // One of them must be there, even if none by itself has to.
                let choices = self.children.iter().map(Argument::words_if_there);
                let fewest = choices.clone().map(|(words, _)| words).min().unwrap_or(0);
                (fewest + announced, choices.into_iter().any(|(words, open)| open || words > fewest))
            }
            _ => (1 + announced, false),
        };
        (words, is_open || self.is_multiple)
    }
}

struct Parser<'a> {
    line: &'a str,
    at: usize,
    depth: usize,
}

impl Parser<'_> {
    fn error(&self, expected: &'static str) -> UsageError {
        UsageError { at: self.at, expected }
    }

    fn rest(&self) -> &str {
        &self.line[self.at..]
    }

    fn accept(&mut self, text: &str) -> bool {
        let found = self.rest().starts_with(text);
        self.at += if found { text.len() } else { 0 };
        found
    }

    fn skip_spaces(&mut self) {
        self.at += self.rest().len() - self.rest().trim_start_matches(' ').len();
    }

    /// Arguments up to a closing bracket, a bar or the end.
    fn sequence(&mut self) -> Result<Vec<Argument>, UsageError> {
        let mut arguments: Vec<Argument> = Vec::new();
        loop {
            self.skip_spaces();
            if self.rest().is_empty() || self.rest().starts_with(['|', ']', '>', ')']) {
                return Ok(arguments);
            }
            let argument = self.argument()?;
            let announces =
                arguments.last().is_some_and(|last| last.kind == Kind::PureToken && !last.is_optional);
            if announces && argument.token.is_none() && !argument.is_optional {
                let token = arguments.pop().and_then(|last| last.token);
                arguments.push(Argument { token, ..argument });
            } else {
                arguments.push(argument);
            }
        }
    }

    fn argument(&mut self) -> Result<Argument, UsageError> {
        let label = self.label();
        let mut argument = match self.rest().as_bytes().first() {
            Some(b'[') => Argument { is_optional: true, ..self.bracket("[", "]", label)? },
            Some(b'<') => self.bracket("<", ">", label)?,
            Some(b'(') => self.bracket("(", ")", label)?,
            _ => self.word(label)?,
        };
        if self.accept("...") {
            argument.is_multiple = true;
            argument.is_multiple_token = argument.token.is_some() && argument.kind != Kind::PureToken;
        }
        Ok(argument)
    }

    /// `name=` in front of a bracket or a word.
    fn label(&mut self) -> Option<String> {
        let length = self.rest().find(|c: char| !is_name(c)).filter(|length| *length > 0)?;
        let (name, after) = self.rest().split_at(length);
        if !after.starts_with('=') {
            return None;
        }
        let name = name.to_owned();
        self.at += length + 1;
        Some(name)
    }

    fn word(&mut self, label: Option<String>) -> Result<Argument, UsageError> {
        let length = match self.rest() {
            // A label may end before this one; only as a word is it part of the line's words.
            rest if rest.starts_with('=') => 1,
            rest => rest.find(|c: char| !is_name(c) && c != ':').unwrap_or(rest.len()),
        };
        if length == 0 {
            return Err(self.error("a name"));
        }
        let word = self.rest()[..length].to_owned();
        let (name, annotation) =
            word.split_once(':').map_or((&*word, None), |(name, kind)| (name, Some(kind)));
        let is_token = annotation.is_none() && !name.contains(|c: char| c.is_ascii_lowercase());
        let kind = match annotation {
            Some(text) => Kind::of_annotation(text).ok_or_else(|| self.error("a type after the colon"))?,
            None if is_token => Kind::PureToken,
            None => Kind::of_name(name),
        };
        self.at += length;
        Ok(Argument {
            name: label.unwrap_or_else(|| name.to_ascii_lowercase()),
            kind,
            token: is_token.then(|| name.to_owned()),
            is_optional: false,
            is_multiple: false,
            is_multiple_token: false,
            children: Vec::new(),
        })
    }

    fn bracket(
        &mut self,
        open: &str,
        close: &'static str,
        label: Option<String>,
    ) -> Result<Argument, UsageError> {
        self.accept(open);
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            return Err(self.error("fewer nested brackets"));
        }
        let mut choices = vec![self.sequence()?];
        while self.accept("|") {
            choices.push(self.sequence()?);
        }
        if !self.accept(close) {
            return Err(self.error(close));
        }
        self.depth -= 1;
        if choices.iter().any(Vec::is_empty) {
            return Err(self.error("an argument between the brackets"));
        }
        Ok(Self::group(choices, label))
    }

    /// A single argument is itself; several in a row are a block, alternatives a choice.
    fn group(choices: Vec<Vec<Argument>>, label: Option<String>) -> Argument {
        let is_choice = choices.len() > 1;
        let mut children: Vec<Argument> = choices.into_iter().map(Self::block).collect();
        let mut argument = if is_choice {
            let name = children.first().map(|child| child.name.clone()).unwrap_or_default();
            Argument { name, kind: Kind::OneOf, token: None, children, ..Self::plain() }
        } else {
            children.pop().expect("a bracket has at least one choice")
        };
        if let Some(name) = label {
            argument.name = name;
        }
        argument
    }

    fn block(mut arguments: Vec<Argument>) -> Argument {
        if arguments.len() == 1 {
            return arguments.pop().expect("there is one");
        }
        let name = arguments.first().map(|first| first.name.clone()).unwrap_or_default();
        Argument { name, kind: Kind::Block, children: arguments, ..Self::plain() }
    }

    fn plain() -> Argument {
        Argument {
            name: String::new(),
            kind: Kind::Block,
            token: None,
            is_optional: false,
            is_multiple: false,
            is_multiple_token: false,
            children: Vec::new(),
        }
    }
}

fn is_name(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '*' | '/' | '~' | '$')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arity_of(line: &str) -> i32 {
        arity(&parse(line).unwrap_or_else(|error| panic!("{line}: {error:?}")), 1)
    }

    #[test]
    fn arity_follows_from_the_usage() {
        for (line, expected) in [
            ("", 1),
            ("key", 2),
            ("[message]", -1),
            ("key...", -2),
            ("data=(key value)...", -3),
            ("key value condition=[NX|XX] [GET] expiration=[EX seconds|PX milliseconds|KEEPTTL]", -3),
            ("numkeys key... [LIMIT limit:integer]", -3),
            ("LIMIT offset count", 4),
            ("<LEFT|RIGHT>", 2),
            ("<ID client-id:integer|ALL>", -2),
            ("<old|new=<[ID client-id:integer]|[USER name]>...>", -2),
        ] {
            assert_eq!(arity_of(line), expected, "{line}");
        }
    }

    #[test]
    fn trees_have_names_types_and_tokens() {
        let tree = parse("key expiration=[EX seconds|KEEPTTL] [GET pattern]...").expect("valid");
        assert_eq!((tree[0].kind, &*tree[1].name, tree[1].kind), (Kind::Key, "expiration", Kind::OneOf));
        assert!(tree[1].is_optional);
        let seconds = &tree[1].children[0];
        assert_eq!(
            (&*seconds.name, seconds.kind, seconds.token.as_deref()),
            ("seconds", Kind::Integer, Some("EX"))
        );
        assert_eq!(tree[1].children[1].kind, Kind::PureToken);
        assert!(tree[2].is_multiple && tree[2].is_multiple_token && tree[2].kind == Kind::Pattern);
    }

    #[test]
    fn signs_may_be_words() {
        let tree = parse("operator=[equal==|approximately=~] <auto-id=*|new-id=$|id>").expect("valid");
        let choices = |argument: &Argument| {
            let choice = |choice: &Argument| (choice.name.clone(), choice.token.clone());
            argument.children.iter().map(choice).collect::<Vec<_>>()
        };
        let named = |name: &str, token: &str| (name.to_owned(), Some(token.to_owned()));
        assert_eq!(choices(&tree[0]), [named("equal", "="), named("approximately", "~")]);
        assert_eq!(choices(&tree[1])[..2], [named("auto-id", "*"), named("new-id", "$")]);
    }

    #[test]
    fn broken_lines_are_refused() {
        for line in ["[", "a |", "[]", "<a|>", "key]", "key:no-such-type", "key!"] {
            assert!(parse(line).is_err(), "{line}");
        }
        assert!(parse(&"[".repeat(100_000)).is_err());
    }
}
