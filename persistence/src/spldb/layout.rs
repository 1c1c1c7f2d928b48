//! What stands where in header, heads and footer.

use crate::rdb::{Checksum, Fault, Verification};

/// What every file starts with.
pub const MAGIC: &[u8; 8] = b"SPINELDB";

/// What every file ends with.
pub(super) const END: &[u8; 8] = b"SPLDBEND";

/// The version that is written, and the only one that is read.
pub(super) const VERSION: u32 = 1;

pub(super) const HEADER_BYTES: usize = 16;
pub(super) const HEAD_BYTES: usize = 20;
pub(super) const FOOTER_BYTES: usize = 40;

/// No block has more content: what is believed of a head before the checksum is known costs no more memory than this.
pub(super) const CONTENT_BYTES_MAX: usize = 1 << 20;

const CHECKSUM_AT: usize = 12;

/// How the content of blocks is stored.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Coding {
    /// As it is.
    Stored,
    /// As a block of LZ4, where that is shorter.
    Lz4,
}

/// What a block holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Kind {
    Notes = 1,
    Table = 2,
    Values = 3,
    Root = 4,
}

/// What a block is said to be before its bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Head {
    pub(super) kind: Kind,
    pub(super) coding: Coding,
    pub(super) database: u16,
    pub(super) stored: usize,
    pub(super) content: usize,
}

impl Head {
    /// The head with its checksum, and the checksum without it, which is joined with those of other blocks.
    pub(super) fn sealed(self, stored: &[u8]) -> ([u8; HEAD_BYTES], Checksum) {
        let mut bytes = [0; HEAD_BYTES];
        bytes[0] = self.kind as u8;
        bytes[1] = u8::from(self.coding == Coding::Lz4);
        bytes[2..4].copy_from_slice(&self.database.to_le_bytes());
        bytes[4..8].copy_from_slice(&(self.stored as u32).to_le_bytes());
        bytes[8..CHECKSUM_AT].copy_from_slice(&(self.content as u32).to_le_bytes());
        let sum = checksum(&bytes, stored);
        bytes[CHECKSUM_AT..].copy_from_slice(&sum.value().to_le_bytes());
        (bytes, sum)
    }

    /// Reads the head of a block that must be of a kind and a database, and must not take more than `room` bytes in all.
    pub(super) fn parse(
        bytes: &[u8; HEAD_BYTES],
        (kind, database): (Kind, u16),
        room: u64,
    ) -> Result<Head, Fault> {
        let coding = match bytes[1] {
            0 => Coding::Stored,
            1 => Coding::Lz4,
            _ => return Err(Fault::Malformed("a block is coded in a way that is not known")),
        };
        let head = Head {
            kind,
            coding,
            database,
            stored: u32_at(bytes, 4) as usize,
            content: u32_at(bytes, 8) as usize,
        };
        if bytes[0] != kind as u8 || bytes[2..4] != database.to_le_bytes() {
            return Err(Fault::Malformed("another block stands where one should be"));
        }
        let fits = match coding {
            Coding::Stored => head.stored == head.content,
            Coding::Lz4 => head.stored < head.content,
        };
        let is_of_size = (1..=CONTENT_BYTES_MAX).contains(&head.content) && head.stored > 0;
        if !fits || !is_of_size || (HEAD_BYTES + head.stored) as u64 > room {
            return Err(Fault::Malformed("a block has a size that it can't have"));
        }
        Ok(head)
    }
}

/// The checksum that stands in a head.
pub(super) fn stored_checksum(head: &[u8; HEAD_BYTES]) -> u64 {
    u64_at(head, CHECKSUM_AT)
}

/// The checksum of a head, but for the checksum in it, and of the bytes behind it.
pub(super) fn checksum(head: &[u8; HEAD_BYTES], stored: &[u8]) -> Checksum {
    let mut sum = Checksum::of(&head[..CHECKSUM_AT]);
    sum.update(stored);
    sum
}

/// Refuses a checksum that is another one than it should be.
pub(super) fn compare(stored: u64, computed: Checksum) -> Result<(), Fault> {
    let computed = computed.value();
    if stored == computed { Ok(()) } else { Err(Fault::Checksum { stored, computed }) }
}

pub(super) fn header() -> [u8; HEADER_BYTES] {
    let mut bytes = [0; HEADER_BYTES];
    bytes[..8].copy_from_slice(MAGIC);
    bytes[8..12].copy_from_slice(&VERSION.to_le_bytes());
    bytes
}

