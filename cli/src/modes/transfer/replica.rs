//! `--replica`: the writes that a replica receives, as they come.

use super::synchronization::Synchronization;
use crate::connection::{Connection, ReceiveError};
use crate::format::{Delimiters, OutputFormat, Printer};
use crate::session::Session;
use crate::shell::RunError;
use spinel_resp::value::Value;
use std::convert::Infallible;
use std::io::{self, Write};
use std::time::{Duration, Instant};

/// Time between two signs that this replica lives, as replicas give them. Without, the primary gives it up; and the first
/// sign may come before the primary has noticed that its snapshot is sent, which is then no sign that writes are wanted.
const ACKNOWLEDGE_PERIOD: Duration = Duration::from_secs(1);

/// Prints writes as comma separated values until the connection ends.
pub(in crate::modes) fn replica(session: &mut Session) -> Result<Infallible, RunError> {
    let mut out = io::stdout().lock();
    let options = [("capa", "eof"), ("rdb-filter-only", "")];
    let synchronization = Synchronization::begin(session, &options, |text| {
        // Whoever reads the output may have gone; what follows will tell.
        let _ = writeln!(out, "{text}");
    })?;
    match synchronization.length() {
        Some(length) => {
            writeln!(out, "Full resync with master, discarding {length} bytes of bulk transfer...")?;
        }
        None => {
            writeln!(out, "Full resync with master, discarding bytes of bulk transfer until EOF marker...")?;
        }
    }
    out.flush()?;
    let until_mark = synchronization.length().is_none();
    let (bytes, mut connection) = synchronization.receive(&mut io::sink(), |_| {})?;
    let length = if until_mark { format!(" after {bytes} bytes") } else { String::new() };
    writeln!(out, "Full resync done{length}. Logging commands from master.")?;
    if until_mark {
        // Until then the server does not know that the mark was seen, and keeps writes back.
        writeln!(out, "sending REPLCONF ACK 0")?;
    }
    out.flush()?;
    acknowledge(&mut connection)?;
    connection.set_patience(Some(ACKNOWLEDGE_PERIOD))?;

    let mut acknowledged = Instant::now();
    let printer = Printer { format: OutputFormat::Csv, delimiters: Delimiters::default() };
    loop {
        let write = match connection.receive() {
            Ok(write) => Some(write),
            Err(ReceiveError::Io(error)) if is_silence(&error) => None,
            Err(error) => return Err(RunError::Refused(format!("Error: {error}"))),
        };
        if acknowledged.elapsed() >= ACKNOWLEDGE_PERIOD {
            acknowledge(&mut connection)?;
            acknowledged = Instant::now();
        }
        if let Some(write) = write.filter(|write| !is_ping(write)) {
            out.write_all(&printer.reply(&[], &write))?;
            out.flush()?;
        }
    }
}

/// Whether nothing came for a while.
fn is_silence(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut)
}

/// Whether the primary only shows that it lives.
fn is_ping(write: &Value) -> bool {
    let Value::Array(words) = write else { return false };
    matches!(words.first(), Some(Value::Bulk(name)) if name.eq_ignore_ascii_case(b"ping"))
}

fn acknowledge(connection: &mut Connection) -> io::Result<()> {
    connection.send(&[b"REPLCONF".to_vec(), b"ACK".to_vec(), b"0".to_vec()])
}
