//! How much memory is in use, and what is unusual about it.

mod doctor;
mod usage;

pub(crate) use doctor::diagnosis;
pub(crate) use usage::{Usage, excess, ratio, resident_bytes, used_bytes};
