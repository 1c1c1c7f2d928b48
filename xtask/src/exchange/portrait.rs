//! All that a server holds, as texts that can be compared between servers.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use crate::Outcome;
use crate::resp::{Connection, Reply};

/// How many databases there are.
const DATABASES: usize = 16;
/// How many differences are shown.
const SHOWN_MAX: usize = 12;
/// How much of each.
const SHOWN: usize = 120;
/// The parts of a stream that all servers tell in the same words.
const STREAM_PARTS: [&str; 5] =
    ["length", "last-generated-id", "max-deleted-entry-id", "entries-added", "entries"];
/// The same of a group, and of a consumer.
const GROUP_PARTS: [&str; 4] = ["name", "last-delivered-id", "entries-read", "pending"];
const CONSUMER_PARTS: [&str; 2] = ["name", "pending"];

/// What a server says of everything it holds, by aspect and key.
pub(super) struct Portrait(BTreeMap<(Aspect, String), String>);

/// What can be told of a key, or of all.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum Aspect {
    /// Type and expiry, and what the digest doesn't cover.
    Content,
    Digest,
    /// The digest of a sorted set, in which scores are texts.
    ScoresDigest,
    /// The digest of a hash whose fields expire.
    FieldsDigest,
    /// The digest of everything.
    WholeDigest,
    /// When consumers of streams were last seen, which is now if a log is replayed.
    Seen,
    Functions,
}

impl Portrait {
    /// Asks a server.
    ///
    /// # Errors
    /// When a reply is an error, or the connection breaks.
    pub(super) fn of(connection: &mut Connection) -> Outcome<Self> {
        let mut lines = BTreeMap::new();
        for db in 0..DATABASES {
            connection.expect(&["SELECT", &db.to_string()])?;
            for key in keys(connection)? {
                let name = format!("{db} {}", key.escape_ascii());
                let told = told_of(connection, &key)?;
                lines.extend(told.into_iter().map(|(aspect, text)| ((aspect, name.clone()), text)));
            }
        }
        connection.expect(&["SELECT", "0"])?;
        let digest = connection.expect(&["DEBUG", "DIGEST"])?.text();
        lines.insert((Aspect::WholeDigest, String::new()), digest);
        let libraries = connection.expect(&["FUNCTION", "LIST", "WITHCODE"])?;
        lines.insert((Aspect::Functions, String::new()), plain(&libraries));
        Ok(Self(lines))
    }

    /// Returns how many keys there are.
    pub(super) fn keys(&self) -> usize {
        self.0.keys().filter(|(aspect, _)| *aspect == Aspect::Content).count()
    }

    /// Compares what was loaded with what was there, except for some aspects.
    ///
    /// # Errors
    /// When something differs, with what.
    pub(super) fn must_be(&self, original: &Self, except: &[Aspect]) -> Outcome {
        let names: BTreeSet<&(Aspect, String)> = self.0.keys().chain(original.0.keys()).collect();
        let differs = |name: &&(Aspect, String)| {
            !except.contains(&name.0) && self.0.get(*name) != original.0.get(*name)
        };
        let mut text = String::new();
        let mut count = 0;
        for name in names.into_iter().filter(differs) {
            count += 1;
            if count <= SHOWN_MAX {
                let (one, two) = (self.0.get(name), original.0.get(name));
                let (one, two) = shown(one, two);
                write!(text, "\n  {:?} {}:\n    {one}\n    was {two}", name.0, name.1)?;
            }
        }
        if count == 0 { Ok(()) } else { Err(format!("{count} things differ:{text}").into()) }
    }
}

/// Returns all keys of the selected database.
pub(super) fn keys(connection: &mut Connection) -> Outcome<Vec<Vec<u8>>> {
    let reply = connection.expect(&["KEYS", "*"])?;
    Ok(reply.items().iter().filter_map(|key| key.bytes().map(<[u8]>::to_vec)).collect())
}

