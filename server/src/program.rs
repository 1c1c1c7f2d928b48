//! The program around a server: command line, folder, log, pid file, exit status.

use crate::config::command_line::{self, Sources, Wish};
use crate::config::draft::Draft;
use crate::config::{Config, table};
use crate::log;
use crate::manual;
use crate::persistence::Conversion;
use crate::server::{Server, StartError};
use spinel_persistence::log::Until;
use std::ffi::OsString;
use std::fs;
use std::os::unix::ffi::OsStringExt;
use std::path::PathBuf;
use std::process::ExitCode;

const USAGE: &str = "\
Usage: spinel-server [FILE] [--name value …] [-]
       spinel-server --import FILE [--name value …]
       spinel-server --export FILE [--name value …]
       spinel-server [FILE] [--name value …] --restore-to OFFSET|@TIME
       spinel-server --version
       spinel-server --help | --man | --man-conf

FILE holds settings in the syntax of redis.conf, or in TOML if its name ends in .toml; - reads them
from standard input. Settings on the command line count more than those in a file.

--import makes a new data set of an RDB file, a .spldb file or the folder of an append-only log;
--export writes the data set as an RDB file or a .spldb file, as the name ends or rdb-format says.
--restore-to makes the append-only log what it was at an offset of its commands, or before a Unix time
in seconds (as far as times were noted: aof-timestamp-enabled), and ends. Copy the folder first.
--man and --man-conf print the pages spinel-server(1) and spinel.conf(5) of the manual.

Examples:
       spinel-server
       spinel-server /etc/spinel.conf --port 7777 --loglevel verbose
       spinel-server --port 7777 --save \"\" --maxclients 500
       echo 'maxmemory 128mb' | spinel-server -";

/// Runs the program with the words after its name, and says how it ended.
pub fn run(words: impl Iterator<Item = OsString>) -> ExitCode {
    let words: Vec<Vec<u8>> = words.map(OsString::into_vec).collect();
    let outcome = match command_line::parse(&words) {
        Ok(Wish::Version) => {
            println!("{}", version());
            Ok(())
        }
        Ok(Wish::Help) => {
            println!("{USAGE}");
            Ok(())
        }
        Ok(Wish::Manual) => {
            print!("{}", manual::server_page(USAGE));
            Ok(())
        }
        Ok(Wish::ManualOfSettings) => {
            print!("{}", manual::settings_page());
            Ok(())
        }
        Ok(Wish::Serve(sources)) => configure(&sources).and_then(|config| logged(run_server(config))),
        Ok(Wish::Convert(sources, conversion)) => convert(&sources, conversion),
        Ok(Wish::Restore(until, sources)) => {
            configure(&sources).and_then(|config| logged(restore(config, until)))
        }
        Err(error) => Err(error.to_string()),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("{message}");
            ExitCode::FAILURE
        }
    }
}

fn version() -> String {
    let (version, hash) = (env!("CARGO_PKG_VERSION"), option_env!("SPINEL_COMMIT").unwrap_or("00000000"));
    format!("Spinel server v={version} sha={hash}:0 bits={}", usize::BITS)
}

/// Reads the settings; an error is the message for standard error.
fn read(sources: &Sources) -> Result<(PathBuf, Draft), String> {
    let start = std::env::current_dir().map_err(|error| format!("No folder to start in: {error}"))?;
    let mut draft = sources.read(&start).map_err(|error| error.to_string())?;
    draft.take_password()?;
    Ok((start, draft))
}

/// Reads the settings and opens the log of messages.
fn configure(sources: &Sources) -> Result<Config, String> {
    let (_, draft) = read(sources)?;
    let idle: Vec<_> = draft.idle().collect();
    let config = Config::new(draft);
    log::open(&config).map_err(|error| format!("Can't open the log file: {error}"))?;
    greet(&config, &idle);
    Ok(config)
}

/// Writes to the log why something could not be done.
fn logged(outcome: Result<(), StartError>) -> Result<(), String> {
    outcome.map_err(|error| {
        log::warning!("{error}");
        error.to_string()
    })
}

/// Reads the settings, then converts a data set.
fn convert(sources: &Sources, conversion: Conversion) -> Result<(), String> {
    let (start, draft) = read(sources)?;
    let config = Config::new(draft);
    // What was done is told at the end; until then only what somebody should know.
    log::start_with_warnings(&config);
    enter_folder(&config).map_err(|error| error.to_string())?;
    println!("{}", Server::convert(config, &conversion.from(&start))?);
    Ok(())
}

/// Goes to the folder that the settings name.
fn enter_folder(config: &Config) -> Result<(), StartError> {
    let folder = config.path(table::DIR).expect("the folder to start in is the default");
    Ok(std::env::set_current_dir(&folder)?)
}

fn restore(config: Config, until: Until) -> Result<(), StartError> {
    enter_folder(&config)?;
    Server::restore(config, until)
}

fn greet(config: &Config, idle: &[&str]) {
    let (version, port, process) =
        (env!("CARGO_PKG_VERSION"), config.number(table::PORT), std::process::id());
    log::notice!("SpinelDB version {version} is starting, port {port}, PID: {process}");
    let source = config.file().map_or_else(String::new, |file| format!(" from {}", file.display()));
    log::notice!("Configuration loaded{source}");
    if !idle.is_empty() {
        log::warning!("These settings are accepted but without effect: {}", idle.join(", "));
    }
    let mut others: Vec<_> =
        config.directives().iter().map(|words| String::from_utf8_lossy(&words[0]).to_lowercase()).collect();
    others.sort();
    others.dedup();
    if !others.is_empty() {
        log::warning!("These directives are accepted but without effect: {}", others.join(", "));
    }
}

fn run_server(config: Config) -> Result<(), StartError> {
    enter_folder(&config)?;
    let pid_file = config.path(table::PIDFILE);
    let server = Server::start(config)?;
    if let Some(path) = pid_file
        && let Err(error) = fs::write(&path, format!("{}\n", std::process::id()))
    {
        log::warning!("Failed to write PID file {}: {error}", path.display());
    }
    log::notice!("Server initialized");
    server.run()?;
    log::warning!("SpinelDB is now ready to exit, bye bye...");
    Ok(())
}
