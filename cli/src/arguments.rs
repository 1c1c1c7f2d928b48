//! The command line: options first, then the command, whose words are never read as options.

use crate::address::{Address, Credentials, Uri};
use crate::format::{Delimiters, OutputFormat, Printer};
use crate::session::{Login, Protocol};
use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{ArgAction, Parser};
use std::ffi::OsString;
use std::fmt;
use std::os::unix::ffi::OsStringExt;
use std::path::PathBuf;
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
    /// Time to wait after each run.
    pub interval: Duration,
    /// Whether the last word of the command is read from standard input.
    pub last_word_from_input: bool,
    /// Whether an error reply ends the program with a failure.
    pub fail_on_error: bool,
    /// Whether to warn that other users can see the password among the arguments.
    pub warn_of_password: bool,
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

/// What arguments depend on besides the words of the command line.
#[derive(Clone, Debug, Default)]
pub struct Surroundings {
    /// Password given by the environment variable `REDISCLI_AUTH`.
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

/// The command line client of SpinelDB, and of every server that speaks the Redis protocol
#[derive(Debug, Parser)]
#[allow(clippy::struct_excessive_bools, reason = "each is one switch of the command line")]
#[command(name = "spinel-cli", version, disable_help_flag = true, disable_version_flag = true)]
#[command(after_help = "Without a command it reads commands from the terminal, or from standard input.")]
#[command(args_override_self = true, override_usage = "spinel-cli [OPTIONS] [COMMAND [WORD]...]")]
struct Options {
    /// Host the server runs on
    #[arg(short = 'h', value_name = "HOST", default_value = "127.0.0.1", allow_hyphen_values = true)]
    host: String,
    /// Port the server listens on
    #[arg(short = 'p', value_name = "PORT", default_value_t = 6379)]
    port: u16,
    /// Unix socket of the server, instead of host and port
    #[arg(short = 's', value_name = "PATH")]
    socket: Option<PathBuf>,
    /// Seconds to wait for a connection; 0 waits as long as the system does
    #[arg(short = 't', value_name = "SECONDS", default_value = "0", value_parser = parse_seconds)]
    timeout: Duration,
    /// Number of the database to select
    #[arg(short = 'n', value_name = "NUMBER", allow_hyphen_values = true)]
    database: Option<i64>,
    /// Password; safer in the environment variable `REDISCLI_AUTH`
    #[arg(short = 'a', long = "pass", value_name = "PASSWORD", allow_hyphen_values = true)]
    password: Option<OsString>,
    /// User the password belongs to; the default user if missing
    #[arg(long, value_name = "NAME", allow_hyphen_values = true)]
    user: Option<OsString>,
    /// Keep silent about passwords on the command line
    #[arg(long)]
    no_auth_warning: bool,
    /// Everything at once: redis://user:password@host:port/database
    #[arg(short = 'u', value_name = "URI")]
    uri: Option<String>,
    /// Speak RESP2
    #[arg(short = '2', conflicts_with = "resp3")]
    resp2: bool,
    /// Speak RESP3
    #[arg(short = '3')]
    resp3: bool,
    /// Run the command so many times; -1 for ever
    #[arg(short = 'r', value_name = "TIMES", default_value_t = 1, allow_hyphen_values = true)]
    repeat: i64,
    /// Seconds to wait after each run, fractions allowed
    #[arg(short = 'i', value_name = "SECONDS", default_value = "0", value_parser = parse_seconds)]
    interval: Duration,
    /// Read the last word of the command from standard input
    #[arg(short = 'x')]
    last_word_from_input: bool,
    /// Write replies as they are, the default when output is no terminal
    #[arg(long, overrides_with_all = ["no_raw", "csv", "json"])]
    raw: bool,
    /// Write replies for people, the default on a terminal
    #[arg(long, overrides_with_all = ["raw", "csv", "json"])]
    no_raw: bool,
    /// Write each reply as comma separated values
    #[arg(long, overrides_with_all = ["raw", "no_raw", "json"])]
    csv: bool,
    /// Write each reply as JSON; speaks RESP3 unless -2 is given
    #[arg(long, overrides_with_all = ["raw", "no_raw", "csv"])]
    json: bool,
    /// What raw output has between the elements of a reply
    #[arg(short = 'd', value_name = "DELIMITER", allow_hyphen_values = true)]
    element_delimiter: Option<OsString>,
    /// What raw output has after each reply
    #[arg(short = 'D', value_name = "DELIMITER", allow_hyphen_values = true)]
    reply_delimiter: Option<OsString>,
    /// Whether to show messages the server sends on its own account; a terminal shows them
    #[arg(long, value_name = "YES_OR_NO", value_parser = parse_yes_or_no)]
    show_pushes: Option<bool>,
    /// Return a failure when a command does
    #[arg(short = 'e')]
    fail_on_error: bool,
    /// Print this help
    #[arg(long, action = ArgAction::Help)]
    help: Option<bool>,
    /// Print the version
    #[arg(long, short = 'v', action = ArgAction::Version)]
    version: Option<bool>,
    /// Command to run, with its arguments
    #[arg(value_name = "COMMAND", trailing_var_arg = true, hide = true)]
    command: Vec<OsString>,
}

fn parse_seconds(text: &str) -> Result<Duration, String> {
    let seconds: f64 = text.parse().map_err(|_| "not a number of seconds".to_owned())?;
    Duration::try_from_secs_f64(seconds).map_err(|error| error.to_string())
}

fn parse_yes_or_no(text: &str) -> Result<bool, String> {
    match text {
        yes if yes.starts_with(['y', 'Y']) => Ok(true),
        no if no.starts_with(['n', 'N']) => Ok(false),
        _ => Err("yes or no".to_owned()),
    }
}

impl Arguments {
    /// Reads the words of the command line, the program's name first.
    pub fn parse(words: &[OsString], surroundings: &Surroundings) -> Result<Self, Refusal> {
        match Options::try_parse_from(words) {
            Ok(options) => options.into_arguments(surroundings),
            // Everybody tries `-h` for help at least once.
            Err(error)
                if error.kind() == ErrorKind::InvalidValue
                    && words.last().is_some_and(|word| word == "-h") =>
            {
                Self::parse(&["spinel-cli".into(), "--help".into()], surroundings)
            }
            Err(error) => Err(refusal(&error)),
        }
    }
}

fn refusal(error: &clap::Error) -> Refusal {
    match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => Refusal::Answer(error.to_string()),
        ErrorKind::ArgumentConflict => {
            Refusal::Mistake("Options -2 and -3 are mutually exclusive.".to_owned())
        }
        ErrorKind::UnknownArgument => {
            let option = match error.get(ContextKind::InvalidArg) {
                Some(ContextValue::String(option)) => option.as_str(),
                _ => "",
            };
            Refusal::Mistake(format!("Unrecognized option or bad number of args for: '{option}'"))
        }
        _ => Refusal::Mistake(error.to_string()),
    }
}