/// Returns the type of a key, its expiry, the digest of its value and what that doesn't cover.
fn told_of(connection: &mut Connection, key: &[u8]) -> Outcome<Vec<(Aspect, String)>> {
    let mut ask = |words: &[&[u8]]| -> Outcome<Reply> {
        let reply = connection.call(words)?;
        if reply.is_error() {
            let words: Vec<String> = words.iter().map(|word| word.escape_ascii().to_string()).collect();
            return Err(format!("{}: {}", words.join(" "), reply.text()).into());
        }
        Ok(reply)
    };
    let kind = ask(&[b"TYPE", key])?.text();
    let mut content = format!("{kind} {} ", ask(&[b"PEXPIRETIME", key])?.text());
    let mut aspect = Aspect::Digest;
    let mut told = Vec::new();
    match &kind[..] {
        "stream" => {
            let reply = ask(&[b"XINFO", b"STREAM", key, b"FULL", b"COUNT", b"0"])?;
            content += &stream(&reply, &STREAM_PARTS, &GROUP_PARTS, &CONSUMER_PARTS);
            told.push((Aspect::Seen, stream(&reply, &[], &[], &["seen-time"])));
        }
        "zset" => {
            aspect = Aspect::ScoresDigest;
            content += &scores(&ask(&[b"ZRANGE", key, b"0", b"-1", b"WITHSCORES"])?)?;
        }
        // Only for these: Redis 7 knows no command that asks for the expiries of fields.
        "hash" if key.starts_with(b"fields") => {
            aspect = Aspect::FieldsDigest;
            let pairs = ask(&[b"HGETALL", key])?;
            let fields = pairs.items().chunks_exact(2).filter_map(|pair| pair[0].bytes());
            let count = (pairs.items().len() / 2).to_string();
            let words: Vec<&[u8]> = vec![b"HPEXPIRETIME", key, b"FIELDS", count.as_bytes()];
            let expiries = ask(&words.into_iter().chain(fields).collect::<Vec<_>>())?;
            let mut lines: Vec<String> = (pairs.items().chunks_exact(2).zip(expiries.items()))
                .map(|(pair, expiry)| format!("{}={} {} ", plain(&pair[0]), plain(&pair[1]), plain(expiry)))
                .collect();
            lines.sort();
            content += &lines.concat();
        }
        _ => {}
    }
    told.push((aspect, plain(&ask(&[b"DEBUG", b"DIGEST-VALUE", key])?)));
    told.push((Aspect::Content, content));
    Ok(told)
}

/// Returns members and scores, with scores in the words of this program.
fn scores(reply: &Reply) -> Outcome<String> {
    let mut text = String::new();
    for pair in reply.items().chunks_exact(2) {
        let score: f64 = pair[1].text().parse()?;
        write!(text, "{}={score} ", plain(&pair[0]))?;
    }
    Ok(text)
}

/// Returns these parts of what `XINFO STREAM … FULL` tells: not how the server stores it, and not what only some tell.
fn stream(reply: &Reply, of_stream: &[&str], of_group: &[&str], of_consumer: &[&str]) -> String {
    let mut text = parts(reply, of_stream);
    for group in reply.field("groups").map(Reply::items).unwrap_or_default() {
        text += &parts(group, of_group);
        for consumer in group.field("consumers").map(Reply::items).unwrap_or_default() {
            text += &parts(consumer, of_consumer);
        }
    }
    text
}

fn parts(reply: &Reply, names: &[&str]) -> String {
    let part = |name: &&str| Some(format!("{name}={} ", plain(reply.field(name)?)));
    names.iter().filter_map(part).collect()
}

/// Returns a reply as one line.
fn plain(reply: &Reply) -> String {
    match reply {
        Reply::Aggregate { items, .. } => {
            let items: Vec<String> = items.iter().map(plain).collect();
            format!("[{}]", items.join(" "))
        }
        _ => reply.bytes().map_or_else(|| "nil".to_owned(), |bytes| bytes.escape_ascii().to_string()),
    }
}

/// Returns two lines from a little before where they differ.
fn shown(one: Option<&String>, two: Option<&String>) -> (String, String) {
    let (Some(one), Some(two)) = (one, two) else {
        return (cut(one.map_or("nothing", |one| one), 0), cut(two.map_or("nothing", |two| two), 0));
    };
    let same = one.chars().zip(two.chars()).take_while(|(one, two)| one == two).count();
    (cut(one, same.saturating_sub(SHOWN / 3)), cut(two, same.saturating_sub(SHOWN / 3)))
}

fn cut(line: &str, start: usize) -> String {
    line.chars().skip(start).take(SHOWN).collect()
}
