//! A file that is open for reading: what is in it, and where.

use super::column::{Column, read_exact};
use super::layout::{FOOTER_BYTES, Footer, HEADER_BYTES, Kind, MAGIC, check_header};
use super::part::PartReader;
use crate::rdb::decode::input::Input;
use crate::rdb::table::opcode;
use crate::rdb::{Fault, Forms, ReadError, Verification};
use crate::vfs::File;

/// Whether a file is one of our own snapshots, by what it starts with.
pub fn is_archive(file: &dyn File) -> Result<bool, ReadError> {
    let mut start = [0; MAGIC.len()];
    match read_exact(file, 0, &mut start) {
        Ok(()) => Ok(start == *MAGIC),
        Err(Fault::Truncated) => Ok(false),
        Err(fault) => Err(ReadError { offset: 0, fault }),
    }
}

/// Where the blocks of a column are, as the root says it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct ColumnEntry {
    /// All bytes of its blocks.
    pub(super) bytes: u64,
    /// The checksum of its blocks.
    pub(super) checksum: u64,
}

/// What the root says of a part.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct PartEntry {
    /// The database of its keys.
    pub database: u16,
    /// How many keys it has.
    pub keys: u64,
    /// How many of them expire.
    pub expiring: u64,
    pub(super) table: ColumnEntry,
    pub(super) values: ColumnEntry,
}

impl PartEntry {
    /// How many bytes of the file the part takes.
    pub fn bytes(&self) -> u64 {
        self.table.bytes + self.values.bytes
    }
}

/// Something in a file that belongs to no key.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Note {
    /// A field about the file, with its name.
    Field(Vec<u8>, Vec<u8>),
    /// The code of a function library.
    Function(Vec<u8>),
}

/// A file whose root was read and found right, so that it is known to be complete. What the parts hold is checked as they
/// are read.
///
/// ```
/// use spinel_persistence::rdb::{Compression, Encoder, Marks, Verification};
/// use spinel_persistence::spldb::{Archive, Assembly, Coding, PartEncoder};
/// use spinel_persistence::vfs::{SimulatedVfs, Vfs};
/// use spinel_types::{Str, Value};
/// # use spinel_persistence::rdb::Forms;
/// # use spinel_types::{HashLimits, HashSeed, ListLimits, SetLimits, SortedSetLimits};
/// # let forms = Forms {
/// #     seed: HashSeed::new(1, 2),
/// #     hash: HashLimits { entries_max: 16, value_bytes_max: 64 },
/// #     list: ListLimits { listpack_max: 12, compress_depth: 0, plain_min: 0 },
/// #     set: SetLimits { integers_max: 20, entries_max: 16, value_bytes_max: 64 },
/// #     sorted_set: SortedSetLimits { entries_max: 16, member_bytes_max: 64 },
/// #     string_bytes_max: 1 << 20,
/// # };
/// use std::io::Write;
///
/// let (mut notes, mut bytes) = (Vec::new(), Vec::new());
/// Encoder::new(Compression::None).aux(b"redis-ver", b"8.0.0", &mut notes);
/// let mut assembly = Assembly::begin(Coding::Lz4, &notes, &mut bytes);
/// let mut encoder = PartEncoder::new(Coding::Lz4);
/// let full = encoder.key(b"greeting", Value::String(Str::Text(b"hello")), Marks::default());
/// for part in full.into_iter().chain(encoder.finish()) {
///     assembly.add(&part);
///     bytes.extend_from_slice(&part.bytes);
/// }
/// assembly.end(&mut bytes);
///
/// let vfs = SimulatedVfs::new(1);
/// vfs.create("/dump.spldb".as_ref())?.write_all(&bytes)?;
/// let file = vfs.open("/dump.spldb".as_ref(), spinel_persistence::vfs::Access::Read)?;
/// let archive = Archive::open(&*file, &forms, Verification::On)?;
/// assert_eq!(archive.keys(), 1);
/// let mut reader = archive.reader();
/// reader.select(0)?;
/// let record = reader.read()?.expect("there is a key");
/// assert_eq!(record.key, b"greeting");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Archive<'f> {
    source: (&'f dyn File, Verification),
    pub(super) forms: Forms,
    bytes: u64,
    keys: u64,
    notes: ColumnEntry,
    parts: Vec<(u64, PartEntry)>,
}

