//! The manifest: which files make up the log, and in which order.
//!
//! A text of one line per file, as Redis writes and reads it:
//!
//! ```text
//! file appendonly.aof.2.base.rdb seq 2 type b
//! file appendonly.aof.1.incr.aof seq 1 type h
//! file appendonly.aof.2.incr.aof seq 2 type i startoffset 1234
//! ```
//!
//! Type `b` is the base, a state of the whole data set; `i` are the increments to it, in the order of their numbers; `h`
//! is history, files that the others have replaced and that only wait for their removal. Lines that begin with `#` are
//! skipped. `startoffset` and `endoffset` say which part of the stream of commands a file holds.

use super::OFFSET_MAX;
use super::quoting::{quoted, split};
use spinel_resp::number::parse_unsigned;
use std::fmt;

/// The longest line in bytes, its end included.
const LINE_BYTES_MAX: usize = 1024;

/// What a file is to the log.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum FileType {
    /// A state of the whole data set.
    Base,
    /// What happened after the base and the increments before it.
    Increment,
    /// Replaced, and to be removed.
    History,
}

/// A line of the manifest.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LogFile {
    /// The name within the log's directory.
    pub name: String,
    /// Counts up, by type.
    pub sequence: u64,
    /// What the file is to the log.
    pub file_type: FileType,
    /// Which byte of the stream of commands the file begins with, where that is known.
    pub start_offset: Option<u64>,
    /// Which byte of the stream of commands the next file begins with, where that is known.
    pub end_offset: Option<u64>,
}

/// The files of a log.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub struct Manifest {
    /// The state that the increments begin with; without it, they begin with nothing.
    pub base: Option<LogFile>,
    /// In the order in which they are read.
    pub increments: Vec<LogFile>,
    /// What may be removed.
    pub history: Vec<LogFile>,
}

/// Why a manifest is refused.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ManifestError {
    /// From 1.
    pub line: usize,
    /// The line's text.
    pub text: String,
    /// What is wrong with it.
    pub reason: ManifestReason,
}

/// What is wrong with a manifest.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum ManifestReason {
    /// There is no line.
    Empty,
    /// A line is not made of the fields of a file.
    InvalidFormat,
    /// A line has 1024 bytes or more, or no end, as when the rest of it is lost.
    TooLongLine,
    /// A name leads out of the directory.
    IsPath,
    /// A type other than `b`, `h` and `i`.
    UnknownType,
    /// Two bases.
    DuplicateBase,
    /// An increment whose number is not above that of the one before.
    NotMonotonic,
}

impl Manifest {
    /// Reads a manifest.
    ///
    /// ```
    /// use spinel_persistence::log::Manifest;
    ///
    /// let manifest = Manifest::parse(b"file a.1.incr.aof seq 1 type i\n").unwrap();
    /// assert_eq!(manifest.increments[0].name, "a.1.incr.aof");
    /// let error = Manifest::parse(b"file a.1.incr.aof seq 1 type x\n").unwrap_err();
    /// assert_eq!(error.reason.to_string(), "Unknown AOF file type");
    /// ```
    pub fn parse(text: &[u8]) -> Result<Manifest, ManifestError> {
        let mut manifest = Manifest::default();
        let mut lines = 0;
        for line in text.split_inclusive(|&byte| byte == b'\n') {
            lines += 1;
            manifest.take_line(line).map_err(|reason| ManifestError::new(lines, line, reason))?;
        }
        if lines == 0 {
            return Err(ManifestError::new(0, b"", ManifestReason::Empty));
        }
        Ok(manifest)
    }

    fn take_line(&mut self, line: &[u8]) -> Result<(), ManifestReason> {
        if line.first() == Some(&b'#') {
            return Ok(());
        }
        if line.len() >= LINE_BYTES_MAX || !line.ends_with(b"\n") {
            return Err(ManifestReason::TooLongLine);
        }
        let file = LogFile::parse(line)?;
        match file.file_type {
            FileType::Base if self.base.is_some() => return Err(ManifestReason::DuplicateBase),
            FileType::Base => self.base = Some(file),
            FileType::History => self.history.push(file),
            FileType::Increment => {
                if self.increments.last().is_some_and(|last| file.sequence <= last.sequence) {
                    return Err(ManifestReason::NotMonotonic);
                }
                self.increments.push(file);
            }
        }
        Ok(())
    }

