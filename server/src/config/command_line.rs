//! The words after the program's name.
//!
//! `spinel-server [FILE] [--name value …] [-]`: a file, or `-` for standard input, then settings. A setting may be one
//! word (`"--port 6380"`) or several, of which the first starts with two dashes.

use super::draft::Draft;
use super::failure::{ConfigError, Place};
use super::file;
use crate::persistence::Conversion;
use spinel_persistence::log::Until;
use std::io::Read;
use std::path::{Path, PathBuf};

/// The option that is no setting: it may stand in no file, or every start would go back again.
const RESTORE_TO: &[u8] = b"restore-to";

/// What somebody who starts the program wants.
#[derive(PartialEq, Eq, Debug)]
pub(crate) enum Wish {
    Version,
    Help,
    /// Pages of the manual: about the program, and about its settings.
    Manual,
    ManualOfSettings,
    Serve(Sources),
    /// A data set is converted, with these settings.
    Convert(Sources, Conversion),
    /// Make the log what it was once, and end.
    Restore(Until, Sources),
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
        Some(b"--man") => return Ok(Wish::Manual),
        Some(b"--man-conf") => return Ok(Wish::ManualOfSettings),
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
    if let Some(until) = take_restore(&mut sources)? {
        return Ok(Wish::Restore(until, sources));
    }
    let conversion = take_conversion(&mut sources)?;
    Ok(match conversion {
        Some(conversion) => Wish::Convert(sources, conversion),
        None => Wish::Serve(sources),
    })
}

/// Takes `--import FILE` or `--export FILE` out of the settings.
fn take_conversion(sources: &mut Sources) -> Result<Option<Conversion>, ConfigError> {
    let is_one = |words: &mut Vec<Vec<u8>>| matches!(&*words[0], b"import" | b"export");
    let mut found = sources.directives.extract_if(.., is_one);
    let (Some(words), other) = (found.next(), found.next()) else { return Ok(None) };
    let refuse = |reason: &'static str| {
        Err(ConfigError::directive(Place::CommandLine, &words.join(&b' '), reason.into()))
    };
    match &*words {
        _ if other.is_some() => refuse("only one file can be imported or exported at a time"),
        [name, path] if name == b"import" => Ok(Some(Conversion::Import(file::path_of(path)))),
        [_, path] => Ok(Some(Conversion::Export(file::path_of(path)))),
        _ => refuse("the name of one file is expected"),
    }
}

/// Takes `--restore-to OFFSET` or `--restore-to @TIME` out of the settings.
fn take_restore(sources: &mut Sources) -> Result<Option<Until>, ConfigError> {
    let is_restore = |directive: &Vec<Vec<u8>>| directive[0].eq_ignore_ascii_case(RESTORE_TO);
    let place = sources.directives.iter().position(is_restore);
    place.map(|place| until(&sources.directives.remove(place))).transpose()
}

/// Understands `restore-to OFFSET` and `restore-to @TIME`.
fn until(directive: &[Vec<u8>]) -> Result<Until, ConfigError> {
    let understood = match directive {
        [_, word] => match word.strip_prefix(b"@") {
            Some(seconds) => spinel_resp::number::parse_unsigned(seconds).map(Until::Time),
            None => spinel_resp::number::parse_unsigned(word).map(Until::Offset),
        },
        _ => None,
    };
    let reason = "must be an offset of the log, or @ and a Unix time in seconds";
    understood.ok_or_else(|| ConfigError::directive(Place::CommandLine, RESTORE_TO, reason.into()))
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
    fn conversions_are_told_from_settings() {
        let parsed = |words: &[&str]| {
            let words: Vec<Vec<u8>> = words.iter().map(|word| word.as_bytes().to_vec()).collect();
            match parse(&words) {
                Ok(Wish::Convert(sources, conversion)) => Ok((sources.directives.len(), conversion)),
                Ok(other) => panic!("{other:?}"),
                Err(error) => Err(error.to_string()),
            }
        };
        let import = Conversion::Import("a.rdb".into());
        assert_eq!(parsed(&["--import", "a.rdb", "--dir", "d"]), Ok((1, import)));
        assert_eq!(parsed(&["--export", "b"]), Ok((0, Conversion::Export("b".into()))));
        assert!(parsed(&["--import"]).expect_err("no file").contains("one file is expected"));
        assert!(parsed(&["--import", "a", "b"]).expect_err("two files").contains("one file is expected"));
        assert!(parsed(&["--import", "a", "--export", "b"]).expect_err("two").contains("at a time"));
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
