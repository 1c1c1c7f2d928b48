//! The checksum of files and payloads: CRC-64 with the polynomial of Jones, bits reflected, from zero.
//!
//! Eight bytes are taken in at a time, with a table for the place of each. Checksums of parts that were made apart
//! can be joined, so that several threads may encode one file.

/// The polynomial without its highest term; the coefficient of the lowest power stands in the highest bit.
const POLYNOMIAL: u64 = 0x95ac_9329_ac4b_c9b5;

/// The polynomial 1.
const ONE: u64 = 1 << 63;

/// What a byte changes if that many bytes follow it within the same eight.
static TABLES: [[u64; 256]; 8] = tables();

/// x to the power of 2^n, modulo the polynomial.
static POWERS: [u64; 64] = powers();

const fn tables() -> [[u64; 256]; 8] {
    let mut tables = [[0; 256]; 8];
    let mut byte = 0;
    while byte < 256 {
        let (mut rest, mut bit) = (byte as u64, 0);
        while bit < 8 {
            rest = times_x(rest);
            bit += 1;
        }
        tables[0][byte] = rest;
        byte += 1;
    }
    let mut place = 1;
    while place < 8 {
        let mut byte = 0;
        while byte < 256 {
            let before = tables[place - 1][byte];
            tables[place][byte] = before >> 8 ^ tables[0][(before & 0xff) as usize];
            byte += 1;
        }
        place += 1;
    }
    tables
}

const fn powers() -> [u64; 64] {
    let mut powers = [ONE >> 1; 64];
    let mut index = 1;
    while index < 64 {
        powers[index] = product(powers[index - 1], powers[index - 1]);
        index += 1;
    }
    powers
}

/// A polynomial multiplied by x, modulo the polynomial.
const fn times_x(factor: u64) -> u64 {
    if factor & 1 == 0 { factor >> 1 } else { factor >> 1 ^ POLYNOMIAL }
}

/// The product of two polynomials, modulo the polynomial.
const fn product(one: u64, other: u64) -> u64 {
    let (mut sum, mut shifted, mut bit) = (0, other, ONE);
    while bit != 0 {
        if one & bit != 0 {
            sum ^= shifted;
        }
        shifted = times_x(shifted);
        bit >>= 1;
    }
    sum
}

/// The checksum of a run of bytes, and how many they are.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Checksum {
    sum: u64,
    len: u64,
}

impl Checksum {
    /// The checksum of no bytes.
    pub const fn new() -> Checksum {
        Checksum { sum: 0, len: 0 }
    }

    /// The checksum of bytes.
    pub fn of(bytes: &[u8]) -> Checksum {
        let mut checksum = Checksum::new();
        checksum.update(bytes);
        checksum
    }

    /// The sum as files carry it.
    pub const fn value(self) -> u64 {
        self.sum
    }

    /// Takes bytes in that follow. O(n), about two bytes per nanosecond.
    pub fn update(&mut self, bytes: &[u8]) {
        let (words, rest) = bytes.as_chunks::<8>();
        let mut sum = self.sum;
        for word in words {
            let mixed = (sum ^ u64::from_le_bytes(*word)).to_le_bytes();
            sum = TABLES.iter().rev().zip(mixed).fold(0, |sum, (table, byte)| sum ^ table[usize::from(byte)]);
        }
        for byte in rest {
            sum = sum >> 8 ^ TABLES[0][usize::from(sum as u8 ^ byte)];
        }
        self.sum = sum;
        self.len += bytes.len() as u64;
    }

    /// The checksum of these bytes with others behind them, of which only the checksum is known. O(log n).
    #[must_use]
    pub fn followed_by(self, other: Checksum) -> Checksum {
        // Behind n bytes, the sum of what was before is multiplied by x to the power of 8 n.
        let (mut factor, mut rest, mut power) = (ONE, other.len, 3);
        while rest > 0 {
            if rest & 1 == 1 {
                factor = product(factor, POWERS[power]);
            }
            rest >>= 1;
            power += 1;
        }
        Checksum { sum: product(factor, self.sum) ^ other.sum, len: self.len + other.len }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sum_is_the_one_of_redis() {
        assert_eq!(Checksum::of(b"123456789").value(), 0xe9c6_d914_c4b8_d9ca);
        assert_eq!(Checksum::of(b"").value(), 0);
    }

    #[test]
    fn parts_may_be_taken_in_or_joined() {
        let bytes: Vec<u8> = (0..1000_u32).map(|number| ((number * number) >> 3) as u8).collect();
        let whole = Checksum::of(&bytes);
        for cut in [0, 1, 7, 8, 9, 500, 999, 1000] {
            let (before, after) = bytes.split_at(cut);
            let mut continued = Checksum::of(before);
            continued.update(after);
            assert_eq!(continued, whole, "{cut}");
            assert_eq!(Checksum::of(before).followed_by(Checksum::of(after)), whole, "{cut}");
        }
        let zeros = Checksum { sum: 0, len: u64::MAX >> 4 };
        assert_eq!(Checksum::new().followed_by(zeros).value(), 0, "long parts are joined as well");
    }
}
