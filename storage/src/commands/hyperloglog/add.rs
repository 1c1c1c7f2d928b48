//! PFADD: elements are shown to a sketch.

use super::{corrupted, open, replace, sketch, sparse_bytes_max};
use crate::command::call::Call;
use crate::command::flags::Flags;
use crate::command::keys::{KeySpec, KeyUse};
use crate::command::{Command, Group, Run};
use crate::error::Error;
use crate::keyspace::guard::KeyGuard;
use spinel_types::hyperloglog::{self, Change, Observation, Patch};

/// The rows of this file.
pub(super) const COMMANDS: &[Command] = &[Command {
    name: "pfadd",
    event: "pfadd",
    usage: "key [element]...",
    keys: &[KeySpec::at(1, KeyUse::READ_WRITE.with(KeyUse::INSERT))],
    flags: Flags::WRITE.with(Flags::DENYOOM).with(Flags::FAST),
    group: Group::HyperLogLog,
    since: "2.8.9",
    cost: "O(1) for each element",
    about: "Shows elements to a HyperLogLog, which starts empty.",
    run: Run::Data(pfadd),
    ..Command::ROW
}];

fn pfadd(call: &mut Call<'_>) -> Result<(), Error> {
    let (key, elements) = (call.args.word(), call.args.rest());
    let sparse_bytes_max = sparse_bytes_max(call);

    let mut guard = call.keys.write(key);
    let mut is_changed = false;
    if open(&mut guard)? {
        for element in elements {
            is_changed |= observe(&mut guard, Observation::of(element), sparse_bytes_max)?;
        }
    } else {
        let mut bytes = hyperloglog::empty().to_vec();
        for element in elements {
            hyperloglog::observe(&mut bytes, Observation::of(element), sparse_bytes_max)
                .map_err(corrupted)?;
        }
        hyperloglog::mark_stale(&mut bytes);
        replace(&mut guard, &bytes);
        is_changed = true;
    }

    call.reply.integer(is_changed.into());
    Ok(())
}

/// Shows an element to the sketch of a key; whether that changed it.
fn observe(
    guard: &mut KeyGuard<'_, '_>,
    observation: Observation,
    sparse_bytes_max: usize,
) -> Result<bool, Error> {
    let sketch = sketch(guard)?;
    match sketch.change(observation, sparse_bytes_max).map_err(corrupted)? {
        Change::Nothing => return Ok(false),
        Change::Patch(patch) => apply(guard, &patch)?,
        Change::Promotion => {
            let dense = hyperloglog::promoted(sketch, observation).map_err(corrupted)?;
            replace(guard, &dense);
        }
    }
    Ok(true)
}

fn apply(guard: &mut KeyGuard<'_, '_>, patch: &Patch) -> Result<(), Error> {
    let (at, removed, bytes) = (patch.at(), patch.removed(), patch.bytes());
    if bytes.len() < removed {
        let mut text = guard.edit_text(0)?.to_vec();
        text.splice(at..at + removed, bytes.iter().copied());
        hyperloglog::mark_stale(&mut text);
        replace(guard, &text);
        return Ok(());
    }
    let old_len = guard.string()?.map_or(0, spinel_types::Str::len);
    let text = guard.edit_text(old_len + bytes.len() - removed)?;
    if bytes.len() > removed {
        text.copy_within(at + removed..old_len, at + bytes.len());
    }
    text[at..at + bytes.len()].copy_from_slice(bytes);
    hyperloglog::mark_stale(text);
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::commands::script::check;

    #[test]
    fn elements_are_counted_once() {
        check(
            r#"PFADD h a b c                   => 1
               PFADD h a                       => 0
               PFADD h                         => 0
               GET h                           => "HYLL\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x80`\xf3\x80P\xb1\x84K\xfb\x80BZ"
               @encoding h                     => raw
               PFADD e                         => 1
               GET e                           => "HYLL\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x80\x7f\xff"
               PFADD e ""                      => 1
               EXPIRE h 10                     => 1
               PFADD h d                       => 1
               @expiry h                       => 1010000"#,
        );
    }

    #[test]
    fn other_values_are_refused() {
        check(
            r#"SET s HYLL                      => OK
               PFADD s a                       => WRONGTYPE Key is not a valid HyperLogLog string value.
               SET n 12                        => OK
               PFADD n a                       => WRONGTYPE Key is not a valid HyperLogLog string value.
               SET c "HYLL\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00" => OK
               PFADD c a                       => INVALIDOBJ Corrupted HLL object detected
               @encoding c                     => raw
               SET d "HYLL\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00" => OK
               PFADD d a                       => WRONGTYPE Key is not a valid HyperLogLog string value."#,
        );
    }
}
