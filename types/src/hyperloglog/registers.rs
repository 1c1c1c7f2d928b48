//! Registers outside any key, a byte each: what several sketches have in common.

use super::estimate::{self, Histogram};
use super::{Observation, RANK_MASK, REGISTERS};

/// The highest ranks seen in any of the sketches that were merged.
#[derive(Clone, PartialEq, Eq)]
pub struct Registers {
    ranks: Box<[u8; REGISTERS]>,
}

impl Registers {
    /// Makes registers that have seen nothing.
    pub fn new() -> Registers {
        let ranks = vec![0; REGISTERS].into_boxed_slice().try_into().expect("as many as there are registers");
        Registers { ranks }
    }

    /// The rank of every register.
    pub fn ranks(&self) -> &[u8; REGISTERS] {
        &self.ranks
    }

    pub(super) fn ranks_mut(&mut self) -> &mut [u8; REGISTERS] {
        &mut self.ranks
    }

    /// Takes in what an element shows.
    pub fn observe(&mut self, observation: Observation) {
        self.raise(usize::from(observation.register), 1, observation.rank);
    }

    /// Lifts `count` registers from `first` on to a rank.
    pub(super) fn raise(&mut self, first: usize, count: usize, rank: u8) {
        for other in &mut self.ranks[first..first + count] {
            *other = rank.max(*other);
        }
    }

    /// Estimates how many different elements all the sketches saw together. O(registers).
    pub fn estimate(&self) -> u64 {
        estimate::estimate(&self.histogram())
    }

    /// Counts registers by rank. O(registers).
    ///
    /// Pairs of neighbours are counted first: half as many steps, and the same cell comes up less often twice in a
    /// row, when a step would have to wait for the one before it.
    pub(super) fn histogram(&self) -> Histogram {
        let mut pairs = [[0_u16; 64]; 64];
        let (twos, _) = self.ranks.as_chunks::<2>();
        for [one, other] in twos {
            pairs[usize::from(one & RANK_MASK)][usize::from(other & RANK_MASK)] += 1;
        }
        let mut histogram = [0; 64];
        for (one, others) in pairs.iter().enumerate() {
            for (other, count) in others.iter().enumerate() {
                histogram[other] += u32::from(*count);
            }
            histogram[one] += others.iter().copied().map(u32::from).sum::<u32>();
        }
        histogram
    }
}

impl Default for Registers {
    fn default() -> Registers {
        Registers::new()
    }
}
