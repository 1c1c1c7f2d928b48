//! `HyperLogLog`: a sketch that estimates how many different elements it has seen, with a standard error of 0.81 %.
//!
//! ```text
//! 0    4     5        8             16
//! HYLL form  unused   estimate u64  registers
//! ```
//!
//! A sketch is the value of a string key, in the bytes that Redis documents, so that clients may read and write it
//! whole. Form 0 is dense: 16,384 registers of 6 bits (`dense`), 12,304 bytes in all. Form 1 is sparse: runs of
//! equal registers (`sparse`); it takes 18 bytes when empty and is promoted to the dense form above a limit. The
//! estimate is that of the last count, little-endian; bit 63 says that registers have changed since.
//!
//! An element is hashed to 64 bits: the lower 14 choose its register, and the register keeps the highest **rank**
//! seen, which is 1 + the number of zeros before the first one in the other 50 bits.
//!
//! The bytes may come from anybody. Nothing here trusts them: [`HyperLogLog::of`] checks the header, and runs are
//! checked as they are walked. O(bytes) unless stated otherwise.

mod change;
mod dense;
mod estimate;
mod murmur;
mod registers;
mod sparse;
#[cfg(test)]
mod tests;
mod wide;

pub use change::{Change, Patch};
pub use registers::Registers;
pub use sparse::Run;

/// How many bits of an element's hash choose its register.
const REGISTER_BITS: u32 = 14;
/// How many registers there are.
pub const REGISTERS: usize = 1 << REGISTER_BITS;
/// The bits of a hash that make the rank.
const HASH_BITS_LEFT: usize = 64 - REGISTER_BITS as usize;
/// The bits of a register.
const RANK_MASK: u8 = 0x3f;

const MAGIC: [u8; 4] = *b"HYLL";
const FORM_AT: usize = 4;
const ESTIMATE_AT: usize = 8;
const HEADER_BYTES: usize = 16;
/// The byte of the header and the bit in it that say that the estimate is out of date.
const STALE_AT: usize = HEADER_BYTES - 1;
const STALE: u8 = 0x80;

/// Bytes of a dense sketch.
pub const DENSE_BYTES: usize = HEADER_BYTES + dense::BYTES;
/// Bytes of an empty sketch.
pub const EMPTY_BYTES: usize = HEADER_BYTES + sparse::EMPTY.len();

const _: () = assert!(DENSE_BYTES == 12_304 && EMPTY_BYTES == 18);

/// The registers of a sparse sketch don't add up.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Corrupted;

impl std::fmt::Display for Corrupted {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the runs of a sparse HyperLogLog don't cover its registers")
    }
}

impl std::error::Error for Corrupted {}

/// How registers are written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Encoding {
    /// 6 bits each.
    Dense = 0,
    /// As runs.
    Sparse = 1,
}

/// What one element shows: its register, and the rank it lifts that to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Observation {
    register: u16,
    rank: u8,
}

impl Observation {
    /// Looks at an element.
    pub fn of(element: &[u8]) -> Observation {
        let hash = murmur::hash(element);
        let register = hash as u16 & (REGISTERS - 1) as u16;
        // The bit above the hash ends a rank that would have no end.
        let rest = hash >> REGISTER_BITS | 1 << HASH_BITS_LEFT;
        Observation { register, rank: rest.trailing_zeros() as u8 + 1 }
    }
}

/// A sketch in its bytes.
#[derive(Clone, Copy)]
pub struct HyperLogLog<'a> {
    bytes: &'a [u8],
}

