//! The dense form: 16,384 registers of 6 bits, the lowest bits of a byte first.
//!
//! ```text
//! byte      0                 1                 2
//! bits      7 6│5 4 3 2 1 0   7 6 5 4│3 2 1 0   7 6 5 4 3 2│1 0
//! register   1 │     0           2   │   1           3     │ 2
//! ```
//!
//! Six bytes are eight registers. [`spread`] gives each a byte of its own, all eight at once; [`wide`] does 32.

use super::estimate::Histogram;
use super::registers::Registers;
use super::wide;
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
    let done = wide::merge(bytes, registers.ranks_mut());
    merge_from(done, bytes, registers);
}

/// The same from a register on, which is a multiple of 8.
fn merge_from(first: usize, bytes: &[u8], registers: &mut Registers) {
    let (groups, _) = registers.ranks_mut()[first..].as_chunks_mut::<8>();
    for (ranks, others) in groups.iter_mut().zip(eights(&bytes[first / 8 * 6..])) {
        for (rank, other) in ranks.iter_mut().zip(others) {
            *rank = other.max(*rank);
        }
    }
}

/// Writes registers to `bytes`. O(registers).
pub(super) fn write(registers: &Registers, bytes: &mut [u8]) {
    let done = wide::pack(registers.ranks(), bytes);
    write_from(done, registers, bytes);
}

/// The same from a register on, which is a multiple of 8.
fn write_from(first: usize, registers: &Registers, bytes: &mut [u8]) {
    let (groups, _) = bytes[first / 8 * 6..].as_chunks_mut::<6>();
    let (eights, _) = registers.ranks()[first..].as_chunks::<8>();
    for (group, ranks) in groups.iter_mut().zip(eights) {
        let packed = pack(u64::from_le_bytes(*ranks)).to_le_bytes();
        group.copy_from_slice(&packed[..6]);
    }
}

/// Counts registers by rank. O(registers).
pub(super) fn histogram(bytes: &[u8]) -> Histogram {
    let mut registers = Registers::new();
    merge_into(bytes, &mut registers);
    registers.histogram()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn registers_spread_and_pack() {
        let mut bytes = [0; BYTES];
        let model: Vec<u8> =
            (0..REGISTERS).map(|register| ((register * 7 % 64) ^ (register / 1000)) as u8).collect();
        for (register, rank) in model.iter().enumerate() {
            set_rank(&mut bytes, register, *rank);
        }
        assert!((0..REGISTERS).all(|register| rank(&bytes, register) == model[register]));
        let (mut registers, mut plainly) = (Registers::new(), Registers::new());
        for register in 0..REGISTERS {
            // Some are higher already.
            registers.raise(register, 1, (register % 90).min(63) as u8);
            plainly.raise(register, 1, (register % 90).min(63) as u8);
        }
        merge_into(&bytes, &mut registers);
        merge_from(0, &bytes, &mut plainly);
        let expected = (0..REGISTERS).map(|register| model[register].max((register % 90).min(63) as u8));
        assert!(registers.ranks().iter().copied().eq(expected));
        assert!(registers == plainly);

        let (mut packed, mut packed_plainly) = ([0; BYTES], [0; BYTES]);
        write(&registers, &mut packed);
        write_from(0, &registers, &mut packed_plainly);
        assert_eq!(packed, packed_plainly);
        assert!((0..REGISTERS).all(|register| rank(&packed, register) == registers.ranks()[register]));
    }

    #[test]
    fn histograms_count_every_register() {
        let mut bytes = [0; BYTES];
        let mut expected = [0; 64];
        for register in 0..REGISTERS {
            let rank = (register * register % 64) as u8;
            set_rank(&mut bytes, register, rank);
            expected[usize::from(rank)] += 1;
        }
        assert_eq!(histogram(&bytes), expected);
    }
}
