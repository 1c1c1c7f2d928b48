//! `--scan`: the keys, one per line.

use super::{Scanner, quoted};
use crate::arguments::Arguments;
use crate::format::OutputFormat;
use crate::session::Session;
use crate::shell::RunError;
use std::io::{self, Write};

/// Prints all keys, quoted in the format for people.
pub(in crate::modes) fn list(arguments: &Arguments, session: &mut Session) -> Result<(), RunError> {
    let mut scanner = Scanner { steps_per_interval: 1, ..Scanner::new(arguments) };
    let mut out = io::stdout().lock();
    while let Some(keys) = scanner.next_page(session)? {
        let mut page = Vec::new();
        for key in &keys {
            match arguments.printer.format {
                OutputFormat::Standard => page.extend_from_slice(quoted(key).as_bytes()),
                _ => page.extend_from_slice(key),
            }
            page.push(b'\n');
        }
        out.write_all(&page)?;
        out.flush()?;
    }
    Ok(())
}
