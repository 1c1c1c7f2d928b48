//! The dense form: 16,384 registers of 6 bits, the lowest bits of a byte first.
//!
//! ```text
//! byte      0                 1                 2
//! bits      7 6│5 4 3 2 1 0   7 6 5 4│3 2 1 0   7 6 5 4 3 2│1 0
//! register   1 │     0           2   │   1           3     │ 2
//! ```
//!
//! Six bytes are eight registers. [`spread`] gives each a byte of its own, all eight at once.

use super::estimate::Histogram;
use super::registers::Registers;
use super::{RANK_MASK, REGISTERS};

/// Bytes of all registers.
pub(super) const BYTES: usize = REGISTERS * 6 / 8;

/// Where a register lies: its first byte, how many bytes it touches, and its lowest bit in the first one.
fn place(register: usize) -> (usize, usize, u32) {
    let bit = register * 6;
    let shift = bit as u32 % 8;
    (bit / 8, if shift > 2 { 2 } else { 1 }, shift)
}

/// The rank in a register. O(1).
pub(super) fn rank(bytes: &[u8], register: usize) -> u8 {
    let (at, touched, shift) = place(register);
    let word = u16::from_le_bytes([bytes[at], if touched == 2 { bytes[at + 1] } else { 0 }]);
    (word >> shift) as u8 & RANK_MASK
}

/// The bytes of a register as they are with another rank in it: where they start, they, and how many. O(1).
pub(super) fn with_rank(bytes: &[u8], register: usize, rank: u8) -> (usize, [u8; 2], usize) {
    let (at, touched, shift) = place(register);
    let word = u16::from_le_bytes([bytes[at], if touched == 2 { bytes[at + 1] } else { 0 }]);
    let word = word & !(u16::from(RANK_MASK) << shift) | u16::from(rank) << shift;
    (at, word.to_le_bytes(), touched)
}

/// Puts a rank into a register. O(1).
pub(super) fn set_rank(bytes: &mut [u8], register: usize, rank: u8) {
    let (at, changed, touched) = with_rank(bytes, register, rank);
    bytes[at..at + touched].copy_from_slice(&changed[..touched]);
}

/// Gives each of the eight registers in 48 bits a byte: 24 bits to 32, 12 to 16, 6 to 8.
#[inline]
fn spread(packed: u64) -> u64 {
    let halves = packed & 0x0000_00ff_ffff | (packed & 0xffff_ff00_0000) << 8;
    let quarters = halves & 0x0000_0fff_0000_0fff | (halves & 0x00ff_f000_00ff_f000) << 4;
    quarters & 0x003f_003f_003f_003f | (quarters & 0x0fc0_0fc0_0fc0_0fc0) << 2
}

/// Takes back what [`spread`] did.
#[inline]
fn pack(spread: u64) -> u64 {
    let quarters = spread & 0x003f_003f_003f_003f | (spread & 0x3f00_3f00_3f00_3f00) >> 2;
    let halves = quarters & 0x0000_0fff_0000_0fff | (quarters & 0x0fff_0000_0fff_0000) >> 4;
    halves & 0x00ff_ffff | (halves & 0x00ff_ffff_0000_0000) >> 8
}

/// Eight registers at a time, each in a byte.
#[inline]
fn eights(bytes: &[u8]) -> impl Iterator<Item = [u8; 8]> {
    let (groups, _) = bytes.as_chunks::<6>();
    groups
        .iter()
        .map(|[a, b, c, d, e, f]| spread(u64::from_le_bytes([*a, *b, *c, *d, *e, *f, 0, 0])).to_le_bytes())
}

/// Lifts `registers` to what is higher here. O(registers).
pub(super) fn merge_into(bytes: &[u8], registers: &mut Registers) {
    let (groups, _) = registers.ranks_mut().as_chunks_mut::<8>();
    for (ranks, others) in groups.iter_mut().zip(eights(bytes)) {
        for (rank, other) in ranks.iter_mut().zip(others) {
            *rank = other.max(*rank);
        }
    }
}

/// Writes registers to `bytes`. O(registers).
pub(super) fn write(registers: &Registers, bytes: &mut [u8]) {
    let (groups, _) = bytes.as_chunks_mut::<6>();
    let (eights, _) = registers.ranks().as_chunks::<8>();
    for (group, ranks) in groups.iter_mut().zip(eights) {
        let packed = pack(u64::from_le_bytes(*ranks)).to_le_bytes();
        group.copy_from_slice(&packed[..6]);
    }
}

/// Counts registers by rank. O(registers).
///
/// Neighbours are counted in different histograms: the same cell twice in a row would wait for itself.
pub(super) fn histogram(bytes: &[u8]) -> Histogram {
    let mut parts = [[0_u32; 64]; 4];
    for eight in eights(bytes) {
        for (index, rank) in eight.into_iter().enumerate() {
            parts[index % 4][usize::from(rank & RANK_MASK)] += 1;
        }
    }
    std::array::from_fn(|rank| parts.iter().map(|part| part[rank]).sum())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn eight_registers_spread_and_pack() {
        let mut bytes = [0; BYTES];
        for register in 0..REGISTERS {
            set_rank(&mut bytes, register, (register * 7 % 64) as u8);
        }
        let spread: Vec<u8> = eights(&bytes).flatten().collect();
        for (register, other) in spread.iter().enumerate() {
            assert_eq!((rank(&bytes, register), *other), ((register * 7 % 64) as u8, *other));
            assert_eq!(rank(&bytes, register), *other);
        }
        let mut registers = Registers::new();
        merge_into(&bytes, &mut registers);
        let mut again = [0; BYTES];
        write(&registers, &mut again);
        assert_eq!(again, bytes);
        assert_eq!(histogram(&bytes), registers.histogram());
    }
}
