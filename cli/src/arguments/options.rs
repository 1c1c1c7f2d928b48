//! The options as clap reads them: one field each, in the order of the help.

use super::Refusal;
use super::encryption::EncryptionOptions;
use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{ArgAction, Parser};
use clap_complete::Shell;
use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

/// The command line client of SpinelDB, and of every server that speaks the Redis protocol
#[derive(Debug, Parser)]
#[allow(clippy::struct_excessive_bools, reason = "each is one switch of the command line")]
#[command(name = "spinel-cli", version, disable_help_flag = true, disable_version_flag = true)]
#[command(after_help = "Without a command it reads commands from the terminal, or from standard input.")]
#[command(args_override_self = true, override_usage = "spinel-cli [OPTIONS] [COMMAND [WORD]...]")]
pub(super) struct Options {
    /// Host the server runs on
    #[arg(short = 'h', value_name = "HOST", default_value = "127.0.0.1", allow_hyphen_values = true)]
    pub(super) host: String,
    /// Port the server listens on
    #[arg(short = 'p', value_name = "PORT", default_value_t = 6379)]
    pub(super) port: u16,
    /// Unix socket of the server, instead of host and port
    #[arg(short = 's', value_name = "PATH")]
    pub(super) socket: Option<PathBuf>,
    /// Seconds to wait for a connection; 0 waits as long as the system does
    #[arg(short = 't', value_name = "SECONDS", default_value = "0", value_parser = parse_seconds)]
    pub(super) timeout: Duration,
    /// Prefer IPv4 addresses
    #[arg(short = '4', conflicts_with = "prefer_ipv6")]
    pub(super) prefer_ipv4: bool,
    /// Prefer IPv6 addresses
    #[arg(short = '6')]
    pub(super) prefer_ipv6: bool,
    /// Number of the database to select
    #[arg(short = 'n', value_name = "NUMBER", allow_hyphen_values = true)]
    pub(super) database: Option<i64>,
    /// Password; safer in the environment variable `SPINELCLI_AUTH` or `REDISCLI_AUTH`
    #[arg(short = 'a', long = "pass", value_name = "PASSWORD", allow_hyphen_values = true)]
    pub(super) password: Option<OsString>,
    /// Ask for the password, whatever else says it
    #[arg(long)]
    pub(super) askpass: bool,
    /// User the password belongs to; the default user if missing
    #[arg(long, value_name = "NAME", allow_hyphen_values = true)]
    pub(super) user: Option<OsString>,
    /// Keep silent about passwords on the command line
    #[arg(long)]
    pub(super) no_auth_warning: bool,
    /// Everything at once: redis://user:password@host:port/database, or rediss:// for an encrypted connection
    #[arg(short = 'u', value_name = "URI")]
    pub(super) uri: Option<String>,
    /// Follow a cluster's redirections
    #[arg(short = 'c')]
    pub(super) cluster: bool,
    /// Speak RESP2
    #[arg(short = '2', conflicts_with = "resp3")]
    pub(super) resp2: bool,
    /// Speak RESP3
    #[arg(short = '3')]
    pub(super) resp3: bool,
    /// Run the command so many times; -1 for ever
    #[arg(short = 'r', value_name = "TIMES", default_value_t = 1, allow_hyphen_values = true)]
    pub(super) repeat: i64,
    /// Seconds to wait after each run, fractions allowed; after each line of --stat, each hundred steps of a scan
    #[arg(short = 'i', value_name = "SECONDS", default_value = "0", value_parser = parse_seconds)]
    pub(super) interval: Duration,
    /// Read the last word of the command from standard input
    #[arg(short = 'x', conflicts_with = "tag_from_input")]
    pub(super) last_word_from_input: bool,
    /// Read the words that are TAG from standard input
    #[arg(short = 'X', value_name = "TAG", allow_hyphen_values = true)]
    pub(super) tag_from_input: Option<OsString>,
    /// Read the words of the command as quoted strings with escapes
    #[arg(long)]
    pub(super) quoted_input: bool,
    /// Write replies as they are, the default when output is no terminal
    #[arg(long, overrides_with_all = ["no_raw", "csv", "json", "quoted_json", "table"])]
    pub(super) raw: bool,
    /// Write replies for people, the default on a terminal
    #[arg(long, overrides_with_all = ["raw", "csv", "json", "quoted_json", "table"])]
    pub(super) no_raw: bool,
    /// Write each reply as comma separated values
    #[arg(long, overrides_with_all = ["raw", "no_raw", "json", "quoted_json", "table"])]
    pub(super) csv: bool,
    /// Write each reply as JSON; speaks RESP3 unless -2 is given
    #[arg(long, overrides_with_all = ["raw", "no_raw", "csv", "quoted_json", "table"])]
    pub(super) json: bool,
    /// Write each reply as JSON of ASCII letters only
    #[arg(long, overrides_with_all = ["raw", "no_raw", "csv", "json", "table"])]
    pub(super) quoted_json: bool,
    /// Write each reply as a table; speaks RESP3 unless -2 is given
    #[arg(long, overrides_with_all = ["raw", "no_raw", "csv", "json", "quoted_json"])]
    pub(super) table: bool,
    /// What raw output has between the elements of a reply
    #[arg(short = 'd', value_name = "DELIMITER", allow_hyphen_values = true)]
    pub(super) element_delimiter: Option<OsString>,
    /// What raw output has after each reply
    #[arg(short = 'D', value_name = "DELIMITER", allow_hyphen_values = true)]
    pub(super) reply_delimiter: Option<OsString>,
    /// Whether to show messages the server sends on its own account; a terminal shows them
    #[arg(long, value_name = "YES_OR_NO", value_parser = parse_yes_or_no)]
    pub(super) show_pushes: Option<bool>,
    /// Return a failure when a command does
    #[arg(short = 'e')]
    pub(super) fail_on_error: bool,
    /// Don't ask before commands that remove much or take long, at the prompt
    #[arg(long)]
    pub(super) no_guard: bool,
    /// Tell on standard error which redirections are followed
    #[arg(long)]
    pub(super) verbose: bool,
    #[command(flatten)]
    pub(super) encryption: EncryptionOptions,
    #[command(flatten)]
    pub(super) tasks: TaskOptions,
    /// Print a script that makes a shell complete these options
    #[arg(long, value_name = "SHELL")]
    pub(super) completions: Option<Shell>,
    /// Print the page spinel-cli(1) of the manual
    #[arg(long = "man")]
    pub(super) manual: bool,
    /// Print this help
    #[arg(long, action = ArgAction::Help)]
    pub(super) help: Option<bool>,
    /// Print the version
    #[arg(long, short = 'v', action = ArgAction::Version)]
    pub(super) version: Option<bool>,
    /// Command to run, with its arguments
    #[arg(value_name = "COMMAND", trailing_var_arg = true, hide = true)]
    pub(super) command: Vec<OsString>,
}

