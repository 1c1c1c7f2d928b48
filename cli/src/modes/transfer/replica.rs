//! `--replica`: the writes that a replica receives, as they come.

use super::synchronization::Synchronization;
use crate::connection::Connection;
use crate::format::{Delimiters, OutputFormat, Printer};
use crate::session::Session;
use crate::shell::RunError;
use spinel_resp::value::Value;
use std::convert::Infallible;
use std::io::{self, Write};

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
        acknowledge(&mut connection)?;
    }
    out.flush()?;

    let printer = Printer { format: OutputFormat::Csv, delimiters: Delimiters::default() };
    loop {
        let write = connection.receive().map_err(|error| RunError::Refused(format!("Error: {error}")))?;
        // The primary asks now and then whether its replica is alive, and gives it up if it hears nothing.
        let is_ping = matches!(&write, Value::Array(words) if matches!(words.first(), Some(Value::Bulk(name)) if name.eq_ignore_ascii_case(b"ping")));
        if is_ping {
            acknowledge(&mut connection)?;
        } else {
            out.write_all(&printer.reply(&[], &write))?;
            out.flush()?;
        }
    }
}

fn acknowledge(connection: &mut Connection) -> io::Result<()> {
    connection.send(&[b"REPLCONF".to_vec(), b"ACK".to_vec(), b"0".to_vec()])
}
