//! Whether a server that has come to rest agrees with itself.

use std::collections::BTreeSet;
use std::thread;
use std::time::{Duration, Instant};

use crate::Outcome;
use crate::resp::{Connection, Reply};

/// How many databases a server has.
const DATABASES: usize = 16;
/// How long the last keys may take to expire.
const EXPIRY_TIMEOUT: Duration = Duration::from_secs(20);

/// Compares, in every database, the number of keys with those that KEYS and SCAN find, and the size of every collection
/// with its elements. Returns how many keys there are.
///
/// # Errors
/// When they differ.
pub(crate) fn check(connection: &mut Connection) -> Outcome<usize> {
    let mut all = 0;
    for database in 0..DATABASES {
        connection.expect(&["SELECT", &database.to_string()])?;
        wait_for_expiries(connection, database)?;
        let keys = names(&connection.expect(&["KEYS", "*"])?);
        let scanned = scan(connection)?;
        let size = connection.expect(&["DBSIZE"])?.integer();
        if size != Some(keys.len() as i64) || scanned != keys {
            let (found, scanned) = (keys.len(), scanned.len());
            return Err(format!("db{database}: DBSIZE {size:?}, KEYS {found}, SCAN {scanned}").into());
        }
        for key in &keys {
            check_key(connection, key)?;
        }
        all += keys.len();
    }
    Ok(all)
}

/// Waits until no key of the database has a time to live.
fn wait_for_expiries(connection: &mut Connection, database: usize) -> Outcome {
    let started = Instant::now();
    let line = format!("db{database}:");
    loop {
        let info = connection.expect(&["INFO", "keyspace"])?.text();
        let described = info.lines().find(|other| other.starts_with(&line));
        if described.is_none_or(|line| line.contains(",expires=0,")) {
            return Ok(());
        }
        if started.elapsed() > EXPIRY_TIMEOUT {
            return Err(format!("keys that have expired are still there: {described:?}").into());
        }
        thread::sleep(Duration::from_millis(20));
    }
}

fn scan(connection: &mut Connection) -> Outcome<BTreeSet<String>> {
    let mut found = BTreeSet::new();
    let mut cursor = "0".to_owned();
    loop {
        let page = connection.expect(&["SCAN", &cursor, "COUNT", "10"])?;
        let [next, keys] = page.items() else { return Err("SCAN replies a cursor and keys".into()) };
        found.extend(names(keys));
        cursor = next.text();
        if cursor == "0" {
            return Ok(found);
        }
    }
}

/// Compares what a collection says of its size with its elements.
fn check_key(connection: &mut Connection, key: &str) -> Outcome {
    let (count, read): (&[&str], &[&str]) = match connection.expect(&["TYPE", key])?.text().as_str() {
        "list" => (&["LLEN"], &["LRANGE", key, "0", "-1"]),
        "set" => (&["SCARD"], &["SMEMBERS", key]),
        "zset" => (&["ZCARD"], &["ZRANGE", key, "0", "-1"]),
        "stream" => (&["XLEN"], &["XRANGE", key, "-", "+"]),
        "none" => return Err(format!("{key} is listed and not there").into()),
        _ => return Ok(()),
    };
    let size = connection.expect(&[count, &[key]].concat())?.integer();
    let elements = connection.expect(read)?.items().len();
    if size != Some(elements as i64) || elements == 0 {
        return Err(format!("{key}: {} says {size:?}, and {elements} are there", count[0]).into());
    }
    Ok(())
}

fn names(reply: &Reply) -> BTreeSet<String> {
    reply.items().iter().map(Reply::text).collect()
}
