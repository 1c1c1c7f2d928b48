//! Transcripts: commands and the replies a real server gave, as text that is read and edited by people.
//!
//! `tests/transcripts/README.md` describes the format. A file is kept line by line, so that rewriting the replies
//! leaves comments, blank lines and the wording of commands as their author typed them.
//!
//! - [`words`]: the quoting of words and counted strings.
//! - [`expectation`]: expected replies, how they are written, what they accept.
//!
//! Must not know: sockets, servers.

mod expectation;
mod words;

pub(crate) use expectation::{Expectation, Observed};
pub(crate) use words::{quote_word, split_words};

use crate::Outcome;

/// How far a reply stands to the right of its command, and an element of the aggregate it belongs to.
const INDENT: usize = 2;
/// What ends the title of a section that speaks RESP3.
const RESP3_MARK: &str = "[resp3]";
/// What starts the line that holds the settings a server must be started with.
const SETTINGS_MARK: &str = "# settings: ";

/// A parsed transcript file.
pub(crate) struct Transcript {
    /// Where the expected replies come from.
    pub(crate) source: Source,
    /// The words that follow the command line of a server that answers like this.
    pub(crate) settings: Vec<String>,
    /// The lines after the first, in order.
    pub(crate) items: Vec<Item>,
}

/// Where the expected replies of a file come from; its first line says so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Source {
    /// `# recorded from PRODUCT [VERSION]`: the product's name, in lower case.
    Recorded(String),
    /// `# written from …`: the documentation followed, for what no reference server has.
    Written(String),
}

/// What a line, or a command with the lines of its reply, is.
pub(crate) enum Item {
    /// A comment or a blank line, kept as it is.
    Plain(String),
    /// The start of a section: a new connection on an empty keyspace.
    Section(Section),
    /// A command and its reply.
    Step(Step),
}

/// The title line of a section.
pub(crate) struct Section {
    /// The whole line.
    pub(crate) line: String,
    /// Which protocol its connection speaks, 2 or 3.
    pub(crate) protocol: u8,
}

/// One command and what it should be answered with, or a message that should come without one.
pub(crate) struct Step {
    /// The command as typed.
    pub(crate) line: String,
    /// The connection it is for; the section's own has an empty name.
    pub(crate) connection: String,
    /// Its words; none if it only receives.
    pub(crate) words: Vec<Vec<u8>>,
    /// The number of the command's line in the file, from 1.
    pub(crate) line_number: usize,
    /// The reply the file holds; `None` for a command that was never recorded.
    pub(crate) expected: Option<Expectation>,
}

impl Transcript {
    /// Parses the text of a file.
    ///
    /// # Errors
    /// With the number of the line that can't be understood.
    pub(crate) fn parse(text: &str) -> Outcome<Self> {
        let mut lines = text.lines().enumerate().map(|(index, line)| (index + 1, line)).peekable();
        let source = lines.next().map(|(_, line)| line).and_then(Source::parse);
        let source = source.ok_or("line 1: must say `# recorded from …` or `# written from …`")?;
        let settings =
            lines.peek().and_then(|(_, line)| line.strip_prefix(SETTINGS_MARK)).unwrap_or_default();
        let settings = settings.split_whitespace().map(str::to_owned).collect();
        let mut items = Vec::new();
        let mut in_section = false;
        while let Some((number, line)) = lines.next() {
            if let Some(section) = Section::parse(line) {
                in_section = true;
                items.push(Item::Section(section));
            } else if line.is_empty() || line.starts_with('#') {
                items.push(Item::Plain(line.to_owned()));
            } else if line.starts_with(' ') {
                return Err(format!("line {number}: a reply without a command").into());
            } else if !in_section {
                return Err(format!("line {number}: a command before the first section").into());
            } else {
                let mut reply = Vec::new();
                while let Some((_, line)) = lines.next_if(|(_, line)| line.starts_with(' ')) {
                    reply.push(line);
                }
                items.push(Item::Step(Step::parse(number, line, &reply)?));
            }
        }
        Ok(Self { source, settings, items })
    }