/// Options that ask for something other than commands.
#[derive(Debug, clap::Args)]
#[allow(clippy::struct_excessive_bools, reason = "each is one switch of the command line")]
#[command(next_help_heading = "Instead of commands")]
pub(super) struct TaskOptions {
    /// List the keys
    #[arg(long)]
    pub(super) scan: bool,
    /// Find the keys with the most elements of each type
    #[arg(long)]
    pub(super) bigkeys: bool,
    /// Find the keys of each type that take the most memory
    #[arg(long)]
    pub(super) memkeys: bool,
    /// As --memkeys, looking at so many elements of each key; 0 looks at all
    #[arg(long, value_name = "ELEMENTS")]
    pub(super) memkeys_samples: Option<u64>,
    /// Find the largest keys, and how sizes are distributed
    #[arg(long)]
    pub(super) keystats: bool,
    /// As --keystats, looking at so many elements of each key
    #[arg(long, value_name = "ELEMENTS")]
    pub(super) keystats_samples: Option<u64>,
    /// How many of the largest keys --keystats lists
    #[arg(long, value_name = "KEYS", default_value_t = 10)]
    pub(super) top: usize,
    /// Where --keystats begins, after it was interrupted
    #[arg(long, value_name = "CURSOR", default_value_t = 0)]
    pub(super) cursor: u64,
    /// Find the keys that are used most; needs an LFU policy as maxmemory-policy
    #[arg(long)]
    pub(super) hotkeys: bool,
    /// Only keys that match, in all that looks for keys
    #[arg(long, value_name = "PATTERN", allow_hyphen_values = true)]
    pub(super) pattern: Option<OsString>,
    /// As --pattern, but a quoted string with escapes
    #[arg(long, value_name = "PATTERN", allow_hyphen_values = true)]
    pub(super) quoted_pattern: Option<OsString>,
    /// Only keys of this type, in all that looks for keys
    #[arg(long = "type", value_name = "TYPE")]
    pub(super) key_type: Option<OsString>,
    /// How many keys to ask for at once, in all that looks for keys [default: 10]
    #[arg(long, value_name = "KEYS")]
    pub(super) count: Option<u64>,
    /// Print a line of statistics each second
    #[arg(long)]
    pub(super) stat: bool,
    /// Measure how long the server takes to answer
    #[arg(long)]
    pub(super) latency: bool,
    /// As --latency, with a line each 15 seconds or -i
    #[arg(long)]
    pub(super) latency_history: bool,
    /// As --latency, as a spectrum of 256 colours
    #[arg(long)]
    pub(super) latency_dist: bool,
    /// Measure for so many seconds how long this machine itself makes a program wait; needs no server
    #[arg(long, value_name = "SECONDS", value_parser = parse_seconds)]
    pub(super) intrinsic_latency: Option<Duration>,
    /// Play a cache with so many keys, of which a fifth gets four fifths of the reads
    #[arg(long, value_name = "KEYS", value_parser = clap::value_parser!(u64).range(1..))]
    pub(super) lru_test: Option<u64>,
    /// Send what standard input holds, commands of the protocol or in lines, and count the replies
    #[arg(long)]
    pub(super) pipe: bool,
    /// Seconds that --pipe waits for replies after all is sent; 0 waits for ever
    #[arg(long, value_name = "SECONDS", default_value = "30", value_parser = parse_seconds)]
    pub(super) pipe_timeout: Duration,
    /// Fetch a snapshot of the server into a file, - for standard output
    #[arg(long, value_name = "FILE")]
    pub(super) rdb: Option<PathBuf>,
    /// As --rdb, with the functions only
    #[arg(long, value_name = "FILE")]
    pub(super) functions_rdb: Option<PathBuf>,
    /// Show the writes that a replica receives
    #[arg(long, alias = "slave")]
    pub(super) replica: bool,
    /// Run a Lua script; words before a comma are its keys, those after it its arguments
    #[arg(long, value_name = "FILE")]
    pub(super) eval: Option<PathBuf>,
    /// Not there: scripts can't be stopped in the middle
    #[arg(long, hide = true)]
    pub(super) ldb: bool,
    /// Not there, as --ldb
    #[arg(long, hide = true)]
    pub(super) ldb_sync_mode: bool,
    /// Not there yet
    #[arg(long = "cluster", hide = true)]
    pub(super) cluster_manager: bool,
}

