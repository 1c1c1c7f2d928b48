//! Crashes of the log at any call of the file system, and what is recovered.
//!
//! The model: units are numbered, and each is known from its number. So the state of a data set is how many units it saw,
//! a base is that number, and a recovery is right if it gives all units up to a number that is neither below what was
//! called durable nor above what was ever handed to the log.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod committed;
mod enumerated;
mod machine;
mod rounds;
mod unit;
