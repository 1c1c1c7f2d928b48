//! The sparse form: runs of equal registers.
//!
//! ```text
//! ZERO   00nnnnnn            n + 1 empty registers, 1 to 64
//! XZERO  01nnnnnn nnnnnnnn   n + 1 empty registers, 1 to 16,384, the upper bits first
//! VAL    1vvvvvnn            n + 1 registers, 1 to 4, with the rank v + 1, 1 to 32
//! ```
//!
//! Runs follow each other in the order of registers and cover all of them. Worked example: `7b ff` is an
//! XZERO of 15,360 (`3bff` + 1), so `7b ff 84 43 fe` covers 15,360 empty registers, one register of rank 2,
//! then 1,023 empty ones: 16,384 in all.

use super::registers::Registers;
use super::{Corrupted, REGISTERS};

/// The longest run of a ZERO.
const ZERO_MAX: usize = 64;
/// The longest run of a VAL.
pub(super) const VALUE_SPAN_MAX: usize = 4;
/// The highest rank of a VAL; higher ones need the dense form.
pub(super) const VALUE_RANK_MAX: u8 = 32;

/// The runs of an empty sketch.
pub(super) const EMPTY: [u8; 2] = [0x7f, 0xff];

/// One opcode.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Run {
    /// Empty registers, written as ZERO.
    Zero(usize),
    /// Empty registers, written as XZERO.
    LongZero(usize),
    /// Registers of one rank: the rank and how many.
    Value(u8, usize),
}

impl Run {
    /// Empty registers, in the shortest opcode.
    pub(super) fn zeros(span: usize) -> Run {
        if span > ZERO_MAX { Run::LongZero(span) } else { Run::Zero(span) }
    }

    /// Reads the opcode at the start of `code`; nothing at its end or if it is cut off.
    #[inline]
    pub(super) fn read(code: &[u8]) -> Option<Run> {
        match *code {
            [byte @ 0x80..=0xff, ..] => Some(Run::Value((byte >> 2 & 0x1f) + 1, usize::from(byte & 3) + 1)),
            [byte @ 0..=0x3f, ..] => Some(Run::Zero(usize::from(byte) + 1)),
            [upper, lower, ..] => {
                Some(Run::LongZero((usize::from(upper & 0x3f) << 8 | usize::from(lower)) + 1))
            }
            _ => None,
        }
    }

    /// The opcode's bytes and how many they are.
    pub(super) fn code(self) -> ([u8; 2], usize) {
        match self {
            Run::Zero(span) => ([span as u8 - 1, 0], 1),
            Run::LongZero(span) => ([0x40 | ((span - 1) >> 8) as u8, (span - 1) as u8], 2),
            Run::Value(rank, span) => ([0x80 | (rank - 1) << 2 | (span as u8 - 1), 0], 1),
        }
    }

    /// How many bytes the opcode takes.
    #[inline]
    pub(super) fn bytes(self) -> usize {
        if matches!(self, Run::LongZero(_)) { 2 } else { 1 }
    }

    /// How many registers it covers.
    #[inline]
    pub(super) fn span(self) -> usize {
        match self {
            Run::Zero(span) | Run::LongZero(span) | Run::Value(_, span) => span,
        }
    }

    /// The rank of its registers.
    pub(super) fn rank(self) -> u8 {
        if let Run::Value(rank, _) = self { rank } else { 0 }
    }
}

/// Walks over runs, up to the end of `code` or an opcode that is cut off.
pub(super) fn runs(mut code: &[u8]) -> impl Iterator<Item = Run> {
    std::iter::from_fn(move || {
        let run = Run::read(code)?;
        code = &code[run.bytes()..];
        Some(run)
    })
}

/// As [`runs`], and what an opcode that is cut off would be with a zero behind it: that is what Redis reads there, because its
/// strings end with one.
pub(super) fn runs_as_shown(code: &[u8]) -> impl Iterator<Item = Run> {
    let whole: usize = runs(code).map(Run::bytes).sum();
    let cut_off = code.get(whole).and_then(|first| Run::read(&[*first, 0]));
    runs(code).chain(cut_off)
}

/// Calls `visit` with each run and its first register. Fails where runs pass the last register or don't reach
/// it, or half a run is left, having visited only runs that lie inside. O(bytes).
pub(super) fn for_each(code: &[u8], mut visit: impl FnMut(usize, Run)) -> Result<(), Corrupted> {
    let (mut register, mut bytes) = (0, 0);
    for run in runs(code) {
        let end = register + run.span();
        if end > REGISTERS {
            return Err(Corrupted);
        }
        visit(register, run);
        register = end;
        bytes += run.bytes();
    }
    if register == REGISTERS && bytes == code.len() { Ok(()) } else { Err(Corrupted) }
}

