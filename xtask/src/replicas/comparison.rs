//! Whether all hold the same, and what differs.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::thread;
use std::time::{Duration, Instant};

use super::fleet::{Fleet, Replica};
use super::writer::DATABASES;
use crate::Outcome;
use crate::resp::{Connection, Reply};

/// How long a replica may take until it has everything.
const PATIENCE: Duration = Duration::from_secs(20);

/// Waits until all hold the same; returns how many keys that are.
pub(super) fn compare(admin: &mut Connection, fleet: &Fleet<'_>) -> Outcome<i64> {
    let begun = Instant::now();
    let open = |replica: &Replica| Connection::open(replica.server.address());
    let mut others = fleet.replicas.iter().map(open).collect::<Result<Vec<_>, _>>()?;
    loop {
        let digest = admin.expect(&["DEBUG", "DIGEST"])?.text();
        let digests = others
            .iter_mut()
            .map(|other| Ok(other.expect(&["DEBUG", "DIGEST"])?.text()))
            .collect::<Outcome<Vec<_>>>()?;
        let differing: Vec<usize> = (0..digests.len()).filter(|place| digests[*place] != digest).collect();
        if differing.is_empty() {
            return keys(admin);
        }
        if begun.elapsed() > PATIENCE {
            let names: Vec<&str> =
                differing.iter().map(|place| fleet.replicas[*place].name.as_str()).collect();
            let mut text = format!("{} hold something else", names.join(" and "));
            text += &places(admin)?;
            for other in &mut others {
                text += &places(other)?;
            }
            for place in differing {
                text += &difference(admin, &mut others[place])?;
            }
            return Err(text.into());
        }
        thread::sleep(Duration::from_millis(50));
    }
}

fn keys(connection: &mut Connection) -> Outcome<i64> {
    let mut sum = 0;
    for db in 0..DATABASES {
        connection.expect(&["SELECT", &db.to_string()])?;
        sum += connection.expect(&["DBSIZE"])?.integer().unwrap_or(0);
    }
    connection.expect(&["SELECT", "0"])?;
    Ok(sum)
}

/// How far a server and its replicas are, for a person to read.
fn places(server: &mut Connection) -> Outcome<String> {
    let told = server.expect(&["INFO", "replication"])?.text();
    let is_told = |line: &&str| ["offset", "link_status", "_sync_in"].iter().any(|part| line.contains(part));
    let lines: Vec<&str> = told.lines().filter(is_told).collect();
    Ok(format!("\n  {}", lines.join(" ")))
}

/// What one holds and another doesn't, for a person to read.
fn difference(one: &mut Connection, other: &mut Connection) -> Outcome<String> {
    let mut text = String::new();
    for db in 0..DATABASES {
        let (theirs, copied) = (keys_of(one, db)?, keys_of(other, db)?);
        for line in theirs.difference(&copied).take(4) {
            write!(text, "\n  primary: {line}")?;
        }
        for line in copied.difference(&theirs).take(4) {
            write!(text, "\n  replica: {line}")?;
        }
    }
    Ok(text)
}

/// A line for each key of a database.
fn keys_of(connection: &mut Connection, db: usize) -> Outcome<BTreeSet<String>> {
    connection.expect(&["SELECT", &db.to_string()])?;
    let keys = connection.expect(&["KEYS", "*"])?;
    keys.items().iter().map(|key| told_of(connection, db, key.bytes().unwrap_or_default())).collect()
}

fn told_of(connection: &mut Connection, db: usize, key: &[u8]) -> Outcome<String> {
    let digest = connection.call(&[&b"DEBUG"[..], b"DIGEST-VALUE", key])?;
    let digest = digest.items().first().map(Reply::text).unwrap_or_default();
    let kind = connection.call(&[&b"TYPE"[..], key])?.text();
    let expiry = connection.call(&[&b"PEXPIRETIME"[..], key])?.text();
    let mut line = format!("{db} {} {kind} {expiry} {digest}", key.escape_ascii());
    if kind == "string" {
        let start = connection.call(&[&b"GETRANGE"[..], key, b"0", b"60"])?.text();
        write!(line, " {}", start.escape_debug())?;
    }
    Ok(line)
}
