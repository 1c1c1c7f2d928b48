//! `--eval`: a script of a file, as a command.

use crate::arguments::Arguments;
use crate::connection::system_text;
use crate::shell::RunError;
use std::path::Path;

/// `EVAL` with what the file holds; the words of the arguments before a comma are its keys.
pub(super) fn command(file: &Path, arguments: &Arguments) -> Result<Vec<Vec<u8>>, RunError> {
    let script = std::fs::read(file).map_err(|error| {
        RunError::Refused(format!("Can't open file '{}': {}", file.display(), system_text(&error)))
    })?;
    let words = &arguments.command;
    let comma = words.iter().position(|word| word == b",");
    let (keys, rest) = match comma {
        Some(comma) => (&words[..comma], &words[comma + 1..]),
        None => (&words[..], &[][..]),
    };
    let mut command = vec![b"EVAL".to_vec(), script, keys.len().to_string().into_bytes()];
    command.extend_from_slice(keys);
    command.extend_from_slice(rest);
    Ok(command)
}