fn parse_seconds(text: &str) -> Result<Duration, String> {
    let seconds: f64 = text.parse().map_err(|_| "not a number of seconds".to_owned())?;
    Duration::try_from_secs_f64(seconds).map_err(|error| error.to_string())
}

fn parse_yes_or_no(text: &str) -> Result<bool, String> {
    match text {
        yes if yes.starts_with(['y', 'Y']) => Ok(true),
        no if no.starts_with(['n', 'N']) => Ok(false),
        other => Err(format!("Unknown --show-pushes value '{other}' (valid: '[y]es', '[n]o')")),
    }
}

/// Reads the words of the command line.
pub(super) fn read(words: &[OsString]) -> Result<Options, Refusal> {
    match Options::try_parse_from(words) {
        Ok(options) => Ok(options),
        // Everybody tries `-h` for help at least once.
        Err(error)
            if error.kind() == ErrorKind::InvalidValue && words.last().is_some_and(|word| word == "-h") =>
        {
            read(&["spinel-cli".into(), "--help".into()])
        }
        Err(error) => Err(refusal(&error)),
    }
}

fn refusal(error: &clap::Error) -> Refusal {
    let argument = |kind| match error.get(kind) {
        Some(ContextValue::String(option)) => option.as_str(),
        _ => "",
    };
    let exclusive = |names: &str| Refusal::Mistake(format!("Options {names} are mutually exclusive."));
    match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => Refusal::Answer(error.to_string()),
        ErrorKind::ArgumentConflict => match argument(ContextKind::InvalidArg).get(..2) {
            Some("-4" | "-6") => exclusive("-4 and -6"),
            Some("-x" | "-X") => exclusive("-x and -X"),
            _ => exclusive("-2 and -3"),
        },
        ErrorKind::UnknownArgument => unrecognized(argument(ContextKind::InvalidArg)),
        ErrorKind::InvalidValue if argument(ContextKind::InvalidValue).is_empty() => {
            unrecognized(argument(ContextKind::InvalidArg))
        }
        ErrorKind::ValueValidation => match argument(ContextKind::InvalidArg).get(..3) {
            Some("-p ") => Refusal::Mistake("Invalid server port.".to_owned()),
            Some("-t ") => Refusal::Mistake("Invalid connection timeout for -t.".to_owned()),
            Some("--s") => Refusal::Mistake(
                std::error::Error::source(error).map(ToString::to_string).unwrap_or_default(),
            ),
            _ => Refusal::Mistake(error.to_string()),
        },
        _ => Refusal::Mistake(error.to_string()),
    }
}

/// `argument` is an option, perhaps followed by what its value is called.
fn unrecognized(argument: &str) -> Refusal {
    let option = argument.split(' ').next().unwrap_or_default();
    Refusal::Mistake(format!("Unrecognized option or bad number of args for: '{option}'"))
}
