//! Transcripts: commands and the replies a real server gave to them, played against ours.
//!
//! `tests/transcripts/README.md` describes the format. This reader is not the one that records them: a mistake in
//! one of the two shows.

mod expectation;
mod words;

use crate::client::{Client, Received};
use expectation::Expectation;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

/// A file of commands and expected replies.
pub struct Transcript {
    path: PathBuf,
    settings: Vec<String>,
    sections: Vec<Section>,
}

/// Commands that run one after the other, from an empty keyspace on.
pub struct Section {
    /// Its title.
    pub title: String,
    /// Whether its connection speaks RESP3.
    pub is_resp3: bool,
    /// Its commands.
    pub steps: Vec<Step>,
}

/// A command and what should follow it, or a message that should come without a command.
pub struct Step {
    /// The connection it is for; the section's own has an empty name.
    pub connection: String,
    /// The words of the command; none if it only receives.
    pub words: Vec<Vec<u8>>,
    line_number: usize,
    /// The lines of the reply as they are written.
    written: String,
    expected: Expectation,
}

impl Transcript {
    /// Reads a file.
    ///
    /// # Panics
    /// When it is no transcript; with the line.
    pub fn read(path: &Path) -> Transcript {
        let text = fs::read_to_string(path).expect("the file was listed");
        let parsed = Transcript::parse(&text);
        let (settings, sections) = parsed.unwrap_or_else(|error| panic!("{}:{error}", path.display()));
        Transcript { path: path.to_owned(), settings, sections }
    }

    fn parse(text: &str) -> Result<(Vec<String>, Vec<Section>), String> {
        let mut lines = text.lines().enumerate().map(|(index, line)| (index + 1, line)).peekable();
        let source = lines.next().map_or("", |(_, line)| line);
        if !source.starts_with("# recorded from ") && !source.starts_with("# written from ") {
            return Err("1: doesn't say where the replies come from".to_owned());
        }
        let settings = lines.peek().and_then(|(_, line)| line.strip_prefix("# settings: "));
        let settings = settings.unwrap_or_default().split_whitespace().map(str::to_owned).collect();
        let mut sections: Vec<Section> = Vec::new();
        while let Some((number, line)) = lines.next() {
            if let Some(title) = line.strip_prefix("## ") {
                let is_resp3 = title.trim_end().ends_with("[resp3]");
                sections.push(Section { title: title.to_owned(), is_resp3, steps: Vec::new() });
            } else if !line.is_empty() && !line.starts_with('#') {
                let mut reply = Vec::new();
                while let Some((_, line)) = lines.next_if(|(_, line)| line.starts_with(' ')) {
                    reply.push(line);
                }
                let section = sections.last_mut().ok_or(format!("{number}: a command before any section"))?;
                section.steps.push(Step::parse(number, line, &reply)?);
            }
        }
        Ok((settings, sections))
    }

    /// What the server's command line needs besides the defaults.
    pub fn settings(&self) -> &[String] {
        &self.settings
    }

    /// Its sections.
    pub fn sections(&self) -> &[Section] {
        &self.sections
    }

    /// Plays all sections against the server at `port` and returns the differences, as text.
    pub fn play(&self, port: u16) -> String {
        self.sections.iter().map(|section| self.play_section(section, port)).collect()
    }

    fn play_section(&self, section: &Section, port: u16) -> String {
        let connect = || if section.is_resp3 { Client::connect_resp3(port) } else { Client::connect(port) };
        let mut first = connect();
        let emptied = first.text(["FLUSHALL"]);
        assert_eq!(emptied, "OK", "{}: before {:?}", self.path.display(), section.title);
        let mut clients = BTreeMap::from([("", first)]);
        let mut differences = String::new();
        for step in &section.steps {
            let client = clients.entry(&step.connection).or_insert_with(connect);
            if !step.words.is_empty() {
                client.send(&step.words);
            }
            if step.expected == Expectation::NoReply {
                continue;
            }
            let received = client.receive();
            if received == Received::Closed {
                *client = connect();
            }
            differences.push_str(&self.difference(step, &received));
        }
        if section.steps.iter().any(|step| step.words.is_empty()) {
            differences
                .extend(clients.into_iter().map(|(name, client)| self.leftover(section, name, client)));
        }
        differences
    }

    /// Says what has come on a connection that nobody expected; an empty text if nothing has. Then it hears no more, so that the
    /// next section finds nobody who listens: a connection that is dropped is there for a moment.
    fn leftover(&self, section: &Section, name: &str, mut client: Client) -> String {
        const FAREWELL: &str = "the section ends";
        client.send(["PING", FAREWELL]);
        match client.receive() {
            Received::Reply(_, bytes) if bytes.ends_with(format!("{FAREWELL}\r\n").as_bytes()) => {
                client.send(["RESET"]);
                client.receive();
                String::new()
            }
            received => format!(
                "{}: {:?}: at the end, {name:?} received {received:?}\n",
                self.path.display(),
                section.title
            ),
        }
    }