impl<'a> HyperLogLog<'a> {
    /// Takes bytes for a sketch if they start like one, and are as long as a dense one if they say so. O(1).
    pub fn of(bytes: &'a [u8]) -> Option<HyperLogLog<'a>> {
        let form = *bytes.get(..HEADER_BYTES)?.get(FORM_AT)?;
        let fits = match form {
            0 => bytes.len() == DENSE_BYTES,
            1 => true,
            _ => false,
        };
        (bytes.starts_with(&MAGIC) && fits).then_some(HyperLogLog { bytes })
    }

    /// How the registers are written.
    pub fn encoding(self) -> Encoding {
        if self.bytes[FORM_AT] == Encoding::Dense as u8 { Encoding::Dense } else { Encoding::Sparse }
    }

    /// The estimate of the last count, unless registers have changed since.
    pub fn cached_estimate(self) -> Option<u64> {
        let word = self.bytes[ESTIMATE_AT..HEADER_BYTES].try_into().expect("8 bytes");
        (self.bytes[STALE_AT] & STALE == 0).then_some(u64::from_le_bytes(word))
    }

    /// Estimates how many different elements the sketch has seen.
    pub fn estimate(self) -> Result<u64, Corrupted> {
        if self.encoding() == Encoding::Dense {
            return Ok(estimate::estimate(&dense::histogram(self.registers())));
        }
        let mut histogram = [0; 64];
        sparse::for_each(self.registers(), |_, run| histogram[usize::from(run.rank())] += run.span() as u32)?;
        Ok(estimate::estimate(&histogram))
    }

    /// Lifts registers to what is higher in this sketch. Some may have been lifted when it fails.
    pub fn merge_into(self, registers: &mut Registers) -> Result<(), Corrupted> {
        if self.encoding() == Encoding::Dense {
            dense::merge_into(self.registers(), registers);
            return Ok(());
        }
        sparse::merge_into(self.registers(), registers)
    }

    /// The same sketch in the dense form, its estimate included.
    pub fn to_dense(self) -> Result<Vec<u8>, Corrupted> {
        let mut registers = Registers::new();
        self.merge_into(&mut registers)?;
        Ok(self.with_registers(&registers))
    }

    /// A sketch in the dense form with the header of this one and other registers.
    pub fn with_registers(self, registers: &Registers) -> Vec<u8> {
        let mut bytes = vec![0; DENSE_BYTES];
        bytes[..HEADER_BYTES].copy_from_slice(&self.bytes[..HEADER_BYTES]);
        bytes[FORM_AT] = Encoding::Dense as u8;
        dense::write(registers, &mut bytes[HEADER_BYTES..]);
        bytes
    }

    /// All bytes, the header included.
    pub fn bytes(self) -> &'a [u8] {
        self.bytes
    }

    /// The runs of a sparse sketch, unchecked, a last one that is cut off included; nothing of a dense one.
    pub fn runs(self) -> impl Iterator<Item = Run> {
        sparse::runs_as_shown(if self.encoding() == Encoding::Sparse { self.registers() } else { &[] })
    }

    fn registers(self) -> &'a [u8] {
        &self.bytes[HEADER_BYTES..]
    }
}

/// Makes an empty sketch.
pub fn empty() -> [u8; EMPTY_BYTES] {
    let mut bytes = [0; EMPTY_BYTES];
    bytes[..MAGIC.len()].copy_from_slice(&MAGIC);
    bytes[FORM_AT] = Encoding::Sparse as u8;
    bytes[HEADER_BYTES..].copy_from_slice(&sparse::EMPTY);
    bytes
}

/// Says in the header of a sketch that its estimate is out of date.
pub fn mark_stale(bytes: &mut [u8]) {
    bytes[STALE_AT] |= STALE;
}

/// Writes an estimate into the header of a sketch.
pub fn set_cached_estimate(bytes: &mut [u8], estimate: u64) {
    bytes[ESTIMATE_AT..HEADER_BYTES].copy_from_slice(&estimate.to_le_bytes());
}

/// Makes `bytes`, a sketch, show one more observation; whether that changed it.
pub fn observe(
    bytes: &mut Vec<u8>,
    observation: Observation,
    sparse_bytes_max: usize,
) -> Result<bool, Corrupted> {
    let sketch = HyperLogLog { bytes };
    let change = sketch.change(observation, sparse_bytes_max)?;
    apply(bytes, change, observation)?;
    Ok(change != Change::Nothing)
}

/// Lifts a sketch to `registers`, none of which is below the sketch's own.
pub fn raise(bytes: &mut Vec<u8>, registers: &Registers, sparse_bytes_max: usize) -> Result<(), Corrupted> {
    let mut start = sparse::Mark::default();
    for (register, rank) in (0_u16..).zip(registers.ranks()) {
        if (HyperLogLog { bytes }).encoding() == Encoding::Dense {
            dense::write(registers, &mut bytes[HEADER_BYTES..]);
            break;
        }
        if *rank > 0 {
            let observation = Observation { register, rank: *rank };
            let change = change::sparse_change(bytes, &mut start, observation, sparse_bytes_max)?;
            apply(bytes, change, observation)?;
        }
    }
    mark_stale(bytes);
    Ok(())
}

fn apply(bytes: &mut Vec<u8>, change: Change, observation: Observation) -> Result<(), Corrupted> {
    match change {
        Change::Nothing => return Ok(()),
        Change::Patch(patch) => {
            bytes.splice(patch.at()..patch.at() + patch.removed(), patch.bytes().iter().copied());
        }
        Change::Promotion => *bytes = promoted(HyperLogLog { bytes }, observation)?,
    }
    mark_stale(bytes);
    Ok(())
}

/// Makes a dense sketch of a sparse one, with one more observation.
pub fn promoted(sketch: HyperLogLog<'_>, observation: Observation) -> Result<Vec<u8>, Corrupted> {
    let mut bytes = sketch.to_dense()?;
    dense::set_rank(&mut bytes[HEADER_BYTES..], usize::from(observation.register), observation.rank);
    mark_stale(&mut bytes);
    Ok(bytes)
}
