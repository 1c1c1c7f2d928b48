//! DEBUG LISTPACK and DEBUG QUICKLIST: the inner layout of a value, printed where the program's output goes.

use crate::command::call::Call;
use crate::error::Error;
use spinel_types::{Kind, List, Listpack, Value};
use std::fmt::Write as _;
use std::io::Write as _;

pub(super) fn listpack(call: &mut Call<'_>) -> Result<(), Error> {
    let key = call.args.word();

    let (entry, _) = call.keys.inspect(key).ok_or(Error::NoSuchKey)?;
    let (Kind::ListPack | Kind::SetPack | Kind::HashPack | Kind::ExpiringHashPack | Kind::SortedSetPack) =
        Kind::of(entry)
    else {
        return Err(Error::Text("ERR Not a listpack encoded object."));
    };
    print(&describe_listpack(Listpack::new(entry.value())));

    call.reply.simple("Listpack structure printed on stdout");
    Ok(())
}

pub(super) fn quicklist(call: &mut Call<'_>) -> Result<(), Error> {
    let key = call.args.word();
    let is_full = call.args.peek().is_some_and(|level| !matches!(level, b"0" | b""));

    let (_, value) = call.keys.inspect(key).ok_or(Error::NoSuchKey)?;
    let list = match value {
        Value::List(list) => list.as_large(),
        _ => None,
    };
    let list = list.ok_or(Error::Text("ERR Not a quicklist encoded object."))?;
    print(&describe_list(list, is_full));

    call.reply.simple("Quicklist structure printed on stdout");
    Ok(())
}

/// One line about the listpack and one for each element.
fn describe_listpack(pack: Listpack<'_>) -> String {
    let mut text = format!("listpack: {} bytes, {} elements\n", pack.bytes().len(), pack.len());
    for (index, element) in pack.iter().enumerate() {
        let _ = writeln!(text, "{index}: \"{}\"", element.to_vec().escape_ascii());
    }
    text
}

/// One line about the list, one for each node, and, if wished, the bytes of each.
fn describe_list(list: &List, is_full: bool) -> String {
    let limits = list.limits();
    let mut text = format!(
        "quicklist: {} elements, {} nodes, limit {}, compress depth {}\n",
        list.len(),
        list.nodes(),
        limits.listpack_max,
        limits.compress_depth
    );
    for (index, node) in list.describe_nodes().enumerate() {
        let _ = writeln!(text, "node {index}: {node}");
        if is_full {
            let _ = writeln!(text, "    \"{}\"", node.bytes.escape_ascii());
        }
    }
    text
}

/// Prints for whoever debugs; nobody depends on whether it can be.
fn print(text: &str) {
    let _ = std::io::stdout().lock().write_all(text.as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::script::check;
    use spinel_types::Element;
    use spinel_types::list::{End, ListLimits};

    #[test]
    fn layouts_are_for_their_encodings() {
        check(
            "RPUSH l a                     => 1
             DEBUG LISTPACK l              => Listpack structure printed on stdout
             DEBUG QUICKLIST l             => ERR Not a quicklist encoded object.
             RPUSH l \"a\"*9000              => 2
             DEBUG LISTPACK l              => ERR Not a listpack encoded object.
             DEBUG QUICKLIST l             => Quicklist structure printed on stdout
             DEBUG QUICKLIST l 1           => Quicklist structure printed on stdout
             DEBUG QUICKLIST none          => ERR no such key
             DEBUG LISTPACK none           => ERR no such key",
        );
    }

    #[test]
    fn layouts_are_told_line_by_line() {
        let mut list = List::new(ListLimits { listpack_max: 2, ..ListLimits::default() });
        for text in [&b"a"[..], b"b", b"c", &[b'x'; 9000]] {
            list.push(End::Tail, Element::Text(text));
        }
        assert_eq!(
            describe_list(&list, false),
            "quicklist: 4 elements, 3 nodes, limit 2, compress depth 0\n\
             node 0: listpack, 2 elements, 13 bytes\n\
             node 1: listpack, 1 elements, 10 bytes\n\
             node 2: text, 1 elements, 9000 bytes\n"
        );
        let pack = Listpack::new(b"\x0e\0\0\0\x02\0\x82hi\x03\xc1\x2c\x02\xff");
        assert_eq!(describe_listpack(pack), "listpack: 14 bytes, 2 elements\n0: \"hi\"\n1: \"300\"\n");
    }
}
