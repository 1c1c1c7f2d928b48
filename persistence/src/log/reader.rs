//! Reading a log: the base, then the increments, command by command.
//!
//! ```text
//! manifest ─ base ─ [RDB: for the caller] ─ commands
//!          └ increments ─ annotation, batch, annotation, batch …
//!                                      └ unit, unit …
//! ```
//!
//! A batch is checked against its annotation before any of its commands is handed out. Files of other programs have no
//! batches; their commands are handed out as they come.

use super::annotation::{Annotation, BatchHead, PlaceNote};
use super::command::Scan;
use super::damage::{Damage, is_refuted};
use super::directory::Directory;
use super::error::ReadError;
use super::manifest::{FileType, LogFile};
use super::recovery::{ReadOptions, Recovered, Step, TailCut, Until};
use super::unit::{Parts, Unit};
use super::window::Window;
use crate::spldb;
use crate::vfs::Access;
use std::collections::VecDeque;
use std::io;

/// The longest line that is read as an annotation; those of others may be long.
const ANNOTATION_BYTES_MAX: usize = 64 * 1024;

/// What the first bytes of a snapshot are: of RDB files of Redis and Valkey, and of our own.
const SNAPSHOT_MAGICS: [&[u8]; 3] = [b"REDIS", b"VALKEY", spldb::MAGIC];

/// Reads a log.
pub struct Reader<'d> {
    directory: &'d Directory,
    options: ReadOptions,
    waiting: VecDeque<LogFile>,
    current: Option<Current>,
    parts: Parts,
    recovered: Recovered,
    /// What the log says last of a place in a stream, with no unit behind it.
    noted: Option<PlaceNote>,
    /// Where the stream of commands began, once a file of it was opened.
    stream_start: Option<u64>,
    /// Whether a batch said where the stream of commands stands; Redis counts its offsets otherwise.
    is_anchored: bool,
    /// Whether the next batch has to begin at the offset.
    is_certain: bool,
    total_bytes: u64,
    read_bytes: u64,
}

/// The file that is being read.
struct Current {
    file: LogFile,
    window: Window,
    /// Whether the file begins with an RDB that was not skipped yet.
    has_snapshot: bool,
    /// Where the batch at hand ends in the file.
    batch_end: Option<u64>,
    /// Whether batches were seen: whether the file is ours.
    has_batches: bool,
    /// Whether the file was begun by a rewrite that failed, while the one before it went on.
    is_stale: bool,
}

/// What a step inside a file came to.
enum Inside {
    /// A unit of so many bytes, at the window's place.
    Unit(usize),
    /// Something was skipped.
    Skipped,
    Stop,
    EndOfFile,
    Damaged(Damage),
}

impl<'d> Reader<'d> {
    /// Starts at the beginning. All files must be there.
    pub fn new(directory: &'d Directory, options: ReadOptions) -> Result<Reader<'d>, ReadError> {
        let manifest = directory.manifest();
        let waiting: VecDeque<LogFile> = manifest.base.iter().chain(&manifest.increments).cloned().collect();
        let mut total_bytes = 0;
        for file in &waiting {
            total_bytes += open(directory, file)?.length();
        }
        let start = manifest.increments.first().and_then(|file| file.start_offset);
        Ok(Reader {
            directory,
            options,
            waiting,
            current: None,
            parts: Parts::default(),
            recovered: Recovered {
                offset: start.unwrap_or(0),
                cut: None,
                stopped_early: false,
                place: None,
                can_go_on: false,
            },
            noted: None,
            stream_start: None,
            is_anchored: false,
            is_certain: false,
            total_bytes,
            read_bytes: 0,
        })
    }

    /// Finds what comes next.
    ///
    /// A unit is handed out when all of it was read, and its batch compared with the checksum. Memory is bounded by the
    /// largest batch and the largest unit that are there, whatever lengths are announced.
    pub fn step(&mut self) -> Result<Step<'_>, ReadError> {
        loop {
            if self.current.is_none() && !self.open_next()? {
                return Ok(Step::End);
            }
            let current = self.current.as_mut().expect("just opened");
            if current.has_snapshot {
                return Ok(Step::Snapshot(self.current.as_ref().expect("just seen").window.file()));
            }
            let inside = self.step_inside().map_err(|error| self.io_error(error))?;
            match inside {
                Inside::Skipped => {}
                Inside::Unit(length) => return Ok(Step::Unit(self.hand_out(length))),
                Inside::EndOfFile => self.close(),
                Inside::Damaged(damage) => self.end_damaged(damage)?,
                Inside::Stop => self.stop()?,
            }
        }
    }