/// Checks what a file starts with.
pub(super) fn check_header(bytes: &[u8; HEADER_BYTES]) -> Result<(), Fault> {
    if bytes[..8] != *MAGIC {
        return Err(Fault::NotSpldb);
    }
    match (u32_at(bytes, 8), u32_at(bytes, 12)) {
        (VERSION, 0) => Ok(()),
        (VERSION, _) => Err(Fault::Malformed("the header is malformed")),
        (version, _) => Err(Fault::SpldbVersion(version)),
    }
}

/// What a file ends with.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Footer {
    /// Where the first block of the root lies.
    pub(super) root_offset: u64,
    /// How many keys all parts have.
    pub(super) keys: u64,
    /// The checksum of the root's blocks.
    pub(super) root_checksum: u64,
}

impl Footer {
    pub(super) fn bytes(self) -> [u8; FOOTER_BYTES] {
        let mut bytes = [0; FOOTER_BYTES];
        bytes[..8].copy_from_slice(&self.root_offset.to_le_bytes());
        bytes[8..16].copy_from_slice(&self.keys.to_le_bytes());
        bytes[16..24].copy_from_slice(&self.root_checksum.to_le_bytes());
        let sum = Checksum::of(&bytes[..24]).value();
        bytes[24..32].copy_from_slice(&sum.to_le_bytes());
        bytes[32..].copy_from_slice(END);
        bytes
    }

    pub(super) fn parse(bytes: &[u8; FOOTER_BYTES], verification: Verification) -> Result<Footer, Fault> {
        if bytes[32..] != *END {
            return Err(Fault::Malformed(
                "the file doesn't end as it should: a part of it is missing, or too much",
            ));
        }
        if verification == Verification::On {
            compare(u64_at(bytes, 24), Checksum::of(&bytes[..24]))?;
        }
        Ok(Footer { root_offset: u64_at(bytes, 0), keys: u64_at(bytes, 8), root_checksum: u64_at(bytes, 16) })
    }
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(std::array::from_fn(|index| bytes[at + index]))
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(std::array::from_fn(|index| bytes[at + index]))
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: Head =
        Head { kind: Kind::Table, coding: Coding::Lz4, database: 0x0102, stored: 5, content: 9 };

    #[test]
    fn heads_are_as_they_are_drawn() {
        let (bytes, sum) = HEAD.sealed(b"abcde");
        assert_eq!(bytes[..CHECKSUM_AT], [2, 1, 2, 1, 5, 0, 0, 0, 9, 0, 0, 0]);
        assert_eq!(stored_checksum(&bytes), sum.value());
        assert_eq!(sum, Checksum::of(b"\x02\x01\x02\x01\x05\0\0\0\x09\0\0\0abcde"));
        assert_eq!(Head::parse(&bytes, (Kind::Table, 0x0102), 25).expect("it was just made"), HEAD);
    }

    #[test]
    fn heads_that_can_not_be_are_refused() {
        let (bytes, _) = HEAD.sealed(b"abcde");
        let is_refused = |at: usize, byte: u8| {
            let mut bytes = bytes;
            bytes[at] = byte;
            Head::parse(&bytes, (Kind::Table, 0x0102), 25).is_err()
        };
        assert!(!is_refused(0, 2));
        // Another kind, coding, database; a size of nothing, sizes that don't go together, one above the limit.
        for (at, byte) in
            [(0, 3), (0, 0), (1, 2), (1, 0), (2, 3), (4, 0), (4, 9), (4, 6), (8, 0), (8, 5), (10, 17)]
        {
            assert!(is_refused(at, byte), "{byte} at {at}");
        }
        assert!(Head::parse(&bytes, (Kind::Table, 0x0102), 24).is_err(), "more than there is room for");
    }

    #[test]
    fn headers_and_footers_come_back() {
        assert!(check_header(&header()).is_ok());
        for at in 0..HEADER_BYTES {
            let mut bytes = header();
            bytes[at] ^= 0x10;
            assert!(check_header(&bytes).is_err(), "{at}");
        }
        let footer = Footer { root_offset: 1 << 40, keys: 77, root_checksum: u64::MAX - 5 };
        assert_eq!(Footer::parse(&footer.bytes(), Verification::On).expect("it was just made"), footer);
        for at in 0..FOOTER_BYTES {
            let mut bytes = footer.bytes();
            bytes[at] ^= 1;
            assert!(Footer::parse(&bytes, Verification::On).is_err(), "{at}");
        }
    }
}
