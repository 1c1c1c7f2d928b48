//! A second thought before commands that remove much, or keep the server busy for long.
//!
//! Only a person at the prompt is asked, and only if there is much: what is small is done at once.

use crate::session::{Session, SessionError};
use spinel_resp::value::Value;

/// More keys than this are not gone through without asking.
const KEYS_MANY: i64 = 10_000;

/// More elements than this are not sent or freed at once without asking.
const ELEMENTS_MANY: i64 = 100_000;

/// What is to be known of a key before it is read or removed as a whole.
const COUNTERS: [(&str, &str, &str); 5] = [
    ("list", "LLEN", "items"),
    ("set", "SCARD", "members"),
    ("hash", "HLEN", "fields"),
    ("zset", "ZCARD", "members"),
    ("stream", "XLEN", "entries"),
];

/// Why a command deserves a second thought.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Danger {
    /// It goes through all keys.
    WalksKeys,
    /// It removes the keys of this database or of all.
    RemovesKeys,
    /// It frees keys while others wait.
    FreesAtOnce,
    /// Its reply holds all that a key does.
    SendsAll,
    /// It ends the server.
    EndsServer,
}

impl Danger {
    fn of(words: &[Vec<u8>]) -> Option<Self> {
        let name = words.first()?.to_ascii_lowercase();
        let is = |index: usize, expected: &[u8]| words.get(index).is_some_and(|word| word == expected);
        match name.as_slice() {
            b"keys" => Some(Self::WalksKeys),
            b"flushall" | b"flushdb" => Some(Self::RemovesKeys),
            b"del" => Some(Self::FreesAtOnce),
            b"smembers" | b"hgetall" | b"hkeys" | b"hvals" | b"sort" | b"sort_ro" => Some(Self::SendsAll),
            b"lrange" | b"zrange" | b"zrevrange" if is(2, b"0") && is(3, b"-1") => Some(Self::SendsAll),
            b"xrange" if is(2, b"-") && is(3, b"+") && words.len() == 4 => Some(Self::SendsAll),
            b"xrevrange" if is(2, b"+") && is(3, b"-") && words.len() == 4 => Some(Self::SendsAll),
            b"shutdown" if !words.get(1).is_some_and(|word| word.eq_ignore_ascii_case(b"abort")) => {
                Some(Self::EndsServer)
            }
            _ => None,
        }
    }
}

/// What a person should know before the command runs; nothing if it can run at once.
pub(super) fn warning(session: &mut Session, words: &[Vec<u8>]) -> Result<Option<String>, SessionError> {
    // In a transaction nothing can be asked, and nothing runs yet.
    let Some(danger) = Danger::of(words).filter(|_| !session.in_transaction()) else { return Ok(None) };
    let name =
        words.first().map(|word| String::from_utf8_lossy(word).to_ascii_uppercase()).unwrap_or_default();
    Ok(match danger {
        Danger::EndsServer => Some(format!("{name} ends the server.")),
        Danger::WalksKeys => {
            let keys = number(&session.ask(&["DBSIZE"])?);
            (keys > KEYS_MANY)
                .then(|| format!("{name} goes through all {keys} keys. SCAN does it in small steps."))
        }
        Danger::RemovesKeys if name == "FLUSHDB" => {
            let keys = number(&session.ask(&["DBSIZE"])?);
            (keys > 0).then(|| format!("{name} removes all {keys} keys of database {}.", session.database()))
        }
        Danger::RemovesKeys => {
            let keys = crate::info::Info::ask_for(session, &["INFO", "keyspace"])?.keys();
            (keys > 0).then(|| format!("{name} removes all {keys} keys of all databases."))
        }
        Danger::SendsAll => large(session, words.get(1))?.map(|size| {
            format!("The reply to {name} will hold {size}. Reading it in parts is kinder to the server.")
        }),
        Danger::FreesAtOnce => {
            for key in &words[1..] {
                if let Some(size) = large(session, Some(key))? {
                    return Ok(Some(format!(
                        "{name} frees {size} while others may wait. UNLINK frees them aside."
                    )));
                }
            }
            None
        }
    })
}

/// How large a key is, if it is large.
fn large(session: &mut Session, key: Option<&Vec<u8>>) -> Result<Option<String>, SessionError> {
    let Some(key) = key else { return Ok(None) };
    let Value::Simple(kind) = session.ask(&[b"TYPE", key.as_slice()])? else { return Ok(None) };
    let Some((_, counter, unit)) = COUNTERS.iter().find(|(name, ..)| name.as_bytes() == kind) else {
        return Ok(None);
    };
    let count = number(&session.ask(&[counter.as_bytes(), key])?);
    Ok((count > ELEMENTS_MANY).then(|| format!("{count} {unit}")))
}

/// The number of a reply. Who may not ask is not warned.
fn number(reply: &Value) -> i64 {
    match reply {
        Value::Integer(number) => *number,
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(line: &str, expected: Option<Danger>) {
        let words: Vec<Vec<u8>> = line.split(' ').map(|word| word.as_bytes().to_vec()).collect();
        assert_eq!(Danger::of(&words), expected, "{line}");
    }

    #[test]
    fn dangers_are_known_by_their_words() {
        check("keys *", Some(Danger::WalksKeys));
        check("FLUSHALL async", Some(Danger::RemovesKeys));
        check("del a b", Some(Danger::FreesAtOnce));
        check("lrange l 0 -1", Some(Danger::SendsAll));
        check("lrange l 0 9", None);
        check("xrange s - + count 5", None);
        check("shutdown", Some(Danger::EndsServer));
        check("shutdown abort", None);
        check("unlink a", None);
    }
}
