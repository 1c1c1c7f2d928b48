//! PFDEBUG: the inside of a sketch.

use super::{corrupted, open, replace, sketch};
use crate::command::call::Call;
use crate::command::flags::Flags;
use crate::command::keys::{KeySpec, KeyUse};
use crate::command::{Command, Group, Run};
use crate::error::Error;
use crate::keyspace::guard::KeyGuard;
use spinel_types::HyperLogLog;
use spinel_types::hyperloglog::{Encoding, Registers, Run as Registered};
use std::fmt::Write;

/// The rows of this file.
pub(super) const COMMANDS: &[Command] = &[Command {
    name: "pfdebug",
    usage: "subcommand key",
    keys: &[KeySpec::at(2, KeyUse::READ_WRITE.with(KeyUse::ACCESS))],
    flags: Flags::WRITE.with(Flags::DENYOOM).with(Flags::ADMIN),
    group: Group::HyperLogLog,
    since: "2.8.9",
    cost: "O(1): at most as much as there are registers",
    about: "Shows registers, runs and encoding of a HyperLogLog, or makes it dense.",
    run: Run::Data(pfdebug),
    ..Command::ROW
}];

fn pfdebug(call: &mut Call<'_>) -> Result<(), Error> {
    let (subcommand, key) = (call.args.word(), call.args.word());
    let is = |name: &[u8]| subcommand.eq_ignore_ascii_case(name);
    if is(b"simd") {
        return reply_simd(call, key);
    }

    let mut guard = call.keys.write(key);
    if !open(&mut guard)? {
        return Err(Error::Text("ERR The specified key does not exist"));
    }
    if is(b"getreg") {
        make_dense(&mut guard)?;
        let mut registers = Registers::new();
        sketch(&mut guard)?.merge_into(&mut registers).map_err(corrupted)?;
        call.reply.array(registers.ranks().len());
        registers.ranks().iter().for_each(|rank| call.reply.integer((*rank).into()));
    } else if is(b"decode") {
        call.reply.bulk(decoded(sketch(&mut guard)?)?.as_bytes());
    } else if is(b"encoding") {
        let is_dense = sketch(&mut guard)?.encoding() == Encoding::Dense;
        call.reply.simple(if is_dense { "dense" } else { "sparse" });
    } else if is(b"todense") {
        call.reply.integer(make_dense(&mut guard)?.into());
    } else {
        return Err(Error::unknown_debug_subcommand("PFDEBUG", subcommand));
    }
    Ok(())
}

/// Makes the sketch of a key dense; whether it wasn't.
fn make_dense(guard: &mut KeyGuard<'_, '_>) -> Result<bool, Error> {
    let sketch = sketch(guard)?;
    if sketch.encoding() == Encoding::Dense {
        return Ok(false);
    }
    let dense = sketch.to_dense().map_err(corrupted)?;
    replace(guard, &dense);
    Ok(true)
}

/// The runs of a sparse sketch: `z:` and `Z:` with the length of a short or long run of empty registers, `v:`
/// with the rank and the length of others.
fn decoded(sketch: HyperLogLog<'_>) -> Result<String, Error> {
    if sketch.encoding() == Encoding::Dense {
        return Err(Error::Text("ERR HLL encoding is not sparse"));
    }
    let mut text = String::new();
    for run in sketch.runs() {
        let _ = match run {
            Registered::Zero(span) => write!(text, "z:{span} "),
            Registered::LongZero(span) => write!(text, "Z:{span} "),
            Registered::Value(rank, span) => write!(text, "v:{rank},{span} "),
        };
    }
    text.truncate(text.trim_end().len());
    Ok(text)
}

/// Whether clients have switched vector instructions on. They can't: which ones are used changes nothing but the
/// time it takes, and is up to the processor.
fn reply_simd(call: &mut Call<'_>, switch: &[u8]) -> Result<(), Error> {
    if !switch.eq_ignore_ascii_case(b"on") && !switch.eq_ignore_ascii_case(b"off") {
        return Err(Error::Text("ERR Argument must be ON or OFF"));
    }

    call.reply.simple("disabled");
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::commands::script::check;

    #[test]
    fn runs_and_encodings_are_shown() {
        check(
            r#"PFADD h a b c                   => 1
               PFDEBUG DECODE h                => "Z:8436 v:1,1 Z:4274 v:2,1 Z:3068 v:1,1 Z:603"
               PFDEBUG encoding h              => sparse
               PFDEBUG TODENSE h               => 1
               PFDEBUG TODENSE h               => 0
               PFDEBUG ENCODING h              => dense
               PFDEBUG DECODE h                => ERR HLL encoding is not sparse
               PFCOUNT h                       => 3
               PFDEBUG nosuch h                => ERR Unknown PFDEBUG subcommand 'nosuch'
               PFDEBUG nosuch none             => ERR The specified key does not exist
               PFADD g a                       => 1
               APPEND g hello                  => 26
               PFDEBUG DECODE g                => "Z:12711 v:2,1 Z:3672 Z:10342 Z:11373 Z:12033"
               PFDEBUG SIMD on                 => disabled
               PFDEBUG SIMD x                  => ERR Argument must be ON or OFF"#,
        );
    }
}
