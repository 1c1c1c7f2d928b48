//! `cargo xtask oracle --commands`: what two servers say about the commands both have.

use std::collections::{BTreeMap, BTreeSet};

use crate::Outcome;
use crate::resp::{Connection, Reply};

/// The fields of a COMMAND INFO entry, in order.
const INFO_FIELDS: [&str; 10] = [
    "name",
    "arity",
    "flags",
    "first_key",
    "last_key",
    "step",
    "categories",
    "tips",
    "key_specs",
    "subcommands",
];

/// Fields of COMMAND DOCS that are prose or history rather than structure.
const PROSE: [&str; 9] = [
    "summary",
    "complexity",
    "history",
    "display_text",
    "doc_flags",
    "deprecated_since",
    "replaced_by",
    "module",
    "notes",
];

/// Options that the reference lacks, or does not tell of: command and the start of the path.
const NEWER: [(&str, &str); 11] = [
    ("failover", ".arguments[3:poison]"),
    ("psync", ".arguments[2:failover]"),
    ("replconf", ".arguments["),
    ("bitop", ".arguments[0:operation].arguments["),
    ("geosearch", ".arguments[2:by].arguments[2:polygon]"),
    ("geosearchstore", ".arguments[3:by].arguments[2:polygon]"),
    ("set", ".arguments[2:condition].arguments["),
    ("zinter", ".arguments[3:aggregate].arguments[3:count]"),
    ("zinterstore", ".arguments[4:aggregate].arguments[3:count]"),
    ("zunion", ".arguments[3:aggregate].arguments[3:count]"),
    ("zunionstore", ".arguments[4:aggregate].arguments[3:count]"),
];

/// Arguments that newer releases brought: command and names. The places of the others are counted without them.
const NEWER_ARGUMENTS: [(&str, &[&str]); 8] = [
    ("exec", &["condition"]),
    ("multi", &["mode"]),
    ("pttl", &["member"]),
    ("ttl", &["member"]),
    ("xadd", &["condition", "due", "idempotence"]),
    ("xread", &["maxcount", "maxsize"]),
    ("xreadgroup", &["maxcount", "maxsize", "min-idle-time"]),
    ("xtrim", &["condition"]),
];

/// Commands that take more words than in the reference.
pub(super) const MORE_WORDS: [&str; 4] = ["exec", "multi", "pttl", "ttl"];

/// What a server says about one command: values by path. Flags, categories and tips are sets, so their order is
/// free; everything else holds one value.
type Description = BTreeMap<String, BTreeSet<String>>;

/// Compares COMMAND INFO and the structure of COMMAND DOCS over two RESP3 connections, printing each difference.
///
/// # Errors
/// When anything differs.
pub(crate) fn compare(reference: &mut Connection, ours: &mut Connection) -> Outcome {
    let expected = descriptions(reference)?;
    let received = descriptions(ours)?;
    let mut differences = 0;
    let mut shared = 0;
    for (name, expected) in &expected {
        let Some(received) = received.get(name) else { continue };
        shared += 1;
        differences += print_differences(name, expected, received);
    }
    differences += print_unlisted(&received, &listed_names(ours)?);
    let missing: Vec<&str> = missing_subcommands(&expected, &received);
    println!(
        "{shared} shared commands; of containers we have, these subcommands are missing: {}",
        missing.join(" ")
    );
    match differences {
        0 => Ok(()),
        count => Err(format!("{count} differences").into()),
    }
}

/// Returns the names in a server's COMMAND LIST, subcommands as `container|name`, in lower case.
pub(crate) fn listed_names(connection: &mut Connection) -> Outcome<BTreeSet<String>> {
    let list = connection.expect(&["COMMAND", "LIST"])?;
    Ok(list.items().iter().map(|name| name.text().to_lowercase()).collect())
}

/// Prints the commands that our COMMAND LIST leaves out; without a filter it names subcommands, too.
fn print_unlisted(described: &BTreeMap<String, Description>, listed: &BTreeSet<String>) -> usize {
    let unlisted: Vec<&String> = described.keys().filter(|name| !listed.contains(*name)).collect();
    for name in &unlisted {
        println!("{name}: described, but not in COMMAND LIST");
    }
    unlisted.len()
}

fn print_differences(name: &str, expected: &Description, received: &Description) -> usize {
    let none = BTreeSet::new();
    let paths: BTreeSet<&String> = expected.keys().chain(received.keys()).collect();
    let mut differences = 0;
    for path in paths {
        let (one, other) = (expected.get(path).unwrap_or(&none), received.get(path).unwrap_or(&none));
        let is_newer = NEWER.iter().any(|(command, start)| name == *command && path.starts_with(start));
        let is_longer = path == ".arity" && MORE_WORDS.contains(&name);
        if one == other || one.is_empty() && is_newer || is_longer {
            continue;
        }
        differences += 1;
        let only = |set: &BTreeSet<String>, than: &BTreeSet<String>| {
            set.difference(than).cloned().collect::<Vec<_>>().join(" ")
        };
        println!(
            "{name}{path}: only the reference: {:?}, only ours: {:?}",
            only(one, other),
            only(other, one)
        );
    }
    differences
}

