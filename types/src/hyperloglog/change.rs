//! What an element changes in the bytes of a sketch.
//!
//! A sparse sketch changes only around one run: the run is split, then neighbours of equal rank are joined,
//! over five steps from the run before it on. The steps are part of the format in so far as two servers that
//! take them differently end up with different bytes for the same elements.

use super::dense;
use super::sparse::{self, Found, Mark, Run, VALUE_RANK_MAX, VALUE_SPAN_MAX};
use super::{Corrupted, Encoding, HEADER_BYTES, HyperLogLog, Observation};

/// What an observation does to a sketch.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Change {
    /// The register is as high already.
    Nothing,
    /// Some bytes are replaced by others.
    Patch(Patch),
    /// The sketch must become dense first.
    Promotion,
}

/// The most bytes a patch inserts: a long run, three runs in place of one, and five more.
const PATCH_BYTES_MAX: usize = 2 + 5 + 10;

/// Bytes that take the place of others.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Patch {
    at: usize,
    removed: usize,
    len: usize,
    bytes: [u8; PATCH_BYTES_MAX],
}

impl Patch {
    fn new(at: usize) -> Patch {
        Patch { at, removed: 0, len: 0, bytes: [0; PATCH_BYTES_MAX] }
    }

    /// Where the replaced bytes start.
    pub fn at(&self) -> usize {
        self.at
    }

    /// How many bytes are replaced.
    pub fn removed(&self) -> usize {
        self.removed
    }

    /// The bytes that take their place.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes[..self.len]
    }

    fn push(&mut self, bytes: &[u8]) {
        self.bytes[self.len..self.len + bytes.len()].copy_from_slice(bytes);
        self.len += bytes.len();
    }

    fn push_run(&mut self, run: Run) {
        let (code, bytes) = run.code();
        self.push(&code[..bytes]);
    }

    /// Keeps a run of the old code, which starts at `at`.
    fn keep(&mut self, code: &[u8], at: usize) -> Option<usize> {
        let bytes = Run::read(code.get(at..)?)?.bytes();
        self.push(&code[at..at + bytes]);
        self.removed += bytes;
        Some(at + bytes)
    }

    /// Joins neighbours of equal rank, from the start, in at most five steps.
    fn join(&mut self) {
        let mut at = 0;
        for _ in 0..JOIN_STEPS {
            let Some(run) = Run::read(&self.bytes[at..self.len]) else { return };
            match (run, Run::read(&self.bytes[at + run.bytes()..self.len])) {
                (Run::Value(rank, span), Some(Run::Value(next, more)))
                    if rank == next && span + more <= VALUE_SPAN_MAX =>
                {
                    self.bytes[at + 1] = Run::Value(rank, span + more).code().0[0];
                    self.bytes.copy_within(at + 1..self.len, at);
                    self.len -= 1;
                }
                _ => at += run.bytes(),
            }
        }
    }
}

/// How far neighbours are joined after a change.
const JOIN_STEPS: usize = 5;

impl HyperLogLog<'_> {
    /// Says what an observation changes. A sparse sketch of more than `sparse_bytes_max` bytes is promoted
    /// when it would grow. O(1) on a dense sketch, O(bytes) on a sparse one.
    pub fn change(self, observation: Observation, sparse_bytes_max: usize) -> Result<Change, Corrupted> {
        match self.encoding() {
            Encoding::Dense => Ok(self.dense_change(observation)),
            Encoding::Sparse => {
                let mut start = Mark::default();
                sparse_change(self.bytes, &mut start, observation, sparse_bytes_max)
            }
        }
    }

    fn dense_change(self, Observation { register, rank }: Observation) -> Change {
        let registers = self.registers();
        if dense::rank(registers, usize::from(register)) >= rank {
            return Change::Nothing;
        }
        let (at, bytes, len) = dense::with_rank(registers, usize::from(register), rank);
        let mut patch = Patch::new(HEADER_BYTES + at);
        patch.push(&bytes[..len]);
        patch.removed = len;
        Change::Patch(patch)
    }
}

/// Says what an observation changes in the sparse sketch in `bytes`, of which `start` is at or before the run.
/// Afterwards `start` may be used for an observation of a later register.
pub(super) fn sparse_change(
    bytes: &[u8],
    start: &mut Mark,
    Observation { register, rank }: Observation,
    sparse_bytes_max: usize,
) -> Result<Change, Corrupted> {
    if rank > VALUE_RANK_MAX {
        return Ok(Change::Promotion);
    }
    let code = &bytes[HEADER_BYTES..];
    let found = sparse::find(code, *start, usize::from(register)).ok_or(Corrupted)?;
    *start = found.resume;
    if found.run.rank() >= rank {
        return Ok(Change::Nothing);
    }

    let mut patch = Patch::new(HEADER_BYTES + found.previous.unwrap_or(found.mark).at);
    if let Some(previous) = found.previous {
        patch.keep(code, previous.at);
    }
    let before = patch.len;
    split(&mut patch, &found, usize::from(register), rank);
    let grown = patch.len - before;
    if grown > found.run.bytes() && bytes.len() + grown - found.run.bytes() > sparse_bytes_max {
        return Ok(Change::Promotion);
    }
    patch.removed += found.run.bytes();
    let mut at = Some(found.mark.at + found.run.bytes());
    for _ in 0..JOIN_STEPS {
        at = at.and_then(|at| patch.keep(code, at));
    }
    patch.join();
    Ok(Change::Patch(patch))
}

/// Writes what a run becomes when one of its registers gets another rank: up to three runs.
fn split(patch: &mut Patch, found: &Found, register: usize, rank: u8) {
    let (first, end) = (found.mark.register, found.mark.register + found.run.span());
    let old = found.run.rank();
    let rest = |span: usize| if old == 0 { Run::zeros(span) } else { Run::Value(old, span) };
    if register > first {
        patch.push_run(rest(register - first));
    }
    patch.push_run(Run::Value(rank, 1));
    if register + 1 < end {
        patch.push_run(rest(end - register - 1));
    }
}