    /// Returns all files in the order in which they are written down.
    pub fn files(&self) -> impl Iterator<Item = &LogFile> {
        self.base.iter().chain(&self.history).chain(&self.increments)
    }

    /// Returns the highest number given to a file of a type so far.
    pub(super) fn last_sequence(&self, file_type: FileType) -> u64 {
        let alike = |file: &&LogFile| file.file_type == file_type || file.file_type == FileType::History;
        self.files().filter(alike).map(|file| file.sequence).max().unwrap_or(0)
    }
}

/// Writes the manifest as Redis does.
impl fmt::Display for Manifest {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.files().try_for_each(|file| writeln!(out, "{file}"))
    }
}

impl LogFile {
    /// Names a file that is to be made.
    pub(super) fn new(name: String, sequence: u64, file_type: FileType) -> LogFile {
        LogFile { name, sequence, file_type, start_offset: None, end_offset: None }
    }

    fn parse(line: &[u8]) -> Result<LogFile, ManifestReason> {
        let words = split(line).ok_or(ManifestReason::InvalidFormat)?;
        if words.len() < 6 || words.len() % 2 == 1 {
            return Err(ManifestReason::InvalidFormat);
        }
        let mut file = LogFile::new(String::new(), 0, FileType::Base);
        let mut has_type = false;
        for pair in words.chunks_exact(2) {
            let (field, value) = (pair[0].to_ascii_lowercase(), pair[1].as_str());
            has_type |= field == "type";
            file.take_field(&field, value)?;
        }
        if file.name.is_empty() || file.sequence == 0 || !has_type {
            return Err(ManifestReason::InvalidFormat);
        }
        Ok(file)
    }

    /// Takes a field in; fields of other programs are skipped.
    fn take_field(&mut self, field: &str, value: &str) -> Result<(), ManifestReason> {
        let number = || parse_unsigned(value.as_bytes()).ok_or(ManifestReason::InvalidFormat);
        let offset =
            || number().ok().filter(|&offset| offset <= OFFSET_MAX).ok_or(ManifestReason::InvalidFormat);
        match field {
            "file" if value.contains('/') => return Err(ManifestReason::IsPath),
            "file" => value.clone_into(&mut self.name),
            "seq" => self.sequence = number()?,
            "type" => self.file_type = FileType::parse(value)?,
            "startoffset" => self.start_offset = Some(offset()?),
            "endoffset" => self.end_offset = Some(offset()?),
            _ => {}
        }
        Ok(())
    }
}

impl fmt::Display for LogFile {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let letter = self.file_type.letter();
        write!(out, "file {} seq {} type {letter}", quoted(&self.name), self.sequence)?;
        if let Some(offset) = self.start_offset {
            write!(out, " startoffset {offset}")?;
        }
        if let Some(offset) = self.end_offset {
            write!(out, " endoffset {offset}")?;
        }
        Ok(())
    }
}

impl FileType {
    fn parse(text: &str) -> Result<FileType, ManifestReason> {
        match text.as_bytes().first() {
            Some(b'b') => Ok(FileType::Base),
            Some(b'i') => Ok(FileType::Increment),
            Some(b'h') => Ok(FileType::History),
            _ => Err(ManifestReason::UnknownType),
        }
    }

    fn letter(self) -> char {
        match self {
            FileType::Base => 'b',
            FileType::Increment => 'i',
            FileType::History => 'h',
        }
    }
}

impl ManifestError {
    fn new(line: usize, text: &[u8], reason: ManifestReason) -> ManifestError {
        ManifestError { line, text: String::from_utf8_lossy(text).trim_end().to_owned(), reason }
    }
}

