//! What both servers hold at the end of a program, and how its connections stand.

use std::thread;
use std::time::Instant;

use super::compare::{Difference, Ids, agree, shown};
use super::play::{LOOK_EVERY, PATIENCE, Pair};
use super::program::Program;
use super::stage::field;
use super::words::{DATABASES, KEYS};
use crate::Outcome;
use crate::oracle::allowed::allowance;
use crate::oracle::generate::Call;
use crate::resp::Reply;

/// What is read of every key.
const READS: [&[&str]; 8] = [
    &["TYPE", "KEY"],
    &["PEXPIRETIME", "KEY"],
    &["GET", "KEY"],
    &["LRANGE", "KEY", "0", "-1"],
    &["ZRANGE", "KEY", "0", "-1", "WITHSCORES"],
    &["SMEMBERS", "KEY"],
    &["XRANGE", "KEY", "-", "+"],
    &["XINFO", "GROUPS", "KEY"],
];
/// What is read of the server.
const GENERAL: [&[&str]; 3] = [&["PUBSUB", "CHANNELS"], &["PUBSUB", "SHARDCHANNELS"], &["PUBSUB", "NUMPAT"]];
/// The fields of CLIENT LIST that follow from what connections did.
const FIELDS: [&str; 9] = ["name", "flags", "db", "sub", "psub", "ssub", "multi", "watch", "resp"];

/// Compares the datasets and the connections.
///
/// # Errors
/// When a server doesn't answer.
pub(crate) fn compare(pair: &mut Pair, program: &Program) -> Outcome<Option<Difference>> {
    let step = program.steps.len();
    if let Some(difference) = compare_connections(pair, step)? {
        return Ok(Some(difference));
    }
    let calls = reads(pair);
    let (reference, ours) = (pair.reference.inspect(&calls)?, pair.ours.inspect(&calls)?);
    for (call, (one, other)) in calls.iter().zip(reference.iter().zip(&ours)) {
        let (one, other) = (&sorted(call, one), &sorted(call, other));
        if !agree(one, other, &Ids::new()) && allowance(call, one, other).is_none() {
            let words: Vec<_> = call.iter().map(|word| String::from_utf8_lossy(word)).collect();
            let place = format!("in the end, {}", words.join(" "));
            return Ok(Some(Difference { step, place, reference: shown(one), ours: shown(other) }));
        }
    }
    Ok(None)
}

/// Compares the lines of CLIENT LIST, which hold passing states for a moment.
fn compare_connections(pair: &mut Pair, step: usize) -> Outcome<Option<Difference>> {
    let started = Instant::now();
    loop {
        let difference = differing_connection(pair, step)?;
        if difference.is_none() || started.elapsed() > PATIENCE {
            return Ok(difference);
        }
        thread::sleep(LOOK_EVERY);
    }
}

fn differing_connection(pair: &mut Pair, step: usize) -> Outcome<Option<Difference>> {
    let calls = [vec![b"CLIENT".to_vec(), b"LIST".to_vec()]];
    let (reference, ours) = (pair.reference.inspect(&calls)?, pair.ours.inspect(&calls)?);
    let (reference, ours) = (reference[0].text(), ours[0].text());
    let pairs = pair.reference.actors.iter().zip(&pair.ours.actors).enumerate();
    let difference = pairs.filter_map(|(number, (one, other))| {
        let (reference, ours) =
            differing_fields(&described(&reference, &one.id), &described(&ours, &other.id))?;
        let place = format!("in the end, CLIENT LIST of connection {number}");
        Some(Difference { step, place, reference, ours })
    });
    Ok(difference.into_iter().next())
}

/// Returns the fields that must be equal, of the line for `id`.
fn described(list: &str, id: &str) -> Vec<String> {
    let Some(line) = list.lines().find(|line| field(line, "id") == Some(id)) else {
        return vec!["not there".to_owned()];
    };
    FIELDS.iter().map(|name| format!("{name}={}", field(line, name).unwrap_or("?"))).collect()
}

/// Returns what stands in each of two descriptions and not in the other, if they differ.
fn differing_fields(one: &[String], other: &[String]) -> Option<(String, String)> {
    let without = |these: &[String], those: &[String]| {
        let only: Vec<&str> = these.iter().filter(|it| !those.contains(it)).map(String::as_str).collect();
        format!("  {}\n", only.join(" "))
    };
    (one != other).then(|| (without(one, other), without(other, one)))
}

/// Returns the calls that both servers have and that read everything.
fn reads(pair: &Pair) -> Vec<Call> {
    let is_known = |words: &&&[&str]| {
        let name = words[0].to_lowercase();
        let subcommand = format!("{name}|{}", words[1].to_lowercase());
        let commands = &pair.ours.commands;
        commands.contains(&subcommand) || name != "xinfo" && name != "pubsub" && commands.contains(&name)
    };
    let mut calls: Vec<Call> = GENERAL.iter().filter(is_known).map(|words| call(words, "")).collect();
    for database in 0..DATABASES {
        calls.push(call(&["SELECT", &database.to_string()], ""));
        calls.push(call(&["KEYS", "*"], ""));
        for key in KEYS {
            calls.extend(READS.iter().filter(is_known).map(|words| call(words, key)));
        }
    }
    calls.push(call(&["SELECT", "0"], ""));
    calls
}

fn call(words: &[&str], key: &str) -> Call {
    words.iter().map(|word| if *word == "KEY" { key } else { *word }.into()).collect()
}

/// Puts the names of channels in order, which come in that of a hash table.
fn sorted(call: &Call, reply: &Reply) -> Reply {
    let mut reply = reply.clone();
    if let Reply::Aggregate { items, .. } = &mut reply
        && call[0] == b"PUBSUB"
    {
        items.sort_unstable();
    }
    reply
}