    /// Returns the text of the file, with `source_line` as its first line.
    pub(crate) fn print(&self, source_line: &str) -> String {
        let mut text = format!("{source_line}\n");
        for item in &self.items {
            match item {
                Item::Plain(line) | Item::Section(Section { line, .. }) => {
                    text.extend([
                        line, "
",
                    ]);
                }
                Item::Step(step) => {
                    text.extend([
                        &step.line, "
",
                    ]);
                    if let Some(expected) = &step.expected {
                        text.push_str(&expected.print());
                    }
                }
            }
        }
        text
    }
}

impl Source {
    fn parse(line: &str) -> Option<Self> {
        if let Some(rest) = line.strip_prefix("# recorded from ") {
            return Some(Self::Recorded(rest.split(' ').next()?.to_lowercase()));
        }
        line.strip_prefix("# written from ").map(|rest| Self::Written(rest.to_owned()))
    }
}

impl Section {
    fn parse(line: &str) -> Option<Self> {
        let title = line.strip_prefix("## ")?;
        let protocol = if title.trim_end().ends_with(RESP3_MARK) { 3 } else { 2 };
        Some(Self { line: line.to_owned(), protocol })
    }
}

impl Step {
    fn parse(line_number: usize, line: &str, reply: &[&str]) -> Outcome<Self> {
        let place = |what: &dyn std::fmt::Display| format!("line {line_number}: {what}");
        let (connection, command) = split_connection(line);
        let words = split_words(command).ok_or_else(|| place(&"unbalanced quotes"))?;
        let expected = match reply {
            [] => None,
            lines => Some(Expectation::parse(lines).map_err(|what| place(&format!("in its reply: {what}")))?),
        };
        let (line, connection) = (line.to_owned(), connection.to_owned());
        Ok(Self { line, connection, words, line_number, expected })
    }
}

/// Splits `name> command`, or `name<` for a message that is only received, into name and command.
fn split_connection(line: &str) -> (&str, &str) {
    let is_name = |name: &str| name.bytes().all(|byte| byte.is_ascii_lowercase());
    match line.strip_suffix('<') {
        Some(name) if is_name(name) => (name, ""),
        _ => line.split_once("> ").filter(|(name, _)| is_name(name)).unwrap_or(("", line)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = "\
# recorded from Redis 8.0.6

# A comment.
## strings
SET k \"a b\\x00\" EX 10
  +OK
GET k
  $ \"a b\\x00\"
MGET k none
  *2
    $ \"a b\\x00\"
    $-1

## maps [resp3]
TTL k
  :<integer 9..10>
HELLO
  %1
    $ \"id\"
    :<integer>
LCS a b
";

    #[test]
    fn a_file_survives_reading_and_printing() {
        let transcript = Transcript::parse(FILE).unwrap();
        assert_eq!(transcript.source, Source::Recorded("redis".to_owned()));
        assert_eq!(transcript.print("# recorded from Redis 8.0.6"), FILE);
    }

    #[test]
    fn settings_stand_on_the_second_line() {
        let text = "# recorded from Redis 8.0.6\n# settings: --maxmemory 100mb\n\n## t\nPING\n";
        let transcript = Transcript::parse(text).unwrap();
        assert_eq!(transcript.settings, ["--maxmemory", "100mb"]);
        assert_eq!(transcript.print("# recorded from Redis 8.0.6"), text);
        assert!(Transcript::parse(FILE).unwrap().settings.is_empty());
    }

    #[test]
    fn a_step_may_name_a_connection() {
        for (line, connection, command) in [
            ("GET k", "", "GET k"),
            ("b> GET k", "b", "GET k"),
            ("b<", "b", ""),
            ("<", "", ""),
            ("GET a> b", "", "GET a> b"),
        ] {
            assert_eq!(split_connection(line), (connection, command), "{line}");
        }
    }

    #[test]
    fn mistakes_name_their_line() {
        for (text, line) in [
            ("SET k v\n", "line 1"),
            ("# recorded from Redis\nGET k\n", "line 2"),
            ("# recorded from Redis\n## t\n\n  +OK\n", "line 4"),
            ("# recorded from Redis\n## t\nGET \"k\n", "line 3"),
            ("# recorded from Redis\n## t\nGET k\n  ?\n", "line 3"),
            ("# recorded from Redis\n## t\nGET k\n  *2\n    :1\n", "line 3"),
        ] {
            let error = Transcript::parse(text).err().map(|error| error.to_string()).unwrap_or_default();
            assert!(error.starts_with(line), "{text:?}: {error}");
        }
    }
}
