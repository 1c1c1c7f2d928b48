//! The log through its public face, on a simulated disk.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod committing;
mod reading;
mod real;
mod rewriting;
mod support;
mod tails;
mod upgrading;