    /// Says where in its file a snapshot ended that [`Reader::step`] gave; commands may follow it.
    pub fn snapshot_ends(&mut self, offset: u64) {
        if let Some(current) = &mut self.current {
            current.window.seek(offset);
            current.has_snapshot = false;
        }
    }

    /// Returns how many bytes all files have.
    pub fn total_bytes(&self) -> u64 {
        self.total_bytes
    }

    /// Returns how many of them were read.
    pub fn read_bytes(&self) -> u64 {
        self.read_bytes + self.current.as_ref().map_or(0, |current| current.window.offset())
    }

    /// Returns the name of the file that is being read.
    pub fn file_name(&self) -> Option<&str> {
        self.current.as_ref().map(|current| current.file.name.as_str())
    }

    /// Ends reading. What has not been read counts as not wanted, as after [`Until`].
    pub fn finish(mut self) -> Recovered {
        let recovered = &mut self.recovered;
        recovered.stopped_early |= self.current.is_some() || !self.waiting.is_empty();
        let is_whole = !recovered.stopped_early && recovered.cut.is_none();
        let is_there = |note: &PlaceNote| is_whole && note.offset == recovered.offset;
        recovered.place = self.noted.filter(is_there).map(|note| note.place);
        self.recovered
    }

    fn open_next(&mut self) -> Result<bool, ReadError> {
        let Some(file) = self.waiting.pop_front() else {
            return Ok(false);
        };
        let mut window = open(self.directory, &file)?;
        let is_base = file.file_type == FileType::Base;
        let has_snapshot =
            is_base && starts_as_snapshot(&mut window).map_err(|error| named(&file.name, error))?;
        // A log of one file is its own stream, though it is called a base.
        if !is_base || file.name == self.directory.names().file {
            self.begin_stream(&file)?;
        }
        self.recovered.can_go_on = false;
        self.current = Some(Current::new(file, window, has_snapshot));
        Ok(true)
    }

    /// Finds out where the stream of commands stands at the beginning of a file.
    fn begin_stream(&mut self, file: &LogFile) -> Result<(), ReadError> {
        if let Some(start) = file.start_offset.filter(|_| !self.is_anchored) {
            self.recovered.offset = start;
            self.is_certain = true;
        }
        let offset = self.recovered.offset;
        let is_first = self.stream_start.is_none();
        self.stream_start.get_or_insert(offset);
        match self.options.until {
            Until::Offset(until) if is_first && until < offset => Err(ReadError::BeforeStart),
            _ => Ok(()),
        }
    }

    fn close(&mut self) {
        if let Some(current) = self.current.take() {
            self.read_bytes += current.window.length();
            self.recovered.can_go_on = current.has_batches && !current.is_stale;
        }
    }

    /// Looks at what stands at the window's place.
    fn step_inside(&mut self) -> io::Result<Inside> {
        let current = self.current.as_mut().expect("a file is open");
        if current.batch_end == Some(current.window.offset()) {
            current.batch_end = None;
        }
        current.window.want(1)?;
        match current.window.bytes().first() {
            None => Ok(Inside::EndOfFile),
            Some(b'#') if current.batch_end.is_none() => self.take_annotation(),
            Some(_) => self.take_unit(),
        }
    }

