//! Going through the keys of a [`Db`].

use super::Db;
use crate::engine::Patience;
use spinel_resp::Value;

/// Keys per portion.
const COUNT: &[u8] = b"100";

/// The keys of a database that match a pattern; see [`Db::scan`].
pub struct Scan<'d> {
    db: &'d Db,
    pattern: Vec<u8>,
    /// Where the next portion starts; `None` when there is none.
    cursor: Option<Vec<u8>>,
    portion: std::vec::IntoIter<Vec<u8>>,
}

impl<'d> Scan<'d> {
    pub(super) fn new(db: &'d Db, pattern: &[u8]) -> Scan<'d> {
        Scan { db, pattern: pattern.to_vec(), cursor: Some(b"0".to_vec()), portion: Vec::new().into_iter() }
    }
}

impl Iterator for Scan<'_> {
    type Item = Vec<u8>;

    fn next(&mut self) -> Option<Vec<u8>> {
        loop {
            if let Some(key) = self.portion.next() {
                return Some(key);
            }
            let cursor = self.cursor.take()?;
            let words = [&b"SCAN"[..], &cursor, b"MATCH", &self.pattern, b"COUNT", COUNT];
            let reply = self.db.run(words, Patience::None).expect("a cursor that SCAN gave is valid");
            let (next, keys) = parts(reply);
            self.cursor = Some(next).filter(|cursor| cursor != b"0");
            self.portion = keys.into_iter();
        }
    }
}

fn parts(reply: Value) -> (Vec<u8>, Vec<Vec<u8>>) {
    if let Value::Array(parts) = reply
        && let Ok([Value::Bulk(cursor), keys]) = <[Value; 2]>::try_from(parts)
    {
        return (cursor, texts(keys));
    }
    unreachable!("SCAN replies a cursor and keys")
}

/// The texts of a list.
pub(super) fn texts(reply: Value) -> Vec<Vec<u8>> {
    let Value::Array(values) = reply else { return Vec::new() };
    let text = |value| if let Value::Bulk(text) = value { Some(text) } else { None };
    values.into_iter().filter_map(text).collect()
}