    /// Says how what was received differs from what was expected; an empty text if it doesn't.
    fn difference(&self, step: &Step, received: &Received) -> String {
        match received {
            Received::Reply(_, bytes) => self.difference_of_reply(step, bytes),
            Received::Closed if step.expected == Expectation::Closed => String::new(),
            Received::Closed => self.report(step, "(closed)"),
        }
    }

    /// As for any reply, of one that has come with these bytes.
    pub fn difference_of_reply(&self, step: &Step, bytes: &[u8]) -> String {
        if step.expected.accepts(bytes) {
            return String::new();
        }
        self.report(step, &bytes.escape_ascii().to_string())
    }

    fn report(&self, step: &Step, received: &str) -> String {
        const SHOWN_MAX: usize = 2000;
        let mut report = format!("{}:{}:", self.path.display(), step.line_number);
        for word in &step.words {
            let shown = &word[..word.len().min(SHOWN_MAX)];
            // Writing to a String can't fail.
            let _ = write!(report, " {}", shown.escape_ascii());
        }
        let _ = write!(report, "\n expected\n{}\n received\n", step.written);
        report.extend(["  ", &received[..received.len().min(SHOWN_MAX)], "\n"]);
        report
    }
}

impl Step {
    fn parse(line_number: usize, line: &str, reply: &[&str]) -> Result<Step, String> {
        if line.starts_with(' ') {
            return Err(format!("{line_number}: a reply without a command"));
        }
        let (connection, command) = addressed(line);
        let words = words::split(command).ok_or(format!("{line_number}: unbalanced quotes"))?;
        let expected = Expectation::parse(reply).map_err(|what| format!("{line_number}: {what}"))?;
        let connection = connection.to_owned();
        Ok(Step { connection, words, line_number, written: reply.join("\n"), expected })
    }
}

/// Splits a line into the name of its connection and the command: `b> GET k`, or nothing after `b<`.
fn addressed(line: &str) -> (&str, &str) {
    let is_name = |name: &str| name.bytes().all(|byte| byte.is_ascii_lowercase());
    if let Some(name) = line.strip_suffix('<').filter(|name| is_name(name)) {
        return (name, "");
    }
    line.split_once("> ").filter(|(name, _)| is_name(name)).unwrap_or(("", line))
}

/// Returns the folder of all transcripts.
pub fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("transcripts")
}

/// Returns the names of the groups: the folders in [`folder`], in order.
pub fn groups() -> Vec<String> {
    let mut groups: Vec<String> = entries(&folder())
        .filter(|path| path.is_dir())
        .map(|path| path.file_name().expect("it was listed by its name").to_string_lossy().into_owned())
        .collect();
    groups.sort();
    groups
}

/// Reads all transcripts of a group, in the order of their names.
pub fn of_group(group: &str) -> Vec<Transcript> {
    let mut paths: Vec<PathBuf> = entries(&folder().join(group)).collect();
    paths.sort();
    assert!(!paths.is_empty(), "the group {group} has no transcripts");
    paths.iter().map(|path| Transcript::read(path)).collect()
}

fn entries(folder: &Path) -> impl Iterator<Item = PathBuf> {
    let entries = fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    entries.map(|entry| entry.expect("a folder that is read can be listed").path())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sections_hold_their_commands() {
        let text = "# recorded from Redis 8.0.6\n# settings: --a b\n\n## one\nGET \"k\"\n  $-1\n\n## two [resp3]\n# why\nGET k\n  _\n";
        let (settings, sections) = Transcript::parse(text).unwrap();
        assert_eq!(settings, ["--a", "b"]);
        assert_eq!(sections.iter().map(|section| section.is_resp3).collect::<Vec<_>>(), [false, true]);
        assert_eq!(sections[0].steps[0].words, [b"GET", &b"k"[..]]);
    }

    #[test]
    fn steps_name_their_connection() {
        let text = "# recorded from x\n## t\nb> GET k\n  $-1\nb<\n  +a\n<\n  +b\nGET \"b> a\"\n  $-1\n";
        let (_, sections) = Transcript::parse(text).unwrap();
        let steps: Vec<_> =
            sections[0].steps.iter().map(|step| (&*step.connection, step.words.len())).collect();
        assert_eq!(steps, [("b", 2), ("b", 0), ("", 0), ("", 2)]);
    }

    #[test]
    fn mistakes_name_their_line() {
        for (text, line) in [
            ("GET k", "1:"),
            ("# recorded from x\nGET k\n  +OK", "2:"),
            ("# recorded from x\n## a\nGET k", "3:"),
            ("# recorded from x\n## a\n\n  +OK", "4:"),
            ("# recorded from x\n## a\nGET \"k\n  +OK", "3:"),
        ] {
            let error = Transcript::parse(text).err().unwrap_or_default();
            assert!(error.starts_with(line), "{text:?}: {error}");
        }
    }
}
