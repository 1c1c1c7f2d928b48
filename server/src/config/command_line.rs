//! The words after the program's name.
//!
//! `spinel-server [FILE] [--name value …] [-]`: a file, or `-` for standard input, then settings. A setting may be one
//! word (`"--port 6380"`) or several, of which the first starts with two dashes.

use super::draft::Draft;
use super::failure::{ConfigError, Place};
use super::file;
use std::io::Read;
use std::path::{Path, PathBuf};

/// What somebody who starts the program wants.
#[derive(PartialEq, Eq, Debug)]
pub(crate) enum Wish {
    Version,
    Help,
    Serve(Sources),
}

/// Where the settings come from, in the order in which they count; later ones win.
#[derive(PartialEq, Eq, Debug, Default)]
pub(crate) struct Sources {
    file: Option<PathBuf>,
    reads_standard_input: bool,
    /// Each with its name first.
    directives: Vec<Vec<Vec<u8>>>,
}

/// Understands the words of the command line.
pub(crate) fn parse(words: &[Vec<u8>]) -> Result<Wish, ConfigError> {
    match words.first().map(Vec::as_slice) {
        Some(b"-v" | b"--version") => return Ok(Wish::Version),
        Some(b"-h" | b"--help") => return Ok(Wish::Help),
        _ => {}
    }
    let mut sources = Sources::default();
    let mut rest = words;
    if let [file, others @ ..] = rest
        && !file.starts_with(b"-")
    {
        sources.file = Some(file::path_of(file));
        rest = others;
    }
    let mut wants_value = false;
    for (place, word) in rest.iter().enumerate() {
        let is_at_edge = place + 1 == rest.len() || (place == 0 && sources.file.is_none());
        if word == b"-" && is_at_edge {
            sources.reads_standard_input = true;
        } else if word.starts_with(b"--") && !wants_value {
            let option = option(word)?;
            let next = rest.get(place + 1);
            let is_bare_save = option.len() == 1 && option[0].eq_ignore_ascii_case(b"save");
            let ends_here = next.is_none_or(|next| next.starts_with(b"--"));
            wants_value = option.len() == 1 && !(is_bare_save && ends_here);
            sources.directives.push(option);
        } else {
            match sources.directives.last_mut() {
                Some(directive) => directive.push(word.clone()),
                None => sources.directives.push(vec![word.clone()]),
            }
            wants_value = false;
        }
    }
    Ok(Wish::Serve(sources))
}

/// The words of `--name` or `--name value …` in one argument.
fn option(word: &[u8]) -> Result<Vec<Vec<u8>>, ConfigError> {
    let refuse = |reason: &'static str| ConfigError::directive(Place::CommandLine, word, reason.into());
    let words = spinel_resp::request::split_line(&word[2..])
        .ok_or_else(|| refuse("Unbalanced quotes in configuration line"))?;
    if words.is_empty() { Err(refuse("Bad directive or wrong number of arguments")) } else { Ok(words) }
}

impl Sources {
    /// Reads all sources. Relative paths start at the folder `start`.
    pub(crate) fn read(&self, start: &Path) -> Result<Draft, ConfigError> {
        let mut draft = Draft::new(start);
        if let Some(path) = &self.file {
            let path = start.join(path);
            file::read(&mut draft, &path)?;
            draft.file = Some(path.canonicalize().unwrap_or(path));
        }
        if self.reads_standard_input {
            let mut text = Vec::new();
            std::io::stdin()
                .read_to_end(&mut text)
                .map_err(|error| ConfigError::unreadable("standard input", &error))?;
            file::read_lines(&mut draft, &text, 0, &|line| Place::File { line })?;
        }
        for words in &self.directives {
            draft
                .obey(words)
                .map_err(|reason| ConfigError::directive(Place::CommandLine, &words.join(&b' '), reason))?;
        }
        Ok(draft)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn directives(words: &[&str]) -> Vec<String> {
        let words: Vec<Vec<u8>> = words.iter().map(|word| word.as_bytes().to_vec()).collect();
        let Ok(Wish::Serve(sources)) = parse(&words) else { panic!("{words:?} start a server") };
        let shown = |words: &Vec<Vec<u8>>| {
            let words: Vec<_> = words.iter().map(|word| String::from_utf8_lossy(word)).collect();
            words.join("|")
        };
        sources.directives.iter().map(shown).collect()
    }

    #[test]
    fn settings_are_cut_at_dashes() {
        for (words, expected) in [
            (&["--port", "6380"][..], &["port|6380"][..]),
            (&["--port 6380", "--save", "60", "1"], &["port|6380", "save|60|1"]),
            (&["--save", "--port", "1"], &["save", "port|1"]),
            (&["--port", "1", "--save"], &["port|1", "save"]),
            (&["--save", "", "--save", "60 1"], &["save|", "save|60 1"]),
            (&["--requirepass", "--secret", "--port", "1"], &["requirepass|--secret", "port|1"]),
            (&["a.conf", "port", "1"], &["port|1"]),
            (&["-", "--port", "1"], &["port|1"]),
            (&["--port", "1", "-"], &["port|1"]),
            (&["--bind", "-::1", "--port", "1"], &["bind|-::1", "port|1"]),
        ] {
            assert_eq!(directives(words), expected, "{words:?}");
        }
    }
}
