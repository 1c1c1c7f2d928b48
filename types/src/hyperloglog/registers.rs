//! Registers outside any key, a byte each: what several sketches have in common.

use super::estimate::{self, Histogram};
use super::{Observation, REGISTERS};

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

    /// Counts registers by rank, neighbours in different histograms; see `dense`.
    pub(super) fn histogram(&self) -> Histogram {
        let mut parts = [[0_u32; 64]; 4];
        let (fours, _) = self.ranks.as_chunks::<4>();
        for four in fours {
            for (part, rank) in parts.iter_mut().zip(four) {
                part[usize::from(rank & super::RANK_MASK)] += 1;
            }
        }
        std::array::from_fn(|rank| parts.iter().map(|part| part[rank]).sum())
    }
}

impl Default for Registers {
    fn default() -> Registers {
        Registers::new()
    }
}
