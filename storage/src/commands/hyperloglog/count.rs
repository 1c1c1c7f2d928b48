//! PFCOUNT and PFMERGE: estimates, of one sketch or of several together.

use super::{NOT_A_SKETCH, corrupted, open, replace, sketch, sketch_in, sparse_bytes_max};
use crate::command::call::Call;
use crate::command::flags::Flags;
use crate::command::keys::{KeySpec, KeyUse};
use crate::command::{Command, Group, Run};
use crate::error::Error;
use crate::keyspace::view::View;
use spinel_types::hyperloglog::{self, Encoding, Registers};
use spinel_types::{HyperLogLog, Str, StringEncoding};

/// The rows of this file.
pub(super) const COMMANDS: &[Command] = &[
    Command {
        name: "pfcount",
        usage: "key...",
        // Read and written: the estimate is kept in the value.
        keys: &[KeySpec::from(1, 1, KeyUse::READ_WRITE.with(KeyUse::ACCESS))],
        flags: Flags::READONLY,
        group: Group::HyperLogLog,
        since: "2.8.9",
        cost: "O(1) for one key; O(N) where N is the number of keys, with a large constant",
        about: "Estimates how many different elements HyperLogLogs were shown together.",
        run: Run::Data(pfcount),
        ..Command::ROW
    },
    Command {
        name: "pfmerge",
        event: "pfadd",
        usage: "destkey [sourcekey:key]...",
        keys: &[
            KeySpec::at(1, KeyUse::READ_WRITE.with(KeyUse::ACCESS).with(KeyUse::INSERT)),
            KeySpec::from(2, 1, KeyUse::READ_ONLY.with(KeyUse::ACCESS)),
        ],
        flags: Flags::WRITE.with(Flags::DENYOOM),
        group: Group::HyperLogLog,
        since: "2.8.9",
        cost: "O(N) where N is the number of keys, with a large constant",
        about: "Makes a HyperLogLog of what several were shown, its own included.",
        run: Run::Data(pfmerge),
        ..Command::ROW
    },
];

fn pfcount(call: &mut Call<'_>) -> Result<(), Error> {
    let keys = call.args.rest();

    let estimate = match keys {
        [key] => estimate(&mut call.keys, key)?,
        _ => merged(&mut call.keys, keys)?.0.estimate(),
    };

    call.reply.integer(estimate as i64);
    Ok(())
}

/// The estimate of one sketch, which is kept in it.
fn estimate(keys: &mut View<'_>, key: &[u8]) -> Result<u64, Error> {
    let Some(entry) = keys.read(key) else { return Ok(0) };
    let is_editable = entry.kind() == StringEncoding::Raw as u8;
    let sketch = sketch_in(Str::of(entry).ok_or(Error::WrongType)?)?;
    match sketch.cached_estimate() {
        Some(estimate) if is_editable => Ok(estimate),
        Some(estimate) => {
            keys.write(key).make_raw();
            Ok(estimate)
        }
        None => {
            let estimate = sketch.estimate().map_err(corrupted);
            // The reference makes the string editable before it looks at the registers.
            keys.write(key).make_raw();
            let estimate = estimate?;
            hyperloglog::set_cached_estimate(keys.write(key).edit_text(0)?, estimate);
            Ok(estimate)
        }
    }
}

/// The registers of several sketches together, and whether one of them is dense.
fn merged(keys: &mut View<'_>, names: &[&[u8]]) -> Result<(Registers, bool), Error> {
    let (mut registers, mut has_dense) = (Registers::new(), false);
    for name in names {
        let Some(value) = keys.read_string(name)? else { continue };
        let sketch = sketch_in(value)?;
        has_dense |= sketch.encoding() == Encoding::Dense;
        sketch.merge_into(&mut registers).map_err(corrupted)?;
    }
    Ok((registers, has_dense))
}

fn pfmerge(call: &mut Call<'_>) -> Result<(), Error> {
    let (destination, keys) = (call.args.peek().unwrap_or_default(), call.args.rest());
    let sparse_bytes_max = sparse_bytes_max(call);

    let (registers, has_dense) = merged(&mut call.keys, keys)?;
    let mut guard = call.keys.write(destination);
    let empty = hyperloglog::empty();
    let is_there = open(&mut guard)?;
    let own = if is_there { sketch(&mut guard)? } else { HyperLogLog::of(&empty).ok_or(NOT_A_SKETCH)? };
    let bytes = if has_dense {
        let mut bytes = own.with_registers(&registers);
        hyperloglog::mark_stale(&mut bytes);
        bytes
    } else {
        let mut bytes = own.bytes().to_vec();
        hyperloglog::raise(&mut bytes, &registers, sparse_bytes_max).map_err(corrupted)?;
        bytes
    };
    replace(&mut guard, &bytes);

    call.reply.ok();
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::commands::script::check;

    #[test]
    fn estimates_are_kept_in_the_value() {
        check(
            r#"PFADD h a b c                   => 1
               PFCOUNT h                       => 3
               GET h                           => "HYLL\x01\x00\x00\x00\x03\x00\x00\x00\x00\x00\x00\x00`\xf3\x80P\xb1\x84K\xfb\x80BZ"
               PFADD h a                       => 0
               PFCOUNT h                       => 3
               PFADD h d                       => 1
               PFCOUNT h none                  => 4
               PFCOUNT none                    => 0
               PFCOUNT none other              => 0
               SET s "HYLL\x01\x00\x00\x00\x07\x00\x00\x00\x00\x00\x00\x00\x7f\xff" => OK
               PFCOUNT s                       => 7
               @encoding s                     => raw
               PFCOUNT s none                  => 0
               SET c "HYLL\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x80\x7f\xff\x00" => OK
               PFCOUNT c                       => INVALIDOBJ Corrupted HLL object detected
               PFCOUNT none c                  => INVALIDOBJ Corrupted HLL object detected"#,
        );
    }

    #[test]
    fn sketches_are_merged() {
        check(
            "PFADD x a b c                   => 1
               PFADD y c d                     => 1
               PFMERGE z x y                   => OK
               PFCOUNT z                       => 4
               PFCOUNT x y                     => 4
               PFMERGE z                       => OK
               PFMERGE new                     => OK
               PFCOUNT new                     => 0
               PFDEBUG TODENSE x               => 1
               PFMERGE y x                     => OK
               PFDEBUG ENCODING y              => dense
               PFCOUNT y                       => 4
               SET s text                      => OK
               PFMERGE z s                     => WRONGTYPE Key is not a valid HyperLogLog string value.",
        );
    }
}
