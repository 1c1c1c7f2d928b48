//! DEBUG OBJECT: how a key is stored, in one line of `name:value` pairs.

use crate::command::call::Call;
use crate::commands::generic::references;
use crate::error::Error;
use crate::keyspace::access::AccessPolicy;
use spinel_types::list::NodeDescription;
use spinel_types::{Entry, Kind, List, Str, Value};

pub(super) fn describe(call: &mut Call<'_>) -> Result<(), Error> {
    let key = call.args.word();

    let now = call.now;
    let (entry, value) = call.keys.inspect(key).ok_or(Error::NoSuchKey)?;
    let (encoding, references) = (Kind::of(entry).encoding_name(), references(entry));
    let (clock, idle) = (entry.clock(), AccessPolicy::idle_millis(entry.clock(), now) / 1000);
    let list = match value {
        Value::List(list) => list.as_large(),
        _ => None,
    };
    let length = list.map_or_else(|| serialized_len(entry), serialized_list_len);
    let nodes = list.map(describe_nodes).unwrap_or_default();

    // Clients read the pairs by position. The address says nothing here, but has to be a number.
    call.reply.simple(&format!(
        "Value at:0x0 refcount:{references} encoding:{encoding} serializedlength:{length} lru:{clock} \
         lru_seconds_idle:{idle}{nodes}"
    ));
    Ok(())
}

/// What else is told of a large list.
fn describe_nodes(list: &List) -> String {
    let limits = list.limits();
    format!(
        " ql_nodes:{} ql_avg_node:{:.2} ql_listpack_max:{} ql_compressed:{} ql_uncompressed_size:{}",
        list.nodes(),
        list.len() as f64 / list.nodes() as f64,
        limits.listpack_max,
        u8::from(limits.compress_depth > 0),
        list.node_bytes().sum::<usize>()
    )
}

/// Bytes of the value in an RDB file without compression.
///
/// Integers of up to 32 bits follow a marker byte. A small list is a large one of one node.
fn serialized_len(entry: Entry<'_>) -> usize {
    match Str::of(entry) {
        Some(value) => serialized_string_len(value),
        None if Kind::of(entry) == Kind::ListPack => 2 + serialized_text_len(entry.value().len()),
        None => serialized_text_len(entry.value().len()),
    }
}

/// A list is the number of its nodes, then for each what it is, in a byte, and its bytes.
fn serialized_list_len(list: &List) -> usize {
    let node_len = |node: NodeDescription<'_>| {
        let bytes = &node.bytes;
        1 + if node.is_plain {
            serialized_string_len(Str::parse(bytes))
        } else {
            serialized_text_len(bytes.len())
        }
    };
    length_len(list.nodes()) + list.describe_nodes().map(node_len).sum::<usize>()
}

fn serialized_string_len(string: Str<'_>) -> usize {
    match string {
        Str::Integer(-0x80..=0x7f) => 2,
        Str::Integer(-0x8000..=0x7fff) => 3,
        Str::Integer(-0x8000_0000..=0x7fff_ffff) => 5,
        string => serialized_text_len(string.len()),
    }
}

fn serialized_text_len(len: usize) -> usize {
    length_len(len) + len
}

/// Bytes of a length.
fn length_len(length: usize) -> usize {
    match length {
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

    #[test]
    fn nodes_of_lists_are_told() {
        check(
            "RPUSH l a b c                 => 3
             DEBUG OBJECT l                => Value at:0x0 refcount:1 encoding:listpack serializedlength:19 lru:1000 lru_seconds_idle:0
             RPUSH l \"x\"*9000              => 4
             DEBUG OBJECT l                => Value at:0x0 refcount:1 encoding:quicklist serializedlength:9022 lru:1000 lru_seconds_idle:0 ql_nodes:2 ql_avg_node:2.00 ql_listpack_max:-2 ql_compressed:0 ql_uncompressed_size:9016",
        );
    }
}