impl Options {
    fn into_arguments(mut self, surroundings: &Surroundings) -> Result<Arguments, Refusal> {
        let warn_of_password = !self.no_auth_warning;
        let uri = match self.uri.take().map(|uri| Uri::parse(&uri)) {
            None => Uri::default(),
            Some(Ok(uri)) => uri,
            Some(Err(error)) => return Err(Refusal::Mistake(error.to_string())),
        };
        let exposed = self.password.is_some() || uri.credentials.is_some();

        Ok(Arguments {
            printer: self.printer(surroundings),
            show_pushes: self.show_pushes.unwrap_or(surroundings.output_is_terminal),
            repeat: u64::try_from(self.repeat).map_or(Repeat::Forever, Repeat::Times),
            interval: self.interval,
            last_word_from_input: self.last_word_from_input,
            fail_on_error: self.fail_on_error,
            warn_of_password: warn_of_password && exposed,
            command: std::mem::take(&mut self.command).into_iter().map(OsString::into_vec).collect(),
            login: self.into_login(uri, surroundings),
        })
    }

    fn printer(&mut self, surroundings: &Surroundings) -> Printer {
        let format = match (self.raw, self.no_raw, self.csv, self.json) {
            (true, ..) => OutputFormat::Raw,
            (_, true, ..) => OutputFormat::Standard,
            (_, _, true, _) => OutputFormat::Csv,
            (.., true) => OutputFormat::Json,
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

    fn into_login(self, uri: Uri, surroundings: &Surroundings) -> Login {
        let resp3 = self.resp3 || (self.json && !self.resp2);
        let password = self.password.or_else(|| surroundings.password.clone());
        let credentials = password.map(|password| Credentials {
            user: self.user.map(OsString::into_vec),
            password: password.into_vec(),
        });
        let address = match self.socket {
            Some(path) => Address::Unix(path),
            None => Address::Tcp { host: uri.host.unwrap_or(self.host), port: uri.port.unwrap_or(self.port) },
        };

        Login {
            address,
            credentials: uri.credentials.or(credentials),
            database: uri.database.or(self.database).unwrap_or(0),
            protocol: if resp3 { Protocol::Resp3 } else { Protocol::Resp2 },
            timeout: (!self.timeout.is_zero()).then_some(self.timeout),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Arguments, Refusal> {
        parse_in(line, &Surroundings::default())
    }

    fn parse_in(line: &str, surroundings: &Surroundings) -> Result<Arguments, Refusal> {
        let words: Vec<OsString> = format!("spinel-cli {line}").split_whitespace().map(Into::into).collect();
        Arguments::parse(&words, surroundings)
    }

    #[track_caller]
    fn mistake(line: &str) -> String {
        match parse(line) {
            Err(Refusal::Mistake(text)) => text,
            other => panic!("{line}: {other:?}"),
        }
    }

    #[test]
    fn nothing_given_means_the_local_server() {
        let arguments = parse("").unwrap();

        assert_eq!(arguments.login.address, Address::Tcp { host: "127.0.0.1".into(), port: 6379 });
        assert_eq!(arguments.login.protocol, Protocol::Resp2);
        assert_eq!(arguments.login.database, 0);
        assert_eq!(arguments.repeat, Repeat::Times(1));
        assert_eq!(arguments.printer.format, OutputFormat::Raw);
        assert!(arguments.command.is_empty());
    }

    #[test]
    fn a_terminal_changes_the_default_format_only() {
        let terminal = Surroundings { output_is_terminal: true, ..Surroundings::default() };
        let format = |line| parse_in(line, &terminal).unwrap().printer.format;

        assert_eq!(format(""), OutputFormat::Standard);
        assert_eq!(format("--raw"), OutputFormat::Raw);
        assert!(parse_in("", &terminal).unwrap().show_pushes);
        assert!(!parse_in("--show-pushes no", &terminal).unwrap().show_pushes);
    }

    #[test]
    fn the_last_format_wins() {
        let format = |line| parse(line).unwrap().printer.format;

        assert_eq!(format("--csv --json --raw"), OutputFormat::Raw);
        assert_eq!(format("--raw --json --csv"), OutputFormat::Csv);
        assert_eq!(format("--csv --no-raw"), OutputFormat::Standard);
        assert_eq!(format("--raw --json"), OutputFormat::Json);
    }

    #[test]
    fn words_after_the_command_are_never_options() {
        let arguments = parse("-n 3 set -p -h --raw -- -2").unwrap();

        assert_eq!(
            arguments.command,
            ["set", "-p", "-h", "--raw", "--", "-2"].map(|word| word.as_bytes().to_vec())
        );
        assert_eq!(arguments.login.database, 3);
        assert_eq!(arguments.login.address, Address::Tcp { host: "127.0.0.1".into(), port: 6379 });
    }

    #[test]
    fn values_may_look_like_options() {
        let arguments = parse("-a -secret -r -1 -i 0.5 ping").unwrap();

        assert_eq!(arguments.login.credentials.unwrap().password, b"-secret");
        assert_eq!(arguments.repeat, Repeat::Forever);
        assert_eq!(arguments.interval, Duration::from_millis(500));
    }

    #[test]
    fn the_password_comes_from_uri_option_or_environment_in_this_order() {
        let environment = Surroundings { password: Some("env".into()), ..Surroundings::default() };
        let password = |line| parse_in(line, &environment).unwrap().login.credentials.unwrap().password;

        assert_eq!(password(""), b"env");
        assert_eq!(password("-a option"), b"option");
        assert_eq!(password("--pass option"), b"option");
        assert_eq!(password("-a option -u redis://uri@h"), b"uri");
        assert!(parse("--user somebody").unwrap().login.credentials.is_none());
    }

    #[test]
    fn only_a_password_among_the_arguments_is_warned_of() {
        let environment = Surroundings { password: Some("env".into()), ..Surroundings::default() };

        assert!(!parse_in("", &environment).unwrap().warn_of_password);
        assert!(parse("-a x").unwrap().warn_of_password);
        assert!(parse("-u redis://x@h").unwrap().warn_of_password);
        assert!(!parse("-u redis://h").unwrap().warn_of_password);
        assert!(!parse("-a x --no-auth-warning").unwrap().warn_of_password);
    }

    #[test]
    fn json_speaks_resp3_unless_told_otherwise() {
        let protocol = |line| parse(line).unwrap().login.protocol;

        assert_eq!(protocol("--json"), Protocol::Resp3);
        assert_eq!(protocol("--json -2"), Protocol::Resp2);
        assert_eq!(protocol("-3"), Protocol::Resp3);
    }

    #[test]
    fn mistakes_are_told_in_the_words_scripts_know() {
        assert_eq!(mistake("--bogus"), "Unrecognized option or bad number of args for: '--bogus'");
        assert_eq!(mistake("-2 -3"), "Options -2 and -3 are mutually exclusive.");
        assert_eq!(mistake("-u http://x"), "Invalid URI scheme");
        assert!(mistake("-p 99999").contains("99999"));
        assert!(mistake("-p").contains("-p"));
    }

    #[test]
    fn help_and_version_are_answers() {
        for line in ["--help", "-h", "-p 1 -h", "--version", "-v"] {
            assert!(matches!(parse(line), Err(Refusal::Answer(_))), "{line}");
        }
    }
}