impl<'f> Archive<'f> {
    /// Opens a file, all of which must be a snapshot. O(number of parts).
    ///
    /// Without verification, checksums may be wrong here and in parts; all else is checked nevertheless.
    pub fn open(
        file: &'f dyn File,
        forms: &Forms,
        verification: Verification,
    ) -> Result<Archive<'f>, ReadError> {
        let at = |offset| move |fault| ReadError { offset, fault };
        let bytes = file.len().map_err(Fault::from).map_err(at(0))?;
        let mut header = [0; HEADER_BYTES];
        read_exact(file, 0, &mut header).and_then(|()| check_header(&header)).map_err(
            |fault| match fault {
                Fault::Truncated => ReadError { offset: 0, fault: Fault::NotSpldb },
                fault => ReadError { offset: 0, fault },
            },
        )?;
        let footer_at = bytes.checked_sub(FOOTER_BYTES as u64).filter(|at| *at >= HEADER_BYTES as u64);
        let footer_at = footer_at.ok_or(ReadError { offset: bytes, fault: Fault::Truncated })?;
        let mut footer = [0; FOOTER_BYTES];
        let footer =
            read_exact(file, footer_at, &mut footer).and_then(|()| Footer::parse(&footer, verification));
        let footer = footer.map_err(at(footer_at))?;
        let mut archive = Archive {
            source: (file, verification),
            forms: *forms,
            bytes,
            keys: footer.keys,
            notes: ColumnEntry { bytes: 0, checksum: 0 },
            parts: Vec::new(),
        };
        archive.read_root(&footer, footer_at).map_err(at(footer.root_offset))?;
        Ok(archive)
    }

    /// The bytes of the file.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// How many keys all parts have.
    pub fn keys(&self) -> u64 {
        self.keys
    }

    /// What a part is; they are counted from 0.
    pub fn part(&self, index: usize) -> Option<&PartEntry> {
        self.parts.get(index).map(|(_, entry)| entry)
    }

    /// What the parts are.
    pub fn parts(&self) -> impl ExactSizeIterator<Item = &PartEntry> {
        self.parts.iter().map(|(_, entry)| entry)
    }

    /// Reads what belongs to no key.
    pub fn notes(&self) -> Result<Vec<Note>, ReadError> {
        self.read_notes().map_err(|fault| ReadError { offset: HEADER_BYTES as u64, fault })
    }

    /// Makes a reader of parts, which any thread may have of its own.
    pub fn reader(&self) -> PartReader<'_> {
        PartReader::new(self)
    }

    /// The column of a part's table or values, and where the part lies.
    pub(super) fn columns(&self, index: usize) -> (u64, PartEntry, [Column<'f>; 2]) {
        let (offset, entry) = self.parts[index];
        let column = |kind, offset, column| Column::new(self.source, (kind, entry.database), offset, column);
        let table = column(Kind::Table, offset, entry.table);
        let values = column(Kind::Values, offset + entry.table.bytes, entry.values);
        (offset, entry, [table, values])
    }

    fn read_notes(&self) -> Result<Vec<Note>, Fault> {
        let mut notes = Vec::new();
        if self.notes.bytes == 0 {
            return Ok(notes);
        }
        let column = Column::new(self.source, (Kind::Notes, 0), HEADER_BYTES as u64, self.notes);
        let mut input = column.into_input(self.forms.string_bytes_max, &mut Vec::new())?;
        while input.peek()?.is_some() {
            let opcode = input.byte()?;
            let mut text = || {
                let mut text = Vec::new();
                input.text_into(&mut text).map(|()| text)
            };
            notes.push(match opcode {
                opcode::AUX => Note::Field(text()?, text()?),
                opcode::FUNCTION => Note::Function(text()?),
                unknown => return Err(Fault::UnknownType(unknown)),
            });
        }
        Ok(notes)
    }

    fn read_root(&mut self, footer: &Footer, footer_at: u64) -> Result<(), Fault> {
        let is_inside = (HEADER_BYTES as u64..footer_at).contains(&footer.root_offset);
        if !is_inside {
            return Err(Fault::Malformed("the root lies outside of the file"));
        }
        let entry = ColumnEntry { bytes: footer_at - footer.root_offset, checksum: footer.root_checksum };
        let column = Column::new(self.source, (Kind::Root, 0), footer.root_offset, entry);
        let mut input = column.into_input(self.forms.string_bytes_max, &mut Vec::new())?;
        self.notes = ColumnEntry::read(&mut input)?;
        let mut offset = advance(HEADER_BYTES as u64, self.notes, footer.root_offset)?;
        let mut keys: u64 = 0;
        while input.peek()?.is_some() {
            let part = PartEntry::read(&mut input)?;
            self.parts.push((offset, part));
            keys = keys.checked_add(part.keys).ok_or(Fault::Malformed("there are too many keys"))?;
            offset = advance(offset, part.table, footer.root_offset)?;
            offset = advance(offset, part.values, footer.root_offset)?;
        }
        if offset != footer.root_offset || keys != footer.keys {
            return Err(Fault::Malformed("the root doesn't tell of all that is in the file"));
        }
        Ok(())
    }
}

/// Where a column ends, which must not be behind `end`.
fn advance(offset: u64, column: ColumnEntry, end: u64) -> Result<u64, Fault> {
    let behind = offset.checked_add(column.bytes).filter(|behind| *behind <= end);
    behind.ok_or(Fault::Malformed("a part lies outside of the file"))
}

impl ColumnEntry {
    fn read(input: &mut Input<'_>) -> Result<ColumnEntry, Fault> {
        Ok(ColumnEntry { bytes: input.length()?, checksum: input.u64()? })
    }
}

impl PartEntry {
    fn read(input: &mut Input<'_>) -> Result<PartEntry, Fault> {
        let database = u16::try_from(input.length()?);
        let database = database.map_err(|_| Fault::Malformed("there is no database of this number"))?;
        let (keys, expiring) = (input.length()?, input.length()?);
        if keys == 0 || expiring > keys {
            return Err(Fault::Malformed("a part has a number of keys that it can't have"));
        }
        let (table, values) = (ColumnEntry::read(input)?, ColumnEntry::read(input)?);
        Ok(PartEntry { database, keys, expiring, table, values })
    }
}
