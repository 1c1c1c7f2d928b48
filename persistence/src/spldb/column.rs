//! Reading a column: blocks that follow each other.

use super::archive::ColumnEntry;
use super::block::open;
use super::layout::{HEAD_BYTES, Head, Kind, checksum, compare, stored_checksum};
use crate::rdb::decode::input::Input;
use crate::rdb::{Checksum, Fault, Verification};
use crate::vfs::{File, Stream};
use std::io::{self, Read};

/// The blocks of one kind between two offsets. No content is given out before its block is checked, and none of the last
/// block before all of the column is.
pub(super) struct Column<'f> {
    file: &'f dyn File,
    kind: Kind,
    database: u16,
    /// Where the next block lies.
    offset: u64,
    end: u64,
    verification: Verification,
    /// What the checksum must be at the end, and what it is so far.
    expected: u64,
    checksum: Checksum,
    /// A block as it is stored.
    stored: Vec<u8>,
    /// What it became, and how much of that was read.
    content: Vec<u8>,
    read: usize,
}

impl<'f> Column<'f> {
    /// Starts to read a column that lies at `offset` and takes up to `entry.bytes`, which the file must have.
    pub(super) fn new(
        (file, verification): (&'f dyn File, Verification),
        (kind, database): (Kind, u16),
        offset: u64,
        entry: ColumnEntry,
    ) -> Column<'f> {
        Column {
            file,
            kind,
            database,
            offset,
            end: offset + entry.bytes,
            verification,
            expected: entry.checksum,
            checksum: Checksum::new(),
            stored: Vec::new(),
            content: Vec::new(),
            read: 0,
        }
    }

    /// Makes it use the memory of another one.
    pub(super) fn with_room(self, stored: Vec<u8>, content: Vec<u8>) -> Column<'f> {
        Column { stored, content, ..self }
    }

    /// The content as input for a decoder. A column of one block is read at once, and its memory comes back: what the
    /// block was stored in here, and the content by [`Input::into_bytes`].
    pub(super) fn into_input(
        mut self,
        text_bytes_max: usize,
        room: &mut Vec<u8>,
    ) -> Result<Input<'f>, Fault> {
        self.next_block()?;
        if self.offset < self.end {
            return Ok(Input::new(self, text_bytes_max));
        }
        *room = self.stored;
        Ok(Input::of_vec(self.content, text_bytes_max))
    }

    /// Reads the next block in place of the last; leaves nothing at the end.
    fn next_block(&mut self) -> Result<(), Fault> {
        self.read = 0;
        self.content.clear();
        if self.offset == self.end {
            return Ok(());
        }
        let mut head_bytes = [0; HEAD_BYTES];
        let room = self.end - self.offset;
        if room < HEAD_BYTES as u64 {
            return Err(Fault::Malformed("there is no room for a block"));
        }
        read_exact(self.file, self.offset, &mut head_bytes)?;
        let head = Head::parse(&head_bytes, (self.kind, self.database), room)?;
        self.stored.resize(head.stored, 0);
        read_exact(self.file, self.offset + HEAD_BYTES as u64, &mut self.stored)?;
        self.offset += (HEAD_BYTES + head.stored) as u64;
        if self.verification == Verification::On {
            let sum = checksum(&head_bytes, &self.stored);
            compare(stored_checksum(&head_bytes), sum)?;
            self.checksum = self.checksum.followed_by(sum);
            if self.offset == self.end {
                compare(self.expected, self.checksum)?;
            }
        }
        open(head, &self.stored, &mut self.content)
    }
}

impl Read for Column<'_> {
    fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
        if self.read == self.content.len() {
            self.next_block().map_err(io::Error::other)?;
        }
        let count = (&self.content[self.read..]).read(room)?;
        self.read += count;
        Ok(count)
    }
}

/// Reads as many bytes as there is room for.
pub(super) fn read_exact(file: &dyn File, offset: u64, room: &mut [u8]) -> Result<(), Fault> {
    Ok(Stream::new(file, offset).read_exact(room)?)
}
