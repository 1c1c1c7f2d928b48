//! How many values have which size.

use super::Text;
use crate::server::{Shared, now};
use crate::survey;
use spinel_storage::keyspace::survey::SizedType;
use std::fmt::Write;

/// A line for each database and type that has keys; none while they are loaded.
pub(super) fn keysizes(shared: &Shared, text: &mut Text) {
    if shared.persistence.loading().is_some() {
        return;
    }
    for (db, sized, sizes) in survey::look(shared, now()).sizes() {
        let mut classes = String::new();
        for (size, count) in sizes.classes() {
            let comma = if classes.is_empty() { "" } else { "," };
            write!(classes, "{comma}{}={count}", short(size)).expect("memory takes any text");
        }
        text.line(format_args!("db{}_distrib_{}", db.0, field(sized)), classes);
    }
}

const fn field(sized: SizedType) -> &'static str {
    match sized {
        SizedType::String => "strings_sizes",
        SizedType::List => "lists_items",
        SizedType::Set => "sets_items",
        SizedType::SortedSet => "zsets_items",
        SizedType::Hash => "hashes_items",
        SizedType::Stream => "streams_items",
        SizedType::HttpCache => "httpcaches_items",
    }
}

/// A power of two with the unit that it is a small number of.
fn short(size: u64) -> String {
    const UNITS: [&str; 7] = ["", "K", "M", "G", "T", "P", "E"];
    let unit = size.checked_ilog2().unwrap_or(0) / 10;
    format!("{}{}", size >> (10 * unit), UNITS[unit as usize])
}

#[cfg(test)]
mod tests {
    use super::short;

    #[test]
    fn powers_of_two_are_short() {
        let shown = [0, 1, 512, 1 << 10, 1 << 16, 1 << 19, 1 << 20, 1 << 63].map(short);
        assert_eq!(shown, ["0", "1", "512", "1K", "64K", "512K", "1M", "8E"]);
    }
}
