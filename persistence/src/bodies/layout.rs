//! What stands in a file beside the body.

use crate::rdb::Checksum;

const MAGIC: &[u8; 8] = b"SPBODY02";

/// What stands behind the body and its key.
pub const FOOTER_BYTES: usize = 56;
/// What of the footer the checksum is of.
const SUMMED_BYTES: usize = 48;

/// What a file says of its body.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Head {
    /// The number of the body.
    pub id: u128,
    /// Its length in bytes.
    pub length: u64,
    /// Its checksum.
    pub checksum: u64,
    /// In which database it was stored first.
    pub database: u16,
}

/// The bytes of a file with a body and a key of these lengths.
pub fn file_bytes(length: u64, key_bytes: usize) -> u64 {
    FOOTER_BYTES as u64 + length + key_bytes as u64
}

impl Head {
    /// The footer of a file.
    pub(super) fn bytes(&self, key: &[u8]) -> [u8; FOOTER_BYTES] {
        let mut bytes = [0; FOOTER_BYTES];
        bytes[..8].copy_from_slice(MAGIC);
        bytes[8..24].copy_from_slice(&self.id.to_le_bytes());
        bytes[24..32].copy_from_slice(&self.length.to_le_bytes());
        bytes[32..40].copy_from_slice(&self.checksum.to_le_bytes());
        bytes[40..42].copy_from_slice(&self.database.to_le_bytes());
        bytes[44..48].copy_from_slice(&(key.len() as u32).to_le_bytes());
        let checksum = sum(&bytes, key);
        bytes[SUMMED_BYTES..].copy_from_slice(&checksum.to_le_bytes());
        bytes
    }

    /// Reads a footer, and says how long the key is; nothing if it is none. The key is not checked yet.
    pub(super) fn parse(bytes: &[u8; FOOTER_BYTES]) -> Option<(Head, u32)> {
        let mut input = bytes.strip_prefix(MAGIC)?;
        let head = Head {
            id: u128::from_le_bytes(take(&mut input)?),
            length: u64::from_le_bytes(take(&mut input)?),
            checksum: u64::from_le_bytes(take(&mut input)?),
            database: u16::from_le_bytes(take(&mut input)?),
        };
        let zero: [u8; 2] = take(&mut input)?;
        let key_bytes = u32::from_le_bytes(take(&mut input)?);
        (zero == [0; 2]).then_some((head, key_bytes))
    }
}

/// Whether the checksum of a footer is right.
pub(super) fn is_sound(footer: &[u8; FOOTER_BYTES], key: &[u8]) -> bool {
    footer[SUMMED_BYTES..] == sum(footer, key).to_le_bytes()
}

fn sum(footer: &[u8; FOOTER_BYTES], key: &[u8]) -> u64 {
    let mut checksum = Checksum::of(&footer[..SUMMED_BYTES]);
    checksum.update(key);
    checksum.value()
}

fn take<const N: usize>(input: &mut &[u8]) -> Option<[u8; N]> {
    let (array, rest) = input.split_first_chunk()?;
    *input = rest;
    Some(*array)
}