impl fmt::Display for ManifestReason {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            ManifestReason::Empty => "Found an empty AOF manifest",
            ManifestReason::InvalidFormat => "Invalid AOF manifest file format",
            ManifestReason::TooLongLine => "The AOF manifest file contains too long line",
            ManifestReason::IsPath => "File can't be a path, just a filename",
            ManifestReason::UnknownType => "Unknown AOF file type",
            ManifestReason::DuplicateBase => "Found duplicate base file information",
            ManifestReason::NotMonotonic => "Found a non-monotonic sequence number",
        })
    }
}

/// Says what Redis logs, in as many lines.
impl fmt::Display for ManifestError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !matches!(self.reason, ManifestReason::Empty | ManifestReason::TooLongLine) {
            writeln!(out, "Reading the manifest file, at line {}", self.line)?;
            writeln!(out, ">>> '{}'", self.text)?;
        }
        write!(out, "{}", self.reason)
    }
}

impl std::error::Error for ManifestError {}

#[cfg(test)]
mod tests {
    use super::*;

    const THREE: &str = "file a.2.base.rdb seq 2 type b\n\
                         file \"a b.1.incr.aof\" seq 1 type h\n\
                         file a.2.incr.aof seq 2 type i startoffset 10 endoffset 20\n\
                         file a.3.incr.aof seq 3 type i startoffset 20\n";

    #[test]
    fn a_manifest_comes_back_as_it_was() {
        let manifest = Manifest::parse(THREE.as_bytes()).unwrap();
        assert_eq!(manifest.to_string(), THREE);
        assert_eq!(manifest.history[0].name, "a b.1.incr.aof");
        assert_eq!(manifest.increments[0].start_offset, Some(10));
        assert_eq!(manifest.last_sequence(FileType::Increment), 3);
        assert_eq!(manifest.last_sequence(FileType::Base), 2);
    }

    #[test]
    fn comments_unknown_fields_and_capitals_are_taken() {
        let text = "# comment\nFILE a SEQ 1 TYPE ixx with more\n";
        let manifest = Manifest::parse(text.as_bytes()).unwrap();
        assert_eq!(manifest.to_string(), "file a seq 1 type i\n");
        assert_eq!(Manifest::parse(b"# comment\n"), Ok(Manifest::default()));
    }

    /// The texts are those that Redis 8.0 logged for these manifests.
    #[test]
    fn refusals_are_those_of_redis() {
        let line = |text: &str, reason: &str| {
            format!("Reading the manifest file, at line 1\n>>> '{text}'\n{reason}")
        };
        let invalid = |text: &str| line(text, "Invalid AOF manifest file format");
        let long = format!("file {} seq 1 type i\n", "a".repeat(1100));
        let too_long = || "The AOF manifest file contains too long line".to_owned();
        for (text, error) in [
            ("", "Found an empty AOF manifest".to_owned()),
            ("\n", invalid("")),
            ("file a seq 1 type i", too_long()),
            (&long, too_long()),
            ("file a seq 1 type x\n", line("file a seq 1 type x", "Unknown AOF file type")),
            ("file a seq 1\n", invalid("file a seq 1")),
            ("file a seq x type i\n", invalid("file a seq x type i")),
            ("file a seq 0 type i\n", invalid("file a seq 0 type i")),
            ("file a seq 1 type i foo\n", invalid("file a seq 1 type i foo")),
            ("file 'open seq 1 type i\n", invalid("file 'open seq 1 type i")),
            ("file /x seq 1 type i\n", line("file /x seq 1 type i", "File can't be a path, just a filename")),
        ] {
            assert_eq!(Manifest::parse(text.as_bytes()).unwrap_err().to_string(), error, "{text}");
        }
        for (text, reason) in [
            ("file a seq 1 type b\nfile b seq 1 type b\n", "Found duplicate base file information"),
            ("file a seq 2 type i\nfile b seq 1 type i\n", "Found a non-monotonic sequence number"),
            ("file a seq 1 type i\nfile b seq 1 type i\n", "Found a non-monotonic sequence number"),
        ] {
            let error = Manifest::parse(text.as_bytes()).unwrap_err();
            assert_eq!((error.line, error.reason.to_string()), (2, reason.to_owned()), "{text}");
        }
    }
}
