//! Every error a command can reply, and its text.

use std::borrow::Cow;

/// Why a command failed. The texts clients see are all here; see [`Error::text`].
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Error {
    /// No such command; the words as far as they are shown.
    UnknownCommand(Vec<u8>),
    /// A container has no such subcommand.
    UnknownSubcommand(Vec<u8>),
    /// A word is no option of the command.
    UnsupportedOption(Vec<u8>),
    /// Too few or too many words for this command.
    WrongArity(&'static str),
    /// The options don't make sense.
    Syntax,
    /// The key holds another type.
    WrongType,
    /// Not a 64-bit integer.
    NotAnInteger,
    /// Not a floating point number.
    NotAFloat,
    /// A number outside what the command takes.
    ValueOutOfRange,
    /// A number below what the command takes.
    Negative,
    /// Not a time to wait in milliseconds.
    NotATimeout,
    /// The key must exist.
    NoSuchKey,
    /// A string would pass the limit of 512 MB.
    StringTooLong,
    /// The integer result would overflow.
    IncrementOverflow,
    /// The floating point result would not be finite.
    IncrementNotFinite,
    /// An expiry that is not positive or overflows, of this command.
    InvalidExpire(&'static str),
    /// The host does not allow this client the command.
    Guarded,
    /// No database has this number.
    DbIndexOutOfRange,
    /// The log can't be written, or not be made durable, for this reason. A command that ran nevertheless has changed what is in
    /// memory, and may be on disk or not.
    NotDurable(String),
    /// The data set is closed.
    Closed,
    /// Any other fixed text, with its code.
    Text(&'static str),
    /// Any other text that had to be made, with its code.
    Made(String),
    /// Any other text that quotes words of the client, with its code.
    Quoting(Vec<u8>),
}

/// Bytes of an unknown command's name and arguments that its error shows, and of other names that may be long.
const SHOWN_BYTES_MAX: usize = 128;

impl Error {
    /// The error about a name that no command has; shows the name and the first arguments.
    #[cold]
    pub fn unknown_command(words: &[&[u8]]) -> Error {
        let name = shown(words.first().copied().unwrap_or_default(), SHOWN_BYTES_MAX);
        let mut arguments = Vec::new();
        for word in words.iter().skip(1) {
            if arguments.len() >= SHOWN_BYTES_MAX {
                break;
            }
            let room = SHOWN_BYTES_MAX - arguments.len();
            arguments.extend([b"'", shown(word, room), b"' "].concat());
        }
        Error::UnknownCommand(
            [b"ERR unknown command '", name, b"', with args beginning with: ", &arguments].concat(),
        )
    }

    /// The error about a subcommand that a container does not have.
    #[cold]
    pub fn unknown_subcommand(container: &str, name: &[u8]) -> Error {
        let (name, container) =
            (shown(name, SHOWN_BYTES_MAX), container.to_ascii_uppercase().replace('|', " "));
        let hint = format!("'. Try {container} HELP.");
        Error::UnknownSubcommand([b"ERR unknown subcommand '", name, hint.as_bytes()].concat())
    }

    /// The error about a subcommand of a container that does not tell a wrong name from wrong arguments.
    #[cold]
    pub fn wrong_subcommand(container: &str, name: &[u8]) -> Error {
        let (name, container) = (shown(name, SHOWN_BYTES_MAX), container.to_ascii_uppercase());
        let (what, hint) = (
            b"ERR unknown subcommand or wrong number of arguments for '",
            format!("'. Try {container} HELP."),
        );
        Error::UnknownSubcommand([&what[..], name, hint.as_bytes()].concat())
    }

    /// The error about a name that is no subcommand of a debugging command, which offers no help.
    #[cold]
    pub fn unknown_debug_subcommand(command: &str, name: &[u8]) -> Error {
        let start = format!("ERR Unknown {command} subcommand '");
        Error::UnknownSubcommand([start.as_bytes(), shown(name, usize::MAX), b"'"].concat())
    }

    /// The error about a word that is no option of the command.
    #[cold]
    pub fn unsupported_option(option: &[u8]) -> Error {
        Error::UnsupportedOption([b"ERR Unsupported option ", shown(option, usize::MAX)].concat())
    }

    /// The error whose text these parts make, some of which are words of the client; each is shown up to a zero
    /// byte.
    #[cold]
    pub fn quoting(parts: &[&[u8]]) -> Error {
        Error::Quoting(parts.iter().flat_map(|part| shown(part, usize::MAX)).copied().collect())
    }

    /// As [`quoting`](Error::quoting), but of a long word only the beginning is shown.
    #[cold]
    pub fn quoting_briefly(parts: &[&[u8]]) -> Error {
        Error::Quoting(parts.iter().flat_map(|part| shown(part, SHOWN_BYTES_MAX)).copied().collect())
    }

    /// The error about an integer outside its bounds, both included.
    #[cold]
    pub fn not_between(low: i64, high: i64) -> Error {
        Error::Made(format!("ERR value is out of range, value must between {low} and {high}"))
    }

    /// The reply's bytes, its code first: as [`text`](Error::text), but words of the client are as they came.
    pub fn bytes(&self) -> Cow<'_, [u8]> {
        match self {
            Error::UnknownCommand(bytes)
            | Error::UnknownSubcommand(bytes)
            | Error::UnsupportedOption(bytes)
            | Error::Quoting(bytes) => Cow::Borrowed(bytes),
            _ => match self.text() {
                Cow::Borrowed(text) => Cow::Borrowed(text.as_bytes()),
                Cow::Owned(text) => Cow::Owned(text.into_bytes()),
            },
        }
    }

    /// The reply's text, its code first.
    pub fn text(&self) -> Cow<'_, str> {
        Cow::Borrowed(match self {
            Error::UnknownCommand(bytes)
            | Error::UnknownSubcommand(bytes)
            | Error::UnsupportedOption(bytes)
            | Error::Quoting(bytes) => {
                return String::from_utf8_lossy(bytes);
            }
            Error::Made(text) => text,
            Error::Text(text) => text,
            Error::Syntax => "ERR syntax error",
            Error::WrongType => "WRONGTYPE Operation against a key holding the wrong kind of value",
            Error::NotAnInteger => "ERR value is not an integer or out of range",
            Error::NotAFloat => "ERR value is not a valid float",
            Error::ValueOutOfRange => "ERR value is out of range",
            Error::Negative => "ERR value is out of range, must be positive",
            Error::NotATimeout => "ERR timeout is not an integer or out of range",
            Error::NoSuchKey => "ERR no such key",
            Error::StringTooLong => "ERR string exceeds maximum allowed size (proto-max-bulk-len)",
            Error::IncrementOverflow => "ERR increment or decrement would overflow",
            Error::IncrementNotFinite => "ERR increment would produce NaN or Infinity",
            Error::Guarded => {
                "ERR DEBUG command not allowed. If the enable-debug-command option is set to \"local\", you can run it from a \
                 local connection, otherwise you need to set this option in the configuration file, and then restart \
                 the server."
            }
            Error::DbIndexOutOfRange => "ERR DB index is out of range",
            Error::NotDurable(reason) => {
                return format!("MISCONF Errors writing to the AOF file: {reason}").into();
            }
            Error::Closed => "ERR the data set is closed",
            Error::WrongArity(command) => {
                return format!("ERR wrong number of arguments for '{command}' command").into();
            }
            Error::InvalidExpire(command) => {
                return format!("ERR invalid expire time in '{command}' command").into();
            }
        })
    }
}

impl std::fmt::Display for Error {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.text())
    }
}

impl std::error::Error for Error {}

/// What an error shows of a client's word: up to a length, and up to a zero byte, as C prints it.
fn shown(word: &[u8], bytes_max: usize) -> &[u8] {
    let word = &word[..word.len().min(bytes_max)];
    word.split(|byte| *byte == 0).next().unwrap_or_default()
}
