//! Files in the syntax of redis.conf.

use super::draft::Draft;
use super::failure::{ConfigError, Place};
use super::toml;
use spinel_storage::pattern::{Case, matches};
use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

/// How deep files may include files: more is a circle.
const INCLUDE_DEPTH_MAX: usize = 16;

/// The path that a value of a setting names.
pub(crate) fn path_of(text: &[u8]) -> PathBuf {
    PathBuf::from(OsStr::from_bytes(text))
}

/// The bytes of a path.
pub(crate) fn bytes_of(path: &Path) -> &[u8] {
    path.as_os_str().as_bytes()
}

/// Obeys a file.
pub(super) fn read(draft: &mut Draft, path: &Path) -> Result<(), ConfigError> {
    read_nested(draft, path, 0)
}

fn read_nested(draft: &mut Draft, path: &Path, depth: usize) -> Result<(), ConfigError> {
    let text = fs::read(path).map_err(|error| ConfigError::unreadable(path.display().to_string(), &error))?;
    if path.extension().is_some_and(|extension| extension == "toml") {
        return toml::read(draft, &text, &|line| place(path, line, depth));
    }
    read_lines(draft, &text, depth, &|line| place(path, line, depth))
}

fn place(path: &Path, line: usize, depth: usize) -> Place {
    if depth == 0 { Place::File { line } } else { Place::Included { path: path.to_owned(), line } }
}

/// Obeys a text; `depth` counts the files around it.
pub(super) fn read_lines(
    draft: &mut Draft,
    text: &[u8],
    depth: usize,
    place: &dyn Fn(usize) -> Place,
) -> Result<(), ConfigError> {
    for (number, line) in text.split(|byte| *byte == b'\n').enumerate() {
        let line = line.trim_ascii();
        if line.is_empty() || line.starts_with(b"#") {
            continue;
        }
        let refuse = |reason| ConfigError::directive(place(number + 1), line, reason);
        let words = spinel_resp::request::split_line(line)
            .ok_or_else(|| refuse("Unbalanced quotes in configuration line".into()))?;
        match &words[..] {
            [name, pattern] if name.eq_ignore_ascii_case(b"include") => {
                if depth == INCLUDE_DEPTH_MAX {
                    return Err(refuse("Files include each other in a circle".into()));
                }
                include(draft, pattern, depth + 1)?;
            }
            _ => draft.obey(&words).map_err(refuse)?,
        }
    }
    Ok(())
}

/// Obeys the files that a pattern names, in the order of their names. A path without a wildcard must exist.
fn include(draft: &mut Draft, pattern: &[u8], depth: usize) -> Result<(), ConfigError> {
    let path = path_of(pattern);
    if !pattern.iter().any(|byte| b"*?[".contains(byte)) {
        return read_nested(draft, &path, depth);
    }
    for path in matching_files(&path) {
        read_nested(draft, &path, depth)?;
    }
    Ok(())
}

/// The files whose path matches a pattern part by part, sorted.
fn matching_files(pattern: &Path) -> Vec<PathBuf> {
    let mut found = vec![PathBuf::new()];
    for part in pattern.components() {
        let part = part.as_os_str();
        let has_wildcard = part.as_bytes().iter().any(|byte| b"*?[".contains(byte));
        found =
            found
                .into_iter()
                .flat_map(|folder| {
                    if has_wildcard { entries(&folder, part.as_bytes()) } else { vec![folder.join(part)] }
                })
                .collect();
    }
    found.retain(|path| path.is_file());
    found.sort();
    found
}

/// The entries of a folder whose names match; hidden ones only if the pattern starts with a dot too.
fn entries(folder: &Path, pattern: &[u8]) -> Vec<PathBuf> {
    let place = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    let Ok(entries) = fs::read_dir(place) else { return Vec::new() };
    let names = entries.flatten().map(|entry| entry.file_name());
    let fitting = names.filter(|name| {
        let name = name.as_bytes();
        (!name.starts_with(b".") || pattern.starts_with(b".")) && matches(pattern, name, Case::Sensitive)
    });
    fitting.map(|name| folder.join(name)).collect()
}
