//! Typed calls: each runs the command of the same meaning, so that nothing is done twice.

use super::Db;
use super::options::{SetOptions, TimeToLive};
use super::scan::Scan;
use crate::error::Error;
use crate::time::UnixMillis;
use spinel_resp::Value;
use std::time::Duration;

/// Strings.
impl Db {
    /// Returns the string value of a key. O(length).
    pub fn get(&self, key: impl AsRef<[u8]>) -> Result<Option<Vec<u8>>, Error> {
        self.execute([b"GET", key.as_ref()]).map(text)
    }

    /// Sets the string value of a key; whether the condition of the options allowed it. O(length).
    ///
    /// ```
    /// use spinel_storage::{Db, SetOptions};
    /// use std::time::Duration;
    ///
    /// let db = Db::memory();
    /// let options = SetOptions::if_absent().expires_in(Duration::from_secs(60));
    /// assert!(db.set("lock", "mine", &options)?);
    /// assert!(!db.set("lock", "theirs", &options)?);
    /// # Ok::<(), spinel_storage::Error>(())
    /// ```
    pub fn set(
        &self,
        key: impl AsRef<[u8]>,
        value: impl AsRef<[u8]>,
        options: &SetOptions,
    ) -> Result<bool, Error> {
        let reply = self.execute(set_words(key.as_ref(), value.as_ref(), options))?;
        Ok(reply != Value::Null)
    }

    /// As [`Db::set`], but returns the value before, whether or not it was replaced; fails if that is no string.
    pub fn replace(
        &self,
        key: impl AsRef<[u8]>,
        value: impl AsRef<[u8]>,
        options: &SetOptions,
    ) -> Result<Option<Vec<u8>>, Error> {
        let mut words = set_words(key.as_ref(), value.as_ref(), options);
        words.push(b"GET".to_vec());
        self.execute(words).map(text)
    }

    /// Adds to the integer value of a key, which starts at 0, and returns the sum. O(1).
    pub fn increment(&self, key: impl AsRef<[u8]>, amount: i64) -> Result<i64, Error> {
        self.execute([b"INCRBY", key.as_ref(), amount.to_string().as_bytes()]).map(integer)
    }

    /// Adds to the end of a string, which starts empty, and returns its length in bytes. O(1) amortised.
    pub fn append(&self, key: impl AsRef<[u8]>, text: impl AsRef<[u8]>) -> Result<usize, Error> {
        self.execute([b"APPEND", key.as_ref(), text.as_ref()]).map(|reply| integer(reply) as usize)
    }
}

/// Keys of any type.
impl Db {
    /// Removes a key; whether it was there. O(1).
    pub fn delete(&self, key: impl AsRef<[u8]>) -> Result<bool, Error> {
        self.execute([b"DEL", key.as_ref()]).map(is_one)
    }

    /// Whether a key exists. O(1).
    pub fn exists(&self, key: impl AsRef<[u8]>) -> Result<bool, Error> {
        self.execute([b"EXISTS", key.as_ref()]).map(is_one)
    }

    /// Gives a key another name, replacing what has it; an error if there is no such key. O(length).
    pub fn rename(&self, key: impl AsRef<[u8]>, new_name: impl AsRef<[u8]>) -> Result<(), Error> {
        self.execute([b"RENAME", key.as_ref(), new_name.as_ref()]).map(drop)
    }

    /// Lets a key expire after so many whole milliseconds; whether it exists. O(1).
    ///
    /// ```
    /// use spinel_storage::{Db, TimeToLive};
    /// use std::time::Duration;
    ///
    /// let db = Db::memory();
    /// db.set("session", "…", &Default::default())?;
    /// assert_eq!(db.time_to_live("session")?, TimeToLive::Unlimited);
    /// assert!(db.expire("session", Duration::from_secs(60))?);
    /// assert!(matches!(db.time_to_live("session")?, TimeToLive::Left(_)));
    /// assert!(db.persist("session")?);
    /// assert_eq!(db.time_to_live("nobody")?, TimeToLive::NoKey);
    /// # Ok::<(), spinel_storage::Error>(())
    /// ```
    pub fn expire(&self, key: impl AsRef<[u8]>, time: Duration) -> Result<bool, Error> {
        self.execute([b"PEXPIRE", key.as_ref(), time.as_millis().to_string().as_bytes()]).map(is_one)
    }

    /// Lets a key expire at a time, at once if it has passed; whether the key exists. O(1).
    pub fn expire_at(&self, key: impl AsRef<[u8]>, time: UnixMillis) -> Result<bool, Error> {
        self.execute([b"PEXPIREAT", key.as_ref(), time.0.to_string().as_bytes()]).map(is_one)
    }

    /// Tells how long a key is going to live. O(1).
    pub fn time_to_live(&self, key: impl AsRef<[u8]>) -> Result<TimeToLive, Error> {
        let millis = self.execute([b"PTTL", key.as_ref()]).map(integer)?;
        Ok(match u64::try_from(millis) {
            Ok(millis) => TimeToLive::Left(Duration::from_millis(millis)),
            Err(_) if millis == -1 => TimeToLive::Unlimited,
            Err(_) => TimeToLive::NoKey,
        })
    }

    /// Lets a key live for ever; whether it was to expire. O(1).
    pub fn persist(&self, key: impl AsRef<[u8]>) -> Result<bool, Error> {
        self.execute([b"PERSIST", key.as_ref()]).map(is_one)
    }
}

/// All keys of the database.
impl Db {
    /// Lists the keys that match a glob pattern. O(keys); for many, [`Db::scan`] needs less memory.
    pub fn keys(&self, pattern: impl AsRef<[u8]>) -> Result<Vec<Vec<u8>>, Error> {
        self.execute([b"KEYS", pattern.as_ref()]).map(super::scan::texts)
    }

    /// Goes through the keys that match a glob pattern, in portions, while other calls go on.
    ///
    /// Keys that are there throughout come at least once, others may or may not come.
    ///
    /// ```
    /// use spinel_storage::Db;
    ///
    /// let db = Db::memory();
    /// for number in 0..1000 {
    ///     db.set(format!("user:{number}"), "…", &Default::default())?;
    /// }
    /// assert_eq!(db.scan("user:?").count(), 10);
    /// # Ok::<(), spinel_storage::Error>(())
    /// ```
    pub fn scan(&self, pattern: impl AsRef<[u8]>) -> Scan<'_> {
        Scan::new(self, pattern.as_ref())
    }

    /// Counts the keys, those included that have expired but are still in memory.
    pub fn len(&self) -> usize {
        self.engine().keyspace().len(self.index())
    }

    /// Whether there is no key.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Removes all keys of this database.
    pub fn flush(&self) -> Result<(), Error> {
        self.execute([b"FLUSHDB"]).map(drop)
    }
}

fn set_words(key: &[u8], value: &[u8], options: &SetOptions) -> Vec<Vec<u8>> {
    let mut words = vec![b"SET".to_vec(), key.to_vec(), value.to_vec()];
    words.extend(options.words());
    words
}

fn text(reply: Value) -> Option<Vec<u8>> {
    match reply {
        Value::Bulk(text) => Some(text),
        _ => None,
    }
}

fn integer(reply: Value) -> i64 {
    match reply {
        Value::Integer(integer) => integer,
        other => unreachable!("the command replies integers, not {other:?}"),
    }
}

fn is_one(reply: Value) -> bool {
    integer(reply) == 1
}