    fn take_annotation(&mut self) -> io::Result<Inside> {
        let current = self.current.as_mut().expect("a file is open");
        let Some(line_bytes) = current.line_bytes()? else {
            let is_torn = current.window.left() < ANNOTATION_BYTES_MAX as u64;
            let torn = Damage::Torn { in_transaction: false };
            return Ok(Inside::Damaged(if is_torn { torn } else { Damage::Malformed }));
        };
        let line = &current.window.bytes()[..line_bytes - 1];
        current.has_batches |= Annotation::is_of_batch(line);
        match Annotation::parse(line) {
            Annotation::Damaged if current.has_batches => return Ok(Inside::Damaged(Damage::Malformed)),
            // Redis skips all of them.
            Annotation::Other | Annotation::Damaged => {}
            Annotation::Time(time) => {
                let is_over = matches!(self.options.until, Until::Time(last) if time > last);
                if is_over && self.stream_start.is_some() {
                    return Ok(Inside::Stop);
                }
            }
            Annotation::Place(note) => self.noted = Some(note),
            Annotation::Batch(head) if self.options.verify_checksums => {
                return self.take_batch(&head, line_bytes);
            }
            Annotation::Batch(head) => self.recovered.offset = head.offset,
        }
        current.window.advance(line_bytes);
        Ok(Inside::Skipped)
    }

    /// Checks a batch and enters it.
    fn take_batch(&mut self, head: &BatchHead, line_bytes: usize) -> io::Result<Inside> {
        let current = self.current.as_mut().expect("a file is open");
        if self.is_certain && head.offset != self.recovered.offset {
            current.is_stale = is_only_mark(&mut current.window)?;
            if !current.is_stale {
                return Ok(Inside::Damaged(Damage::Malformed));
            }
            current.window.advance(line_bytes);
            return Ok(Inside::Skipped);
        }
        let whole = head.length.saturating_add(line_bytes as u64);
        if current.window.left() < whole {
            return Ok(Inside::Damaged(Damage::Torn { in_transaction: false }));
        }
        // The file has them all, so they fit into memory as well as anything.
        let whole = usize::try_from(whole).unwrap_or(usize::MAX);
        current.window.want(whole)?;
        if !head.fits(&current.window.bytes()[line_bytes..whole]) {
            return Ok(Inside::Damaged(Damage::Malformed));
        }
        self.recovered.offset = head.offset;
        (self.is_anchored, self.is_certain) = (true, true);
        current.batch_end = Some(current.window.offset() + whole as u64);
        current.window.advance(line_bytes);
        Ok(Inside::Skipped)
    }

    fn take_unit(&mut self) -> io::Result<Inside> {
        let current = self.current.as_mut().expect("a file is open");
        loop {
            let needed = match self.parts.scan(current.unit_bytes()) {
                Scan::Whole(end) => {
                    let end_offset = self.recovered.offset + end as u64;
                    let is_over = matches!(self.options.until, Until::Offset(last) if end_offset > last);
                    let stops = is_over && self.stream_start.is_some();
                    return Ok(if stops { Inside::Stop } else { Inside::Unit(end) });
                }
                Scan::Malformed => return Ok(Inside::Damaged(Damage::Malformed)),
                Scan::Incomplete(needed) => needed,
            };
            if current.batch_end.is_some() {
                return Ok(Inside::Damaged(Damage::Malformed));
            }
            if current.window.left() < needed as u64 {
                let in_transaction = self.parts.is_transaction();
                return Ok(Inside::Damaged(Damage::Torn { in_transaction }));
            }
            current.window.want(needed)?;
        }
    }

