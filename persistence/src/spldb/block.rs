//! Blocks: content that is compressed and checked on its own.

use super::layout::{CONTENT_BYTES_MAX, Coding, HEAD_BYTES, Head, Kind};
use crate::rdb::{Checksum, Fault};
use lz4_flex::block::{CompressTable, compress_into_with_table, decompress_into, get_maximum_output_size};

/// Makes blocks of content.
pub(super) struct Press {
    coding: Coding,
    /// What the compressor remembers of a block; made once, emptied for each.
    table: CompressTable,
}

impl Press {
    pub(super) fn new(coding: Coding) -> Press {
        Press { coding, table: CompressTable::large() }
    }

    /// Appends content of any length as blocks, and returns their checksum. O(n).
    pub(super) fn column(
        &mut self,
        (kind, database): (Kind, u16),
        content: &[u8],
        out: &mut Vec<u8>,
    ) -> Checksum {
        let block = |content| self.block((kind, database), content, out);
        content.chunks(CONTENT_BYTES_MAX).map(block).fold(Checksum::new(), Checksum::followed_by)
    }

    fn block(&mut self, (kind, database): (Kind, u16), content: &[u8], out: &mut Vec<u8>) -> Checksum {
        let (head_at, stored_at) = (out.len(), out.len() + HEAD_BYTES);
        out.resize(stored_at, 0);
        let is_shorter = self.compress(content, out);
        if !is_shorter {
            out.extend_from_slice(content);
        }
        let coding = if is_shorter { Coding::Lz4 } else { Coding::Stored };
        let stored = out.len() - stored_at;
        let head = Head { kind, coding, database, stored, content: content.len() };
        let (bytes, sum) = head.sealed(&out[stored_at..]);
        out[head_at..stored_at].copy_from_slice(&bytes);
        sum
    }

    /// Appends content compressed if that makes it shorter, and says whether it did.
    fn compress(&mut self, content: &[u8], out: &mut Vec<u8>) -> bool {
        if self.coding == Coding::Stored {
            return false;
        }
        let start = out.len();
        out.resize(start + get_maximum_output_size(content.len()), 0);
        let compressed = compress_into_with_table(content, &mut out[start..], &mut self.table);
        let stored = compressed.ok().filter(|stored| *stored < content.len());
        out.truncate(start + stored.unwrap_or(0));
        stored.is_some()
    }
}

/// Puts the content of a block in place of what `content` holds.
pub(super) fn open(head: Head, stored: &[u8], content: &mut Vec<u8>) -> Result<(), Fault> {
    match head.coding {
        Coding::Stored => {
            content.clear();
            content.extend_from_slice(stored);
        }
        Coding::Lz4 => {
            content.resize(head.content, 0);
            if decompress_into(stored, content).ok() != Some(head.content) {
                return Err(Fault::Malformed("a compressed block is malformed"));
            }
        }
    }
    Ok(())
}
