//! Sorted sets.

pub mod tree;