    fn hand_out(&mut self, length: usize) -> Unit<'_> {
        let current = self.current.as_mut().expect("a file is open");
        let offset = self.recovered.offset;
        // What follows a note is not in what it tells of.
        self.noted = None;
        if self.stream_start.is_some() {
            self.recovered.offset += length as u64;
        }
        current.window.advance(length);
        Unit {
            bytes: current.window.passed(length),
            parts: &self.parts,
            offset,
            end_offset: self.recovered.offset,
        }
    }

    /// Stops where the options say.
    fn stop(&mut self) -> Result<(), ReadError> {
        let is_at_start = self.stream_start == Some(self.recovered.offset);
        if is_at_start && matches!(self.options.until, Until::Time(_)) {
            return Err(ReadError::BeforeStart);
        }
        self.recovered.stopped_early = true;
        self.current = None;
        self.waiting.clear();
        Ok(())
    }

    /// Ends at damage if it may be left out.
    fn end_damaged(&mut self, damage: Damage) -> Result<(), ReadError> {
        let mut current = self.current.take().expect("a file is open");
        let (name, offset) = (current.file.name.clone(), current.window.offset());
        let bytes = current.window.left();
        if !self.is_rest_empty()? {
            return Err(ReadError::NotTheLast { name, offset });
        }
        let is_in_batch = current.batch_end.is_some();
        let refuted = is_refuted(&mut current.window, self.recovered.offset);
        let refuted = refuted.map_err(|error| named(&name, error))?;
        // A batch whose checksum fits was written as it is.
        let is_torn = !refuted && !is_in_batch && (damage != Damage::Malformed || current.has_batches);
        if is_torn && !self.options.load_truncated {
            return Err(ReadError::UnexpectedEnd { name, offset });
        }
        if !is_torn && (is_in_batch || bytes > self.options.corrupt_tail_bytes_max) {
            return Err(ReadError::BadFormat { name, offset });
        }
        let in_transaction = damage == Damage::Torn { in_transaction: true };
        self.recovered.cut = Some(TailCut { name, offset, bytes, in_transaction });
        self.recovered.can_go_on = current.has_batches;
        Ok(())
    }

    /// Whether the files behind the current one hold no commands, as when a rewrite had just begun.
    fn is_rest_empty(&self) -> Result<bool, ReadError> {
        for file in &self.waiting {
            let mut window = open(self.directory, file)?;
            if !is_only_mark(&mut window).map_err(|error| named(&file.name, error))? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn io_error(&self, error: io::Error) -> ReadError {
        named(self.file_name().unwrap_or_default(), error)
    }
}

impl Current {
    fn new(file: LogFile, window: Window, has_snapshot: bool) -> Current {
        Current { file, window, has_snapshot, batch_end: None, has_batches: false, is_stale: false }
    }

    /// Returns the bytes at hand that a unit may be made of.
    fn unit_bytes(&self) -> &[u8] {
        let bytes = self.window.bytes();
        match self.batch_end {
            Some(end) => &bytes[..(end - self.window.offset()) as usize],
            None => bytes,
        }
    }

    /// Returns the length of the line at the window's place, its end included; `None` when it doesn't end, or not soon.
    fn line_bytes(&mut self) -> io::Result<Option<usize>> {
        let mut wanted = 128;
        loop {
            self.window.want(wanted)?;
            let bytes = self.window.bytes();
            let line = &bytes[..bytes.len().min(ANNOTATION_BYTES_MAX)];
            if let Some(end) = line.iter().position(|&byte| byte == b'\n') {
                return Ok(Some(end + 1));
            }
            if wanted >= ANNOTATION_BYTES_MAX || bytes.len() as u64 == self.window.left() {
                return Ok(None);
            }
            wanted = ANNOTATION_BYTES_MAX;
        }
    }
}

fn open(directory: &Directory, file: &LogFile) -> Result<Window, ReadError> {
    let opened = directory.vfs().open(&directory.path(file), Access::Read);
    let window = opened.and_then(Window::new);
    window.map_err(|error| ReadError::Missing { name: file.name.clone(), error })
}

/// Whether a file, of which nothing was read yet, is empty or has only the batch without commands that each increment begins with.
fn is_only_mark(window: &mut Window) -> io::Result<bool> {
    if window.length() == 0 || window.offset() > 0 {
        return Ok(window.length() == 0);
    }
    window.want(128)?;
    let line = window.bytes().strip_suffix(b"\n").filter(|line| line.len() as u64 + 1 == window.length());
    let annotation = line.filter(|line| line.starts_with(b"#")).map(Annotation::parse);
    Ok(matches!(annotation, Some(Annotation::Batch(head)) if head.fits(&[])))
}

fn starts_as_snapshot(window: &mut Window) -> io::Result<bool> {
    window.want(spldb::MAGIC.len())?;
    Ok(SNAPSHOT_MAGICS.iter().any(|magic| window.bytes().starts_with(magic)))
}

fn named(name: &str, error: io::Error) -> ReadError {
    ReadError::Io { name: name.to_owned(), error }
}
