//! Sketches called `HyperLogLog`: string values that estimate how many different elements they were shown.

mod add;
mod count;
mod debug;
mod self_test;

use crate::command::Command;
use crate::command::call::Call;
use crate::error::Error;
use crate::keyspace::guard::{Expiry, KeyGuard};
use crate::keyspace::thresholds::Threshold;
use spinel_types::hyperloglog::Corrupted;
use spinel_types::{HyperLogLog, Str, StringEncoding};

/// The rows of this family, file by file.
pub(super) const COMMANDS: &[&[Command]] =
    &[add::COMMANDS, count::COMMANDS, debug::COMMANDS, self_test::COMMANDS];

const NOT_A_SKETCH: Error = Error::Text("WRONGTYPE Key is not a valid HyperLogLog string value.");
const CORRUPTED: Error = Error::Text("INVALIDOBJ Corrupted HLL object detected");

/// Takes a string value for a sketch.
fn sketch_in(value: Str<'_>) -> Result<HyperLogLog<'_>, Error> {
    match value {
        Str::Text(text) => HyperLogLog::of(text).ok_or(NOT_A_SKETCH),
        Str::Integer(_) => Err(NOT_A_SKETCH),
    }
}

/// The longest sparse sketch.
fn sparse_bytes_max(call: &Call<'_>) -> usize {
    call.keys.keyspace().thresholds().size(Threshold::HyperLogLogSparseBytes)
}

fn corrupted(_: Corrupted) -> Error {
    CORRUPTED
}

/// Whether a key holds a sketch; an error if it holds something else.
///
/// A sketch that clients wrote as a short string becomes an editable one, as it does in Redis, whether or not
/// it is edited.
fn open(guard: &mut KeyGuard<'_, '_>) -> Result<bool, Error> {
    let Some(value) = guard.string()? else { return Ok(false) };
    sketch_in(value)?;
    guard.make_raw();
    Ok(true)
}

/// The sketch of a key that was [opened](open).
fn sketch<'g>(guard: &'g mut KeyGuard<'_, '_>) -> Result<HyperLogLog<'g>, Error> {
    sketch_in(guard.string()?.ok_or(NOT_A_SKETCH)?)
}

/// Puts other bytes in place of a sketch, which keeps its expiry.
fn replace(guard: &mut KeyGuard<'_, '_>, bytes: &[u8]) {
    guard.set_verbatim(bytes, StringEncoding::Raw, Expiry::Keep);
}
