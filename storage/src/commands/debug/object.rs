//! DEBUG OBJECT: how a key is stored, in one line of `name:value` pairs.

use crate::command::call::Call;
use crate::commands::generic::references;
use crate::error::Error;
use crate::keyspace::access::AccessPolicy;
use spinel_types::{Entry, Kind, Str};

pub(super) fn describe(call: &mut Call<'_>) -> Result<(), Error> {
    let key = call.args.word();

    let now = call.now;
    let entry = call.keys.peek(key).ok_or(Error::NoSuchKey)?;
    let (encoding, references, length) =
        (Kind::of(entry).encoding_name(), references(entry), serialized_len(entry));
    let (clock, idle) = (entry.clock(), AccessPolicy::idle_millis(entry.clock(), now) / 1000);

    // Clients read the pairs by position. The address says nothing here, but has to be a number.
    call.reply.simple(&format!(
        "Value at:0x0 refcount:{references} encoding:{encoding} serializedlength:{length} lru:{clock} \
         lru_seconds_idle:{idle}"
    ));
    Ok(())
}

/// Bytes of the value in an RDB file without compression.
///
/// A length takes 1 byte below 64, 2 below 16,384, else 5; integers of up to 32 bits follow a marker byte.
fn serialized_len(entry: Entry<'_>) -> usize {
    let Some(value) = Str::of(entry) else { return entry.value().len() };
    if let Str::Integer(integer) = value {
        match integer {
            -0x80..=0x7f => return 2,
            -0x8000..=0x7fff => return 3,
            -0x8000_0000..=0x7fff_ffff => return 5,
            _ => {}
        }
    }
    let len = value.len();
    len + match len {
        0..64 => 1,
        64..16_384 => 2,
        _ => 5,
    }
}

#[cfg(test)]
mod tests {
    use crate::commands::script::check;

    #[test]
    fn encodings_and_lengths_are_told() {
        check(
            "MSET i 300 t text             => OK
             DEBUG OBJECT i                => Value at:0x0 refcount:2147483647 encoding:int serializedlength:3 lru:1000 lru_seconds_idle:0
             DEBUG OBJECT t                => Value at:0x0 refcount:1 encoding:embstr serializedlength:5 lru:1000 lru_seconds_idle:0
             DEBUG OBJECT none             => ERR no such key",
        );
    }
}