/// Lifts `registers` to what is higher here. O(bytes + registers).
pub(super) fn merge_into(code: &[u8], registers: &mut Registers) -> Result<(), Corrupted> {
    for_each(code, |first, run| {
        if let Run::Value(rank, span) = run {
            registers.raise(first, span, rank);
        }
    })
}

/// A place between two runs: the byte where the next starts, and its first register.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct Mark {
    pub(super) at: usize,
    pub(super) register: usize,
}

impl Mark {
    #[inline]
    fn after(self, bytes: usize, span: usize) -> Mark {
        Mark { at: self.at + bytes, register: self.register + span }
    }
}

/// A run that was looked for.
pub(super) struct Found {
    pub(super) mark: Mark,
    pub(super) run: Run,
    /// Where the run before it starts, if the search passed one.
    pub(super) previous: Option<Mark>,
    /// Where the next search may start if it is for a later register: two runs before, as far as they were
    /// passed, so that it too passes the run before its own.
    pub(super) resume: Mark,
}

/// Finds the run that covers a register, starting at a mark at or before it. O(bytes).
pub(super) fn find(code: &[u8], from: Mark, register: usize) -> Option<Found> {
    let found = walk(code, approach(code, from, register), register)?;
    if found.previous.is_none() && from.at > 0 {
        // Joined runs have swallowed the one that would have been passed.
        return find(code, Mark::default(), register);
    }
    Some(found)
}

fn walk(code: &[u8], from: Mark, register: usize) -> Option<Found> {
    let (mut previous, mut resume, mut mark) = (None, from, from);
    while let Some(run) = Run::read(code.get(mark.at..)?) {
        if register < mark.register + run.span() {
            return Some(Found { mark, run, previous, resume });
        }
        resume = previous.unwrap_or(from);
        previous = Some(mark);
        mark = mark.after(run.bytes(), run.span());
    }
    None
}

/// Comes close to a register by whole blocks of runs; of those passed, the last is left for [`find`], so that
/// it learns the runs before its own.
fn approach(code: &[u8], from: Mark, register: usize) -> Mark {
    let (mut before, mut here) = (from, from);
    while let Some((bytes, span)) = measure(&code[here.at..]) {
        if here.register + span > register {
            break;
        }
        before = here;
        here = here.after(bytes, span);
    }
    before
}

/// Measures the runs that start in the next eight bytes, of which there are at least four: their bytes and how
/// many registers they cover.
#[inline]
fn measure(code: &[u8]) -> Option<(usize, usize)> {
    const ONES: u64 = 0x0101_0101_0101_0101;
    const UPPER: u64 = ONES << 7;
    const PAIRS: u64 = 0x00ff_00ff_00ff_00ff;
    let word = u64::from_le_bytes(*code.first_chunk::<8>()?);
    let values = word & UPPER;
    if !word & UPPER & word << 1 != 0 {
        return measure_slowly(code);
    }
    // No XZERO: the lower 6 bits of a ZERO and the lower 2 of a VAL are its span less one.
    let spans = (word & (0x3f * ONES) & !((values >> 7) * 0x3c)) + ONES;
    let sums = (spans & PAIRS) + (spans >> 8 & PAIRS);
    Some((8, (sums.wrapping_mul(0x0001_0001_0001_0001) >> 48) as usize))
}

fn measure_slowly(code: &[u8]) -> Option<(usize, usize)> {
    let (mut bytes, mut span) = (0, 0);
    while bytes < 8 {
        let run = Run::read(&code[bytes..])?;
        bytes += run.bytes();
        span += run.span();
    }
    Some((bytes, span))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn opcodes_read_back() {
        for span in 1..=REGISTERS {
            let run = Run::zeros(span);
            let (code, bytes) = run.code();
            assert_eq!((Run::read(&code[..bytes]), run.bytes()), (Some(run), bytes));
        }
        for (rank, span) in
            (1..=VALUE_RANK_MAX).flat_map(|rank| (1..=VALUE_SPAN_MAX).map(move |span| (rank, span)))
        {
            let run = Run::Value(rank, span);
            assert_eq!(Run::read(&run.code().0[..1]), Some(run));
        }
        assert_eq!(Run::read(&[0x7f]), None);
    }

    #[test]
    fn blocks_measure_as_their_runs_do() {
        let mut random = 1_u64;
        for _ in 0..20_000 {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let code = [&random.to_le_bytes()[..], &[7, 0xff]].concat();
            assert_eq!(measure(&code), measure_slowly(&code), "{code:x?}");
        }
        assert_eq!(measure(&[0; 7]), None);
    }
}
