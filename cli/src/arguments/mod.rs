//! The command line: options first, then the command, whose words are never read as options.

mod encryption;
mod manual;
mod options;
mod task;
#[cfg(test)]
mod tests;

pub use task::{KeyFilter, LatencyReport, SnapshotContents, Task};

use crate::address::{Address, Credentials, Family, Uri};
use crate::format::{Delimiters, OutputFormat, Printer};
use crate::session::{Login, Protocol, Redirections};
use options::Options;
use spinel_resp::request::split_line;
use std::ffi::OsString;
use std::fmt;
use std::os::unix::ffi::OsStringExt;
use std::time::Duration;

/// What the command line asks for.
#[derive(Debug)]
#[allow(clippy::struct_excessive_bools, reason = "each is one switch of the command line")]
pub struct Arguments {
    /// How to reach the server and who to be there.
    pub login: Login,
    /// How replies are shown.
    pub printer: Printer,
    /// Whether messages the server sends on its own account are shown.
    pub show_pushes: bool,
    /// How often to run the command.
    pub repeat: Repeat,
    /// Time to wait after each run, or between the steps of a task; zero if not given.
    pub interval: Duration,
    /// What of the command standard input holds.
    pub input: InputUse,
    /// Whether an error reply ends the program with a failure.
    pub fail_on_error: bool,
    /// Whether to warn that other users can see the password among the arguments.
    pub warn_of_password: bool,
    /// Whether a person is to be asked for the password.
    pub ask_password: bool,
    /// Whether a person at the prompt is never asked to think twice.
    pub no_guard: bool,
    /// What to do.
    pub task: Task,
    /// Which keys to look for, in tasks that do.
    pub keys: KeyFilter,
    /// The command; empty when commands come from the terminal or standard input.
    pub command: Vec<Vec<u8>>,
}

/// How often a command runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Repeat {
    /// So many times.
    Times(u64),
    /// Until something fails or the user has enough.
    Forever,
}

/// What of the command standard input holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum InputUse {
    /// Nothing: all words are arguments.
    Nothing,
    /// A last word.
    LastWord,
    /// What to put in place of the words that are this tag.
    Tag(Vec<u8>),
}

/// What arguments depend on besides the words of the command line.
#[derive(Clone, Debug, Default)]
pub struct Surroundings {
    /// Password given by the environment.
    pub password: Option<OsString>,
    /// Whether a person sees the output.
    pub output_is_terminal: bool,
}

/// A command line that does not lead to a session.
#[derive(Debug)]
#[non_exhaustive]
pub enum Refusal {
    /// Help or version was asked for: a text for standard output and no failure.
    Answer(String),
    /// The arguments make no sense: a text for standard error and a failure.
    Mistake(String),
}

impl fmt::Display for Refusal {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (Self::Answer(text) | Self::Mistake(text)) = self;
        formatter.write_str(text.trim_end())
    }
}

impl std::error::Error for Refusal {}

impl Arguments {
    /// Reads the words of the command line, the program's name first.
    pub fn parse(words: &[OsString], surroundings: &Surroundings) -> Result<Self, Refusal> {
        let options = options::read(words)?;
        if let Some(shell) = options.completions {
            return Err(Refusal::Answer(manual::completions(shell)));
        }
        if options.manual {
            return Err(Refusal::Answer(manual::page()));
        }
        options.into_arguments(surroundings)
    }
}

impl Options {
    fn into_arguments(mut self, surroundings: &Surroundings) -> Result<Arguments, Refusal> {
        let uri = match self.uri.take().map(|uri| Uri::parse(&uri)) {
            None => Uri::default(),
            Some(Ok(uri)) => uri,
            Some(Err(error)) => return Err(Refusal::Mistake(error.to_string())),
        };
        let exposed = self.password.is_some() || uri.credentials.is_some();
        let keys = self.tasks.keys()?;

        Ok(Arguments {
            printer: self.printer(surroundings),
            show_pushes: self.show_pushes.unwrap_or(surroundings.output_is_terminal),
            repeat: u64::try_from(self.repeat).map_or(Repeat::Forever, Repeat::Times),
            interval: self.interval,
            input: match self.tag_from_input.take() {
                Some(tag) => InputUse::Tag(tag.into_vec()),
                None if self.last_word_from_input => InputUse::LastWord,
                None => InputUse::Nothing,
            },
            fail_on_error: self.fail_on_error,
            warn_of_password: !self.no_auth_warning && exposed,
            ask_password: self.askpass,
            no_guard: self.no_guard,
            task: self.tasks.task()?,
            keys,
            command: self.take_command()?,
            login: self.into_login(uri, surroundings)?,
        })
    }

    fn take_command(&mut self) -> Result<Vec<Vec<u8>>, Refusal> {
        let words = std::mem::take(&mut self.command).into_iter().map(OsString::into_vec);
        if self.quoted_input { words.map(|word| unquote(&word)).collect() } else { Ok(words.collect()) }
    }

    fn printer(&mut self, surroundings: &Surroundings) -> Printer {
        let format = match (self.raw, self.no_raw, self.csv, self.json, self.quoted_json) {
            (true, ..) => OutputFormat::Raw,
            (_, true, ..) => OutputFormat::Standard,
            (_, _, true, ..) => OutputFormat::Csv,
            (.., true, _) => OutputFormat::Json,
            (.., true) => OutputFormat::QuotedJson,
            _ if self.table => OutputFormat::Table,
            _ if surroundings.output_is_terminal => OutputFormat::Standard,
            _ => OutputFormat::Raw,
        };
        let newline = Delimiters::default();
        let delimiters = Delimiters {
            element: self.element_delimiter.take().map_or(newline.element, OsString::into_vec),
            reply: self.reply_delimiter.take().map_or(newline.reply, OsString::into_vec),
        };
        Printer { format, delimiters }
    }

    fn into_login(self, uri: Uri, surroundings: &Surroundings) -> Result<Login, Refusal> {
        let security = self.encryption.security(uri.encrypted, self.socket.is_some())?;
        let resp3 = self.resp3 || ((self.json || self.quoted_json || self.table) && !self.resp2);
        let user = self.user.map(OsString::into_vec);
        let password = self.password.or_else(|| surroundings.password.clone());
        let credentials =
            password.map(|password| Credentials { user: user.clone(), password: password.into_vec() });
        let address = match self.socket {
            Some(path) => Address::Unix(path),
            None => Address::Tcp { host: uri.host.unwrap_or(self.host), port: uri.port.unwrap_or(self.port) },
        };

        Ok(Login {
            address,
            user,
            credentials: uri.credentials.or(credentials),
            database: uri.database.or(self.database).unwrap_or(0),
            protocol: if resp3 { Protocol::Resp3 } else { Protocol::Resp2 },
            timeout: (!self.timeout.is_zero()).then_some(self.timeout),
            family: match (self.prefer_ipv4, self.prefer_ipv6) {
                (true, _) => Some(Family::Ipv4),
                (_, true) => Some(Family::Ipv6),
                _ => None,
            },
            security,
            redirections: match (self.cluster, self.verbose) {
                (false, _) => Redirections::Ignored,
                (true, false) => Redirections::Followed,
                (true, true) => Redirections::FollowedAndTold,
            },
        })
    }
}

/// Reads one word in quotes, or one that needs none, as the prompt would.
fn unquote(word: &[u8]) -> Result<Vec<u8>, Refusal> {
    match split_line(word) {
        Some(words) if words.len() == 1 => Ok(words.into_iter().next().unwrap_or_default()),
        _ => Err(Refusal::Mistake("Invalid quoted string".to_owned())),
    }
}
