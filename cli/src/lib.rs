//! The command line client of SpinelDB, for every server that speaks the Redis protocol.
//!
//! It behaves as `redis-cli` 8.0 does, in its options, its output and its exit codes, so that scripts need not
//! change. It must not know which commands a server has: help, hints and completion come from the server itself.
//!
//! Start reading at [`modes`], which decides what to do; then [`shell`], which does what a line says, and
//! [`session`], which talks to the server. [`mod@format`] turns replies into text:
//!
//! ```
//! use spinel_cli::format::{Delimiters, OutputFormat, Printer};
//! use spinel_resp::value::Value;
//!
//! let printer = Printer { format: OutputFormat::Standard, delimiters: Delimiters::default() };
//! let reply = Value::Array(vec![Value::Bulk(b"a".to_vec()), Value::Integer(1)]);
//! assert_eq!(printer.reply(&[], &reply), b"1) \"a\"\n2) (integer) 1\n");
//! ```

pub mod address;
pub mod arguments;
pub mod connection;
mod distribution;
pub mod documentation;
pub mod format;
mod info;
pub mod modes;
pub mod peek;
pub mod progress;
pub mod session;
pub mod shell;
pub mod tls;

use arguments::{Arguments, Refusal, Surroundings};
use std::ffi::OsString;
use std::io::{self, IsTerminal, Write};
use std::process::ExitCode;

/// Runs the program with the words of its command line, its own name first.
pub fn run(words: &[OsString]) -> ExitCode {
    let surroundings = Surroundings {
        password: std::env::var_os("SPINELCLI_AUTH").or_else(|| std::env::var_os("REDISCLI_AUTH")),
        // The variable is redis-cli's: output for people, into a pipe.
        output_is_terminal: io::stdout().is_terminal() || std::env::var_os("FAKETTY").is_some(),
    };
    let arguments = match Arguments::parse(words, &surroundings) {
        Ok(arguments) => arguments,
        Err(Refusal::Answer(text)) => {
            // Whoever reads the output may have seen enough.
            let _ = writeln!(io::stdout(), "{}", text.trim_end());
            return ExitCode::SUCCESS;
        }
        Err(mistake) => {
            eprintln!("{mistake}");
            return ExitCode::FAILURE;
        }
    };
    if arguments.warn_of_password {
        eprintln!(
            "Warning: Using a password with '-a' or '-u' option on the command line interface may not be safe."
        );
    }
    modes::run(arguments)
}