fn missing_subcommands<'a>(
    expected: &'a BTreeMap<String, Description>,
    received: &BTreeMap<String, Description>,
) -> Vec<&'a str> {
    let is_missing = |name: &&String| {
        let container = name.split_once('|').map(|(container, _)| container);
        container.is_some_and(|container| received.contains_key(container)) && !received.contains_key(*name)
    };
    expected.keys().filter(is_missing).map(String::as_str).collect()
}

/// Describes every command and subcommand of a server, by its name in lower case.
fn descriptions(connection: &mut Connection) -> Outcome<BTreeMap<String, Description>> {
    let mut found = BTreeMap::new();
    for entry in connection.expect(&["COMMAND", "INFO"])?.items() {
        describe_info(entry, &mut found);
    }
    describe_docs(&connection.expect(&["COMMAND", "DOCS"])?, &mut found);
    Ok(found)
}

fn describe_info(entry: &Reply, found: &mut BTreeMap<String, Description>) {
    let mut description = Description::new();
    let fields = INFO_FIELDS.iter().zip(entry.items());
    for (field, value) in fields {
        match *field {
            "name" => {}
            "subcommands" => value.items().iter().for_each(|entry| describe_info(entry, found)),
            _ => flatten(&format!(".{field}"), value, &mut description),
        }
    }
    let name = entry.items().first().map(Reply::text).unwrap_or_default();
    found.insert(name.to_lowercase(), description);
}

fn describe_docs(docs: &Reply, found: &mut BTreeMap<String, Description>) {
    for pair in docs.items().chunks_exact(2) {
        let description = found.entry(pair[0].text().to_lowercase()).or_default();
        for field in pair[1].items().chunks_exact(2) {
            let name = field[0].text();
            if name != "subcommands" && !PROSE.contains(&name.as_str()) {
                flatten(&format!(".{name}"), &without_newer(&pair[0].text(), &field[1]), description);
            }
        }
        if let Some(subcommands) = pair[1].field("subcommands") {
            describe_docs(subcommands, found);
        }
    }
}

/// Leaves newer arguments of a command out.
fn without_newer(command: &str, reply: &Reply) -> Reply {
    let newer = NEWER_ARGUMENTS.iter().find(|(name, _)| name.eq_ignore_ascii_case(command));
    match (reply, newer) {
        (Reply::Aggregate { marker, items }, Some((_, names))) => {
            let is_newer =
                |item: &Reply| item.field("name").is_some_and(|name| names.contains(&name.text().as_str()));
            let items = items.iter().filter(|item| !is_newer(item)).cloned().collect();
            Reply::Aggregate { marker: *marker, items }
        }
        _ => reply.clone(),
    }
}

/// Adds the values below `reply` to the description, each under its path.
fn flatten(path: &str, reply: &Reply, description: &mut Description) {
    match reply {
        Reply::Aggregate { marker: b'%', items } => {
            for pair in items.chunks_exact(2) {
                let name = pair[0].text();
                let is_argument_history = name == "since" && path.contains('[');
                if !PROSE.contains(&name.as_str()) && !is_argument_history {
                    flatten(&format!("{path}.{name}"), &pair[1], description);
                }
            }
        }
        Reply::Aggregate { items, .. } => {
            for (index, item) in items.iter().enumerate() {
                let name = item.field("name").map(|name| format!(":{}", name.text())).unwrap_or_default();
                match item {
                    Reply::Aggregate { .. } => flatten(&format!("{path}[{index}{name}]"), item, description),
                    _ => flatten(path, item, description),
                }
            }
        }
        _ => drop(description.entry(path.to_owned()).or_default().insert(reply.text())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::resp::decode;

    fn info(flags: &str) -> BTreeMap<String, Description> {
        let text = format!("*8 $3 GET :2 ~2 {flags} :1 :1 :1 ~0 ~0 ").replace(' ', "\r\n");
        let mut found = BTreeMap::new();
        describe_info(&decode(text.as_bytes()).unwrap().unwrap().0, &mut found);
        found
    }

    #[test]
    fn the_order_of_flags_is_free_but_not_their_names() {
        let one = info("+fast +readonly");
        assert_eq!(one, info("+readonly +fast"));
        let other = info("+write +fast");
        assert_eq!(print_differences("get", &one["get"], &other["get"]), 1);
    }

    #[test]
    fn arguments_are_compared_by_place_and_name() {
        let docs = "%1 $3 get %1 $9 arguments *1 %2 $4 name $3 key $5 since $5 1.0.0 ".replace(' ', "\r\n");
        let mut found = BTreeMap::new();
        describe_docs(&decode(docs.as_bytes()).unwrap().unwrap().0, &mut found);
        assert_eq!(found["get"].keys().collect::<Vec<_>>(), [".arguments[0:key].name"]);
    }
}
